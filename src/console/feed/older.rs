//! What lies on a topic already, from its newest end backwards.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;

use super::reading::read;
use super::{Carrying, Line};
use crate::console::history::LARGEST_BATCH;
use crate::console::history::arriving::{Arriving, Content, Way};
use crate::console::history::covered::{Coverage, Of};
use crate::edges::kafka::scan::{ScanError, Scanner};

/// How often it is looked for offsets that were not read, where there are none.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The wait after a failure.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// For how long it is believed where the partitions begin, while there is something to be read.
const BELIEVE: Duration = Duration::from_secs(5);

/// How many offsets are read of all partitions in one piece: at first few, so that there is something to be seen, then more.
const FIRST_PIECE: i64 = 2_000;
const PIECE: i64 = 16_000;

/// Where compaction has left few records, pieces grow up to this.
const LARGEST_PIECE: i64 = 1_000_000;

/// Of so many partitions at once.
const PARTITIONS_AT_ONCE: usize = 32;

/// Partitions whose next records are of about the same time are read together.
const SAME_TIME_MS: i64 = 10 * 60 * 1_000;

/// Kafka finds a time by the clocks of producers or brokers.
const CLOCKS_DIFFER_MS: i64 = 10 * 60 * 1_000;

/// The name under which troubles are told.
const OF: &str = "what came before";

/// Partitions of which something is to be read: where they begin, as far as it matters, and how far the newest end is read.
type Wanted = BTreeMap<i32, Range<i64>>;

pub(super) struct Older {
    line: Arc<Line>,
    scanner: Option<Scanner>,
    /// Where each partition begins, and when that was asked.
    begins: Option<(BTreeMap<i32, i64>, Instant)>,
    piece: i64,
}

/// What a round came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There is nothing that was not read.
    Done,
    More,
}

impl Older {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self {
            line,
            scanner: None,
            begins: None,
            piece: FIRST_PIECE,
        }
    }

    pub(super) fn run(mut self) {
        while !self.line.is_closing() {
            let live = self.line.live().clone();
            let Some(live) = live else {
                self.begins = None;
                self.line.wait(LOOK_EVERY);
                continue;
            };
            match self.round(&live) {
                Ok(Round::More) => self.line.trouble(OF, None),
                Ok(Round::Done) => {
                    self.line.trouble(OF, None);
                    // Its memory is free for others.
                    self.scanner = None;
                    self.piece = FIRST_PIECE;
                    self.line.wait(LOOK_EVERY);
                }
                Err(error) => {
                    tracing::debug!(%error, topic = %self.line.topic, "what came before cannot be read, trying again");
                    self.line.trouble(OF, Some(format!("{error:#}")));
                    (self.scanner, self.begins) = (None, None);
                    self.line.wait(TRY_AGAIN);
                }
            }
        }
    }

    fn round(&mut self, live: &BTreeMap<i32, i64>) -> anyhow::Result<Round> {
        let mut wanted = self.wanted(live)?;
        if self.has_gaps(&wanted) && self.are_old() {
            self.begins = None;
            wanted = self.wanted(live)?;
        }
        let gaps = self.gaps(&wanted);
        self.report(&wanted, &gaps);
        let pieces = pieces(gaps, self.piece);
        if pieces.is_empty() {
            return Ok(Round::Done);
        }
        let n_offsets: i64 = pieces.values().map(|(begin, end)| end - begin).sum();
        let n_read = self.read(&pieces)?;
        let is_sparse = n_read < n_offsets / 8;
        self.piece = match self.piece {
            piece if is_sparse => LARGEST_PIECE.min(piece * 2),
            _ => PIECE,
        };
        Ok(Round::More)
    }

    fn are_old(&self) -> bool {
        let asked = self.begins.as_ref().map(|(_, at)| at.elapsed());
        asked.is_none_or(|ago| ago >= BELIEVE)
    }

    /// What should have been read.
    fn wanted(&mut self, live: &BTreeMap<i32, i64>) -> anyhow::Result<Wanted> {
        let knows = |begins: &BTreeMap<i32, i64>| live.keys().all(|of| begins.contains_key(of));
        let known = self.begins.take().filter(|(begins, _)| knows(begins));
        let begins = match known {
            Some(known) => known,
            None => (self.ask_begins(live)?, Instant::now()),
        };
        let (begins, _) = self.begins.insert(begins);
        let wanted = live.iter().map(|(partition, end)| {
            let begin = begins.get(partition).copied().unwrap_or(*end);
            (*partition, begin.min(*end)..*end)
        });
        Ok(wanted.collect())
    }

    /// Where the records begin that find room in the history.
    fn ask_begins(&mut self, live: &BTreeMap<i32, i64>) -> anyhow::Result<BTreeMap<i32, i64>> {
        let since_ms = self.line.history.oldest_wanted_ms() - CLOCKS_DIFFER_MS;
        let topic = Arc::clone(&self.line.topic);
        let bounds = self.scanner()?.bounds(&topic, Some(since_ms.max(0)))?;
        let begins = live.iter().map(|(partition, end)| {
            let begin = bounds.get(partition).map_or(*end, |(begin, _)| *begin);
            (*partition, begin)
        });
        Ok(begins.collect())
    }

    fn scanner(&mut self) -> anyhow::Result<&Scanner> {
        Ok(match self.scanner.take() {
            Some(scanner) => self.scanner.insert(scanner),
            None => {
                let scanner = Scanner::beside(&self.line.kafka, self.line.troubles.ear())?;
                self.scanner.insert(scanner)
            }
        })
    }

    fn of(&self, partition: i32) -> Of {
        (Arc::clone(&self.line.topic), partition)
    }

    fn has_gaps(&self, wanted: &Wanted) -> bool {
        self.line.history.coverage(|coverage| {
            let mut wanted = wanted.iter();
            wanted.any(|(partition, range)| {
                !coverage
                    .gaps(&self.of(*partition), range.clone())
                    .is_empty()
            })
        })
    }

    fn gaps(&self, wanted: &Wanted) -> Vec<Gap> {
        self.line.history.coverage(|coverage| {
            let gaps = wanted
                .iter()
                .flat_map(|(partition, range)| gaps(coverage, &self.of(*partition), range.clone()));
            gaps.collect()
        })
    }

    /// Reads these pieces into the history. Gives how many records they had.
    fn read(&mut self, pieces: &BTreeMap<i32, (i64, i64)>) -> anyhow::Result<i64> {
        let line = Arc::clone(&self.line);
        let times_made = line.times_made();
        let scanner = self.scanner()?;
        let mut next: BTreeMap<i32, i64> = pieces
            .iter()
            .map(|(partition, (begin, _))| (*partition, *begin))
            .collect();
        let mut batch = Vec::new();
        let mut closed = None;
        let mut n_read = 0;
        scanner.read_within(&line.topic, pieces.clone(), |record| {
            let Some(begin) = next.get_mut(&record.partition) else {
                return ControlFlow::Continue(());
            };
            let end = record.offset + 1;
            let offsets = *begin..end;
            if offsets.is_empty() || line.times_made() != times_made {
                closed = Some(anyhow!("the topic {} is made anew", line.topic));
                return ControlFlow::Break(());
            }
            *begin = end;
            n_read += 1;
            batch.push(Arriving {
                topic: Arc::clone(&line.topic),
                partition: record.partition,
                offsets,
                timestamp_ms: record.timestamp_ms,
                content: read(line.carrying, &record),
                way: Way::Older,
            });
            if batch.len() >= LARGEST_BATCH {
                closed = line.history.add_and_wait(std::mem::take(&mut batch)).err();
            }
            if closed.is_some() || line.is_closing() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if let Some(error) = closed {
            return Err(error);
        }
        if line.is_closing() || line.times_made() != times_made {
            return Ok(n_read);
        }
        batch.extend(rests(&line, scanner, pieces, &next)?);
        line.history.add_and_wait(batch)?;
        Ok(n_read)
    }

    /// Tells how far it is.
    fn report(&self, wanted: &Wanted, gaps: &[Gap]) {
        if self.line.carrying != Carrying::Outcomes {
            return;
        }
        let history = &self.line.history;
        let left: i64 = gaps
            .iter()
            .map(|gap| gap.offsets.end - gap.offsets.start)
            .sum();
        // The newest gap of each partition ends where all that is newer was read.
        let now_ms = history.now_ms();
        let edges = gaps
            .iter()
            .filter(|gap| gap.is_newest)
            .map(|gap| gap.edge_ms.min(now_ms));
        let whole_since_ms = match edges.max() {
            Some(edge_ms) => Some(edge_ms),
            None if wanted.is_empty() => None,
            None => history.oldest_kept_ms(),
        };
        history.report(|progress| {
            progress.left = u64::try_from(left).unwrap_or_default();
            progress.whole_since_ms = whole_since_ms;
        });
    }
}

/// What of the pieces had no record behind the last one. It was looked at only if the partition does reach so far: a broker that has just come back
/// may not know its end yet.
fn rests(
    line: &Line,
    scanner: &Scanner,
    pieces: &BTreeMap<i32, (i64, i64)>,
    next: &BTreeMap<i32, i64>,
) -> anyhow::Result<Vec<Arriving>> {
    let rests: Vec<(i32, Range<i64>)> = pieces
        .iter()
        .filter_map(|(partition, (_, end))| {
            let begin = next.get(partition)?;
            (begin < end).then_some((*partition, *begin..*end))
        })
        .collect();
    if rests.is_empty() {
        return Ok(Vec::new());
    }
    let ends = scanner.bounds(&line.topic, None)?;
    let mut gaps = Vec::new();
    for (partition, offsets) in rests {
        // One without any record has no bounds, and nothing of it is wanted any more.
        let Some((_, end)) = ends.get(&partition) else {
            continue;
        };
        if *end < offsets.end {
            return Err(ScanError::Stalled {
                topic: line.topic.to_string(),
                why: format!(
                    ", the partition {partition} ends at {end}, before a record that was read"
                ),
            }
            .into());
        }
        gaps.push(Arriving {
            topic: Arc::clone(&line.topic),
            partition,
            offsets,
            timestamp_ms: None,
            content: Content::Gap,
            way: Way::Older,
        });
    }
    Ok(gaps)
}

/// Offsets of a partition that were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gap {
    partition: i32,
    offsets: Range<i64>,
    /// The time of the record behind it; the latest time where that is not known.
    edge_ms: i64,
    /// Whether all that is newer in its partition was read.
    is_newest: bool,
}

fn gaps(coverage: &Coverage, of: &Of, wanted: Range<i64>) -> Vec<Gap> {
    let gaps = coverage.gaps(of, wanted);
    let newest = gaps.last().map(|gap| gap.start);
    let gaps = gaps.into_iter().map(|offsets| {
        let mut read = coverage.of(of).iter();
        let behind = read.find(|covered| covered.offsets.start == offsets.end);
        Gap {
            partition: of.1,
            is_newest: Some(offsets.start) == newest,
            edge_ms: behind.map_or(i64::MAX, |behind| behind.from_ms),
            offsets,
        }
    });
    gaps.collect()
}

/// What is read next: the newest end of the newest gaps.
fn pieces(mut gaps: Vec<Gap>, piece: i64) -> BTreeMap<i32, (i64, i64)> {
    gaps.retain(|gap| gap.is_newest);
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.edge_ms));
    let Some(newest) = gaps.first() else {
        return BTreeMap::new();
    };
    let same_time = newest.edge_ms.saturating_sub(SAME_TIME_MS);
    gaps.retain(|gap| gap.edge_ms >= same_time);
    gaps.truncate(PARTITIONS_AT_ONCE);
    let share = i64::try_from(gaps.len()).map_or(piece, |n| (piece / n).max(1));
    let pieces = gaps.into_iter().map(
        |Gap {
             partition, offsets, ..
         }| {
            let begin = offsets.start.max(offsets.end - share);
            (partition, (begin, offsets.end))
        },
    );
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::history::covered::Covered;

    fn coverage(read: &[(i32, Range<i64>, i64)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (partition, offsets, from_ms) in read {
            let covered = Covered {
                offsets: offsets.clone(),
                from_ms: *from_ms,
                mark: None,
            };
            coverage.add(&(Arc::from("t"), *partition), covered);
        }
        coverage
    }

    #[test]
    fn the_newest_gap_comes_first_and_its_newest_end() {
        let read = coverage(&[
            (0, 50..60, 5_000_000),
            (0, 80..100, 9_000_000),
            (1, 900..1_000, 7_000_000),
        ]);
        let of = |partition| (Arc::from("t"), partition);
        let mut found = gaps(&read, &of(0), 0..100);
        let offsets: Vec<Range<i64>> = found.iter().map(|gap| gap.offsets.clone()).collect();
        assert_eq!(offsets, [0..50, 60..80]);
        assert_eq!([found[0].is_newest, found[1].is_newest], [false, true]);
        assert_eq!(found[1].edge_ms, 9_000_000);
        found.extend(gaps(&read, &of(1), 0..1_000));
        // The other partition is half an hour further.
        assert_eq!(pieces(found.clone(), 16), BTreeMap::from([(0, (64, 80))]));
        // One of which nothing is read yet is the newest of all.
        found.extend(gaps(&read, &of(2), 0..7));
        assert_eq!(pieces(found, 16), BTreeMap::from([(2, (0, 7))]));
    }

    #[test]
    fn partitions_of_the_same_time_share_a_piece() {
        let none = Coverage::default();
        let found =
            (0..4).flat_map(|partition| gaps(&none, &(Arc::from("t"), partition), 0..1_000));
        let found = pieces(found.collect(), 100);
        assert_eq!(found.len(), 4);
        assert!(
            found.values().all(|piece| *piece == (975, 1_000)),
            "{found:?}"
        );
        assert!(pieces(Vec::new(), 100).is_empty());
    }
}
