//! Insight: gathers a person's own answers and what they got after scenes, for that person alone.

use super::people::Person;
use super::scene_view::{GivenBy, aftercare_of};
use super::{Fault, House, Unit};
use crate::domain::answer::AnswerContent;
use crate::domain::insight::{Insight, Occasion, Point, SCENES_MAX, insight};
use crate::domain::slice::Slice;
use crate::ids::{AccountId, SceneId};
use crate::store;
use crate::store::scene::SceneRow;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One's own answers about one scene, in the order in which they were given.
#[derive(Clone, Debug)]
pub struct CourseView {
    /// The scene.
    pub scene: SceneId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The answers.
    pub points: Vec<Point>,
}

/// One's own answers about some scenes, in two statements.
fn courses_of(
    unit: &mut Unit<'_>,
    account: AccountId,
    scenes: &[SceneRow],
) -> Result<Vec<CourseView>, Fault> {
    let person = Person::load(unit, account)?;
    let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
    let mut points: HashMap<SceneId, Vec<Point>> = HashMap::new();
    let ended: HashMap<_, _> = scenes.iter().filter_map(|s| Some((s.id, s.ended_at?.get()))).collect();
    for row in store::check_in::answered_by(unit.db, account, &ids)? {
        let (Some(sealed), Some(at), Some(ended)) =
            (row.answer.as_deref(), row.answered_at, ended.get(&row.scene_id))
        else {
            continue;
        };
        let content: AnswerContent = person.key.open_json(super::check_in::answer_place(row.id), sealed)?;
        points.entry(row.scene_id).or_default().push(Point::new(*ended, at.get(), content.mood));
    }
    let course = |scene: &SceneRow| {
        let mut points = points.remove(&scene.id).unwrap_or_default();
        points.sort_unstable();
        Some(CourseView { scene: scene.id, ended_at: *ended.get(&scene.id)?, points })
    };
    Ok(scenes.iter().filter_map(course).collect())
}

/// A page of the scenes that one answered about, the latest end first, with one's own answers.
pub async fn courses(
    house: &Arc<House>,
    account: AccountId,
    slice: Slice<SceneId>,
) -> Result<Vec<CourseView>, Fault> {
    house
        .read_tx(move |unit| {
            let scenes = store::scene::answered_by(unit.db, account, slice)?;
            courses_of(unit, account, &scenes)
        })
        .await
}

/// What one's own answers show, in a fixed number of statements.
pub async fn own(house: &Arc<House>, account: AccountId) -> Result<Insight, Fault> {
    house
        .read_tx(move |unit| {
            // Who withdrew the consent has nothing reckoned of them.
            if Person::load(unit, account)?.row.held_at.is_some() {
                return Ok(insight(&[]));
            }
            let scenes = store::scene::answered_by(unit.db, account, Slice::first(SCENES_MAX, None))?;
            let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
            let mut comforts: HashMap<SceneId, Vec<_>> = HashMap::new();
            for (scene, given) in aftercare_of(unit, &ids, account)? {
                // What one gave oneself says what helped the other.
                let got = given.into_iter().filter_map(|entry| entry.content);
                let got = got.filter(|content| content.given_by != GivenBy::Me);
                comforts.entry(scene).or_default().extend(got.flat_map(|content| content.comforts));
            }
            let occasions = courses_of(unit, account, &scenes)?.into_iter().map(|course| {
                let mut comforts = comforts.remove(&course.scene).unwrap_or_default();
                comforts.sort_unstable();
                comforts.dedup();
                Occasion { points: course.points, comforts }
            });
            Ok(insight(&occasions.collect::<Vec<_>>()))
        })
        .await
}
