//! `wx-courier explain ID`: what became of an event and its messages, in one place. The state store is asked first; Kafka is read for what it
//! does not know.

mod asking;
mod reading;
mod report;
mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::when::When;
use super::{Exit, Format, block_on, complain, complain_of, now_ms, say_json, sources};
use crate::config::{NeededSecrets, Settings, load_with};
use asking::Store;
use reading::{Read, Search, read};
use report::{Report, Source};
use wx_courier_core::document::{Problem, Problems, Severity};
use wx_courier_core::explanation::{Context, EventTold, Heard, Inquiry, Lying, Nothing, Sought};
use wx_courier_core::rules::RuleSet;

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

/// The settings and the rules, as they are on disk.
#[derive(Clone)]
struct Configuration {
    settings: Arc<Settings>,
    /// None where those on disk cannot be used.
    rules: Option<Arc<RuleSet>>,
    /// The apps whose callbacks bring receipts.
    receipts: BTreeSet<Arc<str>>,
    /// Why there are no rules, in a sentence.
    unusable: Option<String>,
    now_ms: i64,
}

impl Configuration {
    fn context(&self) -> Context<'_> {
        Context {
            decoding: &self.settings.events,
            rules: self.rules.as_deref(),
            style: self.settings.outcomes.recipient,
            receipts: &self.receipts,
            now_ms: self.now_ms,
        }
    }
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    // Neither the rules' tests are run nor secrets wanted: a person waits for the answer.
    let loaded = load_with(&sources(folder, Vec::new()), NeededSecrets::OfKafka);
    // A rule that is left out of the set might be the one that wants the event.
    let first_error = first_error(&loaded.problems);
    let rules = loaded.rules.filter(|_| first_error.is_none());
    let Some(settings) = loaded.settings else {
        complain_of(&loaded.problems);
        complain("the configuration cannot be used; `wx-courier check` tells the whole story");
        return Ok(Exit::BadConfiguration);
    };
    let now_ms = now_ms();
    let callbacks = settings
        .public
        .iter()
        .flat_map(|public| public.callbacks.keys());
    let configuration = Configuration {
        receipts: callbacks.cloned().collect(),
        settings: Arc::new(settings),
        unusable: rules.is_none().then(|| unusable(first_error)),
        rules,
        now_ms,
    };
    block_on(explain(configuration, arguments))
}

fn first_error(problems: &Problems) -> Option<&Problem> {
    let mut problems = problems.iter();
    problems.find(|problem| problem.severity == Severity::Error)
}

fn unusable(first_error: Option<&Problem>) -> String {
    let why = first_error.map(|problem| format!(": {problem}"));
    format!(
        "the rules on disk cannot be used, so which rules want an event and what they make of it now is not told; `wx-courier check` tells the whole story{}",
        why.unwrap_or_default()
    )
}

async fn explain(configuration: Configuration, arguments: &Arguments) -> anyhow::Result<Exit> {
    let settings = &configuration.settings;
    let sought = Arc::new(Sought::new(&arguments.id, &settings.events));
    let mut store = Store::open(settings, arguments.at.as_deref()).await;
    let mut heard = Heard::default();
    let mut read_so_far = Vec::new();
    let known = store.look_for(&sought, configuration.now_ms).await;
    read_so_far.push(store.source(&known));
    for looked in &known {
        if let Some(outcome) = looked.outcome.row() {
            heard.add_kept(outcome.as_ref().clone());
        }
    }
    if arguments.format == Format::Text {
        table::print_known(&known);
    }
    let search = Search {
        since_ms: arguments.since.unix_ms(configuration.now_ms),
        places: asking::places(&sought, &known, &settings.kafka.topics),
        is_answered: asking::is_answered(&known),
    };
    let Some(found) = read(configuration.clone(), Arc::clone(&sought), search, heard).await? else {
        complain("stopped: what was read so far is not told");
        store.close().await?;
        return Ok(Exit::No);
    };
    read_so_far.extend(found.sources.iter().cloned());
    let report = tell(&configuration, &sought, &mut store, found, read_so_far).await;
    store.close().await?;
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

/// Asks the store about every record, and tells all.
async fn tell(
    configuration: &Configuration,
    sought: &Sought,
    store: &mut Store,
    found: Read,
    read: Vec<Source>,
) -> Report {
    let context = configuration.context();
    let heard = &found.heard;
    let inquiries = heard.records();
    let inquiries: Vec<Inquiry> = inquiries
        .map(|(place, lying)| Inquiry::of(context, place, lying, heard))
        .collect();
    let answers = store.answers(context, &inquiries).await;
    let events = inquiries.iter().map(|inquiry| {
        let committed = found.committed(inquiry.place());
        inquiry.tell(context, &answers.facts(heard, committed))
    });
    let mut notes = store.notes();
    notes.extend(configuration.unusable.clone());
    notes.extend(found.absent.iter().filter_map(|(_, lying)| match lying {
        Lying::NotThere(why) => Some(why.clone()),
        Lying::Here(_) | Lying::Gone | Lying::NotRead => None,
    }));
    if heard.n_left_out() > 0 {
        notes.push(format!(
            "{} more were found: this key names no one thing",
            heard.n_left_out()
        ));
    }
    let events: Vec<EventTold> = events.collect();
    let nothing = events
        .is_empty()
        .then(|| Nothing::of(found.reading, &found.absent));
    if nothing.is_some() && sought.is_like_a_user() {
        notes.push(
            "this looks like an openid: users are not searched; docs/support.md says how their outcomes are found"
                .to_owned(),
        );
    }
    Report {
        sought: sought.text().to_owned(),
        nothing,
        events,
        read,
        notes,
    }
}
