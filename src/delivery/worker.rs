//! One worker: delivers what is due, and beside that forgets what is out of date, erases and exports.

use super::senders::Senders;
use super::worker_loop::{Seat, WorkerLoop};
use crate::actions::accounts::erasure;
use crate::actions::operations::{retention, zone_change};
use crate::actions::{AppContext, Fault, export};
use crate::domain::clock_doubt::AGREED_MIN;
use crate::ids::WorkerId;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The lease of a claim: longer than any hand-over may take.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// How often the retention sweep deletes out-of-date rows.
const SWEEP: Duration = Duration::from_hours(1);
/// How often a sweep that the clocks do not allow yet is tried.
const NOT_YET: Duration = Duration::from_mins(1);

/// How often the worker looks for due erasures and for exports requested in another process.
const TEND: Duration = Duration::from_secs(10);

/// One worker. Several workers may share a database; they need no leader.
pub struct Worker {
    context: Arc<AppContext>,
    senders: Arc<Senders>,
    id: WorkerId,
    lease: SignedDuration,
}

impl Worker {
    /// A worker with a new id, which fences its claims.
    pub fn new(context: Arc<AppContext>, senders: Arc<Senders>) -> Self {
        let id = WorkerId::at(context.clock.now(), &context.chance);
        Self { context, senders, id, lease: LEASE }
    }

    /// The same worker with another lease.
    #[must_use]
    pub fn with_lease(mut self, lease: SignedDuration) -> Self {
        self.lease = lease;
        self
    }

    fn seat(&self) -> Seat<'_> {
        Seat { context: &self.context, senders: &self.senders, id: self.id, lease: self.lease }
    }

    /// Delivers until nothing is due; returns how many nudges were claimed.
    ///
    /// # Errors
    /// The fault that kept it from claiming or recording; its open claims are free again when their leases end.
    pub async fn deliver_due(&self) -> Result<usize, Fault> {
        WorkerLoop::new(self.seat()).until_done().await
    }

    /// Works until it is told to stop; then finishes the hand-overs under way, within a time-out, and gives back its
    /// other claims.
    pub async fn run(&self, stop: CancellationToken) {
        let sweeping = tokio::spawn({
            let (context, stop) = (Arc::clone(&self.context), stop.clone());
            async move { stop.run_until_cancelled(sweep_now_and_then(&context)).await }
        });
        let tending = tokio::spawn({
            let (context, stop) = (Arc::clone(&self.context), stop.clone());
            async move { stop.run_until_cancelled(tend_now_and_then(&context)).await }
        });
        WorkerLoop::new(self.seat()).until_stopped(&stop).await;
        if sweeping.await.is_err() {
            tracing::error!("the sweep of what is out of date ended by itself");
        }
        if tending.await.is_err() {
            tracing::error!("erasing and exporting ended by itself");
        }
    }
}

async fn sweep_now_and_then(context: &Arc<AppContext>) {
    loop {
        // What is deleted does not come back: the clocks must have agreed for a while (R38).
        if context.time_guard.agreed_for(&context.clock) < AGREED_MIN {
            tokio::time::sleep(NOT_YET).await;
            continue;
        }
        let done = retention::sweep(context).await.unwrap_or_else(|error| {
            tracing::error!(%error, "what is out of date was not forgotten; the next sweep will");
            true
        });
        tokio::time::sleep(if done { SWEEP } else { NOT_YET }).await;
    }
}

/// Stopping is safe at any point: each step is a transaction, and the next pass begins the rest again.
async fn tend_now_and_then(context: &Arc<AppContext>) {
    // Zone rules do not change while a process runs.
    let mut planned = false;
    loop {
        if !planned {
            planned = zone_change::replan(context).await.unwrap_or_else(|error| {
                tracing::error!(%error, "what waits was not planned under the zone rules of now; the next pass will");
                false
            });
        }
        if let Err(error) = erasure::carry_out_due(context).await {
            tracing::error!(%error, "who is to be erased was not erased; the next pass will");
        }
        if let Err(error) = export::make_due(context).await {
            tracing::error!(%error, "an export was not made; the next pass will");
        }
        // A notification or the time-out, whichever comes first.
        let _ = tokio::time::timeout(TEND, context.to_tend.notified()).await;
    }
}
