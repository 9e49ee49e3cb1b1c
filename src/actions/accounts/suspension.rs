//! Suspension: without the health-data consent, or with a pending erasure, an account gets no questions and no nudges.

use crate::actions::nudges::planning;
use crate::actions::{ActionResult, Fault, Transaction};
use crate::domain::account::ConsentKind;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::AccountId;
use crate::store;
use crate::store::account::AccountChange;

/// Refuses new wellbeing data from a suspended account. Call it in the transaction that writes the data;
/// actions that only take something back are never refused.
pub(in crate::actions) fn refuse_if_suspended(
    tx: &mut Transaction<'_>,
    account: AccountId,
) -> ActionResult<()> {
    let row = store::account::find(tx.db, account)?;
    if row.is_some_and(|row| row.held_at.is_none()) {
        return Ok(());
    }
    let sentence = "You withdrew the consent that this needs, or your account is about to be erased.";
    Err(Problem::new("input", ProblemCode::OnHold, sentence).into())
}

/// Which of these accounts are suspended.
pub(in crate::actions) fn suspended(
    tx: &mut Transaction<'_>,
    people: &[AccountId],
) -> Result<Vec<AccountId>, Fault> {
    let rows = store::account::find_all(tx.db, people)?.into_iter();
    Ok(rows.filter(|row| row.held_at.is_some()).map(|row| row.id).collect())
}

/// Suspends an account: its open ladders are postponed, and nothing that falls due is sent.
pub(in crate::actions) fn suspend(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let row = store::account::find(tx.db, account)?.ok_or(Fault::Inconsistent("the account is gone"))?;
    if row.held_at.is_none() {
        let change = AccountChange { held_at: Some(Some(tx.ts())), ..Default::default() };
        store::account::update(tx.db, account, &change)?;
        planning::postpone(tx, account)?;
    }
    Ok(())
}

/// Ends the suspension unless another reason for it remains; what is still open is asked then, as after a pause.
pub(in crate::actions) fn resume(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let consents = store::account::consents(tx.db, account)?;
    let consented =
        consents.iter().any(|row| row.kind == ConsentKind::HealthData && row.withdrawn_at.is_none());
    if !consented || store::erasure::find(tx.db, account)?.is_some() {
        return Ok(());
    }
    let change = AccountChange { held_at: Some(None), ..Default::default() };
    store::account::update(tx.db, account, &change)?;
    planning::postpone(tx, account)
}
