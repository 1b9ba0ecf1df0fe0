//! `wx-courier explain ID`: what became of an event and its messages, in one place. The state store is asked first; Kafka is read for what it
//! does not know.

mod table;

use std::path::PathBuf;

use tokio::sync::watch;

use super::when::When;
use super::{Exit, Format, block_on, complain, complain_of, now_ms, progress, say_json, sources};
use crate::config::{NeededSecrets, load_with};
use crate::edges::kafka::scan::HowFar;
use crate::edges::store_access::{Missing, Way};
use crate::explaining::{Bounds, Configuration, Depth, Explainer, Question, Unexplained};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// An event's id, the id of an outcome, a message id, or a business key ([explain] keys)
    #[arg(value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// How far back topics are read: RFC 3339, or how long ago, like 2h or 3d. A record whose place is known is read whatever its age
    #[arg(long, value_name = "TIME", value_parser = When::parse, default_value = "3d")]
    since: When,
    /// Where the service listens; http.listen of the settings unless said. If no service listens there, the state store is opened without it
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    // Neither the rules' tests are run nor secrets wanted: a person waits for the answer.
    let loaded = load_with(&sources(folder, Vec::new()), NeededSecrets::OfKafka);
    let Some(configuration) = Configuration::of(&loaded) else {
        complain_of(&loaded.problems);
        complain("the configuration cannot be used; `wx-courier check` tells the whole story");
        return Ok(Exit::BadConfiguration);
    };
    block_on(explain(configuration, arguments))
}

async fn explain(configuration: Configuration, arguments: &Arguments) -> anyhow::Result<Exit> {
    let now_ms = now_ms();
    let question = Question {
        id: arguments.id.clone(),
        since_ms: arguments.since.unix_ms(now_ms),
        now_ms,
        way: Way::of_a_command(
            configuration.settings(),
            arguments.at.as_deref(),
            Missing::Refuse,
        ),
        depth: Depth::Topics,
        outcomes: Vec::new(),
    };
    let begun = Explainer::new(configuration, Bounds::NONE)
        .begin(question)
        .await;
    if let Some(note) = begun.note() {
        complain(note);
    }
    let known = begun.ask().await;
    if arguments.format == Format::Text {
        table::print_known(known.rows());
    }
    let (told, heard) = watch::channel(HowFar::default());
    let answer = known.finish(&told);
    let what = "reading records (--since bounds it)";
    let Some(answer) = progress::shown(what, answer, heard).await? else {
        complain("stopped: what was read so far is not told");
        return Ok(Exit::No);
    };
    let report = answer.map_err(|error| match error {
        Unexplained::Failed(error) => error,
        Unexplained::Busy => error.into(),
    })?;
    match arguments.format {
        Format::Json => say_json(&report)?,
        Format::Text => table::print(&report),
    }
    Ok(if report.events.is_empty() {
        Exit::No
    } else {
        Exit::Done
    })
}
