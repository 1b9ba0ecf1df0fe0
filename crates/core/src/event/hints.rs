//! What is said of a text that is not sound, with the mistake of its publisher where it shows.

use std::borrow::Cow;

use super::decode::{Form, Unreadable};
use super::found::Found;
use super::json::{Fault, MOST_LEVELS, MOST_VALUES};
use super::{Decoding, Envelope};
use crate::document::encoding::{is_gbk, is_utf_16};
use crate::model::Record;
use crate::model::outcome::Reason;

/// Why something is not read as JSON. It is named, and so is the word for what is no JSON at all.
pub(super) fn unsound((what, broken): (&str, Reason), bytes: &[u8], fault: Fault) -> Unreadable {
    let (reason, detail) = match fault {
        Fault::Syntax(at) => (broken, not_json(what, bytes, at)),
        Fault::TooDeep => (
            Reason::RecordTooLarge,
            format!(
                "lists and objects lie in one another on more than {MOST_LEVELS} levels: send flatter JSON"
            ),
        ),
        Fault::TooMany => (
            Reason::RecordTooLarge,
            format!(
                "{what} has more than {MOST_VALUES} values and names of fields: send what the message needs"
            ),
        ),
    };
    Unreadable { reason, detail }
}

fn not_json(what: &str, bytes: &[u8], at: usize) -> String {
    if bytes.is_empty() {
        return format!(
            "{what} is empty: an event is JSON, unless `ce_type` and the other attributes are in headers"
        );
    }
    let before = bytes.get(..at).unwrap_or_default();
    let mut lines = before.rsplit(|byte| *byte == b'\n');
    let column = lines.next().map_or(0, <[u8]>::len) + 1;
    let line = lines.count() + 1;
    let guess = guess(bytes, at).map(|guess| format!("; {guess}"));
    format!(
        "{what} is not JSON: line {line} column {column}{}",
        guess.unwrap_or_default()
    )
}

/// How other things begin that are published as events.
const BEGINNINGS: [(&[u8], &str); 9] = [
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (
        b"\x00",
        "it begins with 0x00, as the serializers of a schema registry write (Avro, Protobuf): publish JSON",
    ),
    (
        b"\x1f\x8b",
        "it is compressed with gzip: publish JSON, and let the producer compress (`compression.type`)",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "it is compressed with zstd: publish JSON, and let the producer compress (`compression.type`)",
    ),
    (
        b"\xac\xed",
        "it is a serialized Java object: publish with a JSON serializer",
    ),
    (b"Obj\x01", "it is an Avro file: publish JSON"),
    (b"<", "it looks like XML: publish JSON"),
    (
        b"{'",
        "JSON has double quotes: write with a JSON library (`json.dumps` in Python)",
    ),
];

const UTF_16: &str = "it looks like UTF-16: publish UTF-8";

/// What stands where a number should be.
const NO_NUMBERS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

fn guess(bytes: &[u8], at: usize) -> Option<&'static str> {
    if is_utf_16(bytes) {
        return Some(UTF_16);
    }
    let begins = |(start, _): &&(&[u8], &str)| bytes.starts_with(start);
    if let Some((_, guess)) = BEGINNINGS.iter().find(begins) {
        return Some(guess);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Some("it ends there, too early");
    }
    if NO_NUMBERS.iter().any(|word| rest.starts_with(word)) {
        return Some("NaN and Infinity are not in JSON");
    }
    let is_utf_8 = std::str::from_utf8(bytes).is_ok();
    (!is_utf_8 && is_gbk(bytes)).then_some("it looks like GBK: publish UTF-8")
}

/// What headers of attributes begin with where HTTP's names were taken.
const DASHED: &str = "ce-";

/// Where an event's type was looked for, and where its publisher may have meant to put it.
pub(super) fn why_no_type(
    form: Form,
    decoding: &Decoding,
    record: &Record,
    found: &Found<'_>,
) -> String {
    let (place, guess) = match form {
        Form::Binary => ("the header ce_type".to_owned(), None),
        Form::Structured => ("the attribute `type`".to_owned(), None),
        Form::Plain => (
            format!("{} ([events] type)", decoding.kind.in_words()),
            meant_place(decoding.envelope, record, found),
        ),
    };
    let guess = guess.map(|guess| format!("; {guess}"));
    format!(
        "the event has no type: {place} is missing or empty{}",
        guess.unwrap_or_default()
    )
}

fn meant_place(envelope: Envelope, record: &Record, found: &Found<'_>) -> Option<&'static str> {
    let is_dashed = |(name, _): &(String, _)| {
        let begin = name.get(..DASHED.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(DASHED))
    };
    if record.headers.iter().any(is_dashed) {
        return Some(
            "there are headers `ce-…`, which are HTTP's names: on Kafka an attribute is a header with an underscore, `ce_type`",
        );
    }
    let has = |path: &[&'static str]| {
        let steps = path.iter().map(|step| Cow::Borrowed(*step));
        found.whole().follow(steps).is_some()
    };
    let is_row = has(&["op"]) && (has(&["before"]) || has(&["after"]))
        || has(&["payload", "op"]) && (has(&["payload", "before"]) || has(&["payload", "after"]));
    if envelope == Envelope::None && is_row {
        return Some("this is Debezium's envelope: set [events] envelope = \"debezium\"");
    }
    (has(&["schema"]) && has(&["payload"])).then_some(
        "Kafka Connect has put a schema around it: set schemas.enable=false there, or let [events] look below /payload",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], at: usize, expected: &str) {
        let found = not_json("the value", bytes, at);
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn what_a_publisher_may_have_meant_is_said() {
        check(b"", 0, "the value is empty");
        check(b"\xff\xfe{\x00", 0, "UTF-16");
        check(b"{\x00\"\x00", 1, "UTF-16");
        check(b"\x00{\x00\"", 0, "UTF-16");
        check(b"\x00\x00\x00\x00\x07\x02x", 0, "schema registry");
        check(b"\x1f\x8b\x08", 0, "gzip");
        check(b"\xac\xed\x00\x05", 0, "Java");
        check(b"<xml/>", 0, "XML");
        check(b"{'a': 1}", 1, "double quotes");
        check(br#"{"a":1"#, 6, "too early");
        check(br#"{"a":NaN}"#, 5, "NaN");
        check(b"{\"a\":\"\xb2\xe8\"}", 6, "GBK");
        check(b"{\"a\":\"\x81\x30\x81\x30\"}", 6, "GBK");
    }

    #[test]
    fn what_cannot_be_guessed_has_its_place() {
        for (bytes, at) in [
            (b"{\n \"a\": x}".as_slice(), 8),
            (b"\"\xff\"", 1),
            (b"{\"a\":\"\xb2", 6),
        ] {
            let found = not_json("the value", bytes, at);
            assert!(!found.contains(';'), "{found}");
        }
        assert_eq!(
            not_json("the value", b"{\n \"a\": x}", 8),
            "the value is not JSON: line 2 column 7"
        );
    }
}
