//! A minimal push service in its own process: it accepts everything, or is slow or hangs, checks nothing, and so loads the
//! machine little.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Prompt,
    /// After a second.
    Slow,
    /// Never.
    Hangs,
}

/// The push service as the bench sees it. It ends when its pipe closes.
pub struct PushService {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
}

impl PushService {
    /// Starts the service.
    pub fn start() -> Self {
        Self::start_as(Manner::Prompt)
    }

    /// Starts a service that answers in this manner.
    pub fn start_as(manner: Manner) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "push-service", &format!("{manner:?}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut origin = String::new();
        answers.read_line(&mut origin).unwrap();
        Self { child, orders, answers, origin: origin.trim_end().to_owned() }
    }

    /// Stops the service and returns how many pushes it accepted.
    pub fn stop(mut self) -> usize {
        drop(self.orders.take());
        let mut taken = String::new();
        self.answers.read_line(&mut taken).unwrap();
        self.child.wait().unwrap();
        taken.trim_end().parse().unwrap()
    }
}

/// The process itself: prints its origin, serves until its input ends, then prints the number of pushes.
pub fn serve(manner: &str) {
    let manners = [Manner::Prompt, Manner::Slow, Manner::Hangs];
    let manner = manners.into_iter().find(|it| format!("{it:?}") == manner).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            // However the pipe ends, the service ends with it.
            let _ = std::io::stdin().read(&mut [0]);
            let _ = ended.send(());
        });
        let accepting = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, Arc::clone(&taken), manner));
            }
        };
        tokio::select! {
            () = accepting => {}
            _ = end => {}
        }
    });
    println!("{}", taken.load(Ordering::Relaxed));
}

async fn answer(mut stream: TcpStream, taken: Arc<AtomicUsize>, manner: Manner) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = whole_request(&buffer) {
            buffer.drain(..length);
            match manner {
                Manner::Prompt => {}
                Manner::Slow => tokio::time::sleep(Duration::from_secs(1)).await,
                Manner::Hangs => std::future::pending().await,
            }
            taken.fetch_add(1, Ordering::Relaxed);
            let created = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(created).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The length of the request at the start of the buffer, once all of it has arrived.
fn whole_request(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let whole = head + length.unwrap_or(0);
    (buffer.len() >= whole).then_some(whole)
}
