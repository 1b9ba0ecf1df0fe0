//! The producer of replayed records: back to their source topics, each acknowledged or given up.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::producer::BaseRecord;
use tokio::sync::mpsc;

use super::mode::Mode;
use super::{Producer, PublishError, Purpose, headers_of};
use crate::config::Kafka;
use crate::edges::kafka::trouble::Ear;
use wx_courier_core::model::Record;

/// What became of a record, by the number under which it was handed over.
#[derive(Debug)]
pub struct Delivery {
    /// The number.
    pub number: usize,
    /// Whether the broker has it.
    pub result: Result<(), PublishError>,
}

/// Publishes records to where they came from.
pub struct Republisher {
    producer: Producer<usize>,
    partitions: BTreeMap<Arc<str>, i32>,
}

impl Republisher {
    /// Connects, by a producer of this mode. `partitions` says how many partitions each topic has today; every record handed over is answered on `deliveries`.
    pub fn new(
        kafka: &Kafka,
        mode: Mode,
        partitions: BTreeMap<Arc<str>, i32>,
        deliveries: mpsc::UnboundedSender<Delivery>,
    ) -> anyhow::Result<Self> {
        let tell = move |number, result: Result<(), _>| {
            let result = result.map_err(PublishError::of);
            if deliveries.send(Delivery { number, result }).is_err() {
                tracing::debug!("the replay has ended before an acknowledgement reached it");
            }
        };
        Ok(Self {
            producer: Producer::make(Purpose::Replay(mode), kafka, Ear::Command, tell)?,
            partitions,
        })
    }

    /// Hands a record over, to its topic and the same partition: its key led there once, whatever rule the publisher chose by, and
    /// records of one key stay in one partition. Only where the partition does not exist any more the key chooses anew.
    pub fn publish(&self, number: usize, record: &Record) {
        let headers = record.headers.iter();
        let headers = headers.map(|(key, value)| (key.as_str(), value.as_deref()));
        let mut again =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&record.topic, Box::new(number))
                .headers(headers_of(headers));
        again.key = record.key.as_deref();
        again.payload = record.value.as_deref();
        let n_partitions = self.partitions.get(&record.topic).copied();
        if n_partitions.is_some_and(|n_partitions| record.partition < n_partitions) {
            again = again.partition(record.partition);
        }
        self.producer.send_when_there_is_room(again);
    }
}
