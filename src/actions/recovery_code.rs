//! Recovery codes: ten of them stand in for an app that is lost, each once.

use super::{Caller, House, Outcome, Unit, proof};
use crate::domain::copied_code;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, TypedId};
use crate::store;
use crate::store::recovery_code::RecoveryCodeRow;
use crate::vault::sha256;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// How many codes a person gets.
pub const COUNT: usize = 10;
/// Characters of a code: 16 of 5 bits, too many to guess, so that a plain hash keeps them.
const LENGTH: usize = 16;

fn hash(account: AccountId, code: &str) -> Vec<u8> {
    sha256(&[account.uuid().as_bytes(), code.as_bytes()].concat())
}

/// Replaces the person's codes by new ones, as they are shown.
pub(super) fn renew_all(unit: &mut Unit<'_>, account: AccountId) -> Outcome<Vec<String>> {
    store::recovery_code::delete_all(unit.db, account)?;
    let mut shown = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let code = copied_code::from_chance(&unit.chance.bytes::<LENGTH>());
        let row = RecoveryCodeRow {
            code_hash: hash(account, &code),
            account_id: account,
            created_at: unit.ts(),
            used_at: None,
        };
        store::recovery_code::insert(unit.db, &row)?;
        shown.push(copied_code::shown(&code));
    }
    Ok(shown)
}

/// Replaces the codes, on a fresh proof: the old ones work no longer. The new ones are shown once, here.
pub async fn renew(house: &Arc<House>, by: &Caller) -> Outcome<Vec<String>> {
    let requester = by.requester;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            proof::require(unit, requester)?;
            store::dialect::lock_account(unit.db, requester.account)?;
            if !store::totp::counts(unit.db, requester.account)? {
                let sentence = "There is no authenticator app that such codes could stand in for.";
                return Err(Problem::wrong_state("input", sentence).into());
            }
            renew_all(unit, requester.account)
        })
        .await
}

/// Checks a code and uses it up.
pub(super) fn check(
    unit: &mut Unit<'_>,
    account: AccountId,
    typed: &SecretString,
) -> Outcome<Result<(), Problem>> {
    let now = unit.ts();
    let used = match copied_code::canonical(typed.expose_secret(), LENGTH) {
        Some(code) => store::recovery_code::use_up(unit.db, account, &hash(account, &code), now)?,
        None => false,
    };
    let sentence = "This recovery code is not right, or was used already.";
    Ok(if used { Ok(()) } else { Err(Problem::new("recoveryCode", ProblemCode::Malformed, sentence)) })
}
