//! Authenticator apps (TOTP): begin, confirm, remove, and check a code.

use crate::actions::accounts::mail_request::tell_of_security;
use crate::actions::accounts::people::Person;
use crate::actions::auth::{reauthentication, recovery_code};
use crate::actions::{ActionResult, AppContext, Caller, Done, Transaction};
use crate::auth::rates::Seconds;
use crate::domain::problem::{Problem, ProblemCode};
use crate::domain::totp::{BEGUN_LIFE, GUESSES_MAX, Guesses, SECRET_BYTES, shown_secret, step_of, uri};
use crate::ids::{AccountId, TypedId};
use crate::store;
use crate::store::totp::TotpRow;
use crate::vault::{Aad, VaultError};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The set-up data of an app; shown only once.
pub struct Begun {
    /// The secret in base 32, for typing.
    pub secret: String,
    /// The same as an `otpauth:` URI, for a QR code.
    pub uri: String,
}

fn secret_aad(account: AccountId) -> Aad {
    Aad::new("totp_factors", "secret", account.uuid())
}

fn open_secret(person: &Person, row: &TotpRow) -> Result<Zeroizing<[u8; SECRET_BYTES]>, VaultError> {
    let aad = secret_aad(row.account_id);
    let secret = Zeroizing::new(person.key.open(aad, &row.secret)?);
    secret.as_slice().try_into().map(Zeroizing::new).map_err(|_| aad.wrong_form())
}

/// Begins the set-up; needs reauthentication. Beginning again replaces an unconfirmed app.
pub async fn begin(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Begun> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            reauthentication::require(tx, requester)?;
            if store::totp::counts(tx.db, requester.account)? {
                let sentence = "There is an authenticator app already. Please remove it first.";
                return Err(Problem::wrong_state("input", sentence).into());
            }
            store::totp::delete(tx.db, requester.account)?;
            let person = Person::load(tx, requester.account)?;
            let mut secret = Zeroizing::new([0; SECRET_BYTES]);
            tx.chance.fill(secret.as_mut_slice());
            let row = TotpRow {
                account_id: requester.account,
                secret: person.key.seal(secret_aad(requester.account), secret.as_slice())?,
                created_at: tx.ts(),
                confirmed_at: None,
                last_step: None,
                wrong_codes: 0,
                wrong_since: None,
            };
            store::totp::insert(tx.db, &row)?;
            tx.answer_is_secret()?;
            Ok(Begun { secret: shown_secret(&secret), uri: uri(&secret, &person.email()?) })
        })
        .await
}

/// Confirms the app by one of its codes; log-ins ask for one from now on. Returns the recovery codes, shown only here.
pub async fn confirm(
    context: &Arc<AppContext>,
    by: &Caller,
    code: SecretString,
) -> ActionResult<Vec<String>> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            let begun = store::totp::find(tx.db, requester.account)?
                .filter(|row| row.confirmed_at.is_none())
                .filter(|row| tx.now < row.created_at.get() + BEGUN_LIFE);
            let Some(row) = begun else {
                let sentence = "No authenticator app was begun in the last minutes. Please begin anew.";
                return Err(Problem::new("totpCode", ProblemCode::Expired, sentence).into());
            };
            let person = Person::load(tx, requester.account)?;
            // The person set the app up and knows the secret: there is nothing to guess, so wrong codes are
            // not counted.
            let secret = open_secret(&person, &row)?;
            let step = step_of(&secret, code.expose_secret(), None, tx.now);
            let now = tx.ts();
            store::totp::note_used(tx.db, requester.account, step.ok_or_else(wrong)?, now)?;
            let codes = recovery_code::renew_all(tx, requester.account)?;
            tell_of_security(tx, requester.account)?;
            Ok(codes)
        })
        .await
}

/// Removes the app and its recovery codes; needs reauthentication. From now on the password alone signs in.
pub async fn remove(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<()>> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            reauthentication::require(tx, requester)?;
            store::recovery_code::delete_all(tx.db, requester.account)?;
            if !store::totp::delete(tx.db, requester.account)? {
                return Ok(Done::already(()));
            }
            tell_of_security(tx, requester.account)?;
            Ok(Done::now(()))
        })
        .await
}

fn wrong() -> Problem {
    let sentence = "This code is not right, or was used already. Please wait for the next one.";
    Problem::new("totpCode", ProblemCode::Incorrect, sentence)
}

/// Checks a code of the person's app and uses it up; a wrong code is counted.
pub(in crate::actions) fn check(
    tx: &mut Transaction<'_>,
    person: &Person,
    code: &SecretString,
    spare: impl FnOnce(bool) -> Result<(), Seconds>,
) -> ActionResult<Result<(), Problem>> {
    let account = person.row.id;
    let Some(row) = store::totp::find(tx.db, account)?.filter(|row| row.confirmed_at.is_some()) else {
        return Ok(Err(wrong()));
    };
    let guesses: Guesses = row.guesses();
    // A stranger who has the password cannot lock the owner out: each network has tries of its own.
    if !guesses.may_try(tx.now) && spare(guesses.are_many(tx.now)).is_err() {
        let sentence =
            "There were too many wrong codes. Please use a recovery code or a passkey, or wait an hour.";
        return Ok(Err(Problem::new("totpCode", ProblemCode::TooMany, sentence)));
    }
    let secret = open_secret(person, &row)?;
    match step_of(&secret, code.expose_secret(), row.last_step, tx.now) {
        Some(step) => {
            let now = tx.ts();
            store::totp::note_used(tx.db, account, step, now)?;
            Ok(Ok(()))
        }
        None => {
            let guesses = guesses.one_more(tx.now);
            store::totp::note_guesses(tx.db, account, guesses)?;
            if guesses.wrong == GUESSES_MAX {
                tell_of_security(tx, account)?;
            }
            Ok(Err(wrong()))
        }
    }
}
