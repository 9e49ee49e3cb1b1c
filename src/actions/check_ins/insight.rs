//! Insight: gathers a person's own answers and received aftercare, for that person alone.

use crate::actions::accounts::people::Person;
use crate::actions::check_ins::check_in::answer_aad;
use crate::actions::opened::{Opened, opened};
use crate::actions::scenes::view::{GivenBy, aftercare_of};
use crate::actions::{AppContext, Fault, Transaction};
use crate::domain::answer::{AnswerContent, MOOD};
use crate::domain::insight::{Insight, Point, SCENES_MAX, SceneCourse, insight};
use crate::domain::keyset_page::KeysetPage;
use crate::ids::{AccountId, SceneId};
use crate::store;
use crate::store::scene::SceneRow;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One's own answers about one scene, in the order of their times.
#[derive(Clone, Debug)]
pub struct CourseView {
    /// The scene.
    pub scene: SceneId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The answers.
    pub points: Vec<PointView>,
}

/// One's own answer in a course.
#[derive(Clone, Copy, Debug)]
pub struct PointView {
    /// Minutes since the scene's end.
    pub minutes: u32,
    /// From 1 (very low) to 5 (very well).
    pub mood: Opened<i32>,
}

impl PointView {
    fn new(ended_at: Timestamp, answered_at: Timestamp, content: Opened<AnswerContent>) -> Self {
        let point = |mood| Point::new(ended_at, answered_at, mood);
        Self { minutes: point(*MOOD.start()).minutes, mood: content.map(|content| point(content.mood).mood) }
    }
}

/// One's own answers about some scenes, in two statements.
fn courses_of(
    tx: &mut Transaction<'_>,
    account: AccountId,
    scenes: &[SceneRow],
) -> Result<Vec<CourseView>, Fault> {
    let person = Person::load(tx, account)?;
    let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
    let mut points: HashMap<SceneId, Vec<PointView>> = HashMap::new();
    let ended: HashMap<_, _> = scenes.iter().filter_map(|s| Some((s.id, s.ended_at?.get()))).collect();
    for row in store::check_in::answered_by(tx.db, account, &ids)? {
        let (Some(sealed), Some(at), Some(ended)) =
            (row.answer.as_deref(), row.answered_at, ended.get(&row.scene_id))
        else {
            continue;
        };
        let content = opened(person.key.open_json(answer_aad(row.id), sealed))?;
        points.entry(row.scene_id).or_default().push(PointView::new(*ended, at.get(), content));
    }
    let course = |scene: &SceneRow| {
        let mut points = points.remove(&scene.id).unwrap_or_default();
        points.sort_unstable_by_key(|point| (point.minutes, point.mood.ok()));
        Some(CourseView { scene: scene.id, ended_at: *ended.get(&scene.id)?, points })
    };
    Ok(scenes.iter().filter_map(course).collect())
}

/// A page of the scenes with answers of one's own, latest end first.
pub async fn courses(
    context: &Arc<AppContext>,
    account: AccountId,
    page: KeysetPage<SceneId>,
) -> Result<Vec<CourseView>, Fault> {
    context
        .read_tx(move |tx| {
            let scenes = store::scene::answered_by(tx.db, account, page)?;
            courses_of(tx, account, &scenes)
        })
        .await
}

/// The insight from one's own answers, in a fixed number of statements; all of it or nothing.
pub async fn own(context: &Arc<AppContext>, account: AccountId) -> Result<Opened<Insight>, Fault> {
    context
        .read_tx(move |tx| match reckon(tx, account) {
            Err(Fault::Vault(error)) => opened(Err(error)),
            reckoned => reckoned.map(Ok),
        })
        .await
}

fn reckon(tx: &mut Transaction<'_>, account: AccountId) -> Result<Insight, Fault> {
    // No insight for a suspended account.
    if Person::load(tx, account)?.row.held_at.is_some() {
        return Ok(insight(&[]));
    }
    let scenes = store::scene::answered_by(tx.db, account, KeysetPage::first(SCENES_MAX, None))?;
    let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
    let mut comforts: HashMap<SceneId, Vec<_>> = HashMap::new();
    for (scene, given) in aftercare_of(tx, &ids, account)? {
        // Aftercare that the person gave shows what helped the partner.
        let got = comforts.entry(scene).or_default();
        for entry in given {
            let content = entry.content?.filter(|content| content.given_by != GivenBy::Me);
            got.extend(content.into_iter().flat_map(|content| content.comforts));
        }
    }
    // What does not count all of them would say something else than they do.
    let courses = courses_of(tx, account, &scenes)?.into_iter().map(|course| {
        let mut comforts = comforts.remove(&course.scene).unwrap_or_default();
        comforts.sort_unstable();
        comforts.dedup();
        let point = |point: PointView| Ok(Point { minutes: point.minutes, mood: point.mood? });
        let points = course.points.into_iter().map(point).collect::<Result<_, Fault>>()?;
        Ok(SceneCourse { points, comforts })
    });
    Ok(insight(&courses.collect::<Result<Vec<_>, Fault>>()?))
}
