//! Watching the service itself: how much there is to do, and whether it is ready.

use crate::actions::{AppContext, Fault};
use crate::metrics::QueueDepth;
use crate::store::{self, StoreError};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

/// How old the worker's last pass may be.
pub const PASS_AGE_MAX: SignedDuration = SignedDuration::from_mins(1);
/// How long the database may take to answer whoever watches.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether each part of this process is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The database answers.
    pub database: bool,
    /// The worker made a pass lately; none: this process runs none.
    pub worker: Option<bool>,
}

impl Readiness {
    /// Whether all parts are.
    pub fn is_ready(self) -> bool {
        self.database && self.worker != Some(false)
    }
}

/// Waits for the database, but not for ever: whoever watches must hear that it hangs.
async fn soon<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(Fault::Store(StoreError::Busy)))
}

/// Asks each part. Causes go to the log alone (R36).
pub async fn readiness(context: &Arc<AppContext>) -> Readiness {
    let asked = soon(context.read_tx(|tx| Ok(tx.db.ping()?))).await;
    if let Err(cause) = &asked {
        tracing::error!(%cause, "not ready: the database does not answer");
    }
    let worker = context.metrics.expects_passes().then(|| passed_lately(context));
    if worker == Some(false) {
        tracing::warn!("not ready: the worker made no pass lately");
    }
    Readiness { database: asked.is_ok(), worker }
}

/// Whether the worker of this process made a pass within [`PASS_AGE_MAX`].
pub fn passed_lately(context: &AppContext) -> bool {
    context.metrics.last_pass().is_some_and(|at| context.clock.now().duration_since(at) <= PASS_AGE_MAX)
}

/// Counts what there is to do.
///
/// # Errors
/// A fault of the database, a time-out among them.
pub async fn queue_depth(context: &Arc<AppContext>) -> Result<QueueDepth, Fault> {
    soon(context.read_tx(|tx| {
        let now = tx.ts();
        Ok(store::queue::depth(tx.db, now)?)
    }))
    .await
}

/// For how long the oldest nudge has been due that no worker holds; zero: none is.
///
/// # Errors
/// As [`queue_depth`].
pub async fn oldest_due_age(context: &Arc<AppContext>) -> Result<SignedDuration, Fault> {
    soon(context.read_tx(|tx| {
        let now = tx.ts();
        let oldest = store::queue::oldest_due(tx.db, now)?;
        Ok(oldest.map_or(SignedDuration::ZERO, |at| tx.now.duration_since(at.get())))
    }))
    .await
}
