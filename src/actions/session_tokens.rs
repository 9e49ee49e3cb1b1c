//! Tokens: a session begins with them, and later ones are handed out under it.

use super::people::Person;
use super::{House, Outcome, Unit};
use crate::auth::Requester;
use crate::auth::tokens::{REFRESH_LIFE, opaque, opaque_hash};
use crate::ids::{RefreshTokenId, SessionId, TypedId};
use crate::store;
use crate::store::session::{RefreshTokenRow, SessionRow};
use crate::vault::Place;
use jiff::Timestamp;

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

/// Begins a session for a person who proved themselves just now.
pub(super) fn open(house: &House, unit: &mut Unit<'_>, person: &Person, label: &str) -> Outcome<Tokens> {
    let id = SessionId::at(unit.now, unit.chance);
    let session = SessionRow {
        id,
        account_id: person.row.id,
        label: person.key.seal_text(Place::new("sessions", "label", id.uuid()), label)?,
        created_at: unit.ts(),
        last_used_at: unit.ts(),
        ended_at: None,
        proved_at: Some(unit.ts()),
        reused_at: None,
    };
    store::session::insert(unit.db, &session)?;
    let requester = Requester { account: person.row.id, session: id };
    let (refresh, _) = opaque(unit.chance);
    issue(house, unit, requester, RefreshTokenId::at(unit.now, unit.chance), None, refresh)
}

/// Saves a refresh token under its id and hands it out with an access token.
pub(super) fn issue(
    house: &House,
    unit: &mut Unit<'_>,
    requester: Requester,
    id: RefreshTokenId,
    predecessor: Option<RefreshTokenId>,
    refresh: String,
) -> Outcome<Tokens> {
    let row = RefreshTokenRow {
        id,
        session_id: requester.session,
        token_hash: opaque_hash(&refresh),
        issued_at: unit.ts(),
        expires_at: (unit.now + REFRESH_LIFE).into(),
        replaced_at: None,
        predecessor_id: predecessor,
    };
    store::session::insert_token(unit.db, &row)?;
    hand_out(house, unit, requester, refresh)
}

/// An access token beside a refresh token that is saved already.
pub(super) fn hand_out(
    house: &House,
    unit: &Unit<'_>,
    requester: Requester,
    refresh: String,
) -> Outcome<Tokens> {
    let (access, access_expires_at) = house.tokens.issue(requester, unit.now)?;
    Ok(Tokens { requester, access, access_expires_at, refresh })
}
