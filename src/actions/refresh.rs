//! Refreshing: a refresh token is exchanged for its one successor, and a copy that is used later ends the session (R31).

use super::account::ask_by_mail;
use super::people::Person;
use super::session_tokens::{Tokens, hand_out, issue};
use super::{House, Outcome, Unit, Visitor};
use crate::auth::Requester;
use crate::auth::tokens::{REFRESH_GRACE, SESSION_LIFE, opaque_hash};
use crate::domain::account::Email;
use crate::domain::nudge::MailPurpose;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, RefreshTokenId, TypedId};
use crate::store;
use crate::vault::Vault;
use std::sync::Arc;

/// The one successor of a token. Only who shows the token can have it made, so it can be handed out once more without
/// being kept.
fn successor(vault: &Vault, token: &str, id: RefreshTokenId) -> String {
    vault.derived_token(&format!("refresh {token}"), id.uuid())
}

/// Exchanges a refresh token. The same token gives the same successor for 15 s, for a phone that lost the answer; a
/// use after that means that somebody has a copy, and the family ends (R31).
pub async fn refresh(house: &Arc<House>, by: &Visitor, token: String) -> Outcome<Tokens> {
    house.rates.refresh(by.network).map_err(Problem::too_often)?;
    let keeper = Arc::clone(house);
    // The end of a family that was copied is saved, although the answer is a refusal.
    let exchanged = house.write_tx(by.key.as_ref(), move |unit| exchange(&keeper, unit, &token)).await?;
    exchanged.ok_or_else(|| {
        let sentence = "This device is signed out. Please log in again.";
        Problem::new("refreshToken", ProblemCode::Expired, sentence).into()
    })
}

/// What of [`refresh`] happens in its transaction; None: the token is refused.
pub fn exchange(house: &House, unit: &mut Unit<'_>, token: &str) -> Outcome<Option<Tokens>> {
    let now = unit.ts();
    let Some((row, session)) = store::session::find_token(unit.db, &opaque_hash(token))? else {
        return Ok(None);
    };
    let signed_in_too_long = unit.now >= session.created_at.get() + SESSION_LIFE;
    if session.ended_at.is_some() || row.expires_at <= now || signed_in_too_long {
        return Ok(None);
    }
    let requester = Requester { account: session.account_id, session: session.id };
    // Of several at once one gets true, and the others wait for what it saves.
    if store::session::replace_token(unit.db, row.id, now)? {
        store::session::touch(unit.db, session.id, now)?;
        let id = RefreshTokenId::at(unit.now, unit.chance);
        let refresh = successor(unit.vault, token, id);
        return issue(house, unit, requester, id, Some(row.id), refresh).map(Some);
    }
    let Some(next) = store::session::find_successor(unit.db, row.id)? else { return Ok(None) };
    if unit.now < next.issued_at.get() + REFRESH_GRACE {
        let refresh = successor(unit.vault, token, next.id);
        return hand_out(house, unit, requester, refresh).map(Some);
    }
    if store::session::end_reused(unit.db, session.id, now)? {
        tell_owner(unit, session.account_id)?;
        unit.ask_followers(session.account_id);
    }
    Ok(None)
}

/// One mail, in words that anybody may read over the person's shoulder.
fn tell_owner(unit: &mut Unit<'_>, account: AccountId) -> Outcome<()> {
    let address = Email::parse("email", &Person::load(unit, account)?.email()?)?;
    ask_by_mail(unit, MailPurpose::SignedOut, &address, None::<&()>)
}
