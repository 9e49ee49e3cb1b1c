// Real Chromium with profiles of its own: every request is noted, pictures are kept, and axe-core looks for barriers.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.EVENKEEL_TEST_CHROMIUM || "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PHONE = { width: 360, height: 740 };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

/** Browsers that go through one service, and what they saw of it. */
export class Browsers {
  /** `own`: the one origin that may be asked; `pictures`: the folder for them. */
  constructor(own, pictures) {
    Object.assign(this, { own, pictures, profiles: [], elsewhere: [], blocked: [], seen: new Set(), audited: 0 });
    mkdirSync(pictures, { recursive: true });
  }

  /** A browser with a profile of its own, of which every request is noted, its service workers' too. */
  async open(options) {
    const profile = mkdtempSync(join(tmpdir(), "evenkeel-profile-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: FLAGS,
      headless: true,
      viewport: PHONE,
      deviceScaleFactor: 2,
      ...options,
    });
    context.setDefaultTimeout(15_000);
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:"].includes(url.protocol) && url.origin !== this.own) this.elsewhere.push(request.url());
    });
    context.on("console", (message) => {
      if (/Content Security Policy|Trusted|violates/.test(message.text())) this.blocked.push(message.text());
    });
    this.profiles.push({ profile, context });
    return context.pages()[0] ?? context.newPage();
  }

  async close() {
    for (const { profile, context } of this.profiles) {
      await context.close().catch(() => {});
      rmSync(profile, { recursive: true, force: true });
    }
  }

  /** Nothing came from elsewhere. */
  finish() {
    assert.deepEqual(this.elsewhere, [], "something was asked for elsewhere");
    assert.deepEqual(this.blocked, [], "a page wanted what its policy forbids");
    console.log(`${this.seen.size} pages, ${this.audited} audits, pictures in ${this.pictures}`);
  }

  /** Makes a window as high as its page: what lies under the bar at its foot now does not when one scrolls. */
  async wholly(page) {
    await page.setViewportSize(PHONE);
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ ...PHONE, height: Math.max(PHONE.height, height) });
  }

  /** Keeps a picture of a page in both colours. */
  async picture(page, name) {
    assert(!this.seen.has(name), `${name} was seen already`);
    this.seen.add(name);
    await this.wholly(page);
    await page.mouse.move(0, 0);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(this.pictures, `${name}-${colorScheme}.png`) });
    }
    for (const width of [PHONE.width, 320]) {
      await page.setViewportSize({ width, height: PHONE.height });
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.equal(wide, 0, `${name} is too wide for ${width} pixels (WCAG 2.2, 1.4.10)`);
    }
    await page.setViewportSize(PHONE);
  }

  /**
   * Has axe-core look at a page as it stands, form entries and all, and keeps a picture. axe-core needs timers, which a
   * page without JavaScript does not have: it looks at the same HTML in the browser of the `auditor` then.
   */
  async look(page, name, auditor = undefined) {
    await this.picture(page, name);
    const address = `${this.own}/audited/${name}`;
    if (auditor) {
      const body = await page.content();
      await auditor.route(address, (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body }));
    }
    const audited = auditor ?? page;
    await this.wholly(page);
    for (const colorScheme of ["light", "dark"]) {
      await audited.emulateMedia({ colorScheme });
      if (auditor) await auditor.goto(address);
      await audited.evaluate(`${AXE}; 0`);
      const found = await audited.evaluate((tags) => axe.run({ runOnly: { type: "tag", values: tags } }), RULES);
      assert(found.passes.length > 10, `axe-core looked at hardly anything on ${name}`);
      const violations = found.violations.map(
        (rule) =>
          `${rule.id}: ${rule.help}\n${rule.nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join("\n")}`,
      );
      assert.deepEqual(violations, [], `${name}, ${colorScheme}`);
      this.audited += 1;
    }
    await page.setViewportSize(PHONE);
  }
}

/** Waits for the page with that heading: a press of a button or a key has not led there yet. */
export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

/** What the device keeps: its names, how many answers wait, and what a page could keep elsewhere. */
export const kept = (page) =>
  page.evaluate(async () => {
    const request = indexedDB.open("evenkeel");
    const base = await new Promise((resolve) => {
      request.onsuccess = () => resolve(request.result);
    });
    const keys = (name) =>
      new Promise((resolve) => {
        const asked = base.transaction(name).objectStore(name).getAllKeys();
        asked.onsuccess = () => resolve(asked.result);
      });
    const [names, queue] = [await keys("kept"), await keys("queue")];
    base.close();
    return [names, queue.length, localStorage.length, sessionStorage.length];
  });
