//! `CloudEvents` as the SDKs of four languages write them: objects, bytes, text, and nothing at all.

use std::sync::Arc;

use super::{Decoded, data, event, opened, read, record};
use crate::event::decode::decode;
use crate::event::{Carrier, Decoding, Event};
use crate::model::Record;
use crate::model::outcome::Reason;

const BINARY: [(&str, &str); 4] = [
    ("ce_specversion", "1.0"),
    ("ce_type", "order.completed"),
    ("ce_source", "/shop"),
    ("ce_id", "e1"),
];

fn binary(content_type: &str, value: &str) -> Event {
    let mut headers = BINARY.to_vec();
    if !content_type.is_empty() {
        headers.push(("content-type", content_type));
    }
    event(&headers, value)
}

fn structured(fields: &str) -> Event {
    let value = format!(r#"{{"specversion":"1.0","id":"e1","type":"t","source":"/s"{fields}}}"#);
    event(&[], &value)
}

fn hint(event: &Event) -> String {
    opened(event).hint.unwrap_or_default().into_owned()
}

#[test]
fn an_event_without_a_value_has_no_data() {
    let empty = binary("application/json", "");
    assert_eq!((empty.id.as_str(), data(&empty).as_str()), ("e1", "null"));
    let null = Record {
        value: None,
        ..record(&BINARY, "")
    };
    let Decoded::Event(null) = read(null) else {
        panic!("an event");
    };
    assert_eq!((null.id.as_str(), data(&null).as_str()), ("e1", "null"));
    assert_eq!(data(&structured("")), "null");
    assert_eq!(data(&structured(r#","data":null"#)), "null");
}

#[test]
fn without_attributes_in_headers_nothing_is_a_tombstone_and_empty_is_no_json() {
    for headers in [vec![], vec![("ce-type", "t")], vec![("x", "y")]] {
        let null = Record {
            value: None,
            ..record(&headers, "")
        };
        assert_eq!(read(null), Decoded::Tombstone);
        let Decoded::Undecodable(problem) = read(record(&headers, "")) else {
            panic!("refused");
        };
        assert_eq!(problem.reason, Reason::NotJson);
        assert!(problem.detail.contains("empty"), "{}", problem.detail);
    }
}

/// `{"a":"b/c"}`
const OBJECT_IN_BASE64: &str = "eyJhIjoiYi9jIn0=";

#[test]
fn json_in_base64_is_read() {
    for fields in [
        format!(r#","data_base64":"{OBJECT_IN_BASE64}""#),
        format!(
            r#","data_base64":"{OBJECT_IN_BASE64}","datacontenttype":"application/json; charset=utf-8""#
        ),
        format!(
            r#","data_base64":"{OBJECT_IN_BASE64}","datacontenttype":"application/octet-stream""#
        ),
        format!(
            r#","data":null,"data_base64":"{}""#,
            OBJECT_IN_BASE64.trim_end_matches('=')
        ),
    ] {
        assert_eq!(data(&structured(&fields)), r#"{"a":"b/c"}"#, "{fields}");
    }
    // PHP writes a slash with a backslash before it.
    let slashes = structured(r#","data_base64":"Ij8\/Ig==""#);
    assert_eq!(data(&slashes), r#""??""#);
}

#[test]
fn text_in_base64_is_text_where_its_type_says_so() {
    // 12.50, which is sound JSON, "[note", and bytes that are no text
    let number = structured(r#","data_base64":"MTIuNTA=","datacontenttype":"text/plain""#);
    assert_eq!(data(&number), "12.50");
    let text = structured(r#","data_base64":"W25vdGU=","datacontenttype":"text/plain""#);
    assert_eq!(data(&text), r#""[note""#);
    let bytes = structured(r#","data_base64":"AP/+","datacontenttype":"application/protobuf""#);
    assert_eq!(data(&bytes), "null");
    assert!(hint(&bytes).contains("application/protobuf"));
    // Zero bytes are no text, though they are UTF-8.
    let zeros = structured(r#","data_base64":"AAAA","datacontenttype":"text/plain""#);
    assert_eq!(data(&zeros), "null");
}

#[test]
fn what_base64_promises_and_does_not_hold_is_malformed() {
    for (fields, expected) in [
        (r#","data_base64":"?""#, "not base64"),
        (r#","data_base64":"W25vdGU=""#, "line 1 column"),
        (r#","data_base64":"AP/+""#, "schema registry"),
    ] {
        let unreadable = structured(fields).data.open().unwrap_err();
        assert_eq!(unreadable.reason, Reason::EventMalformed);
        assert!(
            unreadable.detail.contains(expected),
            "{}",
            unreadable.detail
        );
    }
    let deep = base64_of(&"[".repeat(1000));
    let deep = structured(&format!(r#","data_base64":"{deep}""#));
    assert_eq!(deep.data.open().unwrap_err().reason, Reason::RecordTooLarge);
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn the_value_of_a_binary_event_is_json_or_what_its_type_says() {
    for (content_type, value, expected) in [
        ("", "12.50", "12.50"),
        ("application/json", r#""text""#, r#""text""#),
        ("application/vnd.shop+json", "[1]", "[1]"),
        ("text/plain", "12.50", "12.50"),
        ("text/plain", r#""Li""#, r#""Li""#),
        ("application/octet-stream", "null", "null"),
        ("text/plain", "Li", r#""Li""#),
        ("text/plain", "say \"hi\"\n", r#""say \"hi\"\n""#),
        ("text/plain", r#" {"a":1} "#, r#"{"a":1}"#),
        ("application/octet-stream", r#"{"a":1}"#, r#"{"a":1}"#),
        ("text/plain; charset=utf-8", "\u{feff}{half", r#""{half""#),
    ] {
        assert_eq!(
            data(&binary(content_type, value)),
            expected,
            "{content_type} {value}"
        );
    }
    let mut headers = BINARY.to_vec();
    headers.push(("ce_datacontenttype", "text/plain"));
    assert_eq!(data(&event(&headers, "007")), r#""007""#);
    let avro = Record {
        value: Some(vec![0, 0, 0, 0, 7, 2, 0xff]),
        ..record(
            &[BINARY.as_slice(), &[("content-type", "application/avro")]].concat(),
            "",
        )
    };
    let Decoded::Event(avro) = read(avro) else {
        panic!("an event");
    };
    assert_eq!(data(&avro), "null");
    assert!(hint(&avro).contains("application/avro"));
}

#[test]
fn data_that_is_json_written_twice_is_said() {
    let twice = structured(r#","data":"{\"openid\":\"o1\"}""#);
    assert!(hint(&twice).contains("fromjson"));
    let text = structured(r#","data":"plain""#);
    assert_eq!(hint(&text), "");
}

#[test]
fn what_a_schema_registry_writes_before_json_is_passed_over() {
    let mut value = vec![0, 0, 0, 0, 7];
    value.extend(br#"{"type":"t","id":"o-1","a":1}"#);
    let plain = Record {
        value: Some(value),
        ..record(&[], "")
    };
    let Decoded::Event(plain) = read(plain) else {
        panic!("an event");
    };
    assert_eq!(plain.id, "o-1");
    assert_eq!(data(&plain), r#"{"type":"t","id":"o-1","a":1}"#);
}

#[test]
fn headers_that_were_written_as_json_are_read() {
    let headers = [
        ("ce_specversion", "\"1.0\""),
        ("ce_type", "\"order.completed\""),
        ("ce_id", "\"e\\u0031\""),
        ("ce_source", "\"half"),
        ("ce_time", "\"2026-11-22T16:30:00+08:00\""),
    ];
    let event = event(&headers, "{}");
    assert_eq!(
        (
            event.kind.as_str(),
            event.id.as_str(),
            event.source.as_str()
        ),
        ("order.completed", "e1", "\"half")
    );
    assert_eq!(event.time_ms, 1_795_336_200_000);
}

fn attributes(carrier: &Carrier) -> Vec<String> {
    let mut found = Vec::new();
    carrier.each_attribute(|name, value| {
        let value = match value {
            crate::event::Attribute::Text(text) => text.into_owned(),
            crate::event::Attribute::Json(json) => json.as_written().to_owned(),
        };
        found.push(format!("{name}={value}"));
    });
    found
}

#[test]
fn every_attribute_can_be_asked_for() {
    let headers = [
        ("ce_type", "t"),
        ("Ce_Tenant", "\"cn\""),
        ("ce_", "nameless"),
        ("tenant", "other"),
    ];
    let found = attributes(&event(&headers, "{}").carrier);
    assert_eq!(found, ["type=t", "tenant=cn", "=nameless"]);
    let structured = structured(r#","tenant":"cn","sampled":true,"n":7,"list":[1],"data":{"a":1}"#);
    let found = attributes(&structured.carrier);
    assert_eq!(
        found[4..],
        [r#"tenant="cn""#, "sampled=true", "n=7"],
        "{found:?}"
    );
}

#[test]
fn what_a_record_says_besides() {
    let record = Arc::new(Record {
        key: Some(b"k1".to_vec()),
        ..record(&[("ce_type", "t"), ("x-user", "u1")], "{}")
    });
    let Decoded::Event(event) = decode(&Decoding::default(), &record, 0) else {
        panic!("an event");
    };
    let carrier = &event.carrier;
    assert_eq!(carrier.topic(), "orders");
    assert_eq!(carrier.key(), Some("k1"));
    let headers: Vec<_> = carrier.headers().collect();
    assert_eq!(
        headers,
        [
            ("ce_type", Some(b"t".as_slice())),
            ("x-user", Some(b"u1".as_slice()))
        ]
    );
    assert_eq!(carrier.record_time_ms(), Some(1_795_336_200_123));
    let bytes = Record {
        key: Some(vec![0xff]),
        ..record.as_ref().clone()
    };
    let bytes = Carrier::new(Arc::new(bytes));
    assert_eq!(bytes.key(), None);
}
