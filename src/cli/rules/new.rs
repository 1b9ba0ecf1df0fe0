//! `wx-courier rules new`: a rule file proposed from a template of the catalog and a sample event. It shows what the rule makes of the sample,
//! and what a person has to look at.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::tz::TimeZone;

use crate::cli::preview::{self, Found};
use crate::cli::{Configuration, Exit, check_files, complain, complain_of, now_ms, say, sources};
use crate::config::{NeededSecrets, Settings};
use wx_courier_core::catalog::{Catalog, Template};
use wx_courier_core::document::{Problems, known_instead};
use wx_courier_core::event::{Decoded, Event, decode};
use wx_courier_core::rules::proposal::{Confidence, Guess, Proposal, propose};
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The template that the rule fills, by its name in templates.toml or by its id
    #[arg(long, value_name = "NAME")]
    template: String,
    /// The app that sends; needed where several apps have the template
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// A file with a sample event, as a record's value holds it; - is standard input. Of several events the first counts
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// A header of the sample; may be repeated. Binary-mode CloudEvents put their attributes there
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = preview::header)]
    headers: Vec<(String, String)>,
    /// The rule's name: its file below rules/, without .toml. Without it, the template's name with dashes
    name: Option<String>,
}

pub(super) fn run(folder: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let loaded = check_files(&sources(folder.to_owned(), Vec::new()), NeededSecrets::None);
    // Other rules may be wrong: this one can be proposed all the same.
    let (Some(settings), Some(catalog), Some(time_zone)) =
        (&loaded.settings, &loaded.catalog, &loaded.time_zone)
    else {
        complain_of(&loaded.problems);
        complain("the configuration cannot be used; `wx-courier check` tells the whole story");
        return Ok(Exit::BadConfiguration);
    };
    let template = find(catalog, &arguments.template, arguments.app.as_deref())?;
    let name = name_of(arguments, template)?;
    let path = folder.join("rules").join(format!("{name}.toml"));
    let now_ms = now_ms();
    let (found, event) = sample(arguments, settings, now_ms)?;
    let proposal = propose(template, &event, time_zone).map_err(|unreadable| {
        anyhow::anyhow!("the event's data cannot be read: {}", unreadable.detail)
    })?;
    write_new(&path, &proposal.text)?;
    say(format_args!("{} is written", path.display()));
    let source = RuleSource {
        file: path.display().to_string(),
        name,
        text: proposal.for_preview(),
    };
    match compiled(source, settings, catalog, time_zone) {
        Ok(rules) => {
            let configuration = Configuration {
                settings: Arc::new(settings.clone()),
                rules: Arc::new(rules),
                loaded: loaded.clone(),
            };
            // As if it came now: that a sample is old says nothing of the rule.
            preview::tell_of(&configuration, &found, event.time_ms);
        }
        Err(problems) => complain_of(&problems),
    }
    tell(&proposal, &path);
    Ok(Exit::Done)
}

/// The template that is meant.
fn find<'a>(
    catalog: &'a Catalog,
    name: &str,
    app: Option<&str>,
) -> anyhow::Result<&'a Arc<Template>> {
    let all = catalog.iter();
    let named = all.filter(|template| &*template.name == name || template.id == name);
    let found: Vec<_> = named
        .filter(|template| app.is_none_or(|app| *template.app == *app))
        .collect();
    let template = match found.as_slice() {
        [only] => *only,
        [] => {
            let instead = known_instead(name, &catalog.names(app));
            let of = app.map_or_else(String::new, |app| format!(" of the app {app}"));
            anyhow::bail!(
                "templates.toml has no template {name}{of}{instead}; `wx-courier templates pull` lists what WeChat has"
            );
        }
        [_, ..] => {
            let apps: Vec<&str> = found.iter().map(|template| &*template.app).collect();
            anyhow::bail!(
                "several apps have this template, name one with --app: {}",
                apps.join(", ")
            );
        }
    };
    anyhow::ensure!(
        !template.params.is_empty(),
        "the params of {name} are not known: `wx-courier templates pull` brings them, or write `params` into templates.toml"
    );
    Ok(template)
}

fn name_of(arguments: &Arguments, template: &Template) -> anyhow::Result<String> {
    let is_word = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'/')
    };
    let Some(name) = &arguments.name else {
        let name = template.name.to_ascii_lowercase().replace('_', "-");
        anyhow::ensure!(
            name.bytes().all(is_word),
            "give the rule a name, behind the flags: no name can be made of the template's, {}",
            template.name
        );
        return Ok(name);
    };
    let is_name = !name.is_empty() && name.bytes().all(is_word);
    let is_below = !name.starts_with('/') && !name.ends_with('/');
    anyhow::ensure!(
        is_name && is_below,
        "`{name}` is no name of a rule: it has only a-z, 0-9, `-`, `_` and `/`, and no `.toml` at its end"
    );
    Ok(name.clone())
}

/// The first event of the file.
fn sample(
    arguments: &Arguments,
    settings: &Settings,
    now_ms: i64,
) -> anyhow::Result<(Found, Box<Event>)> {
    let (files, headers) = (vec![arguments.event.clone()], arguments.headers.clone());
    let found = preview::in_files(files, headers, None, settings)?;
    let found = found
        .into_iter()
        .next()
        .context("there is no event in the file")?;
    match decode(&settings.events, &found.record, now_ms) {
        Decoded::Event(event) => Ok((found, event)),
        Decoded::Tombstone => anyhow::bail!("the sample tells of no event: it has no value"),
        Decoded::Undecodable(problem) => {
            anyhow::bail!("the sample is no event: {}", problem.detail)
        }
    }
}

/// The rule alone, as it is in the file; what is open reads a field that is not there.
fn compiled(
    source: RuleSource,
    settings: &Settings,
    catalog: &Catalog,
    time_zone: &TimeZone,
) -> Result<RuleSet, Problems> {
    let mut problems = Problems::default();
    let apps: BTreeSet<String> = settings.apps.keys().map(ToString::to_string).collect();
    let around = Surroundings {
        apps: &apps,
        catalog,
        policies: &settings.policies(),
        time_zone: time_zone.clone(),
    };
    RuleSet::compile(&mut problems, &[source], &around).ok_or(problems)
}

/// Writes a file that must not be there yet, and the folders above it.
pub(in crate::cli) fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            anyhow::bail!("{shown} is there already: nothing was changed")
        }
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be written")),
    };
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.with_context(|| format!("{shown} cannot be written whole: take it away"))
}

fn tell(proposal: &Proposal, path: &Path) {
    let list = |confidence, head: &str| {
        let mut guesses = proposal.guesses_that_are(confidence).peekable();
        if guesses.peek().is_some() {
            say(format_args!("\n{head}"));
        }
        for guess in guesses {
            say(format_args!("  {}: {}", named(guess), guess.why));
        }
    };
    list(Confidence::Doubtful, "to be looked at:");
    list(
        Confidence::Open,
        "still to be written, where it says TODO; until then `wx-courier check` fails, and a running service keeps the rules that it has:",
    );
    say(format_args!(
        "\nnext: look at {}, then `wx-courier check`",
        path.display()
    ));
}

/// `amount3 (金额)`.
fn named(guess: &Guess) -> String {
    let name = guess.key.strip_prefix("params.").unwrap_or(&guess.key);
    match &guess.label {
        Some(label) => format!("{name} ({label})"),
        None => name.to_owned(),
    }
}
