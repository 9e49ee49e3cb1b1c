//! Partner links and their two sides.

use super::schema::{link_members, partner_links};
use super::types::Ts;
use super::{Db, MultiBackend, columns};
use crate::domain::partner_link::{LinkState, Role};
use crate::ids::{AccountId, LinkId};
use diesel::prelude::*;

/// The tie of two accounts.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = partner_links, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct LinkRow {
    /// Its id.
    pub id: LinkId,
    /// invited, active, ended.
    pub status: LinkState,
    /// The link's data key, wrapped by the master key.
    pub data_key: Vec<u8>,
    /// The account that gave out the code.
    pub inviter_id: Option<AccountId>,
    /// Keyed hash of the invitation code, while it is open.
    pub code_hash: Option<Vec<u8>>,
    /// When the code stops working.
    pub code_expires_at: Option<Ts>,
    /// Both accounts' ids in order: one active link a pair.
    pub pair: Option<Vec<u8>>,
    /// When the invitation was made.
    pub created_at: Ts,
    /// When it was accepted.
    pub active_at: Option<Ts>,
    /// When it ended.
    pub ended_at: Option<Ts>,
}

/// One person's side of a link.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = link_members, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct MemberRow {
    /// The link.
    pub link_id: LinkId,
    /// The person.
    pub account_id: AccountId,
    /// The default role on scenes of this link.
    pub role: Role,
    /// Whether the person allows the partner to be told that reaching out would be welcome.
    pub alert_allowed: bool,
    /// The person's Needs, sealed with the link's data key.
    pub needs: Option<Vec<u8>>,
    /// When they were last written.
    pub needs_written_at: Option<Ts>,
    /// Whether the person wants the two to see how many promises they kept.
    pub promise_count_wanted: bool,
    /// The person's display name when the link ended, sealed with the link's data key.
    pub name_at_end: Option<Vec<u8>>,
    /// Whether the person may be woken by a plea of the other.
    pub pleas_at_night: bool,
}

/// Both accounts' ids in order: the key of an active pair.
pub fn pair(a: AccountId, b: AccountId) -> Vec<u8> {
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    [first.0.as_bytes().as_slice(), second.0.as_bytes().as_slice()].concat()
}

/// The columns of a link that can change.
#[derive(Default, AsChangeset)]
#[diesel(table_name = partner_links)]
pub struct LinkChange {
    /// invited, active, ended.
    pub status: Option<LinkState>,
    /// The hash of the open code.
    pub code_hash: Option<Option<Vec<u8>>>,
    /// The pair's key.
    pub pair: Option<Option<Vec<u8>>>,
    /// When it was accepted.
    pub active_at: Option<Option<Ts>>,
    /// When it ended.
    pub ended_at: Option<Option<Ts>>,
}

/// The columns of one side that can change.
#[derive(Default, AsChangeset)]
#[diesel(table_name = link_members)]
pub struct MemberChange {
    /// Default role.
    pub role: Option<Role>,
    /// Whether the partner may be told.
    pub alert_allowed: Option<bool>,
    /// Whether the person may be woken by a plea of the other.
    pub pleas_at_night: Option<bool>,
    /// Sealed Needs.
    pub needs: Option<Option<Vec<u8>>>,
    /// When they were written.
    pub needs_written_at: Option<Option<Ts>>,
    /// Whether the person wants the count of kept promises.
    pub promise_count_wanted: Option<bool>,
    /// The sealed display name at the link's end.
    pub name_at_end: Option<Option<Vec<u8>>>,
}

/// Saves a new link.
pub fn insert(db: &mut Db, row: &LinkRow) -> QueryResult<usize> {
    diesel::insert_into(partner_links::table).values(row).execute(db)
}

/// Saves one side of a link.
pub fn insert_member(db: &mut Db, row: &MemberRow) -> QueryResult<usize> {
    diesel::insert_into(link_members::table).values(row).execute(db)
}

/// The link, if this person is in it; another's is as good as missing (R29).
pub fn find_for(db: &mut Db, id: LinkId, account: AccountId) -> QueryResult<Option<LinkRow>> {
    partner_links::table
        .inner_join(link_members::table)
        .filter(partner_links::id.eq(id))
        .filter(link_members::account_id.eq(account))
        .select(LinkRow::as_select())
        .first(db)
        .optional()
}

/// The link with this open code, if it has not expired at `now`. An expired code takes as long as one that never
/// existed.
pub fn find_by_code(db: &mut Db, code_hash: &[u8], now: Ts) -> QueryResult<Option<LinkRow>> {
    partner_links::table
        .filter(partner_links::code_hash.eq(code_hash))
        .filter(partner_links::code_expires_at.gt(now))
        .select(LinkRow::as_select())
        .first(db)
        .optional()
}

/// Whether the two have an active link with each other.
pub fn are_linked(db: &mut Db, a: AccountId, b: AccountId) -> QueryResult<bool> {
    let active = partner_links::table
        .filter(partner_links::pair.eq(pair(a, b)))
        .filter(partner_links::status.eq(LinkState::Active));
    Ok(active.count().get_result::<i64>(db)? > 0)
}

/// The links with these ids.
pub fn find_all(db: &mut Db, ids: &[LinkId]) -> QueryResult<Vec<LinkRow>> {
    partner_links::table.filter(partner_links::id.eq_any(ids)).select(LinkRow::as_select()).load(db)
}

/// Those of some links that this person is in.
pub fn find_all_for(db: &mut Db, ids: &[LinkId], account: AccountId) -> QueryResult<Vec<LinkRow>> {
    let own = link_members::table.filter(link_members::account_id.eq(account)).select(link_members::link_id);
    partner_links::table
        .filter(partner_links::id.eq_any(ids))
        .filter(partner_links::id.eq_any(own))
        .select(LinkRow::as_select())
        .load(db)
}

/// Both sides of some links, in the order of the accounts' ids.
pub fn members(db: &mut Db, links: &[LinkId]) -> QueryResult<Vec<MemberRow>> {
    link_members::table
        .filter(link_members::link_id.eq_any(links))
        .order((link_members::link_id.asc(), link_members::account_id.asc()))
        .select(MemberRow::as_select())
        .load(db)
}

/// A person's links, the newest first.
pub fn list(db: &mut Db, account: AccountId, ended_too: bool, limit: i64) -> QueryResult<Vec<LinkRow>> {
    let mut query = partner_links::table
        .inner_join(link_members::table)
        .filter(link_members::account_id.eq(account))
        .select(LinkRow::as_select())
        .order((partner_links::created_at.desc(), partner_links::id.desc()))
        .limit(limit)
        .into_boxed();
    if !ended_too {
        query = query.filter(partner_links::status.ne(LinkState::Ended));
    }
    query.load(db)
}

/// Some of the invitations that were never accepted: their codes expired before `before`, the oldest first.
pub fn unaccepted_before(db: &mut Db, before: Ts, most: i64) -> QueryResult<Vec<LinkId>> {
    partner_links::table
        .filter(partner_links::active_at.is_null())
        .filter(partner_links::code_expires_at.lt(before))
        .order(partner_links::code_expires_at.asc())
        .select(partner_links::id)
        .limit(most)
        .load(db)
}

/// Deletes links. Foreign keys delete everything that belongs to them.
pub fn delete(db: &mut Db, which: &[LinkId]) -> QueryResult<usize> {
    diesel::delete(partner_links::table.filter(partner_links::id.eq_any(which))).execute(db)
}

/// How many links of a person are active, or invited with a code that has not expired at `now`.
pub fn count_open(db: &mut Db, account: AccountId, now: Ts) -> QueryResult<i64> {
    let invited = partner_links::status.eq(LinkState::Invited).and(partner_links::code_expires_at.gt(now));
    partner_links::table
        .inner_join(link_members::table)
        .filter(link_members::account_id.eq(account))
        .filter(partner_links::status.eq(LinkState::Active).or(invited.assume_not_null()))
        .count()
        .get_result(db)
}

/// Changes a link and returns the changed row.
pub fn update(db: &mut Db, id: LinkId, change: &LinkChange) -> QueryResult<LinkRow> {
    diesel::update(partner_links::table.find(id)).set(change).returning(columns::<LinkRow>()).get_result(db)
}

/// Changes one side of a link.
pub fn update_member(
    db: &mut Db,
    link: LinkId,
    account: AccountId,
    change: &MemberChange,
) -> QueryResult<usize> {
    diesel::update(link_members::table.find((link, account))).set(change).execute(db)
}
