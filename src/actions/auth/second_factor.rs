//! The second factor: a code of the authenticator app, or a recovery code in its place.

use crate::actions::accounts::people::Person;
use crate::actions::auth::{recovery_code, totp};
use crate::actions::{ActionResult, Transaction};
use crate::auth::rates::Seconds;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::AccountId;
use crate::store;
use secrecy::SecretString;

/// The input field that holds it.
const FIELD: &str = "secondFactor";

/// A second factor as typed.
#[derive(Clone)]
pub enum SecondFactor {
    /// The six digits that their app shows.
    Totp(SecretString),
    /// One of their recovery codes.
    Recovery(SecretString),
}

impl SecondFactor {
    /// The problem for a missing second factor.
    pub fn needed() -> Problem {
        let sentence = "Please type the code that your authenticator app shows, or a recovery code.";
        Problem::new(FIELD, ProblemCode::Required, sentence)
    }
}

/// Whether a log-in asks for a second factor after the password.
pub fn is_asked(tx: &mut Transaction<'_>, account: AccountId) -> ActionResult<bool> {
    Ok(store::totp::counts(tx.db, account)?)
}

/// Checks a code and uses it up. A wrong code is counted, and that must commit: the problem is therefore a value.
/// `spare` is asked for one more try when too many codes were wrong, whoever typed them, and told whether they were very
/// many.
pub fn check(
    tx: &mut Transaction<'_>,
    person: &Person,
    given: &SecondFactor,
    spare: impl FnOnce(bool) -> Result<(), Seconds>,
) -> ActionResult<Result<(), Problem>> {
    // Serialises parallel tries with the same code.
    store::dialect::lock_account(tx.db, person.row.id)?;
    let checked = match given {
        SecondFactor::Totp(code) => totp::check(tx, person, code, spare)?,
        SecondFactor::Recovery(code) => recovery_code::check(tx, person.row.id, code)?,
    };
    Ok(checked.map_err(|problem| problem.inside(FIELD)))
}
