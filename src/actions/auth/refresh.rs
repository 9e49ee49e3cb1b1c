//! Refreshing: a refresh token is exchanged for one successor, and later use of a copy ends the session (R31).

use crate::actions::accounts::mail_request::tell_owner;
use crate::actions::accounts::people::Person;
use crate::actions::auth::session_tokens::{Tokens, hand_out, issue};
use crate::actions::auth::sign_out::{Which, end_sessions};
use crate::actions::{ActionResult, AppContext, Transaction, Visitor};
use crate::auth::Requester;
use crate::auth::tokens::{REFRESH_GRACE, SESSION_LIFE, opaque_hash};
use crate::domain::attempt::Attempt;
use crate::domain::nudge::MailPurpose;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{RefreshTokenId, TypedId};
use crate::store;
use crate::store::types::Ts;
use crate::vault::Vault;
use std::sync::Arc;

/// The one successor of a token. It is derived from the token itself, so it can be handed out twice without
/// being stored.
fn successor(vault: &Vault, token: &str, id: RefreshTokenId) -> String {
    vault.derived_token(&format!("refresh {token}"), id.uuid())
}

/// Exchanges a refresh token. For 15 s the same token gives the same successor, for a client that lost the
/// answer; with the same attempt it does so once more, at any time before the successor is used. Any other use means
/// that a copy exists, and ends the family (R31).
pub async fn refresh(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    attempt: Option<String>,
) -> ActionResult<Tokens> {
    let attempt = attempt.map(Attempt::parse).transpose()?;
    context.rates.refresh(by.network).map_err(Problem::too_often)?;
    let keeper = Arc::clone(context);
    // The end of a copied family is committed, although the answer is a refusal.
    let exchanged =
        context.write_tx(by.key.as_ref(), move |tx| exchange(&keeper, tx, &token, attempt.as_ref())).await?;
    exchanged.ok_or_else(|| {
        let sentence = "This device is signed out. Please log in again.";
        Problem::new("refreshToken", ProblemCode::Expired, sentence).into()
    })
}

/// The part of [`refresh`] in its transaction; None: the token is refused.
pub fn exchange(
    context: &AppContext,
    tx: &mut Transaction<'_>,
    token: &str,
    attempt: Option<&Attempt>,
) -> ActionResult<Option<Tokens>> {
    let now = tx.ts();
    let Some((row, session)) = store::session::find_token(tx.db, &opaque_hash(token))? else {
        return Ok(None);
    };
    let signed_in_too_long = tx.now >= session.created_at.get() + SESSION_LIFE;
    if session.ended_at.is_some() || row.expires_at <= now || signed_in_too_long {
        return Ok(None);
    }
    let requester = Requester { account: session.account_id, session: session.id };
    // Of several at once one gets true; the others wait for its commit.
    if store::session::replace_token(tx.db, row.id, now)? {
        store::session::touch(tx.db, session.id, now)?;
        let id = RefreshTokenId::at(tx.now, tx.chance);
        let refresh = successor(tx.vault, token, id);
        return issue(context, tx, requester, id, Some(row.id), (refresh, attempt)).map(Some);
    }
    let Some(next) = store::session::find_successor(tx.db, row.id)? else { return Ok(None) };
    let in_grace = |at: Ts| tx.now < at.get() + REFRESH_GRACE;
    let is_same = attempt.is_some_and(|a| next.attempt_hash == Some(opaque_hash(a.as_str())));
    let lost = is_same
        && (store::session::give_again(tx.db, next.id, now)? || next.given_again_at.is_some_and(in_grace));
    if lost || in_grace(next.issued_at) {
        let refresh = successor(tx.vault, token, next.id);
        return hand_out(context, tx, requester, refresh).map(Some);
    }
    if !end_sessions(tx, session.account_id, Which::Copied(session.id))?.is_empty() {
        let owner = Person::load(tx, session.account_id)?;
        tell_owner(tx, &owner, MailPurpose::SignedOut)?;
    }
    Ok(None)
}
