//! Dispatch: hands claimed nudges to their providers, with a limit for each and none while its circuit is open (R23).

use super::circuits::{Admission, Change, sign};
use super::record::Finished;
use super::senders::Senders;
use crate::actions::nudges::claim::{Payload, Ready};
use crate::clock::Clock;
use crate::domain::clock_doubt::DATABASE_MAX;
use crate::domain::device::ServiceClass;
use crate::domain::hand_over::SendResult;
use crate::domain::lane::{MAIL, Standing, Standings, best, members};
use crate::domain::nudge::AttemptOutcome;
use crate::ids::{DeviceId, NudgeId};
use crate::metrics::Metrics;
use jiff::SignedDuration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use url::Url;

/// Concurrent hand-overs to one push service.
const PUSHES_AT_ONCE: usize = 64;
/// Concurrent mails: what mail servers commonly allow one client.
const MAILS_AT_ONCE: usize = 8;
/// Hand-overs that may queue, of all providers together; more would only get stale.
const QUEUE: usize = 512;
/// A provider's hand-overs may queue as many as it answered quickly in so long: what is claimed is sent soon, and what a
/// slow provider could not take yet waits in the database.
const QUEUED_FOR: Duration = Duration::from_millis(500);
/// An answer within this time is a quick one.
const QUICK: Duration = Duration::from_millis(250);
/// The most nudges that a worker has in hand, which bounds its memory; beyond it, a provider with none may have a few.
const IN_HAND: usize = 2048;
const A_FEW: usize = 8;
/// How long single places that got free are collected before they are filled again.
const COLLECT: Duration = Duration::from_millis(100);
/// A provider that ends no hand-over for this long while its queue waits has stalled: its queue is given back.
const STALL: Duration = Duration::from_millis(500);
/// How long a claimed nudge queues before it is given back: the checks made at its claim must still be true.
const QUEUED_MAX: Duration = Duration::from_secs(2);
/// The longest that one push and one mail may take in all.
const PUSH_TAKES: SignedDuration =
    SignedDuration::from_secs(super::web_push::TIMEOUT.as_secs().cast_signed());
const MAIL_TAKES: SignedDuration = SignedDuration::from_secs(super::mail::TIMEOUT.as_secs().cast_signed());

/// One claim of one nudge.
type Key = (NudgeId, i32);

/// A claimed nudge with hand-overs that have not ended.
struct InHand {
    ready: Arc<Ready>,
    results: Vec<Option<SendResult>>,
    left: usize,
}

/// A hand-over under way.
struct Task {
    key: Key,
    index: usize,
    lane: String,
    device: Option<DeviceId>,
    began: Instant,
}

/// One provider's places, and the hand-overs that queue for one.
struct Provider {
    class: ServiceClass,
    places: usize,
    running: usize,
    queue: VecDeque<(Key, usize, Instant)>,
    /// When its latest quick answers came.
    quick: VecDeque<Instant>,
    /// When something was last claimed for it.
    claimed: Instant,
    /// When a hand-over last started, or ended with an answer.
    progressed: Instant,
}

impl Provider {
    fn new(lane: &str, class: ServiceClass, now: Instant) -> Self {
        Self {
            class,
            places: if lane == MAIL { MAILS_AT_ONCE } else { PUSHES_AT_ONCE },
            running: 0,
            queue: VecDeque::new(),
            quick: VecDeque::new(),
            claimed: now,
            progressed: now,
        }
    }

    fn in_hand(&self) -> usize {
        self.running + self.queue.len()
    }

    /// How many hand-overs it may have in hand.
    fn capacity(&self, now: Instant) -> usize {
        let quick = self.quick.iter().rev().take_while(|at| now.duration_since(**at) <= QUEUED_FOR);
        self.places + quick.take(QUEUE).count()
    }
}

/// All claimed nudges that one worker is handing over.
pub struct Dispatch {
    senders: Arc<Senders>,
    metrics: Arc<Metrics>,
    clock: Clock,
    lease: SignedDuration,
    in_hand: BTreeMap<Key, InHand>,
    providers: BTreeMap<String, Provider>,
    running: JoinSet<SendResult>,
    tasks: HashMap<Id, Task>,
    finished: Vec<Arc<Finished>>,
}

impl Dispatch {
    /// A dispatch with nothing in hand.
    pub fn new(senders: Arc<Senders>, metrics: Arc<Metrics>, clock: Clock, lease: SignedDuration) -> Self {
        Self {
            senders,
            metrics,
            clock,
            lease,
            in_hand: BTreeMap::new(),
            providers: BTreeMap::new(),
            running: JoinSet::new(),
            tasks: HashMap::new(),
            finished: Vec::new(),
        }
    }

    /// The number of claimed nudges in hand.
    pub fn len(&self) -> usize {
        self.in_hand.len()
    }

    /// The number of hand-overs that wait for a place.
    pub fn queued(&self) -> usize {
        self.providers.values().map(|provider| provider.queue.len()).sum()
    }

    /// What can be claimed for a nudge's lane, and from when on it is worth to.
    pub fn standing(&self, lane: &str, now: Instant) -> (Standing, Instant) {
        let each: Vec<_> = members(lane).map(|one| self.of(one, now)).collect();
        let open = each.iter().filter(|(standing, _)| standing.room > 0).map(|(_, from)| *from).min();
        (best(each.into_iter().map(|(standing, _)| standing)), open.unwrap_or(now))
    }

    fn of(&self, lane: &str, now: Instant) -> (Standing, Instant) {
        let provider = self.providers.get(lane);
        let in_hand = provider.map_or(0, Provider::in_hand);
        let room = match provider {
            Some(provider) => {
                let own = (provider.capacity(now)).saturating_sub(in_hand);
                let places = provider.places.saturating_sub(in_hand);
                own.min(places + QUEUE.saturating_sub(self.queued()))
            }
            None if lane == MAIL => MAILS_AT_ONCE,
            None => PUSHES_AT_ONCE,
        };
        let left = IN_HAND.saturating_sub(self.len());
        let room = room.min(if in_hand == 0 { left.max(A_FEW) } else { left });
        let standing = |room, shut_until| Standing { room, in_hand, shut_until };
        match self.senders.circuits().admission(lane, self.clock.now()) {
            Admission::Shut(until) => (standing(0, Some(until)), now),
            // Once what was under way when the circuit opened has ended.
            Admission::Probe => (standing(usize::from(in_hand == 0), None), now),
            Admission::Open => {
                // Many at a time cost the database less: half of what is queued, or an eighth of the places.
                let many = provider.map_or(0, |it| match it.queue.len() {
                    0 => it.places / 8,
                    queued => queued,
                });
                let wait = if in_hand == 0 || room >= many { Duration::ZERO } else { COLLECT };
                (standing(room, None), provider.map_or(now, |it| it.claimed + wait))
            }
        }
    }

    /// What can be claimed now, for each lane.
    pub fn standings(&self, now: Instant) -> Standings {
        let mut lanes: Vec<String> = self.providers.keys().cloned().collect();
        lanes.extend(self.senders.circuits().open(self.clock.now()).into_iter().map(|(lane, _)| lane));
        lanes.push(MAIL.to_owned());
        let standing = |lane: String| {
            let (standing, from) = self.of(&lane, now);
            let room = if from <= now { standing.room } else { 0 };
            (lane, Standing { room, ..standing })
        };
        Standings { known: lanes.into_iter().map(standing).collect(), fresh: self.of("", now).0 }
    }

    /// Queues a claimed nudge's hand-overs. One whose provider is left alone, or has no room while another device's has,
    /// is given back at once: it waits in its lane.
    pub fn take(&mut self, ready: Ready) {
        let key = (ready.nudge.id, ready.nudge.attempts);
        let now = Instant::now();
        let targets: Vec<(String, ServiceClass, Option<SignedDuration>)> = match &ready.payload {
            Payload::Push { targets, .. } => targets
                .iter()
                .map(|target| (target.lane.clone(), class(&target.subscription.endpoint), target.rests))
                .collect(),
            Payload::Mail(_) => vec![(MAIL.to_owned(), ServiceClass::Mail, None)],
        };
        let in_hand =
            InHand { ready: Arc::new(ready), results: vec![None; targets.len()], left: targets.len() };
        self.in_hand.insert(key, in_hand);
        if targets.is_empty() {
            self.finish(key);
        }
        let clock = self.clock.now();
        let shut = |lane: &str| matches!(self.senders.circuits().admission(lane, clock), Admission::Shut(_));
        let full = |lane: &str| {
            self.providers.get(lane).is_some_and(|provider| provider.in_hand() >= provider.capacity(now))
        };
        let all_full = targets.iter().all(|(lane, _, _)| full(lane));
        let held: Vec<Option<SignedDuration>> = targets
            .iter()
            .map(|(lane, _, rests)| {
                rests.or((shut(lane) || (full(lane) && !all_full)).then_some(SignedDuration::ZERO))
            })
            .collect();
        for (index, ((lane, class, _), held)) in targets.into_iter().zip(held).enumerate() {
            if let Some(wait) = held {
                self.end(key, index, SendResult::held_back(wait));
                continue;
            }
            let provider = Provider::new(&lane, class, now);
            let provider = self.providers.entry(lane).or_insert(provider);
            provider.claimed = now;
            provider.queue.push_back((key, index, now));
        }
    }

    /// Starts the hand-overs that have a place, and gives back those of stalled providers.
    pub fn start(&mut self) {
        let (now, clock) = (Instant::now(), self.clock.now());
        for class in self.senders.circuits().forget(clock) {
            self.metrics.circuit_closed(class);
        }
        let mut given_back = Vec::new();
        let mut starting = Vec::new();
        self.providers.retain(|lane, provider| {
            let takes = if lane == MAIL { MAIL_TAKES } else { PUSH_TAKES };
            // With a lease shorter than a hand-over (in development), only an ended lease counts as stale.
            // The lease ends by the database's clock, which may be a little ahead.
            let takes = takes + DATABASE_MAX;
            let takes = if self.lease > takes { takes } else { SignedDuration::ZERO };
            while provider.running < provider.places
                && let Some((key, index, since)) = provider.queue.pop_front()
            {
                // After a pause of the process or the machine, another worker may have claimed the nudge, or nobody
                // may want it: once given back, its next claim checks it again.
                let lease_until = self.in_hand.get(&key).and_then(|it| it.ready.nudge.lease_until);
                let stale = now.duration_since(since) >= QUEUED_MAX
                    || lease_until.is_none_or(|until| clock + takes >= until.get());
                if stale || !self.senders.circuits().admit(lane, clock) {
                    given_back.push((key, index));
                    continue;
                }
                provider.running += 1;
                provider.progressed = now;
                starting.push((key, index, lane.clone()));
            }
            if now.duration_since(provider.progressed) >= STALL {
                given_back.extend(provider.queue.drain(..).map(|(key, index, _)| (key, index)));
            }
            while let Some((_, _, since)) = provider.queue.front()
                && now.duration_since(*since) >= QUEUED_MAX
                && let Some((key, index, _)) = provider.queue.pop_front()
            {
                given_back.push((key, index));
            }
            while provider.quick.front().is_some_and(|at| now.duration_since(*at) > QUEUED_FOR) {
                provider.quick.pop_front();
            }
            provider.in_hand() > 0 || !provider.quick.is_empty()
        });
        for (key, index, lane) in starting {
            self.spawn(key, index, lane);
        }
        for (key, index) in given_back {
            self.end(key, index, SendResult::held_back(SignedDuration::ZERO));
        }
    }

    fn spawn(&mut self, key: Key, index: usize, lane: String) {
        let Some(in_hand) = self.in_hand.get(&key) else { return };
        let (ready, senders, now) = (Arc::clone(&in_hand.ready), Arc::clone(&self.senders), self.clock.now());
        let task = self.running.spawn(async move { senders.send(&ready, index, now).await });
        let device = match &in_hand.ready.payload {
            Payload::Push { targets, .. } => targets.get(index).map(|target| target.device),
            Payload::Mail(_) => None,
        };
        self.tasks.insert(task.id(), Task { key, index, lane, device, began: Instant::now() });
    }

    /// Waits until a hand-over ends, and notes all that have ended. Never ready while none runs.
    pub async fn ended(&mut self) {
        match self.running.join_next_with_id().await {
            Some(result) => self.note(result),
            None => std::future::pending().await,
        }
        while let Some(result) = self.running.try_join_next_with_id() {
            self.note(result);
        }
    }

    fn note(&mut self, result: Result<(Id, SendResult), tokio::task::JoinError>) {
        let (id, result) = match result {
            Ok(ended) => ended,
            // A sender panicked; a retry may work.
            Err(error) => (error.id(), SendResult::new(AttemptOutcome::Deferred, None)),
        };
        let Some(Task { key, index, lane, device, began }) = self.tasks.remove(&id) else { return };
        let Some(provider) = self.providers.get_mut(&lane) else { return };
        provider.running = provider.running.saturating_sub(1);
        // A hand-over without an answer, such as a time-out, is no progress. A mail that became a file is one.
        if result.code.is_some() || result.outcome == Some(AttemptOutcome::Accepted) {
            let now = Instant::now();
            provider.progressed = now;
            if now.duration_since(began) <= QUICK {
                provider.quick.push_back(now);
                if provider.quick.len() > QUEUE {
                    provider.quick.pop_front();
                }
            }
        }
        let service = provider.class;
        if let Some(outcome) = result.outcome {
            self.metrics.attempted(service, outcome);
        }
        if result.refuses_us {
            self.metrics.key_refused(service);
        }
        let sign = sign(&result, lane == MAIL);
        let change = self.senders.circuits().learn((&lane, service), device, sign, self.clock.now());
        match change {
            // Log its class, not its origin: an operator's own push service may identify one person (R35).
            Some(Change::Opened) => {
                self.metrics.circuit_opened(service);
                tracing::warn!(?service, "a provider does not answer; it is left alone for a while");
            }
            Some(Change::Closed) => {
                self.metrics.circuit_closed(service);
                tracing::info!(?service, "a provider answers again");
            }
            None => {}
        }
        self.end(key, index, result);
    }

    fn end(&mut self, key: Key, index: usize, result: SendResult) {
        let Some(in_hand) = self.in_hand.get_mut(&key) else { return };
        let Some(slot @ None) = in_hand.results.get_mut(index) else { return };
        *slot = Some(result);
        in_hand.left -= 1;
        if in_hand.left == 0 {
            self.finish(key);
        }
    }

    fn finish(&mut self, key: Key) {
        let Some(InHand { ready, results, .. }) = self.in_hand.remove(&key) else { return };
        let devices: Vec<_> = match &ready.payload {
            Payload::Push { targets, .. } => targets.iter().map(|target| Some(target.device)).collect(),
            Payload::Mail(_) => vec![None],
        };
        let results = devices.into_iter().zip(results).filter_map(|(device, result)| Some((device, result?)));
        let results = results.collect();
        self.finished.push(Arc::new(Finished { ready, results }));
    }

    /// Takes the nudges whose hand-overs have all ended.
    pub fn finished(&mut self) -> Vec<Arc<Finished>> {
        std::mem::take(&mut self.finished)
    }

    /// Empties the queues: their nudges are given back, so another worker can claim them at once.
    pub fn close(&mut self) {
        let waiting: Vec<_> =
            self.providers.values_mut().flat_map(|provider| provider.queue.drain(..)).collect();
        for (key, index, _) in waiting {
            self.end(key, index, SendResult::held_back(SignedDuration::ZERO));
        }
    }
}

/// The class of an endpoint's push service.
fn class(endpoint: &str) -> ServiceClass {
    let url = Url::parse(endpoint).ok();
    url.and_then(|url| url.host_str().map(ServiceClass::of_host)).unwrap_or(ServiceClass::Other)
}
