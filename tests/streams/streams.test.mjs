// Following one's feed with the usual clients, graphql-ws and graphql-sse, against the real program: what they do by
// themselves when a connection breaks or a token ends, and the protocol's words and codes where no client shows them.
//
//   EVENKEEL_TEST_BINARY=target/debug/evenkeel node --test tests/streams/
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";
import { Service, until } from "../browser/service.mjs";

const QUERY = "subscription($after: String) { changes(after: $after) { resetRequired cursor changes { kind nodeId } } }";
const PROTOCOL = "graphql-transport-ws";

let service;
let alex;
let sam;

before(async () => {
  service = await Service.start(process.env.EVENKEEL_TEST_BINARY);
  [alex, sam] = await Promise.all(["Alex", "Sam"].map(async (name) => {
    const person = await service.signUp(name);
    await service.choosePassword(person);
    await service.logIn(person);
    return person;
  }));
  await service.tie(alex, sam);
});

after(() => service.stop());

const socketUrl = () => `${service.url.replace("http", "ws")}/graphql`;
const bearer = (person) => `Bearer ${person.token}`;
const pause = (person) => service.ask("mutation { pauseNudges(input: {}) { status } }", {}, person.token);
const rename = (person, displayName) =>
  service.ask("mutation($i: UpdateProfileInput!) { updateProfile(input: $i) { status } }", { i: { displayName } }, person.token);

/** Follows as an app would: the cursor of the latest batch goes into whatever request comes next. */
function follow(client) {
  const feed = { told: [], errors: [], ended: false, cursor: undefined };
  const request = { query: QUERY, variables: { get after() { return feed.cursor; } } };
  feed.stop = client.subscribe(request, {
    next: ({ data, errors }) => {
      if (errors) return feed.errors.push(...errors);
      feed.begun = true;
      feed.cursor = data.changes.cursor;
      feed.told.push(...data.changes.changes.map((change) => change.kind));
    },
    error: (error) => { feed.errors.push(error); },
    complete: () => { feed.ended = true; },
  });
  return feed;
}

const told = (feed, count) => until(`${count} changes`, () => feed.errors.length > 0 || feed.told.length >= count);

test("graphql-ws follows, and loses nothing when its socket breaks", async () => {
  let connections = 0;
  const client = createWs({
    url: socketUrl(),
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: bearer(alex) }),
    retryWait: async () => {
      // Something happens while nobody follows.
      if (connections === 1) await pause(alex);
    },
    shouldRetry: () => true,
    on: { connected: () => { connections += 1; } },
  });
  const feed = follow(client);
  await until("the first batch", () => feed.begun);
  await rename(sam, "Samuel");
  await told(feed, 1);
  client.terminate();
  await told(feed, 2);
  await pause(alex);
  await told(feed, 3);
  assert.deepEqual(feed.errors, []);
  assert.deepEqual(feed.told, ["LINK_CHANGED", "ACCOUNT_CHANGED", "ACCOUNT_CHANGED"]);
  assert.equal(connections, 2);
  await client.dispose();
});

test("graphql-ws comes again with a new token when its session has ended", async () => {
  const closed = [];
  const old = { ...alex };
  const client = createWs({
    url: socketUrl(),
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: bearer(old) }),
    retryWait: () => service.logIn(old),
    on: { closed: (event) => closed.push(event.code) },
  });
  const feed = follow(client);
  await until("the first batch", () => feed.begun);
  await service.logIn(alex);
  await service.ask("mutation { logOut { status } }", {}, old.token);
  // It is told nothing by the old token, and by the new one that something happened.
  await rename(sam, "Sam");
  await until("the new name", () => feed.told.includes("LINK_CHANGED"));
  assert.deepEqual(closed, [4403]);
  assert.deepEqual(feed.errors, []);
  await client.dispose();
});

test("graphql-sse follows, and loses nothing when its connection breaks", async () => {
  let breaking = () => {};
  let requests = 0;
  const client = createSse({
    url: `${service.url}/graphql`,
    headers: () => ({ Authorization: bearer(alex) }),
    fetchFn: async (url, init) => {
      requests += 1;
      const controller = new AbortController();
      init.signal.addEventListener("abort", () => controller.abort());
      breaking = () => controller.abort();
      return fetch(url, { ...init, signal: controller.signal });
    },
    retry: () => pause(alex),
  });
  const feed = follow(client);
  await until("the first batch", () => feed.begun);
  await rename(sam, "Samuel");
  await told(feed, 1);
  breaking();
  await told(feed, 2);
  assert.deepEqual(feed.errors, []);
  assert.deepEqual(feed.told, ["LINK_CHANGED", "ACCOUNT_CHANGED"]);
  assert.equal(requests, 2);
  client.dispose();
});

test("graphql-sse comes again with a new token when its session has ended", async () => {
  const old = { ...alex };
  await service.logIn(old);
  const client = createSse({
    url: `${service.url}/graphql`,
    headers: () => ({ Authorization: bearer(old) }),
    retry: () => service.logIn(old),
  });
  const feed = follow(client);
  await until("the first batch", () => feed.begun);
  await service.ask("mutation { logOut { status } }", {}, old.token);
  await rename(sam, "Sam");
  await until("the new name", () => feed.told.includes("LINK_CHANGED"));
  assert.deepEqual(feed.errors, []);
  assert.equal(feed.ended, false);
  client.dispose();
});

test("what cannot be followed is told to both as GraphQL says it", async () => {
  const wrong = { query: "subscription { changes { nothing } }" };
  const codes = (errors) => errors.map((error) => error.extensions.code);
  const ws = createWs({ url: socketUrl(), webSocketImpl: WebSocket, connectionParams: { authorization: bearer(alex) } });
  const refused = await new Promise((resolve, reject) => {
    ws.subscribe(wrong, { next: reject, complete: reject, error: resolve });
  });
  assert.deepEqual(codes(refused), ["DOCUMENT_INVALID"]);
  await ws.dispose();
  const sse = createSse({ url: `${service.url}/graphql`, headers: { Authorization: bearer(alex) } });
  const results = [];
  for await (const result of sse.iterate(wrong)) results.push(result);
  assert.deepEqual(results.map((result) => codes(result.errors)), [["DOCUMENT_INVALID"]]);
  const name = [];
  for await (const result of sse.iterate({ query: "{ viewer { account { displayName } } }" })) name.push(result.data);
  assert.deepEqual(name, [{ viewer: { account: { displayName: "Alex" } } }]);
});

/** A socket by hand: what it was told, and the code with which it was closed. */
async function socket(messages, protocol = PROTOCOL) {
  const opened = new WebSocket(socketUrl(), protocol);
  const heard = [];
  let code;
  opened.on("close", (given) => { code = given; });
  opened.on("message", (data) => heard.push(JSON.parse(data)));
  await new Promise((resolve, reject) => { opened.on("open", resolve); opened.on("error", reject); });
  for (const message of messages) opened.send(typeof message === "string" ? message : JSON.stringify(message));
  return { opened, heard, closed: () => until("the close", () => code) };
}

const init = () => ({ type: "connection_init", payload: { Authorization: bearer(alex) } });
const subscribe = (id, query = QUERY) => ({ type: "subscribe", id, payload: { query } });

test("the protocol's codes", async () => {
  const cases = [
    ["what is no message", ["}"], 4400],
    ["a message of no known kind", [init(), { type: "hello" }], 4400],
    ["a subscription by nobody", [subscribe("1")], 4401],
    ["a token that is none", [{ type: "connection_init", payload: { Authorization: "Bearer me" } }], 4403],
    ["nobody at all", [{ type: "connection_init" }], 4403],
    ["one id twice", [init(), subscribe("1"), subscribe("1")], 4409],
    ["two beginnings", [init(), init()], 4429],
    ["nothing for ten seconds", [], 4408],
  ];
  await Promise.all(cases.map(async ([what, messages, code]) => {
    assert.equal(await (await socket(messages)).closed(), code, what);
  }));
});

test("the protocol's words", async () => {
  const { opened, heard } = await socket([{ type: "ping" }, init(), subscribe("a"), subscribe("q", "{ __typename }")]);
  await until("all answers", () => heard.length >= 4);
  const of = (type) => heard.filter((message) => message.type === type);
  assert.deepEqual([of("pong").length, of("connection_ack").length], [1, 1]);
  assert.equal(of("next")[0].id, "a");
  assert.equal(of("next")[0].payload.data.changes.resetRequired, true);
  assert.deepEqual([of("error")[0].id, of("error")[0].payload[0].extensions.code], ["q", "BAD_REQUEST"]);
  // Once it is complete, nothing more comes of it, and its id is free.
  opened.send(JSON.stringify({ type: "complete", id: "a" }));
  opened.send(JSON.stringify(subscribe("a")));
  await until("the second of that id", () => of("next").length === 2);
  await pause(alex);
  await until("the change", () => of("next").length === 3);
  opened.send(JSON.stringify({ type: "ping" }));
  await until("the pong", () => of("pong").length === 2);
  assert.equal(of("next").length, 3, "one subscription is told once");
  for (let n = 0; n < 8; n += 1) opened.send(JSON.stringify(subscribe(`more ${n}`)));
  await until("one too many", () => of("error").length === 2);
  assert.equal(of("error")[1].payload[0].extensions.code, "TRY_LATER");
  opened.close();
  await assert.rejects(socket([], "graphql-ws"), /400/, "another subprotocol");
});

test("an account has so many sockets and no more", async () => {
  const sockets = await Promise.all(Array.from({ length: 8 }, () => socket([init()])));
  await until("all of them", () => sockets.every(({ heard }) => heard.length === 1));
  assert.equal(await (await socket([init()])).closed(), 1013);
  const [first] = sockets;
  first.opened.close();
  await first.closed();
  await until("a free place", async () => {
    const next = await socket([init()]);
    return until("an answer", () => next.heard.length === 1 || next.opened.readyState === WebSocket.CLOSED)
      .then(() => { next.opened.close(); return next.heard.length === 1; });
  });
  for (const { opened } of sockets) opened.close();
});

test("a process that stops sends its followers away and does not wait for them", async () => {
  const other = await Service.start(process.env.EVENKEEL_TEST_BINARY);
  const person = await other.signUp("Kim");
  await other.choosePassword(person);
  await other.logIn(person);
  const stream = await fetch(`${other.url}/graphql`, {
    method: "POST",
    headers: { Accept: "text/event-stream", Authorization: bearer(person), "Content-Type": "application/json" },
    body: JSON.stringify({ query: QUERY }),
  });
  const open = new WebSocket(`${other.url.replace("http", "ws")}/graphql`, PROTOCOL);
  let code;
  open.on("close", (given) => { code = given; });
  await new Promise((resolve) => { open.on("open", resolve); });
  open.send(JSON.stringify({ type: "connection_init", payload: { Authorization: bearer(person) } }));
  await new Promise((resolve) => { open.on("message", resolve); });
  const began = Date.now();
  const [text] = await Promise.all([stream.text(), other.stop()]);
  assert.match(text, /resetRequired":true/);
  assert.doesNotMatch(text, /complete/);
  await until("the close", () => code);
  assert.equal(code, 1001);
  // Those that do not go by themselves are waited for for twenty seconds.
  assert(Date.now() - began < 15_000, "it waited for those who follow");
});
