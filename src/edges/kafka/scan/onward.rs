//! Some records of one partition, from one of them on, within a bound of bytes.

use rdkafka::consumer::Consumer;

use super::{Next, ScanError, Scanner, failed};
use wx_courier_core::model::Record;
use wx_courier_core::replay::Place;

/// All records are held at once: no more are read once they have come to this much.
const MOST_BYTES: usize = 64 << 20;

/// Records of one partition, in their order, and at least one.
pub struct Onward {
    /// The records.
    pub records: Vec<Record>,
    /// Why there are no more.
    pub stop: Stop,
}

/// Why no more records were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// These are as many as were asked for.
    AsAsked,
    /// The partition ended there.
    End,
    /// These are so many bytes, and more lie behind them.
    Bytes(usize),
}

impl Scanner {
    /// Reads the record at this place and those behind it, `most` in all. Offsets without a record are passed over: the first one may lie
    /// behind the place. It ends where the partition ended when it was asked, and with the record that makes it 64 MiB.
    pub fn read_on(&self, from: &Place, most: usize) -> Result<Onward, ScanError> {
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
            .fetch_watermarks(topic, from.partition, self.patience(topic)?)
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
        let mut bytes = 0;
        let stop = loop {
            match self.next(topic)? {
                Next::End(partition) if partition != from.partition => {}
                Next::End(_) => break Stop::End,
                Next::Record(record) => {
                    let next = record.offset + 1;
                    if next <= end {
                        bytes += record.size_bytes();
                        records.push(record);
                    }
                    if records.len() >= most {
                        break Stop::AsAsked;
                    }
                    if let Some(stop) = stop_before(next, end, bytes) {
                        break stop;
                    }
                }
            }
        };
        self.consumer
            .unassign()
            .map_err(|error| failed(topic, error))?;
        if records.is_empty() {
            let last = end - 1;
            let there = format!(
                "the partition has offsets {begin} to {last}, and from there on only the marks of transactions, and gaps that compaction or an aborted transaction has left"
            );
            let place = from.clone();
            return Err(ScanError::NoRecord { place, there });
        }
        Ok(Onward { records, stop })
    }
}

/// Whether the record at `next` is not read any more, where the partition has ended at `end`, and `bytes` are read.
fn stop_before(next: i64, end: i64, bytes: usize) -> Option<Stop> {
    if next >= end {
        return Some(Stop::End);
    }
    (bytes >= MOST_BYTES).then_some(Stop::Bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_fits() {
        assert_eq!(stop_before(7, 8, MOST_BYTES - 1), None);
        let too_much = MOST_BYTES + 5;
        assert_eq!(stop_before(7, 8, too_much), Some(Stop::Bytes(too_much)));
        // Where nothing lies behind it, nothing is left out.
        assert_eq!(stop_before(8, 8, too_much), Some(Stop::End));
    }
}
