//! `wx-courier check`: everything that can be wrong before the first message, in one go.

mod broker;
mod remote;

use std::path::PathBuf;

use serde::Serialize;

use super::colour::{self, Stream};
use super::{Checked, Exit, Format, check_all_with, count, say, say_json, sources};
use crate::config::{Effective, NeededSecrets, TakesEffect};
use crate::edges::kafka::inspect::Inspection;
use broker::ask_broker;
use remote::compare_with_wechat;
use wx_courier_core::document::{Problem, Severity};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also print every setting in force and where it was said
    #[arg(long)]
    settings: bool,
    /// Also compare templates.toml with what WeChat lists; one call for each app
    #[arg(long)]
    remote: bool,
    /// Also ask the Kafka cluster what is there and what we may do; it changes nothing there
    #[arg(long)]
    broker: bool,
}

impl Arguments {
    /// Files are checked without any secret; who is asked wants to see one.
    fn needed_secrets(&self) -> NeededSecrets {
        if self.remote {
            NeededSecrets::All
        } else if self.broker {
            NeededSecrets::OfKafka
        } else {
            NeededSecrets::None
        }
    }
}

#[derive(Serialize)]
struct Result {
    ok: bool,
    errors: usize,
    warnings: usize,
    /// None were compiled if there is not one.
    rules: usize,
    rules_version: Option<String>,
    tests: usize,
    failed_tests: usize,
    problems: Vec<Problem>,
    settings: Vec<Effective>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<Inspection>,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let sources = sources(folder, Vec::new());
    let Checked { mut loaded, tests } = check_all_with(&sources, arguments.needed_secrets());
    loaded
        .problems
        .extend(std::mem::take(&mut loaded.absent_secrets));
    if arguments.remote {
        compare_with_wechat(&mut loaded)?;
    }
    let broker = if arguments.broker {
        ask_broker(&mut loaded)?
    } else {
        None
    };
    let problems = loaded.problems;
    let result = Result {
        ok: !problems.has_errors(),
        errors: problems.count(Severity::Error),
        warnings: problems.count(Severity::Warning),
        rules: loaded.rules.as_ref().map_or(0, |rules| rules.rules().len()),
        // Of what is made of grants, too, which settings with an error do not say.
        rules_version: loaded
            .settings
            .and(loaded.rules)
            .map(|rules| rules.version().to_string()),
        tests: tests.len(),
        failed_tests: tests.iter().filter(|test| !test.passed()).count(),
        problems: problems.into_iter().collect(),
        settings: loaded.effective,
        broker,
    };
    match arguments.format {
        Format::Json => say_json(&result)?,
        Format::Text => print(&result, arguments),
    }
    Ok(if result.ok { Exit::Done } else { Exit::No })
}

fn print(result: &Result, arguments: &Arguments) {
    if arguments.settings {
        let width = result
            .settings
            .iter()
            .map(|setting| setting.key.len())
            .max()
            .unwrap_or(0);
        for setting in &result.settings {
            let restart = match setting.takes_effect {
                TakesEffect::WithTheRules => "",
                TakesEffect::WithARestart => "; restart",
                TakesEffect::WithARestartOfTheConsole => "; restart of the console",
            };
            say(format_args!(
                "{:width$} = {}  ({}{restart})",
                setting.key, setting.value, setting.origin
            ));
        }
        say(
            "restart: in a service that runs, another value comes into force with a restart only, of the console where that is said; all others do with the rules",
        );
    }
    for line in result.broker.iter().flat_map(broker::lines) {
        say(line);
    }
    for problem in &result.problems {
        say(colour::problem(problem, Stream::Output));
    }
    if result.rules == 0 {
        say(
            "the rules were not compiled and their tests not run: mend the errors above, there may be more behind them",
        );
    } else {
        let version = result.rules_version.as_ref();
        let version = version.map_or_else(String::new, |version| format!(", version {version}"));
        let passed = result.tests - result.failed_tests;
        say(format_args!(
            "{}{version}; {passed} of {} passed",
            count(result.rules, "rule"),
            count(result.tests, "test")
        ));
    }
    let verdict = if result.ok { "ok" } else { "not ok" };
    say(format_args!(
        "{verdict}: {}, {}",
        count(result.errors, "error"),
        count(result.warnings, "warning")
    ));
}
