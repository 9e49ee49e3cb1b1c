// Settings: reminders on this device, when and how one is reached, signing in, taking everything out, leaving.
import { Offline, ask, change, gql, signOut, unread } from "./api.js";
import { consentTexts, deviceName, zoneField } from "./enter.js";
import { box, field, form, h, notNow, press, radios, say, to, when } from "./dom.js";
import * as passkey from "./passkey.js";
import { proved } from "./proof.js";
import * as push from "./push.js";
import { SHARE, options } from "./words.js";

const SETTINGS = gql`{ viewer {
  account { email displayName zone quietHours { from until } defaultSharing pushWanted mailWanted
    paused pausedUntil onHoldSince }
  erasure { eraseAt } export { state expiresAt } beforeErasing beforeWithdrawingConsent
  factors { passkeys { id label } } sessions { id label current lastUsedOn }
  devices { id label fullerWords } copiedSessions { label endedAt } } }`;

const UPDATE_PROFILE = gql`mutation($input: UpdateProfileInput!) { updateProfile(input: $input) {
  status problems { field code sentence } } }`;
const PAUSE_NUDGES = gql`mutation($input: PauseNudgesInput!) { pauseNudges(input: $input) {
  status problems { field code sentence } } }`;
const REMOVE_PASSKEY = gql`mutation($input: RemovePasskeyInput!) { removePasskey(input: $input) {
  status problems { field code sentence } } }`;
const END_SESSION = gql`mutation($input: EndSessionInput!) { endSession(input: $input) {
  status problems { field code sentence } } }`;
const GIVE_CONSENT = gql`mutation($input: GiveConsentInput!) { giveConsent(input: $input) {
  status problems { field code sentence } } }`;
const RESUME_NUDGES = gql`mutation { resumeNudges { status problems { field code sentence } } }`;
const REQUEST_EXPORT = gql`mutation { requestExport { status problems { field code sentence } } }`;
const FETCH_EXPORT = gql`mutation { createExportDownload { download { path } problems { field code sentence } } }`;
const REQUEST_ERASURE = gql`mutation { requestErasure { erasure { eraseAt } problems { field code sentence } } }`;
const CANCEL_ERASURE = gql`mutation { cancelErasure { status problems { field code sentence } } }`;
const WITHDRAW_CONSENT = gql`mutation { withdrawConsent { status problems { field code sentence } } }`;

/** Everything that one can set. */
export async function settings({ go, replace }) {
  let data;
  try {
    data = await ask(SETTINGS);
  } catch (error) {
    if (!(error instanceof Offline)) throw error;
    // Whoever gives the phone out of hand must be able to empty it anywhere.
    const words =
      "You are offline. If you log out now, this device forgets everything, and the service hears of it no sooner" +
      " than you sign this device out from another one.";
    return { title: "Settings", body: [h("p", { class: "note" }, words), loggingOut(go)] };
  }
  const { viewer } = data;
  const again = () => go("/settings");
  const { account } = viewer;
  if (!account) {
    return { title: "Settings", body: [notNow("We can't show your settings right now."), loggingOut(go)] };
  }
  const gone = unread(data, "viewer").length > 0;
  const consent = account.onHoldSince && (await consentTexts()).find(({ kind }) => kind === "HEALTH_DATA");
  const does = (document, input) => async () => {
    const { problems } = await change(document, input);
    return problems.length > 0 ? problems : again();
  };
  const profile = async (data) => {
    const quiet = data.get("from") && data.get("until") ? { from: data.get("from"), until: data.get("until") } : null;
    const input = {
      // A name that could not be shown stays unless another one is written.
      ...((account.displayName !== null || data.get("displayName")) && { displayName: data.get("displayName") }),
      zone: data.get("zone"),
      quietHours: quiet,
      defaultSharing: data.get("defaultSharing"),
      pushWanted: data.has("pushWanted"),
      mailWanted: data.has("mailWanted"),
    };
    const { problems } = await change(UPDATE_PROFILE, input);
    if (problems.length === 0) say("Saved.");
    return problems;
  };
  const hours = (count) => new Date(Date.now() + count * 3_600_000).toISOString();
  const pause = (until) => does(PAUSE_NUDGES, { until });
  return {
    title: "Settings",
    body: [
      gone && notNow("We can't show everything here right now."),
      account.onHoldSince &&
        h(
          "p",
          { class: "note" },
          "Your account is on hold. ",
          !viewer.erasure && [
            consent.text,
            " ",
            press(
              "Give the consent again and go on",
              does(GIVE_CONSENT, { kind: consent.kind, version: consent.version }),
              false,
            ),
          ],
        ),
      viewer.copiedSessions?.map(({ label, endedAt }) =>
        h(
          "p",
          { class: "note" },
          `“${label ?? "A device"}” was signed out on ${when(endedAt)}, since its sign-in was used in two places.`,
        ),
      ),
      h(
        "section",
        { class: "card", id: "push" },
        h("h2", {}, "Reminders on this device"),
        viewer.devices ? await pushHere(viewer.devices, again) : notNow("We can't show your devices right now."),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "A pause"),
        h(
          "p",
          {},
          account.paused
            ? `Nothing is sent${account.pausedUntil ? ` until ${when(account.pausedUntil)}` : ""}.`
            : "Nobody is told that you paused.",
        ),
        h(
          "div",
          { class: "others" },
          account.paused
            ? press("Go on", does(RESUME_NUDGES), false)
            : [
                press("For a day", pause(hours(24))),
                press("For a week", pause(hours(168))),
                press("Until I say so", pause(null)),
              ],
        ),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "You"),
        h("p", { class: "hint" }, account.email),
        form(
          [
            field("displayName", "Name", { value: account.displayName, maxlength: 60 }),
            zoneField(account.zone),
            h(
              "fieldset",
              {},
              h("legend", {}, "Quiet hours"),
              h(
                "div",
                { class: "pair" },
                h("div", {}, field("from", "From", { type: "time", value: account.quietHours?.from })),
                h("div", {}, field("until", "Until", { type: "time", value: account.quietHours?.until })),
              ),
            ),
            radios("defaultSharing", "What a partner usually sees of my answers", options(SHARE), account.defaultSharing),
            box("pushWanted", "Reminders on my devices", account.pushWanted),
            box("mailWanted", "Reminders by e-mail", account.mailWanted),
          ],
          "Save",
          profile,
        ),
      ),
      h("section", { class: "card" }, h("h2", {}, "Signing in"), signingIn(viewer, again)),
      h("section", { class: "card" }, h("h2", {}, "Your data"), takingOut(viewer, again, replace)),
      h("p", {}, to("/help", "Help")),
      loggingOut(go),
    ],
  };
}

function loggingOut(go) {
  const act = async () => {
    await push.stop().catch(() => {});
    await signOut();
    go("/enter");
  };
  return [
    h("h2", {}, "Log out"),
    h("p", {}, "What this device keeps is forgotten, answers that wait to be sent among it."),
    press("Log out", act, false),
  ];
}

async function pushHere(devices, again) {
  if (!push.isPossible()) {
    return h(
      "p",
      {},
      "This browser takes no reminders. On an iPhone, add this app to the home screen first. E-mail comes in any case.",
    );
  }
  const mine = await push.here();
  const here = devices.find(({ id }) => id === mine?.id);
  const others = devices.filter((device) => device !== here);
  const start = async (fullerWords) => {
    if ((await Notification.requestPermission()) !== "granted") {
      return [
        { field: "", sentence: "The browser does not allow it. You can change that in its settings for this page." },
      ];
    }
    const problems = await push.start(deviceName(), fullerWords);
    return problems.length > 0 ? problems : again();
  };
  const words = async (data) => start(data.get("words") === "fuller");
  return [
    here
      ? [
          form(
            [
              radios(
                "words",
                "What this screen shows",
                [
                  ["plain", "“You have a reminder.”, whatever it is about"],
                  ["fuller", "What it is about, and a way to answer at once"],
                ],
                here.fullerWords ? "fuller" : "plain",
              ),
            ],
            "Save",
            words,
          ),
          press("No reminders here", async () => {
            await push.stop();
            again();
          }),
        ]
      : [
          h("p", {}, "A reminder says “You have a reminder.” and nothing else, unless you choose more."),
          press("Turn on", () => start(false), false),
        ],
    others.length > 0 && h("p", { class: "hint" }, `Also on: ${others.map(({ label }) => label ?? "another device").join(", ")}.`),
  ];
}

function signingIn(viewer, again) {
  const add = async () => {
    const { problems } = await proved(() => passkey.make(deviceName()));
    return problems.length > 0 ? problems : again();
  };
  const remove = (id) => async () => {
    const { problems } = await proved(() => change(REMOVE_PASSKEY, { passkeyId: id }));
    return problems.length > 0 ? problems : again();
  };
  const signOutThere = (id) => async () => {
    const { problems } = await proved(() => change(END_SESSION, { sessionId: id }));
    return problems.length > 0 ? problems : again();
  };
  const others = (viewer.sessions ?? []).filter(({ current }) => !current);
  return [
    h(
      "ul",
      { class: "list" },
      (viewer.factors?.passkeys ?? []).map(({ id, label }) =>
        h("li", {}, h("span", {}, label ? `Passkey “${label}”` : "A passkey"), press("Remove", remove(id))),
      ),
    ),
    passkey.isPossible() && press("Add a passkey", add),
    others.length > 0 && [
      h("p", {}, "Signed in elsewhere, too:"),
      h(
        "ul",
        { class: "list" },
        others.map(({ id, label, lastUsedOn }) =>
          h(
            "li",
            {},
            h("span", {}, `${label || "A device"}, last used ${new Date(`${lastUsedOn}T12:00`).toLocaleDateString()}`),
            press("Sign it out", signOutThere(id)),
          ),
        ),
      ),
    ],
  ];
}

function takingOut(viewer, again, replace) {
  const request = async () => {
    const { problems } = await proved(() => change(REQUEST_EXPORT));
    return problems.length > 0 ? problems : again();
  };
  const fetchIt = async () => {
    const payload = await proved(() => change(FETCH_EXPORT));
    if (!payload.download) return payload.problems;
    // Its own page has the button that downloads it.
    location.replace(payload.download.path);
    return [];
  };
  const undo = async () => {
    const { problems } = await proved(() => change(CANCEL_ERASURE));
    return problems.length > 0 ? problems : again();
  };
  const ready = viewer.export?.state === "READY";
  return [
    viewer.export && !ready && h("p", {}, "Your file is being made. ", press("Look again", again)),
    ready
      ? [h("p", {}, `Your file is ready until ${when(viewer.export.expiresAt)}.`), press("Get it", fetchIt, false)]
      : !viewer.export && press("Take everything out", request),
    viewer.erasure
      ? [
          h("p", { class: "note" }, `Everything of you is to be erased on ${when(viewer.erasure.eraseAt)}.`),
          press("Undo that", undo, false),
        ]
      : viewer.beforeErasing && press("Erase my account", () => replace(erasing(viewer.beforeErasing, again))),
    !viewer.account.onHoldSince &&
      viewer.beforeWithdrawingConsent &&
      press("Withdraw my consent", () => replace(withdrawing(viewer.beforeWithdrawingConsent, again))),
  ];
}

function erasing(sentences, again) {
  const act = async () => {
    const { erasure, problems } = await proved(() => change(REQUEST_ERASURE));
    return erasure ? again() : problems;
  };
  return {
    title: "Erase my account",
    body: [
      sentences.map((sentence) => h("p", {}, sentence)),
      press("Erase it", act, false),
      h("p", {}, to("/settings", "Leave it as it is")),
    ],
  };
}

function withdrawing(sentences, again) {
  const act = async () => {
    const { problems } = await change(WITHDRAW_CONSENT);
    return problems.length > 0 ? problems : again();
  };
  return {
    title: "Withdraw my consent",
    body: [
      sentences.map((sentence) => h("p", {}, sentence)),
      press("Withdraw it", act, false),
      h("p", {}, to("/settings", "Leave it as it is")),
    ],
  };
}
