//! A proxy before a broker that decides what becomes of one question: the one for a producer id. All else passes.
//!
//! Apache Kafka gives an id to every client that may write to any topic, so no access rule can play a cluster that refuses idempotent producers.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use super::Kafka;
use super::door::Door;

/// What becomes of questions for a producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// The broker answers.
    Given,
    /// The proxy refuses, as clouds do whose topics take no idempotent producers.
    Refused,
    /// The connection ends, as in an outage.
    CutOff,
}

/// `InitProducerId`
const ASKS_FOR_ID: i16 = 22;
/// `CLUSTER_AUTHORIZATION_FAILED`
const REFUSAL: i16 = 31;
/// From this version on requests and answers end in tagged fields.
const FLEXIBLE: i16 = 2;

/// A broker and the proxy before it.
pub(crate) struct GuardedKafka {
    address: SocketAddr,
    ids: Arc<Mutex<Ids>>,
    _kafka: Kafka,
}

impl GuardedKafka {
    /// Starts both.
    pub(crate) fn start(ids: Ids) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let ids = Arc::new(Mutex::new(ids));
        let broker = Arc::new(OnceLock::new());
        let kafka = Kafka::start_behind(Door::Proxy(address.port()));
        broker
            .set(kafka.bootstrap().to_owned())
            .expect("it is set once");
        let of_proxy = Arc::clone(&ids);
        thread::spawn(move || serve(&listener, &broker, &of_proxy));
        Self {
            address,
            ids,
            _kafka: kafka,
        }
    }

    /// Where clients connect.
    pub(crate) fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// Changes what becomes of questions for an id.
    pub(crate) fn answer_with(&self, ids: Ids) {
        *self.ids.lock().expect("its holder does not panic") = ids;
    }
}

fn serve(listener: &TcpListener, broker: &OnceLock<String>, ids: &Arc<Mutex<Ids>>) {
    for client in listener.incoming().flatten() {
        let Some(Ok(server)) = broker.get().map(TcpStream::connect) else {
            continue;
        };
        let pair = || Ok::<_, io::Error>((client.try_clone()?, server.try_clone()?));
        let (Ok(there), Ok(back)) = (pair(), pair()) else {
            continue;
        };
        let answers = Arc::new(Mutex::new(client));
        let (own, ids) = (Arc::clone(&answers), Arc::clone(ids));
        thread::spawn(move || {
            let _ended = requests(there, &own, &ids);
        });
        thread::spawn(move || {
            let _ended = replies(back.1, &answers);
        });
    }
}

/// From the client to the broker, until either has gone.
fn requests(
    (mut client, mut server): (TcpStream, TcpStream),
    answers: &Mutex<TcpStream>,
    ids: &Mutex<Ids>,
) -> io::Result<()> {
    let end = |server: &TcpStream, client: &TcpStream| {
        let _is_open = server.shutdown(std::net::Shutdown::Both);
        let _is_open = client.shutdown(std::net::Shutdown::Both);
    };
    loop {
        let Ok(frame) = frame(&mut client) else {
            end(&server, &client);
            return Ok(());
        };
        let ids = *ids.lock().expect("its holder does not panic");
        match (asks_for_id(&frame), ids) {
            (Some(_), Ids::CutOff) => {
                end(&server, &client);
                return Ok(());
            }
            (Some(answer), Ids::Refused) => send(&mut lock(answers), &answer)?,
            (Some(_), Ids::Given) | (None, _) => send(&mut server, &frame)?,
        }
    }
}

/// From the broker to the client. Whole frames, for the proxy answers in between.
fn replies(mut server: TcpStream, answers: &Mutex<TcpStream>) -> io::Result<()> {
    loop {
        let frame = frame(&mut server)?;
        send(&mut lock(answers), &frame)?;
    }
}

fn lock(answers: &Mutex<TcpStream>) -> std::sync::MutexGuard<'_, TcpStream> {
    answers.lock().expect("its holder does not panic")
}

/// The refusal, if this request asks for an id.
fn asks_for_id(request: &[u8]) -> Option<Vec<u8>> {
    let two = |at: usize| {
        Some(i16::from_be_bytes(
            request.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let version = two(2)?;
    if two(0)? != ASKS_FOR_ID {
        return None;
    }
    let tags: &[u8] = if version >= FLEXIBLE { &[0] } else { &[] };
    let throttled_ms = 0_i32.to_be_bytes();
    let no_id = (-1_i64).to_be_bytes();
    let no_epoch = (-1_i16).to_be_bytes();
    let parts = [
        request.get(4..8)?,
        tags,
        &throttled_ms,
        &REFUSAL.to_be_bytes(),
        &no_id,
        &no_epoch,
        tags,
    ];
    Some(parts.concat())
}

fn frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn send(to: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_be_bytes(), frame].concat())
}
