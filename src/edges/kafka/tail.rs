//! Follows one topic outside any group, from its newest end on: for who wants to see what comes, and reads what came before by other means
//! ([`Scanner`](super::scan::Scanner)).

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::consumer::detach;
use super::partitions::{self, TopicError};
use super::statistics::{self, Statistics};
use super::trouble::Ear;
use super::{cause::Cause, reader_config};
use crate::config::Kafka;
use wx_courier_core::model::Record;

/// How long the cluster may take to answer a question.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Which offsets a partition has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first one that is still there.
    pub low: i64,
    /// The next one that will be written.
    pub end: i64,
}

/// What a poll gave.
#[derive(Debug)]
pub enum Polled {
    /// A record.
    Record(Record),
    /// Nothing for now.
    Nothing,
    /// Something is wrong with the topic or the cluster, in a sentence. It is tried again.
    Trouble(String),
}

/// A follower of one topic.
pub struct Tail {
    brokers: String,
    topic: String,
    consumer: BaseConsumer<Listening>,
}

impl Tail {
    /// Makes the client; it connects when it is asked something. `ear` hears what goes wrong with its connections.
    pub fn new(kafka: &Kafka, topic: &str, ear: Ear) -> anyhow::Result<Self> {
        let ours = [
            ("queued.max.messages.kbytes", "4096"),
            // A record is given as soon as it is there.
            ("fetch.wait.max.ms", "100"),
            ("fetch.queue.backoff.ms", "50"),
            // A topic that is not there yet, or a broker that comes back, is seen soon.
            ("topic.metadata.refresh.interval.ms", "10000"),
            ("reconnect.backoff.max.ms", "2000"),
        ];
        let mut config = reader_config(kafka, &ours);
        config.set("statistics.interval.ms", statistics::EVERY);
        Ok(Self {
            brokers: kafka.brokers.clone(),
            topic: topic.to_owned(),
            consumer: config.create_with_context(Listening(ear))?,
        })
    }

    /// Which offsets each partition has now.
    pub fn extents(&self) -> Result<BTreeMap<i32, Extent>, TopicError> {
        let count = partitions::count(&self.consumer, &self.brokers, &self.topic, REQUEST_TIMEOUT);
        let told = count.as_ref().map(|_| ());
        self.consumer.context().0.looked(&self.topic, told);
        let mut extents = BTreeMap::new();
        for partition in 0..count? {
            let found = self
                .consumer
                .fetch_watermarks(&self.topic, partition, REQUEST_TIMEOUT);
            let (low, end) = found.map_err(|error| self.failed(error))?;
            extents.insert(partition, Extent { low, end });
        }
        Ok(extents)
    }

    fn failed(&self, error: KafkaError) -> TopicError {
        let (topic, brokers) = (self.topic.clone(), self.brokers.clone());
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                TopicError::Missing { topic, brokers }
            }
            Some(code @ Code::TopicAuthorizationFailed) => TopicError::NotAllowed {
                topic,
                brokers,
                code,
            },
            Some(_) | None => TopicError::Unreachable { brokers, error },
        }
    }

    /// Reads these partitions from these offsets on, and no others any more.
    pub fn follow(&self, from: &BTreeMap<i32, i64>) -> KafkaResult<()> {
        let mut assigned = TopicPartitionList::new();
        for (partition, offset) in from {
            assigned.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))?;
        }
        // Assigned anew, the consumer forgets what it had fetched of other places.
        self.consumer.unassign()?;
        self.consumer.assign(&assigned)
    }

    /// Waits for a record, as long as this.
    pub fn poll(&self, wait: Duration) -> Polled {
        let ear = &self.consumer.context().0;
        match self.consumer.poll(wait) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => Polled::Nothing,
            Some(Ok(message)) => {
                ear.reached();
                Polled::Record(detach(&message))
            }
            Some(Err(error)) => {
                // What is a matter of connections is told among the troubles; here it is in one sentence.
                let _told = ear.hear_error(&error);
                Polled::Trouble(self.explain(&error))
            }
        }
    }

    fn explain(&self, error: &KafkaError) -> String {
        let said = error.to_string();
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                format!("the topic {} is not there any more", self.topic)
            }
            Some(Code::TopicAuthorizationFailed) => format!(
                "the cluster does not let us read the topic {}: the user of [kafka.options] needs the right Read on it",
                self.topic
            ),
            code @ (Some(_) | None) => {
                let cause = Cause::of(code, &said);
                format!(
                    "the topic {} cannot be read: {said}; {}",
                    self.topic,
                    cause.help()
                )
            }
        }
    }
}

/// What a follower's client is told.
struct Listening(Ear);

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.hear_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            self.0.cut_off();
        }
        // The poll that it was told in gives it as well.
        tracing::debug!(%error, reason, "a follower of a topic reports an error");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Some(statistics) = Statistics::read(statistics) {
            if statistics.is_connected() {
                self.0.reached();
            }
            self.0.up(|| statistics.connected());
        }
    }
}

impl ConsumerContext for Listening {}
