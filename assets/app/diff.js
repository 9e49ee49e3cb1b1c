// What changed from one text to another, word by word, to be seen and to be heard.
import { h } from "./dom.js";

/** Words and signs, each with the blanks behind it; these make no difference. */
const split = (text) => text.match(/[\p{L}\p{N}'’-]+\s*|[^\p{L}\p{N}\s]\s*|\s+/gu) ?? [];
const same = (one, other) => one.trim() === other.trim();

/** The words of two texts in order, each kept, gone or new (longest common subsequence). */
export function changes(before, after) {
  const [old, young] = [split(before), split(after)];
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(young.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = young.length - 1; j >= 0; j -= 1) {
      common[i][j] = same(old[i], young[j]) ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const parts = [];
  const add = (kind, word) => {
    const last = parts.at(-1);
    if (last?.kind === kind) last.text += word;
    else parts.push({ kind, text: word });
  };
  let [i, j] = [0, 0];
  while (i < old.length || j < young.length) {
    if (i < old.length && j < young.length && same(old[i], young[j])) {
      add("kept", young[j]);
      i += 1;
      j += 1;
    } else if (i < old.length && (j === young.length || common[i + 1][j] >= common[i][j + 1])) {
      add("gone", old[i]);
      i += 1;
    } else {
      add("new", young[j]);
      j += 1;
    }
  }
  return parts;
}

const hidden = (words) => h("span", { class: "unseen" }, words);

/** The later text with what is new and what is gone marked. Whoever cannot see the marks hears them. */
export function marked(before, after) {
  if (before === undefined || before === after) return after === "" ? h("i", { class: "hint" }, "nothing") : after;
  return changes(before, after).map(({ kind, text }) => {
    if (kind === "kept") return text;
    const [name, say] = kind === "new" ? ["ins", "new: "] : ["del", "gone: "];
    return h(name, {}, hidden(say), text, hidden("; "));
  });
}
