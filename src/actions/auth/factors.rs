//! A person's factors together: as shown to that person, and taken away at once.

use crate::actions::accounts::people::Person;
use crate::actions::{AppContext, Fault, Transaction};
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

/// Removes everything besides the password that signs a person in: an authenticator, confirmed or begun, its recovery
/// codes, and every passkey.
pub(in crate::actions) fn forget_all(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    store::totp::delete(tx.db, account)?;
    store::recovery_code::delete_all(tx.db, account)?;
    store::passkey::delete_all(tx.db, account)?;
    Ok(())
}
