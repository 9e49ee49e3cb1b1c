//! Negotiation: each person's Needs, the shared terms, Revisions, and when a Revision is agreed.

use super::patch::Patch;
use super::problem::{Checks, Problem, ProblemCode};
use super::protocol::{CheckInProtocol, TimeGiven};
use super::words;
use crate::ids::{AccountId, LinkId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest long text, in characters.
pub const LONG_TEXT_MAX: usize = 4000;
/// Longest short text, in characters.
pub const SHORT_TEXT_MAX: usize = 500;
/// Longest entry of a list, in characters.
pub const ENTRY_MAX: usize = 200;
/// Maximum number of entries of a list.
pub const ENTRIES_MAX: usize = 20;

words! {
    /// Something that helps.
    pub enum Comfort {
        /// A blanket, a hot-water bottle.
        Warmth = "warmth",
        /// Something to drink.
        Water = "water",
        /// Something to eat.
        Food = "food",
        /// Being held or stroked.
        Touch = "touch",
        /// Being near.
        Closeness = "closeness",
        /// Room for oneself.
        Space = "space",
        /// Calm, without talk.
        Quiet = "quiet",
        /// Talking it over.
        Talk = "talk",
        /// Kind words.
        Reassurance = "reassurance",
        /// Rest.
        Sleep = "sleep",
        /// A shower or a bath.
        Shower = "shower",
        /// Something else, as the free text says.
        Other = "other",
    }
}

words! {
    /// A way of getting in touch.
    pub enum ContactWay {
        /// A written message.
        Message = "message",
        /// A call.
        Call = "call",
        /// A video call.
        Video = "video",
        /// Meeting.
        InPerson = "in_person",
    }
}

words! {
    /// Whether a person wants company after a scene.
    pub enum Nearness {
        /// Rather alone at first.
        Space = "space",
        /// Rather together.
        Closeness = "closeness",
        /// Ask each time.
        Ask = "ask",
    }
}

words! {
    /// The state of a Revision.
    pub enum RevisionState {
        /// At least one of the two has not agreed yet.
        Proposed = "proposed",
        /// Both have agreed to exactly this text, and neither has withdrawn: new scenes stand under it.
        Agreed = "agreed",
        /// A newer one took its place.
        Superseded = "superseded",
        /// Both had agreed, and one of them withdrew.
        Withdrawn = "withdrawn",
    }
}

/// What one person needs after a scene.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// What helps.
    pub comforts: Vec<Comfort>,
    /// What to avoid.
    pub avoid: Vec<String>,
    /// What helps to feel grounded.
    pub grounding: String,
    /// What to eat and drink.
    pub food_and_drink: String,
    /// Words that help.
    pub words: String,
    /// Ways to be contacted, the preferred one first.
    pub contact: Vec<ContactWay>,
    /// Space or closeness.
    pub nearness: Option<Nearness>,
    /// Anything else.
    pub anything_else: String,
}

impl Needs {
    /// Checks every field under the path `field`.
    pub fn checked(self, checks: &mut Checks, field: &str) -> Self {
        let at = |name: &str| format!("{field}.{name}");
        checks.list(&at("comforts"), &self.comforts, Comfort::ALL.len());
        distinct(checks, &at("comforts"), &self.comforts);
        checks.list(&at("avoid"), &self.avoid, ENTRIES_MAX);
        checks.list(&at("contact"), &self.contact, ContactWay::ALL.len());
        distinct(checks, &at("contact"), &self.contact);
        let avoid = (0..).zip(self.avoid).take(ENTRIES_MAX + 1);
        Self {
            avoid: avoid
                .map(|(n, text)| checks.line(&format!("{field}.avoid.{n}"), text, ENTRY_MAX))
                .collect(),
            comforts: self.comforts,
            grounding: checks.text(&at("grounding"), self.grounding, SHORT_TEXT_MAX),
            food_and_drink: checks.text(&at("foodAndDrink"), self.food_and_drink, SHORT_TEXT_MAX),
            words: checks.text(&at("words"), self.words, SHORT_TEXT_MAX),
            contact: self.contact,
            nearness: self.nearness,
            anything_else: checks.text(&at("anythingElse"), self.anything_else, LONG_TEXT_MAX),
        }
    }
}

/// A change of somebody's Needs.
#[derive(Clone, Debug, Default)]
pub struct NeedsPatch {
    /// What helps.
    pub comforts: Patch<Vec<Comfort>>,
    /// What to avoid.
    pub avoid: Patch<Vec<String>>,
    /// What helps to feel grounded.
    pub grounding: Patch<String>,
    /// What to eat and drink.
    pub food_and_drink: Patch<String>,
    /// Words that help.
    pub words: Patch<String>,
    /// Ways to be contacted.
    pub contact: Patch<Vec<ContactWay>>,
    /// Space or closeness.
    pub nearness: Patch<Nearness>,
    /// Anything else.
    pub anything_else: Patch<String>,
}

impl NeedsPatch {
    /// The Needs after the change, checked under the path `field`.
    pub fn over(self, before: Needs, checks: &mut Checks, field: &str) -> Needs {
        Needs {
            comforts: self.comforts.over(before.comforts),
            avoid: self.avoid.over(before.avoid),
            grounding: self.grounding.over(before.grounding),
            food_and_drink: self.food_and_drink.over(before.food_and_drink),
            words: self.words.over(before.words),
            contact: self.contact.over(before.contact),
            nearness: self.nearness.map(Some).over(before.nearness),
            anything_else: self.anything_else.over(before.anything_else),
        }
        .checked(checks, field)
    }
}

fn distinct<T: PartialEq>(checks: &mut Checks, field: &str, values: &[T]) {
    let twice = values.iter().enumerate().any(|(n, value)| values[..n].contains(value));
    if twice {
        checks.note(Problem::new(field, ProblemCode::Duplicate, "The same entry is there twice."));
    }
}

/// The terms that both agree on together; the default ones lack the signal that they need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Limits, in free text.
    pub limits: String,
    /// The signal that stops everything.
    pub stop_signal: String,
    /// When check-ins fall due.
    pub protocol: CheckInProtocol,
    /// How and when to be in touch afterwards.
    pub contact_plan: String,
    /// The way of reaching out that an alert suggests to the partner, if the subject allows alerts (R13);
    /// None: no alerts.
    pub partner_alert: Option<ContactWay>,
}

impl Terms {
    /// Checks the texts under the path `field`.
    pub fn checked(self, checks: &mut Checks, field: &str) -> Self {
        Self {
            limits: checks.text(&format!("{field}.limits"), self.limits, LONG_TEXT_MAX),
            stop_signal: checks.line(&format!("{field}.stopSignal"), self.stop_signal, ENTRY_MAX),
            contact_plan: checks.text(&format!("{field}.contactPlan"), self.contact_plan, LONG_TEXT_MAX),
            protocol: self.protocol,
            partner_alert: self.partner_alert,
        }
    }
}

/// A change of the terms.
#[derive(Clone, Debug, Default)]
pub struct TermsPatch {
    /// Limits.
    pub limits: Patch<String>,
    /// The signal that stops everything; it cannot be cleared.
    pub stop_signal: Patch<String>,
    /// Its times; cleared, the default ones.
    pub protocol: Patch<Vec<TimeGiven>>,
    /// How and when to be in touch.
    pub contact_plan: Patch<String>,
    /// The way of reaching out that an alert may suggest; cleared: no alerts.
    pub partner_alert: Patch<ContactWay>,
}

impl TermsPatch {
    /// The terms after the change, checked under the path `field`.
    pub fn over(self, before: Terms, checks: &mut Checks, field: &str) -> Terms {
        let at = format!("{field}.protocol");
        let protocol = self.protocol.map(|given| CheckInProtocol::parse(checks, &at, &given));
        Terms {
            limits: self.limits.over(before.limits),
            stop_signal: self.stop_signal.over(before.stop_signal),
            protocol: protocol.over(before.protocol),
            contact_plan: self.contact_plan.over(before.contact_plan),
            partner_alert: self.partner_alert.map(Some).over(before.partner_alert),
        }
        .checked(checks, field)
    }
}

/// One person's part of a Revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonsNeeds {
    /// The account; None after its erasure, which erases the words too.
    pub account: Option<AccountId>,
    /// The Needs; None: not written yet, or erased.
    pub needs: Option<Needs>,
}

/// The text of a Revision, without erased parts; see [`super::revision_text`] for how it is stored and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The link that it belongs to.
    pub link: LinkId,
    /// Its number in the link, from 1.
    pub number: i32,
    /// Each person's Needs, in the order of the accounts' ids.
    pub needs: Vec<PersonsNeeds>,
    /// The shared terms.
    pub terms: Terms,
    /// Whether the terms' texts were erased with their proposer's account.
    pub terms_erased: bool,
}

/// The paths of the fields that differ, such as `terms.limits` or `needs.mine.words`, as `reader` sees them.
pub fn changed_fields(before: &Content, after: &Content, reader: AccountId) -> Vec<String> {
    let mut changed = Vec::new();
    let json = |value: &Content| serde_json::to_value(&value.terms).unwrap_or_default();
    compare("terms", &json(before), &json(after), &mut changed);
    for person in after.needs.iter().filter(|person| person.account.is_some()) {
        let whose = if person.account == Some(reader) { "mine" } else { "partners" };
        let old = before.needs.iter().find(|p| p.account == person.account).and_then(|p| p.needs.as_ref());
        let path = format!("needs.{whose}");
        match (old, person.needs.as_ref()) {
            (None, None) => {}
            (Some(old), Some(new)) => {
                let value = |needs: &Needs| serde_json::to_value(needs).unwrap_or_default();
                compare(&path, &value(old), &value(new), &mut changed);
            }
            (None, Some(_)) | (Some(_), None) => changed.push(path),
        }
    }
    changed
}

fn compare(path: &str, before: &serde_json::Value, after: &serde_json::Value, changed: &mut Vec<String>) {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return;
    };
    for (name, value) in after {
        if before.get(name) != Some(value) {
            changed.push(format!("{path}.{}", camel(name)));
        }
    }
}

/// `food_and_drink` as in the API: `foodAndDrink`.
fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut raise = false;
    for c in name.chars() {
        match (c, raise) {
            ('_', _) => raise = true,
            (c, true) => {
                out.extend(c.to_uppercase());
                raise = false;
            }
            (c, false) => out.push(c),
        }
    }
    out
}

/// One person's agreement to a Revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yes {
    /// The account.
    pub account: AccountId,
    /// When the person agreed.
    pub from: Timestamp,
    /// When it was withdrawn.
    pub until: Option<Timestamp>,
}

/// When a Revision was first agreed: the earliest instant at which both agreements stood at once.
pub fn first_agreed(yeses: &[Yes], members: &[AccountId]) -> Option<Timestamp> {
    let stands = |yes: &Yes, at: Timestamp| yes.from <= at && yes.until.is_none_or(|until| at <= until);
    let by_all = |at: &Timestamp| {
        members.len() == 2
            && members.iter().all(|m| yeses.iter().any(|yes| yes.account == *m && stands(yes, *at)))
    };
    yeses.iter().map(|yes| yes.from).filter(by_all).min()
}

/// A Revision's state, from all its agreements, whether it is the latest, and whether a newer one was ever
/// agreed. A replaced Revision does not come back when the newer one is withdrawn: nobody agreed to that.
pub fn revision_state(
    yeses: &[Yes],
    members: &[AccountId],
    is_latest: bool,
    replaced: bool,
) -> RevisionState {
    let stand = members.iter().all(|m| yeses.iter().any(|yes| yes.account == *m && yes.until.is_none()));
    match (replaced, first_agreed(yeses, members), is_latest) {
        (true, ..) => RevisionState::Superseded,
        (false, Some(_), _) if stand => RevisionState::Agreed,
        (false, Some(_), _) => RevisionState::Withdrawn,
        (false, None, true) => RevisionState::Proposed,
        (false, None, false) => RevisionState::Superseded,
    }
}

/// The decision about an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreeVerdict {
    /// It is recorded.
    Take,
    /// The person has agreed already.
    Already,
    /// The hash is not that of the current text (R08).
    OtherText,
    /// A newer Revision was proposed meanwhile; that one needs the agreement.
    Superseded,
}

/// Decides about an agreement to a Revision.
pub fn judge_yes(hash_matches: bool, is_latest: bool, stands_already: bool) -> AgreeVerdict {
    match (hash_matches, is_latest, stands_already) {
        (_, false, _) => AgreeVerdict::Superseded,
        (false, true, _) => AgreeVerdict::OtherText,
        (true, true, true) => AgreeVerdict::Already,
        (true, true, false) => AgreeVerdict::Take,
    }
}

#[cfg(test)]
mod tests;
