//! The real program beside a test's service, on its database and with its keys.

use super::TestApp;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A process that serves.
pub struct Process {
    pub url: String,
    child: Child,
}

impl Process {
    /// Starts one, and waits until it serves.
    pub fn beside(app: &TestApp) -> Self {
        app.install_keys();
        // Free when it was looked at, which is enough here.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = with_room(app, "unlimited", "serve")
            .env("EVENKEEL_LISTEN", address.to_string())
            .env("EVENKEEL_PUBLIC_URL", &app.url)
            .env("EVENKEEL_HOSTS", format!("[\"{address}\"]"))
            .env("EVENKEEL_PUSH_INSECURE_ORIGINS", format!("[\"{}\"]", app.push.origin()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.contains("is ready on")).expect("it did not start");
        // Whatever it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self { url: format!("http://{address}"), child }
    }

    /// From now on each of its files takes this many bytes.
    pub fn room(&self, bytes: &str) {
        let limit =
            ["--pid", &self.child.id().to_string(), &format!("--fsize={bytes}:unlimited")].map(str::to_owned);
        assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    }

    /// Has it end what it does, and then itself.
    pub fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command of the program each of whose files takes this many bytes: further ones are refused, as by a full disk.
pub fn with_room(app: &TestApp, bytes: &str, command: &str) -> Command {
    let program = app.program(&[command]);
    let mut shell = Command::new("sh");
    shell
        // Without the trap the first refusal would end the process.
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=\"$0\":unlimited \"$@\"", bytes])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(program.get_current_dir().unwrap())
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}
