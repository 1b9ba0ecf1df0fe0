//! The listeners, for the private pages, for what the internet may reach and for the console: so many connections at once, small buffers, and no connection
//! that keeps its seat for nothing.
//!
//! When all seats are taken, the connection that has been without a request under way for longest is closed for the new one. If all are at
//! work, the new one is refused. Both are counted.

mod body;
mod clock;
mod seats;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::telemetry::{ListenerName, Metrics};
pub(crate) use body::{NoBody, read_body};
use clock::{Connection, TIMEOUTS, Timeouts};
pub use seats::PerAddress;
pub(crate) use seats::household;
pub(super) use seats::is_inside;
use seats::{Seat, Seats};

/// A bound socket, and how many connections it may have at once.
pub struct Bound {
    /// The socket.
    pub socket: TcpListener,
    /// Its seats.
    pub seats: usize,
}

/// How a listener serves.
pub(crate) struct Terms {
    pub(crate) name: ListenerName,
    pub(crate) per_address: PerAddress,
    pub(crate) metrics: Arc<Metrics>,
}

/// What a connection may hold of a request's head, and of an answer that its client does not take: four times what our own clients send.
/// A longer head is answered with 431.
const BUFFER_BYTES: usize = 16 * 1024;

/// The rest after the system gave no connection: no descriptor is left, most likely.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How often that is told.
const TELL_AGAIN: Duration = Duration::from_mins(1);

/// Serves until `end`. Then it takes no further connection, and comes back when the requests under way are answered.
pub(crate) async fn serve(
    bound: Bound,
    terms: Terms,
    router: Router,
    end: impl Future<Output = ()>,
) {
    serve_with(bound, terms, router, end, TIMEOUTS).await;
}

async fn serve_with(
    bound: Bound,
    terms: Terms,
    router: Router,
    end: impl Future<Output = ()>,
    timeouts: Timeouts,
) {
    let Bound { socket, seats } = bound;
    let seats = Seats::new(seats, terms);
    let (drain, draining) = watch::channel(Serving::On);
    let mut told: Option<Instant> = None;
    let mut end = pin!(end);
    loop {
        seats.are_kept().await;
        let accepted = tokio::select! {
            biased;
            () = &mut end => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // A stream without a seat is dropped, and so closed.
                let Ok(seat) = seats.take(peer.ip()) else {
                    continue;
                };
                let (router, draining) = (router.clone(), draining.clone());
                tokio::spawn(serve_one(stream, peer, router, seat, draining, timeouts));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
                    told = Some(Instant::now());
                    tracing::error!(%error, "a connection cannot be accepted; trying again");
                }
                seats.not_accepted();
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(socket);
    drop(draining);
    drain.send_replace(Serving::Draining);
    // Each connection has a receiver for as long as it lives.
    drain.closed().await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serving {
    On,
    Draining,
}

/// The other end has gone before its connection was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    seat: Arc<Seat>,
    mut draining: watch::Receiver<Serving>,
    timeouts: Timeouts,
) {
    let inner = TowerToHyperService::new(router);
    let at_work = Arc::clone(&seat);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        at_work.works();
        request.extensions_mut().insert(ConnectInfo(peer));
        let request: Request = request.map(axum::body::Body::new);
        inner.call(request)
    });
    let stream = Connection::new(stream, timeouts, Arc::clone(&seat));
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut is_told = false;
    let served = loop {
        tokio::select! {
            biased;
            () = seat.asked_to_leave() => {
                if !seat.is_at_work() {
                    return;
                }
                // A request has come at the same moment. It is answered, and that is the end.
                connection.as_mut().graceful_shutdown();
            }
            served = &mut connection => break served,
            _ = draining.wait_for(|serving| *serving == Serving::Draining), if !is_told => {
                is_told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection has ended early");
    }
}

#[cfg(test)]
mod tests;
