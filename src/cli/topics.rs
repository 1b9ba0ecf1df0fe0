//! `wx-courier topics`: the topics that the service needs.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exit, Format, block_on, configuration, say, say_json, sources};
use crate::edges::kafka::topics::creation::{Made, Shape, create};
use crate::edges::kafka::topics::{Sources, Wanted, wanted};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Creates the topics of outcomes, dead letters and audit records, one at a time; those that exist are left as they are
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
    /// Ask no broker, and print what to create: for clusters whose topics are made in a console
    #[arg(long)]
    print: bool,
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
    let shape = Shape {
        partitions: arguments.partitions,
        replication: arguments.replication,
    };
    if arguments.print {
        print(&topics, shape, arguments.format)?;
        return Ok(Exit::Done);
    }
    let kafka = &configuration.settings.kafka;
    let made = block_on(async { Ok(create(kafka, &topics, shape).await?) })?;
    match arguments.format {
        Format::Text => made
            .iter()
            .for_each(|(name, made)| say(format_args!("{name}: {}", in_words(made)))),
        Format::Json => say_json(&made.iter().map(row).collect::<Vec<_>>())?,
    }
    let is_there = |made: &Made| match made {
        Made::Created | Made::Existed => true,
        Made::Refused(_) | Made::NotTried => false,
    };
    Ok(if made.iter().all(|(_, made)| is_there(made)) {
        Exit::Done
    } else {
        Exit::No
    })
}

fn in_words(made: &Made) -> String {
    match made {
        Made::Created => "created".to_owned(),
        Made::Existed => "exists already, left as it is".to_owned(),
        Made::Refused(why) => format!("not created: {why}"),
        Made::NotTried => "not tried: the cluster did not answer about the one before".to_owned(),
    }
}

fn row((name, made): &(String, Made)) -> Value {
    let is_new = *made == Made::Created;
    match made {
        Made::Created | Made::Existed => json!({ "topic": name, "created": is_new }),
        Made::Refused(_) | Made::NotTried => {
            json!({ "topic": name, "created": is_new, "error": in_words(made) })
        }
    }
}

/// What a person makes by hand.
fn print(topics: &[Wanted], shape: Shape, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text => {
            for topic in topics {
                say(format_args!("{}  ({})", topic.name, topic.purpose.as_str()));
                say(format_args!("    partitions: {}", shape.partitions));
                if shape.replication > 0 {
                    say(format_args!("    copies: {}", shape.replication));
                }
                for (name, value) in topic.purpose.settings() {
                    say(format_args!("    {name}: {value}"));
                }
                say(format_args!("    {}", topic.purpose.advice()));
            }
        }
        Format::Json => {
            let rows = topics.iter().map(|topic| {
                let settings = topic.purpose.settings().iter();
                let settings: serde_json::Map<_, _> = settings
                    .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
                    .collect();
                json!({
                    "topic": topic.name,
                    "purpose": topic.purpose.as_str(),
                    "partitions": shape.partitions,
                    "settings": settings,
                    "advice": topic.purpose.advice(),
                })
            });
            say_json(&rows.collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
