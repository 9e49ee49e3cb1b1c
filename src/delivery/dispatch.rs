//! Dispatch: hands claimed nudges to their providers, with a limit for each and none while its circuit is open (R23).

use super::circuits::{Change, answered};
use super::record::Finished;
use super::senders::Senders;
use crate::actions::nudges::claim::{Payload, Ready};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::domain::clock_doubt::DATABASE_MAX;
use crate::domain::device::ServiceClass;
use crate::domain::hand_over::SendResult;
use crate::domain::nudge::AttemptOutcome;
use crate::ids::NudgeId;
use crate::metrics::Metrics;
use jiff::SignedDuration;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use url::Url;

/// Concurrent hand-overs to one push service.
const PUSHES_AT_ONCE: usize = 64;
/// Concurrent mails: what mail servers commonly allow one client.
const MAILS_AT_ONCE: usize = 8;
/// Mails that may queue, and the shortest wait of a mail beyond them: a mail server is slow, and pushes must not wait
/// behind mails.
const MAILS_QUEUED: usize = 32;
const OVERFLOW: SignedDuration = SignedDuration::from_secs(5);
/// A provider that ends no hand-over for this long while its queue waits has stalled: its queue is held back.
const STALL: Duration = Duration::from_millis(500);
/// How long a claimed nudge queues before it is held back: the checks made at its claim must still be true.
const QUEUED_MAX: Duration = Duration::from_secs(2);
/// The shortest wait of a nudge that was held back; up to the same again is added at random.
const HELD_BACK: SignedDuration = SignedDuration::from_secs(2);
/// The longest that one push and one mail may take in all.
const PUSH_TAKES: SignedDuration =
    SignedDuration::from_secs(super::web_push::TIMEOUT.as_secs().cast_signed());
const MAIL_TAKES: SignedDuration = SignedDuration::from_secs(super::mail::TIMEOUT.as_secs().cast_signed());
/// The mail server's name among the providers.
const MAIL: &str = "mail";

/// One claim of one nudge.
type Key = (NudgeId, i32);

/// A claimed nudge with hand-overs that have not ended.
struct InHand {
    ready: Arc<Ready>,
    results: Vec<Option<SendResult>>,
    left: usize,
}

/// One provider's places, and the hand-overs that queue for one.
struct Provider {
    places: usize,
    running: usize,
    queue: VecDeque<(Key, usize, Instant)>,
    /// When a hand-over last started, or ended with an answer.
    progressed: Instant,
}

/// All claimed nudges that one worker is handing over.
pub struct Dispatch {
    senders: Arc<Senders>,
    metrics: Arc<Metrics>,
    clock: Clock,
    chance: Chance,
    lease: SignedDuration,
    in_hand: HashMap<Key, InHand>,
    providers: HashMap<String, Provider>,
    running: JoinSet<SendResult>,
    tasks: HashMap<Id, (Key, usize, String)>,
    finished: Vec<Arc<Finished>>,
}

impl Dispatch {
    /// A dispatch with nothing in hand.
    pub fn new(
        senders: Arc<Senders>,
        metrics: Arc<Metrics>,
        clock: Clock,
        chance: Chance,
        lease: SignedDuration,
    ) -> Self {
        Self {
            senders,
            metrics,
            clock,
            chance,
            lease,
            in_hand: HashMap::new(),
            providers: HashMap::new(),
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

    /// Queues a claimed nudge's hand-overs.
    pub fn take(&mut self, ready: Ready) {
        let key = (ready.nudge.id, ready.nudge.attempts);
        let origins: Vec<String> = match &ready.payload {
            Payload::Push { targets, .. } => {
                targets.iter().map(|target| origin(&target.subscription.endpoint)).collect()
            }
            Payload::Mail(_) => vec![MAIL.to_owned()],
        };
        let in_hand =
            InHand { ready: Arc::new(ready), results: vec![None; origins.len()], left: origins.len() };
        self.in_hand.insert(key, in_hand);
        if origins.is_empty() {
            self.finish(key);
        }
        let (now, mut overflow) = (Instant::now(), Vec::new());
        for (index, origin) in origins.into_iter().enumerate() {
            let mail = origin == MAIL;
            let places = if mail { MAILS_AT_ONCE } else { PUSHES_AT_ONCE };
            let provider = self.providers.entry(origin).or_insert_with(|| Provider {
                places,
                running: 0,
                queue: VecDeque::new(),
                progressed: now,
            });
            if mail && provider.queue.len() >= MAILS_QUEUED {
                overflow.push(index);
            } else {
                provider.queue.push_back((key, index, now));
            }
        }
        let wait = OVERFLOW.mul_f64(1.0 + self.chance.fraction());
        for index in overflow {
            self.end(key, index, SendResult::held_back(wait));
        }
    }

    /// Starts the hand-overs that have a place, and holds back those of stalled providers.
    pub fn start(&mut self) {
        let (now, clock) = (Instant::now(), self.clock.now());
        for origin in self.senders.forget(clock) {
            self.metrics.circuit_closed(class(&origin));
        }
        let mut held_back = Vec::new();
        let mut starting = Vec::new();
        self.providers.retain(|origin, provider| {
            let takes = if origin == MAIL { MAIL_TAKES } else { PUSH_TAKES };
            // With a lease shorter than a hand-over (in development), only an ended lease counts as stale.
            // The lease ends by the database's clock, which may be a little ahead.
            let takes = takes + DATABASE_MAX;
            let takes = if self.lease > takes { takes } else { SignedDuration::ZERO };
            while provider.running < provider.places
                && let Some((key, index, since)) = provider.queue.pop_front()
            {
                // After a pause of the process or the machine, another worker may have claimed the nudge, or nobody
                // may want it: once held back, its next claim checks it again.
                let lease_until = self.in_hand.get(&key).and_then(|it| it.ready.nudge.lease_until);
                let stale = now.duration_since(since) >= QUEUED_MAX
                    || lease_until.is_none_or(|until| clock + takes >= until.get());
                if stale {
                    held_back.push((key, index, HELD_BACK));
                    continue;
                }
                match self.senders.admit(origin, clock) {
                    Ok(()) => {
                        provider.running += 1;
                        provider.progressed = now;
                        starting.push((key, index, origin.clone()));
                    }
                    Err(wait) => held_back.push((key, index, wait)),
                }
            }
            if now.duration_since(provider.progressed) >= STALL {
                held_back.extend(provider.queue.drain(..).map(|(key, index, _)| (key, index, HELD_BACK)));
            }
            while let Some((_, _, since)) = provider.queue.front()
                && now.duration_since(*since) >= QUEUED_MAX
                && let Some((key, index, _)) = provider.queue.pop_front()
            {
                held_back.push((key, index, HELD_BACK));
            }
            provider.running > 0 || !provider.queue.is_empty()
        });
        for (key, index, origin) in starting {
            self.spawn(key, index, origin);
        }
        // One random addition for all that are held back in this round, so that rounds do not meet.
        let spread = HELD_BACK.mul_f64(self.chance.fraction());
        for (key, index, wait) in held_back {
            self.end(key, index, SendResult::held_back(wait + spread));
        }
    }

    fn spawn(&mut self, key: Key, index: usize, origin: String) {
        let Some(in_hand) = self.in_hand.get(&key) else { return };
        let (ready, senders, now) = (Arc::clone(&in_hand.ready), Arc::clone(&self.senders), self.clock.now());
        let task = self.running.spawn(async move { senders.send(&ready, index, now).await });
        self.tasks.insert(task.id(), (key, index, origin));
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
        let Some((key, index, origin)) = self.tasks.remove(&id) else { return };
        if let Some(provider) = self.providers.get_mut(&origin) {
            provider.running = provider.running.saturating_sub(1);
            // A hand-over without an answer, such as a time-out, is no progress.
            if result.code.is_some() {
                provider.progressed = Instant::now();
            }
        }
        let service = class(&origin);
        if let Some(outcome) = result.outcome {
            self.metrics.attempted(service, outcome);
        }
        if result.refuses_us {
            self.metrics.key_refused(service);
        }
        let answered = answered(&result, origin == MAIL);
        match self.senders.learn(&origin, answered, self.clock.now()) {
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

    /// Empties the queues: their nudges are held back without a wait, so another worker can claim them at once.
    pub fn close(&mut self) {
        let waiting: Vec<_> =
            self.providers.values_mut().flat_map(|provider| provider.queue.drain(..)).collect();
        for (key, index, _) in waiting {
            self.end(key, index, SendResult::held_back(SignedDuration::ZERO));
        }
    }
}

/// The origin of a push endpoint; empty if it cannot be parsed, and then the sender refuses it.
fn origin(endpoint: &str) -> String {
    Url::parse(endpoint).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

fn class(origin: &str) -> ServiceClass {
    let host = Url::parse(origin).ok().and_then(|url| url.host_str().map(ServiceClass::of_host));
    host.unwrap_or(if origin == MAIL { ServiceClass::Mail } else { ServiceClass::Other })
}
