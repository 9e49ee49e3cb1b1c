//! Exports: one for each account at a time, in chunks, built by a worker under a lease.

use super::schema::{export_chunks, exports};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::data_rights::ExportState;
use crate::ids::{AccountId, ChunkId, ExportId};
use diesel::prelude::*;

/// An export of everything that belongs to one person.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = exports, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct ExportRow {
    /// Its id.
    pub id: ExportId,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// waiting, ready.
    pub state: ExportState,
    /// When it was requested.
    pub requested_at: Ts,
    /// When it became ready.
    pub ready_at: Option<Ts>,
    /// When it is deleted, downloaded or not.
    pub expires_at: Ts,
    /// Its size in bytes, once it is ready.
    pub size: Option<i64>,
    /// How often a worker began to build it: the fence of its lease.
    pub attempts: i32,
    /// When the lease of the worker that builds it ends.
    pub lease_until: Option<Ts>,
    /// SHA-256 of the download token.
    pub token_hash: Option<Vec<u8>>,
    /// When that token stops working.
    pub token_expires_at: Option<Ts>,
}

/// A chunk of an export.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = export_chunks, check_for_backend(MultiBackend))]
pub struct ChunkRow {
    /// Its id.
    pub id: ChunkId,
    /// The export.
    pub export_id: ExportId,
    /// Its position in the export, from 0.
    pub number: i32,
    /// Sealed with the account's data key.
    pub content: Vec<u8>,
}

/// Saves a requested export.
pub fn insert(db: &mut Db, row: &ExportRow) -> QueryResult<usize> {
    diesel::insert_into(exports::table).values(row).execute(db)
}

/// A person's export.
pub fn find(db: &mut Db, account: AccountId) -> QueryResult<Option<ExportRow>> {
    let own = exports::table.filter(exports::account_id.eq(account));
    own.select(ExportRow::as_select()).first(db).optional()
}

/// The oldest waiting export that no worker has a lease on at `now`. A lease that ends after `latest` holds nothing (R38).
pub fn next(db: &mut Db, now: Ts, latest: Ts) -> QueryResult<Option<ExportRow>> {
    let until = exports::lease_until;
    let free = until.is_null().or(until.le(now).or(until.gt(latest)).assume_not_null());
    exports::table
        .filter(exports::state.eq(ExportState::Waiting))
        .filter(free)
        .order((exports::requested_at.asc(), exports::id.asc()))
        .select(ExportRow::as_select())
        .first(db)
        .optional()
}

/// Takes the lease of an export and deletes its chunks; false if another worker was quicker.
pub fn lease(db: &mut Db, row: &ExportRow, until: Ts) -> QueryResult<bool> {
    let free = exports::table.find(row.id).filter(exports::attempts.eq(row.attempts));
    let taken = diesel::update(free)
        .set((exports::attempts.eq(row.attempts + 1), exports::lease_until.eq(Some(until))))
        .execute(db)?;
    diesel::delete(export_chunks::table.filter(export_chunks::export_id.eq(row.id))).execute(db)?;
    Ok(taken == 1)
}

/// Extends the lease; false if it was lost: another worker has it, or the account is gone.
pub fn renew(db: &mut Db, id: ExportId, attempt: i32, until: Ts) -> QueryResult<bool> {
    let mine = exports::table
        .find(id)
        .filter(exports::attempts.eq(attempt))
        .filter(exports::state.eq(ExportState::Waiting));
    Ok(diesel::update(mine).set(exports::lease_until.eq(Some(until))).execute(db)? == 1)
}

/// Saves a chunk.
pub fn insert_chunk(db: &mut Db, row: &ChunkRow) -> QueryResult<usize> {
    diesel::insert_into(export_chunks::table).values(row).execute(db)
}

/// Marks an export ready; false if the lease was lost.
pub fn finish(db: &mut Db, id: ExportId, attempt: i32, size: i64, now: Ts) -> QueryResult<bool> {
    let mine = exports::table
        .find(id)
        .filter(exports::attempts.eq(attempt))
        .filter(exports::state.eq(ExportState::Waiting));
    let done = diesel::update(mine)
        .set((
            exports::state.eq(ExportState::Ready),
            exports::ready_at.eq(Some(now)),
            exports::size.eq(Some(size)),
            exports::lease_until.eq(None::<Ts>),
        ))
        .execute(db)?;
    Ok(done == 1)
}

/// Sets the download token of an export.
pub fn set_token(db: &mut Db, id: ExportId, hash: Vec<u8>, until: Ts) -> QueryResult<usize> {
    diesel::update(exports::table.find(id))
        .set((exports::token_hash.eq(Some(hash)), exports::token_expires_at.eq(Some(until))))
        .execute(db)
}

/// Forgets the download token of a person's export.
pub fn forget_token(db: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::update(exports::table.filter(exports::account_id.eq(account)))
        .set((exports::token_hash.eq(None::<Vec<u8>>), exports::token_expires_at.eq(None::<Ts>)))
        .execute(db)
}

/// Uses a download token up and returns its export; None: it is unknown, used or expired.
pub fn use_token(db: &mut Db, hash: &[u8], now: Ts) -> QueryResult<Option<ExportRow>> {
    let found = exports::table
        .filter(exports::token_hash.eq(hash))
        .filter(exports::token_expires_at.gt(now))
        .filter(exports::expires_at.gt(now))
        .filter(exports::state.eq(ExportState::Ready))
        .select(ExportRow::as_select())
        .first(db)
        .optional()?;
    let Some(row) = found else { return Ok(None) };
    // Of two requests at once, one gets the export.
    let unused = exports::table.find(row.id).filter(exports::token_hash.eq(hash));
    let used = diesel::update(unused).set(exports::token_hash.eq(None::<Vec<u8>>)).execute(db)?;
    Ok((used == 1).then_some(row))
}

/// A chunk of an export; None: there is none with this number.
pub fn chunk(db: &mut Db, export: ExportId, number: i32) -> QueryResult<Option<ChunkRow>> {
    export_chunks::table
        .filter(export_chunks::export_id.eq(export))
        .filter(export_chunks::number.eq(number))
        .select(ChunkRow::as_select())
        .first(db)
        .optional()
}

/// Deletes an export with its chunks.
pub fn delete(db: &mut Db, id: ExportId) -> QueryResult<usize> {
    diesel::delete(exports::table.find(id)).execute(db)
}

/// Deletes expired exports.
pub fn forget(db: &mut Db, now: Ts) -> QueryResult<usize> {
    diesel::delete(exports::table.filter(exports::expires_at.le(now))).execute(db)
}
