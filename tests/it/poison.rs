//! Bad records amid good ones: each has its outcome and its dead letter, and the partition goes on.

mod compacted;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use wx_courier_sandbox::{Answer, Script};

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

/// A record as no producer should publish it, and what shall come of it.
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

impl Bad {
    fn is_named(&self) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(_, value)| *value == Some(NAMED.as_bytes()))
    }
}

/// The id of events that say of themselves what they can.
const NAMED: &str = "named-event";

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
    let named: Vec<(&str, Option<&[u8]>)> = vec![
        ("ce_type", Some(b"order.completed")),
        ("ce_id", Some(NAMED.as_bytes())),
        ("ce_time", Some(b"2026-11-22T16:30:00+08:00")),
    ];
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
        // What is known of the event is told, though its value is cut off, and though it has none.
        Bad {
            headers: named.clone(),
            ..Bad::value("{\"openid\": \"oUs", "not_json")
        },
        Bad {
            rule: "order-completed",
            headers: named,
            reason: Some("value_missing"),
            ..Bad::default()
        },
        // A tombstone: a producer deleted a key, and there is nothing to say about it.
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
        if bad.is_named() {
            assert_eq!(text(&outcome, "event_id"), NAMED);
            assert_eq!(text(&outcome, "event_type"), "order.completed");
            assert_eq!(text(&outcome, "event_time"), "2026-11-22T08:30:00.000Z");
        }
        check_dead_letter(dead_letters, bad, &outcome);
    }
    assert_eq!(dead_letters.len(), n_bad, "dead letters");
    checks::each_was_sent(&found, &good);
    checks::each_was_accepted_once(&world.wechat, &good);
    checks::everything_is_committed(&world);
}

// Above the size of the service's batches, so that a large record is refused alone.
const LIMIT_OF_LETTERS_BYTES: usize = 20_000;

#[test]
fn what_the_dead_letter_topic_does_not_accept_goes_there_in_part() {
    let world = World::new(Kafka::shared(), "too-large", Plan::default());
    world.limit_batches(&world.settings.dead_letter_topic, LIMIT_OF_LETTERS_BYTES);
    let large = vec![b'x'; 2 * LIMIT_OF_LETTERS_BYTES];
    let large_header: &'static [u8] = large.clone().leak();
    let letter = |key, headers, value: &[u8]| Bad {
        key: Some(key),
        headers,
        ..Bad::value(value, "not_json")
    };
    let small_headers: Vec<(&str, Option<&[u8]>)> = vec![("x-kept", Some(b"yes"))];
    let large_headers: Vec<(&str, Option<&[u8]>)> = vec![("x-large", Some(large_header))];
    let producer = producer(&world.brokers);
    for n in 0..100 {
        let small = format!("{n:03000} is a number, but not an event");
        let small = letter(b"whole", small_headers.clone(), small.as_bytes());
        publish(&producer, world.source(), &small);
        if n == 50 {
            let no_value = letter(b"no-value", small_headers.clone(), &large);
            publish(&producer, world.source(), &no_value);
            publish(
                &producer,
                world.source(),
                &letter(b"bare", large_headers.clone(), b"{"),
            );
        }
    }
    producer.flush(LIMIT).unwrap();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(102);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();

    assert_eq!(checks::distinct(outcomes.read_to_end()).len(), 102);
    let mut letters = world.dead_letters();
    let letters = letters.read_to_end();
    assert_eq!(letters.len(), 102);
    let is_in_part = |letter: &&Published| !letter.header("wx-courier-omitted").is_empty();
    let mut in_part: Vec<_> = letters.iter().filter(is_in_part).collect();
    in_part.sort_by_key(|letter| letter.header("x-kept").is_empty());
    let [no_value, bare] = in_part[..] else {
        panic!("letters in part: {in_part:#?}");
    };
    assert_eq!(no_value.key_text(), "no-value");
    assert_eq!(no_value.header("x-kept"), "yes");
    // Empty, and not none: none would say that its key is deleted.
    let empty = Some(Vec::new());
    assert_eq!(no_value.value, empty);
    assert_eq!(bare.key_text(), bare.header("wx-courier-outcome-id"));
    assert_eq!(bare.value, empty);
    assert_eq!(bare.header("x-large"), "");
    for letter in in_part {
        assert_eq!(letter.header("wx-courier-reason"), "not_json");
        assert_eq!(letter.header("wx-courier-topic"), world.source());
    }
}

/// What an outcome's key, its headers and the fields of a batch take, more or less.
const AROUND_AN_OUTCOME_BYTES: usize = 315;

#[test]
fn an_outcome_that_its_topic_does_not_accept_goes_there_shorter() {
    let plan = Plan {
        app: "max_in_flight = 1",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "too-long", plan);
    let wordy = Answer::Errcode {
        code: 43101,
        message: Some("user refuse to accept the msg ".repeat(100)),
    };
    world.wechat.script(Script::every_send(wordy));
    world.publish(&[order(1)]);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(1);
    let whole = outcomes.read_to_end()[0].clone();
    let whole_bytes = whole.value.as_ref().map_or(0, Vec::len);
    let errmsg_bytes = text(&whole.json(), "errmsg").len();
    // The next one fits without its errmsg, and not with it.
    let limit = whole_bytes + AROUND_AN_OUTCOME_BYTES - errmsg_bytes / 2;
    world.limit_batches(&world.settings.outcomes.topic, limit);
    world.publish(&[order(2)]);
    outcomes.read_at_least(2);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let cut = found.values().find(|outcome| outcome["errmsg"].is_null());
    let cut = cut.unwrap_or_else(|| panic!("no shorter outcome in {found:#?}"));
    assert_eq!(text(cut, "reason"), "user_refused");
    assert!(text(cut, "detail").starts_with("left out"), "{cut:#}");
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
    for field in ["event_id", "event_type", "event_time"] {
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
