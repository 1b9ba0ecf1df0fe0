//! A client that is not the service: it publishes records and watches topics, as an upstream team or a dashboard would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use tokio::sync::mpsc;

use super::consumer::detach;
use wx_courier_core::model::Record;

/// Publishes records.
pub struct Upstream {
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Upstream {
    /// Connects.
    pub fn new(brokers: &str) -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("linger.ms", "2");
        Ok(Self {
            producer: config.create()?,
        })
    }

    /// Hands a record over; a full queue is waited for.
    pub fn publish(
        &self,
        topic: &str,
        key: &str,
        headers: &[(&str, &str)],
        value: &[u8],
    ) -> KafkaResult<()> {
        let mut owned = OwnedHeaders::new();
        for (key, value) in headers {
            owned = owned.insert(Header {
                key,
                value: Some(*value),
            });
        }
        let mut record = BaseRecord::to(topic).key(key).payload(value).headers(owned);
        while let Err((error, unsent)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            self.producer.flush(Duration::from_millis(100)).ok();
            record = unsent;
        }
        Ok(())
    }

    /// Waits until the broker has everything.
    pub fn flush(&self) -> KafkaResult<()> {
        self.producer.flush(Duration::from_mins(1))
    }
}

/// Reads topics from their beginning, as its own group of one.
pub struct Watcher {
    /// What was published, in order within a partition.
    pub records: mpsc::UnboundedReceiver<Record>,
    is_done: Arc<AtomicBool>,
}

impl Watcher {
    /// Starts to read, on a thread of its own.
    pub fn start(brokers: &str, group: &str, topics: &[&str]) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("group.id", group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create()?;
        consumer.subscribe(topics)?;
        let (sender, records) = mpsc::unbounded_channel();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let watch = move || {
            while !done.load(Ordering::Relaxed) {
                let Some(polled) = consumer.poll(Duration::from_millis(50)) else {
                    continue;
                };
                let sent = match polled {
                    Ok(message) => sender.send(detach(&message)).is_ok(),
                    Err(error) => {
                        tracing::debug!(%error, "watching failed, trying again");
                        true
                    }
                };
                if !sent {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("watcher".to_owned())
            .spawn(watch)?;
        Ok(Self { records, is_done })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Relaxed);
    }
}
