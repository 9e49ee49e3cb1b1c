// The story that must always work (DESIGN.md, section 3), as far as it goes without waiting: with a scene that ended an
// hour ago, so that the first check-in is due.
import assert from "node:assert/strict";
import { ApiError, Evenkeel, answerFromNotification } from "./evenkeel.js";
import * as api from "./generated/graphql.js";

/** How a test reads the mails of a service in development: the first link to a page, in a mail to somebody. */
export type Inbox = (to: string, page: string) => Promise<string>;

const PASSWORD = "four calm boats on a lake";

/** Of a payload, what there is when it was done. */
function done<P extends { status: api.Status; problems: unknown }>(payload: P): P {
  assert.equal(payload.status, "DONE", JSON.stringify(payload.problems));
  return payload;
}

async function signUp(url: string, trusted: boolean, inbox: Inbox, displayName: string): Promise<Evenkeel> {
  const client = new Evenkeel(url, trusted);
  const email = `${displayName.toLowerCase()}@example.org`;
  const consents = (await client.send(api.ConsentTextsDocument, {})).consentTexts.map(({ kind, version, text }) => {
    assert.match(text, /\.$/);
    return { kind, version };
  });
  const input = { email, displayName, zone: "UTC", consents };
  done((await client.send(api.SignUpDocument, { input })).signUp);
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const body = JSON.stringify({ password: PASSWORD });
  const confirmed = await fetch(await inbox(email, "/verify/"), { method: "POST", headers, body });
  assert.equal(confirmed.status, 200);
  const { logIn } = await client.send(api.LogInDocument, { input: { email, password: PASSWORD, deviceLabel: "an app" } });
  const { outcome } = done(logIn);
  assert.equal(outcome?.__typename, "SessionTokens");
  client.token = outcome.accessToken;
  done((await client.send(api.UpdateProfileDocument, { input: { quietHours: null } })).updateProfile);
  return client;
}

async function agree(alex: Evenkeel, sam: Evenkeel, link: string, stopSignal: string, basedOn?: string): Promise<string> {
  // Of each time exactly one kind is given, which the types know too.
  const protocol: api.CheckInTimeInput[] = [
    { afterEnd: { minutes: 60 } },
    { onDay: { daysAfter: 1, localTime: "09:30" } },
    { afterParting: { minutes: 60 } },
  ];
  const terms = { stopSignal, protocol };
  const proposed = done((await alex.send(api.ProposeRevisionDocument, { input: { linkId: link, basedOn, terms } })).proposeRevision);
  // Each agrees to exactly the text that they were shown.
  for (const client of [sam, alex]) {
    const { node } = await client.send(api.LatestRevisionDocument, { link });
    const shown = node && "latestRevision" in node ? node.latestRevision : undefined;
    // What cannot be read as a whole is null; there is nothing to say yes to.
    assert.ok(shown?.terms && shown.needs);
    assert.ok(shown.id === proposed.revision?.id && shown.terms.stopSignal === stopSignal);
    const input = { revisionId: shown.id, contentHash: shown.contentHash };
    done((await client.send(api.AgreeToRevisionDocument, { input })).agreeToRevision);
  }
  return proposed.revision!.id;
}

export async function live(url: string, trusted: boolean, inbox: Inbox): Promise<void> {
  const stranger = new Evenkeel(url, trusted);
  await assert.rejects(stranger.send(api.HomeDocument, {}), (error) => error instanceof ApiError && error.code === "UNAUTHENTICATED");

  const alex = await signUp(url, trusted, inbox, "Alex");
  const sam = await signUp(url, trusted, inbox, "Sam");
  const invited = done((await alex.send(api.InvitePartnerDocument, { input: { role: "DOMINANT" } })).invitePartner);
  const wrong = (await sam.send(api.AcceptInvitationDocument, { input: { code: "0000-0000-0000", role: "SUBMISSIVE" } })).acceptInvitation;
  assert.deepEqual([wrong.status, wrong.problems.length], ["REFUSED", 1]);
  const accepted = done((await sam.send(api.AcceptInvitationDocument, { input: { code: invited.code!, role: "SUBMISSIVE" } })).acceptInvitation);
  const link = accepted.link!.id;

  for (const client of [alex, sam]) {
    done((await client.send(api.WriteNeedsDocument, { input: { linkId: link, needs: { comforts: ["WARMTH", "TALK"], words: "you did well" } } })).writeNeeds);
  }
  const first = await agree(alex, sam, link, "red");

  const ended = new Date(Date.now() - 61 * 60 * 1000).toISOString();
  const scene: api.RecordSceneInput = { linkId: link, setting: "ONLINE", intensity: 3, startedAt: ended, endedAt: ended };
  const recorded = done((await alex.send(api.RecordSceneDocument, { input: scene })).recordScene).scene!;
  // It began before they agreed, so it stands under nothing; care is not refused for that.
  assert.equal(recorded.revision, null);
  const minutes = recorded.myCheckIns.map(({ time }) => (time.__typename === "AfterEnd" ? time.minutes : time.sentence));
  assert.deepEqual(minutes, [60, 1440, 2880]);
  const aftercare: api.RecordAftercareInput = { sceneId: recorded.id, givenBy: "BOTH", comforts: ["TALK"], minutes: 30 };
  done((await alex.send(api.RecordAftercareDocument, { input: aftercare })).recordAftercare);

  // Both are asked. Sam answers in one tap, without the app; Alex lets it pass.
  const asked = await inbox("sam@example.org", "/c/");
  const attempt = crypto.randomUUID();
  assert.equal(await answerFromNotification(asked, { mood: 4 }, attempt), "SETTLED");
  assert.equal(await answerFromNotification(asked, { mood: 4 }, attempt), "SETTLED", "sent again by who lost the answer");
  await assert.rejects(answerFromNotification(asked, { mood: 1 }), /urn:evenkeel:problem:gone/, "a used link tells nothing");
  await assert.rejects(answerFromNotification(`${url}/c/none`, { skip: true }), /urn:evenkeel:problem:gone/);
  const mine = recorded.myCheckIns[0];
  const skipped = done((await alex.send(api.SkipCheckInDocument, { input: { checkInId: mine.id } })).skipCheckIn);
  assert.equal(skipped.checkIn?.state, "SKIPPED");

  const home = await sam.send(api.HomeDocument, {});
  const { partnerLinks, checkIns, done: answered } = home.viewer;
  // Each section may be null by itself; here nothing is wrong.
  assert.ok(partnerLinks && checkIns && answered);
  const [tie] = partnerLinks;
  assert.deepEqual([tie.state, tie.partner?.displayName, tie.agreedRevision?.id], ["ACTIVE", "Alex", first]);
  const own = tie.scenes.nodes[0].myCheckIns[0];
  assert.deepEqual([own.state, own.answer?.mood], ["ANSWERED", 4], "the first tap counts");
  assert.ok(checkIns.nodes.length === 3 && !checkIns.pageInfo.hasNextPage);
  assert.deepEqual(answered.nodes, [{ id: own.id, state: "ANSWERED" }]);
  const others = (await alex.send(api.HomeDocument, {})).viewer.partnerLinks![0].scenes.nodes[0].partnerCheckIns;
  assert.ok(others.every((checkIn) => !checkIn.shared), "nothing is seen that was not shared");

  if (trusted) {
    assert.equal((await sam.again(api.HomeDocument, {})).fresh, true);
    assert.deepEqual(await sam.again(api.HomeDocument, {}), { data: home, fresh: false });
  }

  // Another Revision; the old one stays readable.
  await agree(alex, sam, link, "yellow", first);
  const { node } = await sam.send(api.RevisionsDocument, { link, last: 1 });
  assert.ok(node && "revisions" in node);
  assert.deepEqual([node.revisions.nodes[0].number, node.revisions.pageInfo.hasPreviousPage], [1, true]);
  if (trusted) assert.equal((await sam.again(api.HomeDocument, {})).fresh, true);

  done((await sam.send(api.EndLinkDocument, { input: { linkId: link } })).endLink);
}
