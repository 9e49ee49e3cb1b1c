//! Reauthentication: before a sensitive action, a session must have shown recently that its owner holds it.

use crate::actions::{ActionResult, Transaction};
use crate::auth::Requester;
use crate::domain::problem::{Problem, ProblemCode};
use crate::store;
use jiff::SignedDuration;

/// How long a reauthentication counts. A log-in is one, a refresh is not.
pub const PROOF_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Refuses with [`ProblemCode::ReauthenticationRequired`] unless this session reauthenticated within [`PROOF_LIFE`]. Call
/// it in the action's transaction, after the input is checked: nobody types a password in vain.
pub fn require(tx: &mut Transaction<'_>, requester: Requester) -> ActionResult<()> {
    let session = store::session::find_live(tx.db, requester.session, requester.account)?;
    let proved_at = session.and_then(|session| session.proved_at);
    if proved_at.is_some_and(|at| tx.now < at.get() + PROOF_LIFE) {
        return Ok(());
    }
    let sentence = "Please show once more that it is you, then try again.";
    Err(Problem::new("input", ProblemCode::ReauthenticationRequired, sentence).into())
}

/// Notes that this session reauthenticated now.
pub(in crate::actions) fn note(tx: &mut Transaction<'_>, requester: Requester) -> ActionResult<()> {
    let now = tx.ts();
    store::session::note_proof(tx.db, requester.session, now)?;
    Ok(())
}
