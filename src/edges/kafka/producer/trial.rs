//! Whether we may write to a topic, without writing: a record that no broker keeps.
//!
//! It asks for the acknowledgement of two brokers, which Kafka has not known since 0.9. The broker looks at our rights first, and then refuses
//! the request whole.

use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::Purpose;
use crate::config::Kafka;
use crate::edges::kafka::log;
use crate::edges::kafka::standing::Standing;

/// No broker acknowledges so.
const NO_ACKS: &str = "2";

/// The key, should a broker that is not quite Kafka keep it after all: the record itself says whence it is.
const KEY: &str = "wx-courier check --broker";

/// Tries. Blocks, for no longer than `limit`.
pub fn try_to_write(kafka: &Kafka, topic: &str, limit: Duration) -> KafkaResult<Standing> {
    let mut config = Purpose::Awaited.config(kafka);
    config
        .remove("request.required.acks")
        .set("acks", NO_ACKS)
        .set("retries", "0")
        .set("message.timeout.ms", limit.as_millis().to_string());
    let (answer, answered) = channel();
    let producer: ThreadedProducer<Trial> = config.create_with_context(Trial)?;
    let record = BaseRecord::<str, [u8], _>::with_opaque_to(topic, Box::new(answer)).key(KEY);
    if let Err((error, _)) = producer.send(record) {
        return Ok(standing(Err(error)));
    }
    let result = answered.recv_timeout(limit);
    producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
    Ok(match result {
        Ok(result) => standing(result),
        Err(_) => Standing::NotKnown("no broker answers".to_owned()),
    })
}

fn standing(result: Result<(), KafkaError>) -> Standing {
    let error = match result {
        Ok(()) => {
            return Standing::NotKnown(format!(
                "this broker keeps what Kafka refuses: a record with the key \"{KEY}\" and no value is on the topic now, so writing is allowed"
            ));
        }
        Err(error) => error,
    };
    match error.rdkafka_error_code() {
        Some(Code::InvalidRequiredAcks) => Standing::Allowed,
        code => Standing::of(code, &error.to_string()),
    }
}

struct Trial;

impl ClientContext for Trial {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the producer that tries reports an error");
    }
}

impl ProducerContext for Trial {
    type DeliveryOpaque = Box<std::sync::mpsc::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        if answer.send(result).is_err() {
            tracing::debug!("the answer to the trial has come too late");
        }
    }
}
