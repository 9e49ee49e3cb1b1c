//! The journal: write, edit, delete and read what is for the person alone.

use super::people::Person;
use super::{Caller, Done, Fault, House, Outcome, Unit, hold};
use crate::domain::change::ChangeKind;
use crate::domain::journal::{DAY, ENTRIES_A_DAY, TEXT_MAX, checked_instant};
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::slice::Slice;
use crate::ids::{AccountId, JournalEntryId, SceneId, TypedId};
use crate::store;
use crate::store::journal::{JournalChange, JournalRow};
use crate::vault::Place;
use jiff::Timestamp;
use std::sync::Arc;

/// An entry, opened.
#[derive(Clone, Debug)]
pub struct JournalView {
    /// Its id.
    pub id: JournalEntryId,
    /// The scene that it is about.
    pub scene: Option<SceneId>,
    /// What was written.
    pub text: String,
    /// The instant under which it stands.
    pub written_at: Timestamp,
    /// When it was last changed.
    pub edited_at: Option<Timestamp>,
}

/// What of an entry is to change; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The text.
    pub text: Option<String>,
    /// The scene; Some(None): about none.
    pub scene: Option<Option<SceneId>>,
    /// The instant under which it stands.
    pub written_at: Option<Timestamp>,
}

fn content_place(id: JournalEntryId) -> Place {
    Place::new("journal_entries", "content", id.uuid())
}

fn view(person: &Person, row: &JournalRow) -> Result<JournalView, Fault> {
    Ok(JournalView {
        id: row.id,
        scene: row.scene_id,
        text: person.key.open_text(content_place(row.id), &row.content)?,
        written_at: row.written_at.get(),
        edited_at: row.edited_at.map(|at| at.get()),
    })
}

/// The scene must be one that the person took part in; the link may have ended.
fn check_scene(unit: &mut Unit<'_>, scene: Option<SceneId>, account: AccountId) -> Outcome<()> {
    let Some(scene) = scene else { return Ok(()) };
    let parts = store::scene::members(unit.db, &[scene])?;
    if parts.iter().any(|part| part.account_id == account) {
        Ok(())
    } else {
        Err(Problem::not_found("sceneId").into())
    }
}

/// One's own entry, and oneself. The account is locked: two phones of one person act one after the other.
fn load(unit: &mut Unit<'_>, id: JournalEntryId, account: AccountId) -> Outcome<(Person, JournalRow)> {
    store::dialect::lock_account(unit.db, account)?;
    let row = store::journal::find_for(unit.db, id, account)?.ok_or_else(|| Problem::not_found("entryId"))?;
    Ok((Person::load(unit, account)?, row))
}

/// Writes an entry.
pub async fn write(
    house: &Arc<House>,
    by: &Caller,
    text: String,
    scene: Option<SceneId>,
    written_at: Option<Timestamp>,
) -> Outcome<JournalView> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let mut checks = Checks::new();
            let text = checks.written("text", text, TEXT_MAX);
            let written_at = checked_instant(&mut checks, written_at.unwrap_or(unit.now), unit.now);
            checks.finish(())?;
            check_scene(unit, scene, account)?;
            store::dialect::lock_account(unit.db, account)?;
            hold::refuse_if_held(unit, account)?;
            let since = (unit.now - DAY).into();
            if store::journal::count_since(unit.db, account, since)? >= ENTRIES_A_DAY {
                let sentence = format!("At most {ENTRIES_A_DAY} entries can be saved within a day.");
                return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
            }
            let person = Person::load(unit, account)?;
            let id = JournalEntryId::at(unit.now, unit.chance);
            let row = JournalRow {
                id,
                account_id: account,
                scene_id: scene,
                content: person.key.seal_text(content_place(id), &text)?,
                written_at: written_at.into(),
                edited_at: None,
                created_at: unit.ts(),
            };
            store::journal::insert(unit.db, &row)?;
            unit.tell(&[account], ChangeKind::JournalChanged, id);
            Ok(view(&person, &row)?)
        })
        .await
}

/// Changes an entry. What it said before is not kept.
pub async fn edit(
    house: &Arc<House>,
    by: &Caller,
    id: JournalEntryId,
    edit: Edit,
) -> Outcome<Done<JournalView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let mut checks = Checks::new();
            let text = edit.text.map(|text| checks.written("text", text, TEXT_MAX));
            let now = unit.now;
            let written_at = edit.written_at.map(|at| checked_instant(&mut checks, at, now));
            checks.finish(())?;
            let (person, row) = load(unit, id, account)?;
            hold::refuse_if_held(unit, account)?;
            check_scene(unit, edit.scene.flatten(), account)?;
            let before = view(&person, &row)?;
            let same = text.as_ref().is_none_or(|text| *text == before.text)
                && edit.scene.is_none_or(|scene| scene == before.scene)
                && written_at.is_none_or(|at| at == before.written_at);
            if same {
                return Ok(Done::already(before));
            }
            let change = JournalChange {
                scene_id: edit.scene,
                content: text.map(|text| person.key.seal_text(content_place(id), &text)).transpose()?,
                written_at: written_at.map(Into::into),
                edited_at: Some(Some(unit.ts())),
            };
            let row = store::journal::update(unit.db, id, &change)?;
            unit.tell(&[account], ChangeKind::JournalChanged, id);
            Ok(Done::now(view(&person, &row)?))
        })
        .await
}

/// Deletes an entry for good.
pub async fn delete(house: &Arc<House>, by: &Caller, id: JournalEntryId) -> Outcome<()> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            load(unit, id, account)?;
            store::journal::delete(unit.db, id)?;
            unit.tell(&[account], ChangeKind::JournalChanged, id);
            Ok(())
        })
        .await
}

/// A page of one's own journal, the newest first; all of it, or about one scene.
pub async fn page(
    house: &Arc<House>,
    account: AccountId,
    about: Option<SceneId>,
    slice: Slice<JournalEntryId>,
) -> Result<Vec<JournalView>, Fault> {
    house
        .read_tx(move |unit| {
            let person = Person::load(unit, account)?;
            let rows = store::journal::page(unit.db, account, about, slice)?;
            rows.iter().map(|row| view(&person, row)).collect()
        })
        .await
}

/// One's own entry of that id; somebody else's is not found.
pub async fn find(
    house: &Arc<House>,
    account: AccountId,
    id: JournalEntryId,
) -> Result<Option<JournalView>, Fault> {
    house
        .read_tx(move |unit| {
            let person = Person::load(unit, account)?;
            let row = store::journal::find_for(unit.db, id, account)?;
            row.map(|row| view(&person, &row)).transpose()
        })
        .await
}
