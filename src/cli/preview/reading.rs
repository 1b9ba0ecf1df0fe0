//! The events that a preview is about: what a file holds, or records of a topic.

use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::de::IgnoredAny;

use super::Arguments;
use crate::config::Kafka;
use crate::edges::kafka::scan::Scanner;
use crate::edges::kafka::scan::onward::{Onward, Stop};
use wx_courier_core::model::Record;
use wx_courier_core::replay::Place;

/// The topic of an event that lies in a file, unless another is said.
const NO_TOPIC: &str = "preview";

/// A record, and where a person finds it.
pub(in crate::cli) struct Found {
    /// `events.jsonl:3`, or `topic/partition/offset`.
    pub(in crate::cli) place: String,
    pub(in crate::cli) record: Arc<Record>,
}

/// The records that the command line names, and what is to be said of them all.
pub(super) struct Findings {
    pub(super) found: Vec<Found>,
    pub(super) notes: Vec<String>,
}

/// Finds them. `is_one` says whether the service takes such a record as one event.
pub(super) fn find(
    arguments: &Arguments,
    kafka: &Kafka,
    is_one: &dyn Fn(&Arc<Record>) -> bool,
) -> anyhow::Result<Findings> {
    if let Some(offset) = arguments.offset {
        let place = Place {
            topic: Arc::from(arguments.topic.as_deref().unwrap_or_default()),
            partition: arguments.partition.unwrap_or_default(),
            offset,
        };
        return from_kafka(kafka, &place, arguments.count);
    }
    let mut all = Vec::new();
    if arguments.no_value {
        all.push(Found {
            place: "the command line".to_owned(),
            record: Arc::new(record(arguments, 0, None)),
        });
    }
    for file in &arguments.event {
        let bytes = read(file)?;
        let whole = |bytes: &[u8]| is_one(&Arc::new(record(arguments, 0, Some(bytes.to_vec()))));
        for Piece { line, range } in pieces(&bytes, &whole) {
            let value = bytes.get(range).unwrap_or_default().to_vec();
            all.push(Found {
                place: format!("{}:{line}", name_of(file)),
                // An event that brings no id has that of its place: each has a place of its own.
                record: Arc::new(record(arguments, all.len(), Some(value))),
            });
        }
    }
    Ok(Findings {
        found: all,
        notes: Vec::new(),
    })
}

fn from_kafka(kafka: &Kafka, place: &Place, count: u16) -> anyhow::Result<Findings> {
    let scanner = Scanner::new(kafka)?;
    let Onward { records, stop } = scanner.read_on(place, usize::from(count)).context(
        "no record was read; `wx-courier check --broker` tells whether the cluster answers and lets us read",
    )?;
    let notes = notes(place, &records, stop);
    let found = records.into_iter().map(|record| Found {
        place: record.position(),
        record: Arc::new(record),
    });
    Ok(Findings {
        found: found.collect(),
        notes,
    })
}

/// Where other records came than were asked for.
fn notes(place: &Place, records: &[Record], stop: Stop) -> Vec<String> {
    let mut notes = Vec::new();
    let first = records.first().filter(|first| first.offset != place.offset);
    notes.extend(first.map(|first| {
        format!(
            "there is no record at {place}, but the mark of a transaction, or a gap that compaction or an aborted transaction has left: the next one is {}",
            first.position()
        )
    }));
    match (stop, records.last()) {
        (Stop::Bytes(bytes), Some(last)) => notes.push(format!(
            "the first {} records are shown, which hold {} MiB: go on with --offset {}",
            records.len(),
            bytes >> 20,
            last.offset + 1
        )),
        (Stop::AsAsked | Stop::End | Stop::Bytes(_), _) => {}
    }
    notes
}

fn record(arguments: &Arguments, index: usize, value: Option<Vec<u8>>) -> Record {
    let headers = arguments
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone().into_bytes())));
    Record {
        topic: Arc::from(arguments.topic.as_deref().unwrap_or(NO_TOPIC)),
        partition: 0,
        offset: i64::try_from(index).unwrap_or(i64::MAX),
        key: arguments.key.clone().map(String::into_bytes),
        headers: headers.collect(),
        value,
        timestamp_ms: arguments.record_time.map(jiff::Timestamp::as_millisecond),
    }
}

fn name_of(file: &Path) -> String {
    if file.as_os_str() == "-" {
        return "standard input".to_owned();
    }
    file.display().to_string()
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()));
    }
    let mut value = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut value)
        .context("standard input cannot be read")?;
    Ok(value)
}

/// A part of a file that is one event.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    /// The line on which it begins, counted from 1.
    line: usize,
    range: Range<usize>,
}

/// The events of a file: one JSON value, the elements of a list, several values one after the other, or one a line of which some may be
/// broken. Whatever else it is, it is one event as it stands, and so is a list that the service takes as one event.
fn pieces(bytes: &[u8], is_one: &dyn Fn(&[u8]) -> bool) -> Vec<Piece> {
    let whole = || {
        vec![Piece {
            line: 1,
            range: 0..bytes.len(),
        }]
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return whole();
    };
    let ranges = match values(text) {
        Some(values) => match values.as_slice() {
            [only] => {
                let elements = text.get(only.clone()).map_or_else(Vec::new, elements);
                if elements.is_empty() || is_one(bytes) {
                    return whole();
                }
                let moved = |range: Range<usize>| only.start + range.start..only.start + range.end;
                elements.into_iter().map(moved).collect()
            }
            [] => return whole(),
            [_, ..] => values,
        },
        None => match lines(text) {
            Some(lines) => lines,
            None => return whole(),
        },
    };
    // Each line is counted once, however many events there are.
    let (mut line, mut counted) = (1, 0);
    let mut piece = |range: Range<usize>| {
        let between = text.get(counted..range.start).unwrap_or_default();
        line += between.matches('\n').count();
        counted = range.start;
        Piece { line, range }
    };
    ranges.into_iter().map(&mut piece).collect()
}

/// Where each of several JSON values lies; `None` if there is anything else.
fn values(text: &str) -> Option<Vec<Range<usize>>> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut found = Vec::new();
    let mut end = 0;
    while let Some(value) = stream.next() {
        value.ok()?;
        let begin = end + blank(text.get(end..)?);
        end = stream.byte_offset();
        found.push(begin..end);
    }
    Some(found)
}

fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Where each element of a list lies, in a text that is JSON; nothing if it is no list.
fn elements(json: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0_usize, 1);
    let (mut is_text, mut is_escaped) = (false, false);
    if !json.starts_with('[') {
        return found;
    }
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => depth += 1,
            b',' | b']' if depth == 1 => {
                let element = json.get(begin..at).unwrap_or_default();
                if !element.trim().is_empty() {
                    let begin = begin + blank(element);
                    found.push(begin..begin + element.trim().len());
                }
                begin = at + 1;
                depth -= usize::from(byte == b']');
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// Where each line lies that is not blank, if at least half of several are JSON objects by themselves: the others are broken events. Few
/// lines of an object that is written over many are.
fn lines(text: &str) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut n_objects = 0;
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let event = line.trim();
        if !event.is_empty() {
            let is_object =
                event.starts_with('{') && serde_json::from_str::<IgnoredAny>(event).is_ok();
            n_objects += usize::from(is_object);
            let begin = begin + blank(line);
            found.push(begin..begin + event.len());
        }
        begin += line.len();
    }
    (found.len() > 1 && n_objects * 2 >= found.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(usize, &str)> {
        let pieces = pieces(text.as_bytes(), &|_| false).into_iter();
        let shown = pieces.map(|Piece { line, range }| (line, text.get(range).unwrap()));
        shown.collect()
    }

    #[test]
    fn one_value_is_one_event_however_it_is_written() {
        for text in [
            "{\n  \"a\": 1,\n  \"b\": [\n    { \"c\": 1 },\n    { \"c\": 2 }\n  ]\n}\n",
            "{\n  \"a\": 1,\n  \"b\": [\n    { \"c\": 1 }\n    { \"c\": 2 }\n  ]\n}\n",
            "{ half an ev",
            "\"text\"",
            "[]",
            "",
            "\n",
        ] {
            assert_eq!(split(text), [(1, text)]);
        }
        let gbk = b"{\"a\": \"\xb6\xa9\"}\n{}\n";
        assert_eq!(pieces(gbk, &|_| false).len(), 1);
    }

    #[test]
    fn lines_elements_and_values_are_events_of_their_own() {
        assert_eq!(
            split("{\"a\":1}\n\n  {\"a\":2}\r\n"),
            [(1, "{\"a\":1}"), (3, "{\"a\":2}")]
        );
        assert_eq!(
            split("{\n\"a\":1\n}\n{\n\"a\":2\n}"),
            [(1, "{\n\"a\":1\n}"), (4, "{\n\"a\":2\n}")]
        );
        assert_eq!(
            split(" [{\"a\":\"],\\\"[\"},\n [1, {}] , 3\n]\n"),
            [(1, "{\"a\":\"],\\\"[\"}"), (2, "[1, {}]"), (2, "3")]
        );
    }

    #[test]
    fn a_broken_line_does_not_hide_the_others() {
        assert_eq!(
            split("{\"a\":1\n{\"a\":2}\n{\"a\":3}\nnonsense\n"),
            [
                (1, "{\"a\":1"),
                (2, "{\"a\":2}"),
                (3, "{\"a\":3}"),
                (4, "nonsense")
            ]
        );
    }

    #[test]
    fn it_is_said_where_other_records_come_than_were_asked_for() {
        let at = |offset: i64| Record {
            topic: Arc::from("t"),
            partition: 2,
            offset,
            key: None,
            headers: Vec::new(),
            value: None,
            timestamp_ms: None,
        };
        let place = Place {
            topic: Arc::from("t"),
            partition: 2,
            offset: 5,
        };
        assert!(notes(&place, &[at(5), at(7)], Stop::End).is_empty());
        let told = notes(&place, &[at(6), at(7)], Stop::Bytes(65 << 20));
        let [gap, rest] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(
            gap.contains("no record at t/2/5") && gap.ends_with("t/2/6"),
            "{gap}"
        );
        assert!(
            rest.contains("65 MiB") && rest.ends_with("--offset 8"),
            "{rest}"
        );
    }

    #[test]
    fn a_list_that_is_one_event_stays_one() {
        let pieces = pieces(b"[1, 2]", &|_| true);
        assert_eq!(
            pieces,
            [Piece {
                line: 1,
                range: 0..6
            }]
        );
    }
}
