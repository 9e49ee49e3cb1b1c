//! Dispatch: hands claimed nudges over, so many at a time to each provider, and none to one that does not answer (R23).

use super::circuits::{Change, answered};
use super::{Finished, Senders};
use crate::actions::nudges::claim::{Payload, Ready};
use crate::chance::Chance;
use crate::clock::Clock;
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

/// Hand-overs to one push service at a time.
const PUSHES_AT_ONCE: usize = 64;
/// Mails at a time: what mail servers commonly allow one client.
const MAILS_AT_ONCE: usize = 8;
/// Mails that wait for their turn, and how long the others wait at least: a mail server is slow, and pushes must not
/// wait behind mails.
const MAILS_QUEUED: usize = 32;
const OVERFLOW: SignedDuration = SignedDuration::from_secs(5);
/// A provider that keeps all its places taken and ends nothing for this long is not waited for.
const STALL: Duration = Duration::from_millis(500);
/// How long a claimed nudge waits for a place before it is held back: what was checked must still be true.
const QUEUED_MAX: Duration = Duration::from_secs(2);
/// How long what was held back waits, at least; a random part of as much again is added.
const HELD_BACK: SignedDuration = SignedDuration::from_secs(2);
/// How long a push and a mail may take in all.
const PUSH_TAKES: SignedDuration =
    SignedDuration::from_secs(super::web_push::TIMEOUT.as_secs().cast_signed());
const MAIL_TAKES: SignedDuration = SignedDuration::from_secs(super::mail::TIMEOUT.as_secs().cast_signed());
/// The mail server's name among the providers.
const MAIL: &str = "mail";

/// One claim of one nudge.
type Key = (NudgeId, i32);

/// A claimed nudge whose hand-overs are not all over.
struct InHand {
    ready: Arc<Ready>,
    results: Vec<Option<SendResult>>,
    left: usize,
}

/// One provider's places and who waits for one.
struct Provider {
    places: usize,
    running: usize,
    queue: VecDeque<(Key, usize, Instant)>,
    /// When one of its hand-overs ended last, or its places were taken.
    progressed: Instant,
}

/// Everything that one worker has in hand.
pub struct Dispatch {
    senders: Arc<Senders>,
    metrics: Arc<Metrics>,
    clock: Clock,
    chance: Chance,
    /// How long a claim holds.
    lease: SignedDuration,
    in_hand: HashMap<Key, InHand>,
    providers: HashMap<String, Provider>,
    running: JoinSet<SendResult>,
    tasks: HashMap<Id, (Key, usize, String)>,
    finished: Vec<Arc<Finished>>,
}

impl Dispatch {
    /// An empty hand.
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

    /// How many claimed nudges are in hand.
    pub fn len(&self) -> usize {
        self.in_hand.len()
    }

    /// How many hand-overs wait for a place.
    pub fn queued(&self) -> usize {
        self.providers.values().map(|provider| provider.queue.len()).sum()
    }

    /// Takes a claimed nudge in hand.
    pub fn take(&mut self, ready: Ready) {
        let key = (ready.nudge.id, ready.nudge.attempts);
        let origins: Vec<String> = match &ready.payload {
            Payload::Push { targets, .. } => targets.iter().map(|(_, to)| origin(&to.endpoint)).collect(),
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

    /// Starts what may start, and gives up waiting for providers that do not move.
    pub fn start(&mut self) {
        let (now, clock) = (Instant::now(), self.clock.now());
        for origin in self.senders.forget(clock) {
            self.metrics.circuit_closed(class(&origin));
        }
        let mut held_back = Vec::new();
        let mut starting = Vec::new();
        self.providers.retain(|origin, provider| {
            let takes = if origin == MAIL { MAIL_TAKES } else { PUSH_TAKES };
            // A lease that is always shorter than that (for development) is only not to be over.
            let takes = if self.lease > takes { takes } else { SignedDuration::ZERO };
            while provider.running < provider.places
                && let Some((key, index, since)) = provider.queue.pop_front()
            {
                // Where the process stood still, or the machine slept, another worker may have the nudge by now, and
                // it may be unwanted: whoever claims it next looks at it again.
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
        // One wait for all that are held back together, spread a little between the rounds.
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

    /// Waits until a hand-over ends, and takes note of all that have. Never ready while nothing runs.
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
            // A sender that panicked: whatever it was, it may work later.
            Err(error) => (error.id(), SendResult::new(AttemptOutcome::Deferred, None)),
        };
        let Some((key, index, origin)) = self.tasks.remove(&id) else { return };
        if let Some(provider) = self.providers.get_mut(&origin) {
            provider.running = provider.running.saturating_sub(1);
            // A hand-over that only timed out is no progress.
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
            // Its class and not which: an operator's own push service may stand for one person (R35).
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
            Payload::Push { targets, .. } => targets.iter().map(|(device, _)| Some(*device)).collect(),
            Payload::Mail(_) => vec![None],
        };
        let results = devices.into_iter().zip(results).filter_map(|(device, result)| Some((device, result?)));
        let results = results.collect();
        self.finished.push(Arc::new(Finished { ready, results }));
    }

    /// What is over and to be recorded.
    pub fn finished(&mut self) -> Vec<Arc<Finished>> {
        std::mem::take(&mut self.finished)
    }

    /// Starts nothing more: what waits for a place is held back, for another worker to claim at once.
    pub fn close(&mut self) {
        let waiting: Vec<_> =
            self.providers.values_mut().flat_map(|provider| provider.queue.drain(..)).collect();
        for (key, index, _) in waiting {
            self.end(key, index, SendResult::held_back(SignedDuration::ZERO));
        }
    }
}

/// The origin of a push endpoint. One that cannot be read gets a place of its own, where its sender refuses it.
fn origin(endpoint: &str) -> String {
    Url::parse(endpoint).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

fn class(origin: &str) -> ServiceClass {
    let host = Url::parse(origin).ok().and_then(|url| url.host_str().map(ServiceClass::of_host));
    host.unwrap_or(if origin == MAIL { ServiceClass::Mail } else { ServiceClass::Other })
}
