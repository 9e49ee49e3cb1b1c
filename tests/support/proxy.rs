//! A network between the service and its PostgreSQL that can fall silent or break.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How often a connection looks whether the network broke.
const LOOK: Duration = Duration::from_millis(20);

/// What the network does.
#[derive(Default)]
struct Weather {
    silent: AtomicBool,
    cut: AtomicBool,
    connections: AtomicUsize,
}

/// A proxy on a loopback port. Its threads end with the test's process.
pub struct Proxy {
    pub address: SocketAddr,
    weather: Arc<Weather>,
}

impl Proxy {
    /// Leads to `target`.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(Weather::default());
        let seen = Arc::clone(&weather);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (client, seen) = (client.unwrap(), Arc::clone(&seen));
                std::thread::spawn(move || carry(client, target, &seen));
            }
        });
        Self { address, weather }
    }

    /// From now on everything is taken and nothing answered; what was connected stays so for good.
    pub fn fall_silent(&self) {
        self.weather.silent.store(true, Ordering::SeqCst);
    }

    /// Every connection breaks, and each new one does.
    pub fn cut(&self) {
        self.weather.cut.store(true, Ordering::SeqCst);
    }

    /// New connections are well again.
    pub fn mend(&self) {
        self.weather.silent.store(false, Ordering::SeqCst);
        self.weather.cut.store(false, Ordering::SeqCst);
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.weather.connections.load(Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, target: SocketAddr, weather: &Arc<Weather>) {
    if weather.cut.load(Ordering::SeqCst) {
        return;
    }
    let server = TcpStream::connect(target).unwrap();
    let lost = Arc::new(AtomicBool::new(false));
    let pairs = [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)];
    for (from, to) in pairs {
        let (weather, lost) = (Arc::clone(weather), Arc::clone(&lost));
        std::thread::spawn(move || pump(from, to, &weather, &lost));
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, weather: &Weather, lost: &AtomicBool) {
    from.set_read_timeout(Some(LOOK)).unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        if weather.silent.load(Ordering::SeqCst) {
            lost.store(true, Ordering::SeqCst);
        }
        if weather.cut.load(Ordering::SeqCst) {
            break;
        }
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(_) if lost.load(Ordering::SeqCst) || weather.silent.load(Ordering::SeqCst) => {}
            Ok(length) => {
                if to.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
