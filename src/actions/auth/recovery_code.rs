//! Recovery codes: ten of them replace a lost authenticator app, each once.

use crate::actions::accounts::mail_request::tell_of_security;
use crate::actions::auth::reauthentication;
use crate::actions::{ActionResult, AppContext, Caller, Transaction};
use crate::domain::copied_code;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, TypedId};
use crate::store;
use crate::store::recovery_code::RecoveryCodeRow;
use crate::vault::sha256;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Number of codes per person.
pub const COUNT: usize = 10;
/// Characters of a code, 5 bits each: 120 bits are too many to guess by a copy of the hashes, so a plain one is enough.
const LENGTH: usize = 24;
/// Codes that were made before have 80 bits, and work until their owner renews them.
const FORMER_LENGTH: usize = 16;

fn hash(account: AccountId, code: &str) -> Vec<u8> {
    sha256(&[account.uuid().as_bytes(), code.as_bytes()].concat())
}

/// Replaces the person's codes and returns the new ones in display form.
pub(in crate::actions) fn renew_all(
    tx: &mut Transaction<'_>,
    account: AccountId,
) -> ActionResult<Vec<String>> {
    tx.answer_is_secret()?;
    store::recovery_code::delete_all(tx.db, account)?;
    let mut shown = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let code = copied_code::from_chance(&tx.chance.bytes::<LENGTH>());
        let row = RecoveryCodeRow {
            code_hash: hash(account, &code),
            account_id: account,
            created_at: tx.ts(),
            used_at: None,
        };
        store::recovery_code::insert(tx.db, &row)?;
        shown.push(copied_code::shown(&code));
    }
    Ok(shown)
}

/// Replaces the codes; needs reauthentication. The old ones stop working, the new ones are shown only here.
pub async fn renew(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Vec<String>> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            reauthentication::require(tx, requester)?;
            if !store::totp::counts(tx.db, requester.account)? {
                let sentence = "There is no authenticator app that such codes could stand in for.";
                return Err(Problem::wrong_state("input", sentence).into());
            }
            let codes = renew_all(tx, requester.account)?;
            tell_of_security(tx, requester.account)?;
            Ok(codes)
        })
        .await
}

/// Checks a code and uses it up.
pub(in crate::actions) fn check(
    tx: &mut Transaction<'_>,
    account: AccountId,
    typed: &SecretString,
) -> ActionResult<Result<(), Problem>> {
    let now = tx.ts();
    let read = |length| copied_code::canonical(typed.expose_secret(), length);
    let used = match read(LENGTH).or_else(|| read(FORMER_LENGTH)) {
        Some(code) => store::recovery_code::use_up(tx.db, account, &hash(account, &code), now)?,
        None => false,
    };
    let sentence = "This recovery code is not right, or was used already.";
    Ok(if used { Ok(()) } else { Err(Problem::new("recoveryCode", ProblemCode::Incorrect, sentence)) })
}
