//! Idempotency: a mutation that is sent again under its key gets the answer that it got (R04).

use super::{AppContext, Fault, RequestKey};
use crate::actions::auth::session::Bearer;
use crate::auth::Requester;
use crate::ids::TypedId;
use crate::store;
use crate::store::types::Ts;
use crate::vault::Aad;
use std::sync::Arc;

/// What is known of a key.
pub enum Remembered {
    /// Nothing: the mutation is to be done.
    New(RequestKey),
    /// The answer that was given.
    Answer(Vec<u8>),
    /// The mutation was done, and no answer is kept (yet).
    Unanswered,
    /// Another request was sent under the key.
    Reused,
}

fn aad(key: &RequestKey) -> Aad {
    Aad::hashed("idempotency_keys", "response", &key.key_hash)
}

/// Looks a client's key up. Keys of different people, and of nobody, never meet.
pub async fn remember(
    context: &Arc<AppContext>,
    bearer: Bearer,
    key: &str,
    body: &[u8],
) -> Result<Remembered, Fault> {
    if let Bearer::Ended(requester, ended_at) = bearer {
        // Whoever signed out and lost the answer is no longer signed in when they ask again.
        let found = find(context, Some(requester), key, body, Some(ended_at)).await?;
        if !matches!(found, Remembered::New(_)) {
            return Ok(found);
        }
    }
    find(context, bearer.requester(), key, body, None).await
}

/// As [`remember`] for one person, or nobody. With `made_at`, only a mutation of that instant counts: the one that
/// ended the session in which it was asked for.
async fn find(
    context: &Arc<AppContext>,
    requester: Option<Requester>,
    key: &str,
    body: &[u8],
    made_at: Option<Ts>,
) -> Result<Remembered, Fault> {
    let whose = requester.map_or_else(|| "nobody".to_owned(), |r| r.account.uuid().simple().to_string());
    let key_hash = context.vault.blind_index("idempotency", &format!("{whose}\0{key}"));
    // Keyed, too: of a short answer, or of a password, whoever has a copy of the database could otherwise guess the body.
    let body_hash = context
        .vault
        .blind_index("idempotency-body", &format!("{whose}\0{key}\0{}", String::from_utf8_lossy(body)));
    let key = RequestKey { key_hash, body_hash, account: requester.map(|r| r.account) };
    context
        .read_tx(move |tx| {
            let oldest = tx.now - super::KEY_LIFE;
            let Some(row) = store::idempotency::find(tx.db, &key.key_hash)? else {
                return Ok(Remembered::New(key));
            };
            if row.created_at.get() < oldest || made_at.is_some_and(|at| at != row.created_at) {
                return Ok(Remembered::New(key));
            }
            if row.body_hash != key.body_hash {
                return Ok(Remembered::Reused);
            }
            match row.response {
                Some(sealed) => Ok(Remembered::Answer(tx.vault.system().open(aad(&key), &sealed)?)),
                None => Ok(Remembered::Unanswered),
            }
        })
        .await
}

/// Keeps the answer to a mutation that was done; of one that changed nothing, nothing is kept.
pub async fn keep(context: &Arc<AppContext>, key: RequestKey, response: &[u8]) -> Result<(), Fault> {
    let sealed = context.vault.system().seal(aad(&key), response)?;
    context.worker_tx(move |tx| Ok(store::idempotency::keep_response(tx.db, &key.key_hash, sealed)?)).await?;
    Ok(())
}
