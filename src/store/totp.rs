//! Authenticator apps.

use super::schema::totp_factors;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::totp::Guesses;
use crate::ids::AccountId;
use diesel::prelude::*;

/// The authenticator app of one person (RFC 6238).
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = totp_factors, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct TotpRow {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The shared secret, sealed with the account's data key.
    pub secret: Vec<u8>,
    /// When it was begun.
    pub created_at: Ts,
    /// When the person first typed back one of its codes; null: it does not count yet.
    pub confirmed_at: Option<Ts>,
    /// The 30-second step of the last code used: codes of it and of earlier steps are refused.
    pub last_step: Option<i64>,
    /// Wrong codes since wrong_since.
    pub wrong_codes: i32,
    /// When the first of them came; null: none did.
    pub wrong_since: Option<Ts>,
}

impl TotpRow {
    /// The wrong codes so far.
    pub fn guesses(&self) -> Guesses {
        Guesses { wrong: self.wrong_codes, since: self.wrong_since.map(Ts::get) }
    }
}

/// The person's authenticator app, confirmed or not.
pub fn find(db: &mut Db, account: AccountId) -> QueryResult<Option<TotpRow>> {
    totp_factors::table.find(account).select(TotpRow::as_select()).first(db).optional()
}

/// Whether the person has a confirmed app.
pub fn counts(db: &mut Db, account: AccountId) -> QueryResult<bool> {
    Ok(find(db, account)?.is_some_and(|row| row.confirmed_at.is_some()))
}

/// Saves an app that is not confirmed yet.
pub fn insert(db: &mut Db, row: &TotpRow) -> QueryResult<usize> {
    diesel::insert_into(totp_factors::table).values(row).execute(db)
}

/// Notes the step of an accepted code: it is not accepted again, and wrong codes are reset. The first one confirms the
/// app.
pub fn note_used(db: &mut Db, account: AccountId, step: i64, now: Ts) -> QueryResult<usize> {
    let used = (
        totp_factors::last_step.eq(Some(step)),
        totp_factors::wrong_codes.eq(0),
        totp_factors::wrong_since.eq(None::<Ts>),
    );
    diesel::update(totp_factors::table.find(account)).set(used).execute(db)?;
    let begun = totp_factors::table.find(account).filter(totp_factors::confirmed_at.is_null());
    diesel::update(begun).set(totp_factors::confirmed_at.eq(Some(now))).execute(db)
}

/// Stores the count of wrong codes.
pub fn note_guesses(db: &mut Db, account: AccountId, guesses: Guesses) -> QueryResult<usize> {
    let counted = (
        totp_factors::wrong_codes.eq(guesses.wrong),
        totp_factors::wrong_since.eq(guesses.since.map(Ts::from)),
    );
    diesel::update(totp_factors::table.find(account)).set(counted).execute(db)
}

/// Deletes the person's app; false if there is none.
pub fn delete(db: &mut Db, account: AccountId) -> QueryResult<bool> {
    Ok(diesel::delete(totp_factors::table.find(account)).execute(db)? == 1)
}
