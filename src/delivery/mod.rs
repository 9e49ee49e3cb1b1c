//! The worker: claims due nudges, has them checked again, hands them to the senders and records the results.

mod circuits;
mod dispatch;
pub mod dkim;
pub mod heartbeat;
pub mod mail;
mod record;
pub mod retry;
pub mod smtp;
pub mod web_push;
mod worker_loop;

use crate::actions::accounts::erasure;
use crate::actions::nudges::claim::{Payload, Ready};
use crate::actions::operations::retention;
use crate::actions::{AppContext, Fault, export};
use crate::domain::hand_over::SendResult;
use crate::domain::nudge::AttemptOutcome;
use crate::ids::{DeviceId, WorkerId};
use circuits::{Change, Circuits};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
pub use worker_loop::BATCH;
use worker_loop::WorkerLoop;

/// The lease of a claim: longer than any hand-over may take.
const LEASE: SignedDuration = SignedDuration::from_secs(90);
/// How often the retention sweep deletes out-of-date rows.
const SWEEP: Duration = Duration::from_hours(1);
/// How often the worker looks for due erasures and for exports requested in another process.
const TEND: Duration = Duration::from_secs(10);

/// The senders, one per channel, and the circuits of their providers.
pub struct Senders {
    /// Web Push.
    pub push: web_push::PushSender,
    /// E-mail.
    pub mail: mail::MailSender,
    circuits: Mutex<Circuits>,
}

impl Senders {
    /// Both senders, with no circuit open.
    pub fn new(push: web_push::PushSender, mail: mail::MailSender) -> Self {
        Self { push, mail, circuits: Mutex::default() }
    }

    /// Hands a nudge to one of its targets.
    async fn send(&self, ready: &Ready, index: usize, now: Timestamp) -> SendResult {
        match &ready.payload {
            Payload::Push { targets, path, letter } => match targets.get(index) {
                Some((_, to)) => self.push.send(&ready.nudge, to, (path, letter), now).await,
                None => SendResult::new(AttemptOutcome::Refused, None),
            },
            Payload::Mail(mailing) => self.mail.send(&ready.nudge, mailing, now).await,
        }
    }

    fn admit(&self, origin: &str, now: Timestamp) -> Result<(), SignedDuration> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner).admit(origin, now)
    }

    fn forget(&self, now: Timestamp) -> Vec<String> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner).forget(now)
    }

    fn learn(&self, origin: &str, answered: Option<bool>, now: Timestamp) -> Option<Change> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner).learn(origin, answered, now)
    }
}

/// One worker. Several workers may share a database; they need no leader.
pub struct Worker {
    context: Arc<AppContext>,
    senders: Arc<Senders>,
    id: WorkerId,
    lease: SignedDuration,
}

/// A nudge whose hand-overs have all ended, with the results to record.
struct Finished {
    ready: Arc<Ready>,
    results: Vec<(Option<DeviceId>, SendResult)>,
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

    /// Delivers until nothing is due; returns how many nudges were claimed.
    ///
    /// # Errors
    /// The fault that kept it from claiming or recording; its open claims are free again when their leases end.
    pub async fn deliver_due(&self) -> Result<usize, Fault> {
        WorkerLoop::new(self).until_done().await
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
        WorkerLoop::new(self).until_stopped(&stop).await;
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
        if let Err(error) = retention::sweep(context).await {
            tracing::error!(%error, "what is out of date was not forgotten; the next sweep will");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Stopping is safe at any point: each step is a transaction, and the next pass begins the rest again.
async fn tend_now_and_then(context: &Arc<AppContext>) {
    loop {
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
