//! Erasing an account: asked for with a fresh proof, undone within a grace, then carried out for good (R27).

use super::transaction::startup_tx;
use super::{Caller, Done, Fault, House, Outcome, hold, partner_link, proof, revision_snapshot};
use crate::chance::Chance;
use crate::domain::change::ChangeKind;
use crate::domain::problem::{Problem, ProblemCode};
use crate::domain::take_out::GRACE;
use crate::ids::{AccountId, RowId, TypedId};
use crate::store;
use crate::store::Db;
use crate::store::change::News;
use crate::store::erasure::ErasureRow;
use crate::store::types::Ts;
use crate::vault::ledger::{Ledger, account_hash};
use jiff::Timestamp;
use std::sync::Arc;

/// Accounts that are looked at in one go.
const BATCH: i64 = 500;

/// An erasure that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct ErasureView {
    /// When.
    pub requested_at: Timestamp,
    /// When it takes place; until then it can be undone.
    pub erase_at: Timestamp,
}

impl From<ErasureRow> for ErasureView {
    fn from(row: ErasureRow) -> Self {
        Self { requested_at: row.requested_at.get(), erase_at: row.erase_at.get() }
    }
}

/// Asks for one's account to be erased. At once every link ends, silently (R12), invitations stop working, and nothing
/// more is sent to the person. The rest goes when the grace is over.
pub async fn request(house: &Arc<House>, by: &Caller) -> Outcome<Done<ErasureView>> {
    let requester = by.requester;
    let account = requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            if let Some(row) = store::erasure::find(unit.db, account)? {
                return Ok(Done::already(row.into()));
            }
            proof::require(unit, requester)?;
            partner_link::end_all(unit, account)?;
            let row = ErasureRow {
                account_id: account,
                requested_at: unit.ts(),
                erase_at: (unit.now + GRACE).into(),
            };
            store::erasure::insert(unit.db, &row)?;
            hold::hold(unit, account)?;
            unit.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(row.into()))
        })
        .await
}

/// Takes it back within the grace. What is still open comes as planned; links that ended stay ended.
pub async fn cancel(house: &Arc<House>, by: &Caller) -> Outcome<()> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            let now = unit.ts();
            if !store::erasure::cancel(unit.db, account, now)? {
                let sentence = "There is no erasure that could be taken back.";
                return Err(Problem::new("input", ProblemCode::WrongState, sentence).into());
            }
            hold::let_go_on(unit, account)?;
            unit.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(())
        })
        .await
}

/// The erasure that a person asked for.
pub async fn of(house: &Arc<House>, account: AccountId) -> Result<Option<ErasureView>, Fault> {
    house.read_tx(move |unit| Ok(store::erasure::find(unit.db, account)?.map(Into::into))).await
}

/// Carries out every erasure whose grace is over; how many those were. Each is one transaction: whatever kills the
/// process, an account is there with everything or gone with everything, and the next pass goes on.
///
/// # Errors
/// What kept an account from being erased; the next pass tries again.
pub async fn carry_out_due(house: &Arc<House>) -> Result<usize, Fault> {
    let now: Ts = house.clock.now().into();
    let mut erased = 0;
    loop {
        let due = house.read_tx(move |unit| Ok(store::erasure::due(unit.db, now, BATCH)?)).await?;
        if due.is_empty() {
            break;
        }
        for account in due {
            // Another worker may have been quicker.
            let gone = house.worker_tx(move |unit| {
                let chance = unit.chance;
                let (db, news) = unit.db_and_news();
                erase(db, news, account, now, chance)
            });
            erased += usize::from(gone.await?);
        }
    }
    if erased > 0 {
        tracing::info!(accounts = erased, "accounts were erased");
    }
    let known = house.read_tx(|unit| Ok(store::erasure::erased(unit.db)?)).await?;
    house.ledger.add(&known).map_err(Fault::Ledger)?;
    Ok(erased)
}

/// Takes an account away; false if there is none. The partner keeps their own words, and where each Revision stood.
fn erase(db: &mut Db, news: &mut News, account: AccountId, now: Ts, chance: &Chance) -> Result<bool, Fault> {
    store::dialect::lock_account(db, account)?;
    if store::account::find(db, account)?.is_none() {
        return Ok(false);
    }
    let mut links: Vec<_> =
        store::partner_link::list(db, account, true, i64::MAX)?.into_iter().map(|link| link.id).collect();
    links.sort_unstable();
    for link in &links {
        store::dialect::lock_link(db, *link)?;
        revision_snapshot::settle(db, *link)?;
    }
    let cancelled = store::erasure::let_go(db, &links, now)?;
    store::erasure::take_away(db, account, &links)?;
    store::erasure::remember(db, &account_hash(account.uuid()), now)?;
    // What is left of the links and of what stood on them reads otherwise from now on.
    for member in store::partner_link::members(db, &links)? {
        news.at_once(member.account_id, ChangeKind::LinkChanged, RowId(member.link_id.uuid()), now, chance);
        for (scene, _) in cancelled.iter().filter(|(_, link)| *link == member.link_id) {
            news.at_once(member.account_id, ChangeKind::SceneChanged, RowId(scene.uuid()), now, chance);
        }
    }
    // Whoever follows the feed of the account is signed in no longer.
    news.wake(account);
    Ok(true)
}

/// Erases again whoever the ledger knows as erased: an older copy of the database was put back. To be called before
/// anything else is done with a database.
///
/// # Errors
/// If the ledger cannot be read, or the database does not work: then it is better not to start.
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
                erased += usize::from(startup_tx(db, |db, news| erase(db, news, account, now, chance))?);
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
