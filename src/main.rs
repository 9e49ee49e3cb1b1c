//! The commands: `serve` (default), `worker`, `migrate`, `schema`, `keys`, `doctor`, `nudges`,
//! `demo`, `healthcheck`.

use actix_web::dev::ServerHandle;
use actix_web::rt::task::JoinHandle;
use clap::{Parser, Subcommand};
use evenkeel::actions::rotation::Gone;
use evenkeel::actions::{dead, erasure, rotation};
use evenkeel::app::{App, StartError};
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::{Config, LogFormat, Mode};
use evenkeel::delivery::heartbeat::Heartbeat;
use evenkeel::delivery::web_push::VapidKey;
use evenkeel::ids::NudgeId;
use evenkeel::store::Store;
use evenkeel::vault::keys::Keys;
use evenkeel::vault::ledger::Ledger;
use evenkeel::vault::ring::{CURRENT, Handover, MasterSource, NEXT};
use evenkeel::vault::token_keys;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The system's own keeps what each hashing thread once took (19 MiB for a password); this one gives it back, so that
/// an idle service stays small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps the aftercare promises of couples who live apart.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and deliver nudges, in one process (the default).
    Serve,
    /// Deliver nudges only; several may share one PostgreSQL.
    Worker,
    /// Bring the database's schema up to date and stop.
    Migrate,
    /// Print the GraphQL schema.
    Schema,
    /// Make the keys that are missing, and print their public halves.
    Keys {
        #[command(subcommand)]
        command: Option<KeysCommand>,
    },
    /// Look at everything that must work for a nudge to arrive, and say what to mend.
    Doctor {
        /// Send a test push to each device of the account with this address, and a test mail to it.
        #[arg(long, value_name = "ADDRESS")]
        send_to: Option<String>,
    },
    /// Look after nudges that were given up.
    #[command(subcommand)]
    Nudges(NudgesCommand),
    /// Live the story on a simulated clock and print what each phone and inbox receives.
    Demo,
    /// Ask the service on this machine whether it is there; for containers.
    Healthcheck,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a new master key, wrap everything by it, and set the old one aside. The service may run meanwhile. What was
    /// interrupted goes on when it is run again.
    Rotate {
        /// Only make the new key, to copy it to the other machines on this database first.
        #[arg(long)]
        prepare: bool,
    },
    /// Seal everything anew, with a new data key for each account and each link. The service may run meanwhile. What was
    /// interrupted goes on when it is run again.
    ReEncrypt,
    /// Make a new key that signs access tokens. The service may run meanwhile: it goes on with the new one at once, and
    /// tokens of the old one work until they are out of date, ten minutes at most. If a key leaked, run it twice.
    RotateTokens,
}

#[derive(Subcommand)]
enum NudgesCommand {
    /// List the nudges that spent their attempts, the latest first.
    Dead,
    /// Have dead nudges tried anew, once what kept them is mended. Everything is checked again when they are sent.
    Retry {
        /// Which; see `nudges dead`.
        #[arg(value_name = "NUDGE", required_unless_present = "all")]
        ids: Vec<NudgeId>,
        /// All that can still be of use.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evenkeel: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), StartError> {
    match command {
        Command::Schema => {
            print!("{}", evenkeel::graphql::print());
            Ok(())
        }
        Command::Demo => {
            log(LogFormat::Text, "error");
            actix_web::rt::System::new().block_on(evenkeel::demo::run(&mut std::io::stdout()))
        }
        Command::Serve => {
            let config = configure()?;
            actix_web::rt::System::new().block_on(serve(&config))
        }
        Command::Worker => {
            let config = configure()?;
            actix_web::rt::System::new().block_on(work(&config))
        }
        Command::Migrate => {
            let config = configure()?;
            make_folder(&config)?;
            let ledger = Ledger::beside(&config.data_dir.join("keys"));
            Store::open_with(&config.database, config.database_threads, Arc::default(), |db| {
                erasure::repeat(db, &ledger, Clock::System.now(), &Chance::system())
                    .map(drop)
                    .map_err(StartError::from)
            })?;
            tracing::info!("the {} schema is up to date", config.database.backend());
            Ok(())
        }
        Command::Keys { command: None } => {
            let config = configure()?;
            make_folder(&config)?;
            let folder = config.data_dir.join("keys");
            let keys = Keys::load_or_make(&folder, &config.master, &Chance::system())?;
            match config.master {
                MasterSource::File => println!(
                    "Keys are in {}. Keep a copy of master.key: without it nothing can be read.",
                    folder.display()
                ),
                MasterSource::Given(_) | MasterSource::Command(_) => println!(
                    "Keys are in {}, but for the master key, which you keep: without it nothing can be read.",
                    folder.display()
                ),
            }
            println!("VAPID public key: {}", VapidKey::new(&keys.vapid)?.public());
            Ok(())
        }
        Command::Keys { command: Some(KeysCommand::Rotate { prepare }) } => {
            let config = configure()?;
            actix_web::rt::System::new().block_on(rotate(&config, prepare))
        }
        Command::Keys { command: Some(KeysCommand::ReEncrypt) } => {
            let config = configure()?;
            let gone = actix_web::rt::System::new().block_on(async {
                let house = build(&config)?.house;
                Ok::<_, StartError>(rotation::re_encrypt(&house).await?)
            })?;
            println!("{} data keys are new, and what they seal is sealed anew.", gone.renewed);
            println!("Backups of the database from before still hold the old ones.");
            tell_left(&gone)
        }
        Command::Keys { command: Some(KeysCommand::RotateTokens) } => {
            let folder = configure()?.data_dir.join("keys");
            token_keys::rotate(&folder, Clock::System.now(), &Chance::system())?;
            println!("A new key in {} signs access tokens from now on.", folder.display());
            println!("Copy the folder's tokens.* to every other machine on this database.");
            Ok(())
        }
        Command::Doctor { send_to } => examine(send_to.as_deref()),
        Command::Nudges(command) => {
            let config = configure()?;
            actix_web::rt::System::new().block_on(look_after(&config, command))
        }
        Command::Healthcheck => healthcheck(&Config::load()?),
    }
}

/// The check-up.
fn examine(send_to: Option<&str>) -> Result<(), StartError> {
    log(LogFormat::Text, "error");
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => {
            println!("FAIL  settings  {error}");
            return Err("the settings are not usable; mend them first".into());
        }
    };
    let mut out = std::io::stdout();
    let well = actix_web::rt::System::new().block_on(evenkeel::doctor::run(&config, send_to, &mut out))?;
    if well { Ok(()) } else { Err("not all is well; mend what says FAIL".into()) }
}

fn configure() -> Result<Config, StartError> {
    let config = Config::load()?;
    log(config.log_format, "info");
    Ok(config)
}

fn log(format: LogFormat, level: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_target(false).init(),
        LogFormat::Json => lines.json().init(),
    }
}

fn make_folder(config: &Config) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = &config.data_dir;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("setting data_dir: {} cannot be made: {error}", folder.display()).into())
}

fn build(config: &Config) -> Result<App, StartError> {
    make_folder(config)?;
    let keys = Keys::load_or_make(&config.data_dir.join("keys"), &config.master, &Chance::system())?;
    App::build(config, &keys, Clock::System, Chance::system())
}

async fn serve(config: &Config) -> Result<(), StartError> {
    let app = build(config)?;
    let listener = listen("listen", config.listen)?;
    let watching = watch(&app, config)?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let server = app.server(listener, threads)?;
    let (handle, stop) = (server.handle(), CancellationToken::new());
    let serving = actix_web::rt::spawn(server);
    let working = deliver(&app, config, &stop)?;
    if config.mode == Mode::Development {
        tracing::warn!(
            "development mode: mail without a server goes to {}; see {}dev/outbox",
            config.data_dir.join("outbox").display(),
            config.public_url
        );
    }
    if config.takes_all_for_one() {
        tracing::warn!("no proxy is trusted: behind one everybody counts as one client; see trusted_proxies");
    }
    tracing::info!("Evenkeel is ready on {}. Open {}", app.house.store.backend(), config.public_url);
    stop_signal().await?;
    tracing::info!("stopping: what runs may finish");
    stop.cancel();
    app.house.feeds.close();
    handle.stop(true).await;
    serving.await??;
    working.stopped().await?;
    // The last to go: whoever watches sees how it ends.
    watching.stop().await
}

async fn rotate(config: &Config, prepare: bool) -> Result<(), StartError> {
    make_folder(config)?;
    let folder = config.data_dir.join("keys");
    let mut keys = Keys::load_or_make(&folder, &config.master, &Chance::system())?;
    let handover = match config.master {
        MasterSource::File => Some(Handover::begin(&folder, &Chance::system())?),
        MasterSource::Given(_) | MasterSource::Command(_) if prepare => {
            return Err(
                "this master key is yours to make: 32 random bytes in base64url, given before the old".into(),
            );
        }
        MasterSource::Given(_) | MasterSource::Command(_) => None,
    };
    if prepare {
        println!("{} is there. Copy it into the key folder of every other", folder.join(NEXT).display());
        println!("machine on this database, then run evenkeel keys rotate here.");
        return Ok(());
    }
    if handover.is_some() {
        keys = Keys::load(&folder, &config.master)?;
    }
    let house = App::build(config, &keys, Clock::System, Chance::system())?.house;
    let (to, gone) = rotation::rotate(&house).await?;
    println!("{} keys were wrapped anew; all are wrapped by master key {to} now.", gone.renewed);
    match handover {
        Some(handover) => {
            let aside = handover.finish(to)?;
            println!("That is {}: keep a copy of it.", folder.join(CURRENT).display());
            println!("The one before is {}, which is no longer read.", aside.display());
            println!(
                "Backups of the database from before open with it alone: keep it, elsewhere, for as long as"
            );
            println!("you keep those, and then destroy it.");
        }
        None => {
            println!(
                "A new one takes its place if it stands before it in the setting. Older ones can leave the"
            );
            println!(
                "setting. Backups of the database from before open with them alone: keep them, elsewhere, for"
            );
            println!("as long as you keep those, and then destroy them.");
        }
    }
    tell_left(&gone)
}

/// Tells what was left as it is since it cannot be opened.
fn tell_left(gone: &Gone) -> Result<(), StartError> {
    for error in &gone.left {
        eprintln!("left as it is: {error}");
    }
    match gone.left.len() {
        0 => Ok(()),
        count => {
            Err(format!("{count} could not be opened: they are damaged, or belong to another master key")
                .into())
        }
    }
}

async fn look_after(config: &Config, command: NudgesCommand) -> Result<(), StartError> {
    let house = build(config)?.house;
    match command {
        NudgesCommand::Dead => {
            let dead::Listed { nudges, more } = dead::list(&house).await?;
            for nudge in nudges {
                let (outcome, code) =
                    nudge.last.map_or(("never sent", None), |(end, code)| (end.word(), code));
                println!(
                    "{}  {} by {}, due {}, given up {} after {} attempts: {outcome}{}{}",
                    nudge.id,
                    nudge.kind.word(),
                    nudge.channel.word(),
                    nudge.due_at,
                    nudge.given_up_at,
                    nudge.attempts,
                    code.map(|code| format!(" {code}")).unwrap_or_default(),
                    if nudge.expired { "; its time is over" } else { "" },
                );
            }
            if more {
                println!("There are more; these are the latest {}.", dead::MOST);
            }
            Ok(())
        }
        NudgesCommand::Retry { ids, all } => {
            let driven = dead::drive_again(&house, (!all).then_some(ids)).await;
            let driven =
                driven.map_err(|refusal| format!("the nudges were left as they are: {refusal:?}"))?;
            println!(
                "{} to go out now, {} left since their time is over, {} not found among the dead",
                driven.again, driven.expired, driven.unknown
            );
            if driven.more {
                println!("There are more than {}: run this again for the next ones.", dead::MOST);
            }
            Ok(())
        }
    }
}

async fn work(config: &Config) -> Result<(), StartError> {
    let app = build(config)?;
    let stop = CancellationToken::new();
    let watching = watch(&app, config)?;
    let working = deliver(&app, config, &stop)?;
    tracing::info!("the worker is ready on {}", app.house.store.backend());
    stop_signal().await?;
    stop.cancel();
    working.stopped().await?;
    watching.stop().await
}

fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .map_err(|error| format!("setting {setting}: {address} cannot be listened on: {error}").into())
}

/// Starts the worker, and beside it the heartbeat if there is to be one.
fn deliver(app: &App, config: &Config, stop: &CancellationToken) -> Result<Delivering, StartError> {
    app.house.meters.expect_passes();
    if let Some(url) = &config.heartbeat_url {
        let (heartbeat, stop) = (Heartbeat::new(Arc::clone(&app.house), url.clone())?, stop.clone());
        // It holds nothing that must be given back: its end is not waited for.
        drop(actix_web::rt::spawn(async move { heartbeat.run(stop).await }));
    }
    // A runtime of its own: encryption takes all cores, and a request does not wait for a herd of nudges.
    let runtime = Runtime::new()?;
    let (worker, stop) = (app.worker(), stop.clone());
    let working = runtime.spawn(async move { worker.run(stop).await });
    Ok(Delivering { runtime, working })
}

/// The worker at work.
struct Delivering {
    runtime: Runtime,
    working: JoinHandle<()>,
}

impl Delivering {
    /// Waits until it has finished what it was told to stop.
    async fn stopped(self) -> Result<(), StartError> {
        let ended = self.working.await;
        // What is left are connections that nobody uses.
        self.runtime.shutdown_background();
        Ok(ended?)
    }
}

/// The listener for whoever watches, if there is one.
struct Watching(Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>);

fn watch(app: &App, config: &Config) -> Result<Watching, StartError> {
    let Some(address) = config.metrics_listen else { return Ok(Watching(None)) };
    let listener = listen("metrics_listen", address)?;
    tracing::info!("meters are on http://{}/metrics", listener.local_addr()?);
    let server = app.watch_server(listener)?;
    Ok(Watching(Some((server.handle(), actix_web::rt::spawn(server)))))
}

impl Watching {
    async fn stop(self) -> Result<(), StartError> {
        if let Some((handle, serving)) = self.0 {
            handle.stop(true).await;
            serving.await??;
        }
        Ok(())
    }
}

async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn healthcheck(config: &Config) -> Result<(), StartError> {
    let host = match config.listen.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let limit = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(host, config.listen.port()), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    if &start == b"HTTP/1.1 200" { Ok(()) } else { Err("the service does not answer with 200".into()) }
}
