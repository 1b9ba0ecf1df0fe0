//! Some records of one partition, from one of them on.

use rdkafka::consumer::Consumer;

use super::{Next, REQUEST_TIMEOUT, ScanError, Scanner, failed};
use wx_courier_core::model::Record;
use wx_courier_core::replay::Place;

impl Scanner {
    /// Reads the record at this place and those behind it, `most` in all. Offsets without a record are passed over, and it ends where the
    /// partition ended when it was asked.
    pub fn read_on(&self, from: &Place, most: usize) -> Result<Vec<Record>, ScanError> {
        let topic = from.topic.as_ref();
        let n_partitions = self.partitions(topic)?;
        if !(0..n_partitions).contains(&from.partition) {
            return Err(ScanError::NoPartition {
                topic: topic.to_owned(),
                partition: from.partition,
                last: n_partitions - 1,
            });
        }
        let (begin, end) = self
            .consumer
            .fetch_watermarks(topic, from.partition, REQUEST_TIMEOUT)
            .map_err(|error| failed(topic, error))?;
        if !(begin..end).contains(&from.offset) {
            let there = if begin == end {
                "the partition is empty".to_owned()
            } else {
                format!("the partition has offsets {begin} to {}", end - 1)
            };
            let place = from.clone();
            return Err(ScanError::NoRecord { place, there });
        }
        self.go_to(from, from.offset)?;
        let mut records = Vec::new();
        while records.len() < most {
            match self.next(topic)? {
                Next::End(partition) if partition != from.partition => {}
                Next::End(_) => break,
                Next::Record(record) => {
                    let next = record.offset + 1;
                    if next <= end {
                        records.push(record);
                    }
                    if next >= end {
                        break;
                    }
                }
            }
        }
        self.consumer
            .unassign()
            .map_err(|error| failed(topic, error))?;
        Ok(records)
    }
}
