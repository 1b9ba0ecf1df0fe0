//! `wx-courier rules diff`: what another version of the configuration would make of real events.

mod comparison;
mod printing;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::cli::preview::report::{Event, Recipients};
use crate::cli::preview::{Found, in_files, preview};
use crate::cli::progress::Progress;
use crate::cli::{Configuration, Exit, check_files, complain, now_ms, sources, usable};
use crate::config::{NeededSecrets, Settings};
use crate::edges::kafka::scan::Scanner;
use comparison::{Comparison, Side};
use wx_courier_core::model::Record;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("source").args(["events", "last"])))]
pub(in crate::cli) struct Arguments {
    /// The folder of the other version, which is compared with --config
    #[arg(value_name = "OTHER-CONFIG")]
    other: PathBuf,
    /// A file of events: one a line, or a JSON list. May be repeated; - is standard input
    #[arg(long, value_name = "FILE")]
    events: Vec<PathBuf>,
    /// With --events: the topic that they are of
    #[arg(long, requires = "events")]
    topic: Option<String>,
    /// The newest events of the source topics, which are read from Kafka
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    last: u32,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For the comment of a pull request
    Markdown,
    /// For programs
    Json,
}

pub(super) fn run(folder: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let needed = if arguments.events.is_empty() {
        NeededSecrets::OfKafka
    } else {
        NeededSecrets::None
    };
    let open = |folder: &Path, needed| {
        usable(check_files(&sources(folder.to_owned(), Vec::new()), needed))
    };
    let before = match open(folder, needed) {
        Ok(configuration) => configuration,
        Err(exit) => return Ok(exit),
    };
    let after = match open(&arguments.other, NeededSecrets::None) {
        Ok(configuration) => configuration,
        Err(exit) => return Ok(exit),
    };
    let found = if arguments.events.is_empty() {
        newest(&before.settings, arguments.last)?
    } else {
        in_files(
            arguments.events.clone(),
            Vec::new(),
            arguments.topic.clone(),
            &before.settings,
        )?
    };
    // What is printed may be shown to many: in a pull request, for example.
    let recipients = Recipients::As(before.settings.outcomes.recipient);
    let comparison = compare(&before, &after, &found, recipients);
    match arguments.format {
        Format::Text => printing::text(&comparison),
        Format::Markdown => printing::markdown(&comparison),
        Format::Json => crate::cli::say_json(&comparison)?,
    }
    if comparison.is_unreadable() {
        complain(
            "error: no event of these can be read, so nothing was tried. A file holds whole events: the headers of binary mode are on the topic only (`--last`)",
        );
    }
    Ok(
        if comparison.has_newly_invalid() || comparison.is_unreadable() {
            Exit::No
        } else {
            Exit::Done
        },
    )
}

fn compare(
    before: &Configuration,
    after: &Configuration,
    found: &[Found],
    recipients: Recipients,
) -> Comparison {
    let now_ms = now_ms();
    let mut comparison = Comparison::new(&before.rules, &after.rules);
    let side = |configuration: &Configuration, found: (usize, &Found)| -> Event {
        preview(configuration, found, recipients, now_ms)
    };
    for found in (1..).zip(found) {
        comparison.add(
            &found.1.place,
            Side::new(&side(before, found), &before.rules),
            Side::new(&side(after, found), &after.rules),
        );
    }
    comparison
}

/// More bytes of events are not held at once.
const MOST_BYTES: usize = 256 << 20;

/// The newest records of all source topics, by their time, in their order.
fn newest(settings: &Settings, most: u32) -> anyhow::Result<Vec<Found>> {
    let scanner = Scanner::new(&settings.kafka)?;
    let mut progress = Progress::new();
    let most = usize::try_from(most)?;
    // By time, and among those of one time by their place.
    let mut newest: BTreeMap<(i64, Arc<str>, i32, i64), Record> = BTreeMap::new();
    let (mut bytes, mut n_read) = (0, 0_usize);
    for topic in &settings.kafka.topics {
        let each = |record: Record| {
            n_read += 1;
            if n_read.is_multiple_of(1_000) {
                progress.show(format_args!("{n_read} records read"));
            }
            bytes += record.size_bytes();
            let time_ms = record.timestamp_ms.unwrap_or_default();
            let topic = Arc::clone(&record.topic);
            newest.insert((time_ms, topic, record.partition, record.offset), record);
            while newest.len() > most || bytes > MOST_BYTES {
                let Some((_, oldest)) = newest.pop_first() else {
                    break;
                };
                bytes -= oldest.size_bytes();
            }
            ControlFlow::Continue(())
        };
        let read = scanner.read_last(topic, i64::try_from(most)?, each);
        read.with_context(|| {
            format!("the newest records of {topic} were not read; `wx-courier check --broker` tells whether the cluster answers and lets us read")
        })?;
    }
    progress.end();
    let found = newest.into_values().map(|record| Found {
        place: record.position(),
        record: Arc::new(record),
    });
    Ok(found.collect())
}
