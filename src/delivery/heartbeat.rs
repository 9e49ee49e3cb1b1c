//! The heartbeat: tells a dead man's switch every minute that nudges really go out, and falls silent when they do not.

use crate::actions::AppContext;
use crate::actions::operations::watch::{oldest_due_age, passed_lately};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it beats.
pub const EVERY: Duration = Duration::from_secs(60);
/// How long a nudge that is due, and that no worker holds, may wait before the worker counts as stuck.
pub const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How long the switch may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What came of one beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The switch heard it.
    Heard,
    /// There was progress, and the switch did not answer with success.
    Unheard,
    /// There is no progress, and so nothing was said.
    Withheld,
}

/// The heartbeat of one worker process.
pub struct Heartbeat {
    context: Arc<AppContext>,
    client: reqwest::Client,
    url: SecretString,
}

impl Heartbeat {
    /// A heartbeat that fetches an address. It holds a token, and is told to nobody else: not to the log, and not to
    /// where a redirect points.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(context: Arc<AppContext>, url: SecretString) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { context, client, url })
    }

    /// Beats every minute until it is told to stop; the first time when the worker has had a minute to begin.
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
        // Not the error itself: it names the address.
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

    /// Whether passes succeed, and what is due does go out.
    async fn progresses(&self) -> bool {
        if !passed_lately(&self.context) {
            tracing::warn!("no heartbeat: the worker made no pass lately");
            return false;
        }
        match oldest_due_age(&self.context).await {
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
