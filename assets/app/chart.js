// The days after, as a small chart: how each answer was, by hours since the end. The same stands below it as a table.
import { h, svg } from "./dom.js";
import { MOOD } from "./words.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [320, 150, 74, 22, 12, 26];
const HOUR = 60;

const label = (minutes) =>
  minutes < 48 * HOUR ? `${Math.round(minutes / HOUR)} h` : `${Math.round(minutes / 1440)} days`;

/** Marks differ by shape and line, not by colour alone. */
const SHAPES = {
  mine: (x, y) => svg("circle", { cx: x, cy: y, r: 5, class: "mine" }),
  partners: (x, y) => svg("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, class: "partners" }),
};

/** `series`: lists of `{ minutes, mood }` under `mine` and perhaps `partners`, with the words for each. */
export function chart(series, caption) {
  const shown = series.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return undefined;
  const last = Math.max(48 * HOUR, ...shown.flatMap(({ points }) => points.map((point) => point.minutes)));
  const x = (minutes) => LEFT + (minutes / last) * (WIDTH - LEFT - RIGHT);
  const y = (mood) => TOP + ((5 - mood) / 4) * (HEIGHT - TOP - BOTTOM);
  const step = last <= 72 * HOUR ? 24 * HOUR : Math.ceil(last / (4 * 1440)) * 1440;
  const days = Array.from({ length: Math.floor(last / step) + 1 }, (_, index) => index * step);
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": caption },
    [1, 3, 5].map((mood) => [
      svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(mood), y2: y(mood) }),
      svg("text", { x: LEFT - 8, y: y(mood) + 4, "text-anchor": "end" }, MOOD[mood]),
    ]),
    days.map((minutes) => svg("text", { x: x(minutes), y: HEIGHT - 6, "text-anchor": "middle" }, label(minutes))),
    shown.map(({ kind, points }) => [
      svg("polyline", { class: kind, points: points.map((point) => `${x(point.minutes)},${y(point.mood)}`).join(" ") }),
      points.map((point) => SHAPES[kind](x(point.minutes), y(point.mood))),
    ]),
  );
  const row =
    (words) =>
    ({ minutes, mood }) =>
      h("tr", {}, shown.length > 1 && h("td", {}, words), h("td", {}, label(minutes)), h("td", {}, MOOD[mood]));
  const table = h(
    "table",
    {},
    h("caption", {}, caption),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        shown.length > 1 && h("th", { scope: "col" }, "Who"),
        h("th", { scope: "col" }, "Since the end"),
        h("th", { scope: "col" }, "How"),
      ),
    ),
    h(
      "tbody",
      {},
      shown.map(({ words, points }) => points.map(row(words))),
    ),
  );
  const key = ({ kind, words }) => h("span", { class: `key ${kind}` }, words);
  return h(
    "figure",
    {},
    picture,
    h("figcaption", {}, shown.map(key)),
    h("details", {}, h("summary", {}, "The same in words"), table),
  );
}
