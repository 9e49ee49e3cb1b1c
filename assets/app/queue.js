// Answers on their way: written down first, then sent, now or when there is a network again. Pages and the service
// worker send from the same queue, one at a time.
import { Offline, SignedOut, gql, post, send } from "./api.js";
import * as desk from "./local_store.js";

const ANSWER = gql`mutation($input: AnswerCheckInInput!) { answerCheckIn(input: $input) {
  status checkIn { id answer { mood sharing unseenUntil } scene { id link { id } } }
  problems { field code sentence } } }`;
const SKIP = gql`mutation($input: SkipCheckInInput!) { skipCheckIn(input: $input) {
  status problems { field sentence } } }`;

/** So many milliseconds old, an answer did not wait for a network: only a wrong clock makes it late. */
const JUST_NOW = 60_000;

const writeDown = (query, input) => ({
  id: input.checkInId,
  key: crypto.randomUUID(),
  path: "/graphql",
  body: JSON.stringify({ query, variables: { input } }),
});

/**
 * Answers a check-in, as of now, whenever it is sent. What came of it: `sent`, `waits`, `late` (it waited, and a later
 * answer stays) or `refused`.
 */
export const answer = (input) => hand(writeDown(ANSWER, { ...input, answeredAt: new Date().toISOString() }));
/** Lets a check-in pass, likewise. */
export const skip = (input) => hand(writeDown(SKIP, input));
const byLink = (path, mood, attempt) => ({ id: path, key: attempt, path, body: JSON.stringify({ mood, attempt }) });

/** Answers by the address that a reminder came with, which needs no session. */
export const answerAt = (path, mood) =>
  hand(byLink(path, mood, crypto.randomUUID()));

async function hand(item) {
  // A later answer to the same check-in takes the place of one that still waits.
  await desk.enqueue(item);
  const outcome = (await flush()).find((one) => one.id === item.id && one.key === item.key);
  if (outcome) return outcome;
  // Where there is no background sync, the page sends when it is opened again.
  await (await desk.worker())?.sync?.register("answers").catch(() => {});
  return { id: item.id, status: "waits" };
}

/** Sends what waits; what came of each. Stops at the first that finds no network. */
export const flush = () =>
  navigator.locks.request("evenkeel-queue", async () => {
    const outcomes = [];
    for (const item of await desk.queued()) {
      try {
        const outcome = await deliver(item);
        await desk.dequeue(item);
        // For Today: who sent it is the service worker, or a page that shows something else.
        if (outcome.status === "late") await desk.put("late", true);
        outcomes.push({ id: item.id, key: item.key, ...outcome });
      } catch (error) {
        if (error instanceof Offline) break;
        if (!(error instanceof SignedOut)) throw error;
        // Whoever signs in next may be somebody else.
        await desk.dequeue(item);
        const sentence = "This device was signed out meanwhile, and the answer was not sent.";
        outcomes.push({ id: item.id, key: item.key, status: "refused", problems: [{ field: "", sentence }] });
      }
    }
    return outcomes;
  });

async function deliver({ path, body, key }) {
  if (path !== "/graphql") {
    // The link works once; sent again with its attempt, an answer is what it was.
    const { status } = await post(path, body);
    if (status >= 500 || status === 429) throw new Offline();
    return { status: status < 300 ? "sent" : "refused" };
  }
  const { data, errors } = await send(body, key);
  const again = errors?.[0]?.extensions?.code;
  if (again === "UNAUTHENTICATED") throw new SignedOut();
  if (again === "TRY_LATER" || again === "INTERNAL" || again === "TIMED_OUT") throw new Offline();
  // Done before, and only its answer was lost.
  if (again === "IDEMPOTENCY_KEY_IN_PROGRESS") return { status: "sent" };
  const payload = data && Object.values(data)[0];
  const untimely = payload?.problems.find(({ field }) => field === "answeredAt");
  if (untimely) {
    const { query, variables } = JSON.parse(body);
    const { answeredAt, ...input } = variables.input;
    // It waited here while a later answer was given elsewhere: that one stays.
    if (untimely.code === "CHANGED" && Date.now() - Date.parse(answeredAt) > JUST_NOW) return { status: "late" };
    // By this device's clock it was answered before it was asked, later than now, or just now and yet before another
    // answer: then the service's clock counts.
    return deliver({ path, body: JSON.stringify({ query, variables: { input } }), key: `${key}-untimed` });
  }
  if (!payload || payload.status === "REFUSED") {
    return { status: "refused", problems: payload?.problems ?? [{ field: "", sentence: errors[0].message }] };
  }
  return { status: "sent", checkIn: payload.checkIn };
}
