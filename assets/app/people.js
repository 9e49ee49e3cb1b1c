// People: inviting, accepting, one link with one's own choices on it, and one's own needs.
import { ask, change, gql, unread } from "./api.js";
import { box, field, form, h, notNow, pick, press, say, to, way, when } from "./dom.js";
import { needsWritten, pickNeeds } from "./needs.js";
import { hearFrom } from "./plea.js";
import { ROLE, SCENE, options } from "./words.js";

const PEOPLE = gql`{ viewer { partnerLinks { id state invitationExpiresAt partner { displayName } } } }`;
const role = (chosen = "SWITCH") => pick("role", "My usual role", options(ROLE), chosen);

const STATUS = { INVITED: "invited", ACTIVE: "linked", ENDED: "ended" };

/** Everybody that one is linked to, and the ways to be. */
export async function people({ go, replace }) {
  const { partnerLinks } = (await ask(PEOPLE)).viewer;
  const invite = async (data) => {
    const { code, link, problems } = await change(
      gql`mutation($input: InvitePartnerInput!) { invitePartner(input: $input) {
      code link { invitationExpiresAt } problems { field sentence } } }`,
      { role: data.get("role") },
    );
    return code ? replace(invited(code, link)) : problems;
  };
  const find = async (data) => {
    const code = data.get("code");
    const { invitation } = await ask(
      gql`query($code: String!) { invitation(code: $code) { displayName role expiresAt } }`,
      { code },
    );
    if (!invitation)
      return [{ field: "code", sentence: "No invitation has this code, or it was used, or it is too old." }];
    return replace(accept(code, invitation, go));
  };
  const entry = (link) =>
    h("li", {}, to(`/people/${link.id}`, link.partner ? (link.partner.displayName ?? "Your partner") : "An invitation"), ` (${STATUS[link.state]})`);
  return {
    title: "People",
    body: [
      !partnerLinks && notNow("We can't show your people right now."),
      partnerLinks?.length > 0 && h("ul", { class: "list" }, partnerLinks.map(entry)),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "I have a code"),
        form(field("code", "Code", { autocapitalize: "characters", required: true }), "Look at the invitation", find),
      ),
      h("section", { class: "card" }, h("h2", {}, "I invite somebody"), form(role(), "Make a code", invite)),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Just me"),
        h("p", {}, "You can be asked after a scene of your own, too. Nobody else ever sees it."),
        way("/solo", "A scene of mine", true),
      ),
    ],
  };
}

function invited(code, link) {
  const share = () => navigator.share({ text: code }).catch(() => {});
  const copy = async () => {
    await navigator.clipboard.writeText(code);
    say("Copied.");
  };
  return {
    title: "Hand this on",
    body: [
      h("p", {}, "Tell them this code as you like best. It works once, and it is not shown again."),
      h("p", { class: "code" }, code),
      h("div", { class: "others" }, press("Copy", copy), navigator.share && press("Share", share)),
      h("p", { class: "hint" }, `Until ${when(link.invitationExpiresAt)}.`),
      h("p", {}, way("/people", "People", true)),
    ],
  };
}

function accept(code, invitation, go) {
  const yes = async (data) => {
    const { link, problems } = await change(
      gql`mutation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
      link { id } problems { field sentence } } }`,
      { code, role: data.get("role") },
    );
    return link ? go(`/people/${link.id}`) : problems;
  };
  const no = async () => {
    const { problems } = await change(
      gql`mutation($input: DeclineInvitationInput!) { declineInvitation(input: $input) {
      status problems { field sentence } } }`,
      { code },
    );
    return problems.length > 0 ? problems : go("/people");
  };
  return {
    title: invitation.displayName ? `${invitation.displayName} invites you` : "An invitation",
    body: [
      h(
        "p",
        {},
        invitation.displayName ? "" : "We can't show right now who invites you. ",
        `Their usual role: ${ROLE[invitation.role]}. The invitation works until ${when(invitation.expiresAt)}.`,
      ),
      h("p", {}, "You can end it at any moment, without giving a reason."),
      form(role(), "Accept", yes),
      press("Decline", no),
    ],
  };
}

const LINK = gql`query($id: ID!) { node(id: $id) { ... on PartnerLink {
  id state invitationExpiresAt beforeEnding alertPermission nightPleaPermission
  me { role } partner { displayName role } myNeeds { comforts }
  latestRevision { number state } agreedRevision { number }
  scenes(first: 10) { nodes { id state plannedFor startedAt endedAt } } } } }`;

export const missing = {
  title: "Not here",
  body: [h("p", {}, "This is not here, or no longer."), h("p", {}, way("/", "Today", true))],
};

/** One link. */
export async function link({ params: [id], go, replace }) {
  const data = await ask(LINK, { id });
  const found = data.node;
  if (!found) return missing;
  const name = found.partner?.displayName ?? "Your partner";
  const end = () => replace(ending(found, go));
  if (found.state === "INVITED") {
    return {
      title: "An invitation",
      body: [
        h("p", {}, `Nobody has accepted it yet. Its code works until ${when(found.invitationExpiresAt)}.`),
        press("Take it back", end),
      ],
    };
  }
  const choose = async (data) => {
    const input = {
      linkId: id,
      role: data.get("role"),
      alertPermission: data.has("alertPermission") ? "ALLOW" : "FORBID",
      nightPleaPermission: data.has("nightPleaPermission") ? "ALLOW" : "FORBID",
    };
    const { problems } = await change(
      gql`mutation($input: UpdateLinkInput!) { updateLink(input: $input) {
      status problems { field sentence } } }`,
      input,
    );
    if (problems.length === 0) say("Saved.");
    return problems;
  };
  const { latestRevision: latest, agreedRevision: agreed } = found;
  const stands = agreed ? `Number ${agreed.number} is agreed.` : "Nothing is agreed yet.";
  const waits = latest?.state === "PROPOSED" ? ` Number ${latest.number} is proposed.` : "";
  const at = (scene) => when(scene.endedAt ?? scene.startedAt ?? scene.plannedFor);
  return {
    title: name,
    body: [
      unread(data, "node").length > 0 && notNow("We can't show everything here right now."),
      found.state === "ENDED" && h("p", { class: "note" }, "This link has ended."),
      found.state === "ACTIVE" && [
        hearFrom({ linkId: id }, name),
        h(
          "section",
          { class: "card" },
          h("h2", {}, "What I need"),
          h(
            "p",
            {},
            found.myNeeds || unread(data, "node.myNeeds").length > 0
              ? "You wrote it down. It becomes part of what is proposed next."
              : "Write it down while your head is clear.",
          ),
          way(`/people/${id}/needs`, "My needs", true),
        ),
      ],
      h(
        "section",
        { class: "card" },
        h("h2", {}, "What you two agreed"),
        h("p", {}, stands + waits),
        way(`/people/${id}/agreement`, "Read it", true),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Scenes"),
        h(
          "ul",
          { class: "list" },
          (found.scenes?.nodes ?? []).map((scene) =>
            h("li", {}, to(`/scene/${scene.id}`, at(scene)), ` (${SCENE[scene.state]})`),
          ),
        ),
        found.state === "ACTIVE" && way(`/people/${id}/scene`, "Record a scene"),
      ),
      found.state === "ACTIVE" && [
        h("h2", {}, "My choices"),
        form(
          [
            role(found.me.role),
            box(
              "alertPermission",
              `After three unanswered reminders ${name} may be told what we agreed would be welcome.`,
              found.alertPermission === "ALLOW",
            ),
            box(
              "nightPleaPermission",
              `${name} may wake me when they would like to hear from me.`,
              found.nightPleaPermission === "ALLOW",
            ),
          ],
          "Save",
          choose,
        ),
        h("h2", {}, "Ending it"),
        press("End this link", end),
      ],
    ],
  };
}

function ending(found, go) {
  const act = async () => {
    const { problems } = await change(
      gql`mutation($input: EndLinkInput!) { endLink(input: $input) {
      status problems { field sentence } } }`,
      { linkId: found.id },
    );
    return problems.length > 0 ? problems : go("/people");
  };
  return {
    title: found.state === "INVITED" ? "Take the invitation back" : "End this link",
    body: [
      found.beforeEnding.map((sentence) => h("p", {}, sentence)),
      press("End it now", act, false),
      h("p", {}, way(`/people/${found.id}`, "Leave it as it is", true)),
    ],
  };
}

const NEEDS = gql`query($id: ID!) { node(id: $id) { ... on PartnerLink { id state myNeeds { comforts avoid grounding foodAndDrink words contact nearness anythingElse } } } }`;

/** One's own needs. */
export async function needs({ params: [id], go }) {
  const data = await ask(NEEDS, { id });
  const found = data.node;
  if (found?.state !== "ACTIVE") return missing;
  // An empty form would say that nothing was written.
  if (unread(data, "node.myNeeds").length > 0) {
    return { title: "What I need", body: notNow("What you wrote can't be read right now.") };
  }
  const act = async (data) => {
    const { problems } = await change(
      gql`mutation($input: WriteNeedsInput!) { writeNeeds(input: $input) {
      status problems { field sentence } } }`,
      { linkId: id, needs: needsWritten(data) },
    );
    return problems.length > 0 ? problems : go(`/people/${id}`);
  };
  return {
    title: "What I need",
    body: [
      h("p", {}, "Only you write this. Your partner reads it once one of you proposes an agreement."),
      form(pickNeeds(found.myNeeds), "Save", act),
    ],
  };
}
