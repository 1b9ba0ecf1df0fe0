//! Publishes errands at their pace, until all are done or the user says stop.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::journal::Journal;
use super::pace::Pace;
use crate::cli::asked_to_end;
use crate::cli::progress::Progress;
use crate::config::Kafka;
use crate::edges::kafka::producer::republish::{Delivery, Republisher};
use crate::edges::kafka::producer::{PublishError, mode};
use crate::edges::kafka::scan::{ScanError, Scanner};
use crate::edges::kafka::trouble::Ear;
use wx_courier_core::event::RunId;
use wx_courier_core::model::Record;
use wx_courier_core::replay::{Errand, Place};

/// What is to be published.
pub(super) struct Work {
    pub(super) kafka: Kafka,
    pub(super) run: RunId,
    pub(super) errands: Arc<[Errand]>,
    /// Errands, from the first, that are done already.
    pub(super) done: usize,
    /// Records a second.
    pub(super) rate: u32,
}

/// What became of it.
pub(super) struct Published {
    /// Errands, from the first, that are done, those of earlier runs included.
    pub(super) done: usize,
    /// Records that the broker acknowledged in this run.
    pub(super) acknowledged: usize,
    /// Records that were not there any more when their turn came.
    pub(super) gone: usize,
    /// Records that their topic does not accept any more, for their size.
    pub(super) too_large: usize,
    /// Why it ended before its end.
    pub(super) stopped: Option<Stopped>,
}

/// Why a run ended before its end.
pub(super) enum Stopped {
    /// The user asked for it.
    Asked,
    /// Something went wrong.
    Failed(String),
}

/// Records read ahead of their turn.
const READ_AHEAD: usize = 16;

/// Records handed to the producer that the broker has not acknowledged. More would only wait in another place.
const UNDER_WAY: usize = 500;

/// How long acknowledgements are waited for after the last record.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// How often the state file and the person are told.
const TELL: Duration = Duration::from_secs(1);

/// Which errands are done: all up to one, and some beyond, since acknowledgements of different partitions overtake each other.
struct Tally {
    done: usize,
    beyond: BTreeSet<usize>,
    under_way: usize,
    acknowledged: usize,
    gone: usize,
    too_large: usize,
    stopped: Option<Stopped>,
}

impl Tally {
    fn is_done(&mut self, number: usize) {
        self.beyond.insert(number);
        while self.beyond.remove(&self.done) {
            self.done += 1;
        }
    }

    fn answered(&mut self, delivery: Delivery) {
        self.under_way -= 1;
        match delivery.result {
            Ok(()) => {
                self.acknowledged += 1;
                self.is_done(delivery.number);
            }
            // No patience mends this, and the records behind it must not wait for it.
            Err(PublishError::TooLarge) => {
                self.too_large += 1;
                self.is_done(delivery.number);
            }
            Err(error) => {
                self.stopped = Some(Stopped::Failed(error.to_string()));
            }
        }
    }
}

/// Publishes until the end, or until the process is asked to end; what is under way is waited for either way.
pub(super) async fn publish(work: &Work, journal: &mut Journal) -> anyhow::Result<Published> {
    let (answer, mut answers) = mpsc::unbounded_channel();
    let partitions = partitions(work).await?;
    let producer = mode::chosen(&work.kafka, Ear::Command).await?;
    let republisher = Republisher::new(&work.kafka, producer.mode, partitions, answer)?;
    let (mut records, reading) = read(work);
    let mut tally = Tally {
        done: work.done,
        beyond: BTreeSet::new(),
        under_way: 0,
        acknowledged: 0,
        gone: 0,
        too_large: 0,
        stopped: None,
    };
    let mut pace = Pace::new(work.rate);
    let mut progress = Progress::new();
    let mut tell = tokio::time::interval(TELL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = std::pin::pin!(asked_to_end());
    let mut next: Option<(usize, Record)> = None;
    let mut is_read = false;
    while tally.stopped.is_none() && !(is_read && next.is_none()) {
        tokio::select! {
            biased;
            ended = &mut asked => {
                ended?;
                tally.stopped = Some(Stopped::Asked);
            }
            Some(delivery) = answers.recv() => tally.answered(delivery),
            _ = tell.tick() => {
                journal.note(tally.done)?;
                progress.show_of("records republished", u64::try_from(tally.done)?, u64::try_from(work.errands.len())?);
            }
            found = records.recv(), if next.is_none() => match found {
                None => is_read = true,
                Some((number, Some(record))) => next = Some((number, record)),
                Some((number, None)) => {
                    tally.gone += 1;
                    tally.is_done(number);
                }
            },
            () = tokio::time::sleep_until(pace.due()), if next.is_some() && tally.under_way < UNDER_WAY => {
                if let Some((number, record)) = next.take() {
                    republisher.publish(number, &record);
                    tally.under_way += 1;
                    pace.went(Instant::now());
                }
            }
        }
    }
    drop(records);
    finish(&mut tally, &mut answers).await;
    progress.end();
    journal.note(tally.done)?;
    // A reader that failed has ended like one that was through.
    if is_read && let Err(error) = reading.await? {
        tally.stopped = Some(Stopped::Failed(format!("{error:#}")));
    }
    Ok(Published {
        done: tally.done,
        acknowledged: tally.acknowledged,
        gone: tally.gone,
        too_large: tally.too_large,
        stopped: tally.stopped,
    })
}

/// Waits for what is under way.
async fn finish(tally: &mut Tally, answers: &mut mpsc::UnboundedReceiver<Delivery>) {
    let limit = Instant::now() + LAST_WORDS;
    while tally.under_way > 0 {
        let Ok(Some(delivery)) = tokio::time::timeout_at(limit, answers.recv()).await else {
            let why = format!(
                "{} records were not acknowledged within {} s",
                tally.under_way,
                LAST_WORDS.as_secs()
            );
            tally.stopped = Some(Stopped::Failed(why));
            return;
        };
        tally.answered(delivery);
    }
}

/// How many partitions each topic has today.
async fn partitions(work: &Work) -> anyhow::Result<BTreeMap<Arc<str>, i32>> {
    let kafka = work.kafka.clone();
    let errands = Arc::clone(&work.errands);
    let ask = move || -> anyhow::Result<_> {
        let scanner = Scanner::new(&kafka)?;
        let topics: BTreeSet<&Arc<str>> = errands.iter().map(|errand| &errand.of.topic).collect();
        let mut partitions = BTreeMap::new();
        for topic in topics {
            partitions.insert(Arc::clone(topic), scanner.partitions(topic)?);
        }
        Ok(partitions)
    };
    tokio::task::spawn_blocking(ask).await?
}

/// An errand's number and its record; none if it is not there any more.
type Found = (usize, Option<Record>);

/// Reads the records in their order, on a thread of its own; it ends when they are not taken any more.
fn read(work: &Work) -> (mpsc::Receiver<Found>, JoinHandle<anyhow::Result<()>>) {
    let (found, records) = mpsc::channel(READ_AHEAD);
    let (kafka, run, done) = (work.kafka.clone(), work.run.clone(), work.done);
    let errands = Arc::clone(&work.errands);
    let read = move || -> anyhow::Result<()> {
        let left = errands.get(done..).unwrap_or_default();
        let places: Vec<Place> = left.iter().map(|errand| errand.read_at.clone()).collect();
        let read: Result<(), ScanError> =
            Scanner::new(&kafka)?.read_these(&places, |index, record| {
                let errand = left.get(index);
                let record = record.and_then(|record| errand?.prepare(record, &run));
                match found.blocking_send((done + index, record)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
        read.context("the records to be published cannot be read")
    };
    (records, tokio::task::spawn_blocking(read))
}
