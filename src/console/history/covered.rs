//! Which offsets of the topics have been read: in the same transaction as what was read there, so that nothing is missing and nothing counts
//! twice after a crash.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A partition of a topic.
pub type Of = (Arc<str>, i32);

/// Offsets that were read without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The offsets.
    pub offsets: Range<i64>,
    /// The time of the record with which they begin, in Unix milliseconds.
    pub from_ms: i64,
    /// The time of the last record, to notice that the topic was made anew meanwhile; none where there was no record, or Kafka has no time.
    pub mark: Option<i64>,
}

/// The offsets that were read of each partition: sorted, and never touching each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<Of, Vec<Covered>>);

impl Coverage {
    /// What was read of a partition.
    pub fn of(&self, of: &Of) -> &[Covered] {
        self.0.get(of).map_or(&[], Vec::as_slice)
    }

    /// The partitions of a topic of which something was read.
    pub fn partitions(&self, topic: &str) -> impl Iterator<Item = (i32, &[Covered])> {
        let of_topic = self
            .0
            .iter()
            .filter(move |((of, _), _)| of.as_ref() == topic);
        of_topic.map(|((_, partition), ranges)| (*partition, ranges.as_slice()))
    }

    /// Whether an offset was read.
    pub fn has(&self, of: &Of, offset: i64) -> bool {
        self.of(of)
            .iter()
            .any(|covered| covered.offsets.contains(&offset))
    }

    /// The offsets of these that were not read, in their order.
    pub fn gaps(&self, of: &Of, wanted: Range<i64>) -> Vec<Range<i64>> {
        let mut gaps = Vec::new();
        let mut next = wanted.start;
        for Covered { offsets, .. } in self.of(of) {
            let end = offsets.start.min(wanted.end);
            if next < end {
                gaps.push(next..end);
            }
            next = next.max(offsets.end);
        }
        if next < wanted.end {
            gaps.push(next..wanted.end);
        }
        gaps
    }

    /// Adds offsets that were read.
    pub fn add(&mut self, of: &Of, new: Covered) {
        if new.offsets.is_empty() {
            return;
        }
        let ranges = match self.0.get_mut(of) {
            Some(ranges) => ranges,
            None => self.0.entry(of.clone()).or_default(),
        };
        let touches = |old: &mut Covered| {
            old.offsets.start <= new.offsets.end && new.offsets.start <= old.offsets.end
        };
        let mut whole = new.clone();
        let touching: Vec<Covered> = ranges.extract_if(.., touches).collect();
        for old in touching {
            if old.offsets.start < whole.offsets.start {
                whole.offsets.start = old.offsets.start;
                whole.from_ms = old.from_ms;
            }
            if old.offsets.end > whole.offsets.end {
                whole.offsets.end = old.offsets.end;
                whole.mark = old.mark;
            } else if old.offsets.end == whole.offsets.end {
                whole.mark = whole.mark.or(old.mark);
            }
        }
        let place = ranges.partition_point(|old| old.offsets.start < whole.offsets.start);
        ranges.insert(place, whole);
    }

    /// Puts in place what was read of a partition.
    pub fn set(&mut self, of: Of, ranges: Vec<Covered>) {
        if ranges.is_empty() {
            self.0.remove(&of);
        } else {
            self.0.insert(of, ranges);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of() -> Of {
        (Arc::from("outcomes"), 0)
    }

    fn covered(offsets: Range<i64>) -> Covered {
        Covered {
            from_ms: offsets.start * 1_000,
            mark: Some(offsets.end),
            offsets,
        }
    }

    #[test]
    fn ranges_that_meet_become_one_which_knows_its_ends() {
        let mut coverage = Coverage::default();
        for offsets in [10..20, 40..50, 20..25, 30..40] {
            coverage.add(&of(), covered(offsets));
        }
        assert_eq!(coverage.of(&of()), [covered(10..25), covered(30..50)]);
        assert_eq!(coverage.gaps(&of(), 0..60), [0..10, 25..30, 50..60]);
        // The offsets behind the last record had none.
        let gap = Covered {
            mark: None,
            ..covered(50..55)
        };
        coverage.add(&of(), gap);
        coverage.add(&of(), covered(25..30));
        let whole = Covered {
            offsets: 10..55,
            mark: None,
            from_ms: 10_000,
        };
        assert_eq!(coverage.of(&of()), [whole]);
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_offsets(added in prop::collection::vec((0..60_i64, 0..12_i64), 0..20), asked in (0..60_i64, 0..60_i64)) {
            let mut coverage = Coverage::default();
            let mut plain = BTreeSet::new();
            for (begin, length) in added {
                coverage.add(&of(), covered(begin..begin + length));
                plain.extend(begin..begin + length);
            }
            for offset in 0..80 {
                prop_assert_eq!(coverage.has(&of(), offset), plain.contains(&offset));
            }
            let ranges = coverage.of(&of());
            prop_assert!(ranges.windows(2).all(|pair| pair[0].offsets.end < pair[1].offsets.start));
            for range in ranges {
                prop_assert_eq!(range.from_ms, range.offsets.start * 1_000);
                prop_assert_eq!(range.mark, Some(range.offsets.end));
            }
            let (begin, end) = asked;
            let gaps: BTreeSet<i64> = coverage.gaps(&of(), begin..end).into_iter().flatten().collect();
            let expected: BTreeSet<i64> = (begin..end).filter(|offset| !plain.contains(offset)).collect();
            prop_assert_eq!(gaps, expected);
        }
    }
}
