//! The tokens of pages that nudges and mails link to, hashed.

use super::dialect::{delete_first, on_both};
use super::schema::{accounts, page_tokens, sessions};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::page::PagePurpose;
use crate::ids::{AccountId, CheckInId, SessionId};
use diesel::prelude::*;

/// One page token.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = page_tokens, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct PageTokenRow {
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// answer, choices.
    pub purpose: PagePurpose,
    /// The account that it belongs to.
    pub account_id: AccountId,
    /// The check-in that can be answered with it.
    pub check_in_id: Option<CheckInId>,
    /// The session whose device it was sent to; None: it was sent by mail.
    pub session_id: Option<SessionId>,
    /// The account's link epoch when it was made.
    pub link_epoch: i32,
    /// When it first went out.
    pub created_at: Ts,
    /// When it stops working.
    pub expires_at: Ts,
    /// The round of its check-in to which an answering link belongs; 0 for others.
    pub round: i32,
    /// SHA-256 of the attempt that settled the check-in or put it off by this link.
    pub attempt_hash: Option<Vec<u8>>,
    /// Which of the questions of its message it is, from 0.
    pub number: i32,
}

/// Saves tokens that are sent now; existing ones stay unchanged.
pub fn keep(db: &mut Db, rows: &[PageTokenRow]) -> QueryResult<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    on_both!(db, |c| diesel::insert_into(page_tokens::table).values(rows).on_conflict_do_nothing().execute(c))
}

/// A row of the token with this hash and purpose, if it still works at `now`: it has not expired, the session whose device
/// it was sent to is live, and neither password nor address changed since.
pub fn find(
    db: &mut Db,
    purpose: PagePurpose,
    (token_hash, number): (&[u8], i32),
    now: Ts,
) -> QueryResult<Option<PageTokenRow>> {
    page_tokens::table
        .inner_join(accounts::table)
        .left_join(sessions::table)
        .filter(page_tokens::token_hash.eq(token_hash))
        .filter(page_tokens::number.eq(number))
        .filter(page_tokens::purpose.eq(purpose))
        .filter(page_tokens::link_epoch.eq(accounts::link_epoch))
        .filter(
            page_tokens::session_id
                .is_null()
                .or(sessions::id.is_not_null().and(sessions::ended_at.is_null())),
        )
        .filter(page_tokens::expires_at.gt(now))
        .select(PageTokenRow::as_select())
        .first(db)
        .optional()
}

/// Notes the attempt that settled the check-in or put it off by a token.
pub fn note_attempt(
    db: &mut Db,
    token_hash: &[u8],
    number: i32,
    attempt_hash: Vec<u8>,
) -> QueryResult<usize> {
    diesel::update(page_tokens::table.find((token_hash, number)))
        .set(page_tokens::attempt_hash.eq(Some(attempt_hash)))
        .execute(db)
}

/// Lets the answering links of a check-in's round count for the next one.
pub fn carry_over(db: &mut Db, check_in: CheckInId, round: i32) -> QueryResult<usize> {
    let tokens = page_tokens::table.filter(page_tokens::check_in_id.eq(check_in));
    diesel::update(tokens.filter(page_tokens::round.eq(round)))
        .set(page_tokens::round.eq(round + 1))
        .execute(db)
}

/// Deletes some of the tokens that expired before `before`, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    let old = page_tokens::expires_at.lt(before);
    delete_first!(db, most, page_tokens: token_hash as Vec<u8>, old, by expires_at)
}
