// Elements, fields and forms. Text becomes text and never markup.
import { Fault, Offline, SignedOut } from "./api.js";

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false),
  );
  return element;
}

/** An element of HTML; `on…` are listeners, and what is false, null or undefined is left out. */
export const h = (name, properties, ...children) => fill(document.createElement(name), properties, children);
/** An element of SVG. */
export const svg = (name, properties, ...children) => fill(document.createElementNS(SVG, name), properties, children);

/** A link inside the app. */
export const to = (place, words, properties) => h("a", { href: `/app#${place}`, ...properties }, words);
/** A link that looks like a button. */
export const way = (place, words, plain) => to(place, words, { class: plain ? "button plain" : "button" });

let numbers = 0;
const fresh = (name) => `${name}-${(numbers += 1)}`;

/** One line to type, or with `rows` several. */
export function field(name, words, { hint, rows, value = "", ...rest } = {}) {
  const id = fresh(name);
  const properties = { id, name, ...(hint && { "aria-describedby": `${id}-hint` }), ...rest };
  const control = rows
    ? h("textarea", { rows, ...properties }, value)
    : h("input", { type: "text", value, ...properties });
  return [h("label", { for: id }, words), hint && h("p", { class: "hint", id: `${id}-hint` }, hint), control];
}

/** One of several. */
export function pick(name, words, options, chosen) {
  const id = fresh(name);
  const option = ([value, label]) => h("option", { value, selected: value === (chosen ?? "") }, label);
  return [h("label", { for: id }, words), h("select", { id, name }, options.map(option))];
}

const line = (type, name, value, words, checked) =>
  h("label", { class: "line" }, h("input", { type, name, value, checked }), h("span", {}, words));

/** One of a few, all in sight. */
export const radios = (name, legend, options, chosen) =>
  h(
    "fieldset",
    {},
    h("legend", {}, legend),
    options.map(([value, words]) => line("radio", name, value, words, value === (chosen ?? ""))),
  );

/** Any of several. */
export const boxes = (name, legend, options, chosen = []) =>
  h(
    "fieldset",
    {},
    h("legend", {}, legend),
    h(
      "div",
      { class: "boxes" },
      options.map(([value, words]) => line("checkbox", name, value, words, chosen.includes(value))),
    ),
  );

/** Yes or no. */
export const box = (name, words, checked, properties) =>
  h("label", { class: "line" }, h("input", { type: "checkbox", name, checked, ...properties }), h("span", {}, words));

/** One of three beside each other. */
export const degrees = (name, legend, options, chosen = "") =>
  h(
    "fieldset",
    { class: "sign" },
    h("legend", {}, legend),
    h(
      "div",
      { class: "degrees" },
      options.map(([value, words]) =>
        h(
          "label",
          { class: "choice" },
          h("input", { type: "radio", name, value, checked: value === chosen }),
          h("span", {}, words),
        ),
      ),
    ),
  );

/** What must be looked at again: beside each field, and on top of the form with links to where. */
function problemBox(form, problems) {
  for (const old of form.querySelectorAll(".problems, .problem")) old.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    if (control.dataset.hint !== undefined) control.setAttribute("aria-describedby", control.dataset.hint);
  }
  if (problems.length === 0) return;
  const entry = ({ field: name = "", sentence }) => {
    const last = name.replace(/\[.*/, "").split(".").pop();
    const control = [...form.elements].find((one) => one.name === last && one.id);
    if (!control) return h("li", {}, sentence);
    const note = h("p", { class: "problem", id: `${control.id}-problem` }, sentence);
    (control.closest(".line") ?? control).after(note);
    control.setAttribute("aria-invalid", "true");
    control.dataset.hint ??= control.getAttribute("aria-describedby") ?? "";
    control.setAttribute("aria-describedby", `${control.dataset.hint} ${note.id}`.trim());
    const jump = (event) => {
      event.preventDefault();
      control.focus();
    };
    const label = control.labels[0]?.textContent.replace(/\.$/, "");
    return h("li", {}, h("a", { href: `#${control.id}`, onclick: jump }, label ? `${label}: ${sentence}` : sentence));
  };
  const list = h("ul", {}, problems.map(entry));
  const summary = h(
    "div",
    { class: "problems", role: "alert", tabindex: "-1" },
    h("h2", {}, "Please look at this again"),
    list,
  );
  form.prepend(summary);
  summary.focus();
  summary.scrollIntoView({ block: "nearest" });
}

/** Tells in words what went wrong. Whoever is signed out is led elsewhere. */
export function told(error) {
  if (error instanceof SignedOut) throw error;
  if (error instanceof Offline || error instanceof Fault) return error.message;
  return "Something went wrong here. Please try again.";
}

/**
 * A form. `act` gets what was written and the button that was pressed, and answers with problems or with nothing; it
 * is not begun twice at once.
 */
export function form(children, button, act) {
  let busy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    element.setAttribute("aria-busy", "true");
    try {
      problemBox(element, (await act(new FormData(element, event.submitter), event.submitter)) ?? []);
    } catch (error) {
      problemBox(element, [{ sentence: told(error) }]);
    } finally {
      busy = false;
      element.removeAttribute("aria-busy");
    }
  };
  const press = button && h("button", { type: "submit" }, button);
  const element = h("form", { onsubmit: submit, novalidate: true, autocomplete: "off" }, children, press);
  return element;
}

/** Says in the place of something that it could not be read: it is not gone, and not empty. */
export const notNow = (sentence) => h("p", { class: "note" }, `${sentence} Please try again in a moment.`);

/** A form that is one button. */
export const press = (words, act, plain = true) =>
  form(h("button", { type: "submit", class: plain && "plain" }, words), undefined, act);

/** Says something aloud to whoever does not see it. */
export function say(words) {
  document.getElementById("said").textContent = words;
}

/** An instant in the person's own words. */
export const when = (instant) =>
  new Date(instant).toLocaleString([], {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });

/** An instant as `datetime-local` takes it, and back. */
export const asLocal = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
export const fromLocal = (text) => (text ? new Date(text).toISOString() : undefined);
