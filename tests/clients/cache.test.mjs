// An app with a normalised cache lives through the story and never asks for a screen again: after each mutation, and after
// the feed has brought what the other person did, it shows exactly what an app shows that has just been opened.
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { validate } from "graphql";
import { App, OPTIONS, documents, schema } from "./cache/app.mjs";
import { PASSWORD, Service, until } from "../browser/service.mjs";

// Mutations of somebody who is not signed in, which change nothing that an app has in its cache.
const SIGNED_OUT = [
  "signUp", "confirmEmail", "requestPasswordReset", "resetPassword", "confirmEmailChange", "logIn", "completeLogIn", "refreshSession",
  "beginPasskeyLogIn", "finishPasskeyLogIn",
];
// They need an authenticator; what they change is `factors`, as with `confirmTotp`.
const PASSKEYS = [
  "beginPasskeyRegistration", "finishPasskeyRegistration", "removePasskey", "beginPasskeyReauthentication", "finishPasskeyReauthentication",
];

let service;
const warned = [];
before(async () => {
  service = await Service.start(process.env.EVENKEEL_TEST_BINARY);
  for (const level of ["warn", "error"]) console[level] = (...words) => warned.push(words.join(" "));
});
after(() => service?.stop());

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

/** A one-time code (RFC 6238) for a secret in base 32. */
function totp(secret) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  return String((digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

function subscription() {
  const { x, y } = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
  const p256dh = Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]).toString("base64url");
  const endpoint = `https://updates.push.services.mozilla.com/wpush/v2/${randomBytes(16).toString("hex")}`;
  return { endpoint, p256dh, auth: randomBytes(16).toString("base64url"), label: "a phone" };
}

/** What somebody sees whose app was just opened: each of these screens as the network has it now. */
const fresh = async (reader, screens) => {
  const read = ({ query, variables }) => reader.client.query({ query, variables, fetchPolicy: "no-cache" });
  return (await Promise.all(screens.map(read))).map(({ data }) => data);
};

/** Holds what an app shows from its cache against the network's answers. */
async function compare(after, app, expected) {
  for (const [index, { name, query, variables, watched }] of app.screens.entries()) {
    const cached = app.client.readQuery({ query, variables });
    assert.ok(cached, `${app.name}'s ${name} is not whole after ${after}`);
    assert.deepEqual(cached, expected[index], `${app.name}'s ${name} after ${after}`);
    // A watched query tells of a change some turns later.
    const shown = () => watched.getCurrentResult().data;
    for (let turn = 0; turn < 1000 && !isDeepStrictEqual(shown(), cached); turn += 1) await new Promise(setImmediate);
    assert.deepEqual(shown(), cached, `what ${app.name}'s ${name} shows after ${after}`);
  }
}

test("the documents are valid", () => {
  for (const document of Object.values(documents)) assert.deepEqual(validate(schema, document), []);
});

test("never asked again, never stale", async () => {
  const people = {};
  for (const name of ["Alex", "Sam"]) {
    people[name] = await service.signUp(name);
    await service.choosePassword(people[name]);
    await service.logIn(people[name]);
  }
  const { viewer: { sessions: [{ id: lost }] } } = await service.ask("{ viewer { sessions { id } } }", {}, people.Alex.token);
  for (const person of Object.values(people)) await service.logIn(person);
  const apps = { Alex: new App(service.url, people.Alex), Sam: new App(service.url, people.Sam) };
  const readers = { Alex: new App(service.url, people.Alex), Sam: new App(service.url, people.Sam) };
  for (const app of Object.values(apps)) {
    await app.follow();
    for (const screen of ["Home", "Settings", "Journal", "Course"]) await app.open(screen);
    app.asked.length = 0;
  }

  const sent = new Set();
  /** Somebody acts: their own app takes the answer, the other's takes the feed. */
  const act = async (name, mutation, input, also) => {
    sent.add(mutation);
    const other = name === "Alex" ? "Sam" : "Alex";
    const payload = await apps[name].send(mutation, input, also);
    const [own, others] = await Promise.all([name, other].map((who) => fresh(readers[who], apps[who].screens)));
    await compare(`${name}'s ${mutation}`, apps[name], own);
    // Their own feed brings it too, later: it changes nothing.
    await Promise.all([apps[name].sync(), apps[other].sync()]);
    await compare(`${name}'s ${mutation}`, apps[other], others);
    await compare(`the feed of ${name}'s ${mutation}`, apps[name], own);
    return payload;
  };
  const both = async (screen, id) => {
    for (const app of Object.values(apps)) await app.open(screen, { id });
  };

  // Their profiles, and a device each.
  await act("Alex", "updateProfile", { displayName: "Alexandra", zone: "Europe/Berlin", defaultSharing: "MOOD" });
  const { viewer: { devices: [device] } } = await act("Alex", "registerDevice", subscription());
  await act("Alex", "removeDevice", { deviceId: device.id }, ({ removedDeviceId }) => apps.Alex.forget(removedDeviceId));
  await act("Sam", "retryEmail");

  // The link.
  const refused = await act("Alex", "invitePartner", { role: "DOMINANT" });
  await act("Sam", "declineInvitation", { code: refused.code });
  const { code } = await act("Alex", "invitePartner", { role: "DOMINANT" });
  const { link } = await act("Sam", "acceptInvitation", { code, role: "SUBMISSIVE" });
  await both("AgreementPage", link.id);
  for (const name of ["Alex", "Sam"]) {
    await act(name, "updateLink", { linkId: link.id, alertPermission: "ALLOW", promiseCountWanted: true });
    await act(name, "writeNeeds", { linkId: link.id, needs: { comforts: ["WARMTH", "TALK"], words: "you did well" } });
  }
  await act("Alex", "updateProfile", { displayName: "Alex" });

  // The agreement.
  const agree = async (stopSignal, basedOn) => {
    const { revision } = await act("Alex", "proposeRevision", { linkId: link.id, basedOn, terms: { stopSignal, partnerAlert: "CALL" } });
    for (const name of ["Sam", "Alex"]) await act(name, "agreeToRevision", { revisionId: revision.id, contentHash: revision.contentHash });
    return revision.id;
  };
  const first = await agree("red");

  // Scenes: planned, cancelled; planned, begun and ended; one that is over.
  const plan = { linkId: link.id, setting: "IN_PERSON", plannedFor: ago(-60), intensity: 2 };
  const { scene: cancelled } = await act("Sam", "planScene", plan);
  await both("ScenePage", cancelled.id);
  await act("Sam", "cancelScene", { sceneId: cancelled.id });
  const { scene: planned } = await act("Alex", "planScene", { ...plan, plannedFor: ago(0) });
  await both("ScenePage", planned.id);
  await act("Alex", "startScene", { sceneId: planned.id });
  await act("Alex", "endScene", { sceneId: planned.id, intensity: 3 });
  await act("Sam", "setParting", { sceneId: planned.id, partedAt: ago(-30) });
  await act("Sam", "setSceneAlert", { sceneId: planned.id, alertPermission: "FORBID" });
  const over = { linkId: link.id, setting: "ONLINE", intensity: 3, startedAt: ago(130), endedAt: ago(100), separate: true };
  const { scene } = await act("Sam", "recordScene", over);
  await both("ScenePage", scene.id);
  await act("Sam", "correctScene", { sceneId: scene.id, endedAt: ago(61) });
  await act("Alex", "recordAftercare", { sceneId: scene.id, givenBy: "BOTH", comforts: ["TALK"], minutes: 30, note: "tea" });
  await act("Alex", "recordOutreach", { sceneId: scene.id, way: "CALL" });

  // Check-ins.
  const mine = (name) => apps[name].client.readQuery({ query: documents.ScenePage, variables: { id: scene.id } }).node.myCheckIns;
  const [asked, next, last] = mine("Sam");
  await act("Sam", "snoozeCheckIn", { checkInId: asked.id, minutes: 30 });
  await act("Sam", "answerCheckIn", { checkInId: asked.id, mood: 2, signs: [{ sign: "LOW", degree: "A_LOT" }], note: "tired", sharing: "MOOD", askPartner: true });
  await act("Sam", "answerCheckIn", { checkInId: asked.id, mood: 4, note: "better" });
  await act("Sam", "changeSharing", { checkInId: asked.id, sharing: "NOTHING" });
  await act("Sam", "answerCheckIn", { checkInId: next.id, mood: 1 });
  await act("Sam", "skipCheckIn", { checkInId: last.id });
  await act("Alex", "answerCheckIn", { checkInId: mine("Alex")[0].id, mood: 5, sharing: "ALL" });
  const { plea } = await act("Alex", "askPartner", { partnerOf: { sceneId: scene.id } });
  await act("Alex", "takeBackPlea", { pleaId: plea.id });

  // What each thinks of it, for both and for oneself.
  await act("Alex", "writeDebrief", { sceneId: scene.id, text: "It was good." });
  await act("Alex", "takeBackDebrief", { sceneId: scene.id });
  await act("Alex", "writeDebrief", { sceneId: scene.id, text: "It was very good." });
  await act("Sam", "writeDebrief", { sceneId: scene.id, text: "Yes." });
  await act("Sam", "writeJournalEntry", { text: "a", sceneId: scene.id });
  const { entry } = await act("Sam", "writeJournalEntry", { text: "b", writtenAt: ago(600) });
  await act("Sam", "editJournalEntry", { entryId: entry.id, text: "c", writtenAt: ago(0) });
  await act("Sam", "deleteJournalEntry", { entryId: entry.id }, ({ deletedEntryId }) => apps.Sam.forget(deletedEntryId));
  await act("Sam", "writeSoloPlan", { needs: { comforts: ["QUIET"] }, protocol: [{ afterEnd: { minutes: 30 } }] });
  const { scene: alone } = await act("Sam", "recordScene", { solo: true, setting: "IN_PERSON", startedAt: ago(90), endedAt: ago(45) });
  await apps.Sam.open("ScenePage", { id: alone.id });
  await act("Sam", "answerCheckIn", { checkInId: alone.myCheckIns[0].id, mood: 3 });

  // Another agreement, and none.
  const second = await agree("yellow", first);
  await act("Sam", "withdrawAgreement", { revisionId: second });

  // A pause, the account and its protection.
  await act("Sam", "pauseNudges", { until: ago(-600) });
  await act("Sam", "resumeNudges");
  await act("Alex", "requestEmailChange", { email: "alexandra@example.org" });
  const { setup } = await act("Alex", "beginTotp");
  await act("Alex", "confirmTotp", { totpCode: totp(setup.secret) });
  await act("Alex", "renewRecoveryCodes");
  await act("Alex", "removeTotp");
  await act("Sam", "reauthenticate", { password: PASSWORD });
  await act("Sam", "changePassword", { currentPassword: PASSWORD, newPassword: `${PASSWORD}s` }, ({ endedSessionIds }) => apps.Sam.forget(...endedSessionIds));
  await act("Sam", "requestExport");
  await until("the export", async () => (await service.ask("{ viewer { export { state } } }", {}, people.Sam.token)).viewer.export.state === "READY");
  await act("Sam", "createExportDownload");
  await act("Sam", "withdrawConsent");
  const { consentTexts } = await service.ask("{ consentTexts { kind version } }");
  await act("Sam", "giveConsent", consentTexts.find(({ kind }) => kind === "HEALTH_DATA"));

  // The end.
  await act("Sam", "endLink", { linkId: link.id });
  const again = await act("Alex", "invitePartner", { role: "SWITCH" });
  const { link: other } = await act("Sam", "acceptInvitation", { code: again.code, role: "SWITCH" });
  await both("AgreementPage", other.id);
  await act("Sam", "requestErasure");
  await act("Sam", "cancelErasure");
  await act("Sam", "endOtherSessions", undefined, ({ endedSessionIds }) => apps.Sam.forget(...endedSessionIds));
  await act("Alex", "endSession", { sessionId: lost }, ({ endedSessionId }) => apps.Alex.forget(endedSessionId));

  // What a second phone of one's own does to sessions and devices comes with no feed: this comparison does notice.
  await service.ask("mutation($i: RegisterDeviceInput!) { registerDevice(input: $i) { status } }", { i: subscription() }, people.Sam.token);
  await assert.rejects(async () => compare("a device elsewhere", apps.Sam, await fresh(readers.Sam, apps.Sam.screens)), /Sam's Home after a device elsewhere/);

  for (const app of Object.values(apps)) {
    const queries = app.asked.filter((name) => name !== "Sync" && documents[name].definitions.some(({ operation }) => operation === "query"));
    assert.deepEqual(queries, [], `what ${app.name} asked for again`);
  }
  for (const screen of apps.Sam.screens) screen.seen.unsubscribe();
  sent.add("logOut");
  await apps.Sam.send("logOut");
  await apps.Sam.client.clearStore();
  assert.deepEqual(apps.Sam.cache.extract(), {}, "nothing of Sam stays on the phone");
  for (const app of [...Object.values(apps), ...Object.values(readers)]) app.close();
  assert.deepEqual(warned, [], "what Apollo warned of");
  const all = Object.keys(schema.getMutationType().getFields());
  assert.deepEqual(all.filter((name) => !sent.has(name)).toSorted(), [...SIGNED_OUT, ...PASSKEYS].toSorted());
});
