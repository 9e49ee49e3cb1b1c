//! Sessions: log in, refresh, log out, list and end.

use super::people::{Person, email_index};
use super::{Caller, Done, Fault, House, Outcome, RequestKey, Unit, proof};
use crate::auth::Requester;
use crate::auth::tokens::{REFRESH_GRACE, REFRESH_LIFE, opaque, opaque_hash};
use crate::domain::account::{Email, PASSWORD_MAX_BYTES};
use crate::domain::device::LABEL_MAX;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{RefreshTokenId, SessionId, TypedId};
use crate::store;
use crate::store::session::{RefreshTokenRow, SessionRow};
use crate::vault::Place;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// What a signed-in device holds.
pub struct Tokens {
    /// Who it stands for.
    pub requester: Requester,
    /// The access token, a JWT.
    pub access: String,
    /// When the access token stops working.
    pub access_expires_at: Timestamp,
    /// The refresh token, to be used once.
    pub refresh: String,
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// The device's name.
    pub label: String,
    /// When it was signed in.
    pub created_at: Timestamp,
    /// When it last asked for tokens.
    pub last_used_at: Timestamp,
}

fn no_match() -> Problem {
    let sentence = "Address and password do not match, or the address is not confirmed yet.";
    Problem::new("password", ProblemCode::Malformed, sentence)
}

/// Signs a device in. A wrong password, an unknown address and one that is not confirmed look alike (R28).
pub async fn log_in(
    house: &Arc<House>,
    key: Option<&RequestKey>,
    email: String,
    password: SecretString,
    label: String,
) -> Outcome<Tokens> {
    let mut checks = Checks::new();
    let label = checks.text("deviceLabel", label, LABEL_MAX);
    let email = checks.take(Email::parse("email", &email));
    if password.expose_secret().len() > PASSWORD_MAX_BYTES {
        checks.note(no_match());
    }
    let Some(email) = email else { return Err(checks.finish(()).err().unwrap_or_default().into()) };
    checks.finish(())?;
    let found = house
        .look(move |unit| {
            let index = email_index(unit.vault, &email);
            Ok(store::account::find_by_email(unit.db, &index)?)
        })
        .await?;
    let stored = found.as_ref().map(|row| row.password_hash.clone());
    let matches = house.passwords.verify(password, stored).await?;
    let row = found.filter(|_| matches).ok_or_else(no_match)?;
    let keeper = Arc::clone(house);
    house
        .change(key, move |unit| {
            // The password may have been changed while its hash was computed.
            let current = store::account::find(unit.db, row.id)?;
            if current.is_none_or(|current| current.password_hash != row.password_hash) {
                return Err(no_match().into());
            }
            let person = Person::open(unit.vault, row)?;
            let id = SessionId::at(unit.now);
            let session = SessionRow {
                id,
                account_id: person.row.id,
                label: person.key.seal_text(Place::new("sessions", "label", id.uuid()), &label),
                created_at: unit.ts(),
                last_used_at: unit.ts(),
                ended_at: None,
                proved_at: Some(unit.ts()),
            };
            store::session::insert(unit.db, &session)?;
            issue(&keeper, unit, Requester { account: person.row.id, session: id })
        })
        .await
}

fn issue(house: &House, unit: &mut Unit<'_>, requester: Requester) -> Outcome<Tokens> {
    let (refresh, token_hash) = opaque();
    let row = RefreshTokenRow {
        id: RefreshTokenId::at(unit.now),
        session_id: requester.session,
        token_hash,
        issued_at: unit.ts(),
        expires_at: (unit.now + REFRESH_LIFE).into(),
        replaced_at: None,
    };
    store::session::insert_token(unit.db, &row)?;
    let (access, access_expires_at) = house.tokens.issue(requester, unit.now)?;
    Ok(Tokens { requester, access, access_expires_at, refresh })
}

/// What a refresh token came to, decided inside the transaction and told after it: ending a family that was
/// stolen must be saved although the answer is a refusal.
enum Refreshed {
    New(Tokens),
    Refused,
}

/// Exchanges a refresh token. The same token works once more for 15 s, for a phone that lost the answer; after
/// that, a second use means that somebody has a copy, and the family ends (R31).
pub async fn refresh(house: &Arc<House>, key: Option<&RequestKey>, token: String) -> Outcome<Tokens> {
    let refused = || {
        let sentence = "This device is signed out. Please log in again.";
        Problem::new("refreshToken", ProblemCode::Expired, sentence)
    };
    let keeper = Arc::clone(house);
    let refreshed = house
        .change(key, move |unit| {
            let now = unit.ts();
            let Some((row, session)) = store::session::find_token(unit.db, &opaque_hash(&token))? else {
                return Ok(Refreshed::Refused);
            };
            if session.ended_at.is_some() || row.expires_at <= now {
                return Ok(Refreshed::Refused);
            }
            let replaced_at = match row.replaced_at {
                Some(at) => Some(at),
                None if store::session::replace_token(unit.db, row.id, now)? => None,
                // Somebody else exchanged it this very moment: that is the grace.
                None => Some(now),
            };
            if replaced_at.is_some_and(|at| unit.now >= at.get() + REFRESH_GRACE) {
                store::session::end(unit.db, session.id, session.account_id, now)?;
                return Ok(Refreshed::Refused);
            }
            store::session::touch(unit.db, session.id, now)?;
            let requester = Requester { account: session.account_id, session: session.id };
            issue(&keeper, unit, requester).map(Refreshed::New)
        })
        .await?;
    match refreshed {
        Refreshed::New(tokens) => Ok(tokens),
        Refreshed::Refused => Err(refused().into()),
    }
}

/// The requester of an access token, if its session is still live.
pub async fn authenticate(house: &Arc<House>, token: &str) -> Result<Option<Requester>, Fault> {
    let Some(requester) = house.tokens.check(token, house.clock.now()) else { return Ok(None) };
    let live = house
        .look(move |unit| {
            Ok(store::session::find_live(unit.db, requester.session, requester.account)?.is_some())
        })
        .await?;
    Ok(live.then_some(requester))
}

/// Ends one session: this one, or another of the same person.
pub async fn end(house: &Arc<House>, by: &Caller, id: SessionId) -> Outcome<Done<()>> {
    let account = by.requester.account;
    house
        .change(by.key.as_ref(), move |unit| {
            let now = unit.ts();
            if store::session::end(unit.db, id, account, now)? {
                Ok(Done::now(()))
            } else {
                Err(Problem::not_found("sessionId").into())
            }
        })
        .await
}

/// Ends every session of the person but this one, on a fresh proof.
pub async fn end_others(house: &Arc<House>, by: &Caller) -> Outcome<()> {
    let requester = by.requester;
    house
        .change(by.key.as_ref(), move |unit| {
            proof::require(unit, requester)?;
            let now = unit.ts();
            store::session::end_others(unit.db, requester.account, Some(requester.session), now)?;
            Ok(())
        })
        .await
}

/// A person's live sessions.
pub async fn list(house: &Arc<House>, requester: Requester) -> Result<Vec<SessionView>, Fault> {
    house
        .look(move |unit| {
            let person = Person::load(unit, requester.account)?;
            let rows = store::session::list(unit.db, requester.account)?;
            rows.into_iter()
                .map(|row| {
                    let place = Place::new("sessions", "label", row.id.uuid());
                    Ok(SessionView {
                        id: row.id,
                        label: person.key.open_text(place, &row.label)?,
                        created_at: row.created_at.get(),
                        last_used_at: row.last_used_at.get(),
                    })
                })
                .collect()
        })
        .await
}
