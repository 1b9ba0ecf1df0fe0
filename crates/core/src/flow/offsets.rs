//! How far a partition may be committed.
//!
//! Records end in any order; a committed offset says that everything before it has ended. So the position is that of the first record
//! that still owes an acknowledged outcome, and an assignment's tracker dies with its epoch: an answer that arrives after a revoke
//! finds no tracker to move.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{Epoch, Partition};

/// What one assignment of one partition owes.
#[derive(Clone, Debug)]
pub struct OffsetTracker {
    epoch: Epoch,
    entries: VecDeque<Entry>,
    /// One past the last record read; `None` before the first.
    read_to: Option<i64>,
    /// What was last reported as committable.
    reported: Option<i64>,
    closing: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    offset: i64,
    /// Outcomes that the broker has not acknowledged yet, and reports that the store has not noted yet.
    owed: usize,
    /// Messages that `WeChat` has or may have: reading the record again would send them again.
    irrevocable: usize,
}

/// What became of a record offered to the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is new and now owes its outcomes.
    Yes,
    /// It was read before in this assignment, or the assignment is closing: nothing to do.
    No,
}

/// What closing a tracker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Records were forgotten.
    Shorter,
    /// There was nothing to forget.
    AsItWas,
}

impl OffsetTracker {
    /// The tracker of a new assignment.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            entries: VecDeque::new(),
            read_to: None,
            reported: None,
            closing: false,
        }
    }

    /// Which assignment this is.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a record at `offset` is wanted. Offsets may have gaps (compaction, transaction markers) but never go back: a resumed
    /// partition can deliver again what was read before.
    pub fn wants(&self, offset: i64) -> Wanted {
        if self.closing || self.read_to.is_some_and(|read_to| offset < read_to) {
            Wanted::No
        } else {
            Wanted::Yes
        }
    }

    /// Notes a wanted record that owes `owed` outcomes; it may be none.
    pub fn read(&mut self, offset: i64, owed: usize) {
        debug_assert_eq!(self.wants(offset), Wanted::Yes);
        self.read_to = Some(offset + 1);
        if owed > 0 || !self.entries.is_empty() {
            self.entries.push_back(Entry {
                offset,
                owed,
                irrevocable: 0,
            });
        }
    }

    /// A message of the record at `offset` has its turn, or its login code is about to be exchanged: from here on the record has to end here.
    /// Says whether the record is kept track of.
    pub fn mark_irrevocable(&mut self, offset: i64) -> bool {
        let entry = self.entry(offset);
        let is_kept = entry.is_some();
        if let Some(entry) = entry {
            entry.irrevocable += 1;
        }
        is_kept
    }

    /// That send certainly reached no user, or the user behind the code is kept: the record may be read again without harm.
    pub fn clear_irrevocable(&mut self, offset: i64) {
        if let Some(entry) = self.entry(offset) {
            debug_assert!(entry.irrevocable > 0, "{offset} was not begun with");
            entry.irrevocable = entry.irrevocable.saturating_sub(1);
        }
    }

    /// One outcome of the record at `offset` has been acknowledged. Says whether one was owed; of a record that was forgotten when the
    /// partition was closed none is.
    pub fn acknowledge(&mut self, offset: i64) -> bool {
        let closing = self.closing;
        let was_owed = match self.entry(offset) {
            Some(entry) if entry.owed > 0 => {
                entry.owed -= 1;
                true
            }
            Some(_) => false,
            None => closing,
        };
        while self.entries.front().is_some_and(|entry| entry.owed == 0) {
            self.entries.pop_front();
        }
        was_owed
    }

    fn entry(&mut self, offset: i64) -> Option<&mut Entry> {
        let index = self
            .entries
            .binary_search_by_key(&offset, |entry| entry.offset)
            .ok()?;
        self.entries.get_mut(index)
    }

    /// The offset that may be committed: the next one to read after a restart. `None` before anything was read.
    pub fn position(&self) -> Option<i64> {
        match self.entries.front() {
            Some(entry) => Some(entry.offset),
            None => self.read_to,
        }
    }

    /// The position, if it has moved since it was last asked for.
    pub fn moved_position(&mut self) -> Option<i64> {
        let position = self.position();
        if position == self.reported {
            return None;
        }
        self.reported = position;
        position
    }

    /// Whether the tracker takes no more records.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Takes no more records and forgets those of which nothing has begun: the next owner of the partition begins with them.
    /// What stays is everything up to the last record of which a message is or may be with `WeChat`; it has to end here.
    pub fn close(&mut self) -> Closed {
        self.closing = true;
        let before = self.entries.len();
        while let Some(last) = self.entries.back()
            && last.irrevocable == 0
        {
            self.read_to = Some(last.offset);
            self.entries.pop_back();
        }
        if self.entries.len() < before {
            Closed::Shorter
        } else {
            Closed::AsItWas
        }
    }

    /// Whether the record at `offset` is still kept track of.
    pub fn keeps(&self, offset: i64) -> bool {
        self.entries
            .binary_search_by_key(&offset, |entry| entry.offset)
            .is_ok()
    }

    /// Whether everything read and kept has ended.
    pub fn has_ended(&self) -> bool {
        self.entries.is_empty()
    }

    /// What each record owes that is being kept track of.
    pub fn owed(&self) -> impl Iterator<Item = (i64, usize)> {
        self.entries.iter().map(|entry| (entry.offset, entry.owed))
    }

    /// How many records are being kept track of.
    pub fn n_open(&self) -> usize {
        self.entries.len()
    }
}

/// Whether a record is still kept track of by the assignment that it was read in.
pub(super) fn is_open(
    trackers: &BTreeMap<Partition, OffsetTracker>,
    (partition, epoch, offset): (&Partition, Epoch, i64),
) -> bool {
    let tracker = trackers.get(partition);
    tracker.is_some_and(|tracker| tracker.epoch() == epoch && tracker.keeps(offset))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tracker(offsets: &[(i64, usize)]) -> OffsetTracker {
        let mut tracker = OffsetTracker::new(Epoch(1));
        for (offset, owed) in offsets {
            tracker.read(*offset, *owed);
        }
        tracker
    }

    #[test]
    fn nothing_read_is_nothing_to_commit() {
        assert_eq!(OffsetTracker::new(Epoch(1)).position(), None);
    }

    #[test]
    fn a_later_end_does_not_pass_an_earlier_record() {
        let mut tracker = tracker(&[(5, 1), (6, 1), (9, 2)]);
        tracker.acknowledge(6);
        assert_eq!(tracker.position(), Some(5));
        tracker.acknowledge(5);
        assert_eq!(tracker.position(), Some(9));
        tracker.acknowledge(9);
        assert_eq!(tracker.position(), Some(9));
        tracker.acknowledge(9);
        assert_eq!(tracker.position(), Some(10));
    }

    #[test]
    fn a_record_that_owes_nothing_waits_for_those_before_it() {
        let mut tracker = tracker(&[(1, 1), (2, 0)]);
        assert_eq!(tracker.position(), Some(1));
        tracker.acknowledge(1);
        assert_eq!(tracker.position(), Some(3));
    }

    #[test]
    fn what_was_read_before_is_not_wanted_again() {
        let tracker = tracker(&[(1, 1), (4, 1)]);
        assert_eq!(tracker.wants(4), Wanted::No);
        assert_eq!(tracker.wants(5), Wanted::Yes);
    }

    #[test]
    fn closing_forgets_the_tail_and_takes_nothing_more() {
        let mut tracker = tracker(&[(1, 1), (2, 1), (3, 1)]);
        tracker.mark_irrevocable(2);
        tracker.mark_irrevocable(3);
        tracker.clear_irrevocable(3);
        tracker.acknowledge(2);
        assert_eq!(tracker.close(), Closed::Shorter);
        assert_eq!(tracker.close(), Closed::AsItWas);
        assert_eq!(tracker.wants(7), Wanted::No);
        tracker.acknowledge(1);
        assert!(tracker.has_ended());
        assert_eq!(tracker.position(), Some(3));
    }

    proptest! {
        /// Against the plain definition: the position is the first offset that owes, else one past the last read.
        #[test]
        fn the_position_is_the_first_that_owes(
            records in proptest::collection::vec((1_i64..4, 0_usize..3), 1..60),
            order in proptest::collection::vec(0_usize..1_000, 0..120),
        ) {
            let mut tracker = OffsetTracker::new(Epoch(1));
            let mut owed: Vec<(i64, usize)> = Vec::new();
            let mut offset = 0;
            for (gap, outcomes) in records {
                offset += gap;
                tracker.read(offset, outcomes);
                owed.push((offset, outcomes));
            }
            let mut reported = None;
            for pick in order {
                let index = pick % owed.len();
                if owed[index].1 > 0 {
                    owed[index].1 -= 1;
                    tracker.acknowledge(owed[index].0);
                }
                let first = owed.iter().find(|(_, owed)| *owed > 0).map(|(offset, _)| *offset);
                prop_assert_eq!(tracker.position(), Some(first.unwrap_or(offset + 1)));
                if let Some(moved) = tracker.moved_position() {
                    prop_assert!(reported.is_none_or(|before| moved > before));
                    reported = Some(moved);
                }
            }
        }
    }
}
