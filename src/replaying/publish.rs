//! Publishes errands at their pace, until all are done or it is to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::journal::Journal;
use super::pace::Pace;
use super::run::{RunState, Teller};
use crate::config::Kafka;
use crate::edges::kafka::producer::republish::{Delivery, Republisher};
use crate::edges::kafka::producer::{PublishError, mode};
use crate::edges::kafka::scan::{Limit, ScanError, Scanner};
use crate::edges::kafka::trouble::Ear;
use wx_courier_core::event::RunId;
use wx_courier_core::model::Record;
use wx_courier_core::replay::{Errand, Place};

/// What is to be published.
#[derive(Clone, Debug)]
pub struct Work {
    /// Where.
    pub kafka: Kafka,
    /// Names the run.
    pub run: RunId,
    /// What.
    pub errands: Arc<[Errand]>,
    /// Errands, from the first, that are done already.
    pub done: usize,
    /// Records a second.
    pub rate: u32,
}

impl Work {
    /// How many records are still to be published.
    pub fn left(&self) -> usize {
        self.errands.len().saturating_sub(self.done)
    }

    /// The topics to which they go, by their names.
    pub fn topics(&self) -> Vec<&str> {
        let topics = self.errands.iter().map(|errand| &*errand.of.topic);
        let topics: BTreeSet<&str> = topics.collect();
        topics.into_iter().collect()
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Errands, from the first, that are done, those of earlier runs included.
    pub done: usize,
    /// Records that the broker acknowledged in this run.
    pub acknowledged: usize,
    /// Records that were not there any more when their turn came.
    pub gone: usize,
    /// Records that their topic does not accept any more, for their size.
    pub too_large: usize,
    /// Why it ended before its end.
    pub stopped: Option<Stopped>,
}

/// Why a run ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was asked to.
    Asked,
    /// Something went wrong.
    Failed(String),
}

/// Whether a run is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    GoOn,
    Stop,
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

    fn published(&self) -> Published {
        Published {
            done: self.done,
            acknowledged: self.acknowledged,
            gone: self.gone,
            too_large: self.too_large,
            stopped: self.stopped.clone(),
        }
    }
}

/// Publishes until the end, or until it is to stop; what is under way is waited for either way.
pub(super) async fn publish(
    work: &Work,
    mut journal: Journal,
    wish: watch::Receiver<Wish>,
    teller: &Teller,
) -> anyhow::Result<(Published, Journal)> {
    let (answer, mut answers) = mpsc::unbounded_channel();
    let partitions = partitions(work).await?;
    let producer = mode::chosen(&work.kafka, Ear::Command).await?;
    let republisher = Republisher::new(&work.kafka, producer.mode, partitions, answer)?;
    let limit = Limit::default();
    let (mut records, reading) = read(work, limit.clone());
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
    let mut tell = tokio::time::interval(TELL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = std::pin::pin!(asked_to_stop(wish));
    let mut next: Option<(usize, Record)> = None;
    let mut is_read = false;
    while tally.stopped.is_none() && !(is_read && next.is_none()) {
        tokio::select! {
            biased;
            () = &mut asked => tally.stopped = Some(Stopped::Asked),
            Some(delivery) = answers.recv() => tally.answered(delivery),
            _ = tell.tick() => {
                journal = note(journal, tally.done).await?;
                teller.tell(&tally.published(), RunState::Running);
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
    limit.end();
    teller.tell(&tally.published(), RunState::Ending);
    finish(&mut tally, &mut answers).await;
    journal = note(journal, tally.done).await?;
    // A reader that failed has ended like one that was through.
    if is_read && let Err(error) = reading.await? {
        tally.stopped = Some(Stopped::Failed(format!("{error:#}")));
    }
    Ok((tally.published(), journal))
}

/// Ends when it is to stop. A run that has no owner any more is to stop as well: its file says how far it came.
async fn asked_to_stop(mut wish: watch::Receiver<Wish>) {
    let _said_or_gone = wish.wait_for(|wish| *wish == Wish::Stop).await.is_ok();
}

/// The disk may be slow, and other tasks have other things to do.
async fn note(mut journal: Journal, done: usize) -> anyhow::Result<Journal> {
    let noted = tokio::task::spawn_blocking(move || journal.note(done).map(|()| journal));
    noted.await?
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
fn read(work: &Work, limit: Limit) -> (mpsc::Receiver<Found>, JoinHandle<anyhow::Result<()>>) {
    let (found, records) = mpsc::channel(READ_AHEAD);
    let (kafka, run, done) = (work.kafka.clone(), work.run.clone(), work.done);
    let errands = Arc::clone(&work.errands);
    let read = move || -> anyhow::Result<()> {
        let left = errands.get(done..).unwrap_or_default();
        let places: Vec<Place> = left.iter().map(|errand| errand.read_at.clone()).collect();
        let scanner = Scanner::new(&kafka)?.within(limit);
        let read: Result<(), ScanError> = scanner.read_these(&places, |index, record| {
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
