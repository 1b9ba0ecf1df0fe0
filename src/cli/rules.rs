//! `wx-courier rules`: what each rule of a running service does, and what is stopped or goes on.

mod diff;
mod new;
mod status;

pub(super) use new::write_new;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

use super::actor::Why;
use super::pages::Instance;
use super::visible::visible;
use super::{Exit, Format, count, say};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Write a rule for a template, guessed from a sample event, with a test: each guess says why
    New(new::Arguments),
    /// Show the rules in force: their version, what came of their messages, what waits, and what holds it
    List(List),
    /// Show which version each instance runs, and whether all run the same: exit code 0 if they do
    Status(status::Arguments),
    /// Show what another version of the configuration makes of real events: exit code 1 if something becomes invalid
    Diff(diff::Arguments),
    /// Stop a rule, a template or an app: its messages wait until `rules resume`, on every instance and over restarts
    Pause(Pause),
    /// Let a rule, a template or an app go on, be it that a person has paused it, a breaker, or what WeChat answered
    Resume(Resume),
}

#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    instance: Instance,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(clap::Args)]
pub(super) struct Pause {
    #[command(flatten)]
    what: What,
    /// Why, for those who look at it later
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    #[command(flatten)]
    instance: Instance,
}

#[derive(clap::Args)]
pub(super) struct Resume {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    instance: Instance,
}

#[derive(clap::Args)]
// A group, so that the usage line says that one of them is required.
#[command(group(clap::ArgGroup::new("what").args(["name", "template", "app"]).required(true).multiple(true)))]
struct What {
    /// The rule: its file below rules/, without .toml
    #[arg(conflicts_with_all = ["template", "app"])]
    name: Option<String>,
    /// All messages of a template, by its name in templates.toml or by its id; with --app where several apps have it
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// All messages of an app
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

impl What {
    fn query(&self) -> Vec<(&'static str, &str)> {
        let parts = [
            ("rule", &self.name),
            ("template", &self.template),
            ("app", &self.app),
        ];
        let said = parts.into_iter();
        said.filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect()
    }
}

pub(super) fn run(folder: PathBuf, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::New(arguments) => new::run(&folder, arguments),
        Command::List(list) => show(folder, list),
        Command::Status(arguments) => status::run(&folder, arguments),
        Command::Diff(arguments) => diff::run(&folder, arguments),
        Command::Pause(Pause {
            what,
            why,
            instance,
        }) => {
            let mut query = what.query();
            query.extend(why.as_deref().map(|why| ("why", why)));
            // In the query, where every version of the service looks for it.
            instance.change(folder, "/pause", &query, &Why::default())
        }
        Command::Resume(Resume {
            what,
            why,
            instance,
        }) => instance.change(folder, "/resume", &what.query(), why),
    }
}

fn show(folder: PathBuf, list: &List) -> anyhow::Result<Exit> {
    let page = match list.instance.page(folder, "/rules")? {
        Ok(page) => page,
        Err(exit) => return Ok(exit),
    };
    match list.format {
        Format::Json => say(page.trim_end()),
        Format::Text => {
            let rules: Listed = serde_json::from_str(&page)
                .context("the service answers otherwise than this version knows")?;
            print(&rules);
        }
    }
    Ok(Exit::Done)
}

/// What `/rules` says, as far as it is shown.
#[derive(Deserialize)]
struct Listed {
    rules_version: String,
    rules: Vec<Row>,
    other_pauses: Vec<Pausing>,
    refused: Option<Refused>,
}

/// What is on disk and not in force.
#[derive(Deserialize)]
struct Refused {
    since: String,
    errors: usize,
    first: String,
}

#[derive(Deserialize)]
struct Row {
    rule: String,
    version: String,
    app: String,
    template: Option<String>,
    outcomes: BTreeMap<String, u64>,
    waiting: u64,
    set_aside: u64,
    waiting_since: Option<String>,
    paused_by: Vec<Pausing>,
}

#[derive(Deserialize)]
struct Pausing {
    subject: String,
    cause: String,
    detail: String,
    since: String,
    ends: String,
}

const HEADINGS: [&str; 9] = [
    "rule",
    "version",
    "app",
    "template",
    "sent",
    "others",
    "waiting",
    "since",
    "paused by",
];

fn print(rules: &Listed) {
    let rows: Vec<[String; 9]> = rules.rules.iter().map(cells).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: [&str; 9]| {
        let padded = cells.into_iter().zip(widths).zip(HEADINGS);
        let cells = padded.map(|((cell, width), heading)| match heading {
            "sent" | "others" | "waiting" => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(HEADINGS);
    for row in &rows {
        line(row.each_ref().map(String::as_str));
    }
    say(format_args!(
        "version of all rules: {}; numbers are of this instance, since it was started",
        rules.rules_version
    ));
    if let Some(Refused {
        since,
        errors,
        first,
    }) = &rules.refused
    {
        say(format_args!(
            "refused: the rules on disk are not in force, since {since}: {}, the first is {}",
            count(*errors, "error"),
            visible(first)
        ));
        say(
            "    `wx-courier check` tells them all; what is mended is read when it is saved, or by `wx-courier reload`",
        );
    }
    let held = rules.rules.iter().flat_map(|rule| &rule.paused_by);
    let pauses: BTreeMap<&str, &Pausing> = held
        .chain(&rules.other_pauses)
        .map(|pause| (pause.subject.as_str(), pause))
        .collect();
    for pause in pauses.values() {
        let Pausing {
            subject,
            cause,
            detail,
            since,
            ends,
        } = pause;
        say(format_args!(
            "paused: {subject}, since {since} ({cause}): {}",
            if detail.is_empty() {
                "no reason was given".to_owned()
            } else {
                visible(detail)
            }
        ));
        say(format_args!("    goes on {ends}"));
    }
}

fn cells(rule: &Row) -> [String; 9] {
    let sent = rule.outcomes.get("sent").copied().unwrap_or_default();
    let all: u64 = rule.outcomes.values().sum();
    let paused_by: Vec<&str> = rule
        .paused_by
        .iter()
        .map(|pause| pause.subject.as_str())
        .collect();
    [
        rule.rule.clone(),
        rule.version.clone(),
        rule.app.clone(),
        rule.template.clone().unwrap_or_else(|| "-".to_owned()),
        sent.to_string(),
        (all - sent).to_string(),
        (rule.waiting + rule.set_aside).to_string(),
        rule.waiting_since.clone().unwrap_or_else(|| "-".to_owned()),
        paused_by.join(", "),
    ]
}
