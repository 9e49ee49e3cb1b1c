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

/// What was given after scenes that went well: scenes about which the viewer answered 4 or 5 at least once and never
/// 1 or 2.
#[derive(SimpleObject)]
pub struct ComfortInsight {
    /// How many scenes went well.
    scenes_well: usize,
    /// What the viewer got after at least two of them, the most frequent first. Empty if there are fewer than three
    /// scenes in all.
    found: Vec<ComfortFinding>,
}

/// How often one comfort was given when it went well.
#[derive(SimpleObject)]
pub struct ComfortFinding {
    /// The comfort.
    comfort: Comfort,
    /// After how many of the scenes that went well the viewer got it.
    when_well: usize,
    /// After how many of all scenes the viewer got it.
    scenes: usize,
}

/// The answers that were given in one stretch of hours after scenes.
#[derive(SimpleObject)]
pub struct LowStretch {
    /// The stretch begins this many hours after a scene's end.
    from_hours: u32,
    /// It ends before this many hours; null: it has no end.
    until_hours: Option<u32>,
    /// How many answers were given in it.
    answers: usize,
    /// How many of them were low: mood 1 or 2.
    lows: usize,
    /// Whether lows tend to come in it: at least two, and at least a third of the answers.
    tends_low: bool,
}

/// A suggestion when check-ins might fall due, for the person to propose or not: the default times, and times at
/// which the viewer's lows tend to come.
#[derive(SimpleObject)]
pub struct SuggestedProtocol {
    /// When check-ins would fall due, each as `AfterEnd`; null: there are too few answers for a suggestion.
    protocol: Option<Vec<CheckInTime>>,
    /// A sentence to show for the whole suggestion.
    sentence: String,
    /// Why, in the order of the check-ins.
    reasons: Vec<SuggestionReason>,
}

/// One reason of a suggestion, and what it rests on.
#[derive(SimpleObject)]
pub struct SuggestionReason {
    /// The check-in that it is for, in minutes after a scene's end.
    offset_minutes: u32,
    /// Whether that check-in is not one of the default times.
    added: bool,
    /// The answers that it rests on.
    stretch: LowStretch,
    /// The reason as a sentence to show.
    sentence: String,
}

/// The viewer's answers about one scene, for a chart.
pub struct SceneCourse(CourseView);

/// The mood of one answer, for a chart.
#[derive(SimpleObject)]
pub struct MoodPoint {
    /// Minutes from the scene's end to the answer.
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

/// What the viewer's answers show over time; nobody else ever sees it. It covers the latest 200 scenes that the
/// viewer answered about. While one of these answers cannot be read, every field but `courses` is null.
#[Object]
impl Insight {
    /// How many scenes it covers.
    async fn scenes(&self) -> Readable<usize> {
        readable::of(&self.0, |found| found.scenes)
    }

    /// How many answers it covers.
    async fn answers(&self) -> Readable<usize> {
        readable::of(&self.0, |found| found.answers)
    }

    /// What was given after scenes that went well.
    async fn comforts(&self) -> Readable<ComfortInsight> {
        readable::of(&self.0, |insight| {
            let found = insight.comforts.iter().copied().map(Into::into).collect();
            ComfortInsight { scenes_well: insight.scenes_well, found }
        })
    }

    /// In which hours after a scene's end low answers were given; always the same six stretches.
    async fn lows(&self) -> Readable<Vec<LowStretch>> {
        readable::of(&self.0, |found| found.lows.iter().copied().map(Into::into).collect())
    }

    /// A suggestion when check-ins might fall due.
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

    /// The viewer's answers scene by scene, the scene that ended last first; all scenes with an answer. At most 50 at
    /// once.
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

/// The viewer's answers about one scene, for a chart.
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

    /// The answers, in the order in which they were given.
    async fn points(&self) -> Vec<MoodPoint> {
        self.0.points.iter().copied().map(Into::into).collect()
    }
}

/// How many promises the two people of a link kept lately. It is one number for both and ranks nobody.
#[derive(SimpleObject)]
pub struct PromisesKept {
    /// Each check-in time is one promise of each to get in touch with the other. It counts as kept if an outreach was
    /// recorded for the time from the close of the check-in before to its own close. Scenes that ended within the
    /// last 90 days count; answers have no part in it.
    count: usize,
    /// The same in words.
    sentence: String,
}

impl From<usize> for PromisesKept {
    fn from(count: usize) -> Self {
        Self { count, sentence: promise::sentence(count) }
    }
}
