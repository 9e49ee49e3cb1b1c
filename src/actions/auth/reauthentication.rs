//! Fresh proof: before a sensitive act, a session shows that it is still its owner who holds it.

use crate::actions::{ActionResult, Transaction};
use crate::auth::Requester;
use crate::domain::problem::{Problem, ProblemCode};
use crate::store;
use jiff::SignedDuration;

/// How long a proof is fresh. A log-in is one, a refresh is not.
pub const PROOF_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Refuses with [`ProblemCode::ProofNeeded`] unless this session gave a proof within [`PROOF_LIFE`]. Called inside the
/// transaction of the act itself, after its input was checked: nobody is asked for a password in vain.
pub fn require(tx: &mut Transaction<'_>, requester: Requester) -> ActionResult<()> {
    let session = store::session::find(tx.db, requester.session, requester.account)?;
    let proved_at =
        session.filter(|session| session.ended_at.is_none()).and_then(|session| session.proved_at);
    if proved_at.is_some_and(|at| tx.now < at.get() + PROOF_LIFE) {
        return Ok(());
    }
    let sentence = "Please show once more that it is you, then try again.";
    Err(Problem::new("input", ProblemCode::ProofNeeded, sentence).into())
}

/// Notes that this session gave a proof just now.
pub(in crate::actions) fn note(tx: &mut Transaction<'_>, requester: Requester) -> ActionResult<()> {
    let now = tx.ts();
    store::session::note_proof(tx.db, requester.session, now)?;
    Ok(())
}
