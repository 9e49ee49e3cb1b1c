//! Reauthentication by password, and by the second factor if the account has one.

use crate::actions::accounts::people::Person;
use crate::actions::auth::reauthentication;
use crate::actions::auth::second_factor::{self, SecondFactor};
use crate::actions::{ActionResult, AppContext, Caller};
use crate::domain::account::PASSWORD_MAX_BYTES;
use crate::domain::problem::{Problem, ProblemCode};
use crate::store;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Reauthenticates with what a log-in by password needs: an account with a second factor gives it here too.
/// Wrong codes count as they do at a log-in.
pub async fn prove(
    context: &Arc<AppContext>,
    by: &Caller,
    password: SecretString,
    second: Option<SecondFactor>,
) -> ActionResult<()> {
    let requester = by.requester;
    let wrong = || Problem::new("password", ProblemCode::Incorrect, "This is not the password.");
    if password.expose_secret().len() > PASSWORD_MAX_BYTES {
        return Err(wrong().into());
    }
    context.rates.password(requester.session).map_err(Problem::too_often)?;
    let row = context.read_tx(move |tx| Ok(store::account::find(tx.db, requester.account)?)).await?;
    let stored = row.map(|row| row.password_hash);
    if !context.passwords.verify(password, stored.clone()).await? {
        return Err(wrong().into());
    }
    let keeper = Arc::clone(context);
    let proved = context
        .write_tx(by.key.as_ref(), move |tx| {
            let person = Person::load(tx, requester.account)?;
            // The password may have been changed while its hash was computed.
            if stored.as_ref() != Some(&person.row.password_hash) {
                return Err(wrong().into());
            }
            match second {
                None if second_factor::is_asked(tx, requester.account)? => {
                    return Err(SecondFactor::needed().into());
                }
                None => {}
                Some(given) => {
                    let spare = |_| keeper.rates.spare_code_of(requester.session);
                    if let Err(problem) = second_factor::check(tx, &person, &given, spare)? {
                        return Ok(Err(problem));
                    }
                }
            }
            reauthentication::note(tx, requester)?;
            Ok(Ok(()))
        })
        .await?;
    Ok(proved?)
}
