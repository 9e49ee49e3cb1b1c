//! The second step of a log-in: a challenge stands for the right password, and a code completes it.

use crate::actions::accounts::people::Person;
use crate::actions::auth::second_factor::{SecondFactor, check};
use crate::actions::auth::session_tokens::{self, Tokens};
use crate::actions::{ActionResult, AppContext, Transaction, Visitor};
use crate::auth::network::Network;
use crate::auth::rates::Seconds;
use crate::auth::tokens::{opaque, opaque_hash};
use crate::domain::problem::{Problem, ProblemCode};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::log_in_challenge::ChallengeRow;
use crate::vault::{Aad, sha256};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How long a challenge works.
pub const CHALLENGE_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Wrong codes after which a challenge stops working and the password is asked for again.
pub const GUESSES_PER_CHALLENGE: i32 = 5;

/// The result of a log-in with the right address and password.
pub enum LogIn {
    /// The device is signed in.
    Done(Tokens),
    /// A second factor is needed.
    SecondStep(Challenge),
}

/// Stands for a password that was right; to be used once.
pub struct Challenge {
    /// The opaque token.
    pub token: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// Ties a challenge to the password: after a password change it is refused.
fn password_mark(row: &AccountRow) -> Vec<u8> {
    sha256(row.password_hash.as_bytes())
}

fn label_aad(token_hash: &[u8]) -> Aad {
    Aad::hashed("log_in_challenges", "label", token_hash)
}

/// Begins the second step after a right password.
pub(in crate::actions) fn begin(
    tx: &mut Transaction<'_>,
    person: &Person,
    (label, known_device): (&str, bool),
) -> ActionResult<Challenge> {
    tx.answer_is_secret()?;
    let (token, token_hash) = opaque(tx.chance);
    let expires_at = tx.now + CHALLENGE_LIFE;
    let row = ChallengeRow {
        account_id: person.row.id,
        label: tx.vault.system().seal_text(label_aad(&token_hash), label)?,
        password_mark: password_mark(&person.row),
        wrong_codes: 0,
        expires_at: expires_at.into(),
        known_device,
        token_hash,
    };
    store::log_in_challenge::insert(tx.db, &row)?;
    Ok(Challenge { token, expires_at })
}

/// Completes a log-in by a code. A wrong code counts against the challenge and the account; every other
/// reason to refuse the challenge looks the same (R28).
pub async fn complete(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    given: SecondFactor,
) -> ActionResult<Tokens> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let keeper = Arc::clone(context);
    let network = by.network;
    let completed =
        context.write_tx(by.key.as_ref(), move |tx| try_once(&keeper, tx, &token, &given, network)).await?;
    Ok(completed?)
}

fn try_once(
    context: &AppContext,
    tx: &mut Transaction<'_>,
    token: &str,
    given: &SecondFactor,
    network: Network,
) -> ActionResult<Result<Tokens, Problem>> {
    let (token_hash, now) = (opaque_hash(token), tx.ts());
    let Some(seen) = store::log_in_challenge::find(tx.db, &token_hash, now)? else {
        return Ok(Err(over()));
    };
    // Read again under the lock: a parallel try may have used the challenge up.
    store::dialect::lock_account(tx.db, seen.account_id)?;
    let Some(row) = store::log_in_challenge::find(tx.db, &token_hash, now)? else { return Ok(Err(over())) };
    let person = Person::load(tx, row.account_id)?;
    if row.password_mark != password_mark(&person.row) {
        return Ok(Err(over()));
    }
    let spare = |many| match row.known_device {
        true => context.rates.spare_code_of_known(person.row.id),
        false if many => Err(Seconds::MAX),
        false => context.rates.spare_code(network, person.row.id),
    };
    if let Err(problem) = check(tx, &person, given, spare)? {
        if row.wrong_codes + 1 < GUESSES_PER_CHALLENGE {
            store::log_in_challenge::note_wrong(tx.db, &token_hash, row.wrong_codes + 1)?;
        } else {
            store::log_in_challenge::delete(tx.db, &token_hash)?;
        }
        return Ok(Err(problem));
    }
    store::log_in_challenge::delete(tx.db, &token_hash)?;
    let label = tx.vault.system().open_text(label_aad(&token_hash), &row.label)?;
    session_tokens::open(context, tx, &person, (&label, row.known_device)).map(Ok)
}

fn over() -> Problem {
    let sentence = "This log-in took too long or too many tries. Please begin it anew.";
    Problem::new("challenge", ProblemCode::Expired, sentence)
}
