//! Accounts and the consents that people gave at sign-up.

use super::schema::{accounts, consents};
use super::types::Ts;
use super::{Db, MultiBackend, columns, lane};
use crate::domain::account::{AnswerSharing, ConsentKind, Reach};
use crate::domain::quiet_hours::{Rhythm, Zone};
use crate::ids::{AccountId, ConsentId};
use diesel::prelude::*;
use jiff::Timestamp;

/// One person.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AccountRow {
    /// Made by the program, UUIDv7.
    pub id: AccountId,
    /// Keyed hash of the normalised address: the only way to find an account by address.
    pub email_index: Vec<u8>,
    /// The address, sealed with the account's data key.
    pub email: Vec<u8>,
    /// What partners see, sealed with the account's data key.
    pub display_name: Vec<u8>,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// The account's data key, wrapped by the master key. Without it nothing sealed can be read.
    pub data_key: Vec<u8>,
    /// IANA time zone.
    pub zone: String,
    /// Start of quiet hours in minutes after local midnight; with quiet_until null: none.
    pub quiet_from: Option<i32>,
    /// End of quiet hours in minutes after local midnight.
    pub quiet_until: Option<i32>,
    /// How much of an answer is shared by default: nothing, mood, all.
    pub default_share: AnswerSharing,
    /// Whether pushes are wanted.
    pub push: bool,
    /// Whether mails about check-ins are wanted.
    pub mail: bool,
    /// No nudges before this instant; far in the future: until the person resumes them.
    pub paused_until: Option<Ts>,
    /// When the mail server refused the address for good; null: it works.
    pub address_failed_at: Option<Ts>,
    /// When the address was confirmed.
    pub created_at: Ts,
    /// When the account was suspended; null: it is not.
    pub held_at: Option<Ts>,
    /// The zone's offset from UTC in minutes when zone was last written: the fallback if its name is not known.
    pub utc_offset: Option<i32>,
    /// Rises with a new password or address; a page token of an earlier number does not work any more.
    pub link_epoch: i32,
}

/// A statement that a person made at sign-up.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = consents, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct ConsentRow {
    /// Its id.
    pub id: ConsentId,
    /// Who made it.
    pub account_id: AccountId,
    /// Which statement: adult, health_data.
    pub kind: ConsentKind,
    /// The version of its text.
    pub version: String,
    /// When.
    pub given_at: Ts,
    /// When it was taken back.
    pub withdrawn_at: Option<Ts>,
}

impl AccountRow {
    /// Whether the person wants mail and the address works.
    pub fn mail_works(&self) -> bool {
        self.mail && self.address_failed_at.is_none()
    }

    /// The settings that decide when and how the person is reached. It logs what it cannot read, so that the operator
    /// can repair the account.
    pub fn reach(&self) -> Reach {
        let quiet = (self.quiet_from, self.quiet_until);
        let (rhythm, unreadable) = Rhythm::stored(&self.zone, self.utc_offset, quiet);
        if let Some(unreadable) = unreadable {
            tracing::error!(account = %self.id, %unreadable, "a damaged account: it is quiet from 22:00 to 08:00, or as far as it can be read");
        }
        Reach {
            rhythm,
            paused_until: self.paused_until.map(Ts::get),
            held: self.held_at.is_some(),
            push: self.push,
            mail: self.mail,
        }
    }
}

/// The columns of an account that can change.
#[derive(Default, AsChangeset)]
#[diesel(table_name = accounts)]
pub struct AccountChange {
    /// Keyed hash of the normalised address.
    pub email_index: Option<Vec<u8>>,
    /// Sealed.
    pub email: Option<Vec<u8>>,
    /// Sealed.
    pub display_name: Option<Vec<u8>>,
    /// PHC form.
    pub password_hash: Option<String>,
    /// IANA name.
    pub zone: Option<String>,
    /// Its offset now, in minutes.
    pub utc_offset: Option<Option<i32>>,
    /// Minutes after local midnight.
    pub quiet_from: Option<Option<i32>>,
    /// Minutes after local midnight.
    pub quiet_until: Option<Option<i32>>,
    /// The default of how much of an answer is shared.
    pub default_share: Option<AnswerSharing>,
    /// Whether pushes are wanted.
    pub push: Option<bool>,
    /// Whether mails are wanted.
    pub mail: Option<bool>,
    /// No nudges before this instant.
    pub paused_until: Option<Option<Ts>>,
    /// When the address failed; null: it works.
    pub address_failed_at: Option<Option<Ts>>,
    /// When the account was suspended; null: it is not.
    pub held_at: Option<Option<Ts>>,
}

/// Saves a new account.
pub fn insert(db: &mut Db, row: &AccountRow) -> QueryResult<usize> {
    diesel::insert_into(accounts::table).values(row).execute(db)
}

/// Stores the UTC offset of every account that has none yet.
pub fn note_offsets(db: &mut Db, now: Timestamp) -> QueryResult<()> {
    let without = accounts::table.filter(accounts::utc_offset.is_null());
    let zones: Vec<String> = without.select(accounts::zone).distinct().load(db)?;
    for zone in zones.iter().filter_map(|name| Zone::named("zone", name).ok()) {
        let those = without.filter(accounts::zone.eq(zone.name().to_owned()));
        diesel::update(those).set(accounts::utc_offset.eq(Some(zone.offset_minutes(now)))).execute(db)?;
    }
    Ok(())
}

/// Saves a statement.
pub fn insert_consent(db: &mut Db, row: &ConsentRow) -> QueryResult<usize> {
    diesel::insert_into(consents::table).values(row).execute(db)
}

/// A person's statements, the oldest first.
pub fn consents(db: &mut Db, account: AccountId) -> QueryResult<Vec<ConsentRow>> {
    consents::table
        .filter(consents::account_id.eq(account))
        .order(consents::given_at.asc())
        .select(ConsentRow::as_select())
        .load(db)
}

/// Withdraws a consent; false if none is in force.
pub fn withdraw_consent(db: &mut Db, account: AccountId, kind: ConsentKind, now: Ts) -> QueryResult<bool> {
    let standing = consents::table
        .filter(consents::account_id.eq(account))
        .filter(consents::kind.eq(kind))
        .filter(consents::withdrawn_at.is_null());
    Ok(diesel::update(standing).set(consents::withdrawn_at.eq(Some(now))).execute(db)? > 0)
}

/// The account with this id.
pub fn find(db: &mut Db, id: AccountId) -> QueryResult<Option<AccountRow>> {
    accounts::table.find(id).select(AccountRow::as_select()).first(db).optional()
}

/// The accounts with these ids, in any order.
pub fn find_all(db: &mut Db, ids: &[AccountId]) -> QueryResult<Vec<AccountRow>> {
    accounts::table.filter(accounts::id.eq_any(ids)).select(AccountRow::as_select()).load(db)
}

/// The account with this blind index.
pub fn find_by_email(db: &mut Db, index: &[u8]) -> QueryResult<Option<AccountRow>> {
    accounts::table
        .filter(accounts::email_index.eq(index))
        .select(AccountRow::as_select())
        .first(db)
        .optional()
}

/// Changes an account and returns the changed row. Whether pushes are wanted decides about the lane of those that wait.
pub fn update(db: &mut Db, id: AccountId, change: &AccountChange) -> QueryResult<AccountRow> {
    let changed = diesel::update(accounts::table.find(id)).set(change);
    let row = changed.returning(columns::<AccountRow>()).get_result(db)?;
    if change.push.is_some() {
        lane::renew(db, &[id])?;
    }
    Ok(row)
}

/// Notes that an account's address failed at `now`; false if that is known already, or the account is gone.
pub fn address_failed(db: &mut Db, id: AccountId, now: Ts) -> QueryResult<bool> {
    let working = accounts::table.find(id).filter(accounts::address_failed_at.is_null());
    Ok(diesel::update(working).set(accounts::address_failed_at.eq(Some(now))).execute(db)? == 1)
}

/// Raises the number that page tokens are compared with: earlier ones stop working.
pub fn raise_link_epoch(db: &mut Db, id: AccountId) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id))
        .set(accounts::link_epoch.eq(accounts::link_epoch + 1))
        .execute(db)
}
