// The pages in a real Chromium: at phone size, light and dark, without JavaScript, once by the keyboard alone; axe-core
// finds nothing, nothing comes from elsewhere, and a picture of each is kept.
//
//   node tests/browser/pages.mjs BINARY FOLDER-FOR-PICTURES
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { PASSWORD, Service } from "./service.mjs";
import { checkSignatures, dkimSettings } from "./dkim.mjs";

const [binary, pictures] = process.argv.slice(2);
assert(binary && pictures, "usage: node pages.mjs BINARY FOLDER-FOR-PICTURES");
const CHROMIUM = process.env.EVENKEEL_TEST_CHROMIUM || "/usr/bin/chromium";
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const PHONE = { width: 360, height: 740 };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

const profiles = [];
const elsewhere = [];
let own;

/** A browser with a profile of its own, of which every request is noted. */
async function browser(options) {
  const profile = mkdtempSync(join(tmpdir(), "evenkeel-profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM, args: FLAGS, headless: true, viewport: PHONE, deviceScaleFactor: 2, ...options,
  });
  context.setDefaultTimeout(15_000);
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== own) elsewhere.push(request.url());
  });
  profiles.push({ profile, context });
  return context.pages()[0] ?? context.newPage();
}

const seen = new Set();
let audited = 0;

/** Keeps a picture of a page in both colours and has axe-core look at it, as it stands, form entries and all. */
async function look(page, auditor, name) {
  assert(!seen.has(name), `${name} was seen already`);
  seen.add(name);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`), fullPage: true });
  }
  for (const width of [PHONE.width, 320]) {
    await page.setViewportSize({ width, height: PHONE.height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${name} is too wide for ${width} pixels (WCAG 2.2, 1.4.10)`);
  }
  await page.setViewportSize(PHONE);
  // axe-core needs timers, which a page without JavaScript does not have: it looks at the same HTML in another browser.
  const address = `${own}/audited/${name}`;
  const body = await page.content();
  await auditor.route(address, (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body }));
  for (const colorScheme of ["light", "dark"]) {
    await auditor.emulateMedia({ colorScheme });
    await auditor.goto(address);
    await auditor.evaluate(`${AXE}; 0`);
    const found = await auditor.evaluate((tags) => axe.run({ runOnly: { type: "tag", values: tags } }), RULES);
    assert(found.passes.length > 10, `axe-core looked at hardly anything on ${name}`);
    const violations = found.violations.map((rule) =>
      `${rule.id}: ${rule.help}\n${rule.nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join("\n")}`);
    assert.deepEqual(violations, [], `${name}, ${colorScheme}`);
    audited += 1;
  }
}

/** Waits for the page with that heading: a press of a button or a key has not led there yet. */
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

/** Moves on with the Tab key until an element that `css` names has the focus; every stop on the way can be seen. */
async function tabTo(page, css) {
  for (let stops = 0; stops < 80; stops += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate((wanted) => {
      const element = document.activeElement;
      const shown = element.matches(".choice input") ? element.nextElementSibling : element;
      const box = shown.getBoundingClientRect();
      const bar = document.querySelector("header").getBoundingClientRect();
      return {
        there: element.matches(wanted),
        html: element.outerHTML.slice(0, 120),
        marked: getComputedStyle(shown).outlineStyle !== "none",
        uncovered: element.id === "leave" || box.top >= bar.bottom - 1,
        inSight: box.bottom <= innerHeight + 1 && box.top >= -1,
      };
    }, css);
    assert(at.marked && at.uncovered && at.inSight, `the focus cannot be seen: ${JSON.stringify(at)}`);
    if (at.there) return;
  }
  assert.fail(`the Tab key does not lead to ${css}`);
}

async function verifyAndReset(page, auditor, service, alex, sam) {
  await page.goto(alex.verify);
  await heading(page, "Confirm the address");
  await look(page, auditor, "verify");
  await tabTo(page, "#leave");
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.getByText("The address is confirmed.").waitFor();
  await look(page, auditor, "verify-done");
  await page.goto(alex.verify);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("was used already").waitFor();
  await look(page, auditor, "verify-used");
  await page.goto(sam.verify);
  await page.getByRole("button", { name: "Confirm" }).click();

  await service.ask("mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }", { e: sam.email });
  await page.goto(await service.link(sam.email, "/reset/"));
  await look(page, auditor, "reset");
  await page.getByLabel("New password").fill("aaaaaaaaaaaaaaaa");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("alert").waitFor();
  assert.match(await page.title(), /^Error: /);
  await look(page, auditor, "reset-error");
  await page.getByRole("alert").getByRole("link").click();
  assert.equal(await page.evaluate(() => document.activeElement.id || location.hash), "password");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The new password is set.").waitFor();
  await look(page, auditor, "reset-done");
}

async function answering(page, auditor, service, alex, sam, linkId) {
  const used = [];
  const question = async (person) => {
    await service.scene(alex, linkId);
    const link = await service.link(person.email, "/c/", used);
    used.push(...service.mails().filter((mail) => mail.link.includes("/c/")).map((mail) => mail.link));
    return link;
  };

  // One tap.
  let link = await question(sam);
  await page.goto(link);
  await heading(page, "How are you right now?");
  await look(page, auditor, "question");
  await page.getByRole("button", { name: "In between" }).first().click();
  await heading(page, "Thank you");
  await look(page, auditor, "question-done");
  await page.goto(link);
  await heading(page, "Thank you");

  // By the keyboard alone, with more said and something to mend.
  link = await question(alex);
  await page.goto(link);
  await tabTo(page, "summary");
  await page.keyboard.press("Enter");
  await tabTo(page, "[name=sign-tired]");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  // Enter on a choice answers nothing, least of all with the first face.
  await page.getByRole("alert").getByText("Please tap how you are").waitFor();
  assert(await page.locator("[name=sign-tired][value=a_lot]").isChecked(), "what was said is not lost");
  await tabTo(page, "#note");
  await page.locator("#note").evaluate((note) => { note.value = "x".repeat(2001); });
  await look(page, auditor, "question-more");
  await tabTo(page, "details .face[value='4']");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await look(page, auditor, "question-error");
  await page.getByRole("alert").getByRole("link").click();
  await page.locator("#note").fill("tea");
  assert(await page.locator("[name=sign-tired][value=a_lot]").isChecked(), "what was said is not lost");
  await tabTo(page, "details .face[value='4']");
  await page.keyboard.press("Space");
  await heading(page, "Thank you");

  // Later, then skipped.
  link = await question(sam);
  await page.goto(link);
  await page.getByRole("button", { name: "Ask again in an hour" }).click();
  await heading(page, "All right");
  await look(page, auditor, "question-later");
  await page.goto(link);
  await page.getByRole("button", { name: "Skip this one" }).click();
  await heading(page, "Thank you");
  await page.goto(`${service.url}/c/nothing-like-it`);
  await heading(page, "This link does not work");
  await look(page, auditor, "gone");
}

async function choosing(page, auditor, service, sam) {
  const mail = service.mails().find((one) => one.to === sam.email && one.links.length > 1);
  const preferences = mail.links[1];
  await page.goto(preferences);
  await look(page, auditor, "preferences");
  await tabTo(page, "[name=pause]");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.getByText("It is as you chose.").waitFor();
  await look(page, auditor, "preferences-done");
  await page.goto(preferences.replace("/preferences/", "/unsubscribe/"));
  await look(page, auditor, "unsubscribe");
  await page.getByRole("button", { name: "No more e-mails" }).click();
  await page.getByText("No more reminders come by e-mail.").waitFor();
  await look(page, auditor, "unsubscribe-done");
  const account = (await service.ask("{ viewer { account { mailWanted paused } } }", {}, sam.token)).viewer.account;
  assert.deepEqual(account, { mailWanted: false, paused: true });
  return preferences;
}

async function leaving(page, scripted, auditor, preferences) {
  await page.goto(`${own}/open`);
  await look(page, auditor, "open");
  await page.getByRole("link", { name: "Leave quickly" }).click();
  await heading(page, "This page is blank.");
  await look(page, auditor, "leave");
  for (const go of [
    () => scripted.getByRole("link", { name: "Leave quickly" }).click(),
    async () => { await scripted.keyboard.press("Escape"); await scripted.keyboard.press("Escape"); },
  ]) {
    await scripted.goto(`${own}/healthz`);
    await scripted.goto(preferences);
    await go();
    await scripted.waitForURL(`${own}/leave`);
    await scripted.goBack();
    assert.equal(scripted.url(), `${own}/healthz`, "with JavaScript \"back\" does not return to the page that was left");
  }
}

async function outbox(page, auditor, service) {
  await page.goto(`${own}/dev/outbox`);
  await heading(page, "Mails that were not sent");
  await look(page, auditor, "outbox");
  await page.getByRole("link", { name: "Your reminder" }).first().click();
  await page.getByText("You asked to be reminded").first().waitFor();
  await look(page, auditor, "outbox-mail");
  const paper = page.frameLocator("iframe");
  await paper.getByRole("link", { name: "No more of these, or a pause" }).waitFor();
}

const service = await Service.start(binary, dkimSettings());
try {
  own = service.url;
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures, { recursive: true });
  const page = await browser({ javaScriptEnabled: false });
  const auditor = await browser({});
  const scripted = await browser({});
  const alex = await service.signUp("Alex");
  const sam = await service.signUp("Sam");
  await verifyAndReset(page, auditor, service, alex, sam);
  await service.logIn(alex);
  await service.logIn(sam);
  const linkId = await service.tie(alex, sam);
  await answering(page, auditor, service, alex, sam, linkId);
  const preferences = await choosing(page, auditor, service, sam);
  await leaving(page, scripted, auditor, preferences);
  await outbox(page, auditor, service);
  await checkSignatures(service.mails());
  assert.deepEqual(elsewhere, [], "something was asked for elsewhere");
  console.log(`${seen.size} pages, ${audited} audits, pictures in ${pictures}`);
} finally {
  for (const { profile, context } of profiles) {
    await context.close().catch(() => {});
    rmSync(profile, { recursive: true, force: true });
  }
  await service.stop();
}
