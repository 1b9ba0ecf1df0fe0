//! `wx-courier topics`: the topics that the service needs.

use std::path::PathBuf;

use serde_json::json;

use super::{Exit, Format, block_on, configuration, say, say_json, sources};
use crate::edges::kafka::topics::{Made, Sources, create, wanted};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Creates the outcome and the dead-letter topic; those that exist are left as they are
    Create(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Create the source topics too: for development, where no other tool does
    #[arg(long)]
    sources: bool,
    /// How many partitions a new topic gets
    #[arg(long, default_value = "12", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// How many brokers keep a copy; -1 leaves it to the cluster
    #[arg(long, default_value = "-1", allow_negative_numbers = true)]
    replication: i32,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(folder: PathBuf, command: &Command) -> anyhow::Result<Exit> {
    let Command::Create(arguments) = command;
    let configuration = match configuration(&sources(folder, Vec::new())) {
        Ok(configuration) => configuration,
        Err(exit) => return Ok(exit),
    };
    let whose = if arguments.sources {
        Sources::Too
    } else {
        Sources::NotOurs
    };
    let topics = wanted(&configuration.settings, whose);
    let made = block_on(async {
        let kafka = &configuration.settings.kafka;
        Ok(create(kafka, &topics, arguments.partitions, arguments.replication).await?)
    })?;
    let word = |made: Made| match made {
        Made::Created => "created",
        Made::Existed => "exists already, left as it is",
    };
    match arguments.format {
        Format::Text => made
            .iter()
            .for_each(|(name, made)| say(format_args!("{name}: {}", word(*made)))),
        Format::Json => {
            let rows = made
                .iter()
                .map(|(name, made)| json!({ "topic": name, "created": *made == Made::Created }));
            say_json(&rows.collect::<Vec<_>>())?;
        }
    }
    Ok(Exit::Done)
}
