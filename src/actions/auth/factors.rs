//! A person's factors together: as shown to that person, and taken away at once.

use crate::actions::accounts::people::Person;
use crate::actions::{AppContext, Fault, Transaction};
use crate::ids::AccountId;
use crate::store;
use crate::store::types::Ts;
use jiff::SignedDuration;
use jiff::civil::Date;
use std::sync::Arc;

/// A person's factors besides the password, which every account keeps.
pub struct FactorsView {
    /// The person's day on which the authenticator app was confirmed.
    pub totp_since: Option<Date>,
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
                totp_since: confirmed_at.map(|at| person.day(at.get())),
                recovery_codes_left: i32::try_from(left).unwrap_or(i32::MAX),
            })
        })
        .await
}

/// How long before somebody asked for help by mail an intruder may have been in the account already: a factor that is not
/// older protects nothing. A week is long enough to read a mail that says "something changed", and what its owner pays is
/// that whoever reads the mailbox can remove a factor in its first week.
const INTRUDED_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Removes the factors that somebody who is proved by their mailbox alone cannot vouch for, where that person asked at
/// this instant: an authenticator that an intruder may have set up, with its recovery codes, and passkeys that they may
/// have made. Where no older authenticator protects the account, every passkey goes.
pub(in crate::actions) fn forget_unproved(
    tx: &mut Transaction<'_>,
    account: AccountId,
    asked_at: Ts,
) -> Result<(), Fault> {
    let since = (asked_at.get() - INTRUDED_BEFORE).into();
    if store::totp::find(tx.db, account)?.is_some_and(|app| app.confirmed_at.is_some_and(|at| at < since)) {
        store::passkey::delete_since(tx.db, account, since)?;
        return Ok(());
    }
    store::totp::delete(tx.db, account)?;
    store::recovery_code::delete_all(tx.db, account)?;
    store::passkey::delete_all(tx.db, account)?;
    Ok(())
}
