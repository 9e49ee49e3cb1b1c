//! Sessions and their refresh tokens.

use super::dialect::delete_first;
use super::schema::{refresh_tokens, sessions};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::{AccountId, RefreshTokenId, SessionId};
use diesel::prelude::*;

/// One signed-in device: a refresh-token family.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Who is signed in.
    pub account_id: AccountId,
    /// The device's name, sealed with the account's data key.
    pub label: Vec<u8>,
    /// When it was signed in.
    pub created_at: Ts,
    /// When its tokens were last refreshed.
    pub last_used_at: Ts,
    /// When the person signed out, or the session was ended.
    pub ended_at: Option<Ts>,
    /// When the person last reauthenticated in it; the log-in counts. Null: before this was recorded.
    pub proved_at: Option<Ts>,
    /// When an exchanged token of the family was used again, which ended the session.
    pub reused_at: Option<Ts>,
}

/// One refresh token of a family.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct RefreshTokenRow {
    /// Its id.
    pub id: RefreshTokenId,
    /// The family.
    pub session_id: SessionId,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// When it was given out.
    pub issued_at: Ts,
    /// When it stops working.
    pub expires_at: Ts,
    /// When it was exchanged; after a short grace, another use ends the session.
    pub replaced_at: Option<Ts>,
    /// The token that was exchanged for this one; null: the first of its family.
    pub predecessor_id: Option<RefreshTokenId>,
    /// SHA-256 of the attempt by which it was got.
    pub attempt_hash: Option<Vec<u8>>,
    /// When it was given out again to who lost the answer.
    pub given_again_at: Option<Ts>,
}

/// Saves a new session.
pub fn insert(db: &mut Db, row: &SessionRow) -> QueryResult<usize> {
    diesel::insert_into(sessions::table).values(row).execute(db)
}

/// Saves a refresh token.
pub fn insert_token(db: &mut Db, row: &RefreshTokenRow) -> QueryResult<usize> {
    diesel::insert_into(refresh_tokens::table).values(row).execute(db)
}

/// The token with this hash, and its session.
pub fn find_token(db: &mut Db, hash: &[u8]) -> QueryResult<Option<(RefreshTokenRow, SessionRow)>> {
    refresh_tokens::table
        .inner_join(sessions::table)
        .filter(refresh_tokens::token_hash.eq(hash))
        .select((RefreshTokenRow::as_select(), SessionRow::as_select()))
        .first(db)
        .optional()
}

/// Marks a token exchanged; false if it was exchanged before.
pub fn replace_token(db: &mut Db, id: RefreshTokenId, now: Ts) -> QueryResult<bool> {
    let unused = refresh_tokens::table.find(id).filter(refresh_tokens::replaced_at.is_null());
    Ok(diesel::update(unused).set(refresh_tokens::replaced_at.eq(Some(now))).execute(db)? == 1)
}

/// The token that was issued in exchange for this one.
pub fn find_successor(db: &mut Db, id: RefreshTokenId) -> QueryResult<Option<RefreshTokenRow>> {
    refresh_tokens::table
        .filter(refresh_tokens::predecessor_id.eq(Some(id)))
        .select(RefreshTokenRow::as_select())
        .first(db)
        .optional()
}

/// Marks a token given out again; false if it was before, or was exchanged itself.
pub fn give_again(db: &mut Db, id: RefreshTokenId, now: Ts) -> QueryResult<bool> {
    let untouched = refresh_tokens::table
        .find(id)
        .filter(refresh_tokens::given_again_at.is_null())
        .filter(refresh_tokens::replaced_at.is_null());
    Ok(diesel::update(untouched).set(refresh_tokens::given_again_at.eq(Some(now))).execute(db)? == 1)
}

/// Notes that a session refreshed its tokens.
pub fn touch(db: &mut Db, id: SessionId, now: Ts) -> QueryResult<usize> {
    diesel::update(sessions::table.find(id)).set(sessions::last_used_at.eq(now)).execute(db)
}

/// Notes that the person reauthenticated in a session.
pub fn note_proof(db: &mut Db, id: SessionId, now: Ts) -> QueryResult<usize> {
    diesel::update(sessions::table.find(id)).set(sessions::proved_at.eq(Some(now))).execute(db)
}

/// A session of a person, live or ended.
pub fn find(db: &mut Db, id: SessionId, account: AccountId) -> QueryResult<Option<SessionRow>> {
    sessions::table
        .find(id)
        .filter(sessions::account_id.eq(account))
        .select(SessionRow::as_select())
        .first(db)
        .optional()
}

/// A live session of a person.
pub fn find_live(db: &mut Db, id: SessionId, account: AccountId) -> QueryResult<Option<SessionRow>> {
    Ok(find(db, id, account)?.filter(|session| session.ended_at.is_none()))
}

/// A person's live sessions, the last used first.
pub fn list(db: &mut Db, account: AccountId) -> QueryResult<Vec<SessionRow>> {
    sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::ended_at.is_null())
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .limit(200)
        .select(SessionRow::as_select())
        .load(db)
}

/// A person's sessions in which an exchanged token was used again since `since`, the latest first.
pub fn list_reused(db: &mut Db, account: AccountId, since: Ts) -> QueryResult<Vec<SessionRow>> {
    sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::reused_at.gt(Some(since)))
        .order((sessions::reused_at.desc(), sessions::id.desc()))
        .limit(20)
        .select(SessionRow::as_select())
        .load(db)
}

/// Whether a person has or had any session.
pub fn any(db: &mut Db, account: AccountId) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(sessions::table.filter(sessions::account_id.eq(account))))
        .get_result(db)
}

/// All sessions of a person, ended ones too, the oldest first.
pub fn all(db: &mut Db, account: AccountId) -> QueryResult<Vec<SessionRow>> {
    sessions::table
        .filter(sessions::account_id.eq(account))
        .order((sessions::created_at.asc(), sessions::id.asc()))
        .select(SessionRow::as_select())
        .load(db)
}

/// Ends a session of a person; false if it is not live.
pub fn end(db: &mut Db, id: SessionId, account: AccountId, now: Ts) -> QueryResult<bool> {
    let live = sessions::table
        .filter(sessions::id.eq(id))
        .filter(sessions::account_id.eq(account))
        .filter(sessions::ended_at.is_null());
    Ok(diesel::update(live).set(sessions::ended_at.eq(Some(now))).execute(db)? == 1)
}

/// Ends all sessions of a person except `kept`, and says which.
pub fn end_others(
    db: &mut Db,
    account: AccountId,
    kept: Option<SessionId>,
    now: Ts,
) -> QueryResult<Vec<SessionId>> {
    let live = sessions::table.filter(sessions::account_id.eq(account)).filter(sessions::ended_at.is_null());
    let ended = sessions::ended_at.eq(Some(now));
    match kept {
        Some(kept) => diesel::update(live.filter(sessions::id.ne(kept)))
            .set(ended)
            .returning(sessions::id)
            .get_results(db),
        None => diesel::update(live).set(ended).returning(sessions::id).get_results(db),
    }
}

/// Ends a session in which an exchanged token was used again; false if it had ended.
pub fn end_reused(db: &mut Db, id: SessionId, now: Ts) -> QueryResult<bool> {
    let live = sessions::table.find(id).filter(sessions::ended_at.is_null());
    let ended = (sessions::ended_at.eq(Some(now)), sessions::reused_at.eq(Some(now)));
    Ok(diesel::update(live).set(ended).execute(db)? == 1)
}

/// Ends some of the sessions that began before `since`, the oldest first.
pub fn end_old(db: &mut Db, since: Ts, most: i64, now: Ts) -> QueryResult<usize> {
    let old: Vec<SessionId> = sessions::table
        .filter(sessions::ended_at.is_null())
        .filter(sessions::created_at.le(since))
        .order(sessions::created_at.asc())
        .select(sessions::id)
        .limit(most)
        .load(db)?;
    diesel::update(sessions::table.filter(sessions::id.eq_any(old)))
        .set(sessions::ended_at.eq(Some(now)))
        .execute(db)
}

/// Deletes some of the tokens that are expired at `now`, the oldest first, and ends the sessions that nobody can refresh any
/// more.
pub fn forget_tokens(db: &mut Db, now: Ts, most: i64) -> QueryResult<usize> {
    let old: Vec<(RefreshTokenId, SessionId)> = refresh_tokens::table
        .filter(refresh_tokens::expires_at.le(now))
        .order(refresh_tokens::expires_at.asc())
        .select((refresh_tokens::id, refresh_tokens::session_id))
        .limit(most)
        .load(db)?;
    let (tokens, of): (Vec<_>, Vec<_>) = old.into_iter().unzip();
    let forgotten =
        diesel::delete(refresh_tokens::table.filter(refresh_tokens::id.eq_any(tokens))).execute(db)?;
    let left = refresh_tokens::table.filter(refresh_tokens::session_id.eq(sessions::id));
    let over = sessions::table
        .filter(sessions::id.eq_any(of))
        .filter(sessions::ended_at.is_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(left)));
    diesel::update(over).set(sessions::ended_at.eq(Some(now))).execute(db)?;
    Ok(forgotten)
}

/// Deletes some of the sessions that ended before `before`, with their devices, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    delete_first!(db, most, sessions: id as SessionId, sessions::ended_at.lt(before), by ended_at)
}
