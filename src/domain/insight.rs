//! Insight: what a person's own answers show over time, for that person alone, and the protocol that they suggest.
//!
//! It counts and says what it counted. It knows no score and no streak, and nothing of what the partner did or felt.

use super::answer::MOOD;
use super::negotiation::{CheckInProtocol, Comfort, OFFSET_MAX_MINUTES, OFFSETS_MAX};
use super::problem::Checks;
use jiff::Timestamp;

/// Most scenes that are looked at: the latest that were answered about.
pub const SCENES_MAX: i64 = 200;
/// A mood up to this is low.
pub const LOW: i32 = 2;
/// A mood from this on is well.
pub const WELL: i32 = 4;
/// With fewer answers, or about fewer scenes, there is too little to say.
pub const ANSWERS_MIN: usize = 8;
/// See [`ANSWERS_MIN`].
pub const SCENES_MIN: usize = 3;
/// A comfort is named when it was there in so many scenes that went well.
pub const COMFORT_SCENES_MIN: usize = 2;
/// Lows tend to come in a stretch of hours if it had so many of them, …
pub const LOWS_MIN: usize = 2;
/// … and one answer of so many in it was low.
pub const LOW_ONE_IN: usize = 3;
/// Where the stretches begin, in hours since a scene's end; each ends where the next begins, the last one never.
pub const STRETCHES: [u32; 6] = [0, 6, 18, 36, 60, 96];
/// A check-in asks about a low if it is no farther from it than this, in minutes.
pub const NEAR_MINUTES: u32 = 3 * 60;

/// One answer: how long after the scene's end it was given, and the mood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Minutes since the scene's end.
    pub minutes: u32,
    /// From 1 (very low) to 5 (very well).
    pub mood: i32,
}

impl Point {
    /// An answer given at `answered_at`, which may be long after it was asked for: the mood is that of then.
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

/// One scene that the person answered about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SceneCourse {
    /// The person's own answers.
    pub points: Vec<Point>,
    /// What the person got right after it, each once.
    pub comforts: Vec<Comfort>,
}

impl SceneCourse {
    /// It went well for the person: well at least once, and low at no time that was answered about.
    pub fn went_well(&self) -> bool {
        self.points.iter().any(|point| point.mood >= WELL) && !self.points.iter().any(|point| point.is_low())
    }
}

/// A stretch of hours after scenes, and the answers that were given in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// It begins so many hours after a scene's end.
    pub from_hours: u32,
    /// It ends before so many hours; None: never.
    pub until_hours: Option<u32>,
    /// How many answers were given in it.
    pub answers: usize,
    /// How many of them were low.
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

/// A comfort that was there when it went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComfortFound {
    /// Which.
    pub comfort: Comfort,
    /// In how many scenes that went well it was given.
    pub when_well: usize,
    /// In how many scenes in all.
    pub scenes: usize,
}

/// One reason of a suggestion, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The check-in that it speaks for, in minutes after a scene's end.
    pub offset: u32,
    /// Whether that check-in is none of the usual ones.
    pub added: bool,
    /// When the lows came.
    pub stretch: Stretch,
    /// The reason in words.
    pub sentence: String,
}

/// A suggested protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// None: too little to say.
    pub protocol: Option<CheckInProtocol>,
    /// What there is to say of it as a whole.
    pub sentence: String,
    /// Why, by the check-ins' times.
    pub reasons: Vec<Reason>,
}

/// Everything that one person's answers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insight {
    /// How many scenes it rests on.
    pub scenes: usize,
    /// How many answers.
    pub answers: usize,
    /// How many of the scenes went well.
    pub scenes_well: usize,
    /// What was given when it went well, the most frequent first; empty below [`SCENES_MIN`].
    pub comforts: Vec<ComfortFound>,
    /// When answers were given and lows came: always every stretch.
    pub lows: Vec<Stretch>,
    /// What that suggests.
    pub suggestion: Suggestion,
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What the answers about some scenes show, in whatever order they come.
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

/// The usual check-ins, and one more wherever lows tend to come that none of them asks about. None is taken away: that
/// a time was good so far does not say that it will be.
fn suggest(points: &[Point], lows: &[Stretch]) -> Suggestion {
    let mut offsets = CheckInProtocol::default().minutes().to_vec();
    let mut reasons = Vec::new();
    let mut found: Vec<_> = lows.iter().filter(|stretch| stretch.tends_low()).copied().collect();
    found.sort_by_key(|stretch| std::cmp::Reverse(stretch.lows));
    for stretch in found {
        let middle = middle_low(points, &stretch);
        let near = offsets.iter().copied().min_by_key(|offset| offset.abs_diff(middle));
        let near = near.filter(|offset| offset.abs_diff(middle) <= NEAR_MINUTES);
        let offset = match near {
            Some(offset) => offset,
            None if offsets.len() < OFFSETS_MAX => (middle / 60 * 60).min(OFFSET_MAX_MINUTES),
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
    let minutes = offsets.into_iter().filter_map(|offset| i32::try_from(offset).ok()).collect();
    let protocol = CheckInProtocol::parse(&mut Checks::new(), "protocol", minutes);
    let sentence = format!("{sentence} Nothing changes unless the two of you agree on it.");
    Suggestion { protocol: Some(protocol), sentence, reasons }
}

/// When the middle one of a stretch's lows came, in minutes since the scene's end.
fn middle_low(points: &[Point], stretch: &Stretch) -> u32 {
    let low = points.iter().filter(|point| point.is_low() && stretch.holds(point.minutes));
    let mut minutes: Vec<_> = low.map(|point| point.minutes).collect();
    minutes.sort_unstable();
    minutes.get(minutes.len().saturating_sub(1) / 2).copied().unwrap_or(stretch.from_hours * 60)
}

#[cfg(test)]
mod tests;
