//! The health-data consent: withdrawn at any time, at once and without a reason, and given again.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::{ActionResult, AppContext, Caller, Done};
use crate::domain::account::ConsentKind;
use crate::domain::change::ChangeKind;
use crate::domain::consent::Statement;
use crate::domain::problem::Problem;
use crate::ids::ConsentId;
use crate::store::{self, account::ConsentRow};
use std::sync::Arc;

/// Withdraws the consent: no more questions, nudges or insight, and partners see nothing of the person. Answers stay
/// sealed until erasure or until consent is given again. It needs no reauthentication: saying no is easy.
pub async fn withdraw(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<Person>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            let now = tx.ts();
            if !store::account::withdraw_consent(tx.db, account, ConsentKind::HealthData, now)? {
                return Ok(Done::already(Person::load(tx, account)?));
            }
            suspension::suspend(tx, account)?;
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(Person::load(tx, account)?))
        })
        .await
}

/// Gives the consent again, to the words that the person saw; open check-ins are planned as before.
pub async fn give(context: &Arc<AppContext>, by: &Caller, given: Statement) -> ActionResult<Done<Person>> {
    let account = by.requester.account;
    if given.kind != ConsentKind::HealthData {
        let sentence = "This statement holds for good. Only the consent to keep health data is given again.";
        return Err(Problem::wrong_state("kind", sentence).into());
    }
    given.check_version("version")?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            let mut standing = store::account::consents(tx.db, account)?;
            standing.retain(|row| row.kind == given.kind && row.withdrawn_at.is_none());
            if standing.iter().any(|row| row.version == given.version) {
                return Ok(Done::already(Person::load(tx, account)?));
            }
            let consent = ConsentRow {
                id: ConsentId::at(tx.now, tx.chance),
                account_id: account,
                kind: given.kind,
                version: given.version,
                given_at: tx.ts(),
                withdrawn_at: None,
            };
            store::account::insert_consent(tx.db, &consent)?;
            // Whoever says yes to newer words was not suspended for the lack of a yes.
            if standing.is_empty() {
                suspension::resume(tx, account)?;
            }
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(Person::load(tx, account)?))
        })
        .await
}
