//! Retention periods, as the operator chose them.

use jiff::SignedDuration;

/// Default retention periods in days, and the allowed ranges.
pub mod days {
    use std::ops::RangeInclusive;

    /// Finished nudges with their attempts. An answer counts for 14 days after a check-in fell due.
    pub const NUDGES: u16 = 90;
    /// See [`NUDGES`].
    pub const NUDGES_RANGE: RangeInclusive<u16> = 15..=3650;
    /// A scene with everything that belongs to it. People look back on their scenes, so the minimum is not too short.
    pub const SCENES_RANGE: RangeInclusive<u16> = 90..=36_500;
    /// An export that was not fetched.
    pub const EXPORTS: u16 = 7;
    /// See [`EXPORTS`].
    pub const EXPORTS_RANGE: RangeInclusive<u16> = 1..=30;
}

/// The retention periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Finished nudges with their attempts, from when they were finished.
    pub nudges: SignedDuration,
    /// A scene with its check-ins, answers, aftercare, outreaches and debriefs, from its end or cancellation;
    /// the same for both people. None: as long as the link is kept.
    pub scenes: Option<SignedDuration>,
    /// An export, from its request.
    pub exports: SignedDuration,
}

impl Keep {
    /// Periods in days; None: scenes are kept for ever.
    pub fn for_days(nudges: u16, scenes: Option<u16>, exports: u16) -> Self {
        let days = |count: u16| SignedDuration::from_hours(24 * i64::from(count));
        Self { nudges: days(nudges), scenes: scenes.map(days), exports: days(exports) }
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self::for_days(days::NUDGES, None, days::EXPORTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_kept_for_days_and_scenes_for_ever_unless_chosen_otherwise() {
        let days = |count: i64| SignedDuration::from_secs(count * 86_400);
        let keep = Keep::for_days(15, Some(90), 1);
        assert_eq!((keep.nudges, keep.scenes, keep.exports), (days(15), Some(days(90)), days(1)));
        assert_eq!(Keep::default(), Keep { nudges: days(90), scenes: None, exports: days(7) });
    }
}
