//! The senders, push and mail, with what is known about the providers that they speak to.

use super::circuits::{Admission, Circuits};
use super::{mail, web_push};
use crate::actions::nudges::claim::{Payload, Ready};
use crate::domain::hand_over::SendResult;
use crate::domain::nudge::AttemptOutcome;
use jiff::Timestamp;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What stands in for the providers: told of each message and which of its targets it goes to, it says what came of it.
pub type StandIn = Box<dyn Fn(&Ready, usize, Timestamp) -> Outcome + Send + Sync>;
/// What comes of a message, once it is known.
pub type Outcome = Pin<Box<dyn Future<Output = SendResult> + Send>>;

/// The senders, one per channel, and the circuits of their providers.
pub struct Senders {
    /// Web Push.
    pub push: web_push::PushSender,
    /// E-mail.
    pub mail: mail::MailSender,
    stand_in: Option<StandIn>,
    circuits: Mutex<Circuits>,
}

impl Senders {
    /// Both senders, with no circuit open.
    pub fn new(push: web_push::PushSender, mail: mail::MailSender) -> Self {
        Self { push, mail, stand_in: None, circuits: Mutex::default() }
    }

    /// The same with something in place of all providers, for simulations: nothing leaves the process.
    #[must_use]
    pub fn with_stand_in(mut self, stand_in: StandIn) -> Self {
        self.stand_in = Some(stand_in);
        self
    }

    /// Hands a nudge to one of its targets.
    pub(super) async fn send(&self, ready: &Ready, index: usize, now: Timestamp) -> SendResult {
        if let Some(stand_in) = &self.stand_in {
            return stand_in(ready, index, now).await;
        }
        match &ready.payload {
            Payload::Push { targets, letter, answers } => match targets.get(index) {
                Some(target) => self.push.send(&ready.nudge, target, (letter, *answers), now).await,
                None => SendResult::new(AttemptOutcome::Refused, None),
            },
            Payload::Mail(mailing) => self.mail.send(&ready.nudge, mailing, now).await,
        }
    }

    /// The lanes of the providers that are left alone now.
    pub fn shut_lanes(&self, now: Timestamp) -> Vec<String> {
        let open = self.circuits().open(now).into_iter();
        open.filter(|(_, it)| matches!(it, Admission::Shut(_))).map(|(lane, _)| lane).collect()
    }

    /// When the first of the providers that are left alone is tried again; None: none is.
    pub fn tries_again_at(&self, now: Timestamp) -> Option<Timestamp> {
        let until =
            |(_, it): (String, Admission)| if let Admission::Shut(until) = it { Some(until) } else { None };
        self.circuits().open(now).into_iter().filter_map(until).min()
    }

    pub(super) fn circuits(&self) -> MutexGuard<'_, Circuits> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
