// The public API, and the session with it. Only here are tokens seen.
//
// The access token lives in memory and nowhere else. The refresh token lies in IndexedDB: whoever can run a script on
// this origin could read it, so nothing but the service's own scripts can (the policy that the page is sent with), and
// no text becomes markup. It is exchanged by one tab at a time (Web Locks, which the service worker shares), always
// from what is kept, and with an attempt that is made and kept just before: whoever lost the answer, even a tab that was
// closed in the middle, sends both again and gets the next token once more. A copy of what was kept before knows no
// attempt, so its use is noticed (R31).
import * as desk from "./local_store.js";

/** Nobody is signed in here, or no longer. */
export class SignedOut extends Error {}
/** The service cannot be reached. */
export class Offline extends Error {}
/** Something went wrong that a person cannot mend. */
export class Fault extends Error {}

/** Marks a document. Each is one whole text: that is how the service knows them where it executes trusted ones only. */
export const gql = (text) => text[0];

const REFRESH = gql`mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
  status tokens { accessToken accessTokenExpiresAt refreshToken } problems { code sentence } } }`;
const LOCK = "evenkeel-session";
const RENEW_BEFORE = 30_000;
const PATIENCE = 15_000;

const news = new BroadcastChannel("evenkeel");
/** Calls `back` when another tab signed in or out. */
export const onNews = (back) => news.addEventListener("message", back);
/** A page and the service worker write the same: what they do under the lock, they do one after the other. */
const exclusively = (act) => navigator.locks.request(LOCK, act);

let access = null;

/** Posts to this origin, JSON unless the headers say otherwise; only a network that does not answer is `Offline`. */
export async function post(path, body, headers = {}) {
  try {
    return await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      body,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Offline("You are offline, or the service cannot be reached.");
  }
}

async function graphql(body, headers) {
  const answer = await post("/graphql", body, headers);
  try {
    return await answer.json();
  } catch {
    // A proxy's page in place of an answer: the service itself was not reached.
    throw new Offline("The service cannot be reached right now.");
  }
}

const code = (answer) => answer.errors?.[0]?.extensions?.code;

/** What could not be read in the data of an answer, as paths such as `viewer.checkIns`. */
const gaps = new WeakMap();

/** The paths below `path` that could not be read: what is null there is not empty and not "none". */
export const unread = (data, path) =>
  (gaps.get(data) ?? []).filter((one) => one === path || one.startsWith(`${path}.`));

/** A fault below what was asked for nulls that place and no more: the rest of the answer holds. */
const leavesTheRest = ({ data }, { path, extensions }) =>
  extensions?.code === "INTERNAL" && path?.length > 1 && data?.[path[0]] != null;

function dataOf(answer) {
  if (!answer.errors) return answer.data;
  if (answer.errors.every((error) => leavesTheRest(answer, error))) {
    gaps.set(
      answer.data,
      answer.errors.map(({ path }) => path.join(".")),
    );
    return answer.data;
  }
  const [{ message, extensions }] = answer.errors;
  const id = extensions?.id ? ` If it stays so, tell the operator this number: ${extensions.id}` : "";
  throw new Fault(extensions?.code === "INTERNAL" ? `Something went wrong at the service.${id}` : message);
}

/** Asks without signing in. */
export async function askOpenly(query, variables = {}) {
  return dataOf(await graphql(JSON.stringify({ query, variables })));
}

/**
 * Logs in. Where a session ended by itself, its last refresh token shows that this device is known: then nobody is told
 * of a new one by mail, and somebody else's tries keep nobody waiting. Whoever logged out left nothing that could.
 */
export async function askToLogIn(query, input) {
  const earlier = await desk.get("earlier");
  return askOpenly(query, { input: { ...input, ...(earlier && { earlierRefreshToken: earlier.refreshToken }) } });
}

/** Keeps what a log-in gave. What an earlier session left here goes first. */
export const signIn = (tokens) =>
  exclusively(async () => {
    await desk.wipe();
    await keep(tokens);
    news.postMessage("in");
  });

/** Whether a session is kept on this device. */
export const isSignedIn = async () => Boolean(await desk.get("session"));

async function keep({ accessToken, accessTokenExpiresAt, refreshToken }) {
  await desk.put("session", { refreshToken });
  access = { token: accessToken, expires: Date.parse(accessTokenExpiresAt) };
}

/** Leaves nothing behind: no push shows on a device on which nobody is signed in. */
async function forget() {
  access = null;
  await desk.wipe();
  // Where the push service cannot be reached now, the browser tells it later.
  await desk.unsubscribe().catch(() => {});
  news.postMessage("out");
}

/** An access token that works for a while yet. `refused`: one that the service did not take. */
async function token(refused) {
  const good = () => access && access.token !== refused && access.expires - Date.now() > RENEW_BEFORE;
  if (good()) return access.token;
  return exclusively(async () => {
    if (good()) return access.token;
    await renew();
    if (!access) throw new SignedOut();
    return access.token;
  });
}

async function renew() {
  const session = await desk.get("session");
  if (!session) {
    access = null;
    throw new SignedOut();
  }
  const { refreshToken, attempt = crypto.randomUUID() } = session;
  if (!session.attempt) await desk.put("session", { refreshToken, attempt });
  const answer = await graphql(JSON.stringify({ query: REFRESH, variables: { input: { refreshToken, attempt } } }));
  const { tokens, problems } = dataOf(answer).refreshSession;
  if (tokens) return keep(tokens);
  if (problems.some((problem) => problem.code === "TRY_LATER")) throw new Offline(problems[0].sentence);
  await forget();
  // It opens nothing any more.
  await desk.put("earlier", { refreshToken });
  throw new SignedOut();
}

/** Sends a request that was written down before; `key` makes sending it again harmless. The parsed answer. */
export async function send(body, key) {
  const headers = (bearer) => ({ Authorization: `Bearer ${bearer}`, ...(key && { "Idempotency-Key": key }) });
  const bearer = await token();
  const answer = await graphql(body, headers(bearer));
  if (code(answer) !== "UNAUTHENTICATED") return answer;
  return graphql(body, headers(await token(bearer)));
}

/** Asks as the signed-in person. */
export async function ask(query, variables = {}, key = undefined) {
  const answer = await send(JSON.stringify({ query, variables }), key);
  if (code(answer) === "UNAUTHENTICATED") throw new SignedOut();
  return dataOf(answer);
}

/** Does one mutation; its payload. Sent twice by a shaky network, it is done once. */
export async function change(query, input) {
  const document = JSON.stringify({ query, variables: { input } });
  const key = crypto.randomUUID();
  const answer = await send(document, key).catch((error) => {
    if (error instanceof Offline) return send(document, key);
    throw error;
  });
  return Object.values(dataOf(answer))[0];
}

/** Signs out: at the service if it can be reached, and here in any case. */
export async function signOut() {
  try {
    await ask(gql`mutation { logOut { status } }`);
  } catch (error) {
    if (!(error instanceof Offline || error instanceof SignedOut || error instanceof Fault)) throw error;
  } finally {
    await exclusively(forget);
  }
}
