//! The listener as its clients meet it, on loopback.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use axum::routing::get;

use super::*;

const LONG: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_millis(50);
const LONG_TIMEOUTS: Timeouts = Timeouts {
    idle: LONG,
    request: LONG,
    answer: LONG,
};

/// Serves with so many seats.
fn serve(seats: usize, timeouts: Timeouts) -> (SocketAddr, tokio::runtime::Runtime) {
    let router = Router::new()
        .route("/", get(async || "here"))
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        )
        .route("/large", get(async || vec![b'x'; 64 << 20]));
    serve_pages(seats, timeouts, router)
}

fn serve_pages(
    seats: usize,
    timeouts: Timeouts,
    router: Router,
) -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let socket = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = socket.local_addr().unwrap();
    let terms = Terms {
        name: ListenerName::Public,
        per_address: PerAddress::Strangers,
        metrics: Metrics::new().unwrap(),
    };
    let bound = Bound { socket, seats };
    let never = std::future::pending();
    runtime.spawn(serve_with(bound, terms, router, never, timeouts));
    (address, runtime)
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

fn try_to_ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

/// Asks until it is served, as a client would that is refused meanwhile.
fn ask(address: SocketAddr) {
    let answer = (0..2_000).find_map(|_| {
        let answer = try_to_ask(address, "/");
        if answer.is_none() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        answer
    });
    assert!(answer.is_some_and(|answer| answer.ends_with("here")));
}

/// Whether the other end has closed, within a time in which it would have been served.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    rest.is_empty() && (read.is_ok() || read.is_err_and(|error| is_reset(&error)))
}

fn is_reset(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

#[test]
fn a_silent_connection_is_closed_in_the_end() {
    let timeouts = Timeouts {
        idle: SHORT,
        ..LONG_TIMEOUTS
    };
    let (address, _runtime) = serve(10, timeouts);
    assert!(is_closed(&mut connect(address)));
}

#[test]
fn single_bytes_of_a_request_gain_no_time() {
    let timeouts = Timeouts {
        request: SHORT,
        ..LONG_TIMEOUTS
    };
    let (address, _runtime) = serve(10, timeouts);
    let mut slow = connect(address);
    slow.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx: ").unwrap();
    let is_ended = (0..2_000).any(|_| {
        let is_refused = slow.write_all(b"x").is_err();
        let read = slow.read(&mut [0]);
        is_refused || read.is_ok() || read.is_err_and(|error| is_reset(&error))
    });
    assert!(is_ended);
}

#[test]
fn an_answer_that_its_client_does_not_take_is_given_up() {
    let timeouts = Timeouts {
        answer: SHORT,
        ..LONG_TIMEOUTS
    };
    let (address, _runtime) = serve(1, timeouts);
    let mut deaf = connect(address);
    deaf.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut begun = [0; 12];
    deaf.read_exact(&mut begun).unwrap();
    ask(address);
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let timeouts = Timeouts {
        answer: SHORT,
        ..LONG_TIMEOUTS
    };
    let (address, _runtime) = serve(10, timeouts);
    let mut stream = connect(address);
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
fn handlers_hear_who_has_connected() {
    let (address, _runtime) = serve(10, LONG_TIMEOUTS);
    let answer = try_to_ask(address, "/peer").unwrap();
    assert!(answer.contains("127.0.0.1:"), "{answer}");
}

#[test]
fn silent_connections_and_slow_heads_give_their_seats_to_those_who_ask() {
    let (address, _runtime) = serve(4, LONG_TIMEOUTS);
    let mut silent = connect(address);
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect(address)).collect();
    for stream in &mut slow {
        // Some are closed already.
        let _sent = stream.write_all(b"GET / HTTP/1.1\r\nx: ").is_ok();
    }
    ask(address);
    assert!(is_closed(&mut silent));
}

#[test]
fn a_request_under_way_keeps_its_seat() {
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let slow = async move || {
        begun.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let (address, runtime) = serve_pages(1, LONG_TIMEOUTS, Router::new().route("/", get(slow)));
    let mut at_work = connect(address);
    at_work
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    runtime.block_on(has_begun.recv()).unwrap();
    assert_eq!(try_to_ask(address, "/"), None);
    at_work.set_nonblocking(true).unwrap();
    let nothing = at_work.read(&mut [0]).unwrap_err().kind();
    assert_eq!(nothing, io::ErrorKind::WouldBlock);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let (address, _runtime) = serve(10, LONG_TIMEOUTS);
    let mut stream = connect(address);
    let head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(BUFFER_BYTES));
    // It does not read the rest.
    let _sent = stream.write_all(head.as_bytes()).is_ok();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[test]
fn who_is_told_to_end_answers_what_is_under_way() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let socket = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = socket.local_addr().unwrap();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, may_go_on) = watch::channel(());
    let handler = async move || {
        begun.send(()).unwrap();
        let _gone = may_go_on.clone().changed().await;
        "at last"
    };
    let router = Router::new().route("/", get(handler));
    let terms = Terms {
        name: ListenerName::Private,
        per_address: PerAddress::Unlimited,
        metrics: Metrics::new().unwrap(),
    };
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let bound = Bound { socket, seats: 10 };
    let served = runtime.spawn(super::serve(bound, terms, router, async {
        let _told = ended.await;
    }));
    let asking = std::thread::spawn(move || try_to_ask(address, "/"));
    let mut idle = connect(address);
    runtime.block_on(has_begun.recv()).unwrap();
    drop(end);
    assert!(is_closed(&mut idle));
    drop(go_on);
    let answer = asking.join().unwrap().unwrap();
    assert!(answer.ends_with("at last"), "{answer}");
    runtime.block_on(served).unwrap();
}
