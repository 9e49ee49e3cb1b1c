//! The commands: `serve` (default), `worker`, `migrate`, `schema`, `timetable`, `keys`, `doctor`, `nudges`, `demo`,
//! `healthcheck`.

mod keys;
mod nudges;
mod serve;
mod setup;

use clap::{Parser, Subcommand};
use evenkeel::actions::accounts::erasure;
use evenkeel::app::StartError;
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::{Config, LogFormat, zone_files};
use evenkeel::store::Store;
use evenkeel::vault::ledger::Ledger;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

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
    /// Print what comes when after a scene, as a page.
    Timetable,
    /// Make the keys that are missing, and print their public halves.
    Keys {
        #[command(subcommand)]
        command: Option<keys::Command>,
    },
    /// Look at everything that must work for a nudge to arrive, and say what to mend.
    Doctor {
        /// Send a test push to each device of the account with this address, and a test mail to it.
        #[arg(long, value_name = "ADDRESS")]
        send_to: Option<String>,
    },
    /// Look after nudges that were given up.
    #[command(subcommand)]
    Nudges(nudges::Command),
    /// Live the story on a simulated clock and print what each phone and inbox receives.
    Demo,
    /// Ask the service on this machine whether it is there; for containers.
    Healthcheck,
}

/// Runs the command that was asked for.
pub fn main() -> ExitCode {
    setup::keep_files_private();
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
    zone_files::choose();
    match command {
        Command::Schema => {
            print!("{}", evenkeel::graphql::print());
            Ok(())
        }
        Command::Timetable => {
            print!("{}", evenkeel::domain::timetable::page());
            Ok(())
        }
        Command::Demo => {
            setup::log(LogFormat::Text, "error");
            setup::wait_for(evenkeel::demo::run(&mut std::io::stdout()))
        }
        Command::Serve => setup::wait_for(serve::serve(&setup::configure()?)),
        Command::Worker => setup::wait_for(serve::work(&setup::configure()?)),
        Command::Migrate => migrate(&setup::configure()?),
        Command::Keys { command } => keys::run(&setup::configure()?, command),
        Command::Doctor { send_to } => examine(send_to.as_deref()),
        Command::Nudges(command) => setup::wait_for(nudges::run(&setup::configure()?, command)),
        Command::Healthcheck => healthcheck(&Config::load()?),
    }
}

fn migrate(config: &Config) -> Result<(), StartError> {
    setup::make_folder(config)?;
    let ledger = Ledger::beside(&config.data_dir.join("keys"));
    Store::open_with(&config.database, config.database_threads, Arc::default(), |db| {
        erasure::repeat(db, &ledger, Clock::System.now(), &Chance::system())
            .map(drop)
            .map_err(StartError::from)
    })?;
    tracing::info!("the schema is up to date on {}", config.database.backend());
    Ok(())
}

/// `doctor`: runs the check-up.
fn examine(send_to: Option<&str>) -> Result<(), StartError> {
    setup::log(LogFormat::Text, "error");
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => {
            println!("FAIL  settings  {error}");
            return Err("the settings are not usable; mend them first".into());
        }
    };
    let mut out = std::io::stdout();
    let well = setup::wait_for(evenkeel::doctor::run(&config, send_to, &mut out))?;
    if well { Ok(()) } else { Err("not all is well; mend what says FAIL".into()) }
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
