//! A person's plan for scenes of their own: what they need then, and when they want to be asked. Nobody agrees to it.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::{Needs, NeedsPatch};
use crate::domain::patch::Patch;
use crate::domain::problem::Checks;
use crate::domain::protocol::{CheckInProtocol, TimeGiven};
use crate::ids::{AccountId, TypedId};
use crate::store;
use crate::store::solo_plan::SoloPlanRow;
use crate::vault::Aad;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A plan; the default one has no Needs and the usual times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoloPlan {
    /// What the person needs after a scene; None: not written.
    pub needs: Option<Needs>,
    /// When they want to be asked.
    pub protocol: CheckInProtocol,
}

fn content_aad(account: AccountId) -> Aad {
    Aad::new("solo_plans", "content", account.uuid())
}

/// The plan of a person, within a transaction.
pub(in crate::actions) fn of(tx: &mut Transaction<'_>, account: AccountId) -> Result<SoloPlan, Fault> {
    let Some(row) = store::solo_plan::find(tx.db, account)? else { return Ok(SoloPlan::default()) };
    let person = Person::load(tx, account)?;
    Ok(person.key.open_json(content_aad(account), &row.content)?)
}

/// A plan as its author sees it.
pub type SoloPlanView = Opened<SoloPlan>;

/// One's own plan.
pub async fn mine(context: &Arc<AppContext>, account: AccountId) -> Result<SoloPlanView, Fault> {
    context
        .read_tx(move |tx| match of(tx, account) {
            Err(Fault::Vault(error)) => opened(Err(error)),
            plan => plan.map(Ok),
        })
        .await
}

/// Changes one's own plan; what was promised before stays as it is.
pub async fn write(
    context: &Arc<AppContext>,
    by: &Caller,
    needs: Patch<NeedsPatch>,
    protocol: Patch<Vec<TimeGiven>>,
) -> ActionResult<SoloPlan> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let before = of(tx, account)?;
            let mut checks = Checks::new();
            let protocol = protocol.map(|given| CheckInProtocol::parse(&mut checks, "protocol", &given));
            let plan = SoloPlan {
                protocol: protocol.over(before.protocol),
                needs: match needs {
                    Patch::Keep => before.needs,
                    Patch::Clear => None,
                    Patch::Set(needs) => {
                        Some(needs.over(before.needs.unwrap_or_default(), &mut checks, "needs"))
                    }
                },
            };
            let plan = checks.finish(plan)?;
            let person = Person::load(tx, account)?;
            let content = person.key.seal_json(content_aad(account), &plan)?;
            let row = SoloPlanRow { account_id: account, content, written_at: tx.ts() };
            store::solo_plan::write(tx.db, &row)?;
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(plan)
        })
        .await
}
