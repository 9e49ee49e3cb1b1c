//! The health-data consent: withdrawn at any time, without a reason and at once, and given again.

use super::people::Person;
use super::{Caller, Done, House, Outcome, hold};
use crate::domain::account::{CONSENT_VERSION, ConsentKind};
use crate::domain::change::ChangeKind;
use crate::ids::ConsentId;
use crate::store::{self, account::ConsentRow};
use std::sync::Arc;

/// Withdraws it: no more questions, nudges and overviews, and nothing of the person is shown to a partner. What they
/// wrote stays sealed until they erase it or give the consent again. It asks for no proof: saying no is easy.
pub async fn withdraw(house: &Arc<House>, by: &Caller) -> Outcome<Done<Person>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            let now = unit.ts();
            if !store::account::withdraw_consent(unit.db, account, ConsentKind::HealthData, now)? {
                return Ok(Done::already(Person::load(unit, account)?));
            }
            hold::hold(unit, account)?;
            unit.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(Person::load(unit, account)?))
        })
        .await
}

/// Gives it again: what is still open comes as planned.
pub async fn give(house: &Arc<House>, by: &Caller) -> Outcome<Done<Person>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            let stands = |row: &ConsentRow| row.kind == ConsentKind::HealthData && row.withdrawn_at.is_none();
            if store::account::consents(unit.db, account)?.iter().any(stands) {
                return Ok(Done::already(Person::load(unit, account)?));
            }
            let consent = ConsentRow {
                id: ConsentId::at(unit.now, unit.chance),
                account_id: account,
                kind: ConsentKind::HealthData,
                version: CONSENT_VERSION.to_owned(),
                given_at: unit.ts(),
                withdrawn_at: None,
            };
            store::account::insert_consent(unit.db, &consent)?;
            hold::let_go_on(unit, account)?;
            unit.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(Person::load(unit, account)?))
        })
        .await
}
