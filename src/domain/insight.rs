//! Insight: what a person's own answers show over time, for that person alone, and the protocol that they suggest.
//!
//! It counts, and says what it counted. There is no score and no streak, and nothing about the partner.

use super::answer::MOOD;
use super::negotiation::Comfort;
use super::protocol::{CheckInProtocol, OFFSET_MAX_MINUTES, TIMES_MAX};
use jiff::Timestamp;

/// Maximum number of scenes considered: the latest with an answer.
pub const SCENES_MAX: i64 = 200;
/// A mood up to this counts as low.
pub const LOW: i32 = 2;
/// A mood from this on counts as well.
pub const WELL: i32 = 4;
/// Minimum number of answers for a suggestion.
pub const ANSWERS_MIN: usize = 8;
/// Minimum number of scenes for a suggestion or comforts.
pub const SCENES_MIN: usize = 3;
/// Minimum number of scenes that went well in which a comfort was given, for the comfort to be listed.
pub const COMFORT_SCENES_MIN: usize = 2;
/// Lows tend to come in a stretch with at least so many lows, …
pub const LOWS_MIN: usize = 2;
/// … if at least one in so many of its answers was low.
pub const LOW_ONE_IN: usize = 3;
/// Starts of the stretches, in hours after a scene's end; each ends where the next begins, and the last is open.
pub const STRETCHES: [u32; 6] = [0, 6, 18, 36, 60, 96];
/// A check-in covers a low that is no farther from it than this, in minutes.
pub const NEAR_MINUTES: u32 = 3 * 60;

/// One answer: its time after the scene's end, and its mood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Minutes since the scene's end.
    pub minutes: u32,
    /// From 1 (very low) to 5 (very well).
    pub mood: i32,
}

impl Point {
    /// An answer given at `answered_at`, which may be long after its check-in fell due: the mood is of that time.
    pub fn new(ended_at: Timestamp, answered_at: Timestamp, mood: i32) -> Self {
        let minutes = answered_at.duration_since(ended_at).as_mins().max(0);
        Self {
            minutes: u32::try_from(minutes).unwrap_or(u32::MAX),
            mood: mood.clamp(*MOOD.start(), *MOOD.end()),
        }
    }

    fn is_low(self) -> bool {
        self.mood <= LOW
    }
}

/// One scene with the person's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SceneCourse {
    /// The person's own answers.
    pub points: Vec<Point>,
    /// The comforts that the person got right after it, each once.
    pub comforts: Vec<Comfort>,
}

impl SceneCourse {
    /// Whether at least one mood was well and none was low.
    pub fn went_well(&self) -> bool {
        self.points.iter().any(|point| point.mood >= WELL) && !self.points.iter().any(|point| point.is_low())
    }
}

/// A stretch of hours after scenes, and the answers given in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its start, in hours after a scene's end.
    pub from_hours: u32,
    /// Its end (exclusive), in hours; None: open.
    pub until_hours: Option<u32>,
    /// The number of answers in it.
    pub answers: usize,
    /// The number of low answers in it.
    pub lows: usize,
}

impl Stretch {
    fn holds(&self, minutes: u32) -> bool {
        minutes >= self.from_hours * 60 && self.until_hours.is_none_or(|until| minutes < until * 60)
    }

    /// Whether lows tend to come in it.
    pub fn tends_low(&self) -> bool {
        self.lows >= LOWS_MIN && self.lows * LOW_ONE_IN >= self.answers
    }

    fn words(&self) -> String {
        match self.until_hours {
            Some(until) if self.from_hours == 0 => format!("within {until} hours of a scene"),
            Some(until) => format!("between {} and {until} hours after a scene", self.from_hours),
            None => format!("later than {} hours after a scene", self.from_hours),
        }
    }
}

/// A comfort that was given in scenes that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComfortFound {
    /// The comfort.
    pub comfort: Comfort,
    /// In how many scenes that went well.
    pub when_well: usize,
    /// In how many scenes in all.
    pub scenes: usize,
}

/// One reason for a suggestion, with the numbers behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The check-in that it supports, in minutes after a scene's end.
    pub offset: u32,
    /// Whether that check-in is added to the default ones.
    pub added: bool,
    /// The stretch with the lows.
    pub stretch: Stretch,
    /// The reason in words.
    pub sentence: String,
}

/// A suggested protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The protocol; None: too few answers.
    pub protocol: Option<CheckInProtocol>,
    /// A sentence about the whole suggestion.
    pub sentence: String,
    /// The reasons, by the check-ins' times.
    pub reasons: Vec<Reason>,
}

/// Everything that one person's answers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insight {
    /// The number of scenes with an answer.
    pub scenes: usize,
    /// The number of answers.
    pub answers: usize,
    /// The number of scenes that went well.
    pub scenes_well: usize,
    /// The comforts in scenes that went well, most frequent first; empty below [`SCENES_MIN`].
    pub comforts: Vec<ComfortFound>,
    /// The answers and lows in every stretch.
    pub lows: Vec<Stretch>,
    /// The suggested protocol.
    pub suggestion: Suggestion,
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What the answers about some scenes show; their order does not matter.
pub fn insight(courses: &[SceneCourse]) -> Insight {
    let points: Vec<_> = courses.iter().flat_map(|course| course.points.iter().copied()).collect();
    let scenes = courses.iter().filter(|course| !course.points.is_empty()).count();
    let lows = stretches(&points);
    let suggestion = if points.len() < ANSWERS_MIN || scenes < SCENES_MIN {
        too_little(points.len(), scenes)
    } else {
        suggest(&points, &lows)
    };
    Insight {
        scenes,
        answers: points.len(),
        scenes_well: courses.iter().filter(|course| course.went_well()).count(),
        comforts: if scenes < SCENES_MIN { Vec::new() } else { comforts(courses) },
        lows,
        suggestion,
    }
}

fn stretches(points: &[Point]) -> Vec<Stretch> {
    let ends = STRETCHES.iter().skip(1).copied().map(Some).chain([None]);
    let stretches = STRETCHES.iter().zip(ends).map(|(from, until)| {
        let empty = Stretch { from_hours: *from, until_hours: until, answers: 0, lows: 0 };
        let inside = || points.iter().filter(|point| empty.holds(point.minutes));
        Stretch { answers: inside().count(), lows: inside().filter(|point| point.is_low()).count(), ..empty }
    });
    stretches.collect()
}

fn comforts(courses: &[SceneCourse]) -> Vec<ComfortFound> {
    let found = Comfort::ALL.iter().map(|comfort| {
        let with = || courses.iter().filter(|course| course.comforts.contains(comfort));
        let when_well = with().filter(|course| course.went_well()).count();
        ComfortFound { comfort: *comfort, when_well, scenes: with().count() }
    });
    let mut found: Vec<_> = found.filter(|found| found.when_well >= COMFORT_SCENES_MIN).collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.when_well));
    found
}

fn too_little(answers: usize, scenes: usize) -> Suggestion {
    let sentence = format!(
        "There is too little to say yet, and nothing that you have to do about it. So far there are {} about {}; \
         it takes {ANSWERS_MIN} about {SCENES_MIN}.",
        counted(answers, "answer"),
        counted(scenes, "scene"),
    );
    Suggestion { protocol: None, sentence, reasons: Vec::new() }
}

/// The default check-ins, plus one wherever lows tend to come and no check-in is near. None is removed: a
/// time that was good so far need not stay good.
fn suggest(points: &[Point], lows: &[Stretch]) -> Suggestion {
    let usual = CheckInProtocol::default();
    let mut offsets: Vec<u32> = usual.times().iter().filter_map(|time| time.offset()).collect();
    let mut reasons = Vec::new();
    let mut found: Vec<_> = lows.iter().filter(|stretch| stretch.tends_low()).copied().collect();
    found.sort_by_key(|stretch| std::cmp::Reverse(stretch.lows));
    for stretch in found {
        let middle = middle_low(points, &stretch);
        let near = offsets.iter().copied().min_by_key(|offset| offset.abs_diff(middle));
        let near = near.filter(|offset| offset.abs_diff(middle) <= NEAR_MINUTES);
        let offset = match near {
            Some(offset) => offset,
            None if offsets.len() < TIMES_MAX => (middle / 60 * 60).min(OFFSET_MAX_MINUTES),
            None => continue,
        };
        let added = near.is_none();
        if added {
            offsets.push(offset);
        }
        let asks = if added { "would ask" } else { "asks" };
        let sentence = format!(
            "{} of your {} {} {} low. A check-in after {} {asks} about that time.",
            stretch.lows,
            counted(stretch.answers, "answer"),
            stretch.words(),
            if stretch.lows == 1 { "was" } else { "were" },
            counted((offset / 60) as usize, "hour"),
        );
        reasons.push(Reason { offset, added, stretch, sentence });
    }
    reasons.sort_by_key(|reason| (reason.offset, reason.stretch.from_hours));
    let sentence = match (reasons.is_empty(), reasons.iter().any(|reason| reason.added)) {
        (true, _) => "Your answers speak for no other times than the usual ones.",
        (false, false) => "The usual check-ins already ask about the times at which your lows tend to come.",
        (false, true) => "The usual check-ins stay, and the times at which your lows tend to come are added.",
    };
    let protocol = CheckInProtocol::of_offsets(&offsets);
    let sentence = format!("{sentence} Nothing changes unless the two of you agree on it.");
    Suggestion { protocol: Some(protocol), sentence, reasons }
}

/// The median time of a stretch's lows, in minutes after the scene's end.
fn middle_low(points: &[Point], stretch: &Stretch) -> u32 {
    let low = points.iter().filter(|point| point.is_low() && stretch.holds(point.minutes));
    let mut minutes: Vec<_> = low.map(|point| point.minutes).collect();
    minutes.sort_unstable();
    minutes.get(minutes.len().saturating_sub(1) / 2).copied().unwrap_or(stretch.from_hours * 60)
}

#[cfg(test)]
mod tests;
