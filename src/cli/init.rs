//! `wx-courier init`: a first configuration that passes `check`, written into a folder that has none.

mod answers;
mod files;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::colour::{self, Stream};
use super::rules::write_new;
use super::{Exit, block_on, check_all_with, complain, say, sources};
use crate::config::NeededSecrets;
use answers::{Answers, Flags, Manner, SecretSource};
use files::{FirstFile, files, in_the_way};
use wx_courier_core::document::Severity;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder; the one of --config unless said
    folder: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    /// Ask nothing: what no flag says has its default. Where there is no terminal, nothing is asked either
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let folder = arguments.folder.clone().unwrap_or(folder);
    let is_asked = !arguments.yes && std::io::stdin().is_terminal();
    let manner = if is_asked {
        say(
            "A first configuration. Enter takes what stands in brackets; every answer can be changed later.",
        );
        Manner::Ask
    } else {
        Manner::Defaults
    };
    let Some(answers) = block_on(arguments.flags.complete(manner))? else {
        complain("nothing was written");
        return Ok(Exit::No);
    };
    let files = files(&answers);
    let there = in_the_way(&folder, &files);
    if !there.is_empty() {
        for path in &there {
            complain(format_args!(
                "{} {} is there already",
                colour::error(),
                path.display()
            ));
        }
        complain("nothing was changed: name another folder, or take away what is there");
        return Ok(Exit::No);
    }
    if let Some(problems) = faults(&folder, &files)? {
        complain(problems);
        complain("nothing was written: no configuration can be made of these answers");
        return Ok(Exit::No);
    }
    for file in &files {
        let path = folder.join(&file.place);
        write_new(&path, &file.text)?;
        say(format_args!("{} is written", path.display()));
    }
    tell_next_steps(&folder, &answers);
    Ok(Exit::Done)
}

/// What `check` would say against the files, once they were there; none if it is no error.
fn faults(folder: &Path, files: &[FirstFile]) -> anyhow::Result<Option<String>> {
    let trial = tempfile::tempdir().context("a folder for a trial cannot be made")?;
    fs::create_dir(trial.path().join("rules"))?;
    for file in files {
        fs::write(trial.path().join(&file.place), &file.text)?;
    }
    let checked = check_all_with(
        &sources(trial.path().to_owned(), Vec::new()),
        NeededSecrets::None,
    );
    let all = checked.loaded.problems.iter();
    let errors = all.filter(|problem| problem.severity == Severity::Error);
    let told: Vec<String> = errors
        .map(|problem| colour::problem(problem, Stream::Errors))
        .collect();
    let there = trial.path().display().to_string();
    let here = folder.display().to_string();
    Ok((!told.is_empty()).then(|| told.join("\n").replace(&there, &here)))
}

fn tell_next_steps(folder: &Path, answers: &Answers) {
    let config = if folder == Path::new(super::DEFAULT_FOLDER) {
        String::new()
    } else {
        format!(" --config {}", folder.display())
    };
    say(
        "\nThe AppSecret is in no file of these, and belongs into no command line. For the sandbox any text will do:",
    );
    match &answers.secret {
        // In courier.toml, a relative path begins at the folder.
        SecretSource::File(path) => say(format_args!(
            "  (umask 077; cat > {})    # paste it, then Enter and Ctrl-D",
            folder.join(path).display()
        )),
        SecretSource::Variable => {
            let variable = answers.secret_variable();
            say(format_args!(
                "  read -rs {variable} && export {variable}    # paste it, then Enter; it is not shown"
            ));
        }
    }
    say("\nnext:");
    say(format_args!("  wx-courier check{config}"));
    say(format_args!(
        "  wx-courier templates pull{config}    # once base_url is taken out and the appid is yours: your templates, in place of the example"
    ));
    say(format_args!(
        "  wx-courier demo{config}              # all of it in one process; or on your Kafka: topics create --sources, sandbox, run"
    ));
}
