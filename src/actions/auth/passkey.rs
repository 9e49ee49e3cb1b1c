//! Passkeys: register, list, remove, log in, reauthenticate.

use crate::actions::accounts::mail_request::tell_of_security;
use crate::actions::accounts::people::Person;
use crate::actions::auth::reauthentication;
use crate::actions::auth::session_tokens::{self, Tokens};
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Fault, Refusal, Transaction, Visitor};
use crate::auth::passkeys::{Assertion, Attestation, Authentication, Credential, Passkeys, Registration};
use crate::auth::tokens::{OPAQUE_MAX, opaque, opaque_hash};
use crate::domain::device::LABEL_MAX;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, PasskeyId, SessionId, TypedId};
use crate::store;
use crate::store::passkey::{CeremonyRow, PasskeyRow};
use crate::vault::{Aad, Vault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a ceremony can be finished after its start; authenticators get the same time-out.
pub const CEREMONY_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Maximum number of passkeys per account.
pub const PASSKEYS_MAX: usize = 20;

/// A ceremony that has begun.
pub struct Ceremony {
    /// The opaque token that finishes it, once.
    pub token: String,
    /// The options for the authenticator, as JSON.
    pub options: String,
}

/// The purpose of a ceremony; it can be finished for no other.
#[derive(Serialize, Deserialize)]
enum State {
    /// Registers a passkey, in this session.
    Register(SessionId, Box<Registration>),
    /// Logs in; the account is not known yet.
    LogIn(Box<Authentication>),
    /// Reauthenticates the owner of this session.
    Prove(SessionId, Box<Authentication>),
}

/// A passkey as its owner sees it.
#[derive(Clone, Debug)]
pub struct PasskeyView {
    /// Its id.
    pub id: PasskeyId,
    /// Its name.
    pub label: Opened<String>,
    /// The person's day on which it was registered.
    pub created_on: Date,
    /// The person's day on which it was last used.
    pub last_used_on: Option<Date>,
}

fn aad(column: &'static str, id: PasskeyId) -> Aad {
    Aad::new("passkeys", column, id.uuid())
}

fn state_aad(token_hash: &[u8]) -> Aad {
    Aad::hashed("passkey_ceremonies", "state", token_hash)
}

fn index(vault: &Vault, credential_id: &[u8]) -> Vec<u8> {
    vault.blind_index("passkey", &URL_SAFE_NO_PAD.encode(credential_id))
}

fn relying_party(context: &AppContext) -> Result<&Passkeys, Problem> {
    let sentence = "This server has no domain name, and passkeys need one.";
    context.passkeys.as_ref().ok_or_else(|| Problem::wrong_state("input", sentence))
}

fn over() -> Problem {
    let sentence = "This took too long, or was finished already. Please begin anew.";
    Problem::new("ceremony", ProblemCode::Expired, sentence)
}

/// One answer for an unknown, removed, foreign, copied or badly signed passkey (R28).
fn not_taken() -> Problem {
    let sentence = "This passkey is not known here, or what it says could not be checked.";
    Problem::new("credential", ProblemCode::Incorrect, sentence)
}

fn own(tx: &mut Transaction<'_>, person: &Person) -> Result<Vec<Credential>, Fault> {
    let rows = store::passkey::list(tx.db, person.row.id)?;
    rows.into_iter()
        .map(|row| Ok(person.key.open_json(aad("credential", row.id), &row.credential)?))
        .collect()
}

fn begin(
    tx: &mut Transaction<'_>,
    account: Option<AccountId>,
    options: String,
    state: &State,
) -> ActionResult<Ceremony> {
    let (token, token_hash) = opaque(tx.chance);
    let row = CeremonyRow {
        account_id: account,
        state: tx.vault.system().seal_json(state_aad(&token_hash), state)?,
        expires_at: (tx.now + CEREMONY_LIFE).into(),
        token_hash,
    };
    store::passkey::insert_ceremony(tx.db, &row)?;
    Ok(Ceremony { token, options })
}

/// Takes the state out of a ceremony: the owner's, or a log-in if `owner` is None. The ceremony is used up
/// whatever follows, so a later refusal must still commit.
fn take(tx: &mut Transaction<'_>, token: &str, owner: Option<AccountId>) -> ActionResult<Option<State>> {
    let (token_hash, now) = (opaque_hash(token), tx.ts());
    let Some(row) = store::passkey::take_ceremony(tx.db, &token_hash, owner, now)? else { return Ok(None) };
    Ok(Some(tx.vault.system().open_json(state_aad(&token_hash), &row.state)?))
}

/// Begins a registration; needs reauthentication.
pub async fn begin_registration(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Ceremony> {
    let (requester, keeper) = (by.requester, Arc::clone(context));
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let passkeys = relying_party(&keeper)?;
            reauthentication::require(tx, requester)?;
            let person = Person::load(tx, requester.account)?;
            let existing = own(tx, &person)?;
            room(existing.len())?;
            let (email, name) = (person.email()?, person.display_name()?);
            let (options, state) =
                passkeys.begin_registration(requester.account.uuid(), &email, &name, &existing)?;
            let state = State::Register(requester.session, Box::new(state));
            begin(tx, Some(requester.account), options, &state)
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

/// Input that is no authenticator answer at all does not use up the ceremony.
fn read_attestation(answer: &str) -> Result<Attestation, Problem> {
    Attestation::read(answer).ok_or_else(not_taken)
}

fn read_assertion(answer: &str) -> Result<Assertion, Problem> {
    Assertion::read(answer).ok_or_else(not_taken)
}

/// Stores the passkey that the authenticator made.
pub async fn finish_registration(
    context: &Arc<AppContext>,
    by: &Caller,
    token: String,
    answer: String,
    label: String,
) -> ActionResult<PasskeyView> {
    let mut checks = Checks::new();
    let label = checks.line("label", label, LABEL_MAX);
    let answer = checks.take(read_attestation(&answer));
    let answer = checks.finish_with(answer)?;
    let (requester, keeper) = (by.requester, Arc::clone(context));
    let kept = context
        .write_tx(by.key.as_ref(), move |tx| {
            let passkeys = relying_party(&keeper)?;
            let state = match take(tx, &token, Some(requester.account))? {
                Some(State::Register(session, state)) if session == requester.session => state,
                Some(State::Register(..) | State::LogIn(_) | State::Prove(..)) | None => {
                    return Ok(Err(over()));
                }
            };
            let Some(credential) = passkeys.finish_registration(&answer, &state) else {
                return Ok(Err(not_taken()));
            };
            store::dialect::lock_account(tx.db, requester.account)?;
            // A reset may have ended the session while this waited for the lock.
            if store::session::find_live(tx.db, requester.session, requester.account)?.is_none() {
                return Ok(Err(over()));
            }
            let person = Person::load(tx, requester.account)?;
            room(store::passkey::list(tx.db, requester.account)?.len())?;
            let id = PasskeyId::at(tx.now, tx.chance);
            let row = PasskeyRow {
                id,
                account_id: requester.account,
                credential_index: index(tx.vault, credential.id()),
                credential: person.key.seal_json(aad("credential", id), &credential)?,
                label: person.key.seal_text(aad("label", id), &label)?,
                created_at: tx.ts(),
                last_used_at: None,
            };
            // WebAuthn, 7.1: a credential id is registered only once, across all accounts.
            store::passkey::insert(tx.db, &row).map_err(|error| Refusal::of_write(error, not_taken()))?;
            tell_of_security(tx, requester.account)?;
            Ok(Ok(view(&person, row)?))
        })
        .await?;
    Ok(kept?)
}

fn view(person: &Person, row: PasskeyRow) -> Result<PasskeyView, Fault> {
    Ok(PasskeyView {
        id: row.id,
        label: opened(person.key.open_text(aad("label", row.id), &row.label))?,
        created_on: person.day(row.created_at.get()),
        last_used_on: row.last_used_at.map(|at| person.day(at.get())),
    })
}

/// A person's passkeys, oldest first.
pub async fn list(context: &Arc<AppContext>, account: AccountId) -> Result<Vec<PasskeyView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let rows = store::passkey::list(tx.db, account)?;
            rows.into_iter().map(|row| view(&person, row)).collect()
        })
        .await
}

/// Removes a passkey; needs reauthentication. The password remains as a way in.
pub async fn remove(context: &Arc<AppContext>, by: &Caller, id: PasskeyId) -> ActionResult<()> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            reauthentication::require(tx, requester)?;
            if !store::passkey::delete(tx.db, id, requester.account)? {
                return Err(Problem::not_found("passkeyId").into());
            }
            tell_of_security(tx, requester.account)
        })
        .await
}

/// Checks an assertion, notes the use of its passkey and returns its owner; None refuses it. Without
/// `expected`, the assertion must name its user.
fn used(
    passkeys: &Passkeys,
    tx: &mut Transaction<'_>,
    assertion: &Assertion,
    state: Authentication,
    expected: Option<AccountId>,
) -> ActionResult<Option<Person>> {
    let index = index(tx.vault, assertion.credential_id());
    let Some(found) = store::passkey::find_by_credential(tx.db, &index)? else { return Ok(None) };
    let said = assertion.user();
    let owner = found.account_id;
    if expected.is_some_and(|expected| expected != owner)
        || said.is_some_and(|said| said != owner.uuid())
        || (expected.is_none() && said.is_none())
    {
        return Ok(None);
    }
    // Read again under the lock: a parallel use may have raised the counter, or the passkey may be gone.
    store::dialect::lock_account(tx.db, owner)?;
    let Some(row) = store::passkey::find_by_credential(tx.db, &index)? else { return Ok(None) };
    let person = Person::load(tx, owner)?;
    let credential: Credential = person.key.open_json(aad("credential", row.id), &row.credential)?;
    let Some(used) = passkeys.finish_authentication(assertion, state, &credential) else { return Ok(None) };
    let (sealed, now) = (person.key.seal_json(aad("credential", row.id), &used)?, tx.ts());
    store::passkey::note_used(tx.db, row.id, sealed, now)?;
    Ok(Some(person))
}

/// Begins a log-in. No account is named, so nothing can be learned about any (R28).
pub async fn begin_log_in(context: &Arc<AppContext>, by: &Visitor) -> ActionResult<Ceremony> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let keeper = Arc::clone(context);
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (options, state) = relying_party(&keeper)?.begin_authentication(&[])?;
            begin(tx, None, options, &State::LogIn(Box::new(state)))
        })
        .await
}

/// Signs a device in by a passkey. The passkey verified its user, so it counts as both factors: no second step.
pub async fn finish_log_in(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    answer: String,
    (label, earlier): (String, Option<String>),
) -> ActionResult<Tokens> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let mut checks = Checks::new();
    let label = checks.text("deviceLabel", label, LABEL_MAX);
    let earlier = earlier.map(|token| checks.text("earlierRefreshToken", token, OPAQUE_MAX));
    let answer = checks.take(read_assertion(&answer));
    let answer = checks.finish_with(answer)?;
    let keeper = Arc::clone(context);
    let tokens = context
        .write_tx(by.key.as_ref(), move |tx| {
            let passkeys = relying_party(&keeper)?;
            let state = match take(tx, &token, None)? {
                Some(State::LogIn(state)) => *state,
                Some(State::Register(..) | State::Prove(..)) | None => return Ok(Err(over())),
            };
            match used(passkeys, tx, &answer, state, None)? {
                Some(person) => {
                    let earlier = session_tokens::earlier_session(tx, earlier.as_deref())?;
                    let known = earlier.is_some_and(|session| session.account_id == person.row.id);
                    session_tokens::open(&keeper, tx, &person, (&label, known)).map(Ok)
                }
                None => Ok(Err(not_taken())),
            }
        })
        .await?;
    Ok(tokens?)
}

/// Begins a reauthentication by one of the person's own passkeys.
pub async fn begin_proof(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Ceremony> {
    let (requester, keeper) = (by.requester, Arc::clone(context));
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let passkeys = relying_party(&keeper)?;
            let person = Person::load(tx, requester.account)?;
            let own = own(tx, &person)?;
            if own.is_empty() {
                return Err(Problem::wrong_state("input", "There is no passkey to prove it by.").into());
            }
            let (options, state) = passkeys.begin_authentication(&own)?;
            let state = State::Prove(requester.session, Box::new(state));
            begin(tx, Some(requester.account), options, &state)
        })
        .await
}

/// Reauthenticates this session by a passkey.
pub async fn finish_proof(
    context: &Arc<AppContext>,
    by: &Caller,
    token: String,
    answer: String,
) -> ActionResult<()> {
    let answer = read_assertion(&answer)?;
    let (requester, keeper) = (by.requester, Arc::clone(context));
    let proved = context
        .write_tx(by.key.as_ref(), move |tx| {
            let passkeys = relying_party(&keeper)?;
            let state = match take(tx, &token, Some(requester.account))? {
                Some(State::Prove(session, state)) if session == requester.session => *state,
                Some(State::Register(..) | State::LogIn(_) | State::Prove(..)) | None => {
                    return Ok(Err(over()));
                }
            };
            if used(passkeys, tx, &answer, state, Some(requester.account))?.is_none() {
                return Ok(Err(not_taken()));
            }
            reauthentication::note(tx, requester).map(Ok)
        })
        .await?;
    Ok(proved?)
}
