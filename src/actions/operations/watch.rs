//! Watching the service: the depth of the queue, and whether the process is ready.

use crate::actions::{AppContext, Fault, Transaction};
use crate::metrics::QueueDepth;
use crate::store::{self, StoreError};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

/// Maximum age of the worker's last pass.
pub const PASS_AGE_MAX: SignedDuration = SignedDuration::from_mins(1);
/// Time-out for the database in a readiness or queue check.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether each part of this process is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The database takes writes.
    pub database: bool,
    /// The worker made a pass lately; None: this process runs no worker.
    pub worker: Option<bool>,
    /// All clocks agree; None: this process runs no worker, which compares them.
    pub time: Option<bool>,
}

impl Readiness {
    /// Whether all parts are.
    pub fn is_ready(self) -> bool {
        self.database && self.worker != Some(false) && self.time != Some(false)
    }
}

/// Applies the time-out, so that a hanging database is reported.
async fn soon<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(Fault::Store(StoreError::Busy)))
}

/// Has the database answer, and take a write.
async fn takes_writes(context: &Arc<AppContext>) -> Result<(), Fault> {
    context.read_once(|db| Ok(db.ping()?)).await?;
    let write = |tx: &mut Transaction<'_>| Ok(store::checkup::note_write(tx.db, tx.ts()).map(drop)?);
    context.write_check.made(context.worker_tx(write)).await
}

/// Checks each part. Causes go only to the log (R36).
pub async fn readiness(context: &Arc<AppContext>) -> Readiness {
    let written = soon(takes_writes(context)).await;
    if let Err(cause) = &written {
        tracing::error!(%cause, "not ready: the database does not take a write");
    }
    let worker = context.metrics.expects_passes().then(|| passed_lately(context));
    if worker == Some(false) {
        tracing::warn!("not ready: the worker made no pass lately");
    }
    let doubt = context.time_guard.doubt();
    if let Some(doubt) = doubt {
        tracing::warn!("not ready: {doubt}");
    }
    let time = context.metrics.expects_passes().then_some(doubt.is_none());
    Readiness { database: written.is_ok(), worker, time }
}

/// Whether the worker of this process made a pass within [`PASS_AGE_MAX`].
pub fn passed_lately(context: &AppContext) -> bool {
    context.metrics.last_pass().is_some_and(|at| context.clock.now().duration_since(at) <= PASS_AGE_MAX)
}

/// The depth of the queue.
///
/// # Errors
/// A database fault, including the time-out.
pub async fn queue_depth(context: &Arc<AppContext>) -> Result<QueueDepth, Fault> {
    soon(context.read_tx(|tx| {
        let now = tx.ts();
        Ok(store::queue::depth(tx.db, now)?)
    }))
    .await
}

/// How long the oldest unclaimed due nudge has been due, except in some lanes; zero if there is none.
///
/// # Errors
/// As [`queue_depth`].
pub async fn oldest_due_age(
    context: &Arc<AppContext>,
    besides: Vec<String>,
) -> Result<SignedDuration, Fault> {
    soon(context.read_tx(move |tx| {
        let now = tx.ts();
        let oldest = store::queue::oldest_due(tx.db, now, &besides)?;
        Ok(oldest.map_or(SignedDuration::ZERO, |at| tx.now.duration_since(at.get())))
    }))
    .await
}
