// The companion app in a real Chromium: Alex and Sam, each with a browser of their own, live the story at phone size, in
// light and dark, Sam by the keyboard alone, Alex once without a network. axe-core finds nothing; nothing comes from
// elsewhere, and no document is executed but the companion's own.
//
//   node tests/browser/companion.mjs BINARY FOLDER-FOR-PICTURES
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Browsers, heading, kept } from "./browser.mjs";
import { choose, keyboardOnly, press, tabTo, tick, write } from "./interactions.mjs";
import { PushService, Screen } from "./push.mjs";
import { PASSWORD, Service, until } from "./service.mjs";

const [binary, pictures] = process.argv.slice(2);
assert(binary && pictures, "usage: node companion.mjs BINARY FOLDER-FOR-PICTURES");

const button = (page, name) => page.getByRole("button", { name, exact: true });
const link = (page, name) => page.getByRole("link", { name, exact: true });
/** What is kept where nothing is. */
const NOTHING = [[], 0, 0, 0];
const place = async (page, name) => {
  await press(page.getByRole("navigation").getByRole("link", { name }));
  await heading(page, name);
};

/** Signs up, confirms by the mail, and logs in. */
async function enter(page, name, zone) {
  const email = `${name.toLowerCase()}@example.org`;
  await page.goto(`${browsers.own}/app`);
  await heading(page, "Log in");
  if (name === "Alex") await browsers.look(page, "app-log-in");
  await press(link(page, "Sign up"));
  await heading(page, "Sign up");
  await write(page.getByLabel("E-mail address"), email);
  await press(button(page, "Sign up"));
  await page.getByRole("alert").waitFor();
  if (name === "Alex") await browsers.look(page, "app-sign-up");
  await press(page.getByRole("alert").getByRole("link").first());
  assert.equal(await page.evaluate(() => document.activeElement.name), "displayName");
  await write(page.getByLabel("Name"), name);
  await choose(page.getByLabel("Time zone"), zone);
  await tick(page.getByLabel("I am an adult"));
  await tick(page.getByLabel("Evenkeel may keep"));
  await press(button(page, "Sign up"));
  await heading(page, "Look into your mail");
  await page.goto(await service.link(email, "/verify/"));
  await write(page.getByLabel("New password"), PASSWORD);
  await press(button(page, "Confirm"));
  await page.getByText("The address is confirmed.").waitFor();
  await press(link(page, "Open it in this browser"));
  await logIn(page, email);
  // Nobody has quiet hours here, so that questions come at once.
  await place(page, "Settings");
  await write(page.getByLabel("From"), "");
  await write(page.getByLabel("Until"), "");
  await tick(page.getByLabel("How I am, and not the rest"));
  await press(button(page, "Save"));
  await page.getByText("Saved.").waitFor();
  return email;
}

async function logIn(page, email) {
  await write(page.getByLabel("E-mail address"), email);
  await write(page.getByLabel("Password"), PASSWORD);
  await press(button(page, "Log in"));
  await heading(page, "Today");
}

/** Chromium has nothing against installing it. */
async function installable(page) {
  const cdp = await page.context().newCDPSession(page);
  assert.deepEqual((await cdp.send("Page.getAppManifest")).errors, []);
  assert.deepEqual((await cdp.send("Page.getInstallabilityErrors")).installabilityErrors, []);
}

/** Push on this device, discreet or fuller. */
async function turnOnPush(page, fuller) {
  await place(page, "Settings");
  await press(button(page, "Turn on"));
  await button(page, "No reminders here").waitFor();
  if (!fuller) return;
  await tick(page.getByLabel("What it is about, and a way to answer at once"));
  await press(page.locator("#push").getByRole("button", { name: "Save" }));
  await until("the choice", () => page.getByLabel("What it is about").isChecked());
}

async function tie(alex, sam) {
  await place(alex, "People");
  await browsers.look(alex, "app-people");
  await press(button(alex, "Make a code"));
  await heading(alex, "Hand this on");
  const code = await alex.locator(".code").textContent();
  await place(sam, "People");
  await write(sam.getByLabel("Code"), "not-a-code");
  await press(button(sam, "Look at the invitation"));
  await sam.getByRole("alert").waitFor();
  await write(sam.getByLabel("Code"), code.toLowerCase());
  await press(button(sam, "Look at the invitation"));
  await heading(sam, "Alex invites you");
  await browsers.look(sam, "app-invitation");
  await press(button(sam, "Accept"));
  await heading(sam, "Alex");
  await place(alex, "People");
  await press(link(alex, "Sam"));
  await heading(alex, "Sam");
}

async function writeNeeds(page, comforts, avoid) {
  await press(link(page, "My needs"));
  await heading(page, "What I need");
  for (const comfort of comforts) await tick(page.getByLabel(comfort, { exact: true }));
  await write(page.getByLabel("What to avoid"), avoid);
  await press(button(page, "Save"));
  await link(page, "My needs").waitFor();
}

/** Needs, a proposal, a yes of both to one text, a change with what differs marked, and a yes that came too late. */
async function agree(alex, sam) {
  await writeNeeds(sam, ["Warmth", "Talk"], "Loud music\nBeing left alone");
  await writeNeeds(alex, ["Quiet", "Water"], "Questions at once");
  await browsers.look(alex, "app-link");
  await press(link(alex, "Read it"));
  await press(link(alex, "Propose something"));
  await heading(alex, "Propose");
  await write(alex.getByLabel("Limits"), "Nothing that leaves marks. No surprises.");
  await press(button(alex, "Propose it"));
  await alex.getByRole("alert").getByText("Stop signal").waitFor();
  await write(alex.getByLabel("Stop signal"), "red");
  await write(alex.getByLabel("Check-ins after a scene"), "soon");
  await press(button(alex, "Propose it"));
  await alex.getByRole("alert").getByText("1 h, 24 h, 48 h").waitFor();
  await write(alex.getByLabel("Check-ins after a scene"), "1 h, 24 h, 2 d");
  await press(alex.getByText("At a time of day, or after you part"));
  await choose(alex.getByLabel("Day 1"), "The next day");
  await press(button(alex, "Propose it"));
  await alex.getByRole("alert").getByText("Please choose a time for that day.").waitFor();
  await write(alex.getByLabel("Time 1"), "09:30");
  await choose(alex.getByLabel("Day 2"), "The day after we part");
  await write(alex.getByLabel("Time 2"), "18:00");
  await write(alex.getByLabel("After we part, if"), "2 h");
  await browsers.look(alex, "app-propose-times");
  await write(alex.getByLabel("How and when to be in touch"), "A message in the morning.");
  await choose(alex.getByLabel("the other may be told"), "A call");
  await browsers.look(alex, "app-propose");
  await press(button(alex, "Propose it"));
  await heading(alex, "Agreement, number 1");
  await press(link(sam, "Read it"));
  await heading(sam, "Agreement, number 1");
  await sam.getByText("Nothing that leaves marks. No surprises.").waitFor();
  for (const time of ["One hour after the scene", "The next day at 09:30", "The day after you part at 18:00"])
    await sam.getByText(time).waitFor();
  await press(button(sam, "Agree to number 1"));
  await sam.getByText(/^You agreed on/).waitFor();
  await press(button(alex, "Agree to number 1"));
  await alex.getByText(/^It is agreed/).waitFor();

  await press(link(sam, "Propose a change"));
  await heading(sam, "Propose");
  await write(sam.getByLabel("Limits"), "Nothing that leaves marks for days. Few surprises.");
  await press(button(sam, "Propose it"));
  await heading(sam, "Agreement, number 2");
  await place(alex, "Today");
  await press(link(alex, "Read what is proposed"));
  await heading(alex, "Agreement, number 2");
  assert.deepEqual(await alex.locator("dd ins").allTextContents(), ["new: for days; ", "new: Few ; "]);
  assert.deepEqual(await alex.locator("dd del").allTextContents(), ["gone: No ; "]);
  await browsers.look(alex, "app-agreement");
  // Sam changes it once more while Alex reads: nobody agrees to words that they did not see (R08).
  await press(link(sam, "Propose a change"));
  await write(sam.getByLabel("Limits"), "Nothing that leaves marks. Few surprises.");
  await press(button(sam, "Propose it"));
  await heading(sam, "Agreement, number 3");
  await press(button(alex, "Agree to number 2"));
  await alex.getByRole("alert").waitFor();
  await alex.reload();
  await heading(alex, "Agreement, number 3");
  await press(button(alex, "Agree to number 3"));
  await alex.getByText(/^You agreed on/).waitFor();
  await press(button(sam, "Agree to number 3"));
  await sam.getByText(/^It is agreed/).waitFor();
}

/** A scene that ended so many hours ago, and what was given. */
async function recordScene(page, partner, hours, looked) {
  await place(page, "People");
  await press(link(page, partner));
  await press(link(page, "Record a scene"));
  await heading(page, "Record a scene");
  const local = (ago) =>
    page.evaluate((ago) => {
      const at = new Date(Date.now() - ago * 3_600_000);
      return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    }, ago);
  await write(page.getByLabel("It began"), await local(hours + 2));
  await write(page.getByLabel("It ended"), await local(hours));
  await choose(page.getByLabel("How intense"), "3");
  if (looked) await browsers.look(page, "app-record");
  await press(button(page, "It is over: record it"));
  await heading(page, "The days after");
}

async function writeAftercare(page) {
  await press(page.getByText("Write down what was given"));
  const given = page.locator("details", { hasText: "Write down what was given" });
  await tick(given.getByLabel("Warmth"));
  await write(given.getByLabel("How long, in minutes"), "40");
  await write(given.getByLabel("A note that both can read"), "Tea and a blanket, on the phone all along.");
  await press(button(given, "Write it down"));
  await page.getByText("40 minutes").waitFor();
}

/** A scene in person, of which the two say later when they part. */
async function part(page, partner) {
  await place(page, "People");
  await press(link(page, partner));
  await press(link(page, "Record a scene"));
  await heading(page, "Record a scene");
  await tick(page.getByLabel("In one room"));
  await press(button(page, "It begins now"));
  await heading(page, "Scene");
  await press(page.getByText("Say when you part"));
  await browsers.look(page, "app-parting");
  await press(button(page, "Save"));
  await page.getByText(/^You part(ed)? on /).waitFor();
  await press(button(page, "It is over"));
  await heading(page, "The days after");
}

/** A plan of one's own, and a scene of oneself alone, which nobody else sees. */
async function alone(page) {
  await place(page, "People");
  await press(link(page, "A scene of mine"));
  await heading(page, "Just me");
  await browsers.look(page, "app-solo");
  await press(link(page, "Write down what I need"));
  await heading(page, "My own plan");
  await tick(page.getByLabel("Warmth", { exact: true }));
  await write(page.getByLabel("Check-ins after a scene"), "1 h");
  await press(page.getByText("At a time of day"));
  await choose(page.getByLabel("Day 1"), "The next day");
  await write(page.getByLabel("Time 1"), "10:00");
  await browsers.look(page, "app-solo-plan");
  await press(button(page, "Save"));
  await page.getByText("The next day at 10:00.").waitFor();
  await press(button(page, "Record it"));
  await heading(page, "The days after");
  assert.equal(await page.getByText("No update.").count(), 0, "there is no partner");
  await press(page.getByText("Write down what was given"));
  const given = page.locator("details", { hasText: "Write down what was given" });
  await tick(given.getByLabel("Water"));
  await press(button(given, "Write it down"));
  await page.getByText("From me: water").waitFor();
  await browsers.look(page, "app-solo-scene");
}

const pushes = (device) => device.pushes.map(({ data }) => JSON.parse(data));

/** R24: to whoever looks on, and on the network, one push is like any other; fuller words are of one's own choosing. */
async function screens(alex, sam, devices) {
  await until("pushes", () => devices.alex.pushes.length >= 1 && devices.sam.pushes.length >= 1);
  const sizes = new Set([...devices.alex.pushes, ...devices.sam.pushes].map(({ size }) => size));
  assert.equal(sizes.size, 1, "every push has one size");
  assert.equal(new Set([...devices.alex.pushes, ...devices.sam.pushes].map(({ headers }) => headers.urgency)).size, 1);
  for (const { notification } of pushes(devices.alex)) {
    assert.deepEqual(
      [notification.title, notification.body, notification.actions],
      ["Reminder", "You have a reminder.", undefined],
    );
  }
  const question = devices.sam.pushes.find(({ data }) => JSON.parse(data).notification.navigate.includes("/c/"));
  const screen = await Screen.of(sam, `${browsers.own}/app`);

  // A plain tap leads to what it was about: a question and, in the same push, a prompt to get in touch.
  let [shown] = await screen.deliver(question.data);
  assert.deepEqual([shown.title, shown.body], ["Reminder", "You asked to be reminded: how are you today?"]);
  assert.deepEqual(await screen.tap(shown.tag), [], "the app is open already, and goes there");
  await heading(sam, "A reminder");
  await link(sam, "You asked to be reminded to get in touch, about now.").waitFor();
  await browsers.look(sam, "app-reminder");

  // Delivered twice, it stands there once; its action answers without the app.
  await screen.deliver(question.data);
  const twice = await screen.deliver(question.data);
  assert.equal(twice.length, 1, "a push that comes twice replaces the first (R14)");
  [shown] = twice;
  assert.equal(shown.body, "You asked to be reminded: how are you today?");
  assert.deepEqual(
    shown.actions.map(({ title }) => title),
    ["Well", "Low"],
  );
  assert.deepEqual(await screen.tap(shown.tag, "mood-4"), [], "nothing is opened");
  await until("an empty screen", async () => (await screen.shown()).length === 0);
  await place(sam, "Today");
  await sam.getByText("Nothing is asked of you right now.").waitFor();

  // On a discreet screen, and with nobody signed in, a tap leads to the page that needs no signing in: see `leaving`.
  const discreet = await Screen.of(alex, `${browsers.own}/app`);
  [shown] = await discreet.deliver(devices.alex.pushes[0].data);
  assert.deepEqual([shown.title, shown.body, shown.actions], ["Reminder", "You have a reminder.", []]);
  const unreadable = await discreet.deliver("no JSON");
  assert(
    unreadable.every(({ body }) => body === "You have a reminder."),
    "a push always shows something, and always this",
  );
}

/** Without a network the shell opens, an answer is taken, and it is sent when there is one again. */
async function offline(page) {
  const context = page.context();
  await place(page, "Today");
  await button(page, "Answer").or(link(page, "Answer")).first().waitFor();
  const kept = await context.storageState({ indexedDB: true }).then(JSON.stringify);
  assert(!kept.includes("Sam") && !kept.includes("red"), "nothing that anybody wrote is kept on the device");
  await context.setOffline(true);
  await page.reload();
  await heading(page, "Today");
  await page.getByText("You are offline.").waitFor();
  await browsers.look(page, "app-offline");
  await press(link(page, "Answer").first());
  await heading(page, "How are you right now?");
  await browsers.look(page, "app-question");
  await tabTo(page, "summary");
  await page.keyboard.press("Enter");
  await tabTo(page, "[name=TIRED]");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("Please tap how you are").waitFor();
  await browsers.look(page, "app-question-more");
  await write(page.getByLabel("A note"), "Tea helped.");
  await tabTo(page, "details .face[value='3']");
  await page.keyboard.press("Enter");
  await heading(page, "Thank you");
  await page.getByText("It is kept on this device").waitFor();
  await page.reload();
  await page.getByText("One answer waits on this device").waitFor();
  const waiting = await context.storageState({ indexedDB: true }).then(JSON.stringify);
  assert(waiting.includes("answeredAt"), "it counts from when it was given, not from when it is sent");
  await context.setOffline(false);
  await until("the answer at the service", async () => {
    await page.reload();
    await heading(page, "Today");
    return (await page.getByText("waits on this device").count()) === 0;
  });
  const caches = await page.evaluate(async () => {
    const names = await caches.keys();
    const paths = await Promise.all(
      names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)),
    );
    return paths.flat();
  });
  assert(
    caches.length > 20 && caches.every((path) => /^\/(app(\/[\w.-]+)?|assets\/[\w.-]+)$/.test(path)),
    `only the shell: ${caches}`,
  );
}

/** Tabs and the service worker that all need a new token at once, and an answer to that which never came (R31). */
async function races(page) {
  const context = page.context();
  const others = await Promise.all([1, 2, 3].map(() => context.newPage()));
  let [running, most, exchanged] = [0, 0, 0];
  const watch = async (route) => {
    if (!route.request().postData()?.includes("refreshSession")) return route.continue();
    running += 1;
    exchanged += 1;
    most = Math.max(most, running);
    const response = await route.fetch();
    running -= 1;
    return route.fulfill({ response });
  };
  await context.route("**/graphql", watch);
  for (let round = 0; round < 3; round += 1) {
    await Promise.all([page, ...others].map((tab) => tab.goto(`${browsers.own}/app?${round}`)));
    await Promise.all([page, ...others].map((tab) => heading(tab, "Today")));
  }
  assert(exchanged >= 12 && most === 1, `${exchanged} exchanges, ${most} at once`);
  await context.unroute("**/graphql", watch);
  await Promise.all(others.map((tab) => tab.close()));
  let lost = 0;
  await page.route("**/graphql", async (route) => {
    if (!route.request().postData()?.includes("refreshSession")) return route.continue();
    // The first arrives and its answer does not; the others do not even arrive.
    lost += 1;
    if (lost === 1) await route.fetch();
    return route.abort();
  });
  await page.reload();
  await page.getByText("You are offline.").waitFor();
  assert(lost > 0);
  // Longer than the grace: whoever lost an answer is not somebody who copied a token.
  await new Promise((resolve) => setTimeout(resolve, 16_000));
  await page.unroute("**/graphql");
  await page.reload();
  await page.getByText(/^Hello /).waitFor();
  await page.reload();
  await page.getByText(/^Hello /).waitFor();
}

/** The chart of both, as it is a few days later: the times at which the answers came are moved, to be looked at. */
async function days(page) {
  await page.route("**/graphql", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    const scene = answer.data?.node;
    if (scene?.myCheckIns) {
      scene.myCheckIns.forEach((one, index) => {
        const answeredAt = new Date(Date.parse(one.dueAt) + 20 * 60_000).toISOString();
        one.state = "ANSWERED";
        one.answer = { mood: [4, 2, 4][index], signs: [], need: "", note: "", share: "MOOD", answeredAt };
      });
      scene.partnerCheckIns.forEach((one, index) => {
        one.shared = { mood: [5, 3, 3][index], signs: null, need: null, note: null };
      });
    }
    await route.fulfill({ response, json: answer });
  });
  await page.reload();
  await heading(page, "The days after");
  await browsers.look(page, "app-days-after");
  await page.unroute("**/graphql");
  await place(page, "Days");
  await browsers.look(page, "app-days");
}

/** A passkey is made, logs in, and proves who takes everything out. */
async function passkey(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await place(page, "Settings");
  await browsers.look(page, "app-settings");
  await press(button(page, "Add a passkey"));
  await page.getByText(/^Passkey “/).waitFor();
  await press(button(page, "Log out"));
  await heading(page, "Log in");
  assert.deepEqual(await kept(page), NOTHING, "nothing is left on the device");
  await press(button(page, "Log in with a passkey"));
  await heading(page, "Today");
}

/** Has the next such mutation ask for a proof, as it does five minutes after a log-in. */
async function askForProof(page, name) {
  let asked = false;
  await page.route("**/graphql", (route) => {
    if (asked || !route.request().postData()?.includes(name)) return route.fallback();
    asked = true;
    const problems = [{ field: "", code: "REAUTHENTICATION_REQUIRED", sentence: "Please show once more that it is you." }];
    return route.fulfill({ json: { data: { [name]: { problems } } } });
  });
}

async function takeOut(page) {
  await place(page, "Settings");
  await askForProof(page, "requestExport");
  await press(button(page, "Take everything out"));
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await browsers.look(page, "app-proof");
  await page.keyboard.press("Escape");
  await page.getByRole("alert").getByText("Nothing was done.").waitFor();
  await askForProof(page, "requestExport");
  await press(button(page, "Take everything out"));
  await write(dialog.getByLabel("Password"), "not my password at all");
  await press(button(page, "Go on"));
  await dialog.getByRole("alert").waitFor();
  await press(button(page, "Use a passkey"));
  await until("the export", async () => {
    await page.getByText("Your file is").first().waitFor();
    if (await button(page, "Get it").isVisible()) return true;
    await page.reload();
    return false;
  });
  await press(button(page, "Get it"));
  await heading(page, "Your export");
  await browsers.look(page, "app-export");
  const download = page.waitForEvent("download");
  await press(button(page, "Download"));
  assert.equal((await download).suggestedFilename(), "export.zip");
  await press(link(page, "Open it in this browser"));
  await heading(page, "Today");
  await place(page, "Settings");
  await press(button(page, "Erase my account"));
  await heading(page, "Erase my account");
  await browsers.look(page, "app-erase");
  await press(button(page, "Erase it"));
  await page.getByText("Everything of you is to be erased on").waitFor();
  await press(button(page, "Undo that"));
  await button(page, "Erase my account").waitFor();
}

/** Leaving leaves nothing behind "back", and signing out elsewhere empties the device. */
async function leaving(page, devices) {
  for (const go of [
    () => press(link(page, "Leave quickly")),
    async () => {
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
    },
  ]) {
    await page.goto(`${browsers.own}/healthz`);
    await page.goto(`${browsers.own}/app`);
    await place(page, "People");
    await place(page, "Days");
    await go();
    await page.waitForURL(`${browsers.own}/leave`);
    await page.goBack();
    assert.equal(page.url(), `${browsers.own}/healthz`, '"back" does not return to the app');
  }
  await page.goto(`${browsers.own}/app`);
  await place(page, "Settings");
  const other = await page.context().newPage();
  await other.goto(`${browsers.own}/app`);
  await heading(other, "Today");
  // Without a network, with an answer that waits: the device is emptied all the same, in every tab.
  await page.context().setOffline(true);
  await page.goto(`${browsers.own}/app#/check-in/CheckIn_01a213e9ad4e70929c656bf85f4c16bc`);
  await heading(page, "How are you right now?");
  await press(button(page, "Low").first());
  await heading(page, "Thank you");
  assert.equal((await kept(page))[1], 1);
  await place(page, "Settings");
  await press(button(page, "Log out"));
  await heading(page, "Log in");
  await heading(other, "Log in");
  assert.deepEqual(await kept(page), NOTHING);
  await page.context().setOffline(false);
  const screen = await Screen.of(page, `${browsers.own}/app`);
  const [shown] = await screen.deliver(devices.alex.pushes[0].data);
  const [opened] = await screen.tap(shown.tag);
  assert.equal(
    opened,
    JSON.parse(devices.alex.pushes[0].data).notification.navigate,
    "where nobody is signed in, a tap needs no signing in",
  );
}

/** A device that was signed out elsewhere says that an answer was not sent, and keeps what shows that it is known. */
async function signedOut(page) {
  await place(page, "Today");
  await press(link(page, "Answer").first());
  await heading(page, "How are you right now?");
  // The answer of the service to whoever is signed out, to this request and to the exchange after it.
  await page.route("**/graphql", (route) => {
    if (route.request().postData()?.includes("refreshSession")) {
      const problems = [{ code: "EXPIRED", sentence: "This device is signed out." }];
      return route.fulfill({ json: { data: { refreshSession: { status: "REFUSED", tokens: null, problems } } } });
    }
    return route.fulfill({ json: { errors: [{ message: "", extensions: { code: "UNAUTHENTICATED" } }] } });
  });
  await press(button(page, "Low").first());
  await page.getByRole("alert").getByText("the answer was not sent").waitFor();
  await page.unroute("**/graphql");
  assert.deepEqual(await kept(page), [["earlier"], 0, 0, 0]);
}

/** Whoever was signed out shows at the next log-in that this device is known, and keeps nothing of it. */
async function again(page, email) {
  await page.goto(`${browsers.own}/app`);
  const asked = page.waitForRequest((request) => request.postData()?.includes("logIn(input"));
  await logIn(page, email);
  const { earlierRefreshToken } = JSON.parse((await asked).postData()).variables.input;
  assert.match(earlierRefreshToken, /^[\w-]{43}$/);
  assert(!(await kept(page))[0].includes("earlier"));
}

/** Where the browser takes no service worker, everything else goes on: above all, logging out empties the device. */
async function withoutWorker(email) {
  const page = await browsers.open({ serviceWorkers: "block" });
  await page.context().grantPermissions(["notifications"], { origin: browsers.own });
  await page.goto(`${browsers.own}/app`);
  await heading(page, "Log in");
  await logIn(page, email);
  await place(page, "Settings");
  await press(button(page, "Turn on"));
  await page.getByRole("alert").getByText("could not reach its push service").waitFor();
  await press(button(page, "Log out"));
  await heading(page, "Log in");
  assert.deepEqual(await kept(page), NOTHING);
}

const push = await PushService.start();
const insecure = JSON.stringify([push.origin]);
// A manifest of some other app: the companion's own documents are executed all the same, and no others.
const folder = mkdtempSync(join(tmpdir(), "evenkeel-manifest-"));
const manifest = join(folder, "documents.json");
writeFileSync(manifest, JSON.stringify({ other: "{ viewer { account { id } } }" }));
const settings = {
  EVENKEEL_PUSH_INSECURE_ORIGINS: insecure,
  EVENKEEL_TRUSTED_DOCUMENTS: manifest,
  EVENKEEL_TRUSTED_DOCUMENTS_ONLY: "true",
};
const service = await Service.start(binary, settings, "localhost");
const browsers = new Browsers(service.url, pictures);
try {
  const [alex, sam] = [await browsers.open({}), await browsers.open({})];
  const devices = { alex: push.device(), sam: push.device() };
  for (const [page, device] of [
    [alex, devices.alex],
    [sam, devices.sam],
  ]) {
    await page.context().grantPermissions(["notifications"], { origin: browsers.own });
    await PushService.lend(page.context(), device);
    page.on("pageerror", (error) => {
      throw error;
    });
  }
  // Sam lives the whole story without a pointer.
  keyboardOnly(sam);
  const alexs = await enter(alex, "Alex", "Europe/Berlin");
  await enter(sam, "Sam", "America/Los_Angeles");
  await installable(alex);
  await turnOnPush(alex, false);
  await turnOnPush(sam, true);
  await tie(alex, sam);
  await agree(alex, sam);
  await recordScene(alex, "Sam", 1.02, true);
  await writeAftercare(alex);
  await screens(alex, sam, devices);
  await offline(alex);
  await races(alex);
  await recordScene(sam, "Alex", 49, false);
  await days(sam);
  await part(alex, "Sam");
  await alone(alex);
  await recordScene(alex, "Sam", 1.05, false);
  await signedOut(alex);
  await again(alex, alexs);
  await passkey(sam);
  await takeOut(sam);
  await leaving(alex, devices);
  await withoutWorker(alexs);
  browsers.finish();
} finally {
  await browsers.close();
  await service.stop();
  push.stop();
  rmSync(folder, { recursive: true });
}
