//! Erasures: requested ones, the deletion itself, and the hashes of erased accounts.

use super::schema::{
    accounts, address_requests, aftercare, erased, erasures, exports, idempotency_keys, link_members,
    partner_links, scenes,
};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::partner_link::LinkState;
use crate::domain::scene::SceneState;
use crate::ids::{AccountId, LinkId, SceneId};
use crate::store::dialect::on_both;
use diesel::prelude::*;

/// A requested erasure that can still be undone.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = erasures, check_for_backend(MultiBackend))]
pub struct ErasureRow {
    /// The account.
    pub account_id: AccountId,
    /// When it was requested.
    pub requested_at: Ts,
    /// When it takes place.
    pub erase_at: Ts,
    /// Which start of which machine it was requested on; None: not known.
    pub boot_id: Option<String>,
    /// The boot-time clock then, in milliseconds.
    pub boot_ms: Option<i64>,
}

/// Saves a requested erasure.
pub fn insert(db: &mut Db, row: &ErasureRow) -> QueryResult<usize> {
    diesel::insert_into(erasures::table).values(row).execute(db)
}

/// The erasure that a person requested.
pub fn find(db: &mut Db, account: AccountId) -> QueryResult<Option<ErasureRow>> {
    erasures::table.find(account).select(ErasureRow::as_select()).first(db).optional()
}

/// Cancels an erasure that is not due at `now`; false if there is none, or it is too late.
pub fn cancel(db: &mut Db, account: AccountId, now: Ts) -> QueryResult<bool> {
    let undoable = erasures::table.find(account).filter(erasures::erase_at.gt(now));
    Ok(diesel::delete(undoable).execute(db)? == 1)
}

/// Up to `most` accounts whose erasure is due.
pub fn due(db: &mut Db, now: Ts, most: i64) -> QueryResult<Vec<AccountId>> {
    erasures::table
        .filter(erasures::erase_at.le(now))
        .order((erasures::erase_at.asc(), erasures::account_id.asc()))
        .select(erasures::account_id)
        .limit(most)
        .load(db)
}

/// Ends some links, removes the pair and the code from their rows, and cancels their open scenes; returns those scenes.
pub fn let_go(db: &mut Db, links: &[LinkId], now: Ts) -> QueryResult<Vec<(SceneId, LinkId)>> {
    let of_links = partner_links::table.filter(partner_links::id.eq_any(links));
    diesel::update(of_links.clone().filter(partner_links::status.ne(LinkState::Ended)))
        .set((partner_links::status.eq(LinkState::Ended), partner_links::ended_at.eq(Some(now))))
        .execute(db)?;
    // Only now: an active link must have its pair.
    diesel::update(of_links)
        .set((partner_links::pair.eq(None::<Vec<u8>>), partner_links::code_hash.eq(None::<Vec<u8>>)))
        .execute(db)?;
    let open = scenes::table
        .filter(scenes::link_id.eq_any(links))
        .filter(scenes::status.eq_any([SceneState::Planned, SceneState::UnderWay]));
    diesel::update(open)
        .set(scenes::status.eq(SceneState::Cancelled))
        .returning((scenes::id, scenes::link_id.assume_not_null()))
        .get_results(db)
}

/// Deletes an account and everything that belongs to the person alone; foreign keys delete the rows that refer to it,
/// or clear the author in rows that others keep. Deletes links without members, too.
pub fn take_away(db: &mut Db, account: AccountId, links: &[LinkId]) -> QueryResult<()> {
    let index = accounts::table.find(account).select(accounts::email_index).first::<Vec<u8>>(db)?;
    diesel::delete(address_requests::table.filter(address_requests::email_index.eq(index))).execute(db)?;
    diesel::update(aftercare::table.filter(aftercare::recorded_by.eq(account)))
        .set(aftercare::content.eq(None::<Vec<u8>>))
        .execute(db)?;
    // The partners' exports and kept responses hold the person's words as well.
    let others: Vec<AccountId> = link_members::table
        .filter(link_members::link_id.eq_any(links))
        .filter(link_members::account_id.ne(account))
        .select(link_members::account_id)
        .load(db)?;
    diesel::delete(exports::table.filter(exports::account_id.eq_any(&others))).execute(db)?;
    let kept = idempotency_keys::account_id.eq_any(others.into_iter().map(Some));
    diesel::update(idempotency_keys::table.filter(kept))
        .set(idempotency_keys::response.eq(None::<Vec<u8>>))
        .execute(db)?;
    let alone = scenes::table.filter(scenes::link_id.is_null()).filter(scenes::created_by.eq(account));
    diesel::delete(alone).execute(db)?;
    diesel::delete(accounts::table.find(account)).execute(db)?;
    let peopled = link_members::table
        .filter(link_members::link_id.eq_any(links))
        .select(link_members::link_id)
        .load::<LinkId>(db)?;
    let empty: Vec<_> = links.iter().copied().filter(|link| !peopled.contains(link)).collect();
    diesel::delete(partner_links::table.filter(partner_links::id.eq_any(empty))).execute(db).map(drop)
}

/// Records that an account was erased, by the hash of its id.
pub fn remember(db: &mut Db, account_hash: &[u8], now: Ts) -> QueryResult<usize> {
    on_both!(db, |c| diesel::insert_into(erased::table)
        .values((erased::account_hash.eq(account_hash), erased::erased_at.eq(now)))
        .on_conflict_do_nothing()
        .execute(c))
}

/// The hashes of all erased accounts.
pub fn erased(db: &mut Db) -> QueryResult<Vec<Vec<u8>>> {
    erased::table.select(erased::account_hash).load(db)
}

/// Up to `most` account ids after `after`, in order.
pub fn accounts_after(db: &mut Db, after: Option<AccountId>, most: i64) -> QueryResult<Vec<AccountId>> {
    let query = accounts::table.order(accounts::id.asc()).select(accounts::id).limit(most).into_boxed();
    match after {
        Some(after) => query.filter(accounts::id.gt(after)).load(db),
        None => query.load(db),
    }
}
