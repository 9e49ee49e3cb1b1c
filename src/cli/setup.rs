//! What most commands start with: settings, the log, the data folder, the application.

use evenkeel::app::{App, StartError, open_to_others};
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::{Config, LogFormat};
use evenkeel::vault::keys::Keys;

pub(super) fn configure() -> Result<Config, StartError> {
    let config = Config::load()?;
    log(config.log_format, "info");
    Ok(config)
}

pub(super) fn log(format: LogFormat, level: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_target(false).init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// Lets nobody but their owner read the files that this process makes, from their first byte.
pub(super) fn keep_files_private() {
    use rustix::fs::Mode;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Makes the data folder, and refuses it, or a database elsewhere, where others than the owner can look into it.
pub(super) fn make_folder(config: &Config) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = &config.data_dir;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("setting data_dir: {} cannot be made: {error}", folder.display()))?;
    match open_to_others(config) {
        None => Ok(()),
        Some(sentence) => Err(sentence.into()),
    }
}

pub(super) fn build(config: &Config) -> Result<App, StartError> {
    make_folder(config)?;
    let keys = Keys::load_or_make(&config.data_dir.join("keys"), &config.master, &Chance::system())?;
    App::build(config, &keys, Clock::System, Chance::system())
}

pub(super) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(work)
}
