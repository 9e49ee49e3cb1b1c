//! Idempotency: a mutation sent again under its key gets its first answer (R04).

use super::{AppContext, Fault, RequestKey};
use crate::actions::auth::session::Bearer;
use crate::auth::Requester;
use crate::ids::TypedId;
use crate::store;
use crate::store::types::Ts;
use crate::vault::Aad;
use std::sync::Arc;

/// The state of an idempotency key.
pub enum Remembered {
    /// Unknown: the mutation is to be done.
    New(RequestKey),
    /// The answer to the first request.
    Answer(Vec<u8>),
    /// The mutation was done, but no answer is stored: not yet, or no longer, because it holds a secret.
    Unanswered,
    /// The key belongs to another request.
    Reused,
}

fn aad(key: &RequestKey) -> Aad {
    Aad::hashed("idempotency_keys", "response", &key.key_hash)
}

/// Looks up a client's key. Keys of different people, and of nobody, never collide.
pub async fn remember(
    context: &Arc<AppContext>,
    bearer: Bearer,
    key: &str,
    body: &[u8],
) -> Result<Remembered, Fault> {
    if let Bearer::Ended(requester, ended_at) = bearer {
        // A client that signed out and lost the answer is no longer signed in when it asks again.
        let found = find(context, Some(requester), key, body, Some(ended_at)).await?;
        if !matches!(found, Remembered::New(_)) {
            return Ok(found);
        }
    }
    find(context, bearer.requester(), key, body, None).await
}

/// As [`remember`] for one account, or for nobody. With `made_at`, only a mutation of that instant counts:
/// the one that ended its own session.
async fn find(
    context: &Arc<AppContext>,
    requester: Option<Requester>,
    key: &str,
    body: &[u8],
    made_at: Option<Ts>,
) -> Result<Remembered, Fault> {
    let whose = requester.map_or_else(|| "nobody".to_owned(), |r| r.account.uuid().simple().to_string());
    let key_hash = context.vault.blind_index("idempotency", &format!("{whose}\0{key}"));
    // Keyed as well: with a copy of the database, a short answer or a password in the body could otherwise be guessed.
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
            let given = row.secret_until.is_none_or(|until| tx.now < until.get());
            match row.response.filter(|_| given) {
                Some(sealed) => Ok(Remembered::Answer(tx.vault.system().open(aad(&key), &sealed)?)),
                None => Ok(Remembered::Unanswered),
            }
        })
        .await
}

/// Stores the answer to a mutation that was committed; a refused one left no row to store it in.
pub async fn keep(context: &Arc<AppContext>, key: RequestKey, response: &[u8]) -> Result<(), Fault> {
    let sealed = context.vault.system().seal(aad(&key), response)?;
    context.worker_tx(move |tx| Ok(store::idempotency::keep_response(tx.db, &key.key_hash, sealed)?)).await?;
    Ok(())
}
