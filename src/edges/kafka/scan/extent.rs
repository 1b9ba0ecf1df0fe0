//! Where what is to be read of a topic begins and ends, and how far the group of the service has come there.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::{ScanError, Scanner, failed};
use wx_courier_core::replay::Place;

/// Where a place lies, by what its partition has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Before the first record.
    Before,
    /// Between the first record and the last one.
    Within,
    /// Beyond the last record, or in a partition that does not exist. Which, in a sentence.
    Beyond(String),
}

/// What there was to be read of a topic when the cluster was asked: of each partition from its first offset here to before its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    topic: String,
    bounds: BTreeMap<i32, (i64, i64)>,
}

impl Extent {
    /// These offsets, from each partition's first to before its last.
    pub fn of(topic: &str, bounds: BTreeMap<i32, (i64, i64)>) -> Self {
        Self {
            topic: topic.to_owned(),
            bounds,
        }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// About how many records it has: offsets without a record count too.
    pub fn n_records(&self) -> u64 {
        let lengths = self.bounds.values();
        lengths.map(|(begin, end)| end.abs_diff(*begin)).sum()
    }

    /// Leaves out the oldest records, so that there are no more than `most`, and says how many they are. Each partition gives up the same
    /// share, so that what is left is of about the same time.
    pub fn keep_newest(&mut self, most: u64) -> u64 {
        let n_records = self.n_records();
        if n_records <= most {
            return 0;
        }
        for (begin, end) in self.bounds.values_mut() {
            let length = u128::from(end.abs_diff(*begin));
            let kept = (length * u128::from(most)).checked_div(u128::from(n_records));
            let kept = kept.and_then(|kept| i64::try_from(kept).ok());
            *begin = end.saturating_sub(kept.unwrap_or_default());
        }
        self.bounds.retain(|_, (begin, end)| begin < end);
        n_records - self.n_records()
    }

    /// Leaves so many offsets at the end of each partition.
    pub(super) fn keep_last(&mut self, most: i64) {
        for (begin, end) in self.bounds.values_mut() {
            *begin = (*begin).max(end.saturating_sub(most));
        }
    }

    /// From each partition's first offset here to before its last.
    pub fn bounds(&self) -> &BTreeMap<i32, (i64, i64)> {
        &self.bounds
    }
}

impl Scanner {
    /// Where a place lies now.
    pub fn standing(&self, place: &Place) -> Result<Standing, ScanError> {
        let (topic, partition) = (place.topic.as_ref(), place.partition);
        let n_partitions = self.partitions(topic)?;
        if !(0..n_partitions).contains(&partition) {
            return Ok(Standing::Beyond(format!(
                "the topic {topic} has no partition {partition}: its partitions are 0 to {}",
                n_partitions - 1
            )));
        }
        let (begin, end) = self
            .consumer
            .fetch_watermarks(topic, partition, self.patience(topic)?)
            .map_err(|error| failed(topic, error))?;
        Ok(if place.offset >= end {
            Standing::Beyond(format!(
                "the next record of the partition {partition} of {topic} will have the offset {end}"
            ))
        } else if place.offset < begin {
            Standing::Before
        } else {
            Standing::Within
        })
    }

    /// What there is at this moment, from the first record of that time (Unix milliseconds) or from the beginning.
    pub fn extent(&self, topic: &str, since_ms: Option<i64>) -> Result<Extent, ScanError> {
        self.goes_on(topic)?;
        let n_partitions = self.partitions(topic)?;
        let since = match since_ms {
            Some(ms) => self.offsets_since(topic, n_partitions, ms)?,
            None => BTreeMap::new(),
        };
        let mut bounds = BTreeMap::new();
        for partition in 0..n_partitions {
            let (low, end) = self
                .consumer
                .fetch_watermarks(topic, partition, self.patience(topic)?)
                .map_err(|error| failed(topic, error))?;
            let begin = match since.get(&partition) {
                Some(Offset::Offset(offset)) => low.max(*offset),
                Some(Offset::End) => end,
                Some(
                    Offset::Beginning | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_),
                )
                | None => low,
            };
            if begin < end {
                bounds.insert(partition, (begin, end));
            }
        }
        Ok(Extent {
            topic: topic.to_owned(),
            bounds,
        })
    }

    /// Where the records of this time and later begin, by what the cluster answers. A partition of which it cannot tell is left out, and is read
    /// from its beginning: librdkafka's mock cluster, which the demo has for a broker, answers to every time that there are none, and so
    /// does Kafka for records without timestamps.
    fn offsets_since(
        &self,
        topic: &str,
        n_partitions: i32,
        since_ms: i64,
    ) -> Result<BTreeMap<i32, Offset>, ScanError> {
        let mut since = self.offsets_at(topic, n_partitions, since_ms)?;
        if since.values().any(|found| *found == Offset::End) {
            // Every record with a timestamp is of the first millisecond of 1970 or later.
            let all = self.offsets_at(topic, n_partitions, 0)?;
            since.retain(|partition, found| {
                *found != Offset::End || all.get(partition) != Some(&Offset::End)
            });
        }
        Ok(since)
    }

    fn offsets_at(
        &self,
        topic: &str,
        n_partitions: i32,
        time_ms: i64,
    ) -> Result<BTreeMap<i32, Offset>, ScanError> {
        let mut asked = TopicPartitionList::new();
        for partition in 0..n_partitions {
            asked
                .add_partition_offset(topic, partition, Offset::Offset(time_ms))
                .map_err(|error| failed(topic, error))?;
        }
        let found = self
            .consumer
            .offsets_for_times(asked, self.patience(topic)?)
            .map_err(|error| failed(topic, error))?;
        let offsets = found.elements();
        let offsets = offsets
            .iter()
            .map(|found| (found.partition(), found.offset()));
        Ok(offsets.collect())
    }

    /// How far the service's group has come in these partitions of a topic; none where it has committed nothing.
    pub fn committed(
        &self,
        topic: &str,
        partitions: &BTreeSet<i32>,
    ) -> Result<BTreeMap<i32, i64>, ScanError> {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition(topic, *partition);
        }
        let found = self
            .consumer
            .committed_offsets(asked, self.patience(topic)?)
            .map_err(|error| failed(topic, error))?;
        let offsets = found.elements();
        let offsets = offsets.iter().filter_map(|of| match of.offset() {
            Offset::Offset(offset) => Some((of.partition(), offset)),
            Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::Invalid
            | Offset::OffsetTail(_) => None,
        });
        Ok(offsets.collect())
    }
}
