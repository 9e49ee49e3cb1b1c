//! Exports: requested with reauthentication, made in the background, fetched once with another one, then deleted.

pub mod archive;
pub mod sections;

use crate::actions::accounts::mail_request::tell_of_security;
use crate::actions::accounts::people::Person;
use crate::actions::auth::reauthentication;
use crate::actions::export::archive::Archive;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault};
use crate::auth::tokens::{opaque, opaque_hash};
use crate::domain::data_rights::{ExportState, FETCH_LIFE};
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, ChunkId, ExportId, TypedId};
use crate::store;
use crate::store::export::{ChunkRow, ExportRow};
use crate::vault::Aad;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How long a worker has an export to itself before another may start over; renewed with every piece.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// Attempts before an export is given up.
const ATTEMPTS_MAX: i32 = 5;

/// An export as its owner sees it.
#[derive(Clone, Copy, Debug)]
pub struct ExportView {
    /// Its state.
    pub state: ExportState,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// When it was ready.
    pub ready_at: Option<Timestamp>,
    /// When it is deleted, fetched or not.
    pub expires_at: Timestamp,
    /// Its size in bytes.
    pub size: Option<i64>,
}

impl From<ExportRow> for ExportView {
    fn from(row: ExportRow) -> Self {
        Self {
            state: row.state,
            requested_at: row.requested_at.get(),
            ready_at: row.ready_at.map(|at| at.get()),
            expires_at: row.expires_at.get(),
            size: row.size,
        }
    }
}

/// The ticket to fetch an export.
pub struct Ticket {
    /// The token, to be used once.
    pub token: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// The AAD of a chunk.
pub(super) fn chunk_aad(id: ChunkId) -> Aad {
    Aad::new("export_chunks", "content", id.uuid())
}

/// Requests an export. One in the making is not restarted; a finished one is replaced.
pub async fn request(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<ExportView>> {
    let requester = by.requester;
    let (account, life) = (requester.account, context.keep.exports);
    let asked = context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            let now = tx.ts();
            let found = store::export::find(tx.db, account)?;
            if let Some(row) = &found
                && row.state == ExportState::Waiting
                && row.expires_at > now
            {
                return Ok(Done::already(row.clone().into()));
            }
            reauthentication::require(tx, requester)?;
            if let Some(row) = found {
                store::export::delete(tx.db, row.id)?;
            }
            let row = ExportRow {
                id: ExportId::at(tx.now, tx.chance),
                account_id: account,
                state: ExportState::Waiting,
                requested_at: now,
                ready_at: None,
                expires_at: (tx.now + life).into(),
                size: None,
                attempts: 0,
                lease_until: None,
                token_hash: None,
                token_expires_at: None,
            };
            store::export::insert(tx.db, &row)?;
            tell_of_security(tx, account)?;
            Ok(Done::now(row.into()))
        })
        .await?;
    context.to_tend.notify_one();
    Ok(asked)
}

/// A person's export.
pub async fn of(context: &Arc<AppContext>, account: AccountId) -> Result<Option<ExportView>, Fault> {
    context
        .read_tx(move |tx| {
            let now = tx.ts();
            let row = store::export::find(tx.db, account)?.filter(|row| row.expires_at > now);
            Ok(row.map(Into::into))
        })
        .await
}

/// Issues a token that fetches the export once, within a short time. An earlier token stops working.
pub async fn fetch(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Ticket> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            let now = tx.ts();
            let ready = |row: &ExportRow| row.state == ExportState::Ready && row.expires_at > now;
            let Some(row) = store::export::find(tx.db, requester.account)?.filter(ready) else {
                let sentence = "There is no export that could be fetched. Please ask for one, and wait until it is ready.";
                return Err(Problem::new("input", ProblemCode::WrongState, sentence).into());
            };
            reauthentication::require(tx, requester)?;
            tx.answer_is_secret()?;
            let (token, hash) = opaque(tx.chance);
            let expires_at = tx.now + FETCH_LIFE;
            store::export::set_token(tx.db, row.id, hash, expires_at.into())?;
            Ok(Ticket { token, expires_at })
        })
        .await
}

/// A download of an export, chunk by chunk.
pub struct Fetching {
    context: Arc<AppContext>,
    id: ExportId,
    account: AccountId,
    number: i32,
    /// Its size in bytes.
    pub size: i64,
    sent: i64,
}

/// Uses a token up. The export is deleted once all of it was handed out; after a broken download the person
/// asks for another token.
pub async fn take(context: &Arc<AppContext>, token: &str) -> ActionResult<Fetching> {
    let (hash, keeper) = (opaque_hash(token), Arc::clone(context));
    context
        .write_tx(None, move |tx| {
            let now = tx.ts();
            let gone =
                || Problem::new("token", ProblemCode::Expired, "This was fetched already, or it is too old.");
            let row = store::export::use_token(tx.db, &hash, now)?.ok_or_else(gone)?;
            let size = row.size.unwrap_or_default();
            Ok(Fetching { context: keeper, id: row.id, account: row.account_id, number: 0, size, sent: 0 })
        })
        .await
}

impl Fetching {
    /// The next piece; None: that was all, and nothing of it is kept.
    ///
    /// # Errors
    /// If a piece is missing or cannot be opened: the person was erased meanwhile, or another export was asked for.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let (id, account, number) = (self.id, self.account, self.number);
        if self.sent == self.size {
            self.context.worker_tx(move |tx| Ok(store::export::delete(tx.db, id)?)).await?;
            return Ok(None);
        }
        let piece = self.context.read_tx(move |tx| {
            let found = store::export::chunk(tx.db, id, number)?;
            let row = found.ok_or(Fault::Inconsistent("an export without a piece"))?;
            Ok(Person::load(tx, account)?.key.open(chunk_aad(row.id), &row.content)?)
        });
        let piece = piece.await?;
        self.number += 1;
        self.sent += i64::try_from(piece.len()).unwrap_or(i64::MAX);
        Ok(Some(piece))
    }
}

/// Makes every requested export, deletes the expired ones, and returns how many were made.
///
/// # Errors
/// Why one could not be made; the next pass tries again.
pub async fn make_due(context: &Arc<AppContext>) -> Result<usize, Fault> {
    let mut made = 0;
    loop {
        let taken = context
            .timed_tx(move |tx| {
                let lease = tx.lease_times(LEASE)?;
                let until = lease.until;
                store::export::forget(tx.db, tx.now.into())?;
                while let Some(row) = store::export::next(tx.db, lease.now, lease.latest)? {
                    if row.attempts < ATTEMPTS_MAX {
                        let leased = store::export::lease(tx.db, &row, until)?;
                        return Ok(Some(row).filter(|_| leased));
                    }
                    tracing::error!(export = %row.id, "an export could not be made; it was given up");
                    store::export::delete(tx.db, row.id)?;
                }
                Ok(None)
            })
            .await?;
        let Some(row) = taken.flatten() else { return Ok(made) };
        made += usize::from(make(context, &row).await?);
    }
}

/// Makes one export; false if the account is gone or the lease was lost.
async fn make(context: &Arc<AppContext>, row: &ExportRow) -> Result<bool, Fault> {
    let Some(mut archive) = Archive::open(context, row.account_id).await? else { return Ok(false) };
    let (id, account, attempt) = (row.id, row.account_id, row.attempts + 1);
    let (mut number, mut size) = (0, 0);
    while let Some(piece) = archive.next().await? {
        let length = i64::try_from(piece.len()).unwrap_or(i64::MAX);
        let kept = context.worker_tx(move |tx| {
            let until = tx.lease_times(LEASE)?.until;
            if !store::export::renew(tx.db, id, attempt, until)? {
                return Ok(false);
            }
            let key = Person::load(tx, account)?.key;
            let chunk = ChunkId::at(tx.now, tx.chance);
            let content = key.seal(chunk_aad(chunk), &piece)?;
            store::export::insert_chunk(tx.db, &ChunkRow { id: chunk, export_id: id, number, content })?;
            Ok(true)
        });
        if !kept.await? {
            return Ok(false);
        }
        number += 1;
        size += length;
    }
    context
        .worker_tx(move |tx| {
            let now = tx.ts();
            Ok(store::export::finish(tx.db, id, attempt, size, now)?)
        })
        .await
}
