//! Erasing an account: requested with reauthentication, cancellable within a grace period, then final (R27).

use crate::actions::accounts::mail_request::{REQUEST_LIFE, TAKE_BACK_LIFE, tell_of_security};
use crate::actions::accounts::suspension;
use crate::actions::auth::reauthentication;
use crate::actions::links::{partner_link, revision_snapshot};
use crate::actions::transaction::startup_tx;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::chance::Chance;
use crate::domain::change::ChangeKind;
use crate::domain::clock_doubt::Grace;
use crate::domain::data_rights::GRACE;
use crate::domain::partner_link::LinkState;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, RowId, TypedId};
use crate::store;
use crate::store::Db;
use crate::store::change::ChangeEvents;
use crate::store::erasure::ErasureRow;
use crate::store::types::Ts;
use crate::vault::ledger::{Ledger, account_hash};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Accounts read from the database at a time.
const BATCH: i64 = 500;

/// A requested erasure.
#[derive(Clone, Copy, Debug)]
pub struct ErasureView {
    /// When it was requested.
    pub requested_at: Timestamp,
    /// When it is carried out; until then it can be cancelled.
    pub erase_at: Timestamp,
}

impl From<ErasureRow> for ErasureView {
    fn from(row: ErasureRow) -> Self {
        Self { requested_at: row.requested_at.get(), erase_at: row.erase_at.get() }
    }
}

/// Requests the erasure of one's account. At once every link ends, silently (R12), invitations stop working,
/// and no more nudges go to the person. The data is erased when the grace period ends.
pub async fn request(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<ErasureView>> {
    let requester = by.requester;
    let (account, clock) = (requester.account, context.clock.clone());
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            if let Some(row) = store::erasure::find(tx.db, account)? {
                return Ok(Done::already(row.into()));
            }
            reauthentication::require(tx, requester)?;
            partner_link::end_all(tx, account)?;
            let now = tx.ts();
            // As long as a change of address can be taken back, whoever made it erases nothing.
            let since = (tx.now - REQUEST_LIFE - TAKE_BACK_LIFE).into();
            let changes = store::address_request::of_changes(tx.db, account, since, now)?;
            let until = changes.iter().map(|change| change.expires_at.get()).max();
            let erase_at = (tx.now + GRACE).max(until.unwrap_or(tx.now)).into();
            let boot_id = Some(clock.boot_id()).filter(|id| !id.is_empty());
            let boot_ms = i64::try_from(clock.boot().as_millis()).ok();
            let row = ErasureRow { account_id: account, requested_at: now, erase_at, boot_id, boot_ms };
            store::erasure::insert(tx.db, &row)?;
            suspension::suspend(tx, account)?;
            tell_of_security(tx, account)?;
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(row.into()))
        })
        .await
}

/// Cancels the erasure within the grace period; needs reauthentication. Open check-ins are planned again; ended links stay ended.
pub async fn cancel(context: &Arc<AppContext>, by: &Caller) -> ActionResult<()> {
    let requester = by.requester;
    let account = requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            let now = tx.ts();
            let open = store::erasure::find(tx.db, account)?.is_some_and(|row| row.erase_at > now);
            if !open {
                let sentence = "There is no erasure that could be taken back.";
                return Err(Problem::new("input", ProblemCode::WrongState, sentence).into());
            }
            reauthentication::require(tx, requester)?;
            store::erasure::cancel(tx.db, account, now)?;
            suspension::resume(tx, account)?;
            tell_of_security(tx, account)?;
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(())
        })
        .await
}

/// Cancels an erasure that was requested since an instant, if there is one.
pub(in crate::actions) fn cancel_requested_since(
    tx: &mut Transaction<'_>,
    account: AccountId,
    since: Ts,
) -> Result<(), Fault> {
    let now = tx.ts();
    let requested = store::erasure::find(tx.db, account)?.is_some_and(|row| row.requested_at >= since);
    if requested && store::erasure::cancel(tx.db, account, now)? {
        suspension::resume(tx, account)?;
    }
    Ok(())
}

/// The erasure that the person requested.
pub async fn of(context: &Arc<AppContext>, account: AccountId) -> Result<Option<ErasureView>, Fault> {
    context.read_tx(move |tx| Ok(store::erasure::find(tx.db, account)?.map(Into::into))).await
}

/// Carries out every erasure whose grace is over by both clocks, and returns how many accounts were erased; none while the
/// time is doubted (R38). Each is one transaction: after a crash an account is complete or gone, and the next pass continues.
///
/// # Errors
/// Why an account could not be erased; the next pass tries again.
pub async fn carry_out_due(context: &Arc<AppContext>) -> Result<usize, Fault> {
    let mut erased = 0;
    loop {
        let due = context.read_tx(|tx| Ok(store::erasure::due(tx.db, tx.now.into(), BATCH)?)).await?;
        let before = erased;
        for account in due {
            // Another worker may have erased it first.
            let this = Arc::clone(context);
            let gone = context.timed_tx(move |tx| {
                let (now, chance) = (tx.now, tx.chance);
                let (db, events) = tx.db_and_events();
                store::dialect::lock_account(db, account)?;
                // Read again under the lock: it may have been cancelled meanwhile.
                let due = store::erasure::find(db, account)?.is_some_and(|row| is_over(&this, &row, now));
                if due { erase(db, events, account, now.into(), chance) } else { Ok(false) }
            });
            erased += usize::from(gone.await?.unwrap_or(false));
        }
        // What is left is not over by the boot-time clock.
        if erased == before {
            break;
        }
    }
    if erased > 0 {
        tracing::info!(accounts = erased, "accounts were erased");
    }
    let known = context.read_tx(|tx| Ok(store::erasure::erased(tx.db)?)).await?;
    context.ledger.add(&known).map_err(Fault::Ledger)?;
    Ok(erased)
}

/// Whether the grace of an erasure is over by both clocks.
fn is_over(context: &AppContext, row: &ErasureRow, now: Timestamp) -> bool {
    let boot = row.boot_id.as_deref().zip(row.boot_ms.map(SignedDuration::from_millis));
    let grace = Grace { wall: (row.requested_at.get(), row.erase_at.get()), boot };
    context.time_guard.is_over(&grace, now, &context.clock)
}

/// Erases an account; false if there is none. Partners keep their own words and the state of each Revision.
fn erase(
    db: &mut Db,
    events: &mut ChangeEvents,
    account: AccountId,
    now: Ts,
    chance: &Chance,
) -> Result<bool, Fault> {
    store::dialect::lock_account(db, account)?;
    if store::account::find(db, account)?.is_none() {
        return Ok(false);
    }
    let rows = store::partner_link::list(db, account, true, i64::MAX)?;
    // All ended when the erasure was requested, unless the database is an older copy.
    let live: Vec<_> =
        rows.iter().filter(|link| link.status != LinkState::Ended).map(|link| link.id).collect();
    let mut links: Vec<_> = rows.into_iter().map(|link| link.id).collect();
    links.sort_unstable();
    for link in &links {
        store::dialect::lock_link(db, *link)?;
        revision_snapshot::settle(db, *link)?;
    }
    let cancelled = store::erasure::let_go(db, &links, now)?;
    store::erasure::take_away(db, account, &links)?;
    store::erasure::remember(db, &account_hash(account.uuid()), now)?;
    // Whose link was still live sees it end. A former partner is told nothing, and so hears of no time.
    for member in store::partner_link::members(db, &live)? {
        events.at_once(member.account_id, ChangeKind::LinkChanged, RowId(member.link_id.uuid()), now, chance);
        for (scene, _) in cancelled.iter().filter(|(_, link)| *link == member.link_id) {
            events.at_once(member.account_id, ChangeKind::SceneChanged, RowId(scene.uuid()), now, chance);
        }
    }
    // Subscriptions of the erased account are no longer signed in.
    events.wake(account);
    Ok(true)
}

/// Erases again every account in the ledger that this database still knows: it may be restored from an older
/// backup. Runs before anything else uses the database.
///
/// # Errors
/// The ledger cannot be read, or the database fails; the service must not start then.
pub fn repeat(db: &mut Db, ledger: &Ledger, now: Timestamp, chance: &Chance) -> Result<usize, Fault> {
    let listed = ledger.read().map_err(Fault::Ledger)?;
    let known = store::erasure::erased(db)?;
    let unknown: Vec<_> = listed.into_iter().filter(|hash| !known.contains(hash)).collect();
    if unknown.is_empty() {
        return Ok(0);
    }
    let now: Ts = now.into();
    let (mut after, mut erased) = (None, 0);
    loop {
        let accounts = store::erasure::accounts_after(db, after, BATCH)?;
        let Some(last) = accounts.last() else { break };
        after = Some(*last);
        for account in accounts {
            if unknown.contains(&account_hash(account.uuid())) {
                erased += usize::from(startup_tx(db, |db, events| erase(db, events, account, now, chance))?);
            }
        }
    }
    startup_tx(db, |db, _| {
        for hash in &unknown {
            store::erasure::remember(db, hash, now)?;
        }
        Ok(())
    })?;
    tracing::warn!(accounts = erased, "the database is an older copy; who was erased since is erased again");
    Ok(erased)
}
