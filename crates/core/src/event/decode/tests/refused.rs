//! What is told of a record that is no event: whose it is, and what its publisher may have meant.

use std::sync::Arc;

use super::{Decoded, RECEIVED_MS, read, record};
use crate::event::decode::{Undecodable, decode};
use crate::event::{Decoding, Glimpse, Locator};
use crate::model::Record;
use crate::model::outcome::Reason;

fn refused(headers: &[(&str, &str)], value: impl Into<Vec<u8>>) -> Undecodable {
    let record = Record {
        value: Some(value.into()),
        ..record(headers, "")
    };
    match read(record) {
        Decoded::Undecodable(problem) => problem,
        other @ (Decoded::Tombstone | Decoded::Event(_)) => panic!("{other:?}"),
    }
}

fn glimpse(id: &str, kind: &str, source: &str, time_ms: Option<i64>) -> Glimpse {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Glimpse {
        id: said(id),
        kind: said(kind),
        source: said(source),
        time_ms,
    }
}

const AT: &str = "2026-11-22T16:30:00+08:00";
const AT_MS: Option<i64> = Some(1_795_336_200_000);

#[test]
fn what_could_be_read_is_told() {
    let headers = [
        ("ce_type", "order.completed"),
        ("ce_id", "e1"),
        ("ce_source", "/shop"),
        ("ce_time", AT),
    ];
    let whole = glimpse("e1", "order.completed", "/shop", AT_MS);
    assert_eq!(refused(&headers, "{").glimpse, whole);
    assert_eq!(refused(&headers, b"\xff".as_slice()).glimpse, whole);
    assert_eq!(refused(&headers, "[".repeat(200)).glimpse, whole);
    let batch = [
        headers.as_slice(),
        &[("content-type", "application/cloudevents-batch+json")],
    ];
    assert_eq!(refused(&batch.concat(), "[]").glimpse, whole);
    let no_type = refused(&headers[1..], r#"{"id":"e2"}"#);
    assert_eq!(
        (no_type.reason, no_type.glimpse),
        (Reason::TypeMissing, glimpse("e2", "", "", None))
    );
}

#[test]
fn what_stands_before_the_fault_is_told() {
    let begin = format!(r#"{{"id":"e1","type":"t","time":"{AT}","source":"/s","data":"#);
    let whole = glimpse("e1", "t", "/s", AT_MS);
    for rest in [
        "",
        "nul",
        "{\"a\":}",
        &"[".repeat(200),
        &format!("[{}", "1,".repeat(300_000)),
    ] {
        assert_eq!(refused(&[], begin.clone() + rest).glimpse, whole);
    }
    let mut gbk = begin.clone().into_bytes();
    gbk.extend(b"\"\xb2\xe8\"}");
    assert_eq!(refused(&[], gbk).glimpse, whole);
    let structured = begin.replacen('{', r#"{"specversion":"1.0","#, 1);
    assert_eq!(refused(&[], structured).glimpse, whole);
    // What was not whole is not there.
    assert_eq!(
        refused(&[], r#"{"id":"e1","type":"or"#).glimpse,
        glimpse("e1", "", "", None)
    );
}

#[test]
fn one_wrong_attribute_hides_no_other() {
    let long = "9".repeat(1025);
    let problem = refused(&[], format!(r#"{{"id":{long},"type":"t","time":"{AT}"}}"#));
    assert_eq!(problem.glimpse, glimpse("", "t", "", AT_MS));
    let problem = refused(&[], r#"{"id":"e1","type":"t","time":"yesterday"}"#);
    assert_eq!(problem.glimpse, glimpse("e1", "t", "", None));
    let problem = refused(&[], r#"{"id":"e1","type":["t"]}"#);
    assert_eq!(problem.glimpse, glimpse("e1", "", "", None));
}

#[test]
fn headers_that_the_settings_name_are_told_of_a_record_that_is_too_large() {
    let decoding = Decoding {
        kind: Locator::new("header:event-type").unwrap(),
        id: Locator::new("key").unwrap(),
        max_bytes: 10,
        ..Decoding::default()
    };
    let record = Record {
        key: Some(b"k1".to_vec()),
        ..record(&[("event-type", "t")], r#"{"id":"e1"}"#)
    };
    let Decoded::Undecodable(problem) = decode(&decoding, &Arc::new(record), RECEIVED_MS) else {
        panic!("refused");
    };
    assert_eq!(problem.reason, Reason::RecordTooLarge);
    assert_eq!(problem.glimpse, glimpse("k1", "t", "", None));
}

#[test]
fn where_a_type_may_have_been_meant_is_said() {
    for (headers, value, expected) in [
        (vec![("Ce-Type", "t")], r#"{"a":1}"#, "an underscore"),
        (
            vec![],
            r#"{"op":"c","after":{"type":"t"}}"#,
            "envelope = \"debezium\"",
        ),
        (
            vec![],
            r#"{"schema":{},"payload":{"op":"c","after":{}}}"#,
            "envelope = \"debezium\"",
        ),
        (
            vec![],
            r#"{"schema":{},"payload":{"type":"t"}}"#,
            "schemas.enable",
        ),
        (
            vec![],
            r#"{"a":1}"#,
            "/type ([events] type) is missing or empty",
        ),
        (vec![("ce_specversion", "1.0")], "{}", "the header ce_type"),
        (vec![], r#"{"specversion":"1.0"}"#, "the attribute `type`"),
    ] {
        let problem = refused(&headers, value);
        assert_eq!(problem.reason, Reason::TypeMissing);
        assert!(problem.detail.contains(expected), "{}", problem.detail);
    }
    let problem = refused(&[], r#"{"op":"+","type":""}"#);
    assert!(!problem.detail.contains(';'), "{}", problem.detail);
}

#[test]
fn what_a_value_may_be_instead_of_json_is_said() {
    for (value, expected) in [
        (b"\0\0\0\0\x07\x02\x06abc".as_slice(), "schema registry"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"{\"type\":\"\xb6\xa9\xb5\xa5\"}", "GBK"),
        (b"", "empty"),
    ] {
        let problem = refused(&[], value);
        assert_eq!(problem.reason, Reason::NotJson);
        assert!(problem.detail.contains(expected), "{}", problem.detail);
    }
}
