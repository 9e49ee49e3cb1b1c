// A fresh proof: what is sensitive asks once more who is there, by a password or a passkey.
import { change, gql } from "./api.js";
import { field, form, h, press } from "./dom.js";
import * as passkey from "./passkey.js";

const PROVE =
  gql`mutation($input: ReauthenticateInput!) { reauthenticate(input: $input) { status problems { field code sentence } } }`;
const needsProof = ({ problems = [] }) => problems.some((problem) => problem.code === "REAUTHENTICATION_REQUIRED");

/** Asks for the proof; whether it was given. */
function asked() {
  return new Promise((resolve) => {
    const close = (proved) => {
      dialog.close();
      dialog.remove();
      resolve(proved);
    };
    const byPassword = async (data) => {
      const code = data.get("totpCode").replace(/\s/g, "");
      const given = /^\d{6}$/.test(code) ? { totpCode: code } : { recoveryCode: code };
      const secondFactor = code ? given : null;
      const { problems } = await change(PROVE, { password: data.get("password"), secondFactor });
      return problems.length > 0 ? problems : close(true);
    };
    const byPasskey = async () => {
      const problems = await passkey.prove();
      return problems.length > 0 ? problems : close(true);
    };
    const dialog = h(
      "dialog",
      { "aria-labelledby": "proof" },
      h("h2", { id: "proof" }, "Is it you?"),
      form(
        [
          field("password", "Password", { type: "password", autocomplete: "current-password" }),
          field("totpCode", "Code of your authenticator app, if you have one", { autocomplete: "one-time-code" }),
        ],
        "Go on",
        byPassword,
      ),
      passkey.isPossible() && press("Use a passkey", byPasskey),
      h(
        "p",
        {},
        h("button", { type: "button", class: "plain", onclick: () => close(false) }, "Cancel"),
        " ",
        // The one in the bar is out of reach as long as this is open.
        h(
          "button",
          { type: "button", class: "plain", onclick: () => document.getElementById("leave").click() },
          "Leave quickly",
        ),
      ),
    );
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      close(false);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Does something that may ask for a proof: its payload, after the proof if one was needed. */
export async function proved(act) {
  const first = await act();
  if (!needsProof(first)) return first;
  return (await asked()) ? act() : { ...first, problems: [{ field: "", sentence: "Nothing was done." }] };
}
