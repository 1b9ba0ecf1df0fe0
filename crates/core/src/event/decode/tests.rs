//! Every form of event, and every way not to be one.

mod forms;
mod plain;
mod refused;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::{Decoded, MOST_HEADERS, decode};
use crate::event::json::tests::json_text;
use crate::event::{Decoding, Event, Locator, Opened, Pointer, Seen};
use crate::model::Record;
use crate::model::outcome::Reason;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const RECEIVED_MS: i64 = 1_800_000_000_000;

fn record(headers: &[(&str, &str)], value: &str) -> Record {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
    Record {
        topic: Arc::from("orders"),
        partition: 3,
        offset: 17,
        key: None,
        headers: headers.iter().map(own).collect(),
        value: Some(value.as_bytes().to_vec()),
        timestamp_ms: Some(1_795_336_200_123),
    }
}

fn read(record: Record) -> Decoded {
    decode(&Decoding::default(), &Arc::new(record), RECEIVED_MS)
}

fn event(headers: &[(&str, &str)], value: &str) -> Event {
    match read(record(headers, value)) {
        Decoded::Event(event) => *event,
        other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
    }
}

/// What rules read.
fn opened(event: &Event) -> Opened {
    event.data.open().unwrap()
}

fn data(event: &Event) -> String {
    opened(event).data.as_str().to_owned()
}

fn check_refused(headers: &[(&str, &str)], value: &str, expected: Reason) {
    match read(record(headers, value)) {
        Decoded::Undecodable(problem) => assert_eq!(problem.reason, expected, "{}", problem.detail),
        other @ (Decoded::Tombstone | Decoded::Event(_)) => panic!("{other:?}"),
    }
}

#[test]
fn binary_mode() {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_type", "order.completed"),
        ("ce_source", "/shop"),
        ("ce_id", "e1"),
        ("ce_time", "2026-11-22T16:30:00+08:00"),
        ("ce_subject", "SO1"),
        ("content-type", "application/json"),
        ("traceparent", TRACE),
    ];
    let event = event(&headers, r#"{"n":12345678901234567890123}"#);
    assert_eq!(
        (
            event.id.as_str(),
            event.kind.as_str(),
            event.source.as_str()
        ),
        ("e1", "order.completed", "/shop")
    );
    assert_eq!(event.time_ms, 1_795_336_200_000);
    assert_eq!(event.subject.as_deref(), Some("SO1"));
    assert_eq!(event.traceparent.as_deref(), Some(TRACE));
    assert_eq!(data(&event), r#"{"n":12345678901234567890123}"#);
}

#[test]
fn structured_mode_with_and_without_its_content_type() {
    let value = r#"{"specversion":"1.0","type":"t","source":"/s","id":7,"data":{"a":1}}"#;
    let declared = event(
        &[(
            "content-type",
            "application/cloudevents+json; charset=UTF-8",
        )],
        value,
    );
    assert_eq!((declared.id.as_str(), declared.kind.as_str()), ("7", "t"));
    let undeclared = event(&[], value);
    assert_eq!(
        Event {
            carrier: undeclared.carrier.clone(),
            ..declared.clone()
        },
        undeclared
    );
    assert_eq!(declared.time, "2026-11-22T08:30:00.123Z");
}

#[test]
fn plain_json_is_all_data_and_borrows_what_it_lacks() {
    let event = event(&[], r#"{"type":"t","amount":1,"time":1795336200}"#);
    assert_eq!(event.id, "orders/3/17");
    assert_eq!(event.source, "orders");
    assert_eq!(event.time_ms, 1_795_336_200_000);
    let opened = opened(&event);
    let amount = opened.data.json().find(&Pointer::new("/amount").unwrap());
    assert_eq!(amount.unwrap().seen(), Seen::Number("1"));
}

#[test]
fn pointers_say_where_plain_json_keeps_things() {
    let decoding = Decoding {
        kind: Locator::new("/meta/event").unwrap(),
        id: Locator::new("/meta/ids/0").unwrap(),
        ..Decoding::default()
    };
    let record = Arc::new(record(&[], r#"{"meta":{"event":"t","ids":["x"]}}"#));
    let Decoded::Event(event) = decode(&decoding, &record, RECEIVED_MS) else {
        panic!("an event");
    };
    assert_eq!((event.kind.as_str(), event.id.as_str()), ("t", "x"));
    assert_eq!(Pointer::new("meta.event"), None);
}

#[test]
fn what_is_no_event_says_why() {
    check_refused(&[], "{", Reason::NotJson);
    check_refused(&[], "", Reason::NotJson);
    check_refused(&[], "[1]", Reason::EventMalformed);
    check_refused(&[], r#"{"id":"x"}"#, Reason::TypeMissing);
    check_refused(&[], r#"{"type":""}"#, Reason::TypeMissing);
    check_refused(&[], r#"{"type":{"a":1}}"#, Reason::EventMalformed);
    check_refused(
        &[],
        r#"{"type":"t","time":"yesterday"}"#,
        Reason::EventMalformed,
    );
    check_refused(
        &[("content-type", "application/cloudevents-batch+json")],
        "[]",
        Reason::FormatUnsupported,
    );
    check_refused(
        &[],
        r#"{"specversion":"1.0","type":"t","data_base64":7}"#,
        Reason::EventMalformed,
    );
    check_refused(&[("ce_specversion", "1.0")], "{}", Reason::TypeMissing);
}

/// An attribute in every form of event, and as text, as escapes and as a number where the form has them.
#[test]
fn attributes_are_bounded_however_they_are_written() {
    for name in ["id", "source", "type", "subject", "time"] {
        for value in [
            format!("\"{}\"", "x".repeat(1025)),
            format!("\"{}\"", "\\u0061".repeat(1025)),
            "9".repeat(1025),
            format!("-0.{}e5", "1".repeat(1025)),
            "9".repeat(900_000),
        ] {
            let other = if name == "type" { "x" } else { "type" };
            let fields = format!(r#""{other}":"t","{name}":{value}}}"#);
            let plain = format!("{{{fields}");
            check_refused(&[], &plain, Reason::EventMalformed);
            let structured = format!(r#"{{"specversion":"1.0",{fields}"#);
            check_refused(&[], &structured, Reason::EventMalformed);
        }
        let long = "x".repeat(1025);
        let header = format!("ce_{name}");
        let headers = [(header.as_str(), long.as_str()), ("ce_type", "t")];
        check_refused(&headers, "{}", Reason::EventMalformed);
    }
}

#[test]
fn numbers_keep_their_digits_as_attributes() {
    let digits = "9".repeat(1024);
    assert_eq!(
        event(&[], &format!(r#"{{"type":"t","id":{digits}}}"#)).id,
        digits
    );
    assert_eq!(event(&[], r#"{"type":"t","id":1.50}"#).id, "1.50");
    let escaped = event(&[], r#"{"\u0074ype":"\u0074","i\u0064":"\u0061"}"#);
    assert_eq!((escaped.kind.as_str(), escaped.id.as_str()), ("t", "a"));
}

#[test]
fn of_several_fields_with_one_name_the_last_one_counts() {
    let plain = event(&[], r#"{"type":"t","id":"one","id":"two"}"#);
    assert_eq!(plain.id, "two");
    let value = r#"{"specversion":"1.0","type":"t","data":1,"data":{"a":{}},"type":"u"}"#;
    let structured = event(&[], value);
    assert_eq!(
        (structured.kind.as_str(), data(&structured).as_str()),
        ("u", r#"{"a":{}}"#)
    );
}

#[test]
fn records_with_too_many_headers_are_no_events() {
    let mut record = record(&[("ce_type", "t")], "{}");
    record.headers.resize(MOST_HEADERS, ("x".to_owned(), None));
    assert!(matches!(read(record.clone()), Decoded::Event(_)));
    record.headers.push(("x".to_owned(), None));
    let Decoded::Undecodable(problem) = read(record) else {
        panic!("refused");
    };
    assert_eq!(problem.reason, Reason::RecordTooLarge);
}

#[test]
fn errors_say_where_and_repeat_nothing_long() {
    let Decoded::Undecodable(problem) = read(record(&[], "{\n \"a\": x}")) else {
        panic!("refused");
    };
    assert_eq!(problem.detail, "the value is not JSON: line 2 column 7");
    let format = format!("application/cloudevents{}", "x".repeat(1_000));
    let Decoded::Undecodable(problem) = read(record(&[("content-type", &format)], "{}")) else {
        panic!("refused");
    };
    assert!(problem.detail.len() < 200, "{}", problem.detail);
    let bytes = Record {
        value: Some(b"{\"type\":\"\xff\"}".to_vec()),
        ..record(&[], "")
    };
    assert!(
        matches!(read(bytes), Decoded::Undecodable(problem) if problem.reason == Reason::NotJson)
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_data() {
    let value = "\u{feff}{\"specversion\":\"1.0\",\"type\":\"t\",\"data\":[1] }";
    assert_eq!(data(&event(&[], value)), "[1]");
}

#[test]
fn times_that_no_calendar_holds_are_malformed_and_foreign_traces_are_dropped() {
    check_refused(
        &[],
        r#"{"type":"t","time":-9223372036854775808000}"#,
        Reason::EventMalformed,
    );
    check_refused(&[], r#"{"type":"t","time":true}"#, Reason::EventMalformed);
    let headers = [("ce_type", "t"), ("traceparent", "not a trace")];
    assert_eq!(event(&headers, "{}").traceparent, None);
}

#[test]
fn a_null_value_is_a_tombstone_and_a_large_one_is_refused() {
    let tombstone = Record {
        value: None,
        ..record(&[], "")
    };
    assert_eq!(read(tombstone), Decoded::Tombstone);
    let decoding = Decoding {
        max_bytes: 4,
        ..Decoding::default()
    };
    let headed = Record {
        headers: vec![("name".to_owned(), None)],
        ..record(&[], "1")
    };
    for record in [record(&[], "12345"), headed] {
        let Decoded::Undecodable(problem) = decode(&decoding, &Arc::new(record), RECEIVED_MS)
        else {
            panic!("refused");
        };
        assert_eq!(problem.reason, Reason::RecordTooLarge);
    }
}

proptest! {
    /// What is read without building anything is what a full reading finds.
    #[test]
    fn a_lazy_reading_and_a_full_one_agree(
        id in json_text(),
        kind in json_text(),
        data in json_text(),
        mark in prop_oneof![Just(r#""specversion":"1.0","#), Just("")],
    ) {
        let text = format!(r#"{{{mark}"id":{id},"type":{kind},"data":{data}}}"#);
        let full: Value = serde_json::from_str(&text).unwrap();
        let as_text = |name: &str| match &full[name] {
            Value::Null => Some(String::new()),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        match (read(record(&[], &text)), as_text("id"), as_text("type")) {
            (Decoded::Event(event), Some(id), Some(kind)) => {
                let id = if id.is_empty() { "orders/3/17".to_owned() } else { id };
                // A power of ten may be written in several ways.
                let same = |said: &str, expected: &str, full: &Value| {
                    said == expected || (full.is_number() && serde_json::from_str::<Value>(said).unwrap() == *full)
                };
                prop_assert!(same(&event.id, &id, &full["id"]), "{}", event.id);
                prop_assert!(same(&event.kind, &kind, &full["type"]), "{}", event.kind);
                let found: Value = serde_json::from_str(&self::data(&event)).unwrap();
                prop_assert_eq!(&found, if mark.is_empty() { &full } else { &full["data"] });
            }
            (Decoded::Undecodable(problem), id, kind) => {
                let expected = if kind.as_deref() == Some("") {
                    Reason::TypeMissing
                } else {
                    prop_assert!(id.is_none() || kind.is_none());
                    Reason::EventMalformed
                };
                prop_assert_eq!(problem.reason, expected);
            }
            (other, ..) => prop_assert!(false, "{:?}", other),
        }
    }
}
