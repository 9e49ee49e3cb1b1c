// "I would like to hear from you": asking the partner by hand, taking it back, and what helps meanwhile.
import { change, gql } from "./api.js";
import { h, press, say, way } from "./dom.js";

const ASK = gql`mutation($input: AskPartnerInput!) { askPartner(input: $input) {
  status plea { id } link { myNeeds { grounding words foodAndDrink } }
  problems { field sentence } } }`;
const TAKE_BACK = gql`mutation($input: TakeBackPleaInput!) { takeBackPlea(input: $input) {
  status problems { field sentence } } }`;

/** A card with the button. `from`: `{ linkId }` or `{ sceneId }`; `name`: how the partner is called here. */
export function hearFrom(from, name = "your partner") {
  const act = async () => {
    const { plea, link, problems } = await change(ASK, { partnerOf: from });
    if (problems.length > 0) return problems;
    card.replaceChildren(...asked(plea, link?.myNeeds, name, card));
    say("It goes out in two minutes.");
    return [];
  };
  const card = h(
    "section",
    { class: "card" },
    h("h2", {}, `Would it help to hear from ${name}?`),
    h("p", {}, "They get one reminder in the words that you agreed on, and nothing of what you wrote."),
    press("Let them know", act),
  );
  return card;
}

function asked(plea, needs, name, card) {
  const takeBack = async () => {
    const { problems } = await change(TAKE_BACK, { pleaId: plea.id });
    if (problems.length > 0) return problems;
    card.replaceChildren(h("p", {}, "It is taken back. Nobody heard of it."));
    say("It is taken back.");
    return [];
  };
  const own = [needs?.grounding, needs?.words, needs?.foodAndDrink].filter(Boolean);
  return [
    h("p", {}, `In two minutes it goes out, or when ${name} is awake next.`),
    press("Take it back", takeBack),
    own.length > 0 && h("h2", {}, "What you wrote down for yourself"),
    own.length > 0 && h("ul", { class: "list" }, own.map((words) => h("li", {}, words))),
    h("p", {}, way("/help", "What helps, and whom you can call", true)),
  ].filter(Boolean);
}
