//! Debriefs: write, replace or take back one's own until both have written, and read what is open.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::links::locked_link::OwnLink;
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::debrief::{DebriefEvent, DebriefState, DebriefVerdict, TEXT_MAX, judge, state};
use crate::domain::partner_link::LinkState;
use crate::domain::problem::{Checks, Problem};
use crate::domain::scene::SceneState;
use crate::ids::{AccountId, SceneId, TypedId, distinct};
use crate::store;
use crate::store::debrief::DebriefRow;
use crate::vault::Aad;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// The debriefs of one scene, as one of its two people sees them.
#[derive(Clone, Debug)]
pub struct DebriefView {
    /// Their scene.
    pub scene: SceneId,
    /// Their state.
    pub state: DebriefState,
    /// One's own, with the time of writing.
    pub mine: Option<(Opened<String>, Timestamp)>,
    /// The partner's, once both are open, without the time of writing.
    pub partners: Option<Opened<String>>,
}

/// The AAD of a debrief.
fn content_aad(scene: SceneId, author: AccountId) -> Aad {
    Aad::pair("debriefs", "content", scene.uuid(), author.uuid())
}

fn open(people: &HashMap<AccountId, Person>, row: &DebriefRow) -> Result<Opened<String>, Fault> {
    let author = people.get(&row.account_id).ok_or(Fault::Inconsistent("a debrief without its author"))?;
    opened(author.key.open_text(content_aad(row.scene_id, row.account_id), &row.content))
}

/// The debriefs of scenes that the reader took part in, in a fixed number of statements. If the reader has
/// not written, the partner's row is not even read, so neither the answer nor its timing reveals it.
fn views(tx: &mut Transaction<'_>, scenes: &[SceneId], reader: AccountId) -> Result<Vec<DebriefView>, Fault> {
    let parts = store::scene::members(tx.db, scenes)?;
    let own: Vec<_> = parts.iter().filter(|p| p.account_id == reader).map(|p| p.scene_id).collect();
    let scenes = store::scene::find_all(tx.db, &own)?;
    let links = distinct(scenes.iter().filter_map(|scene| scene.link_id));
    let links = store::partner_link::find_all(tx.db, &links)?;
    let status: HashMap<_, _> = links.iter().map(|link| (link.id, link.status)).collect();
    let status = |id| {
        let link = scenes.iter().find(|scene| scene.id == id).and_then(|scene| scene.link_id);
        let found = link.and_then(|link| status.get(&link));
        found.copied().unwrap_or(LinkState::Ended)
    };
    let mine: HashMap<_, _> =
        store::debrief::by(tx.db, reader, &own)?.into_iter().map(|row| (row.scene_id, row)).collect();
    let awaited: Vec<_> = mine.keys().copied().filter(|id| status(*id) == LinkState::Active).collect();
    let mut partners: HashMap<_, _> =
        store::debrief::not_by(tx.db, reader, &awaited)?.into_iter().map(|row| (row.scene_id, row)).collect();
    let authors: Vec<_> = partners.values().map(|row| row.account_id).chain([reader]).collect();
    let people = Person::load_all(tx, &authors)?;
    // A suspended partner shares nothing new: it looks as if they had not written (R11). Debriefs that were
    // already open stay open.
    partners.retain(|scene, row| {
        let held_at = people.get(&row.account_id).and_then(|person| person.row.held_at);
        held_at.is_none_or(|held| mine.get(scene).is_some_and(|own| own.written_at <= held))
    });
    let view = |id: &SceneId| {
        let (mine, partners) = (mine.get(id), partners.get(id));
        Ok(DebriefView {
            scene: *id,
            state: state(status(*id), mine.is_some(), partners.is_some()),
            mine: mine.map(|row| Ok::<_, Fault>((open(&people, row)?, row.written_at.get()))).transpose()?,
            partners: partners.map(|row| open(&people, row)).transpose()?,
        })
    };
    own.iter().map(view).collect()
}

fn view(tx: &mut Transaction<'_>, scene: SceneId, reader: AccountId) -> Result<DebriefView, Fault> {
    views(tx, &[scene], reader)?.pop().ok_or(Fault::Inconsistent("a scene that vanished"))
}

/// Locks the scene's link, so that two writers act one after the other, and reads the current state.
fn load(
    tx: &mut Transaction<'_>,
    id: SceneId,
    account: AccountId,
) -> ActionResult<(OwnLink, SceneState, DebriefView)> {
    let (link, row) = OwnLink::load_scene(tx, id, account)?;
    Ok((link, row.status, view(tx, id, account)?))
}

fn refusal(verdict: DebriefVerdict) -> Option<Problem> {
    let sentence = match verdict {
        DebriefVerdict::Do => return None,
        DebriefVerdict::Opened => "Both of you have written, and both are open: they stay as they are.",
        DebriefVerdict::LinkEnded => "This link is not active. What you wrote stays yours.",
        DebriefVerdict::SceneNotEnded => "This can be written once the scene has ended.",
    };
    Some(Problem::wrong_state("sceneId", sentence))
}

/// Writes one's own debrief of a scene, or replaces it until both have written.
pub async fn write(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    text: String,
) -> ActionResult<Done<DebriefView>> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    let text = checks.written("text", text, TEXT_MAX);
    checks.finish(())?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (link, scene, before) = load(tx, id, account)?;
            // A repeat by a client that missed the answer succeeds, even if both are open by now (R04).
            if before.mine.as_ref().is_some_and(|(old, _)| old.as_ref() == Ok(&text)) {
                return Ok(Done::already(before));
            }
            suspension::refuse_if_suspended(tx, account)?;
            if let Some(problem) = refusal(judge(scene, before.state, DebriefEvent::Write)) {
                return Err(problem.into());
            }
            let person = Person::load(tx, account)?;
            let content = person.key.seal_text(content_aad(id, account), &text)?;
            let row = DebriefRow { scene_id: id, account_id: account, content, written_at: tx.ts() };
            match before.mine {
                None => store::debrief::insert(tx.db, &row)?,
                Some(_) => store::debrief::replace(tx.db, &row)?,
            };
            tx.tell(&[account], ChangeKind::SceneChanged, id);
            // The partner learns of it only once both have written.
            for other in link.accounts().into_iter().filter(|member| *member != account) {
                if view(tx, id, other)?.partners.is_some() {
                    tx.tell(&[other], ChangeKind::SceneChanged, id);
                }
            }
            Ok(Done::now(view(tx, id, account)?))
        })
        .await
}

/// Takes one's own debrief back, until both have written or once the link has ended. The partner cannot tell
/// that there was one.
pub async fn take_back(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
) -> ActionResult<Done<DebriefView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (_, scene, before) = load(tx, id, account)?;
            if let Some(problem) = refusal(judge(scene, before.state, DebriefEvent::TakeBack)) {
                return Err(problem.into());
            }
            if before.mine.is_none() {
                return Ok(Done::already(before));
            }
            store::debrief::delete(tx.db, id, account)?;
            tx.tell(&[account], ChangeKind::SceneChanged, id);
            Ok(Done::now(view(tx, id, account)?))
        })
        .await
}

/// The debriefs of scenes that the reader took part in; those of others are left out.
pub async fn of_scenes(
    context: &Arc<AppContext>,
    reader: AccountId,
    scenes: Vec<SceneId>,
) -> Result<Vec<DebriefView>, Fault> {
    context.read_tx(move |tx| views(tx, &scenes, reader)).await
}
