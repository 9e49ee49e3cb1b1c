// The pages in a real Chromium: at phone size, light and dark, without JavaScript, once by the keyboard alone; axe-core
// finds nothing, nothing comes from elsewhere, and a picture of each is kept.
//
//   node tests/browser/pages.mjs BINARY FOLDER-FOR-PICTURES
import assert from "node:assert/strict";
import { Browsers, heading } from "./browser.mjs";
import { checkSignatures, dkimSettings } from "./dkim.mjs";
import { tabTo } from "./interactions.mjs";
import { PASSWORD, Service } from "./service.mjs";

const [binary, pictures] = process.argv.slice(2);
assert(binary && pictures, "usage: node pages.mjs BINARY FOLDER-FOR-PICTURES");

async function verifyAndReset(page, auditor, service, alex, sam) {
  await page.goto(alex.verify);
  await heading(page, "Confirm the address");
  await browsers.look(page, "verify", auditor);
  await tabTo(page, "#leave");
  await tabTo(page, "#password");
  await page.keyboard.type(PASSWORD);
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.getByText("The address is confirmed.").waitFor();
  await browsers.look(page, "verify-done", auditor);
  await page.goto(alex.verify);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("was used already").waitFor();
  await browsers.look(page, "verify-used", auditor);
  await page.goto(sam.verify);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Confirm" }).click();

  await service.ask("mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }", { e: sam.email });
  await page.goto(await service.link(sam.email, "/reset/"));
  await browsers.look(page, "reset", auditor);
  await page.getByLabel("New password").fill("aaaaaaaaaaaaaaaa");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("alert").waitFor();
  assert.match(await page.title(), /^Error: /);
  await browsers.look(page, "reset-error", auditor);
  await page.getByRole("alert").getByRole("link").click();
  assert.equal(await page.evaluate(() => document.activeElement.id || location.hash), "password");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The new password is set, and").waitFor();
  await browsers.look(page, "reset-done", auditor);
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
  await browsers.look(page, "question", auditor);
  await page.getByRole("button", { name: "In between" }).first().click();
  await heading(page, "Thank you");
  await browsers.look(page, "question-done", auditor);
  // Loaded again, the browser sends the form again.
  await page.reload();
  await heading(page, "Thank you");
  // Opened again, the link looks as before and does nothing more; what was written is still there.
  await page.goto(link);
  await heading(page, "How are you right now?");
  await page.locator("summary").click();
  await page.locator("#note").fill("tea");
  await page.locator("details .face[value='4']").click();
  await page.getByRole("alert").getByText("Nothing was changed").waitFor();
  assert.equal(await page.locator("#note").inputValue(), "tea");

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
  await browsers.look(page, "question-more", auditor);
  await tabTo(page, "details .face[value='4']");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await browsers.look(page, "question-error", auditor);
  await page.getByRole("alert").getByRole("link").click();
  await page.locator("#note").fill("tea");
  assert(await page.locator("[name=sign-tired][value=a_lot]").isChecked(), "what was said is not lost");
  await tabTo(page, "details .face[value='4']");
  await page.keyboard.press("Space");
  await heading(page, "Thank you");

  // Later, which uses the link up.
  link = await question(sam);
  await page.goto(link);
  await page.getByRole("button", { name: "Ask again in an hour" }).click();
  await heading(page, "All right");
  await browsers.look(page, "question-later", auditor);
  await page.goto(link);
  await page.getByRole("button", { name: "Skip this one" }).click();
  await page.getByRole("alert").getByText("Nothing was changed").waitFor();
  await page.goto(`${service.url}/preferences/nothing-like-it`);
  await heading(page, "This link does not work");
  await browsers.look(page, "gone", auditor);
}

async function choosing(page, auditor, service, sam) {
  const mail = service.mails().find((one) => one.to === sam.email && one.links.length > 1);
  const preferences = mail.links[1];
  await page.goto(preferences);
  await browsers.look(page, "preferences", auditor);
  await tabTo(page, "[name=pause]");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "form button");
  await page.keyboard.press("Enter");
  await page.getByText("It is as you chose.").waitFor();
  await browsers.look(page, "preferences-done", auditor);
  await page.goto(preferences.replace("/preferences/", "/unsubscribe/"));
  await browsers.look(page, "unsubscribe", auditor);
  await page.getByRole("button", { name: "No more e-mails" }).click();
  await page.getByText("No more reminders come by e-mail.").waitFor();
  await browsers.look(page, "unsubscribe-done", auditor);
  const account = (await service.ask("{ viewer { account { mailWanted paused } } }", {}, sam.token)).viewer.account;
  assert.deepEqual(account, { mailWanted: false, paused: true });
  return preferences;
}

async function leaving(page, scripted, auditor, preferences) {
  await page.goto(`${browsers.own}/open`);
  await browsers.look(page, "open", auditor);
  await page.getByRole("link", { name: "Leave quickly" }).click();
  await heading(page, "This page is blank.");
  await browsers.look(page, "leave", auditor);
  for (const go of [
    () => scripted.getByRole("link", { name: "Leave quickly" }).click(),
    async () => { await scripted.keyboard.press("Escape"); await scripted.keyboard.press("Escape"); },
  ]) {
    await scripted.goto(`${browsers.own}/healthz`);
    await scripted.goto(preferences);
    await go();
    await scripted.waitForURL(`${browsers.own}/leave`);
    await scripted.goBack();
    assert.equal(scripted.url(), `${browsers.own}/healthz`, "with JavaScript \"back\" does not return to the page that was left");
  }
}

async function outbox(page, auditor, service) {
  await page.goto(`${browsers.own}/dev/outbox`);
  await heading(page, "Mails that were not sent");
  await browsers.look(page, "outbox", auditor);
  await page.getByRole("link", { name: "Your reminder" }).first().click();
  await page.getByText("You asked to be reminded").first().waitFor();
  await browsers.look(page, "outbox-mail", auditor);
  const paper = page.frameLocator("iframe");
  await paper.getByRole("link", { name: "No more of these, or a pause" }).waitFor();
}

async function newAddress(page, auditor, service, alex) {
  const email = "alexandra@example.org";
  const ask = "mutation($e: String!) { requestEmailChange(input: { email: $e }) { status } }";
  await service.ask(ask, { e: email }, alex.token);
  await page.goto(await service.link(alex.email, "/old-address/"));
  await heading(page, "Take it back");
  await browsers.look(page, "old-address", auditor);
  await page.goto(await service.link(email, "/new-address/"));
  await heading(page, "Confirm the address");
  await browsers.look(page, "new-address", auditor);
  await page.getByLabel("Password of your account").fill(PASSWORD);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("The address is confirmed.").waitFor();
}

const service = await Service.start(binary, dkimSettings());
const browsers = new Browsers(service.url, pictures);
try {
  const page = await browsers.open({ javaScriptEnabled: false });
  const auditor = await browsers.open({});
  const scripted = await browsers.open({});
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
  await newAddress(page, auditor, service, alex);
  await checkSignatures(service.mails());
  browsers.finish();
} finally {
  await browsers.close();
  await service.stop();
}
