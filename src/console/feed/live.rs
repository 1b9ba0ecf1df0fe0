//! The newest end of a topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::reading::read;
use super::{Carrying, Line};
use crate::console::history::LARGEST_BATCH;
use crate::console::history::arriving::{Arriving, Content, Way};
use crate::console::history::covered::Of;
use crate::edges::kafka::partitions::TopicError;
use crate::edges::kafka::scan::Scanner;
use crate::edges::kafka::tail::{Extent, Polled, Tail};
use wx_courier_core::model::Record;
use wx_courier_core::replay::Place;

/// How often it is looked which partitions there are, and where they end.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The same while something is wrong.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a poll waits where nothing comes.
const IDLE: Duration = Duration::from_millis(200);

/// How long the first record of a batch waits for others: a transaction for each would cost more than the records.
const LINGER: Duration = Duration::from_millis(100);

/// Where so much has come while nothing was read, the newest end is gone to at once; the rest is read backwards like all that is older.
const FAR_BEHIND: i64 = 20_000;

/// A partition that has appeared with no more than this is read from its beginning: all of it is news.
const ALL_NEW: i64 = 5_000;

/// The name under which troubles are told.
const OF: &str = "the newest end";

/// Whether there is a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    NotYet,
    There,
    /// It was looked for, and was not there.
    Missing,
}

pub(super) struct Live {
    line: Arc<Line>,
    tail: Tail,
    /// The next offset of each partition.
    positions: BTreeMap<i32, i64>,
    seen: Seen,
    look_at: Instant,
    /// When the log was last told of records that are not understood.
    told_at: Option<Instant>,
}

impl Live {
    pub(super) fn new(line: Arc<Line>) -> anyhow::Result<Self> {
        let tail = Tail::new(&line.kafka, &line.topic, line.troubles.ear())?;
        Ok(Self {
            line,
            tail,
            positions: BTreeMap::new(),
            seen: Seen::NotYet,
            look_at: Instant::now(),
            told_at: None,
        })
    }

    pub(super) fn run(mut self) {
        while !self.line.is_closing() {
            if self.look_at <= Instant::now() {
                self.look();
            }
            let batch = self.poll();
            if !batch.is_empty() {
                self.add(batch);
            }
            if self.line.troubles.want_watching() {
                self.line.troubles.tell();
            }
        }
    }

    /// Looks which partitions there are.
    fn look(&mut self) {
        let looked = self.tail.extents();
        let is_missing = matches!(looked, Err(TopicError::Missing { .. }));
        let done = looked
            .map_err(anyhow::Error::from)
            .and_then(|extents| self.take_in(&extents));
        let (wait, trouble) = match done {
            Ok(()) => (LOOK_EVERY, None),
            Err(error) => (LOOK_AGAIN, Some(format!("{error:#}"))),
        };
        self.look_at = Instant::now() + wait;
        if is_missing {
            self.seen = Seen::Missing;
            self.stop_following();
        }
        // A cluster without an audit topic is one of an earlier version, or one whose rights do not suffice to see it.
        let is_optional = is_missing && self.line.carrying == Carrying::Changes;
        self.line.trouble(OF, trouble.filter(|_| !is_optional));
    }

    fn stop_following(&mut self) {
        if !self.positions.is_empty() {
            self.positions.clear();
            self.line.move_live(None);
            if let Err(error) = self.tail.follow(&self.positions) {
                tracing::debug!(%error, "a topic that is gone is still followed");
            }
        }
    }

    /// Goes on with the partitions that are there now.
    fn take_in(&mut self, extents: &BTreeMap<i32, Extent>) -> anyhow::Result<()> {
        let new: Vec<i32> = extents
            .keys()
            .filter(|partition| !self.positions.contains_key(partition))
            .copied()
            .collect();
        let mut made_anew = self.not_as_they_were(&new, extents)?;
        let mut positions = BTreeMap::new();
        for (partition, Extent { low, end }) in extents {
            let position = match self.positions.get(partition) {
                Some(position) if position > end => {
                    made_anew.push(*partition);
                    begin(Seen::There, *low, *end)
                }
                Some(position) if end - position > FAR_BEHIND => *end,
                Some(position) => *position,
                None => begin(self.seen, *low, *end),
            };
            positions.insert(*partition, position);
        }
        self.forget(&made_anew)?;
        if positions != self.positions {
            self.tail.follow(&positions)?;
            self.positions = positions;
            self.line.move_live(Some(self.positions.clone()));
        }
        if self.seen != Seen::There {
            self.seen = Seen::There;
            tracing::info!(topic = %self.line.topic, partitions = self.positions.len(), "the console follows the topic");
        }
        if self.line.carrying == Carrying::Outcomes {
            self.line.history.report(|progress| progress.is_live = true);
        }
        Ok(())
    }

    /// Of partitions that were read earlier, those that do not have what they had: the topic was made anew since.
    fn not_as_they_were(
        &self,
        partitions: &[i32],
        extents: &BTreeMap<i32, Extent>,
    ) -> anyhow::Result<Vec<i32>> {
        let mut others = Vec::new();
        let mut marks = Vec::new();
        for partition in partitions {
            let last = self.line.history.coverage(|coverage| {
                let of = (Arc::clone(&self.line.topic), *partition);
                coverage.of(&of).last().cloned()
            });
            let (Some(last), Some(extent)) = (last, extents.get(partition)) else {
                continue;
            };
            let offset = last.offsets.end - 1;
            if last.offsets.end > extent.end {
                others.push(*partition);
            } else if let Some(mark) = last.mark.filter(|_| offset >= extent.low) {
                let topic = Arc::clone(&self.line.topic);
                let partition = *partition;
                let place = Place {
                    topic,
                    partition,
                    offset,
                };
                marks.push((place, mark));
            }
        }
        if marks.is_empty() {
            return Ok(others);
        }
        let places: Vec<Place> = marks.iter().map(|(place, _)| place.clone()).collect();
        let scanner = Scanner::beside(&self.line.kafka, self.line.troubles.ear())?;
        scanner.read_these(&places, |index, record| {
            // Of a record that is gone nothing can be said.
            if let (Some((place, mark)), Some(record)) = (marks.get(index), record)
                && record.timestamp_ms != Some(*mark)
            {
                others.push(place.partition);
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(others)
    }

    fn forget(&self, partitions: &[i32]) -> anyhow::Result<()> {
        if partitions.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            topic = %self.line.topic,
            ?partitions,
            "the topic was made anew: all of it is read; what was read before stays in the history"
        );
        self.line.is_made_anew();
        let of = |partition: &i32| (Arc::clone(&self.line.topic), *partition);
        let partitions: Vec<Of> = partitions.iter().map(of).collect();
        self.line.history.forget_coverage(partitions)
    }

    /// Waits for records, and takes what comes in a short time.
    fn poll(&mut self) -> Vec<Arriving> {
        let mut batch = Vec::new();
        let mut until = Instant::now() + IDLE;
        while batch.len() < LARGEST_BATCH && !self.line.is_closing() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.tail.poll(left) {
                Polled::Record(record) => {
                    if batch.is_empty() {
                        until = Instant::now() + LINGER;
                    }
                    if self.is_of_another(&record) {
                        // What was read before belongs to the old one.
                        self.add(std::mem::take(&mut batch));
                        self.begin_anew(&record);
                    }
                    batch.extend(self.arriving(&record));
                }
                Polled::Nothing => {}
                Polled::Trouble(why) => {
                    tracing::debug!(why, "the newest end of a topic cannot be read");
                    // What it means is found out by looking.
                    self.look_at = self.look_at.min(Instant::now() + LOOK_AGAIN);
                }
            }
        }
        batch
    }

    /// Whether the consumer has found that its place is gone, and has gone to the first record there is.
    fn is_of_another(&self, record: &Record) -> bool {
        let position = self.positions.get(&record.partition);
        position.is_some_and(|position| record.offset < *position)
    }

    fn begin_anew(&mut self, record: &Record) {
        match self.forget(&[record.partition]) {
            Ok(()) => {
                self.positions.insert(record.partition, record.offset);
            }
            Err(error) => tracing::debug!(%error, "a topic that was made anew is not read"),
        }
    }

    fn arriving(&mut self, record: &Record) -> Option<Arriving> {
        let position = self.positions.get_mut(&record.partition)?;
        let offsets = *position..record.offset + 1;
        if offsets.is_empty() {
            return None;
        }
        *position = offsets.end;
        let content = read(self.line.carrying, record);
        if matches!(content, Content::NotUnderstood) {
            self.tell_of(record);
        }
        Some(Arriving {
            topic: Arc::clone(&self.line.topic),
            partition: record.partition,
            offsets,
            timestamp_ms: record.timestamp_ms,
            content,
            way: Way::Newest,
        })
    }

    /// Once a minute.
    fn tell_of(&mut self, record: &Record) {
        let now = Instant::now();
        let is_due = self
            .told_at
            .is_none_or(|at| now - at >= Duration::from_mins(1));
        if is_due {
            self.told_at = Some(now);
            tracing::warn!(
                topic = %self.line.topic,
                partition = record.partition,
                offset = record.offset,
                "a record does not belong on this topic, and is left out"
            );
        }
    }

    fn add(&self, batch: Vec<Arriving>) {
        match self.line.history.add_and_wait(batch) {
            Ok(()) => self.line.move_live(Some(self.positions.clone())),
            Err(error) => tracing::debug!(%error, "what has come is not kept any more"),
        }
    }
}

/// Where a partition is followed from that was not followed before.
fn begin(seen: Seen, low: i64, end: i64) -> i64 {
    let is_new = match seen {
        Seen::NotYet => false,
        Seen::There | Seen::Missing => end - low <= ALL_NEW,
    };
    if is_new { low } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_at_the_end_and_what_appears_later_is_all_news() {
        assert_eq!(begin(Seen::NotYet, 0, 10), 10);
        assert_eq!(begin(Seen::There, 3, 10), 3);
        assert_eq!(begin(Seen::Missing, 0, ALL_NEW), 0);
        assert_eq!(begin(Seen::Missing, 0, ALL_NEW + 1), ALL_NEW + 1);
    }
}
