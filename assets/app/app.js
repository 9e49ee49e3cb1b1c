// The companion: which view stands at which place, and how one gets from one to the next.
//
// All places share one entry of the browser's history: whoever leaves quickly leaves nothing behind "back".
import { SignedOut, isSignedIn, onNews } from "./api.js";
import { agreement, propose } from "./agreement.js";
import { days } from "./days.js";
import { h, press, say, told } from "./dom.js";
import { enter, forgotten, signUp } from "./enter.js";
import { help } from "./help.js";
import { link, needs, people } from "./people.js";
import * as push from "./push.js";
import { flush } from "./queue.js";
import { record, scene } from "./scene.js";
import { settings } from "./settings.js";
import { solo, soloPlan } from "./solo.js";
import { question, reminder, today } from "./today.js";

// Where anybody may be, signed in or not.
const OPEN = new Set([enter, signUp, forgotten, help]);
const ROUTES = [
  [/^\/$/, today, "/"],
  [/^\/check-in\/([^/]+)$/, question, "/"],
  [/^\/reminder\/([^/]+)$/, reminder, "/"],
  [/^\/people$/, people, "/people"],
  [/^\/people\/([^/]+)$/, link, "/people"],
  [/^\/people\/([^/]+)\/needs$/, needs, "/people"],
  [/^\/people\/([^/]+)\/agreement$/, agreement, "/people"],
  [/^\/people\/([^/]+)\/propose$/, propose, "/people"],
  [/^\/people\/([^/]+)\/scene$/, record, "/people"],
  [/^\/scene\/([^/]+)$/, scene, "/people"],
  [/^\/solo$/, solo, "/people"],
  [/^\/solo\/plan$/, soloPlan, "/people"],
  [/^\/days$/, days, "/days"],
  [/^\/settings$/, settings, "/settings"],
  [/^\/help$/, help, "/help"],
  [/^\/enter$/, enter],
  [/^\/sign-up$/, signUp],
  [/^\/forgotten$/, forgotten],
];

const main = document.querySelector("main");
const nav = document.querySelector("nav");
let latest = 0;

const place = () => decodeURIComponent(location.hash.slice(1)) || "/";

/** Puts a view in place of the one that is shown, and tells whoever does not see it. */
function show({ title, body }, area) {
  document.title = title === "Today" ? "Evenkeel" : `${title} – Evenkeel`;
  for (const one of nav.querySelectorAll("a")) {
    if (one.hash === `#${area}`) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  const heading = h("h1", { id: "title", tabindex: "-1" }, title);
  const shown = [body].flat(Infinity).filter((part) => part !== undefined && part !== null && part !== false);
  main.replaceChildren(heading, ...shown);
  main.removeAttribute("aria-busy");
  say("");
  scrollTo(0, 0);
  heading.focus({ preventScroll: true });
  return [];
}

/** Goes somewhere. */
function go(to) {
  history.replaceState(null, "", `/app#${to}`);
  render();
  return [];
}

async function render() {
  latest += 1;
  const turn = latest;
  main.setAttribute("aria-busy", "true");
  const at = place();
  const [, view, area] = ROUTES.find(([pattern]) => pattern.test(at)) ?? ROUTES[0];
  const [pattern] = ROUTES.find(([, one]) => one === view);
  const params = pattern.exec(at)?.slice(1) ?? [];
  const signedIn = await isSignedIn();
  if (turn !== latest) return;
  nav.hidden = !signedIn;
  if (!signedIn && !OPEN.has(view)) return go("/enter");
  if (signedIn && view === enter) return go("/");
  // What came of something has no place of its own: to load it again leads to where one began.
  const replace = (other) => {
    history.replaceState(null, "", `/app#${area ?? "/"}`);
    return show(other, area);
  };
  let next;
  try {
    next = await view({ params, go, replace });
  } catch (error) {
    if (error instanceof SignedOut) return turn === latest ? go("/enter") : undefined;
    next = wrong(error);
  }
  // Somebody went on meanwhile, or the view led elsewhere itself.
  if (turn === latest && next?.title) show(next, area);
}

const wrong = (error) => ({ title: "Not now", body: [h("p", {}, told(error)), press("Try again", render)] });

/** A link inside the app takes the place of where one is. */
document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a[href^='/app']");
  if (!anchor || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey)
    return;
  event.preventDefault();
  go(anchor.hash.slice(1) || "/");
});
// Only the line with the caret would be brought into sight, and the bar at the foot could hide the rest of a field.
main.addEventListener("focusin", ({ target }) => target.id === "title" || target.scrollIntoView({ block: "nearest" }));
// The list of open apps shows pictures of them: nothing is to be read on this one's. Not hidden, or the caret would go.
document.addEventListener("visibilitychange", () => main.classList.toggle("away", document.hidden));
addEventListener("hashchange", render);
addEventListener("online", send);
addEventListener("unhandledrejection", ({ reason }) => {
  if (reason instanceof SignedOut) go("/enter");
});
// Signed in or out in another tab.
onNews(render);

/** Sends what waits; a question that was answered so goes from sight. */
async function send() {
  const outcomes = await flush().catch(() => []);
  if (outcomes.length > 0 && place() === "/") render();
}

// What a browser takes for the address of a script is made in one place, and only from this constant.
const address = self.trustedTypes?.createPolicy("evenkeel", { createScriptURL: () => "/app/sw.js" });

async function begin() {
  render();
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data?.go?.startsWith("/app")) go(data.go.split("#")[1] ?? "/");
    });
    const script = address ? address.createScriptURL("") : "/app/sw.js";
    await navigator.serviceWorker.register(script, { scope: "/app", type: "module" }).catch(() => {});
  }
  if (await isSignedIn()) {
    await send();
    await push.check().catch(() => {});
  }
}
begin();
