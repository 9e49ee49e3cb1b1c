//! Minimal clients: each sends the same bytes again and again on one connection, and waits for the answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Instant;

/// What the clients send.
#[derive(Clone, Serialize, Deserialize)]
pub struct Task {
    /// The server.
    pub address: String,
    /// The path.
    pub path: String,
    /// The body.
    pub body: String,
    /// `Authorization` of each connection.
    pub people: Vec<String>,
    /// The number of requests in all.
    pub requests: usize,
}

impl Task {
    fn request(&self, person: &str) -> Vec<u8> {
        let Self { address, path, body, .. } = self;
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {person}\r\nContent-Type: application/json\r\n\
             Accept: application/graphql-response+json, application/json;q=0.9\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// Reads an answer and returns its body.
fn read(from: &mut BufReader<TcpStream>) -> Vec<u8> {
    let (mut line, mut length, mut first) = (String::new(), 0, true);
    loop {
        line.clear();
        from.read_line(&mut line).unwrap();
        if std::mem::take(&mut first) {
            assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        }
        let header = line.trim_end().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    body
}

fn connect(task: &Task) -> (TcpStream, BufReader<TcpStream>) {
    let stream = TcpStream::connect(&task.address).unwrap();
    stream.set_nodelay(true).unwrap();
    (stream.try_clone().unwrap(), BufReader::new(stream))
}

/// Sends the request once.
pub fn once(task: &Task) -> Value {
    let (mut to, mut from) = connect(task);
    to.write_all(&task.request(&task.people[0])).unwrap();
    serde_json::from_slice(&read(&mut from)).unwrap()
}

/// Sends the requests from a separate process; returns requests per second.
pub fn apart(task: &Task) -> f64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("client")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), task).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "a client failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The separate process itself.
pub fn run() {
    let task: Task = serde_json::from_reader(std::io::stdin()).unwrap();
    let each = task.requests / task.people.len();
    let ready = Barrier::new(task.people.len() + 1);
    let seconds = std::thread::scope(|scope| {
        for person in &task.people {
            scope.spawn(|| {
                let (mut to, mut from) = connect(&task);
                let request = task.request(person);
                ready.wait();
                for _ in 0..each {
                    to.write_all(&request).unwrap();
                    read(&mut from);
                }
                ready.wait();
            });
        }
        ready.wait();
        let began = Instant::now();
        ready.wait();
        began.elapsed().as_secs_f64()
    });
    let rate = (each * task.people.len()) as f64 / seconds;
    println!("{rate}");
}
