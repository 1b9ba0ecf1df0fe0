//! The producer of replayed records: back to their source topics, each acknowledged or given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;

use super::{BATCH_BYTES, client_config, log};
use crate::config::Kafka;
use wx_courier_core::model::Record;

/// What became of a record, by the number under which it was handed over.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The number.
    pub number: usize,
    /// Whether the broker has it.
    pub fate: Fate,
}

/// What became of a record.
#[derive(Clone, Debug)]
pub enum Fate {
    /// The broker has it.
    Acknowledged,
    /// Its topic does not accept records of this size.
    TooLarge,
    /// The broker has not taken it.
    Failed(KafkaError),
}

impl Fate {
    fn of(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge,
            ) => Self::TooLarge,
            _ => Self::Failed(error),
        }
    }
}

/// Publishes records to where they came from.
pub struct Republisher {
    producer: ThreadedProducer<Context>,
    partitions: BTreeMap<Arc<str>, i32>,
}

impl Republisher {
    /// Connects. `partitions` says how many partitions each topic has today; every record handed over is answered on `deliveries`.
    pub fn new(
        kafka: &Kafka,
        partitions: BTreeMap<Arc<str>, i32>,
        deliveries: mpsc::UnboundedSender<Delivery>,
    ) -> anyhow::Result<Self> {
        let ours = [
            ("enable.idempotence", "true"),
            ("linger.ms", "5"),
            ("batch.size", &BATCH_BYTES.to_string()),
            // What was accepted once may have grown by our headers.
            ("message.max.bytes", "16777216"),
            // For a partition that is not there any more: as the producers of the Java world choose.
            ("partitioner", "murmur2_random"),
        ];
        let context = Context { deliveries };
        Ok(Self {
            producer: client_config(kafka, &ours).create_with_context(context)?,
            partitions,
        })
    }

    /// Hands a record over, to its topic and the same partition: its key led there once, whatever rule the publisher chose by, and
    /// records of one key stay in one partition. Only where the partition does not exist any more the key chooses anew.
    pub fn publish(&self, number: usize, record: &Record) {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let mut again =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&record.topic, Box::new(number))
                .headers(headers);
        again.key = record.key.as_deref();
        again.payload = record.value.as_deref();
        let n_partitions = self.partitions.get(&record.topic).copied();
        if n_partitions.is_some_and(|n_partitions| record.partition < n_partitions) {
            again = again.partition(record.partition);
        }
        while let Err((error, unsent)) = self.producer.send(again) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                let number = *unsent.delivery_opaque;
                self.producer.context().tell(number, Fate::of(error));
                return;
            }
            self.producer.flush(Duration::from_millis(100)).ok();
            again = unsent;
        }
    }
}

struct Context {
    deliveries: mpsc::UnboundedSender<Delivery>,
}

impl Context {
    fn tell(&self, number: usize, fate: Fate) {
        if self.deliveries.send(Delivery { number, fate }).is_err() {
            tracing::debug!("the replay has ended before an acknowledgement reached it");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the producer reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let fate = match result {
            Ok(_) => Fate::Acknowledged,
            Err((error, _)) => Fate::of(error.clone()),
        };
        self.tell(*number, fate);
    }
}
