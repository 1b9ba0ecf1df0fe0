//! `wx-courier templates pull`: `templates.toml` from what `WeChat` lists. It shows what would change, asks, and writes.

mod difference;
mod file;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::accounts::Accounts;
use super::progress::Progress;
use super::{Exit, Format, ask, block_on, complain, complain_of, say, say_json};
use crate::edges::wechat::Unanswered;
use difference::difference;
use file::CatalogFile;
use wx_courier_core::catalog::Catalog;
use wx_courier_core::catalog::pull::{Change, Prune, pull};
use wx_courier_core::document::Problems;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Brings templates.toml up to date with what WeChat lists; names and comments stay
    Pull(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only this app; every app of the settings unless said
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Remove templates that WeChat has no more, unless rules use them
    #[arg(long)]
    prune: bool,
    /// Write without asking
    #[arg(long)]
    yes: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What a pull found and did.
#[derive(Default, Serialize)]
struct Report {
    file: String,
    written: bool,
    changes: Vec<Change>,
    diff: String,
    /// Apps that could not be asked, and why.
    errors: Vec<Trouble>,
}

#[derive(Serialize)]
struct Trouble {
    app: String,
    error: String,
    help: Option<&'static str>,
}

impl Trouble {
    fn new(app: &str, error: &Unanswered) -> Self {
        Self {
            app: app.to_owned(),
            error: error.to_string(),
            help: error.help(),
        }
    }
}

pub(super) fn run(folder: PathBuf, command: &Command) -> anyhow::Result<Exit> {
    let Command::Pull(arguments) = command;
    let path = folder.join("templates.toml");
    match Accounts::open(folder)? {
        Ok(accounts) => block_on(pull_all(&accounts, path, arguments)),
        Err(exit) => Ok(exit),
    }
}

async fn pull_all(
    accounts: &Accounts,
    path: PathBuf,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let apps = accounts.these(arguments.app.as_deref())?;
    let prune = match prune(accounts, arguments) {
        Ok(prune) => prune,
        Err(exit) => return Ok(exit),
    };
    let file = CatalogFile::open(path)?;
    let mut report = Report {
        file: file.name(),
        ..Report::default()
    };
    let mut text = file.text().to_owned();
    let mut progress = Progress::new();
    let n_apps = u64::try_from(apps.len())?;
    for (number, app) in (0..).zip(&apps) {
        let Some(catalog) = read(&file, &text) else {
            return Ok(Exit::BadConfiguration);
        };
        progress.show_of("apps asked for their templates", number, n_apps);
        let listed = accounts.wechat.templates(app).await;
        progress.end();
        match listed {
            Ok(listing) => {
                let pulled = pull(&text, &catalog, app, &listing, &prune)?;
                text = pulled.text;
                report.changes.extend(pulled.changes);
            }
            Err(error) => report.errors.push(Trouble::new(app, &error)),
        }
    }
    // What is written has to be as good as what was read.
    if read(&file, &text).is_none() {
        anyhow::bail!("what WeChat lists makes no templates.toml: nothing was written");
    }
    report.diff = difference(file.text(), &text);
    let exit = decide(&file, &text, &mut report, arguments).await?;
    if arguments.format == Format::Json {
        say_json(&report)?;
    }
    Ok(if report.errors.is_empty() {
        exit
    } else {
        Exit::No
    })
}

/// Shows, asks, and writes.
async fn decide(
    file: &CatalogFile,
    text: &str,
    report: &mut Report,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    if arguments.format == Format::Text {
        print(report);
    }
    if text == file.text() {
        if report.errors.is_empty() && arguments.format == Format::Text {
            say(format_args!(
                "{} is up to date: nothing to write",
                report.file
            ));
        }
        return Ok(Exit::Done);
    }
    if !arguments.yes {
        let answer = ask::line(format_args!("Write {}? [y/N] ", report.file)).await?;
        let Some(answer) = answer else {
            complain("nothing was written: say --yes where no user can be asked");
            return Ok(Exit::No);
        };
        if !ask::is_yes(&answer) {
            complain("nothing was written");
            return Ok(Exit::No);
        }
    }
    file.replace(text)?;
    report.written = true;
    if arguments.format == Format::Text {
        say(format_args!(
            "{} is written; `wx-courier check` tells what it means for the rules, and a running service takes it up",
            report.file
        ));
    }
    Ok(Exit::Done)
}

/// The catalog that a text is; its mistakes are told.
fn read(file: &CatalogFile, text: &str) -> Option<Catalog> {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, &file.name(), text);
    if catalog.is_none() {
        complain_of(&problems);
    }
    catalog
}

/// Only rules that could be read say which templates they use.
fn prune(accounts: &Accounts, arguments: &Arguments) -> Result<Prune, Exit> {
    if !arguments.prune {
        return Ok(Prune::Nothing);
    }
    let Some(rules) = &accounts.loaded.rules else {
        complain_of(&accounts.loaded.problems);
        complain("--prune needs rules without mistakes: they say which templates are used");
        return Err(Exit::BadConfiguration);
    };
    let used = rules
        .rules()
        .iter()
        .filter_map(|rule| Some((rule.app.to_string(), rule.template()?.name.to_string())));
    Ok(Prune::Unless(used.collect::<BTreeSet<_>>()))
}

fn print(report: &Report) {
    for change in &report.changes {
        say(sentence(change));
    }
    let is_new = |change: &Change| matches!(change, Change::Added { .. });
    if report.changes.iter().any(is_new) {
        say(
            "  the names of new templates are proposals: rename [app.name] as you like, rules use the name",
        );
    }
    if !report.diff.is_empty() {
        say(format_args!("\n{}", report.diff));
    }
    for Trouble { app, error, help } in &report.errors {
        complain(format_args!("error: app {app}: {error}"));
        if let Some(help) = help {
            complain(format_args!("    help: {help}"));
        }
    }
}

fn sentence(change: &Change) -> String {
    match change {
        Change::Added {
            app,
            name,
            title,
            id,
        } => format!("+ {app}.{name}: new, \"{title}\" ({id})"),
        Change::Updated { app, name, what } => format!("~ {app}.{name}: {}", what.join("; ")),
        Change::Gone {
            app,
            name,
            used_by_rules: false,
        } => format!("! {app}.{name}: gone at WeChat; it stays in the file, --prune removes it"),
        Change::Gone {
            app,
            name,
            used_by_rules: true,
        } => format!("! {app}.{name}: gone at WeChat; it stays in the file because rules use it"),
        Change::Removed { app, name } => {
            format!("- {app}.{name}: gone at WeChat, and no rule uses it")
        }
        Change::UnknownType { app, name, value } => format!(
            "? {app}.{name}: WeChat gives it the type {value}, which is not known here: say its `kind` in templates.toml; until then it counts as a one-time template"
        ),
        Change::Unreadable {
            app,
            id,
            title,
            why,
        } => format!(
            "? {app}: WeChat's entry \"{title}\" ({id}) cannot be read and is left out: {why}"
        ),
    }
}
