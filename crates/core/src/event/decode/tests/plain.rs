//! Plain JSON: where the settings may find things, what may stand around the event, and how times are written.

use std::sync::Arc;

use super::{Decoded, RECEIVED_MS, data, event, record};
use crate::event::decode::decode;
use crate::event::{DataLocator, Decoding, Envelope, Event, Locator};
use crate::model::Record;
use crate::model::outcome::Reason;

fn at(text: &str) -> Locator {
    Locator::new(text).unwrap()
}

fn decoded(decoding: &Decoding, record: Record) -> Decoded {
    decode(decoding, &Arc::new(record), RECEIVED_MS)
}

fn event_of(decoding: &Decoding, record: Record) -> Event {
    match decoded(decoding, record) {
        Decoded::Event(event) => *event,
        other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
    }
}

#[test]
fn attributes_may_come_from_headers_the_key_the_topic_and_the_settings() {
    let decoding = Decoding {
        id: at("header:event-id"),
        kind: at("header:event-type"),
        time: at("header:at"),
        source: at("topic"),
        subject: at("key"),
        ..Decoding::default()
    };
    let headers = [
        ("Event-Type", "order.completed"),
        ("event-id", "\"e1\""),
        ("at", "1795336200000"),
    ];
    let keyed = Record {
        key: Some(b"SO1".to_vec()),
        ..record(&headers, r#"{"type":"other","id":"other"}"#)
    };
    let event = event_of(&decoding, keyed.clone());
    assert_eq!(
        (
            event.kind.as_str(),
            event.id.as_str(),
            event.source.as_str()
        ),
        ("order.completed", "e1", "orders")
    );
    assert_eq!(event.subject.as_deref(), Some("SO1"));
    assert_eq!(event.time_ms, 1_795_336_200_000);
    let decoding = Decoding {
        kind: at("const:order.completed"),
        id: at("key"),
        ..Decoding::default()
    };
    let event = event_of(&decoding, keyed);
    assert_eq!(
        (event.kind.as_str(), event.id.as_str()),
        ("order.completed", "SO1")
    );
    let decoding = Decoding {
        kind: at("topic"),
        ..Decoding::default()
    };
    let event = event_of(&decoding, record(&[], "{}"));
    assert_eq!(event.kind, "orders");
}

#[test]
fn data_may_lie_anywhere_and_be_json_in_a_text() {
    let value = r#"{"type":"t","a":{"b/c":[0,{"x":1}]},"text":"{\"x\":\"\\u8336\"}","no":null,"row":{"x":2}}"#;
    for (place, expected) in [
        ("value", value),
        ("/a/b~1c/1", r#"{"x":1}"#),
        ("/type", r#""t""#),
        ("/no", "null"),
        ("/nowhere", "null"),
        ("json:/text", r#"{"x":"\u8336"}"#),
        ("json:/row", r#"{"x":2}"#),
        ("json:/no", "null"),
    ] {
        let decoding = Decoding {
            data: DataLocator::new(place).unwrap(),
            ..Decoding::default()
        };
        let event = event_of(&decoding, record(&[], value));
        assert_eq!(data(&event), expected, "{place}");
    }
    let decoding = Decoding {
        data: DataLocator::new("json:/type").unwrap(),
        ..Decoding::default()
    };
    let unreadable = event_of(&decoding, record(&[], value))
        .data
        .open()
        .unwrap_err();
    assert_eq!(unreadable.reason, Reason::EventMalformed);
    assert_eq!(
        unreadable.detail,
        "the text at /type ([events] data) is not JSON: line 1 column 1"
    );
}

#[test]
fn an_event_that_was_written_twice_is_read() {
    let inside = r#"{"type":"t","id":"o-1","name":"\"茶\""}"#;
    let twice = serde_json::to_string(inside).unwrap();
    let event = event(&[], &twice);
    assert_eq!((event.kind.as_str(), event.id.as_str()), ("t", "o-1"));
    assert_eq!(data(&event), inside);
    assert!(
        event.size_bytes() > inside.len(),
        "it is no part of its record"
    );
    // The text is kept for the attributes, too, and for them alone where there is no data.
    let inside = r#"{"specversion":"1.0","type":"t","id":"o-1","tenant":"cn"}"#;
    let twice = serde_json::to_string(inside).unwrap();
    let without_data = super::event(&[], &twice);
    assert!(without_data.size_bytes() > super::event(&[], inside).size_bytes() + 4);
    let Decoded::Undecodable(problem) = super::read(record(&[], r#""{\"type\":1,}""#)) else {
        panic!("refused");
    };
    assert_eq!(problem.reason, Reason::EventMalformed);
    assert!(
        problem.detail.contains("the text in the value is not JSON"),
        "{}",
        problem.detail
    );
}

fn debezium(data: &str) -> Decoding {
    Decoding {
        envelope: Envelope::Debezium,
        data: DataLocator::new(data).unwrap(),
        ..Decoding::default()
    }
}

#[test]
fn the_row_of_a_change_event_is_the_event() {
    let row = r#"{"id":"4d","type":"t","payload":"{\"openid\":\"o1\"}"}"#;
    let as_text = serde_json::to_string(row).unwrap();
    for value in [
        format!(r#"{{"before":null,"after":{row},"op":"c","ts_ms":1}}"#),
        format!(r#"{{"schema":{{"op":{{}}}},"payload":{{"before":null,"after":{row},"op":"r"}}}}"#),
        format!(r#"{{"after":{as_text},"op":"u"}}"#),
        serde_json::to_string(&format!(r#"{{"after":{row},"op":"c"}}"#)).unwrap(),
        // A row that was taken out by a transformation.
        row.to_owned(),
    ] {
        let event = event_of(&debezium("json:/payload"), record(&[], &value));
        assert_eq!(
            (event.kind.as_str(), event.id.as_str()),
            ("t", "4d"),
            "{value}"
        );
        assert_eq!(data(&event), r#"{"openid":"o1"}"#, "{value}");
        let event = event_of(&debezium("value"), record(&[], &value));
        assert_eq!(data(&event), row, "{value}");
    }
}

#[test]
fn a_deleted_row_is_no_event() {
    for value in [
        r#"{"before":{"type":"t"},"after":null,"op":"d"}"#,
        r#"{"op":"t","source":{"table":"o"},"ts_ms":1}"#,
        r#"{"op":"m","source":{},"message":{"prefix":"x"}}"#,
        r#"{"op":"u","source":{},"before":{"type":"t"},"after":null}"#,
        r#"{"schema":{},"payload":{"op":"t","source":{}}}"#,
        r#"{"schema":{},"payload":{"op":"d","after":null}}"#,
    ] {
        assert_eq!(
            decoded(&debezium("value"), record(&[], value)),
            Decoded::Tombstone,
            "{value}"
        );
    }
    let list = decoded(&debezium("value"), record(&[], r#"{"op":"c","after":[1]}"#));
    assert!(matches!(list, Decoded::Undecodable(_)), "{list:?}");
}

#[test]
fn a_row_with_a_column_op_is_not_lost() {
    for value in [
        r#"{"type":"t","op":"buy"}"#,
        r#"{"type":"t","op":"d"}"#,
        r#"{"type":"t","payload":{"op":"c"}}"#,
        r#"{"op":"c","after":{"type":"t","op":"d","before":1}}"#,
        r#"{"op":"c","after":{"type":"t","op":"c","after":{"type":"x"}}}"#,
        r#"{"type":"t","id":"1","op":"m"}"#,
        r#"{"type":"t","id":"1","op":"t","source":"shop"}"#,
        r#"{"type":"t","id":"1","payload":{"op":"m","sku":9}}"#,
        r#"{"type":"t","source":"shop","op":"c","after":null}"#,
        r#"{"type":"t","op":"c","payload":{"after":null}}"#,
        r#"{"type":"t","op":"d","payload":{"before":1}}"#,
        // Written as text in its envelope.
        r#"{"op":"c","after":"{\"type\":\"t\",\"op\":\"d\",\"before\":1}"}"#,
    ] {
        let event = event_of(&debezium("value"), record(&[], value));
        assert_eq!(event.kind, "t", "{value}");
    }
}

#[test]
fn times_are_read_as_libraries_write_them() {
    for (time, expected) in [
        ("1795992000.123456789", 1_795_992_000_123),
        ("1795992000", 1_795_992_000_000),
        ("1795992000123", 1_795_992_000_123),
        ("1795992000123456", 1_795_992_000_123),
        ("1795992000123456789", 1_795_992_000_123),
        ("1.795992E9", 1_795_992_000_000),
        (r#""1795992000.5""#, 1_795_992_000_500),
        (r#""1795992000123""#, 1_795_992_000_123),
        (r#""2026-11-29T22:40:00Z""#, 1_795_992_000_000),
        (r#""2026-11-30 06:40:00+08:00""#, 1_795_992_000_000),
        // Nothing is said.
        (r#""""#, 1_795_336_200_123),
        ("null", 1_795_336_200_123),
    ] {
        let event = event(&[], &format!(r#"{{"type":"t","time":{time}}}"#));
        assert_eq!(event.time_ms, expected, "{time}");
        // Rules read it as text that a calendar understands.
        assert!(event.time.starts_with("2026-11-"), "{}", event.time);
    }
    let headers = [("ce_type", "t"), ("ce_time", "")];
    assert_eq!(event(&headers, "{}").time_ms, 1_795_336_200_123);
}
