// Scenes of oneself alone: one's own plan for them, and recording one.
import { ask, change, gql, unread } from "./api.js";
import { asLocal, field, form, fromLocal, h, notNow, pick, radios, to, way, when } from "./dom.js";
import { needsWritten, pickNeeds } from "./needs.js";
import { pickOwnTimes, timesWritten } from "./protocol.js";
import { ROLE, SCENE, SETTING, optional, options, raised } from "./words.js";

const SOLO = gql`{ viewer { soloPlan { needs { comforts avoid grounding foodAndDrink words contact nearness anythingElse } protocol { __typename sentence ... on AfterEnd { minutes } ... on AfterParting { minutes }
    ... on OnDay { daysAfter localTime } ... on OnDayAfterParting { daysAfter localTime } } }
  soloScenes(first: 50) { nodes { id state plannedFor startedAt endedAt } } } }`;
const HOUR = 3_600_000;

/** One's own plan, and the scenes of oneself alone. */
export async function solo({ go }) {
  const { soloPlan, soloScenes } = (await ask(SOLO)).viewer;
  const own = soloScenes?.nodes ?? [];
  const plan = soloPlan?.protocol && soloPlan;
  const at = ({ plannedFor, startedAt, endedAt }) => when(endedAt ?? startedAt ?? plannedFor);
  const act = async (data) => {
    const input = {
      solo: true,
      setting: data.get("setting"),
      myRole: data.get("myRole"),
      startedAt: fromLocal(data.get("startedAt")),
      endedAt: fromLocal(data.get("endedAt")),
    };
    if (data.get("intensity")) input.intensity = Number(data.get("intensity"));
    const { scene, problems } = await change(
      gql`mutation($input: RecordSceneInput!) { recordScene(input: $input) { scene { id } problems { field sentence } } }`,
      input,
    );
    return scene ? go(`/scene/${scene.id}`) : problems;
  };
  const now = new Date();
  return {
    title: "Just me",
    body: [
      h("p", {}, "For a scene without your partner here. Only you ever see it, and nobody is reminded but you."),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "When you are asked"),
        plan
          ? [
              h("ul", { class: "list" }, plan.protocol.map((time) => h("li", {}, `${raised(time.sentence)}.`))),
              way("/solo/plan", plan.needs ? "Change my plan" : "Write down what I need", true),
            ]
          : notNow("Your plan can't be read right now."),
      ),
      !soloScenes && notNow("We can't show your scenes right now."),
      own.length > 0 && h("h2", {}, "Scenes of mine"),
      own.length > 0 &&
        h(
          "ul",
          { class: "list" },
          own.map((scene) => h("li", {}, to(`/scene/${scene.id}`, at(scene)), ` (${SCENE[scene.state]})`)),
        ),
      h("h2", {}, "Record a scene"),
      form(
        [
          radios("setting", "Where", options(SETTING), "IN_PERSON"),
          pick("myRole", "My role", options(ROLE), "SWITCH"),
          pick(
            "intensity",
            "How intense",
            optional({ 1: "1, light", 2: "2", 3: "3", 4: "4", 5: "5, very" }, "Not said"),
          ),
          field("startedAt", "It began", { type: "datetime-local", value: asLocal(new Date(now - HOUR)) }),
          field("endedAt", "It ended", { type: "datetime-local", value: asLocal(now) }),
        ],
        "Record it",
        act,
      ),
    ],
  };
}

/** The plan. */
export async function soloPlan({ go }) {
  const data = await ask(SOLO);
  const found = data.viewer.soloPlan;
  // An empty form would say that nothing was written.
  if (!found || unread(data, "viewer.soloPlan").length > 0) {
    return { title: "My own plan", body: notNow("Your plan can't be read right now.") };
  }
  const act = async (data) => {
    const { protocol, problems: unread } = timesWritten(data);
    if (unread.length > 0) return unread;
    const { problems } = await change(
      gql`mutation($input: WriteSoloPlanInput!) { writeSoloPlan(input: $input) { status problems { field sentence } } }`,
      { needs: needsWritten(data), protocol },
    );
    return problems.length > 0 ? problems : go("/solo");
  };
  return {
    title: "My own plan",
    body: [
      h("p", {}, "Only you ever see this. It holds for scenes of yours that end from now on."),
      form([pickNeeds(found.needs), pickOwnTimes(found.protocol)], "Save", act),
    ],
  };
}
