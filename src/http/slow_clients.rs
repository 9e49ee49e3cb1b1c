//! Closes stalled connections: the server's own timers cover the first request's head and idle connections, but not an
//! endless head of a later request, nor a client that does not read.

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use std::any::Any;
use std::cell::Cell;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// An open connection.
pub struct Connection {
    socket: std::net::TcpStream,
    /// Requests being answered; an open WebSocket counts as one.
    busy: Cell<usize>,
    /// When it was opened, when the last response was ready to write, or when the reader of an event stream last read,
    /// whichever came last.
    since: Cell<Instant>,
}

/// A request that is being answered.
pub struct Busy(Rc<Connection>);

impl Connection {
    /// Marks a request as being answered until the returned guard is dropped.
    pub fn busy(self: &Rc<Self>) -> Busy {
        self.busy.set(self.busy.get() + 1);
        Busy(Rc::clone(self))
    }

    /// Waits until the client has closed the connection, which the server sees only when it writes.
    pub fn gone(&self) -> impl Future<Output = ()> + use<> {
        let watched = self.socket.try_clone().and_then(TcpStream::from_std);
        async move {
            let Ok(watched) = watched else { return std::future::pending().await };
            match watched.peek(&mut [0]).await {
                Ok(0) | Err(_) => {}
                // A pipelined request: the client is still there.
                Ok(_) => std::future::pending().await,
            }
        }
    }

    /// Notes that the client still reads its stream.
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

/// Watches a new connection and closes it after `limit` without a complete request or progress of a stream.
pub fn watch_connection(io: &dyn Any, data: &mut Extensions, limit: Duration) {
    let Some(stream) = io.downcast_ref::<TcpStream>() else { return };
    // Without a second handle to the socket, only the server's own timers apply.
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
                // An error means that the client has closed it already.
                let _ = connection.socket.shutdown(Shutdown::Both);
                return;
            }
        }
    }));
}
