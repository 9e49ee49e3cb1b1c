// Days: what one's own answers show over time. It counts, and judges nobody.
import { ask, gql } from "./api.js";
import { chart } from "./chart.js";
import { h, notNow, to, when } from "./dom.js";

const DAYS = gql`{ viewer { insight { scenes answers lows { fromHours untilHours answers lows tendsLow }
  courses(first: 10) { nodes { scene { id } endedAt points { minutesSince mood } } } } } }`;

/** One's own course after each scene. */
export async function days() {
  const { insight } = (await ask(DAYS)).viewer;
  if (!insight) return { title: "Days", body: notNow("Your days can't be shown right now. Nothing of them is lost.") };
  const tends = (insight.lows ?? [])
    .filter((one) => one.tendsLow)
    .map((one) =>
      one.untilHours === null ? `later than ${one.fromHours} hours` : `${one.fromHours} to ${one.untilHours} hours`,
    );
  const courses = insight.courses.nodes;
  return {
    title: "Days",
    body: [
      h("p", {}, "Only you ever see this."),
      !insight.lows && notNow("An answer of yours can't be read right now, so nothing can be counted from them."),
      courses.length === 0 && h("p", {}, "Nothing yet. Once you have answered, the days after each scene stand here."),
      tends.length > 0 &&
        h(
          "p",
          { class: "note" },
          `Lows tend to come ${tends.join(", and ")} after the end. You may want to plan for that.`,
        ),
      courses.map((course) =>
        h(
          "section",
          { class: "card" },
          h("h2", {}, course.scene ? to(`/scene/${course.scene.id}`, when(course.endedAt)) : when(course.endedAt)),
          chart(
            [
              {
                kind: "mine",
                words: "Me",
                points: course.points.filter(({ mood }) => mood).map(({ minutesSince, mood }) => ({ minutes: minutesSince, mood })),
              },
            ],
            "How it was, by hours since the end",
          ),
        ),
      ),
    ],
  };
}
