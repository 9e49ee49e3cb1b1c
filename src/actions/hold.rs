//! Holding: while the health-data consent is withdrawn, or the account is about to be erased, nothing of it is worked on.

use super::revision_snapshot::RevisionSnapshot;
use super::{Fault, Outcome, Unit, planning};
use crate::domain::account::ConsentKind;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::AccountId;
use crate::store;
use crate::store::account::AccountChange;
use crate::store::check_in::Whose;

/// Refuses to take anything new about the wellbeing of somebody whose account is on hold. Called where it would be
/// written, in that transaction. What only takes something back is never refused.
pub(super) fn refuse_if_held(unit: &mut Unit<'_>, account: AccountId) -> Outcome<()> {
    let row = store::account::find(unit.db, account)?;
    if row.is_some_and(|row| row.held_at.is_none()) {
        return Ok(());
    }
    let sentence = "You withdrew the consent that this needs, or your account is about to be erased.";
    Err(Problem::new("input", ProblemCode::OnHold, sentence).into())
}

/// Those of some people whose accounts are on hold.
pub(super) fn held(unit: &mut Unit<'_>, people: &[AccountId]) -> Result<Vec<AccountId>, Fault> {
    let rows = store::account::find_all(unit.db, people)?.into_iter();
    Ok(rows.filter(|row| row.held_at.is_some()).map(|row| row.id).collect())
}

/// Holds an account: what has fallen due is not asked any more, what falls due is not sent.
pub(super) fn hold(unit: &mut Unit<'_>, account: AccountId) -> Result<(), Fault> {
    let row = store::account::find(unit.db, account)?.ok_or(Fault::Inconsistent("the account is gone"))?;
    if row.held_at.is_none() {
        let change = AccountChange { held_at: Some(Some(unit.ts())), ..Default::default() };
        store::account::update(unit.db, account, &change)?;
        planning::stop_for_pause(unit, account)?;
    }
    Ok(())
}

/// Lets an account go on again, if no other reason holds it: what is still open comes as planned. What the hold itself
/// stopped stays stopped, as with a pause.
pub(super) fn let_go_on(unit: &mut Unit<'_>, account: AccountId) -> Result<(), Fault> {
    let consents = store::account::consents(unit.db, account)?;
    let consented =
        consents.iter().any(|row| row.kind == ConsentKind::HealthData && row.withdrawn_at.is_none());
    if !consented || store::erasure::find(unit.db, account)?.is_some() {
        return Ok(());
    }
    let change = AccountChange { held_at: Some(None), ..Default::default() };
    store::account::update(unit.db, account, &change)?;
    let now = unit.ts();
    let open = store::check_in::open(unit.db, Whose::Subject(account), now)?;
    planning::plan_ladders(unit, open, &mut RevisionSnapshot::default())
}
