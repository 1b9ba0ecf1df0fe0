//! How far a group has come, and how much there is to be read.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::{REQUEST_TIMEOUT, ScanError, Scanner, failed};

impl Scanner {
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
