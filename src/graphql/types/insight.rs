//! Insights from the signed-in person's own answers, and the count of promises that two partners kept.

use super::DateTime;
use super::check_in_time::{CheckInTime, times};
use super::scene::Scene;
use crate::actions::check_ins::insight::{self, CourseView, PointView};
use crate::actions::opened::Opened;
use crate::domain::insight::{ComfortFound, Insight as Found, Reason, Stretch};
use crate::domain::negotiation::Comfort;
use crate::domain::promise;
use crate::graphql::errors::Failure;
use crate::graphql::paging::{Connection, ConnectionArgs};
use crate::graphql::readable::{self, Readable};
use crate::graphql::{context, loaders, requester};
use crate::ids::SceneId;
use async_graphql::{Context, Object, SimpleObject};

/// What the signed-in person's own answers show over time; nobody else ever sees it. It counts, and judges nobody. It
/// rests on the latest 200 scenes that the person answered about.
pub struct Insight(pub Opened<Found>);

/// What was given after scenes that went well for the person: well (4 or 5) at least once and low (1 or 2) at no time
/// that was answered about.
#[derive(SimpleObject)]
pub struct ComfortInsight {
    /// How many scenes went well.
    scenes_well: usize,
    /// What the person got after at least two of them, the most frequent first; empty below three scenes in all.
    found: Vec<ComfortFinding>,
}

/// One comfort.
#[derive(SimpleObject)]
pub struct ComfortFinding {
    /// Which.
    comfort: Comfort,
    /// After how many scenes that went well the person got it.
    when_well: usize,
    /// After how many scenes in all.
    scenes: usize,
}

/// A stretch of hours after scenes, and the answers that were given in it.
#[derive(SimpleObject)]
pub struct LowStretch {
    /// It begins so many hours after a scene's end.
    from_hours: u32,
    /// It ends before so many hours; null: never.
    until_hours: Option<u32>,
    /// How many answers were given in it.
    answers: usize,
    /// How many of them were low: mood 1 or 2.
    lows: usize,
    /// Whether lows tend to come in it: at least two, and one answer of three.
    tends_low: bool,
}

/// A suggested protocol, for the person to propose or not. The usual check-ins stay in it, and the times at which own
/// lows tend to come are added.
#[derive(SimpleObject)]
pub struct SuggestedProtocol {
    /// When check-ins would fall due: all of the kind `AfterEnd`; null: too little to say.
    protocol: Option<Vec<CheckInTime>>,
    /// What there is to say of it as a whole.
    sentence: String,
    /// Why, by the check-ins' times.
    reasons: Vec<SuggestionReason>,
}

/// One reason of a suggestion, with what it rests on.
#[derive(SimpleObject)]
pub struct SuggestionReason {
    /// The check-in that it speaks for, in minutes after a scene's end.
    offset_minutes: u32,
    /// Whether that check-in is none of the usual ones.
    added: bool,
    /// When the lows came, and how many.
    stretch: LowStretch,
    /// The reason in words.
    sentence: String,
}

/// One's own answers about one scene.
pub struct SceneCourse(CourseView);

/// One answer.
#[derive(SimpleObject)]
pub struct MoodPoint {
    /// How many minutes after the scene's end it was given.
    minutes_since: u32,
    /// From 1 (very low) to 5 (very well). Null: it cannot be read now.
    mood: Readable<i32>,
}

impl From<ComfortFound> for ComfortFinding {
    fn from(found: ComfortFound) -> Self {
        Self { comfort: found.comfort, when_well: found.when_well, scenes: found.scenes }
    }
}

impl From<Stretch> for LowStretch {
    fn from(stretch: Stretch) -> Self {
        let Stretch { from_hours, until_hours, answers, lows } = stretch;
        Self { from_hours, until_hours, answers, lows, tends_low: stretch.tends_low() }
    }
}

impl From<Reason> for SuggestionReason {
    fn from(reason: Reason) -> Self {
        Self {
            offset_minutes: reason.offset,
            added: reason.added,
            stretch: reason.stretch.into(),
            sentence: reason.sentence,
        }
    }
}

impl From<PointView> for MoodPoint {
    fn from(point: PointView) -> Self {
        Self { minutes_since: point.minutes, mood: point.mood.into() }
    }
}

/// What the signed-in person's own answers show over time; nobody else ever sees it. It counts, and judges nobody. It
/// rests on the latest 200 scenes that the person answered about: while one of these answers cannot be read now, all but
/// `courses` is null.
#[Object]
impl Insight {
    /// How many scenes it rests on.
    async fn scenes(&self) -> Readable<usize> {
        readable::of(&self.0, |found| found.scenes)
    }

    /// How many answers it rests on.
    async fn answers(&self) -> Readable<usize> {
        readable::of(&self.0, |found| found.answers)
    }

    /// What was given when it went well.
    async fn comforts(&self) -> Readable<ComfortInsight> {
        readable::of(&self.0, |insight| {
            let found = insight.comforts.iter().copied().map(Into::into).collect();
            ComfortInsight { scenes_well: insight.scenes_well, found }
        })
    }

    /// When own answers were given and lows came, in hours since a scene's end; always the same six stretches.
    async fn lows(&self) -> Readable<Vec<LowStretch>> {
        readable::of(&self.0, |found| found.lows.iter().copied().map(Into::into).collect())
    }

    /// When check-ins might fall due, for all that the answers show.
    async fn suggestion(&self) -> Readable<SuggestedProtocol> {
        readable::of(&self.0, |found| {
            let suggestion = found.suggestion.clone();
            SuggestedProtocol {
                protocol: suggestion.protocol.as_ref().map(times),
                sentence: suggestion.sentence,
                reasons: suggestion.reasons.into_iter().map(Into::into).collect(),
            }
        })
    }

    /// One's own answers scene by scene, the latest end first; all scenes that one answered about. At most 50 at once.
    async fn courses(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SceneCourse>, Failure> {
        let page = ConnectionArgs::<SceneId>::read((first, after, last, before))?;
        let me = requester(ctx)?.account;
        let rows = insight::courses(context(ctx), me, page.keyset()).await?;
        Ok(page.connection(rows, |view| (view.ended_at, view.scene), SceneCourse))
    }
}

/// One's own answers about one scene.
#[Object]
impl SceneCourse {
    /// The scene.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        Ok(loaders(ctx).scene(self.0.scene).await?.map(Scene))
    }

    /// When it ended.
    async fn ended_at(&self) -> DateTime {
        self.0.ended_at.into()
    }

    /// The answers, by when they were given.
    async fn points(&self) -> Vec<MoodPoint> {
        self.0.points.iter().copied().map(Into::into).collect()
    }
}

/// How many promises the two of a link kept together lately. There is one number for both: it ranks nobody.
#[derive(SimpleObject)]
pub struct PromisesKept {
    /// Each check-in's time is one promise of each to reach out to the other; it is kept by an outreach that was
    /// recorded for the time between the check-in before it closed and it closes itself. Scenes that ended within the
    /// last 90 days count. What somebody answered, skipped, paused or kept private has no part in it.
    count: usize,
    /// The same in words.
    sentence: String,
}

impl From<usize> for PromisesKept {
    fn from(count: usize) -> Self {
        Self { count, sentence: promise::sentence(count) }
    }
}
