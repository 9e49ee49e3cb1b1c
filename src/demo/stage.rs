//! The demo's stage: a whole service on loopback with a simulated clock, and people who use it by HTTP.

use super::push_receiver::{PushReceiver, Subscription};
use super::smtp_receiver::SmtpReceiver;
use crate::app::{App, StartError};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{self, LeaseTimes, Location};
use crate::vault::keys::Keys;
use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

/// Moves a simulated clock to `to`, and delivers every nudge at the instant at which it falls due, or at which its provider
/// is tried again.
pub async fn live_until(app: &App, clock: &Clock, to: Timestamp) -> Result<(), StartError> {
    let worker = app.worker();
    worker.deliver_due().await?;
    loop {
        let now = clock.now();
        let lanes = app
            .context
            .read_tx(move |tx| Ok(store::lane::due(tx.db, LeaseTimes::at(now, SignedDuration::ZERO))?))
            .await?;
        let coming = lanes.iter().map(|lane| lane.at).filter(|at| *at > now);
        let waits = lanes.iter().any(|lane| lane.at <= now);
        let again =
            waits.then(|| app.senders.tries_again_at(now).unwrap_or(now + SignedDuration::from_secs(1)));
        let Some(next) = coming.chain(again).min().filter(|next| *next <= to) else { break };
        clock.set(next);
        worker.deliver_due().await?;
    }
    clock.set(to);
    worker.deliver_due().await?;
    Ok(())
}

/// A folder that is deleted when the demo ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, the system cleans its folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The service, with its clock, push service and mail server.
pub struct Stage {
    app: App,
    clock: Clock,
    url: String,
    push: PushReceiver,
    mail: SmtpReceiver,
    http: reqwest::Client,
    server: actix_web::dev::ServerHandle,
    _folder: Folder,
}

/// A person with a phone and an inbox.
pub struct Actor {
    /// The name.
    pub name: &'static str,
    /// The time zone.
    pub zone: TimeZone,
    email: String,
    phone: Subscription,
    refresh_token: String,
}

/// A push or mail that a person received.
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// "phone" or "inbox".
    pub place: &'static str,
    /// What a glance at it shows.
    pub shown: String,
    /// The id of its nudge, by which the app shows what it is about; None: it is a mail.
    pub nudge: Option<Value>,
    /// The first line of a mail.
    pub words: String,
}

impl Stage {
    /// Starts everything at this instant.
    pub fn open(start: Timestamp) -> Result<Self, StartError> {
        let (clock, chance) = (Clock::simulated(start), Chance::system());
        let ticks = clock.clone();
        let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(move || ticks.now());
        let (push, mail) =
            (PushReceiver::start(Arc::clone(&now), chance.clone())?, SmtpReceiver::start(now)?);
        let name = format!("evenkeel-demo-{}", HEXLOWER.encode(&chance.bytes::<8>()));
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0)?;
        let location = Location::Sqlite(folder.0.join("evenkeel.db").display().to_string());
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut config = Config::for_tests(folder.0.clone(), location);
        config.public_url = url.parse()?;
        config.smtp_url = Some(mail.url().into());
        config.push_insecure_origins = vec![push.origin().parse()?];
        let app = App::build(&config, &Keys::ephemeral(&chance), clock.clone(), chance)?;
        let server = app.server(listener, 1)?;
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { app, clock, url, push, mail, http, server: handle, _folder: folder })
    }

    /// Stops the service.
    pub async fn close(self) {
        self.server.stop(true).await;
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock, see [`live_until`].
    pub async fn live_until(&self, to: Timestamp) -> Result<(), StartError> {
        live_until(&self.app, &self.clock, to).await
    }

    /// A person signs up, confirms the address by the mail, and registers the phone for push.
    pub async fn enter(
        &self,
        name: &'static str,
        zone: &str,
        quiet: (&str, &str),
    ) -> Result<Actor, StartError> {
        let email = format!("{}@example.org", name.to_lowercase());
        let password = "four calm boats on a lake";
        let consents = self.post(None, "query { consentTexts { kind version } }", Value::Null).await?;
        let input = json!({
            "email": email, "displayName": name, "zone": zone, "consents": consents,
            "quietHours": { "from": quiet.0, "until": quiet.1 },
        });
        self.post(
            None,
            "mutation($input: SignUpInput!) { signUp(input: $input) { status problems { sentence } } }",
            input,
        )
        .await?;
        self.live_until(self.now()).await?;
        let mails = self.mail.inbox(&email);
        let text = mails.last().and_then(|mail| mail.text()).ok_or("no mail came to confirm the address")?;
        let link = text.lines().find(|line| line.starts_with("http")).ok_or("the mail has no link")?;
        let chosen = json!({ "password": password }).to_string();
        let page = self.http.post(link).header("Content-Type", "application/json");
        page.body(chosen).send().await?.error_for_status()?;
        let input = json!({ "email": email, "password": password, "deviceLabel": "phone" });
        let query = "mutation($input: LogInInput!) { logIn(input: $input) { status outcome { ... on SessionTokens { accessToken refreshToken } } } }";
        let data = self.post(None, query, input).await?;
        let tokens = &data["outcome"];
        let phone = self.push.subscribe();
        let input = json!({ "endpoint": phone.endpoint, "p256dh": phone.p256dh, "auth": phone.auth, "label": "phone" });
        let query = "mutation($input: RegisterDeviceInput!) { registerDevice(input: $input) { status problems { sentence } } }";
        self.post(tokens["accessToken"].as_str(), query, input).await?;
        let refresh_token = tokens["refreshToken"].as_str().ok_or("no refresh token")?.to_owned();
        Ok(Actor { name, zone: TimeZone::get(zone)?, email, phone, refresh_token })
    }

    /// Sends a mutation as a person, and returns the one field of the answer.
    pub async fn does(&self, actor: &mut Actor, query: &str, input: Value) -> Result<Value, StartError> {
        let refresh = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
            status tokens { accessToken refreshToken } } }";
        let data = self.post(None, refresh, json!({ "refreshToken": actor.refresh_token })).await?;
        actor.refresh_token = data["tokens"]["refreshToken"].as_str().ok_or("signed out")?.to_owned();
        self.post(data["tokens"]["accessToken"].as_str(), query, input).await
    }

    async fn post(&self, token: Option<&str>, query: &str, input: Value) -> Result<Value, StartError> {
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        let mut request =
            self.http.post(format!("{}/graphql", self.url)).header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer: Value = serde_json::from_str(&request.body(body).send().await?.text().await?)?;
        let field =
            answer["data"].as_object().and_then(|data| data.values().next()).cloned().unwrap_or_default();
        let refused = field.get("status").is_some_and(|status| status == "REFUSED");
        if answer.get("errors").is_some() || field.is_null() || refused {
            return Err(format!("the demo's request was not taken: {answer}").into());
        }
        Ok(field)
    }

    /// Everything that a person received, in order.
    pub fn received(&self, actor: &Actor) -> Result<Vec<Arrival>, StartError> {
        let mut arrivals = Vec::new();
        for push in self.push.received().into_iter().filter(|push| push.endpoint == actor.phone.endpoint) {
            let payload: Value = serde_json::from_slice(&push.payload)?;
            let words = |name: &str| payload["notification"][name].as_str().unwrap_or_default().to_owned();
            arrivals.push(Arrival {
                at: push.at,
                place: "phone",
                shown: format!("{}: {}", words("title"), words("body")),
                nudge: Some(payload["nudge"].clone()),
                words: String::new(),
            });
        }
        for mail in self.mail.inbox(&actor.email) {
            let shown = format!("from {}: {}", mail.from, mail.subject().unwrap_or_default());
            let text = mail.text().unwrap_or_default();
            let words = text.lines().next().unwrap_or_default().to_owned();
            arrivals.push(Arrival { at: mail.at, place: "inbox", shown, nudge: None, words });
        }
        arrivals.sort_by_key(|arrival| arrival.at);
        Ok(arrivals)
    }
}
