//! Retention: what is kept for a while only is forgotten when that while is over.

use super::{Fault, House, KEY_LIFE};
use crate::store;
use jiff::SignedDuration;
use std::sync::Arc;

/// How long an e-mail request is kept after its link stopped working.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Forgets answers to idempotency keys (they may hold tokens) and requests whose links are out of date.
pub async fn sweep(house: &Arc<House>) -> Result<(), Fault> {
    let now = house.clock.now();
    house
        .store
        .write(move |db| {
            store::idempotency::forget(db, (now - KEY_LIFE).into())?;
            store::address_request::forget(db, (now - REQUESTS_KEPT).into())?;
            Ok(())
        })
        .await
}
