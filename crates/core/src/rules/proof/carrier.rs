//! What the event of a rule's test says of the record around it.

use std::sync::Arc;

use super::read_time;
use crate::document::{Item, Problems, Section};
use crate::event::{Carrier, Data};
use crate::model::Record;

/// Reads `ext`, `headers`, `key`, `topic` and `record_time`.
pub(super) fn read(problems: &mut Problems, section: &mut Section) -> Option<Carrier> {
    let headers = section.take_section(problems, "headers");
    let headers = headers.map(|headers| read_headers(problems, headers));
    let ext = section.take("ext").and_then(|said| {
        let is_table = matches!(said.value.item, Item::Table(_));
        if !is_table {
            let found = said.value.item.kind();
            problems.push(said.error(format!("expected a table of attributes, found {found}")));
        }
        is_table.then(|| Data::from(said.value.to_json()))
    });
    let mut text = |key: &'static str| section.take_string(problems, key);
    let (key, topic, time) = (text("key"), text("topic"), text("record_time"));
    let time_ms = read_time(problems, time.as_ref());
    let record = Arc::new(Record {
        topic: Arc::from(topic.map_or_else(|| "test".to_owned(), |said| said.value)),
        partition: 0,
        offset: 0,
        key: key.map(|said| said.value.into_bytes()),
        headers: headers.unwrap_or_default(),
        value: None,
        timestamp_ms: Some(time_ms?),
    });
    Some(match ext {
        Some(attributes) => Carrier::with_attributes(record, attributes),
        None => Carrier::new(record),
    })
}

fn read_headers(problems: &mut Problems, mut section: Section) -> Vec<(String, Option<Vec<u8>>)> {
    let mut headers = Vec::new();
    for (name, said) in section.take_rest() {
        if let Item::String(text) = &said.value.item {
            headers.push((name, Some(text.clone().into_bytes())));
        } else {
            let found = said.value.item.kind();
            problems.push(said.error(format!("a header is text, found {found}")));
        }
    }
    headers
}
