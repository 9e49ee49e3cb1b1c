//! A PostgreSQL server of a test's own, which can crash.

use diesel::PgConnection;
use diesel::connection::{Connection, SimpleConnection};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Prints the server's URL, then lets the server crash once for every line that it reads.
const OBEY: &str = r#"
    echo "$EVENKEEL_TEST_POSTGRES"
    while read -r _; do "$EVENKEEL_TEST_POSTGRES_CRASH" && echo "it is back"; done
"#;

/// A PostgreSQL server that is gone with the test, however the test ends: it lives as long as a pipe to this process.
pub struct Cluster {
    script: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where it is.
    pub url: String,
}

impl Cluster {
    /// Starts a server.
    pub fn start() -> Self {
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/with-postgres"))
            .args(["sh", "-c", OBEY])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = script.stdin.take();
        let answers = BufReader::new(script.stdout.take().unwrap());
        let mut cluster = Self { script, orders, answers, url: String::new() };
        cluster.url = cluster.answer();
        // What was committed survives a crash of the server (though, for speed, not one of the machine).
        let committed = "ALTER DATABASE postgres SET synchronous_commit = on";
        PgConnection::establish(&cluster.url).unwrap().batch_execute(committed).unwrap();
        cluster
    }

    /// Lets the server crash, and returns when it takes connections again.
    pub fn crash(&mut self) {
        writeln!(self.orders.as_mut().unwrap(), "crash").unwrap();
        assert_eq!(self.answer(), "it is back");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.orders.take());
        // A script that failed has said so itself.
        let _ = self.script.wait();
    }
}
