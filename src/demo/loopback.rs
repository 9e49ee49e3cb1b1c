//! What both receivers share: a listener on a thread of its own, and HTTP/1.1 by hand.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};

const MAX_HEAD: u64 = 16 * 1024;

/// The clock that a receiver stamps and checks with: the real one or a simulated one.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A connection that a sender opened.
pub type Connection = BufReader<TcpStream>;

/// The future in which a handler deals with a connection.
pub type Handling<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An HTTP request, its header names in lower case.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An HTTP answer's head; `None` announces a chunked body.
pub fn head(status: u16, headers: &[(String, String)], length: Option<usize>) -> String {
    let mut head = format!("HTTP/1.1 {} -\r\n", status);
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        Some(length) => head.push_str(&format!("Content-Length: {length}\r\n\r\n")),
        None => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
    }
    head
}

/// Reads one HTTP/1.1 request with a `Content-Length` body; `None` when the sender closed or sent something else.
pub(super) async fn read_request(stream: &mut Connection, max_body: usize) -> io::Result<Option<Request>> {
    let mut limited = (&mut *stream).take(MAX_HEAD);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        limited.read_until(b'\n', &mut line).await?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        match String::from_utf8_lossy(&line).trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first().map(String::as_str).unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let headers: HashMap<String, String> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    let mut body = vec![0; length.min(max_body * 16)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Request { method, path, headers, body }))
}

/// A listener with a thread and a runtime of its own, so that it answers even while its owner's runtime is blocked.
pub(super) struct Loopback {
    address: SocketAddr,
    open: Arc<watch::Sender<usize>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    pub(super) fn run<F, S>(listener: StdListener, serve: F) -> io::Result<Self>
    where
        F: Fn(TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let open = Arc::new(watch::Sender::new(0));
        let of_thread = Arc::clone(&open);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("loopback".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let accepting = async {
                    loop {
                        match listener.accept().await {
                            Ok((stream, _)) => {
                                let (connection, serving) = (Open::one(&of_thread), serve(stream));
                                drop(tokio::spawn(async move {
                                    serving.await;
                                    drop(connection);
                                }));
                            }
                            Err(_) => tokio::task::yield_now().await,
                        }
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, open, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits until every connection has been served, those not yet accepted included.
    pub(super) async fn quiet(&self) -> io::Result<()> {
        // Connections are accepted in order: once this one is served, no earlier one waits.
        let mut last = TcpStream::connect(self.address).await?;
        last.shutdown().await?;
        tokio::io::copy(&mut last, &mut tokio::io::sink()).await?;
        // `wait_for` fails only when the sender is gone, and `self` holds it.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
        Ok(())
    }
}

/// Counts one open connection until it is dropped.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn one(all: &Arc<watch::Sender<usize>>) -> Self {
        all.send_modify(|open| *open += 1);
        Self(Arc::clone(all))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was printed already, and `drop` cannot return it.
            let _ = thread.join();
        }
    }
}

/// Takes the lock even after a panic elsewhere: the guarded value is consistent after every step.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
