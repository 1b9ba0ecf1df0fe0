//! `wx-courier preview`: what an event would become, without sending it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::{Configuration, Exit, Format, configuration, say, say_json, sources};
use crate::edges::wechat::SendBody;
use wx_courier_core::event::{Decoded, decode};
use wx_courier_core::message::Made;
use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::{Reason, Status};
use wx_courier_core::rules::{Planned, Rule};

#[derive(clap::Args)]
// A group, so that the usage line says that one of the two is required.
#[command(group(clap::ArgGroup::new("value").args(["event", "no_value"]).required(true)))]
pub(super) struct Arguments {
    /// The file that holds the event's value; - is standard input
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// The record has no value, as an event without data may have none
    #[arg(long)]
    no_value: bool,
    /// The record's key
    #[arg(long)]
    key: Option<String>,
    /// A header of the record; may be repeated. Binary-mode CloudEvents put their attributes there
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The record's topic
    #[arg(long, default_value = "preview")]
    topic: String,
    /// The record's time, like 2026-11-22T16:30:00+08:00; without it, it has none
    #[arg(long, value_name = "TIME")]
    record_time: Option<jiff::Timestamp>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE, like ce_type=order.completed")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What a rule would make of the event.
#[derive(Serialize)]
struct Preview<'a> {
    rule: Option<&'a str>,
    /// `would_send`, or the status of the outcome.
    status: String,
    reason: Option<Reason>,
    detail: Option<String>,
    param: Option<String>,
    message: Option<SendBody<'a>>,
    /// What WeChat may refuse of the message, though nothing is known against it.
    doubts: Vec<String>,
}

impl Preview<'_> {
    fn without_rule(reason: Reason, detail: String) -> Self {
        Self {
            rule: None,
            status: reason.status().as_str().to_owned(),
            reason: Some(reason),
            detail: Some(detail),
            param: None,
            message: None,
            doubts: Vec::new(),
        }
    }
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let configuration = match configuration(&sources(folder, Vec::new())) {
        Ok(configuration) => configuration,
        Err(exit) => return Ok(exit),
    };
    let record = Arc::new(record(arguments)?);
    #[expect(
        clippy::disallowed_methods,
        reason = "a command has no earlier reading to tell a jump by"
    )]
    let received_ms = jiff::Timestamp::now().as_millisecond();
    let mut event_ms = received_ms;
    let (kind, planned, problem) =
        match decode(&configuration.settings.events, &record, received_ms) {
            Decoded::Event(event) => {
                let planned = configuration.rules.plan(&event);
                event_ms = event.time_ms;
                (Some(event.kind), planned, None)
            }
            Decoded::Tombstone => {
                let detail = "the record tells of no event: it has no value, or a row was deleted";
                let preview = Preview::without_rule(Reason::NoRule, detail.to_owned());
                (None, Vec::new(), Some(preview))
            }
            Decoded::Undecodable(problem) => {
                let preview = Preview::without_rule(problem.reason, problem.detail);
                (None, Vec::new(), Some(preview))
            }
        };
    let previews = match problem {
        Some(preview) => vec![preview],
        None if planned.is_empty() => {
            let kind = kind.unwrap_or_default();
            let detail = configuration.rules.why_unmatched(&kind);
            vec![Preview::without_rule(Reason::NoRule, detail)]
        }
        None => planned
            .iter()
            .map(|planned| {
                preview(
                    &configuration,
                    planned,
                    received_ms.saturating_sub(event_ms),
                )
            })
            .collect(),
    };
    match arguments.format {
        Format::Json => say_json(&previews)?,
        Format::Text => print(&previews, &planned)?,
    }
    let is_invalid = previews
        .iter()
        .any(|preview| preview.status == Status::Invalid.as_str());
    Ok(if is_invalid { Exit::No } else { Exit::Done })
}

fn record(arguments: &Arguments) -> anyhow::Result<Record> {
    let value = arguments.event.as_deref().map(value).transpose()?;
    let headers = arguments
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone().into_bytes())));
    Ok(Record {
        topic: Arc::from(arguments.topic.as_str()),
        partition: 0,
        offset: 0,
        key: arguments.key.clone().map(String::into_bytes),
        headers: headers.collect(),
        value,
        timestamp_ms: arguments.record_time.map(jiff::Timestamp::as_millisecond),
    })
}

fn value(file: &Path) -> anyhow::Result<Vec<u8>> {
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

fn preview<'a>(configuration: &Configuration, planned: &'a Planned, age_ms: i64) -> Preview<'a> {
    let rule: &Rule = &planned.rule;
    match &planned.result {
        Ok(made) => {
            let message = made.shown();
            let app = configuration.settings.apps.get(&rule.app);
            let body = app.map(|app| SendBody::new(message, app.miniprogram_state));
            Preview {
                rule: Some(&rule.name),
                status: "would_send".to_owned(),
                reason: None,
                detail: too_old(rule, age_ms).or_else(|| by_code(made)),
                param: None,
                message: body,
                doubts: doubts(made),
            }
        }
        Err(rejection) => Preview {
            rule: Some(&rule.name),
            status: rejection.reason.status().as_str().to_owned(),
            reason: Some(rejection.reason),
            detail: Some(rejection.detail.clone()),
            param: rejection.param.as_deref().map(str::to_owned),
            message: None,
            doubts: Vec::new(),
        },
    }
}

fn doubts(made: &Made) -> Vec<String> {
    let doubts = made.shown().content.doubts().into_iter();
    doubts
        .map(|(name, doubt)| format!("{name}: {doubt}"))
        .collect()
}

/// The preview exchanges no code: that would use it up.
fn by_code(made: &Made) -> Option<String> {
    matches!(made, Made::Unaddressed(_)).then(|| {
        "to whom the login code belongs; the service exchanges it when it reads the event"
            .to_owned()
    })
}

/// The preview shows what the rule makes of an event at any age; the service would not send this one any more.
fn too_old(rule: &Rule, age_ms: i64) -> Option<String> {
    let age = Duration::from_millis(u64::try_from(age_ms).ok()?);
    (age > rule.expires_after).then(|| {
        let (age, allowed) = (age.as_secs(), rule.expires_after.as_secs());
        format!("the event is {age} s old, and the rule's expires_after allows {allowed} s: the service would let it expire")
    })
}

/// A line break, and the next line below the one before.
const BELOW_VALUE: &str = "\n                                    ";

fn print(previews: &[Preview<'_>], planned: &[Planned]) -> anyhow::Result<()> {
    for (index, preview) in previews.iter().enumerate() {
        let rule = preview.rule.unwrap_or("(no rule)");
        match (preview.reason, &preview.detail) {
            (Some(reason), Some(detail)) => say(format_args!(
                "{rule}: {} ({}): {detail}",
                preview.status,
                reason.as_str()
            )),
            (None, Some(note)) => say(format_args!("{rule}: {} ({note})", preview.status)),
            (_, None) => say(format_args!("{rule}: {}", preview.status)),
        }
        let planned = planned.get(index);
        if let (Some(body), Some(planned)) = (&preview.message, planned) {
            if let Ok(made) = &planned.result {
                for (name, value) in made.shown().content.values() {
                    let label = label_of(&planned.rule, name);
                    let value = value.replace('\n', BELOW_VALUE);
                    say(format_args!("  {name:<20} {label:<12} {value}"));
                }
            }
            for doubt in &preview.doubts {
                say(format_args!("  warning: {doubt}"));
            }
            say(format_args!("  body: {}", serde_json::to_string(body)?));
        }
    }
    Ok(())
}

/// What the template calls a param, where it is known.
fn label_of<'a>(rule: &'a Rule, name: &str) -> &'a str {
    let labels = rule.template().map(|template| template.params.iter());
    let mut labels = labels.into_iter().flatten();
    let label = labels.find(|(known, _)| known.as_ref() == name);
    label.map_or("", |(_, label)| label.as_str())
}
