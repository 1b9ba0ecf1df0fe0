//! A producer for records that somebody waits for: each is answered when the broker has it, or will not get it.
//!
//! It is not idempotent, so there is no sequence that it could lose and no state in which it never publishes again. What it may publish
//! twice for that (a receipt, a mini program's event) has an id that tells the second from a new one.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::{BATCH_BYTES, client_config, log};
use crate::config::Kafka;

/// How long a record may wait for its broker: somebody waits for the answer.
const PATIENCE_MS: &str = "5000";

/// How many records may wait. Each has somebody who waits, so it is never near.
const MOST_WAITING: &str = "10000";

/// A record to be published.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
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

/// Why a record was not published.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Its topic does not accept records of this size.
    #[error("the topic does not accept records of this size")]
    TooLarge,
    /// The broker has not taken it; it may be tried again.
    #[error("the broker has not taken the record: {0}")]
    Failed(KafkaError),
    /// The producer has ended.
    #[error("the producer has ended")]
    Closed,
}

impl PostError {
    fn of(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge,
            ) => Self::TooLarge,
            _ => Self::Failed(error),
        }
    }
}

/// Publishes records one by one.
pub struct Postbox {
    producer: ThreadedProducer<Context>,
}

impl Postbox {
    /// Makes the producer; it connects by itself.
    pub fn new(kafka: &Kafka) -> Result<Self, KafkaError> {
        let ours = [
            ("acks", "all"),
            ("linger.ms", "2"),
            ("batch.size", &BATCH_BYTES.to_string()),
            ("message.timeout.ms", PATIENCE_MS),
            ("queue.buffering.max.messages", MOST_WAITING),
        ];
        let producer = client_config(kafka, &ours).create_with_context(Context)?;
        Ok(Self { producer })
    }

    /// Publishes a record and waits for the broker's acknowledgement.
    pub async fn publish(&self, letter: &Letter<'_>) -> Result<(), PostError> {
        let (answer, answered) = oneshot::channel();
        let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len());
        for (key, value) in letter.headers {
            headers = headers.insert(Header {
                key,
                value: Some(*value),
            });
        }
        let record = BaseRecord::with_opaque_to(letter.topic, Box::new(answer))
            .key(letter.key)
            .payload(letter.value)
            .timestamp(letter.at_ms)
            .headers(headers);
        self.producer
            .send(record)
            .map_err(|(error, _)| PostError::of(error))?;
        match answered.await {
            Ok(delivered) => delivered.map_err(PostError::of),
            Err(_) => Err(PostError::Closed),
        }
    }
}

struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the producer reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let delivered = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        if answer.send(delivered).is_err() {
            tracing::debug!("nobody waits for an acknowledgement any more");
        }
    }
}
