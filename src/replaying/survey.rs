//! What a selection takes, read and judged.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::config::Settings;
use crate::edges::kafka::scan::{Counter, HowFar, Limit, ScanError, Scanner, on_a_thread};
use wx_courier_core::model::Record;
use wx_courier_core::replay::{Context, Full, Judged, Place, Selection, Sending, Survey};
use wx_courier_core::rules::RuleSet;

/// Kafka finds a time by the clocks of producers or brokers, which may not be that of the process that settled the outcome.
const CLOCKS_DIFFER_MS: i64 = 10 * 60 * 1000;

/// Where messages are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pile {
    /// What is `invalid` or `failed`.
    DeadLetters,
    /// All that has an outcome; the originals are read on their source topics.
    Outcomes,
}

impl Pile {
    /// The topic that is searched.
    pub fn topic(self, settings: &Settings) -> &str {
        match self {
            Self::DeadLetters => &settings.dead_letter_topic,
            Self::Outcomes => &settings.outcomes.topic,
        }
    }
}

/// What is searched for, and where.
#[derive(Clone, Debug)]
pub struct Search {
    /// Where.
    pub from: Pile,
    /// Which messages are meant.
    pub selection: Selection,
    /// Whether what was sent is sent once more.
    pub sending: Sending,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// What a survey may cost. Half a survey says nothing of what was sent: one that would cost more ends in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages that are remembered, at half a kilobyte each.
    pub messages: usize,
    /// Records that are read.
    pub records: u64,
    /// How long it may take.
    pub time: Option<Duration>,
}

impl Bounds {
    /// For a person who can end it. At fifty messages a second these are more than five hours' work.
    pub const OF_A_COMMAND: Self = Self {
        messages: 1_000_000,
        records: u64::MAX,
        time: None,
    };

    /// For a server that has other things to do: 25 MB.
    pub const OF_A_SERVER: Self = Self {
        messages: 50_000,
        records: 20_000_000,
        time: Some(Duration::from_mins(10)),
    };
}

/// Why there is no judgement.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// More messages are selected than may be remembered.
    #[error(transparent)]
    Full(#[from] Full),
    /// More records would have to be read than may be.
    #[error(
        "{records} records would have to be read to count these messages, and no more than {most} may be: `wx-courier replay` has no such bound"
    )]
    TooMuch {
        /// How many.
        records: u64,
        /// How many may be.
        most: u64,
    },
    /// A topic was not read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// No client of Kafka could be made, or a fault of ours.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// Reads everything and judges it, and tells how far it is. If this is dropped, the reading ends.
pub async fn survey(
    settings: Arc<Settings>,
    rules: Arc<RuleSet>,
    search: Search,
    bounds: Bounds,
    told: &watch::Sender<HowFar>,
) -> Result<Judged, SurveyError> {
    survey_in_turn((settings, rules), search, bounds, told, None).await
}

/// The same, with a turn that is given back when the reading has ended, whether or not it is waited for.
pub(super) async fn survey_in_turn(
    (settings, rules): (Arc<Settings>, Arc<RuleSet>),
    search: Search,
    bounds: Bounds,
    told: &watch::Sender<HowFar>,
    turn: Option<OwnedSemaphorePermit>,
) -> Result<Judged, SurveyError> {
    let limit = Limit::until(bounds.time.map(|time| Instant::now() + time));
    let reading = on_a_thread(limit, told, move |counter, limit| {
        let _turn = turn;
        let scanner = Scanner::new(&settings.kafka).map_err(SurveyError::Failed)?;
        Reader {
            scanner: scanner.within(limit),
            settings: &settings,
            rules: &rules,
            search: &search,
            bounds,
            counter,
        }
        .judge()
    });
    let judged = reading.await;
    judged.map_err(|error| SurveyError::Failed(error.into()))?
}

struct Reader<'a> {
    scanner: Scanner,
    settings: &'a Settings,
    rules: &'a RuleSet,
    search: &'a Search,
    bounds: Bounds,
    counter: &'a Counter,
}

impl Reader<'_> {
    /// Blocks.
    fn judge(&self) -> Result<Judged, SurveyError> {
        let context = Context {
            decoding: &self.settings.events,
            rules: self.rules,
            topics: &self.settings.kafka.topics,
            now_ms: self.search.now_ms,
        };
        let Search {
            selection, sending, ..
        } = self.search;
        let mut survey = Survey::new(context, selection, *sending, self.bounds.messages);
        let searched = self.search.from.topic(self.settings);
        let since = selection.since_ms;
        let since = since.map(|since| since.saturating_sub(CLOCKS_DIFFER_MS));
        let searched = self.scanner.extent(searched, since)?;
        let outcomes = &self.settings.outcomes.topic;
        let n_outcomes = self.scanner.extent(outcomes, None)?.n_records();
        let n_records = searched.n_records() + n_outcomes;
        self.counter.more_to_come(n_records);
        if n_records > self.bounds.records {
            return Err(SurveyError::TooMuch {
                records: n_records,
                most: self.bounds.records,
            });
        }
        let mut heard = Ok(());
        self.scanner.read(&searched, |record| {
            self.counter.one_more();
            heard = self.hear(&mut survey, record);
            match heard {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        heard?;
        self.see(&mut survey)?;
        survey.ask_about_past();
        self.scanner.read_all(outcomes, None, |record| {
            self.counter.one_more();
            survey.hear_past(&record);
            ControlFlow::Continue(())
        })?;
        Ok(survey.judge())
    }

    fn hear(&self, survey: &mut Survey<'_>, record: Record) -> Result<(), Full> {
        match self.search.from {
            Pile::DeadLetters => survey.hear_letter(record),
            Pile::Outcomes => survey.hear_outcome(&record),
        }
    }

    /// Looks at the original records that no letter repeats.
    fn see(&self, survey: &mut Survey<'_>) -> Result<(), ScanError> {
        let unread: Vec<Place> = survey.unread();
        self.counter
            .more_to_come(u64::try_from(unread.len()).unwrap_or(u64::MAX));
        self.scanner.read_these(&unread, |_, record| {
            self.counter.one_more();
            if let Some(record) = record {
                survey.see(&record);
            }
            ControlFlow::Continue(())
        })
    }
}
