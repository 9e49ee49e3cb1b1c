//! Fresh proof: before a sensitive act, a session shows that it is still its owner who holds it.

use super::people::Person;
use super::second_factor::{self, SecondFactor};
use super::{Caller, House, Outcome, Unit};
use crate::auth::Requester;
use crate::domain::account::PASSWORD_MAX_BYTES;
use crate::domain::problem::{Problem, ProblemCode};
use crate::store;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// How long a proof is fresh. A log-in is one, a refresh is not.
pub const PROOF_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Refuses with [`ProblemCode::ProofNeeded`] unless this session gave a proof within [`PROOF_LIFE`]. Called inside the
/// transaction of the act itself, after its input was checked: nobody is asked for a password in vain.
pub fn require(unit: &mut Unit<'_>, requester: Requester) -> Outcome<()> {
    let session = store::session::find(unit.db, requester.session, requester.account)?;
    let proved_at =
        session.filter(|session| session.ended_at.is_none()).and_then(|session| session.proved_at);
    if proved_at.is_some_and(|at| unit.now < at.get() + PROOF_LIFE) {
        return Ok(());
    }
    let sentence = "Please show once more that it is you, then try again.";
    Err(Problem::new("input", ProblemCode::ProofNeeded, sentence).into())
}

/// Notes that this session gave a proof just now.
pub(super) fn note(unit: &mut Unit<'_>, requester: Requester) -> Outcome<()> {
    let now = unit.ts();
    store::session::note_proof(unit.db, requester.session, now)?;
    Ok(())
}

/// Proves by what a log-in by password asks for: who has a second factor is asked for it here, too. A wrong code is
/// counted as it is at a log-in.
pub async fn by_password(
    house: &Arc<House>,
    by: &Caller,
    password: SecretString,
    second: Option<SecondFactor>,
) -> Outcome<()> {
    let requester = by.requester;
    let wrong = || Problem::new("password", ProblemCode::Malformed, "This is not the password.");
    if password.expose_secret().len() > PASSWORD_MAX_BYTES {
        return Err(wrong().into());
    }
    house.rates.password(requester.account).map_err(Problem::too_often)?;
    let row = house.read_tx(move |unit| Ok(store::account::find(unit.db, requester.account)?)).await?;
    let stored = row.map(|row| row.password_hash);
    if !house.passwords.verify(password, stored.clone()).await? {
        return Err(wrong().into());
    }
    let proved = house
        .write_tx(by.key.as_ref(), move |unit| {
            let person = Person::load(unit, requester.account)?;
            // The password may have been changed while its hash was computed.
            if stored.as_ref() != Some(&person.row.password_hash) {
                return Err(wrong().into());
            }
            match second {
                None if second_factor::is_asked(unit, requester.account)? => {
                    return Err(SecondFactor::needed().into());
                }
                None => {}
                Some(given) => {
                    if let Err(problem) = second_factor::check(unit, &person, &given)? {
                        return Ok(Err(problem));
                    }
                }
            }
            note(unit, requester)?;
            Ok(Ok(()))
        })
        .await?;
    Ok(proved?)
}
