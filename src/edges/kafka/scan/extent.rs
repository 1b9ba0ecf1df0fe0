//! Where what is to be read of a topic begins and ends, and how far the group of the service has come there.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::{REQUEST_TIMEOUT, ScanError, Scanner, failed};
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
            .fetch_watermarks(topic, partition, REQUEST_TIMEOUT)
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

    /// Where each partition that has records to be read begins and ends, the end exclusive: all records, or those of a time (Unix milliseconds) and
    /// later.
    pub fn bounds(
        &self,
        topic: &str,
        since_ms: Option<i64>,
    ) -> Result<BTreeMap<i32, (i64, i64)>, ScanError> {
        let n_partitions = self.partitions(topic)?;
        let since = match since_ms {
            Some(ms) => self.offsets_since(topic, n_partitions, ms)?,
            None => BTreeMap::new(),
        };
        let mut bounds = BTreeMap::new();
        for partition in 0..n_partitions {
            let (low, end) = self
                .consumer
                .fetch_watermarks(topic, partition, REQUEST_TIMEOUT)
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
        Ok(bounds)
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
            .offsets_for_times(asked, REQUEST_TIMEOUT)
            .map_err(|error| failed(topic, error))?;
        let offsets = found.elements();
        let offsets = offsets
            .iter()
            .map(|found| (found.partition(), found.offset()));
        Ok(offsets.collect())
    }

    /// About how many records [`read_all`](Self::read_all) would read: offsets without a record count too.
    pub fn count(&self, topic: &str, since_ms: Option<i64>) -> Result<u64, ScanError> {
        let bounds = self.bounds(topic, since_ms)?;
        let lengths = bounds.values().map(|(begin, end)| end.abs_diff(*begin));
        Ok(lengths.sum())
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
            .committed_offsets(asked, REQUEST_TIMEOUT)
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
