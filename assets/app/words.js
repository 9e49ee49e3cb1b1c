// What the API's values are called: plain and non-explicit.
const pairs = (object) => Object.entries(object);

export const ROLE = { DOMINANT: "Dominant", SUBMISSIVE: "Submissive", SWITCH: "Switch" };
export const SETTING = { ONLINE: "Over a distance", IN_PERSON: "In one room" };
export const COMFORT = {
  WARMTH: "Warmth",
  WATER: "Water",
  FOOD: "Food",
  TOUCH: "Touch",
  CLOSENESS: "Closeness",
  SPACE: "Space",
  QUIET: "Quiet",
  TALK: "Talk",
  REASSURANCE: "Kind words",
  SLEEP: "Sleep",
  SHOWER: "A shower or bath",
  OTHER: "Something else",
};
export const WAY = { MESSAGE: "A message", CALL: "A call", VIDEO: "A video call", IN_PERSON: "Meeting" };
export const NEARNESS = { SPACE: "Rather alone at first", CLOSENESS: "Rather together", ASK: "It differs: ask" };
export const SIGN = {
  TEARFUL: "Tearful",
  SAD: "Sad",
  IRRITABLE: "Irritable",
  ANXIOUS: "Anxious",
  FRAGILE: "Fragile",
  LOW: "Low",
  NUMB: "Numb",
  TIRED: "Tired",
  OTHER: "Something else",
};
export const DEGREE = { NONE: "No", A_LITTLE: "A little", A_LOT: "A lot" };
export const SHARE = { NOTHING: "Only me", MOOD: "How I am, and not the rest", ALL: "All of it" };
export const MOOD = ["", "Very low", "Low", "In between", "Well", "Very well"];
export const MOUTH = ["", "M15 35q9-9 18 0", "M16 33q8-4 16 0", "M16 32h16", "M16 30q8 5 16 0", "M15 29q9 10 18 0"];
export const GIVER = { ME: "From me", PARTNER: "From my partner", BOTH: "From each to the other" };
export const REVISION = {
  PROPOSED: "proposed",
  AGREED: "agreed",
  SUPERSEDED: "replaced by a later one",
  WITHDRAWN: "taken back",
};
export const SCENE = { PLANNED: "planned", UNDER_WAY: "under way", ENDED: "ended", CANCELLED: "did not take place" };

export const options = pairs;
/** The same with a first entry that chooses nothing. */
export const optional = (object, nothing) => [["", nothing], ...pairs(object)];

/** A sentence that stands by itself. */
export const raised = (sentence) => sentence.charAt(0).toUpperCase() + sentence.slice(1);
