//! Promises to reach out: which ones the two people of a link kept, counted together.
//!
//! Only what both see anyway is counted: the due times of a scene's check-ins and the recorded outreaches.
//! Whether a person answered, skipped, paused or kept something private does not matter (R11).

use super::check_in::Times;
use crate::ids::AccountId;
use jiff::{SignedDuration, Timestamp};

/// How far back scenes count, by their ends: short, so that there is no long tally to defend.
pub const LATELY: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The facts of one scene.
#[derive(Clone, Debug, Default)]
pub struct ScenePromises {
    /// When it ended.
    pub ended_at: Timestamp,
    /// The times of its check-ins, each with whose it is: each one keeps the promises of their own clock.
    pub times: Vec<(AccountId, Times)>,
    /// Each outreach: who reached out, and when.
    pub outreaches: Vec<(AccountId, Timestamp)>,
}

/// How many promises the two kept together. Each check-in stands for one promise of each person to reach out. It is
/// kept by an outreach within the window in which one ends the prompt of that check-in (R18), before it closes.
pub fn kept(entries: &[ScenePromises]) -> usize {
    entries.iter().map(kept_of).sum()
}

fn kept_of(entry: &ScenePromises) -> usize {
    let is_kept = |(who, times): &&(AccountId, Times)| {
        let window = times.reached_out_from()..times.closes_at;
        entry.outreaches.iter().any(|(account, at)| account == who && window.contains(at))
    };
    entry.times.iter().filter(is_kept).count()
}

/// The count in words.
pub fn sentence(kept: usize) -> String {
    let days = LATELY.as_hours() / 24;
    match kept {
        0 => format!("Nothing is counted for the last {days} days."),
        1 => format!("In the last {days} days the two of you kept 1 promise to reach out."),
        _ => format!("In the last {days} days the two of you kept {kept} promises to reach out."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::domain::check_in::{Ends, times};
    use crate::domain::protocol::CheckInProtocol;
    use crate::domain::quiet_hours::Zone;
    use crate::ids::distinct;
    use proptest::prelude::*;

    fn hour(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn entry(outreaches: &[(AccountId, i64)]) -> ScenePromises {
        let ends = Ends { ended_at: hour(0), parted_at: None };
        let usual =
            times(CheckInProtocol::default().times(), &[], ends, &Zone::named("zone", "UTC").unwrap());
        let who = distinct(outreaches.iter().map(|(who, _)| *who));
        ScenePromises {
            ended_at: hour(0),
            times: who.into_iter().flat_map(|who| usual.iter().map(move |times| (who, *times))).collect(),
            outreaches: outreaches.iter().map(|(who, hours)| (*who, hour(*hours))).collect(),
        }
    }

    #[test]
    fn each_of_the_two_keeps_each_promise_once() {
        let (alex, sam) =
            (AccountId::at(hour(0), &Chance::seeded(0)), AccountId::at(hour(1), &Chance::seeded(0)));
        for (outreaches, expected) in [
            (vec![], 0),
            (vec![(alex, 0)], 1),
            (vec![(alex, 1), (alex, 2), (alex, 22)], 1),
            // From an hour before the second falls due on, while the first is still open, it counts for both.
            (vec![(alex, 23)], 2),
            (vec![(alex, 1), (sam, 2)], 2),
            (vec![(alex, 23), (alex, 24), (alex, 48)], 3),
            (vec![(alex, 22), (alex, 46)], 2),
            (vec![(alex, 71), (sam, 71)], 2),
            (vec![(alex, -1), (sam, 72), (alex, 1000)], 0),
        ] {
            assert_eq!(kept(&[entry(&outreaches)]), expected, "{outreaches:?}");
        }
        assert_eq!(kept(&[entry(&[(alex, 1)]), entry(&[(alex, 1)])]), 2);
    }

    proptest! {
        #[test]
        fn more_outreaches_never_count_less_and_never_more_than_was_promised(hours in proptest::collection::vec((any::<bool>(), -10..100_i64), 0..30)) {
            let (alex, sam) = (AccountId::at(hour(0), &Chance::seeded(0)), AccountId::at(hour(1), &Chance::seeded(0)));
            let all: Vec<_> = hours.iter().map(|(first, hours)| (if *first { alex } else { sam }, *hours)).collect();
            let counts: Vec<_> = (0..=all.len()).map(|n| kept(&[entry(&all[..n])])).collect();
            prop_assert!(counts.is_sorted() && counts.iter().all(|count| *count <= 6), "{counts:?}");
        }
    }

    #[test]
    fn the_count_is_of_ninety_days_and_in_words() {
        assert_eq!(LATELY, SignedDuration::from_secs(90 * 86_400));
        assert_eq!(sentence(0), "Nothing is counted for the last 90 days.");
        assert_eq!(sentence(1), "In the last 90 days the two of you kept 1 promise to reach out.");
        assert_eq!(sentence(2), "In the last 90 days the two of you kept 2 promises to reach out.");
    }
}
