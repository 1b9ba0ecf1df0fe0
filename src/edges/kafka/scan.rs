//! Reads topics outside any group and within bounds: all that is there now, or exactly these records. Blocks, and keeps nothing.

mod extent;
pub mod onward;

pub use extent::Standing;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::consumer::detach;
use super::partitions::{self, TopicError};
use super::reader_config;
use super::trouble::Ear;
use crate::config::Kafka;
use wx_courier_core::model::Record;
use wx_courier_core::replay::Place;

/// How long the cluster may take to answer a question.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long nothing may come while something is there to be read: a broker that restarts needs less.
const STALLED: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(100);

/// Between two wanted records, this many unwanted ones are sooner read over than jumped over: a jump costs a fetch of its own.
const WORTH_A_JUMP: i64 = 5_000;

/// Why a topic was not read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It is not there, or the cluster does not say so.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The cluster refused.
    #[error("the topic {topic} cannot be read: {error}")]
    Refused {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        error: KafkaError,
    },
    /// The topic has fewer partitions.
    #[error("the topic {topic} has no partition {partition}: its partitions are 0 to {last}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition that was asked for.
        partition: i32,
        /// The last one that it has.
        last: i32,
    },
    /// The record is not there: retention has deleted it, or it is not written yet.
    #[error("there is no record at {place}: {there}")]
    NoRecord {
        /// Where it was looked for.
        place: Place,
        /// Which records the partition has.
        there: String,
    },
    /// Nothing came.
    #[error("the topic {topic} cannot be read: nothing came for {} s{why}", STALLED.as_secs())]
    Stalled {
        /// The topic.
        topic: String,
        /// What librdkafka said last, after a comma.
        why: String,
    },
}

impl ScanError {
    /// Whether no broker has answered: asking again later may help.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Topic(TopicError::Unreachable { .. }) | Self::Stalled { .. } => true,
            Self::Topic(
                TopicError::Missing { .. }
                | TopicError::NotAllowed { .. }
                | TopicError::Other { .. },
            )
            | Self::NoPartition { .. }
            | Self::NoRecord { .. } => false,
            Self::Refused { error, .. } => error
                .rdkafka_error_code()
                .is_some_and(|code| SILENCE.contains(&code)),
        }
    }
}

/// What librdkafka says where brokers do not answer.
const SILENCE: [RDKafkaErrorCode; 4] = [
    RDKafkaErrorCode::BrokerTransportFailure,
    RDKafkaErrorCode::AllBrokersDown,
    RDKafkaErrorCode::OperationTimedOut,
    RDKafkaErrorCode::Resolve,
];

/// A reader without a group.
pub struct Scanner {
    brokers: String,
    consumer: BaseConsumer<Ear>,
}

impl Scanner {
    /// Makes the client; it connects when it is asked something.
    pub fn new(kafka: &Kafka) -> anyhow::Result<Self> {
        Self::with_queue(kafka, Ear::Command, "16384")
    }

    /// The same for few records at a time, which fetches less ahead.
    pub(super) fn of_few(kafka: &Kafka, ear: Ear) -> anyhow::Result<Self> {
        Self::with_queue(kafka, ear, "1024")
    }

    /// A reader of a process that goes on: what goes wrong with its connections is told among its other troubles.
    pub fn beside(kafka: &Kafka, ear: Ear) -> anyhow::Result<Self> {
        Self::with_queue(kafka, ear, "8192")
    }

    fn with_queue(kafka: &Kafka, ear: Ear, queue_kbytes: &str) -> anyhow::Result<Self> {
        let ours = [
            ("queued.max.messages.kbytes", queue_kbytes),
            // Another partition is read only after a fetch under way has come back, which at the end of a topic is this long.
            ("fetch.wait.max.ms", "20"),
        ];
        let consumer = reader_config(kafka, &ours).create_with_context(ear)?;
        Ok(Self {
            brokers: kafka.brokers.clone(),
            consumer,
        })
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: &str) -> Result<i32, TopicError> {
        partitions::count(&self.consumer, &self.brokers, topic, REQUEST_TIMEOUT)
    }

    /// Reads what is on the topic at this moment, from the first record of that time (Unix milliseconds) or from the beginning. Records of a
    /// partition come in their order; `each` may break off.
    pub fn read_all(
        &self,
        topic: &str,
        since_ms: Option<i64>,
        each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        let bounds = self.bounds(topic, since_ms)?;
        self.read_within(topic, bounds, each)
    }

    /// The same from so many offsets before the end of each partition. Where compaction or transactions have left gaps they are fewer records.
    pub fn read_last(
        &self,
        topic: &str,
        most: i64,
        each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        let mut bounds = self.bounds(topic, None)?;
        for (begin, end) in bounds.values_mut() {
            *begin = (*begin).max(end.saturating_sub(most));
        }
        self.read_within(topic, bounds, each)
    }

    /// Reads the records of each partition from its first offset here to before its last. A partition that ends before that has no more.
    pub fn read_within(
        &self,
        topic: &str,
        mut open: BTreeMap<i32, (i64, i64)>,
        mut each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        let mut from = TopicPartitionList::new();
        for (partition, (begin, _)) in &open {
            from.add_partition_offset(topic, *partition, Offset::Offset(*begin))
                .map_err(|error| failed(topic, error))?;
        }
        self.consumer
            .assign(&from)
            .map_err(|error| failed(topic, error))?;
        while !open.is_empty() {
            match self.next(topic)? {
                Next::End(partition) => {
                    open.remove(&partition);
                }
                Next::Record(record) => {
                    let Some((_, end)) = open.get(&record.partition) else {
                        continue;
                    };
                    let (partition, next, end) = (record.partition, record.offset + 1, *end);
                    if next <= end && each(record).is_break() {
                        break;
                    }
                    if next >= end {
                        open.remove(&partition);
                    }
                }
            }
        }
        self.consumer
            .unassign()
            .map_err(|error| failed(topic, error))
    }

    /// Reads exactly these records, which must be sorted; one may be named several times, and comes as often. Each comes with its index,
    /// `None` if it is not there any more; `each` may break off.
    pub fn read_these(
        &self,
        places: &[Place],
        each: impl FnMut(usize, Option<Record>) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        self.read_places(places, BeyondTheEnd::Gone, each)
    }

    /// The same for records that were read before: one that lies beyond the end is not gone, a broker that has just taken over may not
    /// know of it yet.
    pub(super) fn read_known(
        &self,
        places: &[Place],
        each: impl FnMut(usize, Option<Record>) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        self.read_places(places, BeyondTheEnd::NotYetThere, each)
    }

    fn read_places(
        &self,
        places: &[Place],
        beyond: BeyondTheEnd,
        mut each: impl FnMut(usize, Option<Record>) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        let mut first = 0;
        let same = |left: &Place, right: &Place| {
            left.topic == right.topic && left.partition == right.partition
        };
        for of_partition in places.chunk_by(same) {
            let offsets = of_partition.iter().map(|place| place.offset);
            if let Some(place) = of_partition.first() {
                let wanted: Vec<(usize, i64)> = (first..).zip(offsets).collect();
                if self
                    .read_offsets(place, &wanted, beyond, &mut each)?
                    .is_break()
                {
                    break;
                }
            }
            first += of_partition.len();
        }
        Ok(())
    }

    /// Reads these offsets of one partition.
    fn read_offsets(
        &self,
        of: &Place,
        wanted: &[(usize, i64)],
        beyond: BeyondTheEnd,
        each: &mut impl FnMut(usize, Option<Record>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ScanError> {
        let topic = of.topic.as_ref();
        let is_known = beyond == BeyondTheEnd::NotYetThere;
        let (begin, end) = if is_known || of.partition < self.partitions(topic)? {
            self.consumer
                .fetch_watermarks(topic, of.partition, REQUEST_TIMEOUT)
                .map_err(|error| failed(topic, error))?
        } else {
            (0, 0)
        };
        let mut wanted = wanted.iter().copied().peekable();
        // The offset that comes next, if the consumer is anywhere near.
        let mut position: Option<i64> = None;
        while let Some(&(index, offset)) = wanted.peek() {
            if is_known && offset >= end {
                return Err(not_yet_there(topic));
            }
            if offset < begin || offset >= end || position.is_some_and(|next| next > offset) {
                wanted.next();
                if each(index, None).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            if position.is_none_or(|next| offset - next > WORTH_A_JUMP) {
                self.go_to(of, offset)?;
            }
            match self.next(topic)? {
                // A compacted topic may end in records that are not there.
                Next::End(partition) if partition != of.partition => {}
                Next::End(_) if is_known => return Err(not_yet_there(topic)),
                Next::End(_) => position = Some(end),
                Next::Record(record) => {
                    position = Some(record.offset + 1);
                    // It may be wanted several times.
                    while let Some((index, _)) = wanted.next_if(|(_, of)| *of == record.offset) {
                        if each(index, Some(record.clone())).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Fetches no more until something is wanted again.
    pub(super) fn rest(&self) {
        if let Err(error) = self.consumer.unassign() {
            tracing::warn!(%error, "the reader of records that were set aside goes on fetching");
        }
    }

    fn go_to(&self, of: &Place, offset: i64) -> Result<(), ScanError> {
        let topic = of.topic.as_ref();
        let mut from = TopicPartitionList::new();
        let there = from.add_partition_offset(topic, of.partition, Offset::Offset(offset));
        there
            // Assigned anew, the consumer forgets what it had fetched of the old place.
            .and_then(|()| self.consumer.unassign())
            .and_then(|()| self.consumer.assign(&from))
            .map_err(|error| failed(topic, error))
    }

    /// The next record, or the end of a partition. Waits as long as a broker may need to come back.
    fn next(&self, topic: &str) -> Result<Next, ScanError> {
        let n_polls = STALLED.as_millis() / POLL.as_millis();
        let mut why = String::new();
        for _ in 0..n_polls {
            match self.consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => return Ok(Next::Record(detach(&message))),
                Some(Err(KafkaError::PartitionEOF(partition))) => return Ok(Next::End(partition)),
                Some(Err(error)) if is_final(&error) => return Err(failed(topic, error)),
                Some(Err(error)) => why = format!(", {error}"),
            }
        }
        let topic = topic.to_owned();
        Err(ScanError::Stalled { topic, why })
    }
}

enum Next {
    Record(Record),
    End(i32),
}

/// What becomes of a wanted record that lies beyond the end of its partition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BeyondTheEnd {
    Gone,
    NotYetThere,
}

fn not_yet_there(topic: &str) -> ScanError {
    ScanError::Stalled {
        topic: topic.to_owned(),
        why: ", its end lies before a record that was read".to_owned(),
    }
}

fn failed(topic: &str, error: KafkaError) -> ScanError {
    let topic = topic.to_owned();
    ScanError::Refused { topic, error }
}

/// What no waiting mends.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::Fatal
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::kafka::embedded::EmbeddedBroker;
    use crate::edges::kafka::test_client::Upstream;
    use crate::edges::kafka::test_kafka::kafka;

    #[test]
    fn a_broker_that_cannot_look_a_time_up_is_read_from_the_beginning() {
        let broker = EmbeddedBroker::start(["events", "none"], 2).unwrap();
        let upstream = Upstream::new(&broker.address()).unwrap();
        for number in 0..10 {
            let key = format!("key-{number}");
            upstream.publish("events", &key, &[], b"{}").unwrap();
        }
        upstream.flush().unwrap();
        let scanner = Scanner::new(&kafka(broker.address(), &[])).unwrap();
        let n_read = |topic: &str| {
            let mut n_read = 0;
            let each = |_: Record| {
                n_read += 1;
                ControlFlow::Continue(())
            };
            scanner
                .read_all(topic, Some(1_700_000_000_000), each)
                .unwrap();
            n_read
        };
        assert_eq!(n_read("events"), 10);
        assert_eq!(n_read("none"), 0);
    }
}
