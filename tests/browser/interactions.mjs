// How somebody does things on a page: with a finger, or by the keyboard alone, and then sees at each stop where they
// are (WCAG 2.2: 2.1.1, 2.4.7, 2.4.11).
import assert from "node:assert/strict";

const MOST_STOPS = 120;
const withoutFinger = new WeakSet();

/** From now on this page is gone through by the keyboard alone. */
export const keyboardOnly = (page) => withoutFinger.add(page);

/** One stop further, which can be seen. */
async function stop(page, key) {
  await page.keyboard.press(key);
  const at = await page.evaluate(() => {
    const element = document.activeElement;
    // Between the last stop and the first one is the browser's own.
    if (element === document.body) return { marked: true, uncovered: true, inSight: true };
    const shown = element.matches(".choice input") ? element.nextElementSibling : element;
    const box = shown.getBoundingClientRect();
    const bar = document.querySelector("header").getBoundingClientRect();
    const foot = document.querySelector("nav:not([hidden])")?.getBoundingClientRect();
    return {
      html: element.outerHTML.slice(0, 120),
      marked: getComputedStyle(shown).outlineStyle !== "none",
      uncovered:
        Boolean(element.closest("header, nav, dialog")) ||
        (box.top >= bar.bottom - 1 && !(foot && box.bottom > foot.top + 1)),
      inSight: box.bottom <= innerHeight + 1 && box.top >= -1,
    };
  });
  assert(at.marked && at.uncovered && at.inSight, `the focus cannot be seen: ${JSON.stringify(at)}`);
}

/** Moves on with the Tab key until an element that `css` names has the focus. */
export async function tabTo(page, css) {
  for (let stops = 0; stops < MOST_STOPS; stops += 1) {
    await stop(page, "Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), css)) return;
  }
  assert.fail(`the Tab key does not lead to ${css}`);
}

/** Moves by the Tab key, towards an element, until it or one of its group of choices has the focus. */
async function reach(target) {
  const page = target.page();
  // A view that is on its way takes the focus to its top; what waits behind a dialog takes nothing.
  await page.waitForFunction(() => !(document.querySelector("dialog[open]") ?? document).querySelector("[aria-busy]"));
  for (let stops = 0; stops < MOST_STOPS; stops += 1) {
    const way = await target.evaluate((element) => {
      const now = document.activeElement;
      const together = element.type === "radio" && now.form === element.form && now.name === element.name;
      if (now === element || together) return "there";
      return now.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING ? "Shift+Tab" : "Tab";
    });
    if (way === "there") return;
    await stop(page, way);
  }
  assert.fail(`the Tab key does not lead to ${target}`);
}

/** Types a time part by part, as a browser in American English has them. */
async function writeTime({ keyboard }, text) {
  const [, year, month, day, hour, minute] = /^(?:(\d+)-(\d+)-(\d+)T)?(\d+):(\d+)$/.exec(text) ?? [];
  if (year) {
    await keyboard.type(month + day + year);
    // A year may have more digits than four.
    await keyboard.press("ArrowRight");
  }
  if (hour) {
    const twelve = String(hour % 12 || 12).padStart(2, "0");
    return keyboard.type(`${twelve}${minute}${hour < 12 ? "AM" : "PM"}`);
  }
  for (const key of ["Backspace", "ArrowRight", "Backspace", "ArrowRight", "Backspace"]) await keyboard.press(key);
}

/** Presses a button, follows a link, opens what is folded. */
export async function press(target) {
  if (!withoutFinger.has(target.page())) return target.click();
  await reach(target);
  return target.page().keyboard.press("Enter");
}

/** Writes into a field in place of what stands there. */
export async function write(target, text) {
  if (!withoutFinger.has(target.page())) return target.fill(text);
  const { keyboard } = target.page();
  await reach(target);
  const kind = await target.evaluate((field) => field.type);
  if (kind === "time" || kind === "datetime-local") {
    await writeTime(target.page(), text);
  } else {
    await keyboard.press("ControlOrMeta+A");
    await (text ? keyboard.type(text) : keyboard.press("Delete"));
  }
  const written = await target.inputValue();
  assert.equal(written, text);
}

/** Chooses in a list. */
export async function choose(target, value) {
  if (!withoutFinger.has(target.page())) return target.selectOption(value);
  await reach(target);
  const words = await target.evaluate(
    (list, wanted) => [...list.options].find(({ value, text }) => value === wanted || text === wanted).text,
    value,
  );
  await target.page().keyboard.type(words);
  const chosen = await target.evaluate((list) => list.selectedOptions[0].text);
  assert.equal(chosen, words);
}

/** Ticks a box, or one of several choices. */
export async function tick(target) {
  if (!withoutFinger.has(target.page())) return target.check();
  await reach(target);
  const { keyboard } = target.page();
  if ((await target.evaluate((box) => box.type)) === "checkbox") {
    if (!(await target.isChecked())) await keyboard.press("Space");
  } else {
    for (let turns = 0; turns < 10 && !(await target.isChecked()); turns += 1) await keyboard.press("ArrowDown");
  }
  assert(await target.isChecked());
}
