//! Answers: what a subject reports, and how much of it the partner sees.

use super::account::AnswerSharing;
use super::problem::{Checks, Problem, ProblemCode};
use super::words;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Longest note or need, in characters.
pub const NOTE_MAX: usize = 2000;
/// How long new shares stay unseen by the partner, so that they can be taken back (R09).
pub const RELEASE_DELAY: SignedDuration = SignedDuration::from_mins(2);
/// Lowest and highest mood.
pub const MOOD: std::ops::RangeInclusive<i32> = 1..=5;

words! {
    /// A sign of drop that a person may notice in themselves.
    pub enum Sign {
        /// Close to tears.
        Tearful = "tearful",
        /// Sad.
        Sad = "sad",
        /// Easily annoyed.
        Irritable = "irritable",
        /// Anxious.
        Anxious = "anxious",
        /// Fragile.
        Fragile = "fragile",
        /// Low in mood.
        Low = "low",
        /// Numb.
        Numb = "numb",
        /// Tired.
        Tired = "tired",
        /// Something else, as the note says.
        Other = "other",
    }
}

words! {
    /// How strong a sign is.
    pub enum SignDegree {
        /// Not at all.
        None = "none",
        /// A little.
        ALittle = "a_little",
        /// A lot.
        ALot = "a_lot",
    }
}

/// One sign and its degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticedSign {
    /// The sign.
    pub sign: Sign,
    /// Its degree.
    pub degree: SignDegree,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerContent {
    /// From 1 (very low) to 5 (very well).
    pub mood: i32,
    /// Each sign at most once.
    pub signs: Vec<NoticedSign>,
    /// What would help now.
    pub need: String,
    /// A note, private unless all is shared.
    pub note: String,
}

impl AnswerContent {
    /// Checks every field.
    pub fn checked(self, checks: &mut Checks) -> Self {
        checks.range("mood", i64::from(self.mood), i64::from(*MOOD.start()), i64::from(*MOOD.end()));
        let twice = |n: usize, s: &NoticedSign| self.signs[..n].iter().any(|other| other.sign == s.sign);
        if self.signs.iter().enumerate().any(|(n, s)| twice(n, s)) {
            checks.note(Problem::new("signs", ProblemCode::Duplicate, "Each sign can be there once."));
        }
        Self {
            need: checks.text("need", self.need, NOTE_MAX),
            note: checks.text("note", self.note, NOTE_MAX),
            ..self
        }
    }
}

/// What the partner sees of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAnswer {
    /// The mood.
    pub mood: i32,
    /// The rest, if all is shared.
    pub rest: Option<AnswerContent>,
}

/// What the author shares of an answer, and how much of that the partner sees already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// What the author chose.
    pub chosen: AnswerSharing,
    /// What is seen until `from`; never more than `chosen`.
    pub before: AnswerSharing,
    /// When `chosen` takes effect.
    pub from: Timestamp,
}

impl Sharing {
    /// Of a new answer at `now`: nothing is seen before the delay has passed.
    pub fn of_new(chosen: AnswerSharing, now: Timestamp) -> Self {
        Self { chosen, before: AnswerSharing::Nothing, from: now + RELEASE_DELAY }
    }

    /// What the partner sees at `now`.
    pub fn seen(&self, now: Timestamp) -> AnswerSharing {
        if now < self.from { self.before } else { self.chosen }
    }

    /// The sharing after a new choice at `now`. Sharing less works at once; sharing more starts a new delay
    /// for the added part, and what is seen stays seen.
    #[must_use]
    pub fn changed(self, chosen: AnswerSharing, now: Timestamp) -> Self {
        let seen = self.seen(now);
        if chosen <= seen {
            Self { chosen, before: chosen, from: now }
        } else if chosen <= self.chosen {
            // Less than what waits, more than what is seen: it has waited already.
            Self { chosen, before: seen, from: self.from }
        } else {
            Self { chosen, before: seen, from: now + RELEASE_DELAY }
        }
    }

    /// The sharing of an edited answer at `now`. What was shared and did not change stays seen, so that an edit of what
    /// is not shared shows to nobody; what did change waits like a new answer.
    #[must_use]
    pub fn edited(
        self,
        former: &AnswerContent,
        content: &AnswerContent,
        chosen: AnswerSharing,
        now: Timestamp,
    ) -> Self {
        let unchanged = if former == content {
            AnswerSharing::All
        } else if former.mood == content.mood {
            AnswerSharing::Mood
        } else {
            AnswerSharing::Nothing
        };
        if unchanged >= chosen.min(self.chosen) {
            return self.changed(chosen, now);
        }
        Self { chosen, before: self.seen(now).min(unchanged), from: now + RELEASE_DELAY }
    }

    /// Until when a share can still be taken back unseen; None: no share waits.
    pub fn unseen_until(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.from && self.before < self.chosen).then_some(self.from)
    }
}

/// An answer that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The content.
    pub content: AnswerContent,
    /// What is shared of it.
    pub sharing: Sharing,
    /// When it was given.
    pub answered_at: Timestamp,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// It is stored, and shared like this.
    Store(Sharing),
    /// It is what is stored: sent again.
    Same,
    /// What is stored was given later: it stays, and this one comes late, from a device without a network.
    Older,
}

/// Decides about an answer, given at `at` or else just now. `share` None: one that was given before stays shared as it is, and
/// another one follows the `standing` choice (R09). Instants count to the millisecond, as clients read them.
pub fn judge_answer(
    stored: Option<&StoredAnswer>,
    content: &AnswerContent,
    (share, standing): (Option<AnswerSharing>, AnswerSharing),
    at: Option<Timestamp>,
    now: Timestamp,
) -> AnswerVerdict {
    let Some(stored) = stored else {
        return AnswerVerdict::Store(Sharing::of_new(share.unwrap_or(standing), now));
    };
    let share = share.unwrap_or(stored.sharing.chosen);
    // Who answers just now is never late, whatever the clock did since.
    let at = at.unwrap_or(now.max(stored.answered_at)).as_millisecond();
    match at.cmp(&stored.answered_at.as_millisecond()) {
        Ordering::Less => AnswerVerdict::Older,
        Ordering::Equal if *content == stored.content && share == stored.sharing.chosen => {
            AnswerVerdict::Same
        }
        Ordering::Equal | Ordering::Greater => {
            AnswerVerdict::Store(stored.sharing.edited(&stored.content, content, share, now))
        }
    }
}

/// The partner's view at `now` (R09, R11): None is "no update", whatever the reason.
pub fn partners_view(answer: Option<(&AnswerContent, Sharing)>, now: Timestamp) -> Option<SharedAnswer> {
    let (content, sharing) = answer?;
    match sharing.seen(now) {
        AnswerSharing::Nothing => None,
        AnswerSharing::Mood => Some(SharedAnswer { mood: content.mood, rest: None }),
        AnswerSharing::All => Some(SharedAnswer { mood: content.mood, rest: Some(content.clone()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [AnswerSharing; 3] = [AnswerSharing::Nothing, AnswerSharing::Mood, AnswerSharing::All];

    fn second(n: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(n)
    }

    #[test]
    fn r09_what_is_newly_shared_is_seen_after_the_delay_and_what_is_taken_back_is_gone_at_once() {
        let delay = RELEASE_DELAY.as_secs();
        for chosen in LEVELS {
            let new = Sharing::of_new(chosen, second(0));
            assert_eq!(new.seen(second(delay - 1)), AnswerSharing::Nothing);
            assert_eq!(new.seen(second(delay)), chosen);
            let waits = (chosen != AnswerSharing::Nothing).then_some(second(delay));
            assert_eq!((new.unseen_until(second(0)), new.unseen_until(second(delay))), (waits, None));
        }
    }

    fn noted(mood: i32, note: &str) -> AnswerContent {
        AnswerContent { mood, signs: Vec::new(), need: String::new(), note: note.to_owned() }
    }

    #[test]
    fn r09_r11_an_edit_of_what_is_not_shared_changes_nothing_for_the_partner() {
        let (old, other, felt) = (noted(2, "old"), noted(2, "new"), noted(4, "old"));
        let later = second(3 * RELEASE_DELAY.as_secs());
        let shows = |answer: &AnswerContent, sharing, at| partners_view(Some((answer, sharing)), at);
        for chosen in LEVELS {
            for edit in [&old, &other, &felt] {
                let before = Sharing::of_new(chosen, second(0));
                let after = before.edited(&old, edit, chosen, later);
                let (was, at_once) = (shows(&old, before, later), shows(edit, after, later));
                let at_last = shows(edit, after, later + RELEASE_DELAY);
                let reference = shows(edit, before, later);
                assert_eq!(at_last, reference, "{chosen:?} {edit:?}: in the end they see what is shared");
                if was == reference {
                    assert_eq!(at_once, was, "{chosen:?} {edit:?}: no blink");
                    assert_eq!(after.unseen_until(later), None);
                } else {
                    assert_eq!(
                        at_once.as_ref().and_then(|seen| seen.rest.as_ref()),
                        None,
                        "nothing new at once"
                    );
                    assert!(at_once.is_none_or(|seen| seen.mood == old.mood));
                }
            }
        }
        // An edit of what waits begins its delay anew, and what is shared more waits its own.
        let waiting = Sharing::of_new(AnswerSharing::All, later - RELEASE_DELAY / 2);
        assert_eq!(waiting.edited(&old, &other, AnswerSharing::All, later).from, later + RELEASE_DELAY);
        let mood =
            Sharing::of_new(AnswerSharing::Mood, second(0)).edited(&old, &other, AnswerSharing::All, later);
        assert_eq!((mood.seen(later), mood.from), (AnswerSharing::Mood, later + RELEASE_DELAY));
    }

    #[test]
    fn r09_however_sharing_is_changed_the_partner_never_sees_more_than_was_chosen_for_a_whole_delay() {
        // Every sequence of three choices, a delay or half of one apart, looked at every half delay.
        let half = RELEASE_DELAY.as_secs() / 2;
        for n in 0..3 * 3 * 3 * 2 * 2 {
            let choices = [LEVELS[n % 3], LEVELS[n / 3 % 3], LEVELS[n / 9 % 3]];
            let steps = [0, 1 + (n / 27 % 2) as i64, 2 + (n / 27 % 2 + n / 54) as i64];
            let mut sharing = Sharing::of_new(choices[0], second(0));
            let mut chosen_at = vec![AnswerSharing::Nothing; 2];
            for tick in 0..8 {
                for k in [1, 2] {
                    if steps[k] == tick {
                        sharing = sharing.changed(choices[k], second(tick * half));
                    }
                }
                chosen_at.push(sharing.chosen);
                // The choices of the last whole delay, this moment included.
                let lately = || chosen_at.iter().rev().take(3).copied();
                let (seen, least) = (sharing.seen(second(tick * half)), lately().min().unwrap());
                assert!(seen <= least, "{choices:?} {steps:?} at {tick}");
                // Taking back more than was added may restart the wait of the rest, but never for longer than
                // one delay.
                let unchanged = lately().max() == Some(least);
                assert!(seen == least || !unchanged, "{choices:?} {steps:?} at {tick}: not seen in time");
            }
        }
    }

    fn content(mood: i32, signs: &[Sign]) -> AnswerContent {
        let signs = signs.iter().map(|sign| NoticedSign { sign: *sign, degree: SignDegree::ALot }).collect();
        AnswerContent { mood, signs, need: " tea ".to_owned(), note: " tired ".to_owned() }
    }

    /// The answer as accepted, or the fields that are wrong.
    fn checked(content: AnswerContent) -> Result<AnswerContent, Vec<String>> {
        let mut checks = Checks::new();
        let content = content.checked(&mut checks);
        checks.finish(content).map_err(|problems| problems.into_iter().map(|problem| problem.field).collect())
    }

    #[test]
    fn an_answer_has_a_mood_of_one_to_five_and_each_sign_once() {
        let taken = checked(content(1, &[Sign::Sad, Sign::Tired])).unwrap();
        assert_eq!((taken.need.as_str(), taken.note.as_str(), taken.mood), ("tea", "tired", 1));
        assert_eq!(taken.signs.len(), 2);
        assert!(checked(content(5, &[])).is_ok());
        for mood in [0, 6] {
            assert_eq!(checked(content(mood, &[])), Err(vec!["mood".to_owned()]));
        }
        assert_eq!(checked(content(3, &[Sign::Sad, Sign::Tired, Sign::Sad])), Err(vec!["signs".to_owned()]));
        let long = AnswerContent {
            need: "n".repeat(NOTE_MAX + 1),
            note: "n".repeat(NOTE_MAX + 1),
            ..content(3, &[])
        };
        assert_eq!(checked(long), Err(vec!["need".to_owned(), "note".to_owned()]));
    }

    #[test]
    fn r09_the_partner_sees_no_more_than_was_chosen_and_r11_nothing_looks_like_no_answer() {
        let content = content(2, &[Sign::Low]);
        let (given, seen) = (second(0), second(RELEASE_DELAY.as_secs()));
        let view = |chosen, now| partners_view(Some((&content, Sharing::of_new(chosen, given))), now);
        assert_eq!(
            view(AnswerSharing::All, seen),
            Some(SharedAnswer { mood: 2, rest: Some(content.clone()) })
        );
        assert_eq!(view(AnswerSharing::Mood, seen), Some(SharedAnswer { mood: 2, rest: None }));
        for unseen in
            [view(AnswerSharing::Nothing, seen), view(AnswerSharing::All, given), partners_view(None, seen)]
        {
            assert_eq!(unseen, None);
        }
    }

    #[test]
    fn r04_an_answer_that_is_older_than_the_stored_one_to_the_millisecond_comes_too_late() {
        let at = |micros: i64| second(60) + SignedDuration::from_micros(micros);
        let sharing = Sharing::of_new(AnswerSharing::Mood, second(60));
        let stored = StoredAnswer { content: noted(3, "calm"), sharing, answered_at: at(1_999) };
        let judge = |content: AnswerContent, share, given| {
            let standing = AnswerSharing::All;
            judge_answer(Some(&stored), &content, (share, standing), given, second(61))
        };
        let edited = |content: AnswerContent, share| {
            AnswerVerdict::Store(sharing.edited(&stored.content, &content, share, second(61)))
        };
        let (same, other) = (|| noted(3, "calm"), || noted(4, "calm"));
        assert_eq!(judge(same(), None, Some(at(999))), AnswerVerdict::Older);
        assert_eq!(judge(other(), None, Some(at(999))), AnswerVerdict::Older);
        for echoed in [at(1_000), at(1_999)] {
            assert_eq!(judge(same(), None, Some(echoed)), AnswerVerdict::Same);
            assert_eq!(judge(same(), Some(AnswerSharing::Mood), Some(echoed)), AnswerVerdict::Same);
            assert_eq!(judge(other(), None, Some(echoed)), edited(other(), AnswerSharing::Mood));
            let more = Some(AnswerSharing::All);
            assert_eq!(judge(same(), more, Some(echoed)), edited(same(), AnswerSharing::All));
        }
        assert_eq!(judge(same(), None, Some(at(2_000))), edited(same(), AnswerSharing::Mood));
        assert_eq!(judge(other(), None, None), edited(other(), AnswerSharing::Mood), "shared as it was");
        let ahead = StoredAnswer { answered_at: second(3600), ..stored.clone() };
        let now = judge_answer(Some(&ahead), &other(), (None, AnswerSharing::All), None, second(61));
        assert_eq!(now, edited(other(), AnswerSharing::Mood), "just now is never late");
        for (share, chosen) in [(None, AnswerSharing::All), (Some(AnswerSharing::Mood), AnswerSharing::Mood)]
        {
            let first = judge_answer(None, &same(), (share, AnswerSharing::All), Some(at(0)), second(61));
            assert_eq!(first, AnswerVerdict::Store(Sharing::of_new(chosen, second(61))));
        }
    }

    #[test]
    fn r09_what_waits_goes_on_waiting_when_less_is_chosen_and_waits_anew_when_more_is() {
        let delay = RELEASE_DELAY.as_secs();
        let new = Sharing::of_new(AnswerSharing::All, second(0));
        let less = new.changed(AnswerSharing::Mood, second(60));
        assert_eq!(
            less,
            Sharing { chosen: AnswerSharing::Mood, before: AnswerSharing::Nothing, from: second(delay) }
        );
        let more = less.changed(AnswerSharing::All, second(delay + 60));
        assert_eq!(
            more,
            Sharing { chosen: AnswerSharing::All, before: AnswerSharing::Mood, from: second(2 * delay + 60) }
        );
        assert_eq!(more.unseen_until(second(delay + 60)), Some(second(2 * delay + 60)));
        let back = more.changed(AnswerSharing::Nothing, second(delay + 61));
        assert_eq!(
            (back.seen(second(delay + 61)), back.unseen_until(second(delay + 61))),
            (AnswerSharing::Nothing, None)
        );
    }
}
