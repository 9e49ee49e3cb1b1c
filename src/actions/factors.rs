//! What a person proves themselves with, as they see it themselves.

use super::people::Person;
use super::{Fault, House};
use crate::ids::AccountId;
use crate::store;
use jiff::Timestamp;
use std::sync::Arc;

/// A person's factors besides the password, which everybody has: there is always a way in.
pub struct FactorsView {
    /// The beginning of the person's day on which their app was confirmed.
    pub totp_since: Option<Timestamp>,
    /// How many recovery codes still work.
    pub recovery_codes_left: i32,
}

/// The factors of a person.
pub async fn of(house: &Arc<House>, account: AccountId) -> Result<FactorsView, Fault> {
    house
        .read_tx(move |unit| {
            let person = Person::load(unit, account)?;
            let confirmed_at = store::totp::find(unit.db, account)?.and_then(|row| row.confirmed_at);
            let left = store::recovery_code::count_unused(unit.db, account)?;
            Ok(FactorsView {
                totp_since: confirmed_at.map(|at| person.start_of_day(at.get())),
                recovery_codes_left: i32::try_from(left).unwrap_or(i32::MAX),
            })
        })
        .await
}
