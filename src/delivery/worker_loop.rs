//! The worker loop: claims what it can hand over, records finished hand-overs, and sleeps until the next due time.

use crate::actions::nudges::claim::{Claimed, claim};
use crate::actions::operations::timed;
use crate::actions::{AppContext, Fault, Transaction};
use crate::delivery::dispatch::Dispatch;
use crate::delivery::record::{Finished, Recorded, record};
use crate::delivery::senders::Senders;
use crate::domain::hand_over::PUSH_PATIENCE;
use crate::domain::lane::LaneDue;
use crate::ids::WorkerId;
use crate::store;
use jiff::SignedDuration;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Nudges per claim, of all lanes together, and what is due for the same people.
pub const BATCH: usize = 256;
/// How long a finished nudge may wait to be recorded together with others.
const RECORD_WITHIN: Duration = Duration::from_millis(20);
/// How often the worker looks without a notification, since one may be lost.
const POLL: Duration = Duration::from_secs(5);
/// The wait before nudges are tried again that another worker was claiming.
const AGAIN: Duration = Duration::from_millis(20);
/// The wait after a database fault.
const AFTER_FAULT: Duration = Duration::from_secs(1);
/// How often the clocks are compared while the time is doubted.
const DOUBTED: Duration = Duration::from_secs(1);
/// How often queued hand-overs are checked for a stalled provider.
const STALL_CHECK: Duration = Duration::from_millis(100);
/// The time-out of the hand-overs under way when the worker stops.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// The time-out of giving claims back when the worker stops.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);

/// The result of one pass: one transaction that records and claims.
struct Passed {
    recorded: Recorded,
    claimed: Option<Claimed>,
    /// The lanes as they were after the claim, if they were looked at.
    lanes: Option<Vec<LaneDue>>,
    /// Whether the time is doubted, so that nothing was claimed (R38).
    doubted: bool,
}

type Pass = Pin<Box<dyn Future<Output = Result<Passed, Fault>> + Send>>;

/// What a loop works with: its worker's context, senders and name, and how long its claims hold.
#[derive(Clone, Copy)]
pub struct Seat<'a> {
    /// Settings, store, clock and chance.
    pub context: &'a Arc<AppContext>,
    /// The ways out.
    pub senders: &'a Arc<Senders>,
    /// The fence of its claims.
    pub id: WorkerId,
    /// How long a claim holds.
    pub lease: SignedDuration,
}

/// The state of one worker's loop.
pub struct WorkerLoop<'a> {
    worker: Seat<'a>,
    dispatch: Dispatch,
    /// Finished nudges that are not yet recorded, and since when the oldest waits.
    finished: Vec<Arc<Finished>>,
    finished_since: Option<Instant>,
    /// The pass under way, and the finished nudges that it records.
    pass: Option<Pass>,
    recording: Vec<Arc<Finished>>,
    /// The lanes in which nudges wait, and when something is due in each.
    due: Vec<(LaneDue, Instant)>,
    /// When all lanes are looked at again, and whether a notification came since the last pass began.
    look_at: Instant,
    woken: bool,
    /// When the database is tried again after a fault.
    not_before: Instant,
    /// Whether all lanes were looked at.
    looked: bool,
    /// How many nudges the last pass claimed (none: it did not claim), and all passes so far.
    last: Option<usize>,
    total: usize,
    closed: bool,
}

impl<'a> WorkerLoop<'a> {
    /// A loop that has not begun.
    pub fn new(worker: Seat<'a>) -> Self {
        Self {
            worker,
            dispatch: Dispatch::new(
                Arc::clone(worker.senders),
                Arc::clone(&worker.context.metrics),
                worker.context.clock.clone(),
                worker.lease,
            ),
            finished: Vec::new(),
            finished_since: None,
            pass: None,
            recording: Vec::new(),
            due: Vec::new(),
            look_at: Instant::now(),
            woken: false,
            not_before: Instant::now(),
            looked: false,
            last: None,
            total: 0,
            closed: false,
        }
    }

    /// Works until nothing is due or in hand; returns how many nudges were claimed.
    pub async fn until_done(mut self) -> Result<usize, Fault> {
        loop {
            self.step().await?;
            let now = Instant::now();
            let nothing_due = self.last == Some(0) || (self.looked && self.claim_at(now) > now);
            if nothing_due && self.pass.is_none() && self.dispatch.len() == 0 && self.finished.is_empty() {
                return Ok(self.total);
            }
        }
    }

    /// Works until it is told to stop; a fault is logged and the loop goes on.
    pub async fn until_stopped(mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.worker.context.planned.notified() => {
                    self.look_at = Instant::now();
                    self.woken = true;
                }
                result = self.step() => self.survive(result),
            }
        }
        self.closed = true;
        self.dispatch.close();
        let last = async {
            while self.dispatch.len() > 0
                || !self.finished.is_empty()
                || self.pass.is_some()
                || self.collect()
            {
                let result = self.step().await;
                self.survive(result);
            }
        };
        if tokio::time::timeout(STOP_WITHIN, last).await.is_err() {
            tracing::warn!("what was under way did not end in time");
        }
        let id = self.worker.id;
        let give_back = self.worker.context.worker_tx(move |tx| Ok(store::nudge::give_back(tx.db, id)?));
        match tokio::time::timeout(GIVE_BACK_WITHIN, give_back).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "claims were not given back; their leases will end"),
            Err(_) => tracing::warn!("the database does not answer; the leases will end"),
        }
    }

    fn survive(&mut self, result: Result<(), Fault>) {
        if let Err(error) = result {
            tracing::error!(%error, "the worker could not work; it tries again");
            self.not_before = Instant::now() + AFTER_FAULT;
        }
    }

    /// Starts hand-overs and a pass where it can, then waits for the next event. Dropping it loses nothing.
    async fn step(&mut self) -> Result<(), Fault> {
        self.dispatch.start();
        self.collect();
        let now = Instant::now();
        if self.pass.is_none() && self.wants_pass(now) {
            self.begin_pass(now);
        }
        let wake = self.wake_at();
        tokio::select! {
            biased;
            result = under_way(&mut self.pass) => self.passed(result)?,
            () = self.dispatch.ended() => {}
            () = tokio::time::sleep_until(wake) => {}
        }
        self.collect();
        Ok(())
    }

    /// Drains finished nudges from the dispatch; true if there were any.
    fn collect(&mut self) -> bool {
        let finished = self.dispatch.finished();
        if finished.is_empty() {
            return false;
        }
        self.finished_since.get_or_insert_with(Instant::now);
        self.finished.extend(finished);
        true
    }

    /// When a claim is worth its statement: something is due in a lane that has room, or all lanes are to be looked at.
    fn claim_at(&self, now: Instant) -> Instant {
        let clock = self.worker.context.clock.now();
        let after = |wait: SignedDuration| now + Duration::try_from(wait).unwrap_or_default().min(POLL);
        let lanes = self.due.iter().filter_map(|(LaneDue { lane, at }, due_at)| {
            let (standing, from) = self.dispatch.standing(lane, now);
            match standing.shut_until {
                Some(until) => {
                    let sooner = until.min(*at + PUSH_PATIENCE);
                    Some((*due_at).max(after(sooner.duration_since(clock))))
                }
                None => (standing.room > 0).then(|| (*due_at).max(from)),
            }
        });
        lanes.chain([self.look_at]).min().unwrap_or(now)
    }

    fn wants_pass(&self, now: Instant) -> bool {
        let waited = |since: Instant| now.checked_duration_since(since).is_some_and(|it| it >= RECORD_WITHIN);
        if now < self.not_before {
            return false;
        }
        (!self.closed && now >= self.claim_at(now))
            || self.finished.len() >= BATCH
            || (self
                .finished_since
                .is_some_and(|since| waited(since) || (self.dispatch.len() == 0 && now >= since)))
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let mut wake = now + POLL;
        if self.pass.is_none() {
            if !self.closed {
                wake = wake.min(self.claim_at(now));
            }
            if let Some(since) = self.finished_since {
                wake = wake.min(since + RECORD_WITHIN);
            }
            wake = wake.max(self.not_before);
        }
        if self.dispatch.queued() > 0 { wake.min(now + STALL_CHECK) } else { wake }
    }

    /// Begins a transaction that records finished nudges and claims due ones.
    fn begin_pass(&mut self, now: Instant) {
        let look = now >= self.look_at;
        let claims = !self.closed && now >= self.claim_at(now);
        let standings = self.dispatch.standings(now);
        let known: Vec<LaneDue> =
            self.due.iter().filter(|(_, at)| *at <= now).map(|(lane, _)| lane.clone()).collect();
        self.woken = false;
        self.recording = std::mem::take(&mut self.finished);
        self.finished_since = None;
        let Seat { context, id, lease, .. } = self.worker;
        let (context, id, lease, finished) = (Arc::clone(context), id, lease, self.recording.clone());
        self.pass = Some(Box::pin(async move {
            let this = Arc::clone(&context);
            let work = move |tx: &mut Transaction<'_>| {
                let doubted = timed::judge(&this, tx)?.is_err();
                let recorded = record(tx, id, &finished)?;
                if !claims || doubted {
                    return Ok(Passed { recorded, claimed: None, lanes: None, doubted });
                }
                let now = tx.lease_times(lease)?;
                let due = if look { store::lane::due(tx.db, now)? } else { known };
                let mut sharing = standings.share(&due, tx.now, BATCH);
                if look && sharing.is_empty() {
                    let claimed = Some(Claimed::default());
                    return Ok(Passed { recorded, claimed, lanes: Some(due), doubted });
                }
                let claimed = claim(tx, id, lease, &mut sharing)?;
                // Where less was free than could be claimed, something is due later.
                let looks = look || !claimed.short.is_empty();
                let lanes = looks.then(|| store::lane::due(tx.db, now)).transpose()?;
                let claimed = Some(claimed);
                Ok(Passed { recorded, claimed, lanes, doubted })
            };
            context.worker_tx(work).await
        }));
    }

    /// Applies the result of a pass.
    fn passed(&mut self, result: Result<Passed, Fault>) -> Result<(), Fault> {
        self.pass = None;
        let recording = std::mem::take(&mut self.recording);
        let passed = match result {
            Ok(passed) => passed,
            Err(error) => {
                // Keep the results for the next pass; if the database stays down, the leases end.
                if !recording.is_empty() {
                    self.finished.splice(0..0, recording);
                    self.finished_since.get_or_insert_with(Instant::now);
                }
                return Err(error);
            }
        };
        self.count(&passed);
        let now = Instant::now();
        let nothing = passed.doubted.then_some(0);
        let total = passed.claimed.as_ref().map(|claimed| claimed.total).or(nothing);
        if passed.doubted {
            // While the time is doubted, what is due says nothing.
            self.due.clear();
            self.look_at = now + DOUBTED;
            self.looked = true;
        }
        if let Some(lanes) = passed.lanes {
            let clock = self.worker.context.clock.now();
            let short = passed.claimed.as_ref().map_or(&[][..], |claimed| &claimed.short);
            let due_at = |LaneDue { lane, at }: &LaneDue| {
                let wait = Duration::try_from(at.duration_since(clock)).unwrap_or_default();
                // What is due but could not be claimed, another worker is claiming now.
                let soon = if short.contains(lane) { AGAIN } else { Duration::ZERO };
                now + wait.min(POLL * 2).max(soon)
            };
            self.due =
                lanes.into_iter().map(|lane| (due_at(&lane), lane)).map(|(at, lane)| (lane, at)).collect();
            self.look_at = now + POLL;
            self.looked = true;
        }
        if self.woken {
            // A nudge planned during the pass may have come too late for it.
            self.look_at = now;
        }
        self.last = total;
        self.total += total.unwrap_or(0);
        for ready in passed.claimed.into_iter().flat_map(|claimed| claimed.ready) {
            self.dispatch.take(ready);
        }
        if self.closed {
            // The worker was told to stop during this pass: give its claims back too.
            self.dispatch.close();
        }
        Ok(())
    }
}

impl WorkerLoop<'_> {
    fn count(&self, passed: &Passed) {
        let (metrics, recorded) = (&self.worker.context.metrics, &passed.recorded);
        metrics.passed(self.worker.context.clock.now());
        if let Some(claimed) = &passed.claimed {
            metrics.claimed(claimed.total);
        }
        for (channel, lateness) in &recorded.accepted {
            metrics.accepted_after(*channel, *lateness);
        }
        let given_up = passed.claimed.as_ref().map_or(0, |claimed| claimed.dead);
        for _ in 0..recorded.dead + given_up {
            metrics.dead();
        }
        metrics.put_off(recorded.put_off + passed.claimed.as_ref().map_or(0, |claimed| claimed.moved));
        if recorded.lost > 0 {
            tracing::info!(nudges = recorded.lost, "leases were lost; their results are not recorded");
            for _ in 0..recorded.lost {
                metrics.lease_lost();
            }
        }
    }
}

/// The result of the pass under way; never ready if there is none.
async fn under_way(pass: &mut Option<Pass>) -> Result<Passed, Fault> {
    match pass {
        Some(pass) => pass.await,
        None => std::future::pending().await,
    }
}
