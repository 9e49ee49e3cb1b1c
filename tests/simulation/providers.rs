//! Push services and a mail server that answer as they please, with a word from the test's clock for each message.

use evenkeel::actions::nudges::claim::{Payload, Ready};
use evenkeel::clock::Clock;
use evenkeel::delivery::StandIn;
use evenkeel::domain::hand_over::SendResult;
use evenkeel::domain::mail_reply::{MailReply, MailStep};
use evenkeel::domain::nudge::AttemptOutcome;
use evenkeel::ids::{AccountId, DeviceId, NudgeId};
use evenkeel::store::nudge::NudgeRow;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The push services' origins, by their numbers.
pub const ORIGINS: [&str; 2] = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
/// The number of the mail server.
pub const MAIL: usize = ORIGINS.len();

/// How a provider is, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers within half a second.
    Well,
    /// It takes seconds, and sometimes longer than a client waits, although it took the message.
    Slow,
    /// It takes the connection and says nothing.
    Silent,
    /// It takes no connection.
    Away,
    /// It asks for time.
    Busy,
    /// It is broken, and says so.
    Broken,
    /// It takes the message, and the connection breaks before its answer.
    CutOff,
    /// It refuses this server.
    RefusesUs,
    /// Each message meets another mood.
    Moody,
}

const MOODS: [Mood; 8] = [
    Mood::Slow,
    Mood::Silent,
    Mood::Away,
    Mood::Busy,
    Mood::Broken,
    Mood::CutOff,
    Mood::RefusesUs,
    Mood::Moody,
];

impl Mood {
    /// Any but a good one.
    pub fn bad(rng: &mut StdRng) -> Self {
        MOODS[rng.random_range(0..MOODS.len())]
    }
}

/// A message that a provider took.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Timestamp,
    pub nudges: Vec<NudgeId>,
    pub recipient: Option<AccountId>,
    /// None: by mail.
    pub device: Option<DeviceId>,
    /// What a phone or an inbox knows it by.
    pub key: String,
    /// Whether the process that sent it heard so.
    pub answered: bool,
}

/// A hand-over that began.
#[derive(Clone, Debug)]
pub struct Sending {
    pub at: Timestamp,
    pub rows: Vec<NudgeRow>,
    pub provider: usize,
}

/// What happened at all providers.
#[derive(Default)]
pub struct Log {
    pub sendings: Vec<Sending>,
    pub arrivals: Vec<Arrival>,
}

/// All providers of one run.
pub struct Providers {
    seed: u64,
    clock: Clock,
    /// By provider: from when on it is how.
    moods: Vec<Vec<(Timestamp, Mood)>>,
    /// Endpoints that are gone from some instant on.
    gone: BTreeMap<String, Timestamp>,
    pub log: Mutex<Log>,
}

impl Providers {
    pub fn new(
        seed: u64,
        clock: Clock,
        moods: Vec<Vec<(Timestamp, Mood)>>,
        gone: BTreeMap<String, Timestamp>,
    ) -> Self {
        Self { seed, clock, moods, gone, log: Mutex::default() }
    }

    pub fn mood(&self, provider: usize, at: Timestamp) -> Mood {
        self.moods[provider].iter().rev().find(|(from, _)| *from <= at).map_or(Mood::Well, |(_, mood)| *mood)
    }

    /// Whether a provider was well all the time between two instants.
    pub fn well(&self, provider: usize, from: Timestamp, until: Timestamp) -> bool {
        let within = |(at, _): &&(Timestamp, Mood)| from <= *at && *at <= until;
        self.mood(provider, from) == Mood::Well
            && self.moods[provider].iter().filter(within).all(|(_, mood)| *mood == Mood::Well)
    }

    /// These providers in place of the real ones.
    pub fn stand_in(self: &Arc<Self>) -> StandIn {
        let this = Arc::clone(self);
        Box::new(move |ready, index, _| {
            let this = Arc::clone(&this);
            let rows: Vec<NudgeRow> = ready.nudges().cloned().collect();
            let (provider, device, endpoint) = match &ready.payload {
                Payload::Push { targets, .. } => {
                    let target = &targets[index];
                    let endpoint = target.subscription.endpoint.clone();
                    let provider = ORIGINS.iter().position(|origin| endpoint.starts_with(origin)).unwrap();
                    (provider, Some(target.device), Some(endpoint))
                }
                Payload::Mail(_) => (MAIL, None, None),
            };
            let rng = this.dice(ready, index);
            Box::pin(async move { this.take(rows, (provider, device, endpoint), rng).await })
        })
    }

    /// The same for each try of a message in every run, whatever the order in which they come.
    fn dice(&self, ready: &Ready, index: usize) -> StdRng {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.seed, &ready.nudge.key, ready.nudge.attempts, index).hash(&mut hasher);
        StdRng::seed_from_u64(hasher.finish())
    }

    async fn take(
        &self,
        rows: Vec<NudgeRow>,
        (provider, device, endpoint): (usize, Option<DeviceId>, Option<String>),
        mut rng: StdRng,
    ) -> SendResult {
        let began = self.clock.now();
        self.log.lock().unwrap().sendings.push(Sending { at: began, rows: rows.clone(), provider });
        let gives_up_after = if provider == MAIL { 75_000 } else { 10_000 };
        let wait = |millis: u64| tokio::time::sleep(Duration::from_millis(millis));
        let deferred = SendResult::new(AttemptOutcome::Deferred, None);
        let accepted = if provider == MAIL {
            SendResult::new(AttemptOutcome::Accepted, Some(250))
        } else {
            SendResult::of_push(201, None)
        };
        let take = || {
            let mut log = self.log.lock().unwrap();
            log.arrivals.push(Arrival {
                at: self.clock.now(),
                nudges: rows.iter().map(|row| row.id).collect(),
                recipient: rows[0].recipient_id,
                device,
                key: rows[0].shown_key().to_owned(),
                answered: false,
            });
            log.arrivals.len() - 1
        };
        let is_gone = endpoint.is_some_and(|it| self.gone.get(&it).is_some_and(|at| *at <= began));
        let mood = match self.mood(provider, began) {
            Mood::Moody if rng.random_bool(0.5) => Mood::Well,
            Mood::Moody => MOODS[rng.random_range(0..MOODS.len() - 1)],
            mood => mood,
        };
        match mood {
            Mood::Silent => {
                wait(gives_up_after).await;
                return deferred;
            }
            Mood::Away => {
                wait(rng.random_range(1..50)).await;
                return deferred;
            }
            Mood::Busy => {
                wait(rng.random_range(1..200)).await;
                let asked =
                    rng.random_bool(0.7).then(|| SignedDuration::from_secs(rng.random_range(1..3600)));
                return match provider {
                    MAIL => {
                        SendResult::of_mail(MailStep::Recipient, Some(&MailReply::read(451, "4.7.1 later")))
                    }
                    _ => SendResult::of_push(429, asked),
                };
            }
            Mood::Broken => {
                wait(rng.random_range(1..200)).await;
                return match provider {
                    MAIL => {
                        SendResult::of_mail(MailStep::Connection, Some(&MailReply::read(421, "4.3.0 no")))
                    }
                    _ => SendResult::of_push(if rng.random_bool(0.5) { 500 } else { 503 }, None),
                };
            }
            Mood::RefusesUs => {
                wait(rng.random_range(1..200)).await;
                return match provider {
                    MAIL => SendResult::of_mail(
                        MailStep::Recipient,
                        Some(&MailReply::read(550, "5.7.1 relaying denied")),
                    ),
                    _ => SendResult::of_push(503, None),
                };
            }
            Mood::Well | Mood::Slow | Mood::CutOff | Mood::Moody => {}
        }
        if is_gone {
            wait(rng.random_range(1..200)).await;
            return SendResult::of_push(410, None);
        }
        // It takes the message somewhere on the way, and answers at the end of it.
        let whole = match mood {
            Mood::Slow => rng.random_range(800..gives_up_after + 3_000),
            _ => rng.random_range(5..400),
        };
        let taken = rng.random_range(0..whole);
        wait(taken.min(gives_up_after)).await;
        let arrival = (taken < gives_up_after).then(take);
        wait(whole.min(gives_up_after).saturating_sub(taken)).await;
        if mood == Mood::CutOff || whole >= gives_up_after {
            return deferred;
        }
        if let Some(arrival) = arrival {
            self.log.lock().unwrap().arrivals[arrival].answered = true;
        }
        accepted
    }
}
