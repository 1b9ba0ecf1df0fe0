//! Bad records amid good ones: each has its outcome and its dead letter, and the partition goes on.

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};

use crate::support::LIMIT;
use crate::support::checks::{self, text};
use crate::support::events::order;
use crate::support::kafka::Kafka;
use crate::support::topic::Published;
use crate::support::world::{Plan, World};

const SMALL_EVENTS: &str = r"
[events]
max_bytes = 2000
";

/// A record as nobody should publish it, and what shall come of it.
#[derive(Default)]
struct Bad {
    key: Option<&'static [u8]>,
    headers: Vec<(&'static str, Option<&'static [u8]>)>,
    value: Option<Vec<u8>>,
    /// The rule, if the event got as far as one.
    rule: &'static str,
    /// The reason of the outcome; none where there is to be no outcome.
    reason: Option<&'static str>,
}

impl Bad {
    fn value(value: impl Into<Vec<u8>>, reason: &'static str) -> Self {
        Self {
            value: Some(value.into()),
            reason: Some(reason),
            ..Self::default()
        }
    }
}

fn bad_records() -> Vec<Bad> {
    let odd_headers: Vec<(&str, Option<&[u8]>)> = vec![
        ("x-twice", Some(b"a")),
        ("x-twice", Some(b"b")),
        ("x-bytes", Some(&[0xff, 0x00])),
        ("x-null", None),
    ];
    let mut nobody = order(1);
    nobody.data["openid"] = Value::Null;
    let avro: Vec<(&str, Option<&[u8]>)> =
        vec![("content-type", Some(b"application/cloudevents+avro"))];
    let too_large = json!({ "type": "order.completed", "data": "x".repeat(3000) });
    vec![
        Bad {
            key: Some(&[0x00, 0x9f, 0x92]),
            headers: odd_headers,
            ..Bad::value([0xff, 0xfe, 0x00], "not_json")
        },
        Bad::value("{\"type\": \"order.compl", "not_json"),
        Bad {
            key: Some(b"with-an-empty-value"),
            ..Bad::value("", "not_json")
        },
        Bad::value("[1, 2, 3]", "event_malformed"),
        Bad::value(r#"{"type": {"not": "text"}}"#, "event_malformed"),
        Bad::value(r#"{"id": "no-type", "openid": "oNobody"}"#, "type_missing"),
        Bad::value(too_large.to_string(), "record_too_large"),
        Bad {
            headers: avro,
            ..Bad::value([0x01, 0x02], "format_unsupported")
        },
        Bad {
            rule: "order-completed",
            ..Bad::value(nobody.structured(), "value_missing")
        },
        // A tombstone: somebody deleted a key, and there is nothing to say about it.
        Bad {
            key: Some(b"deleted"),
            ..Bad::default()
        },
    ]
}

#[test]
fn each_bad_record_has_its_outcome_and_stops_nobody() {
    let plan = Plan {
        partitions: 1,
        sections: SMALL_EVENTS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "poison", plan);
    let bad = bad_records();
    // Good and bad ones by turns: even offsets are good.
    let good: Vec<_> = (100..100 + bad.len()).map(order).collect();
    let producer = producer(&world.brokers);
    for (good, bad) in good.iter().zip(&bad) {
        publish(
            &producer,
            world.source(),
            &Bad::value(good.structured(), ""),
        );
        publish(&producer, world.source(), bad);
    }
    producer.flush(LIMIT).unwrap();

    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let n_bad = bad.iter().filter(|bad| bad.reason.is_some()).count();
    outcomes.read_at_least(good.len() + n_bad);
    courier.end_cleanly();

    let mut found = checks::distinct(outcomes.read_to_end());
    let mut dead_letters = world.dead_letters();
    let dead_letters = dead_letters.read_to_end();
    for (offset, bad) in (1..).step_by(2).zip(&bad) {
        let id = format!("{}/0/{offset}", world.source());
        let Some(reason) = bad.reason else {
            assert!(!found.contains_key(&id), "a tombstone has an outcome");
            continue;
        };
        let id = match bad.rule {
            "" => id,
            rule => format!("{id}/{rule}"),
        };
        let outcome = found.remove(&id);
        let outcome = outcome.unwrap_or_else(|| panic!("no outcome {id}"));
        assert_eq!(text(&outcome, "status"), "invalid");
        assert_eq!(text(&outcome, "reason"), reason, "{outcome:#}");
        check_dead_letter(dead_letters, bad, &outcome);
    }
    assert_eq!(dead_letters.len(), n_bad, "dead letters");
    checks::each_was_sent(&found, &good);
    checks::each_was_accepted_once(&world.wechat, &good);
    checks::everything_is_committed(&world);
}

fn check_dead_letter(dead_letters: &[Published], bad: &Bad, outcome: &Value) {
    let id = text(outcome, "id");
    let mut letters = dead_letters
        .iter()
        .filter(|letter| letter.header("wx-courier-outcome-id") == id);
    let letter = letters.next().unwrap_or_else(|| panic!("no letter {id}"));
    assert!(letters.next().is_none(), "two letters {id}");
    assert_eq!(letter.value, bad.value, "{id}");
    assert_eq!(letter.key.as_deref(), bad.key, "{id}");
    let original = letter.headers.iter().take(bad.headers.len());
    let original: Vec<_> = original
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    assert_eq!(original, bad.headers, "{id}");
    let said = |name: &str| letter.header(&format!("wx-courier-{name}")).to_owned();
    for field in ["status", "reason", "detail", "topic"] {
        assert_eq!(said(field), text(outcome, field), "{field} of {id}");
    }
    assert_eq!(said("rule"), bad.rule);
    assert_eq!(said("partition"), outcome["partition"].to_string());
    assert_eq!(said("offset"), outcome["offset"].to_string());
    assert_eq!(said("time"), text(outcome, "settled_at"));
    assert_eq!(said("message-id"), text(outcome, "message_id"));
    assert!(said("timestamp").parse::<i64>().is_ok());
    let mut n_expected = 11;
    for field in ["event_id", "event_type"] {
        let known = outcome[field].as_str().unwrap_or_default();
        assert_eq!(said(&field.replace('_', "-")), known);
        n_expected += usize::from(!known.is_empty());
    }
    let n_ours = letter.headers.len() - bad.headers.len();
    assert_eq!(n_ours, n_expected, "{:?}", letter.headers);
}

fn producer(brokers: &str) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .create()
        .unwrap()
}

fn publish(producer: &BaseProducer, topic: &str, bad: &Bad) {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &bad.headers {
        headers = headers.insert(Header { key, value: *value });
    }
    let mut record = BaseRecord::<[u8], [u8]>::to(topic)
        .partition(0)
        .headers(headers);
    record.key = bad.key;
    record.payload = bad.value.as_deref();
    producer.send(record).map_err(|(error, _)| error).unwrap();
}
