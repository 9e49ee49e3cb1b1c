//! Wires everything together: settings, keys, clock, database, senders, API.

use crate::actions::AppContext;
use crate::actions::accounts::erasure;
use crate::actions::accounts::mail_features::MailFeatures;
use crate::actions::operations::time_guard::TimeGuard;
use crate::actions::operations::write_check::WriteCheck;
use crate::auth::network::TrustedProxies;
use crate::auth::passkeys::Passkeys;
use crate::auth::passwords::Passwords;
use crate::auth::rates::Rates;
use crate::auth::tokens::AccessTokens;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::delivery::dkim::Signer;
use crate::delivery::mail::MailSender;
use crate::delivery::web_push::{PushSender, VapidKey};
use crate::delivery::{Senders, Worker};
use crate::domain::device::PushPolicy;
use crate::graphql::documents::Documents;
use crate::graphql::{self, Schema};
use crate::http::{
    ConcurrencyLimiter, HttpLimits, Watch, Web, companion_documents, headers, known_host, middleware, routes,
    watch_connection, watch_routes,
};
use crate::metrics::Metrics;
use crate::store::{self, Db, Location, Store, StoreError, house_secret};
use crate::vault::key_ring::KeyRing;
use crate::vault::keys::Keys;
use crate::vault::ledger::Ledger;
use crate::vault::meter::Pools;
use crate::vault::{Vault, VaultError};
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer};
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Why the service cannot start. Each message says what to fix.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// How long running requests may take to finish when the service stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 20;

/// The whole service, not yet listening.
pub struct App {
    /// The context of every action.
    pub context: Arc<AppContext>,
    /// Sends push and mail.
    pub senders: Arc<Senders>,
    /// The GraphQL schema.
    pub schema: Schema,
    /// Which HTTP requests are accepted, and how many at once.
    pub limits: HttpLimits,
    documents: Arc<Documents>,
    explorer: bool,
    leave_url: Option<Url>,
    proxies: Arc<TrustedProxies>,
    outbox: Option<PathBuf>,
    lease: SignedDuration,
}

/// Opens the vault of a database; makes the database's secret if there is none. Refuses a master key that did not wrap
/// the secret: new values would be sealed with a key that does not fit the old ones.
fn open_vault(db: &mut Db, key_ring: &Arc<KeyRing>, chance: &Chance) -> Result<Vault, StartError> {
    let secret =
        house_secret::keep(db, Vault::new_house_secret(key_ring, chance)?).map_err(StoreError::from)?;
    Vault::open(Arc::clone(key_ring), &secret, chance.clone()).map_err(|error| match error {
        VaultError::MissingKey(_, id) => format!(
            "keys/master.key (or what EVENKEEL_MASTER_KEY or its command gives) is not the key that this database was \
             sealed with, which is {id}; put the right one back"
        )
        .into(),
        VaultError::Malformed(_)
        | VaultError::Forged(_)
        | VaultError::Form(_)
        | VaultError::Unsealable(_)
        | VaultError::Spent(_) => {
            format!("the database is damaged, put a backup back: {error}").into()
        }
    })
}

/// A sentence about the data folder, or a database of SQLite elsewhere, if others than its owner can look into it.
pub fn open_to_others(config: &Config) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let open =
        |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    let folder = &config.data_dir;
    if open(folder) {
        let shown = folder.display();
        return Some(format!(
            "setting data_dir: others can look into {shown}: chmod 700 it, or name a folder inside it that is not there yet"
        ));
    }
    let Location::Sqlite(file) = &config.database else { return None };
    let file = Path::new(file);
    let elsewhere = !file.starts_with(folder);
    (elsewhere && open(file))
        .then(|| format!("setting database_url: others can read {}: chmod 600 it", file.display()))
}

/// The folder of written mails, if everybody who reaches the service may read it: in development, without a mail
/// server.
fn development_outbox(config: &Config) -> Option<PathBuf> {
    let shown = config.mode == Mode::Development && config.smtp_url.is_none();
    shown.then(|| config.data_dir.join("outbox"))
}

/// The trusted documents that the settings name, and the companion's own: an operator who serves another app does not
/// shut the companion out.
fn documents(config: &Config) -> Result<Documents, String> {
    let Some(file) = &config.trusted_documents else { return Ok(Documents::default()) };
    Documents::trusting(file, config.trusted_documents_only)
        .and_then(|documents| documents.and(companion_documents()))
        .map_err(|sentence| format!("setting trusted_documents: {sentence}"))
}

/// Push and mail, as the settings say.
fn senders(
    config: &Config,
    vapid: VapidKey,
    policy: PushPolicy,
    features: Arc<MailFeatures>,
) -> Result<Senders, StartError> {
    let public_url = config.public_url.clone();
    let push = PushSender::new(vapid, config.push_contact.clone(), policy, public_url.clone())?;
    let mail = match &config.smtp_url {
        Some(url) => MailSender::smtp(url.expose_secret(), &config.mail_from, public_url, features)?,
        None => MailSender::files(&config.data_dir.join("outbox"), &config.mail_from, public_url)?,
    };
    let signer = config.dkim.as_ref().map(|dkim| {
        let signer = Signer::read(&dkim.selector, &dkim.domain, &dkim.key_file);
        signer.map_err(|sentence| format!("setting dkim_key_file: {sentence}"))
    });
    Ok(Senders::new(push, mail.signing(signer.transpose()?)))
}

/// The limits of requests: only known names, and in production TLS for good.
fn limits(config: &Config) -> HttpLimits {
    HttpLimits {
        hosts: config.all_hosts(),
        local: config.mode == Mode::Development,
        origins: config.cors_origins.iter().map(|origin| origin.origin().ascii_serialization()).collect(),
        strict_transport: config.mode == Mode::Production,
        ..HttpLimits::default()
    }
}

impl App {
    /// Opens the database, brings its schema up to date and wires the service together.
    ///
    /// # Errors
    /// If anything keeps it from starting, such as a master key that does not fit the database.
    pub fn build(config: &Config, keys: &Keys, clock: Clock, chance: Chance) -> Result<Self, StartError> {
        let vapid = VapidKey::new(&keys.vapid)?;
        let push_policy = PushPolicy {
            hosts: config.push_hosts.clone(),
            insecure_origins: config.push_insecure_origins.clone(),
        };
        let metrics = Arc::new(Metrics::new());
        let ledger = Ledger::beside(&config.data_dir.join("keys"));
        let (store, vault) =
            Store::open_with(&config.database, config.database_threads, Arc::clone(&metrics), |db| {
                let vault = open_vault(db, &keys.master, &chance)?;
                store::account::note_offsets(db, clock.now()).map_err(StoreError::from)?;
                erasure::repeat(db, &ledger, clock.now(), &chance)?;
                Ok::<_, StartError>(vault)
            })?;
        let planned = Arc::new(tokio::sync::Notify::new());
        let feeds = Arc::default();
        store::notify::listen(&config.database, &planned, &feeds)?;
        let context = Arc::new(AppContext {
            store,
            vault,
            meters: Pools::default(),
            rates: Rates::new(&clock),
            clock,
            passwords: Passwords::new(chance.clone())?,
            chance,
            tokens: AccessTokens::new(&keys.token_seed)?.watching(config.data_dir.join("keys")),
            passkeys: Passkeys::at(&config.public_url, &config.passkey_origins)?,
            push_policy: push_policy.clone(),
            vapid_public_key: vapid.public(),
            help_lines: config.help_lines.clone(),
            keep: config.keep,
            mail_features: Arc::default(),
            time_guard: TimeGuard::default(),
            write_check: WriteCheck::default(),
            ledger,
            feeds,
            to_tend: Arc::default(),
            planned,
            metrics,
        });
        let senders = Arc::new(senders(config, vapid, push_policy, Arc::clone(&context.mail_features))?);
        let schema = graphql::schema(Arc::clone(&context), config.introspection);
        Ok(Self {
            context,
            senders,
            schema,
            limits: limits(config),
            documents: Arc::new(documents(config)?),
            explorer: config.introspection,
            proxies: Arc::new(config.trusted_proxies.clone()),
            leave_url: config.leave_url.clone(),
            outbox: development_outbox(config),
            lease: config.lease,
        })
    }

    /// A worker that delivers for this service.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.context), Arc::clone(&self.senders)).with_lease(self.lease)
    }

    /// The HTTP server on a bound listener. Await or spawn it to run it; it installs no signal handlers.
    pub fn server(&self, listener: TcpListener, workers: usize) -> std::io::Result<Server> {
        let limits = self.limits.clone();
        let web = Web {
            context: Arc::clone(&self.context),
            schema: self.schema.clone(),
            documents: Arc::clone(&self.documents),
            explorer: self.explorer,
            leave_url: self.leave_url.clone(),
            proxies: Arc::clone(&self.proxies),
            limits: limits.clone(),
            request_limiter: ConcurrencyLimiter::default(),
            following: ConcurrencyLimiter::default(),
            outbox: self.outbox.clone(),
        };
        let server = HttpServer::new(move || {
            let web = web.clone();
            ActixApp::new()
                .wrap(from_fn(middleware))
                .wrap(headers(web.limits.strict_transport))
                .configure(move |config| routes(config, &web))
        })
        .workers(workers)
        .client_request_timeout(limits.head)
        .keep_alive(limits.keep_alive)
        .max_connections(limits.connections)
        .on_connect(move |io, data| watch_connection(io, data, limits.stall))
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(listener)?;
        Ok(server.run())
    }

    /// The monitoring listener: metrics and readiness.
    pub fn watch_server(&self, listener: TcpListener) -> std::io::Result<Server> {
        let watch = Watch::new(Arc::clone(&self.context), self.limits.clone());
        let server = HttpServer::new(move || {
            let watch = watch.clone();
            ActixApp::new()
                .wrap(from_fn(known_host))
                .wrap(headers(false))
                .configure(move |config| watch_routes(config, &watch))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(listener)?;
        Ok(server.run())
    }
}
