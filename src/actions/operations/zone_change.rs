//! A change of zone rules: what waits and was planned under older ones is planned anew.

use crate::actions::check_ins::schedule;
use crate::actions::nudges::planning;
use crate::actions::{AppContext, Fault};
use crate::domain::zone_rules::{RulesVersion, ZoneRules};
use crate::store;
use std::sync::Arc;

/// Accounts read at a time.
const BATCH: i64 = 500;

/// Plans everything anew that waits and depends on local times, if this process has newer zone rules than those that it was
/// planned under: check-ins at a local time, and whatever quiet hours moved. Each person is one transaction; a run that is
/// broken off begins anew. Returns false if it is to be tried again, because the time is doubted.
///
/// # Errors
/// A database fault.
pub async fn replan(context: &Arc<AppContext>) -> Result<bool, Fault> {
    let own = &ZoneRules::chosen().version;
    let noted = context.read_tx(|tx| Ok(store::zone_rules::version(tx.db)?)).await?;
    match noted.as_deref().and_then(RulesVersion::parse) {
        Some(noted) if noted == *own => return Ok(true),
        Some(noted) if noted > *own => {
            // Another process has newer rules, or had: its plans stay. What this one plans is planned under older rules,
            // so the next process with newer ones has to plan it anew.
            tracing::warn!(
                "zone rules {noted} planned what waits, and this process has {own}; update tzdata, or Evenkeel"
            );
            context.worker_tx(|tx| Ok(store::zone_rules::note(tx.db, &own.to_string())?)).await?;
            return Ok(true);
        }
        Some(_) => {}
        // Nothing waits yet: this is the first worker on this database.
        None => {
            context.worker_tx(|tx| Ok(store::zone_rules::note(tx.db, &own.to_string())?)).await?;
            return Ok(true);
        }
    }
    let mut after = None;
    loop {
        let accounts =
            context.read_tx(move |tx| Ok(store::erasure::accounts_after(tx.db, after, BATCH)?)).await?;
        let Some(last) = accounts.last() else { break };
        after = Some(*last);
        for account in accounts {
            let planned = context.timed_tx(move |tx| {
                store::dialect::lock_account(tx.db, account)?;
                schedule::follow_rules(tx, account)?;
                planning::replan_rhythm(tx, account)
            });
            if planned.await?.is_none() {
                return Ok(false);
            }
        }
    }
    context.worker_tx(|tx| Ok(store::zone_rules::note(tx.db, &own.to_string())?)).await?;
    tracing::info!("what waits is planned under zone rules {own}");
    Ok(true)
}
