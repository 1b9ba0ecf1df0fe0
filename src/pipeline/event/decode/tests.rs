//! Every form of event, and every way not to be one.

use std::sync::Arc;

use super::{Decoded, Decoding, Pointer, decode};
use crate::pipeline::event::{Event, Record};
use crate::pipeline::outcome::Reason;

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

fn event(headers: &[(&str, &str)], value: &str) -> Event {
    match decode(&Decoding::default(), &record(headers, value), RECEIVED_MS) {
        Decoded::Event(event) => *event,
        other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
    }
}

fn check_refused(headers: &[(&str, &str)], value: &str, expected: Reason) {
    match decode(&Decoding::default(), &record(headers, value), RECEIVED_MS) {
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
    assert_eq!(event.data["n"].to_string(), "12345678901234567890123");
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
    assert_eq!(declared, event(&[], value));
    assert_eq!(declared.time, "2026-11-22T08:30:00.123Z");
}

#[test]
fn plain_json_is_all_data_and_borrows_what_it_lacks() {
    let event = event(&[], r#"{"type":"t","amount":1,"time":1795336200}"#);
    assert_eq!(event.id, "orders/3/17");
    assert_eq!(event.source, "orders");
    assert_eq!(event.time_ms, 1_795_336_200_000);
    assert_eq!(event.data["amount"].to_string(), "1");
}

#[test]
fn pointers_say_where_plain_json_keeps_things() {
    let decoding = Decoding {
        kind: Pointer::new("/meta/event").unwrap(),
        id: Pointer::new("/meta/ids/0").unwrap(),
        ..Decoding::default()
    };
    let record = record(&[], r#"{"meta":{"event":"t","ids":["x"]}}"#);
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
        r#"{"specversion":"1.0","type":"t","data_base64":"AA=="}"#,
        Reason::FormatUnsupported,
    );
    check_refused(&[("ce_specversion", "1.0")], "{}", Reason::TypeMissing);
}

#[test]
fn attributes_are_bounded_and_foreign_traces_are_dropped() {
    let long = "x".repeat(1025);
    check_refused(
        &[],
        &format!(r#"{{"type":"t","id":"{long}"}}"#),
        Reason::EventMalformed,
    );
    check_refused(
        &[],
        r#"{"type":"t","time":-9223372036854775808}"#,
        Reason::EventMalformed,
    );
    let headers = [("ce_type", "t"), ("traceparent", "not a trace")];
    assert_eq!(event(&headers, "{}").traceparent, None);
}

#[test]
fn a_null_value_is_a_tombstone_and_a_large_one_is_refused() {
    let tombstone = Record {
        value: None,
        ..record(&[], "")
    };
    assert_eq!(
        decode(&Decoding::default(), &tombstone, RECEIVED_MS),
        Decoded::Tombstone
    );
    let decoding = Decoding {
        max_bytes: 4,
        ..Decoding::default()
    };
    let Decoded::Undecodable(problem) = decode(&decoding, &record(&[], "12345"), RECEIVED_MS)
    else {
        panic!("refused");
    };
    assert_eq!(problem.reason, Reason::RecordTooLarge);
}
