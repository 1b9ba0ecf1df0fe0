//! Connections from the internet: so many at once, and none that keeps its place for nothing.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use super::client::{household, is_inside};
use crate::config::ClientAddress;

/// Each costs some ten kilobytes. Whoever comes after so many waits until one ends.
const MOST_CONNECTIONS: usize = 2_000;

/// Of these one household may have so many. Users of a mobile network may share an address, so it is not few.
const MOST_OF_HOUSEHOLD: usize = 100;

/// How long a connection may take for each part of its work.
#[derive(Clone, Copy)]
struct Patience {
    /// Without a request. A proxy opens another connection when it needs it.
    idle: Duration,
    /// From the first byte of a request to the first of its answer: the body has five seconds, and a login asks `WeChat` and the store.
    request: Duration,
    /// From the first byte of an answer to the last. Answers are small.
    answer: Duration,
}

const PATIENCE: Patience = Patience {
    idle: Duration::from_mins(1),
    request: Duration::from_secs(30),
    answer: Duration::from_secs(15),
};

/// A listener that accepts no more than it can serve.
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    patience: Patience,
    client_address: ClientAddress,
    households: Households,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, client_address: ClientAddress) -> Self {
        Self {
            listener,
            room: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            patience: PATIENCE,
            client_address,
            households: Households::new(MOST_OF_HOUSEHOLD),
        }
    }

    /// A seat for whoever connects. Behind proxies everybody comes from a few addresses, and nobody needs one: they limit connections
    /// themselves.
    fn seat(&self, peer: SocketAddr) -> Result<Option<Seat>, Crowded> {
        let address = peer.ip().to_canonical();
        match self.client_address {
            ClientAddress::Peer if !is_inside(address) => self.households.seat(address).map(Some),
            ClientAddress::Peer | ClientAddress::ForwardedFor => Ok(None),
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed, so there is always a permit in the end.
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // Whoever has too many is hung up on.
            let Ok(seat) = self.seat(address) else {
                continue;
            };
            let connection = Connection {
                stream,
                clock: Clock::new(self.patience),
                _permit: permit,
                _seat: seat,
            };
            return (connection, address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Who has connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// The household has as many connections as it may have.
#[derive(Debug)]
struct Crowded;

/// How many connections each household has.
#[derive(Clone)]
struct Households {
    seats: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

impl Households {
    fn new(most: usize) -> Self {
        Self {
            seats: Arc::default(),
            most,
        }
    }

    fn seat(&self, address: IpAddr) -> Result<Seat, Crowded> {
        let household = household(address);
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = seats.entry(household).or_default();
        if *taken >= self.most {
            return Err(Crowded);
        }
        *taken += 1;
        drop(seats);
        Ok(Seat {
            households: self.clone(),
            household,
        })
    }
}

/// One connection of a household, until it is dropped.
struct Seat {
    households: Households,
    household: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let seats = self.households.seats.lock();
        let mut seats = seats.unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = seats.get_mut(&self.household) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                seats.remove(&self.household);
            }
        }
    }
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Idle,
    Request,
    Answer,
}

/// The time that is left for what a connection is at. Only the next part begins a new one: single bytes gain nothing.
struct Clock {
    patience: Patience,
    part: Part,
    until: Pin<Box<Sleep>>,
}

impl Clock {
    fn new(patience: Patience) -> Self {
        Self {
            patience,
            part: Part::Idle,
            until: Box::pin(sleep(patience.idle)),
        }
    }

    fn begin(&mut self, part: Part) {
        if self.part == part {
            return;
        }
        self.part = part;
        let patience = match part {
            Part::Idle => self.patience.idle,
            Part::Request => self.patience.request,
            Part::Answer => self.patience.answer,
        };
        self.until.as_mut().reset(Instant::now() + patience);
    }

    /// Whether there is time left. If so, whoever asks is woken when it is over.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.until.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

/// A connection, which takes its room with it when it ends.
pub(super) struct Connection {
    stream: TcpStream,
    clock: Clock,
    _permit: Option<OwnedSemaphorePermit>,
    _seat: Option<Seat>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && self.clock.part == Part::Idle {
            self.clock.begin(Part::Request);
        }
        self.clock.check(context)?;
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.clock.begin(Part::Answer);
        self.clock.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is asked for when everything is written.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.clock.part == Part::Answer {
            self.clock.begin(Part::Idle);
        }
        self.clock.check(context)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use axum::Router;
    use axum::routing::get;

    use super::*;

    const LONG: Duration = Duration::from_mins(10);
    const SHORT: Duration = Duration::from_millis(50);
    const PATIENT: Patience = Patience {
        idle: LONG,
        request: LONG,
        answer: LONG,
    };

    /// Serves with room for one connection.
    fn serve(patience: Patience) -> (SocketAddr, tokio::runtime::Runtime) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let bounded = Bounded {
            room: Arc::new(Semaphore::new(1)),
            patience,
            ..Bounded::new(listener, ClientAddress::Peer)
        };
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/large", get(async || vec![b'x'; 64 << 20]));
        let service = router.into_make_service_with_connect_info::<Peer>();
        runtime.spawn(async move { axum::serve(bounded, service).await });
        (address, runtime)
    }

    /// Asks on a connection of its own. It would never be served while another one had the only room.
    fn ask(address: SocketAddr) {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    }

    #[test]
    fn a_silent_connection_leaves_its_room_to_the_next() {
        let (address, _runtime) = serve(Patience {
            idle: SHORT,
            ..PATIENT
        });
        let mut silent = std::net::TcpStream::connect(address).unwrap();
        ask(address);
        let mut rest = Vec::new();
        let _ended = silent.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }

    #[test]
    fn single_bytes_of_a_request_gain_no_time() {
        let (address, _runtime) = serve(Patience {
            request: SHORT,
            ..PATIENT
        });
        let mut slow = std::net::TcpStream::connect(address).unwrap();
        slow.set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx: ").unwrap();
        let is_ended = (0..2_000).any(|_| {
            let is_refused = slow.write_all(b"x").is_err();
            let read = slow.read(&mut [0]);
            is_refused
                || read.is_ok()
                || read.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
        });
        assert!(is_ended);
        ask(address);
    }

    #[test]
    fn an_answer_that_nobody_takes_is_given_up() {
        let (address, _runtime) = serve(Patience {
            answer: SHORT,
            ..PATIENT
        });
        let mut deaf = std::net::TcpStream::connect(address).unwrap();
        deaf.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        ask(address);
    }

    #[test]
    fn a_connection_serves_one_request_after_another() {
        let (address, _runtime) = serve(Patience {
            answer: SHORT,
            ..PATIENT
        });
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        for _ in 0..3 {
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"here") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                answer.extend(byte);
            }
        }
        // Once an answer is out the connection is idle, and may be so for long.
        stream.set_read_timeout(Some(4 * SHORT)).unwrap();
        let nothing = stream.read(&mut [0]).unwrap_err().kind();
        assert_eq!(nothing, io::ErrorKind::WouldBlock);
    }

    #[test]
    fn an_answer_sets_the_clock_back() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let mut clock = Clock::new(PATIENT);
        let mut last = clock.until.deadline();
        for part in [Part::Request, Part::Answer, Part::Idle, Part::Request] {
            clock.begin(part);
            let until = clock.until.deadline();
            assert!(until > last, "{part:?}");
            clock.begin(part);
            assert_eq!(clock.until.deadline(), until, "{part:?}");
            last = until;
        }
    }

    #[test]
    fn a_household_has_so_many_connections() {
        let households = Households::new(2);
        let seat = |address: &str| households.seat(address.parse().unwrap());
        let first = seat("2001:db8::1");
        let second = seat("2001:db8::2");
        assert!(first.is_ok() && second.is_ok());
        assert!(seat("2001:db8::3").is_err());
        assert!(seat("2001:db8:0:1::1").is_ok());
        drop(first);
        let third = seat("2001:db8::3");
        assert!(third.is_ok());
        drop((second, third));
        assert!(households.seats.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_strangers_are_counted() {
        for (said, address, is_counted) in [
            (ClientAddress::Peer, "203.0.113.7:5", true),
            (ClientAddress::Peer, "10.0.0.1:5", false),
            (ClientAddress::ForwardedFor, "203.0.113.7:5", false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let bounded = Bounded {
                households: Households::new(1),
                ..Bounded::new(listener, said)
            };
            let address = address.parse().unwrap();
            let _first = bounded.seat(address).unwrap();
            assert_eq!(bounded.seat(address).is_err(), is_counted, "{address}");
        }
    }
}
