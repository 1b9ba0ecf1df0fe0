//! A replay changes a record's place and nothing that names it.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::event::{Decoded, Decoding, Event, decode};

fn record(headers: &[(&str, &str)], value: &str) -> Record {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
    Record {
        topic: Arc::from("orders"),
        partition: 3,
        offset: 17,
        key: Some(b"k".to_vec()),
        headers: headers.iter().map(own).collect(),
        value: Some(value.as_bytes().to_vec()),
        timestamp_ms: Some(1_795_336_200_123),
    }
}

/// What Kafka makes of a record that is published again.
fn lies_at(record: Record, offset: i64) -> Record {
    Record {
        offset,
        timestamp_ms: Some(1_900_000_000_000 + offset),
        ..record
    }
}

fn event(record: &Record) -> Event {
    match decode(
        &Decoding::default(),
        &Arc::new(record.clone()),
        2_000_000_000_000,
    ) {
        Decoded::Event(event) => *event,
        other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
    }
}

fn wish(rules: &[&str], again: Option<&RunId>) -> Wish {
    Wish {
        rules: rules.iter().map(|rule| (*rule).into()).collect(),
        again: again.cloned(),
    }
}

#[test]
fn run_ids_are_known_again_and_nothing_else_is() {
    let run = RunId::new(1_795_336_200_123, 0xff1a_2b3c);
    assert_eq!(run.to_string(), "20261122T083000Z-1a2b3c");
    assert_eq!(RunId::parse(&run.to_string()), Some(run));
    for other in [
        "",
        "1",
        "20261122T083000Z-1A2B3C",
        "20261122T083000Z-1a2b3c ",
        "20261122 083000Z-1a2b3c",
    ] {
        assert_eq!(RunId::parse(other), None, "{other:?}");
    }
}

#[test]
fn what_a_replay_wants_is_read_back() {
    let run = RunId::new(0, 1);
    let wanted = wish(&["a", "folder/b"], Some(&run));
    let again = republished(record(&[("x", "1")], "{}"), &wanted);
    assert_eq!(Wish::of(&again), wanted);
    assert!(wanted.means("folder/b") && !wanted.means("c"));
    assert_eq!(Wish::of(&record(&[], "{}")), Wish::default());
    assert!(Wish::default().means("any"));
}

#[test]
fn headers_of_an_earlier_replay_are_replaced() {
    let run = RunId::new(0, 1);
    let first = republished(record(&[("x", "1")], "{}"), &wish(&["a", "b"], Some(&run)));
    let second = republished(lies_at(first, 99), &wish(&["b"], None));
    let text = |value: &Option<Vec<u8>>| String::from_utf8(value.clone().unwrap()).unwrap();
    let headers: Vec<_> = second
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    let expected = [
        ("x", "1"),
        (REPLAY_OF, "orders/3/17"),
        (REPLAY_TIMESTAMP, "1795336200123"),
        (REPLAY_RULE, "b"),
    ];
    assert_eq!(
        headers,
        expected.map(|(name, value)| (name, value.to_owned()))
    );
}

#[test]
fn strange_headers_change_nothing() {
    let headers = [
        (REPLAY_OF, "orders"),
        (REPLAY_TIMESTAMP, "yesterday"),
        (REPLAY_AGAIN, "and again"),
        (REPLAY_RULE, ""),
    ];
    let value = r#"{"type":"t"}"#;
    let strange = event(&record(&headers, value));
    let usual = event(&record(&[], value));
    let carrier = usual.carrier.clone();
    assert_eq!(Event { carrier, ..strange }, usual);
    for position in ["orders/1/-1", "/1/1", "orders/x/1", "orders/1"] {
        assert!(!is_position(position), "{position}");
    }
}

proptest! {
    /// However often it is replayed, an event that says nothing of itself keeps its id, its time and its source.
    #[test]
    fn identity_survives_replays(
        id in proptest::option::of("[a-z0-9]{1,8}"),
        has_time in any::<bool>(),
        offsets in proptest::collection::vec(18_i64..1_000_000, 1..4),
        rules in proptest::collection::vec("[a-z]{1,5}", 0..3),
    ) {
        let mut value = serde_json::json!({ "type": "t", "n": 1 });
        if let Some(id) = id {
            value["id"] = id.into();
        }
        if has_time {
            value["time"] = "2026-11-22T08:30:00Z".into();
        }
        let mut lying = record(&[("traceparent", "x")], &value.to_string());
        let before = event(&lying);
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        for offset in offsets {
            lying = lies_at(republished(lying, &wish(&rules, None)), offset);
        }
        let after = event(&lying);
        prop_assert_eq!(&after.wish, &wish(&rules, None));
        prop_assert_eq!(after.carrier.record_time_ms(), before.carrier.record_time_ms());
        let carrier = before.carrier.clone();
        prop_assert_eq!(Event { wish: Wish::default(), carrier, ..after }, before);
    }
}
