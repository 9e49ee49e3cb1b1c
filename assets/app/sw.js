// The service worker: keeps the shell, and nothing of anybody, so that the app opens without a network; shows pushes in
// the words that came with them, and takes an answer from a notification where there are actions.
import { isSignedIn } from "./api.js";
import { answerAt, flush } from "./queue.js";
import { renewHere } from "./push.js";

// Both are written in by the service; the version is a hash of all these files.
const VERSION = "evenkeel-{version}";
const SHELL = ["{shell}"];

self.addEventListener("install", (event) =>
  event.waitUntil(
    (async () => {
      const cache = await caches.open(VERSION);
      await cache.addAll(SHELL.map((path) => new Request(path, { cache: "reload", credentials: "omit" })));
      await self.skipWaiting();
    })(),
  ),
);

self.addEventListener("activate", (event) =>
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name !== VERSION);
      await Promise.all(old.map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  ),
);

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin || !SHELL.includes(pathname)) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(VERSION);
      return (await cache.match(pathname)) ?? fetch(event.request);
    })(),
  );
});

self.addEventListener("sync", (event) => {
  if (event.tag === "answers") event.waitUntil(flush());
});

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renewHere()));

self.addEventListener("push", (event) => event.waitUntil(show(event.data)));

async function show(data) {
  let message = {};
  try {
    message = data.json();
  } catch {
    // Whatever it was, a push must show something, and the plain words are always right.
  }
  const {
    title = "Reminder",
    body = "You have a reminder.",
    lang = "en",
    dir = "ltr",
    navigate,
    actions = [],
  } = message.notification ?? {};
  await self.registration.showNotification(title, {
    body,
    lang,
    dir,
    icon: "/app/icon-192.png",
    badge: "/app/badge.png",
    // A push that is sent again replaces the first (R14).
    tag: message.nudge ?? "reminder",
    actions: actions.map(({ action, title: words }) => ({ action, title: words })),
    data: { navigate, nudge: message.nudge },
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(take(event.action, event.notification.data ?? {}));
});

async function take(action, { navigate, nudge }) {
  const link = navigate ? new URL(navigate, self.location.origin) : undefined;
  const own = link?.origin === self.location.origin;
  const mood = /^mood-([1-5])$/.exec(action)?.[1];
  if (mood && own) {
    const outcome = await answerAt(link.pathname, Number(mood));
    if (outcome.status !== "refused") return;
  }
  await open(own ? link : undefined, nudge);
}

/** A plain tap: to the app where somebody is signed in on it, else to the page that needs no signing in. */
async function open(link, nudge) {
  const place = nudge ? `/app#/reminder/${nudge}` : "/app";
  if (link && !(await isSignedIn())) {
    await self.clients.openWindow(link.href);
    return;
  }
  const windows = await self.clients.matchAll({ type: "window" });
  const app = windows.find((client) => new URL(client.url).pathname === "/app");
  if (!app) {
    await self.clients.openWindow(place);
    return;
  }
  await app.focus();
  app.postMessage({ go: place });
}
