//! Web Push subscriptions.

use super::dialect::delete_first;
use super::schema::{devices, sessions};
use super::types::Ts;
use super::{Db, MultiBackend, lane};
use crate::ids::{AccountId, DeviceId, SessionId};
use diesel::prelude::*;

/// One Web Push subscription.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = devices, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct DeviceRow {
    /// Its id.
    pub id: DeviceId,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// Keyed hash of the endpoint: one subscription reaches one person.
    pub endpoint_index: Vec<u8>,
    /// Endpoint, p256dh and auth, sealed with the account's data key.
    pub subscription: Vec<u8>,
    /// The device's name, sealed with the account's data key.
    pub label: Vec<u8>,
    /// The session in which it was registered last. The device is live while that session is.
    pub session_id: Option<SessionId>,
    /// When it was registered.
    pub created_at: Ts,
    /// When it was removed, or the push service said that it is gone.
    pub ended_at: Option<Ts>,
    /// The lane of its push service (R23); empty: not known yet.
    pub lane: String,
    /// Until when it is left alone, after an answer of its push service that asked for another try (R20); None or past: it
    /// is not.
    pub rests_until: Option<Ts>,
}

/// Saves a new subscription; what waits for its owner takes its lane too.
pub fn insert(db: &mut Db, row: &DeviceRow) -> QueryResult<()> {
    diesel::insert_into(devices::table).values(row).execute(db)?;
    lane::renew(db, &[row.account_id])
}

/// The subscription with this endpoint that was not removed, of any account; its session may have ended.
pub fn find_endpoint(db: &mut Db, index: &[u8]) -> QueryResult<Option<DeviceRow>> {
    devices::table
        .filter(devices::endpoint_index.eq(index))
        .filter(devices::ended_at.is_null())
        .select(DeviceRow::as_select())
        .first(db)
        .optional()
}

/// Replaces the session, the sealed subscription, the label and the lane of a device.
pub fn renew(
    db: &mut Db,
    (id, owner): (DeviceId, AccountId),
    session: SessionId,
    (subscription, label): (Vec<u8>, Vec<u8>),
    lane: &str,
) -> QueryResult<()> {
    diesel::update(devices::table.find(id))
        .set((
            devices::session_id.eq(Some(session)),
            devices::subscription.eq(subscription),
            devices::label.eq(label),
            devices::lane.eq(lane),
        ))
        .execute(db)?;
    lane::renew(db, &[owner])
}

/// Notes until when a device is left alone, after an answer of its push service. A shorter time never replaces a longer one.
pub fn rest(db: &mut Db, id: DeviceId, until: Ts) -> QueryResult<usize> {
    let sooner = devices::rests_until.is_null().or(devices::rests_until.lt(until).assume_not_null());
    diesel::update(devices::table.find(id).filter(sooner))
        .set(devices::rests_until.eq(Some(until)))
        .execute(db)
}

/// The live subscriptions of some people, the oldest first. Whatever ends a session ends its devices, since they are
/// read together.
pub fn live(db: &mut Db, accounts: &[AccountId]) -> QueryResult<Vec<DeviceRow>> {
    devices::table
        .inner_join(sessions::table)
        .filter(devices::account_id.eq_any(accounts))
        .filter(devices::ended_at.is_null())
        .filter(sessions::ended_at.is_null())
        .order((devices::created_at.asc(), devices::id.asc()))
        .select(DeviceRow::as_select())
        .load(db)
}

/// All subscriptions of a person, ended ones too, the oldest first, each with the end of its session.
pub fn all(db: &mut Db, account: AccountId) -> QueryResult<Vec<(DeviceRow, Option<Ts>)>> {
    devices::table
        .left_join(sessions::table)
        .filter(devices::account_id.eq(account))
        .order((devices::created_at.asc(), devices::id.asc()))
        .select((DeviceRow::as_select(), sessions::ended_at.nullable()))
        .load(db)
}

/// Ends a subscription; false if it is not live. With `owner`, only if it belongs to that account. What waits for its
/// owner leaves its lane.
pub fn end(db: &mut Db, id: DeviceId, owner: Option<AccountId>, now: Ts) -> QueryResult<bool> {
    let live = devices::table.filter(devices::id.eq(id)).filter(devices::ended_at.is_null());
    let ended = devices::ended_at.eq(Some(now));
    let of: Vec<AccountId> = match owner {
        Some(owner) => diesel::update(live.filter(devices::account_id.eq(owner)))
            .set(ended)
            .returning(devices::account_id)
            .get_results(db)?,
        None => diesel::update(live).set(ended).returning(devices::account_id).get_results(db)?,
    };
    lane::renew(db, &of)?;
    Ok(!of.is_empty())
}

/// Deletes some of the subscriptions that ended before `before`, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    delete_first!(db, most, devices: id as DeviceId, devices::ended_at.lt(before), by ended_at)
}
