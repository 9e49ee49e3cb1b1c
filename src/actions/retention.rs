//! Retention: what is kept for a while only is forgotten when that while is over.

use super::session::COPIES_SHOWN;
use super::{Fault, House, KEY_LIFE};
use crate::store;
use jiff::SignedDuration;
use std::sync::Arc;

/// How long an e-mail request is kept after its link stopped working.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Nudges that one transaction forgets: small, so that nobody waits for it.
const BATCH: i64 = 500;

/// How long a session is kept after it ended: as long as it is shown that one was copied.
const SESSIONS_KEPT: SignedDuration = COPIES_SHOWN;

/// Forgets answers to idempotency keys (they may hold tokens), requests, page tokens and refresh tokens that are out of
/// date, log-ins that were not completed, sessions that ended long ago, and finished nudges with their attempts.
pub async fn sweep(house: &Arc<House>) -> Result<(), Fault> {
    let now = house.clock.now();
    house
        .store
        .write(move |db| {
            store::idempotency::forget(db, (now - KEY_LIFE).into())?;
            store::address_request::forget(db, (now - REQUESTS_KEPT).into())?;
            store::page_token::forget(db, now.into())?;
            store::session::forget(db, now.into(), (now - SESSIONS_KEPT).into())?;
            store::log_in_challenge::forget(db, now.into())?;
            store::passkey::forget_ceremonies(db, now.into())?;
            Ok::<_, Fault>(())
        })
        .await?;
    let before = (now - house.keep_nudges).into();
    loop {
        let forget = move |db: &mut store::Db| Ok::<_, Fault>(store::nudge::forget(db, before, BATCH)?);
        if i64::try_from(house.store.write(forget).await?).unwrap_or(0) < BATCH {
            return Ok(());
        }
    }
}
