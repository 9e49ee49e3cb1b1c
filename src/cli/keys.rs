//! `keys`: makes and rotates keys, and seals everything anew.

use super::setup::{build, make_folder, wait_for};
use clap::Subcommand;
use evenkeel::actions::operations::rotation;
use evenkeel::actions::operations::rotation::Gone;
use evenkeel::app::{App, StartError};
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::delivery::web_push::VapidKey;
use evenkeel::vault::key_ring::{CURRENT, Handover, MasterSource, NEXT};
use evenkeel::vault::keys::Keys;
use evenkeel::vault::token_keys;

#[derive(Subcommand)]
pub(super) enum Command {
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

pub(super) fn run(config: &Config, command: Option<Command>) -> Result<(), StartError> {
    match command {
        None => make_missing(config),
        Some(Command::Rotate { prepare }) => wait_for(rotate(config, prepare)),
        Some(Command::ReEncrypt) => wait_for(re_encrypt(config)),
        Some(Command::RotateTokens) => rotate_tokens(config),
    }
}

fn make_missing(config: &Config) -> Result<(), StartError> {
    make_folder(config)?;
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

async fn re_encrypt(config: &Config) -> Result<(), StartError> {
    let context = build(config)?.context;
    let gone = rotation::re_encrypt(&context).await?;
    println!("{} data keys are new, and what they seal is sealed anew.", gone.renewed);
    println!("Backups of the database from before still hold the old ones.");
    tell_left(&gone)
}

fn rotate_tokens(config: &Config) -> Result<(), StartError> {
    make_folder(config)?;
    let folder = config.data_dir.join("keys");
    token_keys::rotate(&folder, Clock::System.now(), &Chance::system())?;
    println!("A new key in {} signs access tokens from now on.", folder.display());
    println!("Copy the folder's tokens.* to every other machine on this database.");
    Ok(())
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
    let context = App::build(config, &keys, Clock::System, Chance::system())?.context;
    let (to, gone) = rotation::rotate(&context).await?;
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

/// Lists what was left as it is because it could not be opened.
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
