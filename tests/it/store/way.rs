//! A way to a server on which the first connection can be held back, as a network that loses packets does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A relay on a port of its own. Its threads end with their connections, the listening one with the process.
pub(super) struct Way {
    /// Where it begins: `127.0.0.1:PORT`.
    pub(super) address: String,
    first: Arc<First>,
}

/// The state of the first connection.
#[derive(Default)]
struct First {
    is_held_back: Mutex<bool>,
    changed: Condvar,
    last_answer: Mutex<String>,
}

impl Way {
    pub(super) fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let first = Arc::new(First::default());
        let mut gate = Some(Arc::clone(&first));
        thread::spawn(move || {
            for client in listener.incoming() {
                relay(client.unwrap(), &server, gate.take());
            }
        });
        Self { address, first }
    }

    /// From now on no call that writes gets through on the first connection.
    pub(super) fn hold_back(&self) {
        *self.first.is_held_back.lock().unwrap() = true;
    }

    /// Lets everything through that was held back.
    pub(super) fn let_go(&self) {
        *self.first.is_held_back.lock().unwrap() = false;
        self.first.changed.notify_all();
    }

    /// What the server said last on the first connection.
    pub(super) fn last_answer(&self) -> String {
        self.first.last_answer.lock().unwrap().clone()
    }
}

fn relay(client: TcpStream, server: &str, first: Option<Arc<First>>) {
    let server = TcpStream::connect(server).unwrap();
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    let gate = first.clone();
    thread::spawn(move || {
        while let Some(bytes) = next(&mut from_client) {
            if let Some(first) = &gate {
                let is_held_back = first.is_held_back.lock().unwrap();
                let waited = first
                    .changed
                    .wait_while(is_held_back, |is_held_back| *is_held_back && writes(&bytes));
                drop(waited.unwrap());
            }
            if to_server.write_all(&bytes).is_err() {
                return;
            }
        }
        // As the client's own system does: what was written arrives before the end.
        let _is_gone = to_server.shutdown(Shutdown::Write).is_err();
    });
    let (mut from_server, mut to_client) = (server, client);
    thread::spawn(move || {
        while let Some(bytes) = next(&mut from_server) {
            if let Some(first) = &first {
                *first.last_answer.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
            // A client that has gone does not keep its server from answering.
            let _is_gone = to_client.write_all(&bytes).is_err();
        }
        let _is_gone = to_client.shutdown(Shutdown::Both).is_err();
    });
}

/// Whether a call of the store writes: it names the key of the fence.
fn writes(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains(":fence:")
}

/// What comes next; `None` at the end.
fn next(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 65_536];
    let n_bytes = stream
        .read(&mut buffer)
        .ok()
        .filter(|&n_bytes| n_bytes > 0)?;
    buffer.truncate(n_bytes);
    Some(buffer)
}
