//! Asks the cluster whether it takes idempotent producers, by a producer that publishes nothing.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Mode, Refusal, refusal_in, refusal_in_log};
use crate::config::Kafka;
use crate::edges::kafka::producer::Purpose;
use crate::edges::kafka::trouble::Ear;

/// What the cluster says to an idempotent producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It gave a producer id.
    Allowed,
    /// It gives none, to us or to any client.
    Refused(Refusal),
    /// It has not answered. Says what was heard instead.
    NotKnown(String),
}

/// How often librdkafka tells of its state, in milliseconds: that an id came is told nowhere else.
const TELL_EVERY: &str = "50";

/// How often it is looked whether the producer has been refused.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Asks. Blocks, for no longer than `limit`.
pub fn ask(kafka: &Kafka, ear: Ear, limit: Duration) -> Answer {
    let (heard_in, heard) = channel();
    match make(kafka, ear, heard_in) {
        Ok(producer) => wait(&producer, &heard, limit),
        Err(error) => Answer::NotKnown(error.to_string()),
    }
}

fn make(kafka: &Kafka, ear: Ear, heard: Sender<Heard>) -> KafkaResult<ThreadedProducer<Probe>> {
    let mut config = Purpose::Outcomes(Mode::Idempotent).config(kafka);
    // Whatever the user says of it: without, nothing is heard.
    config.set("statistics.interval.ms", TELL_EVERY);
    let heard = Mutex::new(heard);
    config.create_with_context(Probe { ear, heard })
}

fn wait(producer: &ThreadedProducer<Probe>, heard: &Receiver<Heard>, limit: Duration) -> Answer {
    let deadline = Instant::now() + limit;
    let mut why = "no broker answers".to_owned();
    while Instant::now() < deadline {
        match heard.recv_timeout(LOOK_EVERY) {
            Ok(Heard::Id) => return Answer::Allowed,
            Ok(Heard::Refusal(refusal)) => return Answer::Refused(refusal),
            Ok(Heard::Trouble(trouble)) => why = trouble,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some((code, reason)) = producer.client().fatal_error() {
            let refusal = refusal_in(code, &reason);
            return refusal.map_or_else(|| Answer::NotKnown(reason), Answer::Refused);
        }
    }
    Answer::NotKnown(why)
}

enum Heard {
    Id,
    Refusal(Refusal),
    Trouble(String),
}

struct Probe {
    ear: Ear,
    heard: Mutex<Sender<Heard>>,
}

impl Probe {
    fn tell(&self, heard: Heard) {
        let sender = self
            .heard
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if sender.send(heard).is_err() {
            tracing::trace!("the cluster has answered already");
        }
    }
}

/// What is read of librdkafka's statistics.
#[derive(Deserialize)]
struct Statistics {
    eos: Option<Eos>,
}

#[derive(Deserialize)]
struct Eos {
    idemp_state: String,
}

impl ClientContext for Probe {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some(refusal) = refusal_in_log(facility, message) {
            self.tell(Heard::Refusal(refusal));
        }
        self.ear.hear_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the producer that asks reports an error");
        self.tell(Heard::Trouble(reason.to_owned()));
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let statistics = serde_json::from_slice::<Statistics>(statistics);
        let state = statistics.ok().and_then(|statistics| statistics.eos);
        if state.is_some_and(|eos| eos.idemp_state == "Assigned") {
            self.tell(Heard::Id);
        }
    }
}

impl ProducerContext for Probe {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, _tag: ()) {}
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;
    use crate::config::ProducerSetting;
    use crate::edges::kafka::producer::mode::choose;
    use crate::edges::kafka::test_kafka;

    const LIMIT: Duration = Duration::from_secs(20);

    fn kafka(brokers: String, producer: ProducerSetting) -> Kafka {
        Kafka {
            producer,
            ..test_kafka::kafka(brokers, &[])
        }
    }

    fn cluster(refuses: RDKafkaRespErr) -> MockCluster<'static, DefaultProducerContext> {
        let cluster = MockCluster::new(1).unwrap();
        cluster.request_errors(RDKafkaApiKey::InitProducerId, &[refuses; 20]);
        cluster
    }

    #[test]
    fn a_cluster_that_gives_ids_gets_an_idempotent_producer() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
        let kafka = kafka(cluster.bootstrap_servers(), ProducerSetting::Auto);
        assert_eq!(ask(&kafka, Ear::Command, LIMIT), Answer::Allowed);
        assert_eq!(
            choose(&kafka, Ear::Command, LIMIT).unwrap().mode,
            Mode::Idempotent
        );
    }

    #[test]
    fn a_refusal_makes_a_plain_one_of_auto_and_an_error_of_idempotent() {
        for code in [
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
        ] {
            let cluster = cluster(code);
            let auto = kafka(cluster.bootstrap_servers(), ProducerSetting::Auto);
            let chosen = choose(&auto, Ear::Command, LIMIT).unwrap();
            assert_eq!(chosen.mode, Mode::Plain, "{chosen:?}");
            assert!(chosen.why.contains("refuses"), "{chosen:?}");
            let insists = kafka(cluster.bootstrap_servers(), ProducerSetting::Idempotent);
            let error = choose(&insists, Ear::Command, LIMIT)
                .unwrap_err()
                .to_string();
            assert!(error.contains("producer = \"auto\""), "{error}");
        }
    }

    #[test]
    fn an_outage_is_no_refusal() {
        let kafka = kafka(test_kafka::closed(), ProducerSetting::Auto);
        let chosen = choose(&kafka, Ear::Command, Duration::from_millis(500)).unwrap();
        assert_eq!(chosen.mode, Mode::Idempotent, "{chosen:?}");
        assert!(chosen.why.contains("has not said"), "{chosen:?}");
    }
}
