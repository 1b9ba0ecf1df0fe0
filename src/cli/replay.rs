//! `wx-courier replay`: dead letters or outcomes back onto their source topics. It counts first, asks, and goes at a limited pace.

mod arguments;
mod report;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use super::progress::{self, Progress};
use super::{
    Configuration, Exit, Format, ask, asked_to_end, block_on, complain, configuration, now_ms,
    say_json, sources,
};
use crate::edges::kafka::scan::HowFar;
use crate::replaying::{
    self, Bounds, Found, Journal, Published, Run, RunFailed, Search, SurveyError, Work, place_in,
};
pub(super) use arguments::Arguments;
use arguments::From;
use report::{Numbers, Report, plural};
use wx_courier_core::document::known_instead;
use wx_courier_core::event::RunId;
use wx_courier_core::model::outcome::Status;
use wx_courier_core::replay::{Errand, Judged, Selection, Sending};

/// Where the state file is unless another place is said: where the file of `[state]` is by default, so that a container whose root
/// is read-only needs one writable folder.
const FOLDER: &str = "data";

pub(super) fn run(folder: PathBuf, arguments: Arguments) -> anyhow::Result<Exit> {
    match configuration(&sources(folder, Vec::new())) {
        Ok(configuration) => block_on(replay(configuration, arguments)),
        Err(exit) => Ok(exit),
    }
}

async fn replay(configuration: Configuration, arguments: Arguments) -> anyhow::Result<Exit> {
    let said = Said {
        rate: arguments.rate,
        yes: arguments.yes,
        format: arguments.format,
    };
    let mut report = Report::default();
    if let Some(path) = &arguments.resume {
        let (journal, Found { run, errands, done }) = Journal::open(path)?;
        let run = RunId::parse(&run).context("the state file names no run")?;
        let told = format!(
            "run {run}: {done} of {} done",
            plural(errands.len() as u64, "record")
        );
        complain(told);
        let work = work(&configuration, &said, run, errands, done);
        return go(&said, work, |_| Ok(journal), report).await;
    }
    let Arguments {
        from,
        wanted,
        again,
        dry_run,
        state,
        ..
    } = arguments;
    let now_ms = now_ms();
    let selection = wanted.selection(now_ms);
    let statuses = selection.statuses.clone();
    tell_of_unknown_rules(&configuration, &selection);
    let search = Search {
        from: from.pile(),
        selection,
        sending: if again { Sending::Again } else { Sending::Once },
        now_ms,
    };
    let Some(judged) = survey(&configuration, search).await? else {
        complain("stopped; nothing was republished");
        return Ok(Exit::No);
    };
    if said.format == Format::Text {
        report::print(&judged, from.pile().topic(&configuration.settings));
    }
    let has_letters = |status| matches!(status, Status::Invalid | Status::Failed);
    if from == From::DeadLetters && !statuses.iter().copied().all(has_letters) {
        complain(
            "dead letters are `invalid` or `failed`: look for the others with --from outcomes",
        );
    }
    report.count = Some(judged.count);
    report.first_still_invalid = judged.still_invalid;
    report.found = judged.found;
    if dry_run || judged.errands.is_empty() {
        tell(&said, &report)?;
        return Ok(Exit::Done);
    }
    let run = RunId::new(now_ms, fastrand::u32(..));
    let path = state.unwrap_or_else(|| place_in(Path::new(FOLDER), &run));
    let work = work(&configuration, &said, run, judged.errands, 0);
    let create = |work: &Work| Journal::create(&path, &work.run.to_string(), &work.errands);
    go(&said, work, create, report).await
}

/// A rule that is gone may have left messages, so the search goes on; a slip of the finger finds nothing.
fn tell_of_unknown_rules(configuration: &Configuration, selection: &Selection) {
    let rules = configuration.rules.rules().iter();
    let known: Vec<&str> = rules.map(|rule| rule.name.as_ref()).collect();
    let unknown = selection.rules.iter();
    for name in unknown.filter(|name| !known.contains(&name.as_str())) {
        let instead = known_instead(name, &known);
        complain(format_args!("no rule is called {name} now{instead}"));
    }
}

/// What was said on the command line that matters to the end.
struct Said {
    rate: u32,
    yes: bool,
    format: Format,
}

fn work(
    configuration: &Configuration,
    said: &Said,
    run: RunId,
    errands: Vec<Errand>,
    done: usize,
) -> Work {
    Work {
        kafka: configuration.settings.kafka.clone(),
        run,
        errands: errands.into(),
        done,
        rate: said.rate,
    }
}

/// Asks, publishes, tells.
async fn go(
    said: &Said,
    work: Work,
    journal: impl FnOnce(&Work) -> anyhow::Result<Journal>,
    mut report: Report,
) -> anyhow::Result<Exit> {
    if !said.yes && !is_wanted(&work).await? {
        tell(said, &report)?;
        return Ok(Exit::No);
    }
    let journal = journal(&work)?;
    let path = journal.path().to_owned();
    let (run, n_errands) = (work.run.to_string(), work.errands.len());
    let published = watched(Run::start(work, journal), &path).await?;
    let (state, exit) = match &published.stopped {
        None => (None, Exit::Done),
        Some(_) => (Some(path), Exit::No),
    };
    if said.format == Format::Text {
        report::print_published(&published, n_errands);
    }
    let shown = state.as_ref().map(|path| path.display().to_string());
    report.run = Some(run);
    report.published = Some(Numbers::of(&published, n_errands, shown));
    tell(said, &report)?;
    if let Some(path) = &state {
        complain(resume_hint(path));
    }
    Ok(exit)
}

/// Shows how far a run is, until it has ended. Where the process is asked to end, the run is asked to stop.
async fn watched(run: Run, path: &Path) -> anyhow::Result<Published> {
    let mut standing = run.standing();
    let mut line = Progress::new();
    let mut asked = pin!(asked_to_end());
    let mut is_asked = false;
    loop {
        tokio::select! {
            changed = standing.changed() => {
                let (done, of) = {
                    let now = standing.borrow_and_update();
                    if changed.is_err() || now.state.is_over() {
                        break;
                    }
                    (now.done, now.of)
                };
                line.show_of("records republished", u64::try_from(done)?, u64::try_from(of)?);
            }
            ended = &mut asked, if !is_asked => {
                ended.with_context(|| resume_hint(path))?;
                run.stop();
                is_asked = true;
            }
        }
    }
    line.end();
    run.end().await.map_err(|failed| match failed {
        RunFailed::Broken(error) => error.context(resume_hint(path)),
        RunFailed::Left(error) => error,
    })
}

fn resume_hint(path: &Path) -> String {
    format!("go on with `wx-courier replay --resume {}`", path.display())
}

/// The document, if it is wanted.
fn tell(said: &Said, report: &Report) -> anyhow::Result<()> {
    match said.format {
        Format::Json => say_json(report),
        Format::Text => Ok(()),
    }
}

/// Asks the user. Where no user sits at a terminal, the answer is no.
async fn is_wanted(work: &Work) -> anyhow::Result<bool> {
    let question = format!(
        "Republish {} to {} at {}/s? [y/N] ",
        plural(work.left() as u64, "record"),
        work.topics().join(", "),
        work.rate
    );
    let Some(line) = ask::line(question).await? else {
        complain("nothing was republished: say --yes where no user can be asked");
        return Ok(false);
    };
    let is_yes = ask::is_yes(&line);
    if !is_yes {
        complain("nothing was republished");
    }
    Ok(is_yes)
}

/// Reads everything and judges it; none if the process was asked to end before that.
async fn survey(configuration: &Configuration, search: Search) -> anyhow::Result<Option<Judged>> {
    let settings = Arc::clone(&configuration.settings);
    let rules = Arc::clone(&configuration.rules);
    let (told, heard) = watch::channel(HowFar::default());
    let judging = replaying::survey(settings, rules, search, Bounds::OF_A_COMMAND, &told);
    let judged = progress::shown("counting records", judging, heard).await?;
    judged.transpose().map_err(|error| match error {
        SurveyError::Failed(error) => error,
        other @ (SurveyError::Full(_) | SurveyError::TooMuch { .. } | SurveyError::Scan(_)) => {
            other.into()
        }
    })
}
