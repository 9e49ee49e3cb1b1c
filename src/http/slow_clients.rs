//! Closes connections that stall: the server's own timers see the head of a connection's first request and an idle
//! connection, but not the head of a second request that never ends, nor a reader that does not read.

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use std::any::Any;
use std::cell::Cell;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// A connection, as long as it lives.
pub struct Connection {
    socket: std::net::TcpStream,
    /// How many requests are being answered; a socket is one for as long as it lasts.
    busy: Cell<usize>,
    /// When it was opened, when the last answer was ready to be written, or when the reader of an event stream last took
    /// something.
    since: Cell<Instant>,
}

/// A request that is being answered.
pub struct Busy(Rc<Connection>);

impl Connection {
    /// Notes that a request was read and is being answered, until the result is dropped.
    pub fn busy(self: &Rc<Self>) -> Busy {
        self.busy.set(self.busy.get() + 1);
        Busy(Rc::clone(self))
    }

    /// Waits until the other side has closed it. The server itself sees that only when it has something to write.
    pub fn gone(&self) -> impl Future<Output = ()> + use<> {
        let watched = self.socket.try_clone().and_then(TcpStream::from_std);
        async move {
            let Ok(watched) = watched else { return std::future::pending().await };
            match watched.peek(&mut [0]).await {
                Ok(0) | Err(_) => {}
                // A request that was sent on ahead: whoever did that is there.
                Ok(_) => std::future::pending().await,
            }
        }
    }

    /// Notes that the reader of an event stream takes what comes.
    pub fn flows(&self) {
        self.since.set(Instant::now());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get().saturating_sub(1));
        self.0.since.set(Instant::now());
    }
}

/// Watches a new connection: it is closed when for so long no request of it was read whole.
pub fn watch_connection(io: &dyn Any, data: &mut Extensions, limit: Duration) {
    let Some(stream) = io.downcast_ref::<TcpStream>() else { return };
    // Without another handle to the socket the connection has the server's own timers, as any other server's.
    let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return };
    let connection =
        Connection { socket: socket.into(), busy: Cell::new(0), since: Cell::new(Instant::now()) };
    let connection = Rc::new(connection);
    let watched = Rc::downgrade(&connection);
    data.insert(connection);
    drop(actix_web::rt::spawn(async move {
        let mut until = Instant::now() + limit;
        loop {
            tokio::time::sleep_until(until).await;
            let Some(connection) = watched.upgrade() else { return };
            let since = if connection.busy.get() > 0 { Instant::now() } else { connection.since.get() };
            until = since + limit;
            if until <= Instant::now() {
                // One that the other side closed meanwhile is as good as closed.
                let _ = connection.socket.shutdown(Shutdown::Both);
                return;
            }
        }
    }));
}
