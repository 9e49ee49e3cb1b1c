//! Together: which reminders to one person go out as one, and whether the person's day has a place for it (R22).

use super::nudge::{Reason, Rung};
use crate::ids::{LinkId, SceneId};
use jiff::{SignedDuration, Timestamp};

/// Within this time, whatever is for one person is one reminder.
pub const WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// Within this time, the first questions about several scenes are one reminder, and so are prompts about several scenes with
/// the same partner.
pub const QUESTIONS_WITHIN: SignedDuration = SignedDuration::from_hours(2);
/// Maximum number of reminders to a person in one of their local days.
pub const PLACES: i64 = 6;
/// How many of these may be anything but first questions, so that a day has places for questions that nobody knows of yet.
pub const OTHER_PLACES: i64 = 4;

/// What a reminder takes a place in the day for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Takes none: the person asked for it, or somebody needs them.
    Free,
    /// The first question of a check-in.
    Question,
    /// Asking again, by e-mail too, and prompts.
    Other,
}

impl Class {
    /// The class of a message that has a reminder of each.
    #[must_use]
    pub fn heavier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Question, _) | (_, Self::Question) => Self::Question,
            (Self::Other, _) | (_, Self::Other) => Self::Other,
            (Self::Free, Self::Free) => Self::Free,
        }
    }

    /// The class of a reminder; `snoozed`: whether the person chose when, `unasked`: whether no question of that round went
    /// out yet.
    pub fn of(reason: Reason, snoozed: bool, unasked: bool) -> Self {
        match reason {
            Reason::CheckIn(Rung::TellPartner) => Self::Free,
            Reason::CheckIn(Rung::Ask) if snoozed => Self::Free,
            Reason::CheckIn(Rung::Ask) => Self::Question,
            Reason::CheckIn(Rung::Email | Rung::AskAgain) if unasked => Self::Question,
            Reason::CheckIn(Rung::Email | Rung::AskAgain) | Reason::Prompt => Self::Other,
        }
    }
}

/// A reminder that is due, or comes soon.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Why it is sent.
    pub reason: Reason,
    /// What it takes a place for.
    pub class: Class,
    /// Its scene.
    pub scene: SceneId,
    /// Its link; None: the subject is alone.
    pub link: Option<LinkId>,
    /// When it was first planned for.
    pub planned_at: Timestamp,
    /// When it goes out by itself.
    pub send_at: Timestamp,
    /// The scene's end.
    pub ended_at: Timestamp,
}

impl Item {
    fn is_first_question(&self) -> bool {
        self.class == Class::Question && self.reason == Reason::CheckIn(Rung::Ask)
    }

    /// From when on it may come early, with another one. A question does not come before half of its time has passed since
    /// the scene's end: an hour after the scene is not five minutes after it. Nor does a prompt that is more than half an hour
    /// away.
    fn early_from(&self) -> Timestamp {
        let half = self.ended_at + self.send_at.duration_since(self.ended_at) / 2;
        match self.reason {
            Reason::CheckIn(Rung::Ask) => half,
            Reason::Prompt => half.min(self.send_at - WITHIN),
            Reason::CheckIn(_) => Timestamp::MIN,
        }
    }

    /// Whether both say the same of several scenes: one that is near makes the other needless.
    fn repeats(&self, other: &Self) -> bool {
        let prompts = self.reason == Reason::Prompt && other.reason == Reason::Prompt;
        let questions = self.is_first_question() && other.is_first_question();
        self.scene != other.scene && (questions || prompts && self.link == other.link)
    }

    /// How far from this one `other` may be to be one with it; None: the two are never one. Check-ins of one scene are as
    /// far apart as both agreed.
    fn reach(&self, other: &Self) -> Option<SignedDuration> {
        match (self.is_first_question(), other.is_first_question()) {
            _ if self.repeats(other) => Some(QUESTIONS_WITHIN),
            (true, true) => None,
            _ => Some(WITHIN),
        }
    }

    /// Whether `self`, which comes later, goes out now together with one that is due.
    pub fn rides_with(&self, due: &Self, now: Timestamp) -> bool {
        let chosen = self.class == Class::Free && self.reason == Reason::CheckIn(Rung::Ask);
        let near = |within| self.send_at.duration_since(now) <= within;
        !chosen && self.early_from() <= now && due.reach(self).is_some_and(near)
    }

    /// Until when `self`, which is due, waits for a later one that may not come early; None: it does not wait. It waits
    /// once: never longer than by `reach` after it was planned.
    pub fn waits_for(&self, later: &Self, now: Timestamp) -> Option<Timestamp> {
        let chosen = self.class == Class::Free && self.reason == Reason::CheckIn(Rung::Ask);
        let near = |within| later.send_at.duration_since(self.planned_at) <= within;
        let waits = !chosen
            && (later.is_first_question() || self.repeats(later))
            && later.send_at > now
            && later.early_from() > now
            && self.reach(later).is_some_and(near);
        waits.then_some(later.send_at)
    }
}

/// What a person got in their current local day, or is about to get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Reminders with a first question.
    pub questions: i64,
    /// Others that took a place.
    pub others: i64,
    /// First questions that still come today, those that go out together counted once.
    pub coming: i64,
    /// When the last first question went out.
    pub last_question: Option<Timestamp>,
}

impl Day {
    /// Counts a reminder.
    pub fn count(&mut self, class: Class) {
        match class {
            Class::Free => {}
            Class::Question => self.questions += 1,
            Class::Other => self.others += 1,
        }
    }

    /// Until when first questions wait that find the day full and close before the next one: two hours from the last one, so
    /// that they come together, however many there are, and a little before they close.
    pub fn hold_until(&self, closes_at: Timestamp) -> Timestamp {
        let apart = self.last_question.map_or(Timestamp::MIN, |at| at + QUESTIONS_WITHIN);
        apart.min(closes_at - WITHIN)
    }

    /// Whether the day has a place for a reminder. First questions are kept out by first questions alone.
    pub fn has_place(&self, class: Class) -> bool {
        match class {
            Class::Free => true,
            Class::Question => self.questions < PLACES,
            Class::Other => self.others < OTHER_PLACES && self.questions + self.others + self.coming < PLACES,
        }
    }
}

/// How many reminders first questions at these times make, if those within [`QUESTIONS_WITHIN`] are one.
pub fn count_together(mut times: Vec<Timestamp>) -> i64 {
    times.sort_unstable();
    let (mut count, mut last) = (0, None);
    for at in times {
        if last.is_none_or(|first: Timestamp| at.duration_since(first) > QUESTIONS_WITHIN) {
            (count, last) = (count + 1, Some(at));
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ASK: Reason = Reason::CheckIn(Rung::Ask);

    fn minute(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn scene(number: u128) -> SceneId {
        SceneId(Uuid::from_u128(number))
    }

    /// A reminder that is planned for `at`, of a scene that ended `after` minutes before.
    fn item(reason: Reason, number: u128, at: i64, after: i64) -> Item {
        let class = Class::of(reason, false, false);
        Item {
            reason,
            class,
            scene: scene(number),
            link: Some(LinkId(Uuid::from_u128(1))),
            planned_at: minute(at),
            send_at: minute(at),
            ended_at: minute(at - after),
        }
    }

    #[test]
    fn r22_what_is_due_within_half_an_hour_is_one_and_first_questions_of_several_scenes_within_two_hours() {
        let due = item(ASK, 1, 0, 1440);
        let rides = |other: Item| other.rides_with(&due, minute(0));
        for (reason, at, together) in
            [(Reason::Prompt, 30, true), (Reason::Prompt, 31, false), (ASK, 120, true), (ASK, 121, false)]
        {
            assert_eq!(rides(item(reason, 2, at, 1440)), together, "{reason:?} {at}");
        }
        assert!(!rides(item(ASK, 1, 30, 1440)), "check-ins of one scene come when both agreed");
        let snoozed = Item { class: Class::of(ASK, true, false), ..item(ASK, 2, 20, 1440) };
        assert!(!rides(snoozed), "what somebody put off comes when they said");
    }

    #[test]
    fn r22_a_question_never_comes_before_half_of_its_time_and_then_the_other_waits_for_it() {
        let (day_after, prompt) = (item(ASK, 1, 0, 1440), item(Reason::Prompt, 1, 0, 1440));
        for (at, early) in [(30, true), (31, false)] {
            let hour_after = item(ASK, 2, at, 60);
            assert_eq!(hour_after.rides_with(&day_after, minute(0)), early, "{at}");
            let waits = (!early).then(|| minute(at));
            assert_eq!(day_after.waits_for(&hour_after, minute(0)), waits, "{at}");
            assert_eq!(
                prompt.waits_for(&hour_after, minute(0)),
                None,
                "nothing but questions waits for so long"
            );
        }
        let soon = item(ASK, 2, 20, 30);
        assert_eq!(prompt.waits_for(&soon, minute(0)), Some(minute(20)));
        let too_late = item(ASK, 3, 150, 60);
        assert_eq!(
            day_after.waits_for(&too_late, minute(95)),
            None,
            "two hours at most after it was planned"
        );
    }

    #[test]
    fn r22_prompts_about_scenes_with_one_partner_are_one_within_two_hours() {
        let due = item(Reason::Prompt, 1, 0, 1440);
        let link = Some(LinkId(Uuid::from_u128(2)));
        for (at, after, early) in [(120, 1440, true), (121, 1440, false), (40, 60, false), (30, 60, true)] {
            let later = item(Reason::Prompt, 2, at, after);
            assert_eq!(later.rides_with(&due, minute(0)), early, "{at}");
            let waits = (!early && at <= 120).then(|| minute(at));
            assert_eq!(due.waits_for(&later, minute(0)), waits, "{at}");
            for other in [Item { link, ..later }, Item { scene: due.scene, ..later }] {
                assert_eq!(other.rides_with(&due, minute(0)), at <= 30, "{at}");
                assert_eq!(due.waits_for(&other, minute(0)), None, "{at}");
            }
        }
        let moved = Item { send_at: minute(90), ..due };
        let third = item(Reason::Prompt, 3, 150, 60);
        assert_eq!(moved.waits_for(&third, minute(90)), None, "two hours at most after it was planned");
    }

    #[test]
    fn r22_a_day_has_six_places_and_no_older_reminder_takes_that_of_a_first_question() {
        let day = |questions, others, coming| Day { questions, others, coming, last_question: None };
        for (day, question, other) in [
            (day(0, 0, 0), true, true),
            (day(0, 3, 0), true, true),
            (day(0, 4, 0), true, false),
            (day(1, 3, 1), true, true),
            (day(1, 3, 2), true, false),
            (day(5, 0, 0), true, true),
            (day(5, 1, 0), true, false),
            (day(6, 0, 0), false, false),
        ] {
            assert_eq!(
                (day.has_place(Class::Question), day.has_place(Class::Other)),
                (question, other),
                "{day:?}"
            );
            assert!(day.has_place(Class::Free));
        }
    }

    #[test]
    fn r22_questions_that_a_full_day_cannot_put_off_come_together_and_before_they_close() {
        let day = Day { questions: 6, last_question: Some(minute(0)), ..Day::default() };
        assert_eq!(day.hold_until(minute(600)), minute(120));
        assert_eq!(day.hold_until(minute(100)), minute(70));
        assert_eq!(Day::default().hold_until(minute(600)), Timestamp::MIN, "nothing is waited for");
    }

    #[test]
    fn r22_questions_that_come_together_are_counted_once() {
        let count = |times: &[i64]| count_together(times.iter().map(|at| minute(*at)).collect());
        assert_eq!(
            [count(&[]), count(&[5]), count(&[0, 120]), count(&[121, 0]), count(&[0, 90, 180])],
            [0, 1, 1, 2, 2]
        );
    }
}
