//! What became of an event, found out and told: the state store is asked first, by a running instance or itself, and Kafka is read for what it does
//! not know.
//!
//! For `wx-courier explain`, and for a server that is asked again and again: nothing is printed, no signal is heard, and a question whose asker has
//! gone ends by itself. What a question may cost is bounded where [`Bounds`] say so.

mod asking;
mod reading;
mod report;

pub use report::{Kind, Report, Source};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::config::{Loaded, Settings};
use crate::edges::kafka::scan::{HowFar, Limit, on_a_thread};
use crate::edges::store_access::Way;
use asking::Store;
use reading::{Budget, Read, Search, read};
use wx_courier_core::document::Severity;
use wx_courier_core::explanation::{Context, EventTold, Heard, Inquiry, Lying, Nothing, Sought};
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::state::Looked;

/// So many questions of one explainer read topics at once. Each has a client of Kafka of its own, with threads and buffers.
const READERS: usize = 2;

/// The settings and the rules, as they are on disk.
#[derive(Clone, Debug)]
pub struct Configuration {
    settings: Arc<Settings>,
    /// None where those on disk cannot be used.
    rules: Option<Arc<RuleSet>>,
    /// The apps whose callbacks bring receipts.
    receipts: BTreeSet<Arc<str>>,
    /// Why there are no rules, in a sentence.
    unusable: Option<String>,
}

impl Configuration {
    /// Of what was loaded; `None` where the settings cannot be used. Rules that cannot be used cost only what rules say.
    pub fn of(loaded: &Loaded) -> Option<Self> {
        let settings = loaded.settings.clone()?;
        let mut problems = loaded.problems.iter();
        let first_error = problems.find(|problem| problem.severity == Severity::Error);
        // A rule that is left out of the set might be the one that wants the event.
        let rules = loaded.rules.clone().filter(|_| first_error.is_none());
        let why = first_error.map(|problem| format!(": {problem}"));
        let unusable = format!(
            "the rules on disk cannot be used, so which rules want an event and what they make of it now is not told; `wx-courier check` tells the whole story{}",
            why.unwrap_or_default()
        );
        let callbacks = settings.public.iter();
        let callbacks = callbacks.flat_map(|public| public.callbacks.keys());
        Some(Self {
            receipts: callbacks.cloned().collect(),
            unusable: rules.is_none().then_some(unusable),
            rules,
            settings: Arc::new(settings),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn context(&self, now_ms: i64) -> Context<'_> {
        Context {
            decoding: &self.settings.events,
            rules: self.rules.as_deref(),
            style: self.settings.outcomes.recipient,
            receipts: &self.receipts,
            now_ms,
        }
    }
}

/// What one question may cost. What is found within them is told, and what was left out is told as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Records that are read of topics from a time on, of all topics together: the newest.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long topics are read, with the wait for a turn.
    pub reading: Option<Duration>,
    /// How long each round of questions to the store may take; there are five at most.
    pub asking: Option<Duration>,
}

impl Bounds {
    /// For a person who has said how far back it is read, and can end it.
    pub const NONE: Self = Self {
        records: u64::MAX,
        bytes: u64::MAX,
        reading: None,
        asking: None,
    };

    /// For a page that a person waits for.
    pub const OF_A_PAGE: Self = Self {
        records: 200_000,
        bytes: 256 << 20,
        reading: Some(Duration::from_secs(15)),
        asking: Some(Duration::from_secs(3)),
    };

    fn budget(self, begun: Instant) -> Budget {
        Budget {
            records: self.records,
            bytes: self.bytes,
            // What was found is read at its place after that.
            until: self.reading.map(|time| begun + time * 2 / 3),
        }
    }
}

/// How far it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Records are read whose places are known: of the id that is asked for, of the store's answer, or of the outcomes that the asker has. That takes
    /// a moment.
    Places,
    /// Topics are read for what is not known by then.
    Topics,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// An event's id, the id of an outcome, a message id, or a business key.
    pub id: String,
    /// From when on topics are read, in Unix milliseconds. A record whose place is known is read whatever its age.
    pub since_ms: i64,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
    /// Who knows the store.
    pub way: Way,
    /// How far it is looked.
    pub depth: Depth,
    /// Outcomes about it that the asker has read on the outcome topic: where there are some, that topic is not read again.
    pub outcomes: Vec<Outcome>,
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum Unexplained {
    /// Others ask already.
    #[error("as many questions as may be are being answered: ask again in a moment")]
    Busy,
    /// No client of Kafka could be made, or a fault of ours.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// Answers questions. Copies share their turns.
#[derive(Clone, Debug)]
pub struct Explainer {
    configuration: Arc<Configuration>,
    bounds: Bounds,
    turns: Arc<Semaphore>,
}

impl Explainer {
    /// By this configuration, within these bounds.
    pub fn new(configuration: Configuration, bounds: Bounds) -> Self {
        Self {
            configuration: Arc::new(configuration),
            bounds,
            turns: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// The same by another configuration: rules were changed, for example.
    #[must_use]
    pub fn with(&self, configuration: Configuration) -> Self {
        Self {
            configuration: Arc::new(configuration),
            ..self.clone()
        }
    }

    /// Answers a question, and tells how far the reading is. If this is dropped, the reading ends.
    pub async fn explain(
        &self,
        question: Question,
        told: &watch::Sender<HowFar>,
    ) -> Result<Report, Unexplained> {
        let known = self.begin(question).await.ask().await;
        known.finish(told).await
    }

    /// The same step by step. The first: who is to be asked is found.
    pub async fn begin(&self, question: Question) -> Begun {
        let settings = &self.configuration.settings;
        let store = Store::open(settings, &question.way, self.bounds.asking).await;
        Begun {
            sought: Arc::new(Sought::new(&question.id, &settings.events)),
            explainer: self.clone(),
            question,
            store,
        }
    }
}

/// A question, and who is asked.
pub struct Begun {
    explainer: Explainer,
    question: Question,
    sought: Arc<Sought>,
    store: Store,
}

impl Begun {
    /// What a person may want to know of it at once: that no instance answers, and the store is asked itself.
    pub fn note(&self) -> Option<&str> {
        self.store.note()
    }

    /// The second step: what the store knows at once.
    pub async fn ask(mut self) -> Known {
        let known = self.store.look_for(&self.sought, self.question.now_ms);
        Known {
            known: known.await,
            begun: self,
        }
    }
}

/// A question, and what the store knows of it.
pub struct Known {
    begun: Begun,
    known: Vec<Looked>,
}

impl Known {
    /// What the store knows under this very id.
    pub fn rows(&self) -> &[Looked] {
        &self.known
    }

    /// The last step: Kafka is read for the rest, the store is asked about every record that was found, and all is told. If this is dropped, the
    /// reading ends.
    pub async fn finish(self, told: &watch::Sender<HowFar>) -> Result<Report, Unexplained> {
        let Self { begun, known } = self;
        let Begun {
            explainer,
            question,
            sought,
            mut store,
        } = begun;
        let Explainer {
            configuration,
            bounds,
            turns,
        } = explainer;
        let began = Instant::now();
        let until = bounds.reading.map(|time| began + time);
        let budget = bounds.budget(began);
        let (search, heard) = search(&configuration, &question, (&sought, &known), budget);
        let mut sources = vec![store.source(&known)];
        let turn = turn(turns, until).await?;
        let (reads_by, reads_for) = (Arc::clone(&configuration), Arc::clone(&sought));
        let reading = on_a_thread(Limit::until(until), told, move |counter, limit| {
            // Until the thread has ended, whether or not the answer is waited for.
            let _turn = turn;
            read(&reads_by, &reads_for, counter, limit, (&search, heard))
        });
        let read = reading.await.map_err(anyhow::Error::new);
        let found = read.flatten().map_err(Unexplained::Failed)?;
        sources.extend(found.sources.iter().cloned());
        let told = tell(
            (&configuration, question.now_ms),
            &sought,
            &mut store,
            found,
        );
        let report = Report {
            read: sources,
            ..told.await
        };
        store.close().await.map_err(Unexplained::Failed)?;
        Ok(report)
    }
}

/// A turn to read, if there is one by then.
async fn turn(
    turns: Arc<Semaphore>,
    until: Option<Instant>,
) -> Result<OwnedSemaphorePermit, Unexplained> {
    let turn = turns.acquire_owned();
    let in_time = match until {
        Some(until) => tokio::time::timeout_at(until, turn).await,
        None => Ok(turn.await),
    };
    // Turns are never closed.
    in_time
        .map_err(|_late| Unexplained::Busy)?
        .map_err(|_closed| Unexplained::Busy)
}

/// What is to be read, and what is known before that.
fn search(
    configuration: &Configuration,
    question: &Question,
    (sought, known): (&Sought, &[Looked]),
    budget: Budget,
) -> (Search, Heard) {
    let mut heard = Heard::default();
    for outcome in known.iter().filter_map(|looked| looked.outcome.row()) {
        heard.add_kept(outcome.as_ref().clone());
    }
    for outcome in &question.outcomes {
        heard.add_read(outcome.clone());
    }
    let mut places = asking::places(sought, known, &configuration.settings.kafka.topics);
    places.extend(heard.unread());
    places.sort();
    places.dedup();
    let search = Search {
        since_ms: question.since_ms,
        places,
        is_answered: asking::is_answered(known) || !question.outcomes.is_empty(),
        depth: question.depth,
        budget,
    };
    (search, heard)
}

/// Asks the store about every record, and tells all but where it was looked for.
async fn tell(
    (configuration, now_ms): (&Configuration, i64),
    sought: &Sought,
    store: &mut Store,
    found: Read,
) -> Report {
    let context = configuration.context(now_ms);
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
        read: Vec::new(),
        notes,
    }
}

#[cfg(test)]
mod tests;
