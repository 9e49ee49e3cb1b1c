//! Exports: asked for with a fresh proof, made in the background, fetched once with another one, then gone.

use super::archive::Archive;
use super::people::Person;
use super::{Caller, Done, Fault, House, Outcome, proof};
use crate::auth::tokens::{opaque, opaque_hash};
use crate::domain::problem::{Problem, ProblemCode};
use crate::domain::take_out::{ExportState, FETCH_LIFE};
use crate::ids::{AccountId, ChunkId, ExportId, TypedId};
use crate::store;
use crate::store::export::{ChunkRow, ExportRow};
use crate::vault::Place;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How long whoever makes an export has it for themselves before another may begin anew; renewed with every piece.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// How often an export is begun before it is given up.
const ATTEMPTS_MAX: i32 = 5;

/// An export as its owner sees it.
#[derive(Clone, Copy, Debug)]
pub struct ExportView {
    /// Where it stands.
    pub state: ExportState,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was ready.
    pub ready_at: Option<Timestamp>,
    /// When it is thrown away, fetched or not.
    pub expires_at: Timestamp,
    /// How many bytes it has.
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

/// With what an export is fetched.
pub struct Ticket {
    /// The token, to be used once.
    pub token: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// Where a piece belongs.
pub(super) fn chunk_place(id: ChunkId) -> Place {
    Place::new("export_chunks", "content", id.uuid())
}

/// Asks for an export. One that is being made is not made twice; one that is ready is made anew.
pub async fn request(house: &Arc<House>, by: &Caller) -> Outcome<Done<ExportView>> {
    let requester = by.requester;
    let (account, life) = (requester.account, house.keep.exports);
    let asked = house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            let now = unit.ts();
            let found = store::export::find(unit.db, account)?;
            if let Some(row) = &found
                && row.state == ExportState::Waiting
                && row.expires_at > now
            {
                return Ok(Done::already(row.clone().into()));
            }
            proof::require(unit, requester)?;
            if let Some(row) = found {
                store::export::delete(unit.db, row.id)?;
            }
            let row = ExportRow {
                id: ExportId::at(unit.now, unit.chance),
                account_id: account,
                state: ExportState::Waiting,
                requested_at: now,
                ready_at: None,
                expires_at: (unit.now + life).into(),
                size: None,
                attempts: 0,
                lease_until: None,
                token_hash: None,
                token_expires_at: None,
            };
            store::export::insert(unit.db, &row)?;
            Ok(Done::now(row.into()))
        })
        .await?;
    house.to_tend.notify_one();
    Ok(asked)
}

/// A person's export.
pub async fn of(house: &Arc<House>, account: AccountId) -> Result<Option<ExportView>, Fault> {
    house
        .read_tx(move |unit| {
            let now = unit.ts();
            let row = store::export::find(unit.db, account)?.filter(|row| row.expires_at > now);
            Ok(row.map(Into::into))
        })
        .await
}

/// Gives out a token with which the export can be fetched, once and soon. A token that was given out before stops
/// working.
pub async fn fetch(house: &Arc<House>, by: &Caller) -> Outcome<Ticket> {
    let requester = by.requester;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, requester.account)?;
            let now = unit.ts();
            let ready = |row: &ExportRow| row.state == ExportState::Ready && row.expires_at > now;
            let Some(row) = store::export::find(unit.db, requester.account)?.filter(ready) else {
                let sentence = "There is no export that could be fetched. Please ask for one, and wait until it is ready.";
                return Err(Problem::new("input", ProblemCode::WrongState, sentence).into());
            };
            proof::require(unit, requester)?;
            let (token, hash) = opaque(unit.chance);
            let expires_at = unit.now + FETCH_LIFE;
            store::export::set_token(unit.db, row.id, hash, expires_at.into())?;
            Ok(Ticket { token, expires_at })
        })
        .await
}

/// An export that is being fetched: its pieces, one after the other.
pub struct Fetching {
    house: Arc<House>,
    id: ExportId,
    account: AccountId,
    number: i32,
    /// How many bytes it has.
    pub size: i64,
    sent: i64,
}

/// Uses a token up. What it opens is thrown away as soon as it was handed out to the end; whoever lost it on the way
/// asks for another token.
pub async fn take(house: &Arc<House>, token: &str) -> Outcome<Fetching> {
    let (hash, keeper) = (opaque_hash(token), Arc::clone(house));
    house
        .write_tx(None, move |unit| {
            let now = unit.ts();
            let gone =
                || Problem::new("token", ProblemCode::Expired, "This was fetched already, or it is too old.");
            let row = store::export::use_token(unit.db, &hash, now)?.ok_or_else(gone)?;
            let size = row.size.unwrap_or_default();
            Ok(Fetching { house: keeper, id: row.id, account: row.account_id, number: 0, size, sent: 0 })
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
            self.house.worker_tx(move |unit| Ok(store::export::delete(unit.db, id)?)).await?;
            return Ok(None);
        }
        let piece = self.house.read_tx(move |unit| {
            let found = store::export::chunk(unit.db, id, number)?;
            let row = found.ok_or(Fault::Inconsistent("an export without a piece"))?;
            Ok(Person::load(unit, account)?.key.open(chunk_place(row.id), &row.content)?)
        });
        let piece = piece.await?;
        self.number += 1;
        self.sent += i64::try_from(piece.len()).unwrap_or(i64::MAX);
        Ok(Some(piece))
    }
}

/// Makes every export that was asked for, and throws away what nobody fetched; how many were made.
///
/// # Errors
/// What kept one from being made; the next pass tries again.
pub async fn make_due(house: &Arc<House>) -> Result<usize, Fault> {
    let mut made = 0;
    loop {
        let taken = house
            .worker_tx(move |unit| {
                let (now, until) = (unit.ts(), (unit.now + LEASE).into());
                store::export::forget(unit.db, now)?;
                while let Some(row) = store::export::next(unit.db, now)? {
                    if row.attempts < ATTEMPTS_MAX {
                        let leased = store::export::lease(unit.db, &row, until)?;
                        return Ok(Some(row).filter(|_| leased));
                    }
                    tracing::error!(export = %row.id, "an export could not be made; it was given up");
                    store::export::delete(unit.db, row.id)?;
                }
                Ok(None)
            })
            .await?;
        let Some(row) = taken else { return Ok(made) };
        made += usize::from(make(house, &row).await?);
    }
}

/// Makes one export; false if the lease was lost on the way.
async fn make(house: &Arc<House>, row: &ExportRow) -> Result<bool, Fault> {
    let Some(mut archive) = Archive::open(house, row.account_id).await? else { return Ok(false) };
    let (id, account, attempt) = (row.id, row.account_id, row.attempts + 1);
    let (mut number, mut size) = (0, 0);
    while let Some(piece) = archive.next().await? {
        let length = i64::try_from(piece.len()).unwrap_or(i64::MAX);
        let kept = house.worker_tx(move |unit| {
            let until = (unit.now + LEASE).into();
            if !store::export::renew(unit.db, id, attempt, until)? {
                return Ok(false);
            }
            let key = Person::load(unit, account)?.key;
            let chunk = ChunkId::at(unit.now, unit.chance);
            let content = key.seal(chunk_place(chunk), &piece)?;
            store::export::insert_chunk(unit.db, &ChunkRow { id: chunk, export_id: id, number, content })?;
            Ok(true)
        });
        if !kept.await? {
            return Ok(false);
        }
        number += 1;
        size += length;
    }
    house
        .worker_tx(move |unit| {
            let now = unit.ts();
            Ok(store::export::finish(unit.db, id, attempt, size, now)?)
        })
        .await
}
