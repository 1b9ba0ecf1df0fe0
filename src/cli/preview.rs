//! `wx-courier preview`: what events would become, without sending anything.

mod reading;
pub(in crate::cli) mod report;
mod summary;
pub(in crate::cli) mod table;

use std::path::PathBuf;
use std::sync::Arc;

use super::{
    Configuration, Exit, Format, check_files, complain, now_ms, say_json, sources, usable,
};
use crate::config::{NeededSecrets, Settings};
pub(in crate::cli) use reading::Found;
use reading::{Findings, find};
use report::{Event, Preview, Previews, Recipients};
use table::Headings;
use wx_courier_core::event::{Decoded, decode};
use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::Reason;
use wx_courier_core::rules::RuleSet;

#[derive(clap::Args)]
// A group, so that the usage line says that one of them is required.
#[command(group(clap::ArgGroup::new("value").args(["event", "no_value", "offset"]).required(true)))]
pub(super) struct Arguments {
    /// A file that holds an event's value, or several: one a line, or as a JSON list. May be repeated; - is standard input
    #[arg(long, value_name = "FILE")]
    event: Vec<PathBuf>,
    /// The record has no value, as an event without data may have none
    #[arg(long)]
    no_value: bool,
    /// The record's key
    #[arg(long)]
    key: Option<String>,
    /// A header of the record; may be repeated. Binary-mode CloudEvents put their attributes there
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The record's topic; with --offset, the topic to read
    #[arg(long)]
    topic: Option<String>,
    /// The record's time, like 2026-11-22T16:30:00+08:00; without it, it has none
    #[arg(long, value_name = "TIME")]
    record_time: Option<jiff::Timestamp>,
    /// The partition to read
    #[arg(long, value_name = "N", requires = "offset", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Read the record at this offset from Kafka
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(i64).range(0..),
        requires_all = ["topic", "partition"],
        conflicts_with_all = ["key", "headers", "record_time"]
    )]
    offset: Option<i64>,
    /// With --offset: so many records
    #[arg(long, value_name = "N", default_value_t = 1, requires = "offset", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    count: u16,
    /// Show only events that are invalid or that no rule wants, and of their values those at fault; the summary counts all
    #[arg(long)]
    faulty: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Which events are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    All,
    /// Those of which not every message would be sent.
    Faulty,
}

impl Arguments {
    /// Only the cluster wants to see a secret.
    fn needed_secrets(&self) -> NeededSecrets {
        match self.offset {
            Some(_) => NeededSecrets::OfKafka,
            None => NeededSecrets::None,
        }
    }

    fn show(&self) -> Show {
        if self.faulty { Show::Faulty } else { Show::All }
    }

    /// What is in a file the reader has seen before. A record is another matter.
    fn recipients(&self, configuration: &Configuration) -> Recipients {
        match self.offset {
            Some(_) => Recipients::As(configuration.settings.outcomes.recipient),
            None => Recipients::Whole,
        }
    }
}

pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE, like ce_type=order.completed")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let sources = sources(folder, Vec::new());
    let configuration = match usable(check_files(&sources, arguments.needed_secrets())) {
        Ok(configuration) => configuration,
        Err(exit) => return Ok(exit),
    };
    tell_of_failed_tests(&configuration.rules);
    let settings = &configuration.settings;
    let now_ms = now_ms();
    let Findings { found, notes } = find(arguments, &settings.kafka, &is_event(settings, now_ms))?;
    let recipients = arguments.recipients(&configuration);
    let events = (1..)
        .zip(&found)
        .map(|(number, found)| preview(&configuration, (number, found), recipients, now_ms));
    let previews = Previews::of(events.collect(), notes, arguments.show());
    match (arguments.format, arguments.offset) {
        (Format::Json, _) => say_json(&previews)?,
        (Format::Text, Some(_)) => table::print(&previews, Headings::Always, arguments.show()),
        (Format::Text, None) => table::print(&previews, Headings::OfSeveral, arguments.show()),
    }
    Ok(if previews.has_invalid() {
        Exit::No
    } else {
        Exit::Done
    })
}

/// Tells what the rules make of an event that the reader has in a file.
pub(super) fn tell_of(configuration: &Configuration, found: &Found, now_ms: i64) {
    let event = preview(configuration, (1, found), Recipients::Whole, now_ms);
    let previews = Previews::of(vec![event], Vec::new(), Show::All);
    table::print(&previews, Headings::OfSeveral, Show::All);
}

/// A test that fails is what its author is about to mend: it does not stand in the way of a look at the message.
fn tell_of_failed_tests(rules: &RuleSet) {
    let tests = rules.run_tests();
    let mut failed = tests.iter().filter(|test| !test.passed());
    let Some(first) = failed.next() else {
        return;
    };
    complain(format_args!(
        "note: {} of {} tests of the rules fail, the first is \"{}\" ({}); `wx-courier check` says why",
        1 + failed.count(),
        tests.len(),
        first.name,
        first.origin
    ));
}

/// The events of these files, as records of a topic that have these headers.
pub(in crate::cli) fn in_files(
    files: Vec<PathBuf>,
    headers: Vec<(String, String)>,
    topic: Option<String>,
    settings: &Settings,
) -> anyhow::Result<Vec<Found>> {
    let arguments = Arguments {
        event: files,
        no_value: false,
        key: None,
        headers,
        topic,
        record_time: None,
        partition: None,
        offset: None,
        count: 1,
        faulty: false,
        format: Format::Text,
    };
    let found = find(&arguments, &settings.kafka, &is_event(settings, now_ms()))?;
    Ok(found.found)
}

/// Whether the service takes a record as one event.
fn is_event(settings: &Settings, now_ms: i64) -> impl Fn(&Arc<Record>) -> bool {
    move |record| match decode(&settings.events, record, now_ms) {
        Decoded::Event(_) => true,
        Decoded::Tombstone | Decoded::Undecodable(_) => false,
    }
}

/// What becomes of one record.
pub(in crate::cli) fn preview(
    configuration: &Configuration,
    (number, found): (usize, &Found),
    recipients: Recipients,
    now_ms: i64,
) -> Event {
    let place = found.place.clone();
    let nothing = |reason, detail| vec![Preview::without_rule(reason, detail)];
    match decode(&configuration.settings.events, &found.record, now_ms) {
        Decoded::Event(event) => {
            let diagnoses = configuration.rules.diagnose(&event);
            let age_ms = now_ms.saturating_sub(event.time_ms);
            let messages = if diagnoses.is_empty() {
                nothing(
                    Reason::NoRule,
                    configuration.rules.why_unmatched(&event.kind),
                )
            } else {
                let apps = &configuration.settings.apps;
                let previews = diagnoses.iter();
                previews
                    .map(|diagnosis| Preview::of(apps, diagnosis, recipients, age_ms))
                    .collect()
            };
            Event {
                number,
                place,
                id: Some(event.id),
                kind: Some(event.kind),
                messages,
            }
        }
        Decoded::Tombstone => {
            let detail = "the record tells of no event: it has no value, or a row was deleted";
            Event {
                number,
                place,
                id: None,
                kind: None,
                messages: nothing(Reason::NoRule, detail.to_owned()),
            }
        }
        Decoded::Undecodable(problem) => Event {
            number,
            place,
            id: None,
            kind: None,
            messages: nothing(problem.reason, problem.detail),
        },
    }
}
