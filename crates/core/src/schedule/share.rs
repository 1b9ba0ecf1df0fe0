//! Which part of a fleet one instance is: its partitions, of all partitions of the source topics.
//!
//! Kafka's group gives every partition to one member at a time, so the parts of all members are never more than the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::Partition;

/// How many partitions each source topic has: the same for every member of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    topics: BTreeMap<Arc<str>, u32>,
}

impl Layout {
    /// Topics with the number of their partitions. A topic that does not exist has none.
    pub fn new(topics: impl IntoIterator<Item = (Arc<str>, u32)>) -> Self {
        Self {
            topics: topics.into_iter().collect(),
        }
    }

    /// This one, with the former number of every topic that is not there any more: a broker that does not know of a topic for a
    /// moment must not make shares larger.
    #[must_use]
    pub fn or_former_of(mut self, former: &Self) -> Self {
        for (topic, n_before) in &former.topics {
            if let Some(n_now) = self.topics.get_mut(topic)
                && *n_now == 0
            {
                *n_now = *n_before;
            }
        }
        self
    }

    /// How many partitions there are.
    pub fn n_partitions(&self) -> u32 {
        self.topics.values().sum()
    }

    /// The number of a partition among all of them, in an order that is the same in every instance. `None` for one that was not there
    /// when the topics were counted.
    fn index_of(&self, partition: &Partition) -> Option<u32> {
        let number = u32::try_from(partition.number).ok()?;
        let of_topic = *self.topics.get(&partition.topic)?;
        let before: u32 = self
            .topics
            .range(..Arc::clone(&partition.topic))
            .map(|(_, partitions)| partitions)
            .sum();
        (number < of_topic).then_some(before + number)
    }

    /// The share of an instance that has these partitions.
    pub fn share_of<'a>(&self, partitions: impl IntoIterator<Item = &'a Partition>) -> Share {
        let indexes = partitions
            .into_iter()
            .filter_map(|partition| self.index_of(partition));
        Share::of(indexes, self.n_partitions())
    }
}

/// A part of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Sorted, each below `all`.
    mine: Arc<[u32]>,
    all: u32,
}

impl Share {
    /// The partitions with these numbers, of so many.
    pub fn of(mine: impl IntoIterator<Item = u32>, all: u32) -> Self {
        let all = all.max(1);
        let mine: BTreeSet<u32> = mine.into_iter().filter(|index| *index < all).collect();
        Self {
            mine: mine.into_iter().collect(),
            all,
        }
    }

    /// All that there is.
    pub fn whole() -> Self {
        Self {
            mine: Arc::from([0]),
            all: 1,
        }
    }

    /// Nothing of it.
    pub fn nothing() -> Self {
        Self {
            mine: Arc::from([]),
            all: 1,
        }
    }

    /// The numbers of the partitions that are ours, each below [`Self::n_all`].
    pub fn mine(&self) -> &[u32] {
        &self.mine
    }

    /// How many partitions there are.
    pub fn n_all(&self) -> u32 {
        self.all
    }

    /// How many of them are ours.
    pub fn n_mine(&self) -> u32 {
        u32::try_from(self.mine.len()).unwrap_or(u32::MAX)
    }

    /// Whether this is all there is.
    pub fn is_whole(&self) -> bool {
        self.n_mine() == self.all
    }

    /// Whether this partition, by its number, is ours.
    pub fn has(&self, index: u32) -> bool {
        self.mine.binary_search(&index).is_ok()
    }

    /// Between 0 and 1.
    pub fn fraction(&self) -> f64 {
        f64::from(self.n_mine()) / f64::from(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, number: i32) -> Partition {
        Partition {
            topic: Arc::from(topic),
            number,
        }
    }

    #[test]
    fn partitions_are_numbered_over_all_topics() {
        let layout = Layout::new([(Arc::from("b"), 3), (Arc::from("a"), 2)]);
        let share = layout.share_of([&partition("b", 2), &partition("a", 1)]);
        assert_eq!(share.mine(), [1, 4]);
        assert_eq!(share.n_all(), 5);
        assert!(!share.is_whole());
    }

    #[test]
    fn a_partition_that_was_not_counted_is_no_part() {
        let layout = Layout::new([(Arc::from("a"), 1)]);
        let share = layout.share_of([&partition("a", 1), &partition("c", 0), &partition("a", -1)]);
        assert_eq!(share, layout.share_of([]));
        assert!(layout.share_of([&partition("a", 0)]).is_whole());
    }

    #[test]
    fn of_no_partitions_no_instance_has_the_whole() {
        assert!(!Layout::default().share_of([]).is_whole());
    }
}
