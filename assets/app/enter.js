// Signing up and in.
import { askOpenly, askToLogIn, gql, signIn } from "./api.js";
import { box, field, form, h, pick, press, to, way } from "./dom.js";
import * as passkey from "./passkey.js";

const zones = () => (Intl.supportedValuesOf?.("timeZone") ?? []).map((zone) => [zone, zone.replaceAll("_", " ")]);
const zoneHere = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A field for the zone: a list where the browser has one. */
export function zoneField(chosen = zoneHere()) {
  const known = zones();
  if (!known.some(([zone]) => zone === chosen)) known.unshift([chosen, chosen]);
  return pick("zone", "Time zone", known, chosen);
}

/** What the list of sessions and devices calls this one. */
export function deviceName() {
  const agent = navigator.userAgent;
  const of = (names) => names.find(([sign]) => agent.includes(sign))?.[1];
  const system = of([
    ["Android", "Android"],
    ["iPhone", "iPhone"],
    ["iPad", "iPad"],
    ["Mac OS", "Mac"],
    ["Windows", "Windows"],
    ["Linux", "Linux"],
  ]);
  const browser = of([
    ["Firefox", "Firefox"],
    ["Edg", "Edge"],
    ["Chrome", "Chrome"],
    ["Safari", "Safari"],
  ]);
  return [browser, system].filter(Boolean).join(" on ") || "A browser";
}

const LOG_IN = gql`mutation($input: LogInInput!) { logIn(input: $input) {
  outcome { ... on SessionTokens { accessToken accessTokenExpiresAt refreshToken } ... on SecondStep { challenge } } problems { field sentence } } }`;
const COMPLETE = gql`mutation($input: CompleteLogInInput!) { completeLogIn(input: $input) {
  tokens { accessToken accessTokenExpiresAt refreshToken } problems { field sentence } } }`;
const SIGN_UP = gql`mutation($input: SignUpInput!) { signUp(input: $input) { status problems { field sentence } } }`;
const CONSENT_TEXTS = gql`{ consentTexts { kind version text } }`;
const RESET = gql`mutation($input: RequestPasswordResetInput!) { requestPasswordReset(input: $input) {
  status problems { field sentence } } }`;

/** The statements in the words that stand now. */
export const consentTexts = async () => (await askOpenly(CONSENT_TEXTS)).consentTexts;

const email = () =>
  field("email", "E-mail address", { type: "email", autocomplete: "username", inputmode: "email", required: true });

async function finish(tokens, problems, go) {
  if (!tokens) return problems;
  await signIn(tokens);
  go("/");
  return [];
}

/** Log in. */
export async function enter({ go, replace }) {
  const logIn = async (data) => {
    const input = { email: data.get("email"), password: data.get("password"), deviceLabel: deviceName() };
    const { outcome, problems } = (await askToLogIn(LOG_IN, input)).logIn;
    if (outcome?.challenge) return replace(secondStep(outcome.challenge, go));
    return finish(outcome, problems, go);
  };
  const byPasskey = async () => {
    const { tokens, problems } = await passkey.logIn(deviceName());
    return finish(tokens, problems, go);
  };
  return {
    title: "Log in",
    body: [
      form(
        [
          email(),
          field("password", "Password", { type: "password", autocomplete: "current-password", required: true }),
        ],
        "Log in",
        logIn,
      ),
      passkey.isPossible() && press("Log in with a passkey", byPasskey),
      h("p", {}, to("/forgotten", "I forgot my password")),
      h("h2", {}, "New here?"),
      h("p", {}, way("/sign-up", "Sign up", true)),
    ],
  };
}

function secondStep(challenge, go) {
  const act = async (data) => {
    const code = data.get("totpCode").replace(/\s/g, "");
    const secondFactor = /^\d{6}$/.test(code) ? { totpCode: code } : { recoveryCode: code };
    const answer = await askOpenly(COMPLETE, { input: { challenge, secondFactor } });
    return finish(answer.completeLogIn.tokens, answer.completeLogIn.problems, go);
  };
  const hint = "The six digits that your authenticator app shows now, or a recovery code.";
  return {
    title: "One more step",
    body: [form(field("totpCode", "Code", { hint, autocomplete: "one-time-code" }), "Log in", act)],
  };
}

const note = (title, ...sentences) => ({
  title,
  body: [sentences.map((sentence) => h("p", {}, sentence)), h("p", {}, to("/enter", "Log in"))],
});

/** Sign up. */
export async function signUp({ replace }) {
  const statements = await consentTexts();
  const act = async (data) => {
    const quiet = data.get("from") && data.get("until") ? { from: data.get("from"), until: data.get("until") } : null;
    const input = {
      email: data.get("email"),
      displayName: data.get("displayName"),
      zone: data.get("zone"),
      quietHours: quiet,
      consents: statements.filter(({ kind }) => data.has(kind)).map(({ kind, version }) => ({ kind, version })),
    };
    const { problems } = (await askOpenly(SIGN_UP, { input })).signUp;
    if (problems.length > 0) return problems;
    return replace(
      note(
        "Look into your mail",
        "A message is on its way to you. Open its link, choose a password there, and then log in here.",
        "You can close this page.",
      ),
    );
  };
  return {
    title: "Sign up",
    body: [
      form(
        [
          email(),
          field("displayName", "Name", {
            hint: "What a partner will see; it need not be your real one.",
            maxlength: 60,
            required: true,
          }),
          zoneField(),
          h(
            "fieldset",
            {},
            h("legend", {}, "Quiet hours"),
            h("p", { class: "hint" }, "Nothing is sent to you then. You can change them later."),
            h(
              "div",
              { class: "pair" },
              h("div", {}, field("from", "From", { type: "time", value: "22:00" })),
              h("div", {}, field("until", "Until", { type: "time", value: "08:00" })),
            ),
          ),
          h(
            "fieldset",
            { id: "consents" },
            h("legend", {}, "What you say"),
            statements.map(({ kind, text }) => box(kind, text, false, { id: kind })),
          ),
        ],
        "Sign up",
        act,
      ),
      h("p", {}, to("/enter", "I have an account")),
    ],
  };
}

/** A new password. */
export async function forgotten({ replace }) {
  const act = async (data) => {
    const { problems } = (await askOpenly(RESET, { input: { email: data.get("email") } })).requestPasswordReset;
    if (problems.length > 0) return problems;
    return replace(note("Look into your mail", "If the address has an account, a message is on its way to it."));
  };
  return { title: "A new password", body: [form(email(), "Send me a link", act), h("p", {}, to("/enter", "Log in"))] };
}
