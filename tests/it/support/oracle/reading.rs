//! Reads the sandbox's log over HTTP and the outcomes from their bytes, with nothing but JSON in between.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::{Outcome, Send};

/// Entries of one page of the log: a few megabytes.
const PAGE: usize = 10_000;

/// Everything that the sandbox accepted. Panics if the log is not whole.
pub(crate) fn sandbox_log(sandbox: SocketAddr) -> Vec<Send> {
    let mut sends = Vec::new();
    let mut since = 0;
    loop {
        let page = get(sandbox, &format!("/sandbox/log?since={since}&limit={PAGE}"));
        let accepted = page["accepted"].as_array().expect("a page has entries");
        for entry in accepted {
            let index = entry["index"].as_u64();
            assert_eq!(index, Some(since), "the sandbox's log has a hole");
            sends.push(send(entry));
            since += 1;
        }
        if accepted.is_empty() {
            assert_eq!(
                page["total"].as_u64(),
                Some(since),
                "the sandbox's log is not whole"
            );
            return sends;
        }
    }
}

fn send(entry: &Value) -> Send {
    let values = entry["data"].as_object().expect("a send has params");
    let at_ms = entry["at_ms"].as_i64().expect("a send has a time");
    Send {
        life: text(&entry["appid"]).expect("a send has an app"),
        values: values.values().filter_map(text).collect(),
        msgid: entry["msgid"].to_string(),
        at_ms,
        answered_at_ms: entry["answered_at_ms"].as_i64(),
    }
}

/// An outcome from its bytes on the topic.
pub(crate) fn outcome(value: &[u8], at_ms: i64) -> Outcome {
    let value: Value = serde_json::from_slice(value).expect("an outcome is JSON");
    let must = |field: &str| text(&value[field]).unwrap_or_else(|| panic!("no {field} in {value}"));
    Outcome {
        id: must("id"),
        message_id: must("message_id"),
        status: must("status"),
        reason: must("reason"),
        msgid: text(&value["msgid"]),
        duplicate_of: text(&value["duplicate_of"]),
        at_ms,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn get(address: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).expect("the sandbox listens");
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the sandbox reads");
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("the sandbox answers");
    let answer = String::from_utf8(answer).expect("the answer is text");
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .expect("the answer has a body");
    serde_json::from_str(body).expect("the body is JSON")
}
