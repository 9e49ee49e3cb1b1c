// When check-ins are to come: the times of an agreement as fields, and back.
import { field, h, pick } from "./dom.js";

/** The usual times, for a first proposal. */
export const USUAL = [60, 1440, 2880].map((minutes) => ({ __typename: "AfterEnd", minutes }));

const [MINUTE, HOUR, DAY] = [1, 60, 1440];

/** "1 h, 24 h, 3 d" as minutes; what cannot be read is no number. */
function offsets(written) {
  return written
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one) => {
      const [, count, unit = "h"] = /^(\d+)\s*(min|m|h|d)?[a-z]*$/i.exec(one) ?? [];
      return Number(count) * { m: MINUTE, min: MINUTE, h: HOUR, d: DAY }[unit.toLowerCase()];
    });
}

const asWritten = (minutes) =>
  minutes
    .map((one) =>
      one % DAY === 0 && one > DAY ? `${one / DAY} d` : one % HOUR === 0 ? `${one / HOUR} h` : `${one} min`,
    )
    .join(", ");

/** Days of local times: whether they are counted from the end or from the parting, and how many. */
const days = (since, first, next, later) =>
  Array.from({ length: 15 }, (_, n) => [`${since} ${n}`, n === 0 ? first : n === 1 ? next : later(n)]);
const OWN_DAYS = [["", "None"], ...days("onDay", "The same day", "The next day", (n) => `${n} days later`)];
const DAYS = [
  ...OWN_DAYS,
  ...days("onDayAfterParting", "The day we part", "The day after we part", (n) => `${n} days after we part`),
];
const MOST = 4;

/** The fields of a protocol of two. */
export const pickTimes = (times) => fields(times, DAYS, true);
/** The fields of a protocol of one's own: without a parting. */
export const pickOwnTimes = (times) => fields(times, OWN_DAYS, false);

function fields(times, offered, ofTwo) {
  const minutes = (kind) => asWritten(times.filter((time) => time.__typename === kind).map((time) => time.minutes));
  const local = times.filter((time) => time.localTime);
  const day = ({ __typename, daysAfter }) => `${__typename === "OnDay" ? "onDay" : "onDayAfterParting"} ${daysAfter}`;
  const row = (_, n) =>
    h(
      "div",
      { class: "pair" },
      h("div", {}, pick(`day${n}`, `Day ${n + 1}`, offered, local[n] && day(local[n]))),
      h("div", {}, field(`clock${n}`, `Time ${n + 1}`, { type: "time", value: local[n]?.localTime ?? "" })),
    );
  return [
    field("protocol", "Check-ins after a scene", {
      value: minutes("AfterEnd"),
      hint: "Such as: 1 h, 24 h, 48 h, 3 d.",
    }),
    h(
      "details",
      { open: local.length > 0 || minutes("AfterParting") !== "" },
      h("summary", {}, ofTwo ? "At a time of day, or after you part" : "At a time of day"),
      h("p", { class: "hint" }, "A time of day is by the clock of whoever is asked, wherever they are."),
      Array.from({ length: Math.max(MOST, local.length) }, row),
      ofTwo && field("afterParting", "After we part, if we met in person", {
        value: minutes("AfterParting"),
        hint: "Such as: 1 h. It needs you to say when you part.",
      }),
    ),
  ];
}

/** What was chosen, as the API takes it, or what could not be read. */
export function timesWritten(data) {
  const problems = [];
  const after = (name, kind) => {
    const minutes = offsets(data.get(name) ?? "");
    if (minutes.some((one) => !Number.isInteger(one)))
      problems.push({ field: name, sentence: "Please write times such as: 1 h, 24 h, 48 h." });
    return minutes.map((one) => ({ [kind]: { minutes: one } }));
  };
  const protocol = [...after("protocol", "afterEnd"), ...after("afterParting", "afterParting")];
  for (let n = 0; data.has(`day${n}`); n += 1) {
    const [kind, daysAfter] = data.get(`day${n}`).split(" ");
    const localTime = data.get(`clock${n}`);
    if (kind && localTime) protocol.push({ [kind]: { daysAfter: Number(daysAfter), localTime } });
    else if (kind) problems.push({ field: `clock${n}`, sentence: "Please choose a time for that day." });
  }
  return { protocol, problems };
}
