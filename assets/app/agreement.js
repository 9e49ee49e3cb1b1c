// The agreement: what is proposed with what changed in it, the yes to exactly that text, and a proposal of one's own.
import { ask, change, gql, unread } from "./api.js";
import { marked } from "./diff.js";
import { field, form, h, notNow, pick, press, way, when } from "./dom.js";
import { missing } from "./people.js";
import { USUAL, pickTimes, timesWritten } from "./protocol.js";
import { COMFORT, NEARNESS, REVISION, WAY, optional, raised } from "./words.js";

const AGREEMENT = gql`query($id: ID!) { node(id: $id) { ... on PartnerLink {
  id state partner { displayName } myNeeds { nearness }
  revisions(first: 20) { nodes { id number state author createdAt contentHash
    needs { who erased needs { comforts avoid grounding foodAndDrink words contact nearness anythingElse } }
    terms { limits stopSignal contactPlan partnerAlert protocol { __typename sentence ... on AfterEnd { minutes } ... on AfterParting { minutes }
    ... on OnDay { daysAfter localTime } ... on OnDayAfterParting { daysAfter localTime } } }
    agreements { who agreedAt withdrawnAt } } } } } }`;

/** The Revisions of a link, each with whether the whole of it could be read. */
const readable = (data) =>
  data.node.revisions.nodes.map((revision, at) => ({
    ...revision,
    whole: Boolean(revision.terms && revision.needs) && unread(data, `node.revisions.nodes.${at}`).length === 0,
  }));

const UNREADABLE = "A part of this can't be read right now, so nobody can agree to it.";

const list = (words, values) => values.map((value) => words[value]).join(", ");

/** A Revision as pairs of a heading and a text, the same for two that are compared. */
function parts(revision, name) {
  const of = (who) => revision.needs?.find((one) => one.who === who) ?? {};
  const needs = ({ needs: said, erased }, whose) => [
    [`${whose}: what helps`, said ? list(COMFORT, said.comforts) : erased ? "erased" : ""],
    [`${whose}: what to avoid`, said?.avoid.join("\n") ?? ""],
    [`${whose}: what brings back`, said?.grounding ?? ""],
    [`${whose}: to eat and drink`, said?.foodAndDrink ?? ""],
    [`${whose}: words that help`, said?.words ?? ""],
    [`${whose}: how to be reached`, said ? list(WAY, said.contact) : ""],
    [`${whose}: space or closeness`, NEARNESS[said?.nearness] ?? ""],
    [`${whose}: anything else`, said?.anythingElse ?? ""],
  ];
  const { terms } = revision;
  const agreed = terms && [
    ["Limits", terms.limits],
    ["Stop signal", terms.stopSignal],
    ["Check-ins after a scene", terms.protocol.map((time) => raised(time.sentence)).join("\n")],
    ["How to be in touch", terms.contactPlan],
    ["What a partner may be told would be welcome", WAY[terms.partnerAlert] ?? "Nothing: no partner is ever told"],
  ];
  return [
    ...(agreed ?? []),
    ...needs(of("ME"), "You"),
    ...needs(of("PARTNER"), name),
  ];
}

/** The text, with what changed since another one marked. What is empty in both is left out. */
function text(revision, before, name) {
  const old = before && new Map(parts(before, name));
  const rows = parts(revision, name).filter(([heading, words]) => words || old?.get(heading));
  return h(
    "dl",
    { class: "text" },
    rows.map(([heading, words]) => {
      const changed = old && old.get(heading) !== words;
      return [
        h("dt", {}, heading, changed && h("span", { class: "tag" }, "changed")),
        h("dd", {}, marked(old?.get(heading), words)),
      ];
    }),
  );
}

/** What stands between the two. */
export async function agreement({ params: [id], go, replace }) {
  const data = await ask(AGREEMENT, { id });
  const found = data.node;
  if (!found) return missing;
  if (!found.revisions) return { title: "Agreement", body: notNow("We can't show your agreement right now.") };
  const revisions = readable(data);
  const [latest] = revisions;
  const active = found.state === "ACTIVE";
  if (!latest) {
    return {
      title: "Agreement",
      body: [h("p", {}, "Nothing has been proposed yet."), active && way(`/people/${id}/propose`, "Propose something")],
    };
  }
  const name = found.partner?.displayName ?? "Partner";
  const earlier = revisions.slice(1);
  const comparable = latest.whole ? earlier.filter(({ whole }) => whole) : [];
  // What changed is told from what both last said yes to, if there is such a text.
  const both = ({ agreements }) => new Set(agreements.map(({ who }) => who)).size === 2;
  const before = comparable.find(both) ?? comparable[0];
  const standing = latest.agreements.filter((one) => !one.withdrawnAt);
  const said = (who) => standing.find((one) => one.who === who);
  const yes = async () => {
    const { problems } = await change(
      gql`mutation($input: AgreeToRevisionInput!) { agreeToRevision(input: $input) {
      status problems { field code sentence } } }`,
      { revisionId: latest.id, contentHash: latest.contentHash },
    );
    return problems.length > 0 ? problems : go(`/people/${id}/agreement`);
  };
  const no = async () => {
    const { problems } = await change(
      gql`mutation($input: WithdrawAgreementInput!) { withdrawAgreement(input: $input) {
      status problems { field sentence } } }`,
      { revisionId: latest.id },
    );
    return problems.length > 0 ? problems : go(`/people/${id}/agreement`);
  };
  const line = (who, open, done) => h("li", {}, said(who) ? `${done} on ${when(said(who).agreedAt)}.` : open);
  return {
    title: `Agreement, number ${latest.number}`,
    body: [
      h(
        "p",
        {},
        `It is ${REVISION[latest.state]}`,
        latest.author && `, written by ${latest.author === "ME" ? "you" : name}`,
        ".",
      ),
      h(
        "ul",
        { class: "list" },
        line("ME", "You have not said yes.", "You agreed"),
        line("PARTNER", `${name} has not said yes.`, `${name} agreed`),
      ),
      before &&
        h(
          "p",
          { class: "hint" },
          `What changed since number ${before.number} is marked: `,
          h("ins", {}, "new"),
          " and ",
          h("del", {}, "gone"),
          ".",
        ),
      !latest.whole && notNow(UNREADABLE),
      text(latest, before, name),
      active && [
        latest.state === "PROPOSED" &&
          latest.whole &&
          !said("ME") && [
            h("p", {}, "Your yes holds for exactly the text above. If it changes, you are asked again."),
            form([], `Agree to number ${latest.number}`, yes),
          ],
        said("ME") && press("Take my yes back", no),
        latest.whole && h("p", {}, way(`/people/${id}/propose`, "Propose a change", true)),
      ],
      earlier.length > 0 &&
        h(
          "details",
          {},
          h("summary", {}, "Earlier ones"),
          earlier.map((one) => [
            h("h2", {}, `Number ${one.number}, ${REVISION[one.state]}`),
            !one.whole && notNow("A part of this can't be read right now."),
            text(one, undefined, name),
          ]),
        ),
    ],
  };
}

const PROPOSE = gql`mutation($input: ProposeRevisionInput!) { proposeRevision(input: $input) {
  status problems { field code sentence } } }`;
/** A proposal, beginning from what stands. */
export async function propose({ params: [id], go }) {
  const data = await ask(AGREEMENT, { id });
  const found = data.node;
  if (found?.state !== "ACTIVE") return missing;
  const [latest] = found.revisions ? readable(data) : [{ whole: false }];
  // A proposal begins from what stands: nothing of it may get lost unseen.
  if (latest && !latest.whole) {
    return { title: "Propose", body: notNow("What you two agreed can't be read right now, so nothing can be changed in it.") };
  }
  const terms = latest?.terms ?? { protocol: USUAL };
  const act = async (data) => {
    const { protocol, problems: unread } = timesWritten(data);
    if (unread.length > 0) return unread;
    const written = {
      limits: data.get("limits"),
      stopSignal: data.get("stopSignal"),
      contactPlan: data.get("contactPlan"),
      protocol,
      // Left out it would stay as it is.
      partnerAlert: data.get("partnerAlert") || null,
    };
    const { problems } = await change(PROPOSE, { linkId: id, ...(latest && { basedOn: latest.id }), terms: written });
    return problems.length > 0 ? problems : go(`/people/${id}/agreement`);
  };
  return {
    title: "Propose",
    body: [
      h(
        "p",
        {},
        "Both of your needs, as last written, become part of it. Nothing holds until both say yes to the same text.",
      ),
      !found.myNeeds &&
        unread(data, "node.myNeeds").length === 0 &&
        h(
          "p",
          { class: "note" },
          "You have not written down what you need. ",
          way(`/people/${id}/needs`, "My needs", true),
        ),
      form(
        [
          field("limits", "Limits", { rows: 4, value: terms.limits }),
          field("stopSignal", "Stop signal", { value: terms.stopSignal, required: true }),
          pickTimes(terms.protocol),
          field("contactPlan", "How and when to be in touch", { rows: 3, value: terms.contactPlan }),
          pick(
            "partnerAlert",
            "If one of us does not answer, the other may be told that this would be welcome",
            optional(WAY, "Nothing: nobody is ever told"),
            terms.partnerAlert,
          ),
        ],
        "Propose it",
        act,
      ),
    ],
  };
}
