//! Signing out: every way in which a session ends, and what ends with it.

use crate::actions::links::partner_link;
use crate::actions::{ActionResult, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::ids::{AccountId, SessionId};
use crate::store;

/// Which sessions of a person end.
#[derive(Clone, Copy)]
pub(in crate::actions) enum Which {
    /// This one.
    One(SessionId),
    /// This one, because a copy of its tokens was used (R31).
    Copied(SessionId),
    /// All but this one.
    AllBut(SessionId),
    /// All of them.
    All,
}

/// Ends live sessions; returns which. With a session end the devices that were registered in it and the links that
/// were sent to these: both are read together with their session.
pub(in crate::actions) fn end_sessions(
    tx: &mut Transaction<'_>,
    account: AccountId,
    which: Which,
) -> Result<Vec<SessionId>, Fault> {
    let now = tx.ts();
    let devices = store::device::live(tx.db, &[account])?.len();
    let ended = match which {
        Which::One(id) => Vec::from_iter(store::session::end(tx.db, id, account, now)?.then_some(id)),
        Which::Copied(id) => Vec::from_iter(store::session::end_reused(tx.db, id, now)?.then_some(id)),
        Which::AllBut(id) => store::session::end_others(tx.db, account, Some(id), now)?,
        Which::All => store::session::end_others(tx.db, account, None, now)?,
    };
    if !ended.is_empty() {
        // Whoever asked for a download may be who is signed out.
        store::export::forget_token(tx.db, account)?;
        tx.wake_followers(account);
    }
    if store::device::live(tx.db, &[account])?.len() != devices {
        store::lane::renew(tx.db, &[account])?;
        // Devices are not in the feed, but the account shows whether push can reach its person.
        tx.tell(&[account], ChangeKind::AccountChanged, account);
    }
    Ok(ended)
}

/// Shuts out whoever was in an account until its password became another: those sessions end, earlier links are void,
/// and so are codes of invitations that somebody else may have passed on. Returns which sessions ended.
pub(in crate::actions) fn shut_out(
    tx: &mut Transaction<'_>,
    account: AccountId,
    which: Which,
) -> ActionResult<Vec<SessionId>> {
    let ended = end_sessions(tx, account, which)?;
    void_links(tx, account)?;
    partner_link::take_back_invitations(tx, account)?;
    Ok(ended)
}

/// Makes the links of earlier nudges and mails useless. A new password or address does that: whoever reads the old
/// mailbox, or has the old links, decides nothing any more.
pub(in crate::actions) fn void_links(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    store::account::raise_link_epoch(tx.db, account)?;
    Ok(())
}
