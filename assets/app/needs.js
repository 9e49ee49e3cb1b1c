// What one needs after a scene, as fields, and back.
import { boxes, field, pick } from "./dom.js";
import { COMFORT, NEARNESS, WAY, optional, options } from "./words.js";

/** The fields. */
export function pickNeeds(written) {
  const mine = written ?? { comforts: [], avoid: [], contact: [] };
  return [
    boxes("comforts", "What helps", options(COMFORT), mine.comforts),
    field("avoid", "What to avoid", { rows: 3, value: mine.avoid.join("\n"), hint: "One per line." }),
    field("grounding", "What grounds me", { rows: 2, value: mine.grounding }),
    field("foodAndDrink", "What to eat and drink", { rows: 2, value: mine.foodAndDrink }),
    field("words", "Words that help", { rows: 2, value: mine.words }),
    boxes("contact", "How to reach me", options(WAY), mine.contact),
    pick("nearness", "Space or closeness", optional(NEARNESS, "Not said"), mine.nearness),
    field("anythingElse", "Anything else", { rows: 3, value: mine.anythingElse }),
  ];
}

/** What was written, as the API takes it. */
export function needsWritten(data) {
  const lines = data.get("avoid").split("\n");
  return {
    comforts: data.getAll("comforts"),
    avoid: lines.map((line) => line.trim()).filter(Boolean),
    grounding: data.get("grounding"),
    foodAndDrink: data.get("foodAndDrink"),
    words: data.get("words"),
    contact: data.getAll("contact"),
    nearness: data.get("nearness") || null,
    anythingElse: data.get("anythingElse"),
  };
}
