//! The processes of a service, which are killed and started again.

use evenkeel::config::Config;
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The processes of one service, which share its settings.
pub struct Processes {
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
    database: String,
    running: BTreeMap<&'static str, (String, Child)>,
    started: usize,
    /// Those that may end by themselves: they may have been starting when their database went away.
    excused: BTreeSet<String>,
}

impl Processes {
    /// No process yet. `database` is what `DATABASE_URL` says.
    pub fn of(config: &Config, database: String) -> Self {
        let origins: Vec<_> =
            config.push_insecure_origins.iter().map(|url| url.as_str().trim_end_matches('/')).collect();
        let settings = vec![
            ("EVENKEEL_DATA_DIR", config.data_dir.display().to_string()),
            ("EVENKEEL_LISTEN", "127.0.0.1:0".to_owned()),
            ("EVENKEEL_PUBLIC_URL", config.public_url.to_string()),
            ("EVENKEEL_SMTP_URL", config.smtp_url.as_ref().unwrap().expose_secret().to_owned()),
            ("EVENKEEL_MAIL_FROM", config.mail_from.clone()),
            ("EVENKEEL_PUSH_INSECURE_ORIGINS", format!("{origins:?}")),
            ("EVENKEEL_LEASE_SECONDS", config.lease.as_secs().to_string()),
            ("RUST_LOG", "warn".to_owned()),
            ("PATH", std::env::var("PATH").unwrap()),
        ];
        let folder = config.data_dir.clone();
        Self { folder, settings, database, running: BTreeMap::new(), started: 0, excused: BTreeSet::new() }
    }

    /// Starts a process that ends with this one, whatever ends it.
    pub fn start(&mut self, name: &'static str) {
        self.started += 1;
        let process = format!("{name}_{}", self.started);
        let log = File::options().create(true).append(true).open(self.folder.join("processes.log")).unwrap();
        // PostgreSQL shows by this name which connection is whose.
        let database = match self.database.starts_with("postgres") {
            true => format!("{}?application_name={process}", self.database),
            false => self.database.clone(),
        };
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_evenkeel")])
            .arg(name.trim_end_matches(char::is_numeric))
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .env("DATABASE_URL", database)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running.insert(name, (process, child));
    }

    /// Kills a process (SIGKILL) and returns the name of this life of it.
    pub fn kill(&mut self, name: &'static str) -> String {
        let (process, mut child) = self.running.remove(name).unwrap();
        assert!(
            self.excused.contains(&process) || child.try_wait().unwrap().is_none(),
            "{process} ended itself"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        process
    }

    /// Lets the processes that run now end by themselves: their database is about to go away.
    pub fn excuse(&mut self) {
        self.excused.extend(self.running.values().map(|(process, _)| process.clone()));
    }

    /// Starts again what ended with an excuse, as whatever supervises processes does.
    pub fn revive(&mut self) {
        let ended = |(process, child): &mut (String, Child)| {
            self.excused.contains(process) && child.try_wait().unwrap().is_some()
        };
        let names: Vec<_> =
            self.running.iter_mut().filter_map(|(name, process)| ended(process).then_some(*name)).collect();
        names.into_iter().for_each(|name| self.start(name));
    }

    /// Asks every process to stop (SIGTERM), and waits until all have done so well.
    pub fn stop(&mut self) {
        for (_, child) in self.running.values() {
            let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
            assert!(told.success());
        }
        for (name, (process, mut child)) in std::mem::take(&mut self.running) {
            assert!(child.wait().unwrap().success(), "{name} ({process}) did not stop cleanly");
        }
    }

    /// The names of those that run.
    pub fn names(&self) -> Vec<&'static str> {
        self.running.keys().copied().collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child) in self.running.values_mut() {
            // What has ended is as good as killed.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.join("processes.log")).unwrap_or_default();
            let tail = log.lines().rev().take(40).collect::<Vec<_>>();
            eprintln!("the processes' last words:");
            tail.into_iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}
