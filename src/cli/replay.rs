//! `wx-courier replay`: dead letters or outcomes back onto their source topics. It counts first, asks, and goes at a limited pace.

mod arguments;
mod audit;
mod journal;
mod pace;
mod publish;
mod report;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use super::{
    Configuration, Exit, Format, ask, asked_to_end, block_on, complain, configuration, now_ms,
    say_json, sources,
};
use crate::cli::actor::Why;
use crate::cli::audit::Noted;
use crate::cli::progress::Progress;
use crate::config::Settings;
use crate::edges::kafka::scan::Scanner;
pub(super) use arguments::Arguments;
use arguments::From;
use journal::{Found, Journal};
use publish::{Published, Work, publish};
use report::{Numbers, Report, plural};
use wx_courier_core::document::known_instead;
use wx_courier_core::event::RunId;
use wx_courier_core::model::audit::Action;
use wx_courier_core::model::outcome::Status;
use wx_courier_core::replay::{Context, Errand, Judged, Selection, Sending, Survey};
use wx_courier_core::rules::RuleSet;

/// What one run can remember, at half a kilobyte each. At fifty a second this is more than five hours' work.
const MOST_MESSAGES: usize = 1_000_000;

/// Where the state file is unless another place is said: where the file of `[state]` is by default, so that a container whose root
/// is read-only needs one writable folder.
const FOLDER: &str = "data";

/// Kafka finds a time by the clocks of producers or brokers, which may not be that of the process that settled the outcome.
const CLOCKS_DIFFER_MS: i64 = 10 * 60 * 1000;

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
        why: arguments.why.clone(),
        settings: Arc::clone(&configuration.settings),
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
        let action = audit::of_resumed(&work);
        return go(&said, &work, action, || Ok(journal), report).await;
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
        from,
        selection,
        sending: if again { Sending::Again } else { Sending::Once },
        now_ms,
    };
    let chosen = (from, search.selection.clone(), search.sending);
    let Some(judged) = survey(&configuration, search).await? else {
        complain("stopped; nothing was republished");
        return Ok(Exit::No);
    };
    if said.format == Format::Text {
        report::print(&judged, from.topic(&configuration.settings));
    }
    let has_letters = |status| matches!(status, Status::Invalid | Status::Failed);
    if from == From::DeadLetters && !statuses.iter().copied().all(has_letters) {
        complain(
            "dead letters are `invalid` or `failed`: look for the others with --from outcomes",
        );
    }
    let count = judged.count.clone();
    report.count = Some(judged.count);
    report.first_still_invalid = judged.still_invalid;
    report.found = judged.found;
    if dry_run || judged.errands.is_empty() {
        tell(&said, &report)?;
        return Ok(Exit::Done);
    }
    let run = RunId::new(now_ms, fastrand::u32(..));
    let path = state.unwrap_or_else(|| Path::new(FOLDER).join(format!("replay-{run}.jsonl")));
    let work = work(&configuration, &said, run, judged.errands, 0);
    let (from, selection, sending) = chosen;
    let action = audit::of_selection((from, &selection, sending), &count, &work);
    let create = || Journal::create(&path, &work.run.to_string(), &work.errands);
    go(&said, &work, action, create, report).await
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
    why: Why,
    settings: Arc<Settings>,
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
    work: &Work,
    action: Action,
    journal: impl FnOnce() -> anyhow::Result<Journal>,
    mut report: Report,
) -> anyhow::Result<Exit> {
    if !said.yes && !is_wanted(work).await? {
        tell(said, &report)?;
        return Ok(Exit::No);
    }
    let why = said.why.words();
    let noted = Noted::begin(&said.settings, Action { why, ..action }).await?;
    let n_errands = work.errands.len();
    let carried_out = carry_out(work, journal).await;
    let came = carried_out.as_ref().map(|(_, published)| published);
    let (ended, detail, numbers) = audit::ending(came, n_errands);
    noted.end(ended, &detail, numbers).await;
    let (journal, published) = carried_out?;
    let Published { stopped, .. } = &published;
    let (state, exit) = match stopped {
        None => {
            journal.remove()?;
            (None, Exit::Done)
        }
        Some(_) => (Some(journal.path().to_owned()), Exit::No),
    };
    if said.format == Format::Text {
        report::print_published(&published, n_errands);
    }
    let shown = state.as_ref().map(|path| path.display().to_string());
    report.run = Some(work.run.to_string());
    report.published = Some(Numbers::of(&published, n_errands, shown));
    tell(said, &report)?;
    if let Some(path) = &state {
        complain(resume_hint(path));
    }
    Ok(exit)
}

/// Publishes, and notes in the state file how far it is.
async fn carry_out(
    work: &Work,
    journal: impl FnOnce() -> anyhow::Result<Journal>,
) -> anyhow::Result<(Journal, Published)> {
    let mut journal = journal()?;
    let published = publish(work, &mut journal).await;
    let published = published.with_context(|| resume_hint(journal.path()))?;
    Ok((journal, published))
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
    let topics: BTreeSet<&str> = work
        .errands
        .iter()
        .map(|errand| &*errand.of.topic)
        .collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let left = work.errands.len() - work.done;
    let question = format!(
        "Republish {} to {} at {}/s? [y/N] ",
        plural(left as u64, "record"),
        topics.join(", "),
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

/// What is searched for, and where.
struct Search {
    from: From,
    selection: Selection,
    sending: Sending,
    now_ms: i64,
}

/// Reads everything and judges it; none if the process was asked to end before that.
async fn survey(configuration: &Configuration, search: Search) -> anyhow::Result<Option<Judged>> {
    let count = Arc::new(Count::default());
    let counter = Arc::clone(&count);
    let settings = Arc::clone(&configuration.settings);
    let rules = Arc::clone(&configuration.rules);
    let mut reading =
        tokio::task::spawn_blocking(move || read_and_judge(&settings, &rules, &search, &counter));
    let mut asked = std::pin::pin!(asked_to_end());
    let mut progress = Progress::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            judged = &mut reading => {
                progress.end();
                return judged?.map(Some);
            }
            ended = &mut asked => {
                ended?;
                progress.end();
                return Ok(None);
            }
            _ = tick.tick() => {
                let (read, of) = (count.read.load(Ordering::Relaxed), count.of.load(Ordering::Relaxed));
                progress.show_of("counting records", read, of);
            }
        }
    }
}

/// How far the reading is.
#[derive(Default)]
struct Count {
    read: AtomicU64,
    /// About how many there are.
    of: AtomicU64,
}

/// Blocks.
fn read_and_judge(
    settings: &Settings,
    rules: &RuleSet,
    search: &Search,
    count: &Count,
) -> anyhow::Result<Judged> {
    let one_more = || count.read.fetch_add(1, Ordering::Relaxed);
    let more_to_come = |records: u64| count.of.fetch_add(records, Ordering::Relaxed);
    let context = Context {
        decoding: &settings.events,
        rules,
        topics: &settings.kafka.topics,
        now_ms: search.now_ms,
    };
    let mut survey = Survey::new(context, &search.selection, search.sending, MOST_MESSAGES);
    let scanner = Scanner::new(&settings.kafka)?;
    let since = search.selection.since_ms;
    let since = since.map(|since| since.saturating_sub(CLOCKS_DIFFER_MS));
    more_to_come(scanner.count(search.from.topic(settings), since)?);
    more_to_come(scanner.count(&settings.outcomes.topic, None)?);
    let mut heard = Ok(());
    scanner.read_all(search.from.topic(settings), since, |record| {
        one_more();
        heard = match search.from {
            From::DeadLetters => survey.hear_letter(record),
            From::Outcomes => survey.hear_outcome(&record),
        };
        match heard {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    heard?;
    let unread = survey.unread();
    more_to_come(u64::try_from(unread.len())?);
    scanner.read_these(&unread, |_, record| {
        one_more();
        if let Some(record) = record {
            survey.see(&record);
        }
        ControlFlow::Continue(())
    })?;
    survey.ask_about_past();
    scanner.read_all(&settings.outcomes.topic, None, |record| {
        one_more();
        survey.hear_past(&record);
        ControlFlow::Continue(())
    })?;
    Ok(survey.judge())
}
