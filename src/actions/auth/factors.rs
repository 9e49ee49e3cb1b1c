//! A person's factors, as shown to that person.

use crate::actions::accounts::people::Person;
use crate::actions::{AppContext, Fault};
use crate::ids::AccountId;
use crate::store;
use jiff::Timestamp;
use std::sync::Arc;

/// A person's factors besides the password, which every account keeps.
pub struct FactorsView {
    /// Start of the person's day on which the authenticator app was confirmed.
    pub totp_since: Option<Timestamp>,
    /// How many recovery codes still work.
    pub recovery_codes_left: i32,
}

/// The factors of a person.
pub async fn of(context: &Arc<AppContext>, account: AccountId) -> Result<FactorsView, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let confirmed_at = store::totp::find(tx.db, account)?.and_then(|row| row.confirmed_at);
            let left = store::recovery_code::count_unused(tx.db, account)?;
            Ok(FactorsView {
                totp_since: confirmed_at.map(|at| person.start_of_day(at.get())),
                recovery_codes_left: i32::try_from(left).unwrap_or(i32::MAX),
            })
        })
        .await
}
