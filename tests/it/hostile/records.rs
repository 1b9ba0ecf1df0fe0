//! Records that a producer could publish to do harm, each of another kind.

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;

use crate::support::LIMIT;
use crate::support::events::order_of;

/// As large as a broker takes it with its default settings, and a little room for the rest of the record.
const LARGE_BYTES: usize = 1_040_000;

/// Of so many kinds, the last few are events that are sound, and whose values `WeChat` refuses.
const N_KINDS: usize = 20;
const N_SOUND_KINDS: usize = 5;

/// A record to be.
#[derive(Default)]
pub(super) struct Draft {
    headers: Vec<(String, Vec<u8>)>,
    value: Vec<u8>,
}

/// An ordinary record.
pub(super) fn plain(value: Vec<u8>) -> Draft {
    Draft {
        headers: Vec::new(),
        value,
    }
}

/// How many of so many nasty records are sound events that `WeChat` refuses.
pub(super) fn n_refused(n_nasty: usize) -> usize {
    (0..n_nasty)
        .filter(|n| n % N_KINDS >= N_KINDS - N_SOUND_KINDS)
        .count()
}

/// The nasty record of this number; `refused` is the user whose messages are refused.
pub(super) fn nasty(n: usize, refused: &str) -> Draft {
    let filled = |before: &str, part: &str, after: &str| {
        let room = LARGE_BYTES - before.len() - after.len();
        plain(
            [before, &part.repeat(room / part.len()), after]
                .concat()
                .into_bytes(),
        )
    };
    let order = r#"{"type":"order.completed","data":"#;
    match n % N_KINDS {
        0 => filled(r#"{"type":"order.completed","id":"#, "9", "}"),
        1 => filled(r#"{"type":"order.completed","source":"#, "7", "}"),
        2 => filled(&format!("{order}["), "{},", "{}]}"),
        3 => filled(&format!("{order}["), "[],", "[]]}"),
        4 => filled(&format!("{order}["), "0,", "0]}"),
        5 => filled(&format!("{order}\""), "\\u0061", "\"}"),
        6 => plain(nested("[", "]", order)),
        7 => plain(nested("{\"a\":", "}", order)),
        8 => plain(many_keys()),
        9 => filled("", "\u{202e}", ""),
        10 => plain(vec![0xff; 2_000]),
        11 => plain(b"{\"type\":\"order.completed\"".to_vec()),
        12 => many_headers(n),
        13 => large_attribute(n),
        14 => filled(
            r#"{"specversion":"1.0","type":"nobody.wants.this","id":"x","source":"s","data":["#,
            "{\"a\":[]},",
            "0]}",
        ),
        _ => {
            let mut order = order_of(100_000 + n, refused);
            order.data["items"] = json!([{ "name": format!("\u{202e}拿\u{200b}铁 {n}") }]);
            plain(order.structured())
        }
    }
}

/// As deep as half of the bytes allow.
fn nested(open: &str, close: &str, before: &str) -> Vec<u8> {
    let depth = LARGE_BYTES / (open.len() + close.len()) - before.len();
    [before, &open.repeat(depth), "0", &close.repeat(depth), "}"]
        .concat()
        .into_bytes()
}

fn many_keys() -> Vec<u8> {
    let keys = (0..80_000).map(|key| format!("\"{key:x}\":{{}},"));
    let start = r#"{"type":"order.completed","data":{"#.to_owned();
    let value = keys.fold(start, |value, key| value + &key);
    (value + "\"z\":0}}").into_bytes()
}

fn many_headers(n: usize) -> Draft {
    let headers = (0..2_000).map(|header| (format!("x-{header}"), vec![b'h'; 200]));
    Draft {
        headers: headers.collect(),
        value: format!("{n} is no event").into_bytes(),
    }
}

fn large_attribute(n: usize) -> Draft {
    let long = vec![b'i'; 500_000];
    let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    Draft {
        headers: vec![
            header("ce_specversion", b"1.0"),
            header("ce_type", b"order.completed"),
            header("ce_id", format!("large-{n}").as_bytes()),
            header("ce_source", &long),
            header("ce_subject", &long),
        ],
        value: b"{}".to_vec(),
    }
}

/// A producer that lets everything through.
pub(super) struct Upstream<'a> {
    producer: BaseProducer,
    topic: &'a str,
}

impl<'a> Upstream<'a> {
    pub(super) fn new(brokers: &str, topic: &'a str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "1900000")
            .create()
            .unwrap();
        Self { producer, topic }
    }

    pub(super) fn publish(&self, draft: &Draft) {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &draft.headers {
            let value = Some(value);
            headers = headers.insert(Header { key, value });
        }
        let record = BaseRecord::<[u8], [u8]>::to(self.topic)
            .partition(0)
            .headers(headers)
            .payload(&draft.value);
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }

    /// Waits until the broker has everything.
    pub(super) fn flush(&self) {
        self.producer.flush(LIMIT).unwrap();
    }
}
