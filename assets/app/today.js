// Today: what is asked now, the question itself, and what a reminder was about.
import { Offline, ask, change, gql, unread } from "./api.js";
import * as desk from "./local_store.js";
import { degrees, field, form, h, notNow, press, radios, say, svg, to, way, when } from "./dom.js";
import { hearFrom } from "./plea.js";
import * as queue from "./queue.js";
import { DEGREE, MOOD, MOUTH, SHARE, SIGN, WAY, optional, options, raised } from "./words.js";

const TODAY = gql`{ viewer {
  account { displayName paused pausedUntil onHoldSince reachability { reachable sentence } }
  erasure { eraseAt }
  due: checkIns(span: DUE, first: 10) { nodes { ...times snoozedUntil } }
  coming: checkIns(span: COMING, first: 10) { nodes { ...times } }
  past: checkIns(span: PAST, first: 10) { nodes { ...times } }
  partnerLinks { id state partner { displayName } latestRevision { id state agreements { who withdrawnAt } }
    scenes(first: 1) { nodes { id state endedAt partnerCheckIns { dueAt shared { mood } } } } } } }
fragment times on CheckIn { id time { sentence } dueAt closesAt answerableUntil state }`;

/** The questions that this device knows to be open. */
async function keptDue() {
  const now = Date.now();
  const waiting = new Set((await desk.queued()).map(({ id }) => id));
  const kept = (await desk.get("open")) ?? [];
  const isOpen = (one) => Date.parse(one.dueAt) <= now && now < Date.parse(one.answerableUntil) && !waiting.has(one.id);
  return kept.filter(isOpen);
}

/** Brings what was asked for up to date, as far as this device can tell by itself. */
async function offline() {
  const due = await keptDue();
  return {
    title: "Today",
    body: [
      h("p", { class: "note" }, "You are offline. You can answer; it is sent as soon as there is a network again."),
      await waitingNote(),
      due.length > 0 ? due.map(asked) : h("p", {}, "Nothing is asked of you right now, as far as this device knows."),
      h(
        "p",
        {},
        press("Try again", () => location.reload()),
      ),
    ],
  };
}

/** What became of an answer that waited, said once. */
async function lateNote() {
  if (!(await desk.get("late"))) return undefined;
  await desk.put("late", false);
  return h("p", { class: "note" }, LATE);
}

async function waitingNote() {
  const count = (await desk.queued()).length;
  if (count === 0) return undefined;
  return h(
    "p",
    { class: "note" },
    `${count === 1 ? "One answer waits" : `${count} answers wait`} on this device to be sent.`,
  );
}

const asked = (checkIn) =>
  h(
    "section",
    { class: "card" },
    h("h2", {}, "How are you?"),
    h("p", { class: "hint" }, raised(checkIn.time.sentence)),
    way(`/check-in/${checkIn.id}`, "Answer"),
  );

/** What is asked now. */
export async function today() {
  let data;
  try {
    data = await ask(TODAY);
  } catch (error) {
    if (error instanceof Offline) return offline();
    throw error;
  }
  const { viewer } = data;
  const gone = (section) => unread(data, `viewer.${section}`).length > 0;
  // Ids and times alone: enough to answer without a network, and nothing to read for anybody else.
  const kept = ({ id, time, dueAt, answerableUntil }) => ({ id, time, dueAt, answerableUntil });
  if (viewer.due && viewer.coming) await desk.put("open", [...viewer.due.nodes, ...viewer.coming.nodes].map(kept));
  closeNotifications();
  const { account, erasure } = viewer;
  const unanswered = (one) => one.state === "UNANSWERED";
  const due = viewer.due ? viewer.due.nodes.filter(unanswered) : await keptDue();
  const past = (viewer.past?.nodes ?? []).filter((one) => unanswered(one) && Date.parse(one.answerableUntil) > Date.now());
  const next = viewer.coming?.nodes[0];
  return {
    title: "Today",
    body: [
      h("p", { class: "lead" }, account?.displayName ? `Hello ${account.displayName}.` : "Hello."),
      (gone("account") || gone("erasure")) && notNow("We can't show everything about your account right now."),
      erasure &&
        h(
          "p",
          { class: "note" },
          `Your account is to be erased on ${when(erasure.eraseAt)}. `,
          to("/settings", "Undo it"),
        ),
      account?.onHoldSince &&
        !erasure &&
        h("p", { class: "note" }, "Your account is on hold. ", to("/settings", "Settings")),
      account?.paused &&
        h(
          "p",
          { class: "note" },
          account.pausedUntil ? `Reminders are paused until ${when(account.pausedUntil)}.` : "Reminders are paused.",
          " ",
          to("/settings", "Change"),
        ),
      account?.reachability &&
        !account.reachability.reachable &&
        h("p", { class: "note" }, account.reachability.sentence, " ", to("/settings", "Settings")),
      await lateNote(),
      await waitingNote(),
      due.map(asked),
      viewer.due
        ? due.length === 0 && h("p", {}, "Nothing is asked of you right now.")
        : notNow("We can't look up right now whether something is asked of you."),
      !viewer.coming && notNow("We can't show right now when the next question comes."),
      next && h("p", { class: "hint" }, `The next question comes ${when(next.dueAt)}, or when your quiet hours end.`),
      !viewer.partnerLinks && notNow("We can't show your people right now."),
      viewer.partnerLinks
        ?.map((link, at) => [link, unread(data, `viewer.partnerLinks.${at}`).length > 0])
        .filter(([{ state }]) => state === "ACTIVE")
        .map(([link, partly]) => partner(link, partly)),
      viewer.partnerLinks?.length === 0 &&
        h(
          "section",
          { class: "card" },
          h("h2", {}, "Begin"),
          h("p", {}, "Invite somebody, or accept their invitation."),
          way("/people", "People"),
          h("p", {}, "Or begin alone: you are asked, and nobody else sees it."),
          way("/solo", "Just me", true),
        ),
      !viewer.past && notNow("We can't show your earlier questions right now."),
      past.length > 0 &&
        h(
          "details",
          {},
          h("summary", {}, "Earlier questions, if you like"),
          h(
            "ul",
            { class: "list" },
            past.map((one) => h("li", {}, to(`/check-in/${one.id}`, `Of ${when(one.dueAt)}`))),
          ),
        ),
    ],
  };
}

/** What matters now about one partner. `partly`: not all of it could be read. */
function partner(link, partly) {
  const revision = link.latestRevision;
  const mine = revision?.agreements.some(({ who, withdrawnAt }) => who === "ME" && !withdrawnAt);
  const scene = link.scenes?.nodes[0];
  const shared = scene?.partnerCheckIns?.filter((one) => one.shared).pop()?.shared;
  return h(
    "section",
    { class: "card" },
    h("h2", {}, link.partner?.displayName ?? "Your partner"),
    partly && notNow("We can't show everything here right now."),
    scene?.state === "ENDED" &&
      scene.partnerCheckIns &&
      (!shared || shared.mood) &&
      h("p", {}, shared ? `${MOOD[shared.mood]}, as they last shared.` : "No update."),
    revision?.state === "PROPOSED" && !mine && h("p", {}, way(`/people/${link.id}/agreement`, "Read what is proposed")),
    scene &&
      scene.state !== "CANCELLED" &&
      h(
        "p",
        {},
        to(
          `/scene/${scene.id}`,
          scene.state === "ENDED" ? `The days since ${when(scene.endedAt)}` : "The scene that is under way or planned",
        ),
      ),
    h("p", {}, to(`/people/${link.id}`, "All about the two of you")),
  );
}

async function closeNotifications() {
  const registration = await desk.worker();
  for (const shown of (await registration?.getNotifications?.()) ?? []) shown.close();
}

const face = (mood) =>
  h(
    "button",
    { type: "submit", name: "mood", value: mood, class: "face" },
    svg(
      "svg",
      { viewBox: "0 0 48 48", width: 44, height: 44, "aria-hidden": "true" },
      svg("circle", { cx: 24, cy: 24, r: 21 }),
      svg("path", { d: "M16 19v1M32 19v1" }),
      svg("path", { d: MOUTH[mood] }),
    ),
    h("span", {}, MOOD[mood]),
  );

/** Five faces, the group named by its heading. */
const faces = (heading) =>
  h("div", { class: "faces", role: "group", "aria-labelledby": heading }, [1, 2, 3, 4, 5].map(face));

/** One question. It can be shown without a network: nothing of it is asked for. */
export async function question({ params: [id], replace }) {
  const settle = (outcome, words) => {
    if (outcome.status === "refused") return outcome.problems ?? [];
    if (outcome.status === "late") return desk.put("late", false).then(() => replace(kept()));
    return replace(outcome.status === "waits" ? waits() : words);
  };
  const act = async (data, button) => {
    if (button?.name === "skip") return settle(await queue.skip({ checkInId: id }), thanks());
    if (button?.name === "later") {
      const { problems } = await change(
        gql`mutation($input: SnoozeCheckInInput!) { snoozeCheckIn(input: $input) {
        status problems { field sentence } } }`,
        { checkInId: id, minutes: Number(button.value) },
      );
      return problems.length > 0 ? problems : replace(later());
    }
    if (!data.get("mood")) return [{ field: "mood", sentence: "Please tap how you are, or skip this one." }];
    const signs = Object.keys(SIGN)
      .filter((sign) => data.get(sign))
      .map((sign) => ({ sign, degree: data.get(sign) }));
    const input = {
      checkInId: id,
      mood: Number(data.get("mood")),
      signs,
      need: data.get("need"),
      note: data.get("note"),
    };
    if (data.get("sharing")) input.sharing = data.get("sharing");
    const outcome = await queue.answer(input);
    return settle(outcome, thanks(outcome.checkIn));
  };
  const { NONE, ...more } = DEGREE;
  return {
    title: "How are you right now?",
    body: [
      h("p", {}, "One tap is enough. It stays yours unless you chose to share it."),
      form(
        [
          // Enter on a choice presses a form's first button, seen or not: it must not be the lowest face.
          h("button", { type: "submit", class: "enter", tabindex: "-1", "aria-hidden": "true" }, "Go on"),
          faces("title"),
          h(
            "details",
            {},
            h("summary", {}, "Say more first, if you like"),
            h("h2", {}, "What do you notice?"),
            options(SIGN).map(([sign, words]) => degrees(sign, words, [["", NONE], ...options(more)])),
            field("need", "What would help now?", { rows: 3 }),
            field("note", "A note", { rows: 3 }),
            radios("sharing", "Who may see it?", optional(SHARE, "As I usually choose")),
            h("h2", { id: "again" }, "Now tap how you are"),
            faces("again"),
          ),
          h("p", {}, to("/help", "What helps, and whom you can call")),
          h("h2", {}, "Not now?"),
          h(
            "div",
            { class: "others" },
            h("button", { type: "submit", class: "plain", name: "later", value: "60" }, "Ask again in an hour"),
            h("button", { type: "submit", class: "plain", name: "later", value: "180" }, "Ask again in three hours"),
            h("button", { type: "submit", class: "plain", name: "skip", value: "yes" }, "Skip this one"),
          ),
        ],
        undefined,
        act,
      ),
    ],
  };
}

const home = () => h("p", {}, way("/", "Today", true));

const waits = () => ({
  title: "Thank you",
  body: [
    h(
      "p",
      {},
      "It is kept on this device and sent as soon as there is a network again. Logging out before that throws it away.",
    ),
    home(),
  ],
});

const LATE = "You answered one question twice. We kept your later answer.";

const kept = () => ({ title: "Thank you", body: [h("p", {}, LATE), home()] });

const later = () => ({
  title: "All right",
  body: [h("p", {}, "You will be asked again then. Nothing comes before."), home()],
});

function thanks(checkIn) {
  const keep = async () => {
    const { problems } = await change(
      gql`mutation($input: ChangeSharingInput!) { changeSharing(input: $input) {
      status problems { field sentence } } }`,
      { checkInId: checkIn.id, sharing: "NOTHING" },
    );
    if (problems.length > 0) return problems;
    undo.replaceWith(h("p", {}, "It stays yours alone."));
    say("It stays yours alone.");
    return [];
  };
  const undo =
    checkIn?.answer?.unseenUntil &&
    h(
      "div",
      {},
      h("p", {}, "What you share can be seen two minutes from now."),
      press("Keep it to myself after all", keep),
    );
  const veryLow = checkIn?.answer?.mood === 1 && checkIn.scene;
  const alone = veryLow && !checkIn.scene.link;
  return {
    title: "Thank you",
    body: [
      h("p", {}, "This is done. Nothing more comes about it."),
      veryLow && !alone && hearFrom({ sceneId: checkIn.scene.id }),
      alone && h("p", {}, way("/help", "What helps, and whom you can call", true)),
      undo,
      home(),
    ],
  };
}

const REMINDER = gql`query($id: ID!) { node(id: $id) { ... on Nudge {
  reasons { message sentences checkIn { id state } link { id } scene { id } } } } }`;

/** One reason of a reminder, as the way to what it is about. */
function reason({ message, checkIn, scene, link }) {
  const path =
    (checkIn?.state === "UNANSWERED" && `/check-in/${checkIn.id}`) ||
    (scene && `/scene/${scene.id}`) ||
    (link && `/people/${link.id}`);
  return h("p", {}, path ? way(path, message) : message);
}

/** What a reminder was about: a question leads there at once. */
export async function reminder({ params: [id], go }) {
  let nudge;
  try {
    nudge = (await ask(REMINDER, { id })).node;
  } catch (error) {
    if (error instanceof Offline) return offline();
    throw error;
  }
  if (!nudge) return today();
  const { reasons } = nudge;
  const [first] = reasons;
  if (reasons.length === 1 && first.checkIn?.state === "UNANSWERED") return go(`/check-in/${first.checkIn.id}`);
  closeNotifications();
  return {
    title: "A reminder",
    body: [
      reasons.length === 1
        ? reason(first)
        : h("ul", { class: "list" }, reasons.map((each) => h("li", {}, reason(each)))),
      h(
        "details",
        {},
        h("summary", {}, "Why did this come?"),
        reasons.map((each) => h("p", {}, each.sentences.join(" "))),
      ),
    ],
  };
}

const OUTREACH = gql`mutation($input: RecordOutreachInput!) { recordOutreach(input: $input) {
  status problems { field sentence } } }`;

/** Writes down that one got in touch. */
export function outreach(sceneId, done) {
  const act = async (data) => {
    const { problems } = await change(OUTREACH, { sceneId, way: data.get("way") });
    return problems.length > 0 ? problems : done();
  };
  return form(radios("way", "I got in touch, by", options(WAY), "MESSAGE"), "Write it down", act);
}
