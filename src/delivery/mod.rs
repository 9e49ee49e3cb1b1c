//! The worker: claims what is due, has it checked again, hands it to a sender, and records what came of it.

pub mod heartbeat;
pub mod mail;
pub mod retry;
pub mod web_push;

use crate::actions::claim::{Parcel, Ready, claim};
use crate::actions::{Fault, House, Unit, retention};
use crate::domain::nudge::{Channel, NudgeState, Outcome};
use crate::ids::{AttemptId, DeviceId, WorkerId};
use crate::store;
use crate::store::nudge::{AttemptRow, Release};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a claim holds: longer than any send may take.
const LEASE: SignedDuration = SignedDuration::from_secs(90);
/// Nudges that one claim takes.
const BATCH: i64 = 32;
/// How often the worker looks even if nothing tells it to: another process may have planned something.
const POLL: Duration = Duration::from_secs(5);
/// How often what is out of date is forgotten.
const SWEEP: SignedDuration = SignedDuration::from_hours(1);
/// Attempts after which a nudge is given up and kept as dead (R20).
const ATTEMPTS_MAX: i32 = 12;

/// How one hand-over ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What it means.
    pub outcome: Outcome,
    /// The provider's HTTP status or SMTP code.
    pub code: Option<i32>,
    /// How long the provider asks to wait.
    pub retry_after: Option<SignedDuration>,
}

impl Sent {
    /// An ending without a wait.
    pub fn new(outcome: Outcome, code: Option<i32>) -> Self {
        Self { outcome, code, retry_after: None }
    }
}

/// The ways out of the house.
pub struct Senders {
    /// Web Push.
    pub push: web_push::PushSender,
    /// E-mail.
    pub mail: mail::MailSender,
}

/// One worker. Several may share a database; none is special.
pub struct Worker {
    house: Arc<House>,
    senders: Arc<Senders>,
    id: WorkerId,
}

/// A finished hand-over, to be recorded.
struct Finished {
    ready: Ready,
    results: Vec<(Option<DeviceId>, Sent)>,
}

impl Worker {
    /// A worker with an id of its own, the fence of its claims.
    pub fn new(house: Arc<House>, senders: Arc<Senders>) -> Self {
        let id = WorkerId::at(house.clock.now());
        Self { house, senders, id }
    }

    /// Delivers until nothing is due any more, and says how many nudges were looked at.
    pub async fn deliver_due(&self) -> Result<usize, Fault> {
        let mut total = 0;
        loop {
            let looked_at = self.pass().await?;
            if looked_at == 0 {
                return Ok(total);
            }
            total += looked_at;
        }
    }

    /// Works until it is told to stop; then it finishes what it is sending and gives back what it holds.
    pub async fn run(&self, stop: CancellationToken) {
        let mut swept_at = None;
        while !stop.is_cancelled() {
            let now = self.house.clock.now();
            if swept_at.is_none_or(|at| now >= at + SWEEP) {
                swept_at = Some(now);
                if let Err(error) = retention::sweep(&self.house).await {
                    tracing::error!(%error, "what is out of date was not forgotten; the next sweep will");
                }
            }
            match self.pass().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(%error, "the worker could not work; it tries again");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
            }
            let wait = self.until_next().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.house.planned.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        let id = self.id;
        let given_back =
            self.house.store.write(move |db| Ok::<_, Fault>(store::nudge::give_back(db, id)?)).await;
        if let Err(error) = given_back {
            tracing::warn!(%error, "claims were not given back; their leases will end");
        }
    }

    /// How long until the next nudge is due, at most one poll.
    async fn until_next(&self) -> Duration {
        let next = self.house.store.read(|db| Ok::<_, Fault>(store::nudge::next_due(db)?)).await;
        let Ok(Some(next)) = next else { return POLL };
        let wait = next.get().duration_since(self.house.clock.now());
        // What is due now and was not claimed is leased by another worker.
        let wait = Duration::try_from(wait).unwrap_or_default();
        wait.clamp(Duration::from_millis(20), POLL)
    }

    /// One claim, its sends, and their records.
    async fn pass(&self) -> Result<usize, Fault> {
        let (house, id) = (Arc::clone(&self.house), self.id);
        let claimed = self
            .house
            .store
            .write(move |db| {
                let mut unit = Unit { db, vault: &house.vault, now: house.clock.now() };
                claim(&mut unit, id, LEASE, BATCH)
            })
            .await?;
        let finished = join_all(claimed.ready.into_iter().map(|ready| self.send(ready))).await;
        if !finished.is_empty() {
            let house = Arc::clone(&self.house);
            self.house
                .store
                .write(move |db| {
                    let mut unit = Unit { db, vault: &house.vault, now: house.clock.now() };
                    finished.iter().try_for_each(|finished| record(&mut unit, id, finished))
                })
                .await?;
        }
        Ok(claimed.total)
    }

    async fn send(&self, ready: Ready) -> Finished {
        let now = self.house.clock.now();
        let results = match &ready.parcel {
            Parcel::Push(targets) => {
                let sends = targets.iter().map(|(device, subscription)| async {
                    (Some(*device), self.senders.push.send(&ready.nudge, subscription, now).await)
                });
                join_all(sends).await
            }
            Parcel::Mail { to, letter, path } => {
                vec![(None, self.senders.mail.send(&ready.nudge, to, letter, path, now).await)]
            }
        };
        Finished { ready, results }
    }
}

/// Records what came of a hand-over, if the claim is still this worker's (R15): a late result is refused, since
/// somebody else is sending the same nudge under the same Topic or Message-ID by now (R14).
fn record(unit: &mut Unit<'_>, worker: WorkerId, finished: &Finished) -> Result<(), Fault> {
    let nudge = &finished.ready.nudge;
    let has = |outcome: Outcome| finished.results.iter().any(|(_, sent)| sent.outcome == outcome);
    let channel = match finished.ready.parcel {
        Parcel::Push(_) => Channel::Push,
        Parcel::Mail { .. } => Channel::Mail,
    };
    let wait = finished.results.iter().filter_map(|(_, sent)| sent.retry_after).max();
    let (state, channel, send_at) = if has(Outcome::Accepted) {
        (NudgeState::Sent, channel, unit.now)
    } else if channel == Channel::Push && !has(Outcome::Deferred) {
        // Every subscription is gone or refuses: mail is next, at once.
        (NudgeState::Waiting, Channel::Mail, unit.now)
    } else if !has(Outcome::Deferred) || nudge.attempts >= ATTEMPTS_MAX {
        (NudgeState::Dead, channel, unit.now)
    } else {
        (NudgeState::Waiting, channel, retry_at(unit.now, nudge.attempts, wait))
    };
    let change = Release {
        state,
        attempts: nudge.attempts,
        drop_reason: None,
        channel,
        send_at: send_at.into(),
        finished_at: Some((state != NudgeState::Waiting).then(|| unit.ts())),
        leased_by: Some(None),
        lease_until: Some(None),
    };
    if !store::nudge::release(unit.db, nudge.id, worker, nudge.attempts, &change)? {
        tracing::info!(nudge = %nudge.id, "the lease was lost; the result is not recorded");
        return Ok(());
    }
    let now = unit.ts();
    let mut attempts = Vec::with_capacity(finished.results.len());
    for (device, sent) in &finished.results {
        if let (Some(device), Outcome::Gone) = (device, sent.outcome) {
            store::device::end(unit.db, *device, None, now)?;
        }
        if let (None, Outcome::Refused, Some(recipient)) = (device, sent.outcome, nudge.recipient_id) {
            let change =
                store::account::AccountChange { address_failed_at: Some(Some(now)), ..Default::default() };
            store::account::update(unit.db, recipient, &change)?;
        }
        attempts.push(AttemptRow {
            id: AttemptId::at(unit.now),
            nudge_id: nudge.id,
            device_id: *device,
            outcome: sent.outcome,
            status_code: sent.code,
            finished_at: now,
        });
    }
    store::nudge::insert_attempts(unit.db, &attempts)?;
    Ok(())
}

fn retry_at(now: Timestamp, attempts: i32, retry_after: Option<SignedDuration>) -> Timestamp {
    now + retry::wait(attempts, retry_after, rand::random())
}
