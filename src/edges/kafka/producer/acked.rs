//! A producer for records that a caller waits for: each is answered when the broker has it, or will not get it.
//!
//! What it may publish twice (a receipt, a mini program's event) has an id that tells the second from a new one.

use rdkafka::error::KafkaError;
use rdkafka::producer::BaseRecord;
use tokio::sync::oneshot;

use super::{Producer, PublishError, Purpose, headers_of};
use crate::config::Kafka;
use crate::edges::kafka::trouble::Ear;

/// A record to be published.
#[derive(Clone, Debug)]
pub struct OutgoingRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The key.
    pub key: &'a str,
    /// The headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The value.
    pub value: &'a [u8],
    /// The time, in Unix milliseconds.
    pub at_ms: i64,
}

/// Publishes records one by one.
pub struct AckedProducer(Producer<Waiter>);

type Waiter = oneshot::Sender<Result<(), KafkaError>>;

impl AckedProducer {
    /// Makes the producer; it connects by itself.
    pub fn new(kafka: &Kafka, ear: Ear) -> Result<Self, KafkaError> {
        let tell = |waiter: Waiter, result| {
            if waiter.send(result).is_err() {
                tracing::debug!("no caller waits for an acknowledgement any more");
            }
        };
        Producer::make(Purpose::Awaited, kafka, ear, tell).map(Self)
    }

    /// Publishes a record and waits for the broker's acknowledgement.
    pub async fn publish(&self, record: &OutgoingRecord<'_>) -> Result<(), PublishError> {
        let (waiter, answered) = oneshot::channel();
        let headers = record.headers.iter();
        let headers = headers.map(|(key, value)| (*key, Some(*value)));
        self.0.send(
            BaseRecord::with_opaque_to(record.topic, Box::new(waiter))
                .key(record.key)
                .payload(record.value)
                .timestamp(record.at_ms)
                .headers(headers_of(headers)),
        );
        match answered.await {
            Ok(result) => result.map_err(PublishError::of),
            Err(_) => Err(PublishError::Closed),
        }
    }
}
