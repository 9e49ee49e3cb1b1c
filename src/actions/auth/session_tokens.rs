//! Tokens: opening a session, and issuing its access and refresh tokens.

use crate::actions::accounts::mail_request::tell_of_security;
use crate::actions::accounts::people::Person;
use crate::actions::{ActionResult, AppContext, Fault, Transaction};
use crate::auth::Requester;
use crate::auth::tokens::{REFRESH_LIFE, opaque, opaque_hash};
use crate::domain::attempt::Attempt;
use crate::ids::{RefreshTokenId, SessionId, TypedId};
use crate::store;
use crate::store::session::{RefreshTokenRow, SessionRow};
use crate::vault::Aad;
use jiff::Timestamp;

/// The tokens of a signed-in device.
pub struct Tokens {
    /// Whom they stand for.
    pub requester: Requester,
    /// The access token, a JWT.
    pub access: String,
    /// When the access token stops working.
    pub access_expires_at: Timestamp,
    /// The refresh token, to be used once.
    pub refresh: String,
}

/// The session, live or not, of a token that a device shows to be known. Whose it is, the caller must look at.
pub(in crate::actions) fn earlier_session(
    tx: &mut Transaction<'_>,
    token: Option<&str>,
) -> Result<Option<SessionRow>, Fault> {
    let found = token.map(|token| store::session::find_token(tx.db, &opaque_hash(token))).transpose()?;
    // Of a session that was copied, nobody knows whose device has the token.
    Ok(found.flatten().map(|(_, session)| session).filter(|session| session.reused_at.is_none()))
}

/// Begins a session for a person who has just authenticated, on a device that is known or not. Its owner is told of one
/// that is not, unless it is the account's first.
pub(in crate::actions) fn open(
    context: &AppContext,
    tx: &mut Transaction<'_>,
    person: &Person,
    (label, known): (&str, bool),
) -> ActionResult<Tokens> {
    if !known && store::session::any(tx.db, person.row.id)? {
        tell_of_security(tx, person.row.id)?;
    }
    let id = SessionId::at(tx.now, tx.chance);
    let session = SessionRow {
        id,
        account_id: person.row.id,
        label: person.key.seal_text(Aad::new("sessions", "label", id.uuid()), label)?,
        created_at: tx.ts(),
        last_used_at: tx.ts(),
        ended_at: None,
        proved_at: Some(tx.ts()),
        reused_at: None,
    };
    store::session::insert(tx.db, &session)?;
    let requester = Requester { account: person.row.id, session: id };
    let (refresh, _) = opaque(tx.chance);
    issue(context, tx, requester, RefreshTokenId::at(tx.now, tx.chance), None, (refresh, None))
}

/// Saves a refresh token under its id, with the attempt by which it is got, and returns it with an access token.
pub(in crate::actions) fn issue(
    context: &AppContext,
    tx: &mut Transaction<'_>,
    requester: Requester,
    id: RefreshTokenId,
    predecessor: Option<RefreshTokenId>,
    (refresh, attempt): (String, Option<&Attempt>),
) -> ActionResult<Tokens> {
    let row = RefreshTokenRow {
        id,
        session_id: requester.session,
        token_hash: opaque_hash(&refresh),
        issued_at: tx.ts(),
        expires_at: (tx.now + REFRESH_LIFE).into(),
        replaced_at: None,
        predecessor_id: predecessor,
        attempt_hash: attempt.map(|attempt| opaque_hash(attempt.as_str())),
        given_again_at: None,
    };
    store::session::insert_token(tx.db, &row)?;
    hand_out(context, tx, requester, refresh)
}

/// Issues an access token beside a refresh token that is saved already.
pub(in crate::actions) fn hand_out(
    context: &AppContext,
    tx: &mut Transaction<'_>,
    requester: Requester,
    refresh: String,
) -> ActionResult<Tokens> {
    tx.answer_is_secret()?;
    let (access, access_expires_at) = context.tokens.issue(requester, tx.now)?;
    Ok(Tokens { requester, access, access_expires_at, refresh })
}
