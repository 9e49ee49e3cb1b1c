//! The journal: entries that only their author can read, written, edited and deleted.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::client_id::{self, Claim};
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::journal::{DAY, ENTRIES_A_DAY, TEXT_MAX, checked_instant};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::patch::Patch;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, JournalEntryId, SceneId, TypedId};
use crate::store;
use crate::store::journal::{JournalChange, JournalRow};
use crate::vault::Aad;
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
    pub text: Opened<String>,
    /// The date that the person gave it.
    pub written_at: Timestamp,
    /// When it was last changed.
    pub edited_at: Option<Timestamp>,
}

/// A change of an entry; of these only the scene can be cleared.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The text.
    pub text: Patch<String>,
    /// The scene that it is about.
    pub scene: Patch<SceneId>,
    /// The date that the person gives it.
    pub written_at: Patch<Timestamp>,
}

/// Bytes of a journal, as they are kept: more than anybody writes in a life.
const JOURNAL_BYTES: i64 = 64 * 1024 * 1024;

fn content_aad(id: JournalEntryId) -> Aad {
    Aad::new("journal_entries", "content", id.uuid())
}

fn view(person: &Person, row: &JournalRow) -> Result<JournalView, Fault> {
    Ok(JournalView {
        id: row.id,
        scene: row.scene_id,
        text: opened(person.key.open_text(content_aad(row.id), &row.content))?,
        written_at: row.written_at.get(),
        edited_at: row.edited_at.map(|at| at.get()),
    })
}

/// One's own entry as it is now, if it is still there.
fn current(
    tx: &mut Transaction<'_>,
    id: JournalEntryId,
    account: AccountId,
) -> Result<Option<JournalView>, Fault> {
    let person = Person::load(tx, account)?;
    let row = store::journal::find_for(tx.db, id, account)?;
    row.map(|row| view(&person, &row)).transpose()
}

/// The person must have taken part in the scene; its link may have ended.
fn check_scene(tx: &mut Transaction<'_>, scene: Option<SceneId>, account: AccountId) -> ActionResult<()> {
    let Some(scene) = scene else { return Ok(()) };
    let parts = store::scene::members(tx.db, &[scene])?;
    if parts.iter().any(|part| part.account_id == account) {
        Ok(())
    } else {
        Err(Problem::not_found("sceneId").into())
    }
}

/// One's own entry, and its author. Locks the account, so that two devices of one person act one after the other.
fn load(
    tx: &mut Transaction<'_>,
    id: JournalEntryId,
    account: AccountId,
) -> ActionResult<(Person, JournalRow)> {
    store::dialect::lock_account(tx.db, account)?;
    let row = store::journal::find_for(tx.db, id, account)?.ok_or_else(|| Problem::not_found("entryId"))?;
    Ok((Person::load(tx, account)?, row))
}

/// Writes an entry. Asked again under its client id, it is what it is now; None: it was deleted.
pub async fn write(
    context: &Arc<AppContext>,
    by: &Caller,
    client_id: Option<String>,
    text: String,
    scene: Option<SceneId>,
    written_at: Option<Timestamp>,
) -> ActionResult<Done<Option<JournalView>>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let free = match client_id::claim(tx, account, client_id)? {
                Claim::Made(entry) => return Ok(Done::already(current(tx, entry, account)?)),
                Claim::Free(free) => free,
            };
            let mut checks = Checks::new();
            let text = checks.written("text", text, TEXT_MAX);
            let written_at = checked_instant(&mut checks, written_at.unwrap_or(tx.now), tx.now);
            checks.finish(())?;
            check_scene(tx, scene, account)?;
            store::dialect::lock_account(tx.db, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let since = (tx.now - DAY).into();
            if store::journal::count_since(tx.db, account, since)? >= ENTRIES_A_DAY {
                let sentence = format!("At most {ENTRIES_A_DAY} entries can be saved within a day.");
                return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
            }
            if store::journal::bytes(tx.db, account)? > JOURNAL_BYTES {
                let sentence =
                    "The journal is full. Please take it out, then delete what you no longer need here.";
                return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
            }
            let person = Person::load(tx, account)?;
            let id = JournalEntryId::at(tx.now, tx.chance);
            let row = JournalRow {
                id,
                account_id: account,
                scene_id: scene,
                content: person.key.seal_text(content_aad(id), &text)?,
                written_at: written_at.into(),
                edited_at: None,
                created_at: tx.ts(),
            };
            store::journal::insert(tx.db, &row)?;
            free.note(tx, id)?;
            tx.tell(&[account], ChangeKind::JournalChanged, id);
            Ok(Done::now(Some(view(&person, &row)?)))
        })
        .await
}

/// Changes an entry; the earlier text is not kept.
pub async fn edit(
    context: &Arc<AppContext>,
    by: &Caller,
    id: JournalEntryId,
    edit: Edit,
) -> ActionResult<Done<JournalView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let mut checks = Checks::new();
            let text = edit.text.needed(&mut checks, "text");
            let text = text.map(|text| checks.written("text", text, TEXT_MAX));
            let now = tx.now;
            let written_at = edit.written_at.needed(&mut checks, "writtenAt");
            let written_at = written_at.map(|at| checked_instant(&mut checks, at, now));
            checks.finish(())?;
            let about = edit.scene.column();
            let (person, row) = load(tx, id, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            check_scene(tx, about.flatten(), account)?;
            let before = view(&person, &row)?;
            let same = text.as_ref().is_none_or(|text| before.text.as_ref() == Ok(text))
                && about.is_none_or(|scene| scene == before.scene)
                && written_at.is_none_or(|at| at == before.written_at);
            if same {
                return Ok(Done::already(before));
            }
            let change = JournalChange {
                scene_id: about,
                content: text.map(|text| person.key.seal_text(content_aad(id), &text)).transpose()?,
                written_at: written_at.map(Into::into),
                edited_at: Some(Some(tx.ts())),
            };
            let row = store::journal::update(tx.db, id, &change)?;
            tx.tell(&[account], ChangeKind::JournalChanged, id);
            Ok(Done::now(view(&person, &row)?))
        })
        .await
}

/// Deletes an entry for good.
pub async fn delete(context: &Arc<AppContext>, by: &Caller, id: JournalEntryId) -> ActionResult<()> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            load(tx, id, account)?;
            store::journal::delete(tx.db, id)?;
            tx.tell(&[account], ChangeKind::JournalChanged, id);
            Ok(())
        })
        .await
}

/// A page of one's own journal, newest first: all of it, or about one scene.
pub async fn page(
    context: &Arc<AppContext>,
    account: AccountId,
    about: Option<SceneId>,
    page: KeysetPage<JournalEntryId>,
) -> Result<Vec<JournalView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let rows = store::journal::page(tx.db, account, about, page)?;
            rows.iter().map(|row| view(&person, row)).collect()
        })
        .await
}

/// One's own entry of that id; another person's is not found.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: JournalEntryId,
) -> Result<Option<JournalView>, Fault> {
    context.read_tx(move |tx| current(tx, id, account)).await
}
