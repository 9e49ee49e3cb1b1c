//! The heartbeat: pings a dead man's switch every minute while nudges go out, and stops when they do not.

use super::senders::Senders;
use crate::actions::AppContext;
use crate::actions::operations::watch::{oldest_due_age, passed_lately};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between beats.
pub const EVERY: Duration = Duration::from_secs(60);
/// How long a due nudge without a claim may wait before the worker counts as stuck.
pub const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// The time-out of the switch's answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The result of one beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The switch answered with success.
    Heard,
    /// The worker makes progress, but the switch did not answer with success.
    Unheard,
    /// The worker makes no progress, so no request was made.
    Withheld,
}

/// The heartbeat of one worker process.
pub struct Heartbeat {
    context: Arc<AppContext>,
    senders: Arc<Senders>,
    client: reqwest::Client,
    url: SecretString,
}

impl Heartbeat {
    /// A heartbeat that fetches `url`. The URL contains a token, so it goes neither to the log nor along a redirect.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(
        context: Arc<AppContext>,
        senders: Arc<Senders>,
        url: SecretString,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { context, senders, client, url })
    }

    /// Beats every minute until it is told to stop; the first beat comes after a minute, when the worker has begun.
    pub async fn run(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if stop.run_until_cancelled(self.beat()).await.is_none() {
                return;
            }
        }
    }

    /// Beats once, if the worker makes progress.
    pub async fn beat(&self) -> Beat {
        if !self.progresses().await {
            return Beat::Withheld;
        }
        // The error itself is not logged: it contains the URL.
        match self.client.get(self.url.expose_secret()).send().await {
            Ok(answer) if answer.status().is_success() => Beat::Heard,
            Ok(answer) => {
                tracing::warn!(status = answer.status().as_u16(), "the heartbeat was not taken");
                Beat::Unheard
            }
            Err(error) => {
                tracing::warn!(timeout = error.is_timeout(), "the heartbeat did not arrive");
                Beat::Unheard
            }
        }
    }

    /// Whether passes succeed and due nudges go out.
    async fn progresses(&self) -> bool {
        if !passed_lately(&self.context) {
            tracing::warn!("no heartbeat: the worker made no pass lately");
            return false;
        }
        // What waits for a provider that does not answer is no fault of the worker.
        let shut = self.senders.shut_lanes(self.context.clock.now());
        match oldest_due_age(&self.context, shut).await {
            Ok(age) if age <= STUCK_AFTER => true,
            Ok(age) => {
                tracing::warn!(seconds = age.as_secs(), "no heartbeat: a nudge is due and stays behind");
                false
            }
            Err(cause) => {
                tracing::warn!(%cause, "no heartbeat: the queue could not be read");
                false
            }
        }
    }
}
