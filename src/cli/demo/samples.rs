//! The sample events of the demo: `samples.toml` beside the rules.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use crate::config::read_text;
use wx_courier_core::document::{Item, Problem, Problems, Section, parse};

/// An event and how it shall end.
pub(super) struct Sample {
    /// The event's id.
    pub(super) id: String,
    /// What it shows.
    pub(super) name: String,
    /// The event, as it is published.
    pub(super) event: Value,
    /// The user; also the record's key.
    pub(super) openid: String,
    /// What `WeChat` answers to this user first.
    pub(super) wechat: Vec<i64>,
    /// One outcome each.
    pub(super) expect: Vec<End>,
}

/// How a sample ends for a rule.
#[derive(Clone)]
pub(super) struct End {
    /// The rule; empty where none is reached.
    pub(super) rule: String,
    pub(super) status: String,
    pub(super) reason: String,
}

impl Sample {
    /// The event as a structured-mode `CloudEvent`.
    pub(super) fn as_cloud_event(&self) -> Vec<u8> {
        let mut event = self.event.clone();
        if let Some(attributes) = event.as_object_mut() {
            attributes.insert("specversion".to_owned(), Value::from("1.0"));
            attributes.insert("source".to_owned(), Value::from("/demo"));
        }
        event.to_string().into_bytes()
    }
}

/// Reads the samples; none where there is no such file.
pub(super) fn read(problems: &mut Problems, folder: &Path) -> Vec<Sample> {
    let path = folder.join("samples.toml");
    let file = path.display().to_string();
    let text = match read_text(&path) {
        Ok(text) => text,
        // A folder of the user's own has none, and the user publishes events.
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let problem = Problem::in_file(file, format!("the samples cannot be read: {error}"));
            problems.push(problem.help("it is samples.toml beside courier.toml"));
            return Vec::new();
        }
    };
    let Some(tree) = parse(problems, &file, &text) else {
        return Vec::new();
    };
    let mut top = Section::new(problems, "", tree);
    let samples = tables(problems, &mut top, "samples")
        .into_iter()
        .filter_map(|table| sample(problems, table))
        .collect();
    top.finish(problems);
    samples
}

fn tables(problems: &mut Problems, section: &mut Section, key: &'static str) -> Vec<Section> {
    let Some(said) = section.take(key) else {
        problems.push(section.error(format!("`{key}` is missing")));
        return Vec::new();
    };
    let Item::Array(nodes) = &said.value.item else {
        problems.push(said.error(format!(
            "expected a list of tables, found {}",
            said.value.item.kind()
        )));
        return Vec::new();
    };
    let table = |(index, node): (usize, &wx_courier_core::document::Node)| {
        Section::new(problems, format!("{}[{index}]", said.key), node.clone())
    };
    nodes.iter().enumerate().map(table).collect()
}

fn sample(problems: &mut Problems, mut section: Section) -> Option<Sample> {
    let name = section.require_string(problems, "name", "say in a few words what the sample shows");
    let wechat = section.take("wechat").map(|said| said.value.to_json());
    let event = section.take("event");
    let expect = tables(problems, &mut section, "expect")
        .into_iter()
        .filter_map(|table| end(problems, table))
        .collect();
    if event.is_none() {
        problems.push(section.error("`event` is missing"));
    }
    section.finish(problems);
    let event = event?.value.to_json();
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let codes = wechat
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    Some(Sample {
        id: text("/id"),
        name: name?.value,
        openid: text("/data/openid"),
        wechat: codes.filter_map(Value::as_i64).collect(),
        expect,
        event,
    })
}

fn end(problems: &mut Problems, mut section: Section) -> Option<End> {
    let rule = section
        .take_string(problems, "rule")
        .map(|said| said.value)
        .unwrap_or_default();
    let status = section.require_string(problems, "status", "sent, rejected, invalid …");
    let reason = section.require_string(problems, "reason", "ok, user_refused, param_too_long …");
    section.finish(problems);
    Some(End {
        rule,
        status: status?.value,
        reason: reason?.value,
    })
}
