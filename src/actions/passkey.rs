//! Passkeys: make, list, remove, log in with one, prove by one.

use super::people::Person;
use super::session_tokens::{self, Tokens};
use super::{Caller, Fault, House, Outcome, Refusal, Unit, Visitor, proof};
use crate::auth::passkeys::{Assertion, Attestation, Authentication, Credential, Passkeys, Registration};
use crate::auth::tokens::{opaque, opaque_hash};
use crate::domain::device::LABEL_MAX;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, PasskeyId, SessionId, TypedId};
use crate::store;
use crate::store::StoreError;
use crate::store::passkey::{CeremonyRow, PasskeyRow};
use crate::vault::{Place, Vault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a ceremony can be finished after it was begun; authenticators are told the same.
pub const CEREMONY_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Most passkeys of one account.
pub const PASSKEYS_MAX: usize = 20;

/// A ceremony that was begun.
pub struct Ceremony {
    /// The opaque token that finishes it, once.
    pub token: String,
    /// What the authenticator is asked, as JSON.
    pub options: String,
}

/// What a ceremony is for: none finishes as another.
#[derive(Serialize, Deserialize)]
enum State {
    /// To make a passkey, on this session.
    Register(SessionId, Box<Registration>),
    /// To log in, whoever it is.
    LogIn(Box<Authentication>),
    /// To prove that it is still the owner who holds this session.
    Prove(SessionId, Box<Authentication>),
}

/// A passkey as its owner sees it.
#[derive(Clone, Debug)]
pub struct PasskeyView {
    /// Its id.
    pub id: PasskeyId,
    /// Its name.
    pub label: String,
    /// The beginning of the person's day on which it was made.
    pub created_at: Timestamp,
    /// The beginning of the person's day on which it was used last.
    pub last_used_at: Option<Timestamp>,
}

fn place(column: &'static str, id: PasskeyId) -> Place {
    Place::new("passkeys", column, id.uuid())
}

fn state_place(token_hash: &[u8]) -> Place {
    Place::hashed("passkey_ceremonies", "state", token_hash)
}

fn index(vault: &Vault, credential_id: &[u8]) -> Vec<u8> {
    vault.blind_index("passkey", &URL_SAFE_NO_PAD.encode(credential_id))
}

fn relying_party(house: &House) -> Result<&Passkeys, Problem> {
    let sentence = "This server has no domain name, and passkeys need one.";
    house.passkeys.as_ref().ok_or_else(|| Problem::wrong_state("input", sentence))
}

fn over() -> Problem {
    let sentence = "This took too long, or was finished already. Please begin anew.";
    Problem::new("ceremony", ProblemCode::Expired, sentence)
}

/// Whatever is wrong with a passkey looks the same: unknown, removed, somebody else's, copied, badly signed (R28).
fn not_taken() -> Problem {
    let sentence = "This passkey is not known here, or what it says could not be checked.";
    Problem::new("credential", ProblemCode::Malformed, sentence)
}

fn own(unit: &mut Unit<'_>, person: &Person) -> Result<Vec<Credential>, Fault> {
    let rows = store::passkey::list(unit.db, person.row.id)?;
    rows.into_iter()
        .map(|row| Ok(person.key.open_json(place("credential", row.id), &row.credential)?))
        .collect()
}

fn begin(
    unit: &mut Unit<'_>,
    account: Option<AccountId>,
    options: String,
    state: &State,
) -> Outcome<Ceremony> {
    let (token, token_hash) = opaque(unit.chance);
    let row = CeremonyRow {
        account_id: account,
        state: unit.vault.system().seal_json(state_place(&token_hash), state)?,
        expires_at: (unit.now + CEREMONY_LIFE).into(),
        token_hash,
    };
    store::passkey::insert_ceremony(unit.db, &row)?;
    Ok(Ceremony { token, options })
}

/// Takes the state of somebody's own ceremony out, or of whoever logs in. It is used up whatever comes of it, so
/// refusals after this must be saved.
fn take(unit: &mut Unit<'_>, token: &str, owner: Option<AccountId>) -> Outcome<Option<State>> {
    let (token_hash, now) = (opaque_hash(token), unit.ts());
    let Some(row) = store::passkey::take_ceremony(unit.db, &token_hash, owner, now)? else { return Ok(None) };
    Ok(Some(unit.vault.system().open_json(state_place(&token_hash), &row.state)?))
}

/// Begins to make a passkey, on a fresh proof.
pub async fn begin_registration(house: &Arc<House>, by: &Caller) -> Outcome<Ceremony> {
    let (requester, keeper) = (by.requester, Arc::clone(house));
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let passkeys = relying_party(&keeper)?;
            proof::require(unit, requester)?;
            let person = Person::load(unit, requester.account)?;
            let existing = own(unit, &person)?;
            room(existing.len())?;
            let (email, name) = (person.email()?, person.display_name()?);
            let (options, state) =
                passkeys.begin_registration(requester.account.uuid(), &email, &name, &existing)?;
            let state = State::Register(requester.session, Box::new(state));
            begin(unit, Some(requester.account), options, &state)
        })
        .await
}

fn room(count: usize) -> Result<(), Problem> {
    if count < PASSKEYS_MAX {
        return Ok(());
    }
    let sentence = format!("At most {PASSKEYS_MAX} passkeys can be kept; please remove one first.");
    Err(Problem::new("input", ProblemCode::OutOfRange, sentence))
}

/// What is no answer of an authenticator at all uses no ceremony up.
fn read_attestation(answer: &str) -> Result<Attestation, Problem> {
    Attestation::read(answer).ok_or_else(not_taken)
}

fn read_assertion(answer: &str) -> Result<Assertion, Problem> {
    Assertion::read(answer).ok_or_else(not_taken)
}

/// Keeps the passkey that the authenticator made.
pub async fn finish_registration(
    house: &Arc<House>,
    by: &Caller,
    token: String,
    answer: String,
    label: String,
) -> Outcome<PasskeyView> {
    let mut checks = Checks::new();
    let label = checks.line("label", label, LABEL_MAX);
    let answer = checks.take(read_attestation(&answer));
    let answer = checks.finish_with(answer)?;
    let (requester, keeper) = (by.requester, Arc::clone(house));
    let kept = house
        .write_tx(by.key.as_ref(), move |unit| {
            let passkeys = relying_party(&keeper)?;
            let state = match take(unit, &token, Some(requester.account))? {
                Some(State::Register(session, state)) if session == requester.session => state,
                Some(State::Register(..) | State::LogIn(_) | State::Prove(..)) | None => {
                    return Ok(Err(over()));
                }
            };
            let Some(credential) = passkeys.finish_registration(&answer, &state) else {
                return Ok(Err(not_taken()));
            };
            store::dialect::lock_account(unit.db, requester.account)?;
            let person = Person::load(unit, requester.account)?;
            room(store::passkey::list(unit.db, requester.account)?.len())?;
            let id = PasskeyId::at(unit.now, unit.chance);
            let row = PasskeyRow {
                id,
                account_id: requester.account,
                credential_index: index(unit.vault, credential.id()),
                credential: person.key.seal_json(place("credential", id), &credential)?,
                label: person.key.seal_text(place("label", id), &label)?,
                created_at: unit.ts(),
                last_used_at: None,
            };
            // WebAuthn, 7.1: an id is registered once, whoever's it is.
            store::passkey::insert(unit.db, &row).map_err(StoreError::from).map_err(|error| {
                if error.is_conflict() { Refusal::from(not_taken()) } else { error.into() }
            })?;
            Ok(Ok(view(&person, row)?))
        })
        .await?;
    Ok(kept?)
}

fn view(person: &Person, row: PasskeyRow) -> Result<PasskeyView, Fault> {
    Ok(PasskeyView {
        id: row.id,
        label: person.key.open_text(place("label", row.id), &row.label)?,
        created_at: person.start_of_day(row.created_at.get()),
        last_used_at: row.last_used_at.map(|at| person.start_of_day(at.get())),
    })
}

/// A person's passkeys, the oldest first.
pub async fn list(house: &Arc<House>, account: AccountId) -> Result<Vec<PasskeyView>, Fault> {
    house
        .read_tx(move |unit| {
            let person = Person::load(unit, account)?;
            let rows = store::passkey::list(unit.db, account)?;
            rows.into_iter().map(|row| view(&person, row)).collect()
        })
        .await
}

/// Removes a passkey, on a fresh proof. The password remains: there is always a way in.
pub async fn remove(house: &Arc<House>, by: &Caller, id: PasskeyId) -> Outcome<()> {
    let requester = by.requester;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            proof::require(unit, requester)?;
            if store::passkey::delete(unit.db, id, requester.account)? {
                Ok(())
            } else {
                Err(Problem::not_found("passkeyId").into())
            }
        })
        .await
}

/// Checks what an authenticator says and notes that its passkey was used; the person whose it is. None: not taken.
/// Without `expected`, the authenticator has to say whose it is.
fn used(
    passkeys: &Passkeys,
    unit: &mut Unit<'_>,
    assertion: &Assertion,
    state: Authentication,
    expected: Option<AccountId>,
) -> Outcome<Option<Person>> {
    let index = index(unit.vault, assertion.credential_id());
    let Some(found) = store::passkey::find_by_credential(unit.db, &index)? else { return Ok(None) };
    let said = assertion.user();
    let owner = found.account_id;
    if expected.is_some_and(|expected| expected != owner)
        || said.is_some_and(|said| said != owner.uuid())
        || (expected.is_none() && said.is_none())
    {
        return Ok(None);
    }
    // Of two that use one counter at once, the second finds the first's; and the passkey may be gone meanwhile.
    store::dialect::lock_account(unit.db, owner)?;
    let Some(row) = store::passkey::find_by_credential(unit.db, &index)? else { return Ok(None) };
    let person = Person::load(unit, owner)?;
    let credential: Credential = person.key.open_json(place("credential", row.id), &row.credential)?;
    let Some(used) = passkeys.finish_authentication(assertion, state, &credential) else { return Ok(None) };
    let (sealed, now) = (person.key.seal_json(place("credential", row.id), &used)?, unit.ts());
    store::passkey::note_used(unit.db, row.id, sealed, now)?;
    Ok(Some(person))
}

/// Begins a log-in. Nobody says who they are: there is nothing to learn about anybody (R28).
pub async fn begin_log_in(house: &Arc<House>, by: &Visitor) -> Outcome<Ceremony> {
    house.rates.token(by.network).map_err(Problem::too_often)?;
    let keeper = Arc::clone(house);
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (options, state) = relying_party(&keeper)?.begin_authentication(&[])?;
            begin(unit, None, options, &State::LogIn(Box::new(state)))
        })
        .await
}

/// Signs a device in by a passkey. It verified its user, so it is both factors: no second step follows.
pub async fn finish_log_in(
    house: &Arc<House>,
    by: &Visitor,
    token: String,
    answer: String,
    label: String,
) -> Outcome<Tokens> {
    house.rates.token(by.network).map_err(Problem::too_often)?;
    let mut checks = Checks::new();
    let label = checks.text("deviceLabel", label, LABEL_MAX);
    let answer = checks.take(read_assertion(&answer));
    let answer = checks.finish_with(answer)?;
    let keeper = Arc::clone(house);
    let tokens = house
        .write_tx(by.key.as_ref(), move |unit| {
            let passkeys = relying_party(&keeper)?;
            let state = match take(unit, &token, None)? {
                Some(State::LogIn(state)) => *state,
                Some(State::Register(..) | State::Prove(..)) | None => return Ok(Err(over())),
            };
            match used(passkeys, unit, &answer, state, None)? {
                Some(person) => session_tokens::open(&keeper, unit, &person, &label).map(Ok),
                None => Ok(Err(not_taken())),
            }
        })
        .await?;
    Ok(tokens?)
}

/// Begins a proof by one of the person's own passkeys.
pub async fn begin_proof(house: &Arc<House>, by: &Caller) -> Outcome<Ceremony> {
    let (requester, keeper) = (by.requester, Arc::clone(house));
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let passkeys = relying_party(&keeper)?;
            let person = Person::load(unit, requester.account)?;
            let own = own(unit, &person)?;
            if own.is_empty() {
                return Err(Problem::wrong_state("input", "There is no passkey to prove it by.").into());
            }
            let (options, state) = passkeys.begin_authentication(&own)?;
            let state = State::Prove(requester.session, Box::new(state));
            begin(unit, Some(requester.account), options, &state)
        })
        .await
}

/// Proves by a passkey that it is still the owner who holds this session.
pub async fn finish_proof(house: &Arc<House>, by: &Caller, token: String, answer: String) -> Outcome<()> {
    let answer = read_assertion(&answer)?;
    let (requester, keeper) = (by.requester, Arc::clone(house));
    let proved = house
        .write_tx(by.key.as_ref(), move |unit| {
            let passkeys = relying_party(&keeper)?;
            let state = match take(unit, &token, Some(requester.account))? {
                Some(State::Prove(session, state)) if session == requester.session => *state,
                Some(State::Register(..) | State::LogIn(_) | State::Prove(..)) | None => {
                    return Ok(Err(over()));
                }
            };
            if used(passkeys, unit, &answer, state, Some(requester.account))?.is_none() {
                return Ok(Err(not_taken()));
            }
            proof::note(unit, requester).map(Ok)
        })
        .await?;
    Ok(proved?)
}
