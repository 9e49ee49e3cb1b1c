// Scenes: recording one, what was given afterwards, and the days after of both, as far as shared.
import { ask, change, gql, unread } from "./api.js";
import { chart } from "./chart.js";
import { asLocal, boxes, field, form, fromLocal, h, notNow, pick, press, radios, say, to, when } from "./dom.js";
import { missing } from "./people.js";
import { outreach } from "./today.js";
import { COMFORT, GIVER, MOOD, ROLE, SETTING, SIGN, WAY, optional, options } from "./words.js";

const LINK = gql`query($id: ID!) { node(id: $id) { ... on PartnerLink {
  id state me { role } partner { displayName role } agreedRevision { number } } } }`;
const RECORD =
  gql`mutation($input: RecordSceneInput!) { recordScene(input: $input) { scene { id } problems { field sentence } } }`;
const HOUR = 3_600_000;

/** Writes a scene down: one that is over, or one that begins now. */
export async function record({ params: [id], go }) {
  const link = (await ask(LINK, { id })).node;
  if (link?.state !== "ACTIVE") return missing;
  const act = async (data, button) => {
    const input = {
      linkId: id,
      setting: data.get("setting"),
      myRole: data.get("myRole"),
      partnerRole: data.get("partnerRole"),
    };
    if (data.get("intensity")) input.intensity = Number(data.get("intensity"));
    if (data.get("partedAt")) input.partedAt = fromLocal(data.get("partedAt"));
    if (button?.value !== "now")
      Object.assign(input, { startedAt: fromLocal(data.get("startedAt")), endedAt: fromLocal(data.get("endedAt")) });
    const { scene, problems } = await change(RECORD, input);
    return scene ? go(`/scene/${scene.id}`) : problems;
  };
  const name = link.partner.displayName ?? "Your partner";
  const now = new Date();
  return {
    title: "Record a scene",
    body: [
      h(
        "p",
        {},
        link.agreedRevision
          ? `It stands under number ${link.agreedRevision.number} of what you two agreed.`
          : "Nothing is agreed yet. Both are asked all the same, after 1, 24 and 48 hours.",
      ),
      form(
        [
          radios("setting", "Where", options(SETTING), "ONLINE"),
          pick("myRole", "My role", options(ROLE), link.me.role),
          pick("partnerRole", `${name}'s role`, options(ROLE), link.partner.role),
          pick(
            "intensity",
            "How intense",
            optional({ 1: "1, light", 2: "2", 3: "3", 4: "4", 5: "5, very" }, "Not said"),
          ),
          field("startedAt", "It began", { type: "datetime-local", value: asLocal(new Date(now - HOUR)) }),
          field("endedAt", "It ended", { type: "datetime-local", value: asLocal(now) }),
          field("partedAt", "We part, if we met in person", {
            type: "datetime-local",
            hint: "When you know it. You can also say it later.",
          }),
          h(
            "div",
            { class: "others" },
            h("button", { type: "submit" }, "It is over: record it"),
            h("button", { type: "submit", class: "plain", name: "when", value: "now" }, "It begins now"),
          ),
        ],
        undefined,
        act,
      ),
    ],
  };
}

const SCENE = gql`query($id: ID!) { node(id: $id) { ... on Scene {
  id state setting intensity plannedFor startedAt endedAt partedAt myRole partnerRole alertPermission
  link { id state partner { displayName } } revision { number terms { partnerAlert } }
  aftercare { givenBy comforts minutes note createdAt }
  outreaches { who way happenedAt }
  myCheckIns { id dueAt state answer { mood signs { sign } need note sharing answeredAt } }
  partnerCheckIns { dueAt shared { mood signs { sign degree } need note } } } } }`;

const minutesSince = (end, instant) => Math.max(0, (Date.parse(instant) - Date.parse(end)) / 60_000);

/** The moods of a scene as the chart takes them. */
function series(scene, name) {
  const mine = scene.myCheckIns.filter((one) => one.answer?.mood);
  const theirs = scene.partnerCheckIns.filter((one) => one.shared?.mood);
  return [
    {
      kind: "mine",
      words: "Me",
      points: mine.map(({ answer }) => ({
        minutes: minutesSince(scene.endedAt, answer.answeredAt),
        mood: answer.mood,
      })),
    },
    {
      kind: "partners",
      words: name,
      points: theirs.map((one) => ({ minutes: minutesSince(scene.endedAt, one.dueAt), mood: one.shared.mood })),
    },
  ];
}

/** One scene and the days after it. */
export async function scene({ params: [id], go }) {
  const data = await ask(SCENE, { id });
  const found = data.node;
  if (!found) return missing;
  const again = () => go(`/scene/${id}`);
  const name = found.link?.partner?.displayName ?? "Partner";
  const alone = !found.link;
  const active = alone || found.link.state === "ACTIVE";
  const over = found.state === "ENDED";
  const end = async () => {
    const { problems } = await change(
      gql`mutation($input: EndSceneInput!) { endScene(input: $input) {
      status problems { field sentence } } }`,
      { sceneId: id },
    );
    return problems.length > 0 ? problems : again();
  };
  const facts = [
    SETTING[found.setting],
    `you: ${ROLE[found.myRole].toLowerCase()}`,
    found.partnerRole && `${name}: ${ROLE[found.partnerRole].toLowerCase()}`,
    found.intensity && `intensity ${found.intensity} of 5`,
  ];
  const shared = found.partnerCheckIns.filter((one) => one.shared).pop();
  return {
    title: over ? "The days after" : "Scene",
    body: [
      unread(data, "node").length > 0 && notNow("We can't show everything here right now."),
      h("p", {}, found.startedAt && `From ${when(found.startedAt)}`, over && ` to ${when(found.endedAt)}`, "."),
      h("p", { class: "hint" }, `${facts.filter(Boolean).join(", ")}.`),
      !alone && found.setting === "IN_PERSON" && found.state !== "CANCELLED" && parting(found, active, again),
      found.state === "UNDER_WAY" && active && press("It is over", end, false),
      over && days(found, name, shared),
      over && found.link && active && h("details", {}, h("summary", {}, `I got in touch with ${name}`), outreach(id, again)),
      h("h2", {}, "Aftercare"),
      found.aftercare.length === 0 && h("p", {}, "Nothing was written down yet."),
      h(
        "ul",
        { class: "list" },
        found.aftercare.map((one) =>
          h(
            "li",
            {},
            // Where even what it was is missing, it is not erased but cannot be read.
            one.comforts ? `${GIVER[one.givenBy] ?? "Erased"}: ` : "This can't be read right now.",
            [...(one.comforts ?? []).map((comfort) => COMFORT[comfort].toLowerCase()), one.minutes && `${one.minutes} minutes`]
              .filter(Boolean)
              .join(", "),
            one.note && h("p", {}, one.note),
          ),
        ),
      ),
      active && h("details", {}, h("summary", {}, "Write down what was given"), aftercare(id, alone, again)),
      over && active && found.revision?.terms?.partnerAlert && alert(found, name),
    ],
  };
}

function days(found, name, shared) {
  const open = found.myCheckIns.filter((one) => one.state === "UNANSWERED");
  const drawn = chart(series(found, name), "How it was, by hours since the end");
  const said = shared?.shared;
  const signs = said?.signs?.map(({ sign }) => SIGN[sign].toLowerCase()).join(", ");
  return [
    drawn ??
      (found.myCheckIns.every((one) => !one.answer) && !shared
        ? h("p", {}, "No answers yet. Here they will be, as a small chart.")
        : undefined),
    found.link && h("h2", {}, name),
    !found.link
      ? undefined
      : said
      ? h(
          "p",
          {},
          [MOOD[said.mood] ?? "They shared something that can't be read right now", signs, said.need && `would help: ${said.need}`, said.note].filter(Boolean).join("; "),
          ".",
        )
      : h("p", {}, "No update."),
    found.outreaches.map((one) =>
      h(
        "p",
        { class: "hint" },
        `${one.who === "ME" ? "You" : name} got in touch (${WAY[one.way].toLowerCase()}) on ${when(one.happenedAt)}.`,
      ),
    ),
    open.length > 0 &&
      h(
        "ul",
        { class: "list" },
        open.map((one) =>
          h(
            "li",
            {},
            Date.parse(one.dueAt) > Date.now()
              ? `You will be asked ${when(one.dueAt)}.`
              : to(`/check-in/${one.id}`, `Answer for ${when(one.dueAt)}`),
          ),
        ),
      ),
  ];
}

function aftercare(sceneId, alone, again) {
  const act = async (data) => {
    const input = { sceneId, givenBy: alone ? "ME" : data.get("givenBy"), comforts: data.getAll("comforts"), note: data.get("note") };
    if (data.get("minutes")) input.minutes = Number(data.get("minutes"));
    const { problems } = await change(
      gql`mutation($input: RecordAftercareInput!) { recordAftercare(input: $input) {
      status problems { field sentence } } }`,
      input,
    );
    return problems.length > 0 ? problems : again();
  };
  return form(
    [
      !alone && radios("givenBy", "Who gave it", options(GIVER), "BOTH"),
      boxes("comforts", "What it was", options(COMFORT)),
      field("minutes", "How long, in minutes", { type: "number", min: 0, inputmode: "numeric" }),
      field("note", alone ? "A note" : "A note that both can read", { rows: 2 }),
    ],
    "Write it down",
    act,
  );
}

const TWO_HOURS = 7_200_000;

/** When the two part: said, and to be said or changed until two hours after it. */
function parting({ id, partedAt }, active, done) {
  const act = async (data) => {
    if (!data.get("partedAt")) return [{ field: "partedAt", sentence: "Please choose a day and a time." }];
    const { problems } = await change(
      gql`mutation($input: SetPartingInput!) { setParting(input: $input) {
      status problems { field sentence } } }`,
      { sceneId: id, partedAt: fromLocal(data.get("partedAt")) },
    );
    return problems.length > 0 ? problems : done();
  };
  const past = partedAt && Date.parse(partedAt) < Date.now();
  const open = active && (!partedAt || Date.now() < Date.parse(partedAt) + TWO_HOURS);
  return [
    partedAt && h("p", {}, `${past ? "You parted" : "You part"} on ${when(partedAt)}.`),
    open &&
      h(
        "details",
        {},
        h("summary", {}, partedAt ? "It is another time" : "Say when you part"),
        h("p", { class: "hint" }, "From an hour after that on, each of you is reminded to get in touch."),
        form(
          [
            field("partedAt", "We part on", {
              type: "datetime-local",
              value: asLocal(partedAt ? new Date(partedAt) : new Date()),
            }),
          ],
          "Save",
          act,
        ),
      ),
  ];
}

function alert(found, name) {
  const act = async (data) => {
    const { problems } = await change(
      gql`mutation($input: SetSceneAlertInput!) { setSceneAlert(input: $input) {
      status problems { field sentence } } }`,
      { sceneId: found.id, alertPermission: data.get("alertPermission") },
    );
    if (problems.length === 0) say("Saved.");
    return problems;
  };
  return h(
    "details",
    {},
    h("summary", {}, "If I do not answer"),
    form(
      radios(
        "alertPermission",
        `${name} may be told that ${WAY[found.revision.terms.partnerAlert].toLowerCase()} would be welcome`,
        [
          ["AS_ON_LINK", "As I chose for this link"],
          ["ALLOW", "Yes, for this scene"],
          ["FORBID", "No, not for this scene"],
        ],
        found.alertPermission,
      ),
      "Save",
      act,
    ),
  );
}
