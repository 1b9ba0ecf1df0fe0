//! Producers: how one is made, how the broker's answers come back, what a refusal is about, and what waits for room. Three are built on
//! it: of outcomes and dead letters, of records that a caller waits for, and of replayed records.

pub mod acked;
pub mod mode;
mod outcomes;
mod refusal;
pub mod republish;
pub mod trial;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message as _, OwnedHeaders, ToBytes};
use rdkafka::producer::{
    BaseRecord, DefaultProducerContext, DeliveryResult, Producer as _, ProducerContext,
    ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;

use super::standing::{Deed, is_about_rights};
use super::statistics::{self, Statistics};
use super::trouble::Ear;
use super::{BATCH_BYTES, client_config};
use crate::config::{Kafka, ProducerSetting};
use mode::{Mode, Refusal, refusal_in, refusal_in_log};
pub use outcomes::{Publication, Publisher, Replacement};
pub use refusal::PublishError;

/// What a producer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Outcomes and dead letters.
    Outcomes(Mode),
    /// Replayed records.
    Replay(Mode),
    /// Records that a caller waits for.
    Awaited,
}

/// Dead letters and replayed records carry more headers than the record that they repeat, so they may be larger than what the source
/// topic accepted.
const LARGEST_RECORD_BYTES: &str = "16777216";

impl Purpose {
    /// The properties in which producers differ.
    fn properties(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Outcomes(mode) => {
                let own = [
                    ("linger.ms", "5"),
                    ("message.max.bytes", LARGEST_RECORD_BYTES),
                ];
                [mode.properties(), &own].concat()
            }
            Self::Replay(mode) => {
                let own = [
                    ("linger.ms", "5"),
                    ("message.max.bytes", LARGEST_RECORD_BYTES),
                    // For a partition that is not there any more: as the producers of the Java world choose.
                    ("partitioner", "murmur2_random"),
                ];
                [mode.properties(), &own].concat()
            }
            // It is not idempotent, so there is no sequence that it could lose and no state in which it never publishes again.
            Self::Awaited => vec![
                ("acks", "all"),
                ("linger.ms", "2"),
                // A caller waits for the answer.
                ("message.timeout.ms", "5000"),
                // A topic that is not there is told as that, and not as a broker that does not answer. One that a broker makes by itself is
                // there by then.
                ("topic.metadata.propagation.max.ms", "3000"),
                // Each record has a caller that waits, so this is never near.
                ("queue.buffering.max.messages", "10000"),
            ],
        }
    }

    fn config(self, kafka: &Kafka) -> ClientConfig {
        let batch_bytes = BATCH_BYTES.to_string();
        let mut ours = vec![("batch.size", batch_bytes.as_str())];
        ours.extend(self.properties());
        let mut config = client_config(kafka, &ours);
        // Whatever the user says of it: without, it is not heard which connections are up again.
        config.set("statistics.interval.ms", statistics::EVERY);
        config
    }
}

/// A producer that knows each of its records by a tag, and tells by that what became of the record: once, whatever happens.
struct Producer<T: Send + Sync + 'static>(ThreadedProducer<Reports<T>>);

/// What librdkafka tells a producer of ours: log lines, errors, and what became of each record.
struct Reports<T> {
    purpose: Purpose,
    ear: Ear,
    tell: Box<Tell<T>>,
    /// What the log has told of a refusal that librdkafka takes for passing.
    refusal: OnceLock<Refusal>,
}

type Tell<T> = dyn Fn(T, Result<(), KafkaError>) + Send + Sync;

impl<T: Send + Sync + 'static> Producer<T> {
    /// Makes one; it connects by itself. `tell` is called on the producer's thread, or where a record is not even taken, on the caller's.
    fn make(
        purpose: Purpose,
        kafka: &Kafka,
        ear: Ear,
        tell: impl Fn(T, Result<(), KafkaError>) + Send + Sync + 'static,
    ) -> Result<Self, KafkaError> {
        let tell = Box::new(tell);
        let refusal = OnceLock::new();
        let reports = Reports {
            purpose,
            ear,
            tell,
            refusal,
        };
        purpose.config(kafka).create_with_context(reports).map(Self)
    }

    /// Hands a record over.
    fn send<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(&self, record: BaseRecord<'_, K, P, Box<T>>) {
        if let Err((error, unsent)) = self.0.send(record) {
            self.refuse(*unsent.delivery_opaque, error);
        }
    }

    /// Hands a record over; a full queue is waited for, and the thread with it.
    fn send_when_there_is_room<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, K, P, Box<T>>,
    ) {
        while let Err((error, unsent)) = self.0.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return self.refuse(*unsent.delivery_opaque, error);
            }
            self.0.flush(Duration::from_millis(100)).ok();
            record = unsent;
        }
    }

    /// Tells that a record will not be published.
    fn refuse(&self, tag: T, error: KafkaError) {
        (self.0.context().tell)(tag, Err(error));
    }

    /// Why it never publishes again, if it does not.
    fn end(&self) -> Option<End> {
        if let Some((code, reason)) = self.0.client().fatal_error() {
            let refusal = refusal_in(code, &reason);
            return Some(refusal.map_or(End::Fatal { code, reason }, End::Refused));
        }
        self.0.context().refusal.get().cloned().map(End::Refused)
    }

    /// Waits until everything handed over has been answered.
    fn flush(&self, limit: Duration) -> Result<(), KafkaError> {
        self.0.flush(limit)
    }
}

/// Why a producer never publishes again.
enum End {
    /// The cluster refuses idempotent producers.
    Refused(Refusal),
    /// This one has been fenced, or has lost its sequence.
    Fatal {
        code: RDKafkaErrorCode,
        reason: String,
    },
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Fatal { code, reason } => write!(f, "{code}: {reason}"),
        }
    }
}

impl<T: Send + Sync + 'static> ClientContext for Reports<T> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some(refusal) = refusal_in_log(facility, message) {
            self.refusal.get_or_init(|| refusal);
        }
        self.ear.hear_line(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.ear.up(|| {
            let statistics = Statistics::read(statistics);
            statistics.map_or_else(Vec::new, |statistics| statistics.connected())
        });
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // What matters of it is told with the records, and with the connections.
        match (self.purpose, self.ear.hear_error(&error)) {
            (Purpose::Outcomes(_), Some(error)) => {
                tracing::warn!(%error, reason, "the producer reports an error");
            }
            (Purpose::Outcomes(_), None) | (Purpose::Replay(_) | Purpose::Awaited, _) => {
                tracing::debug!(%error, reason, "the producer reports an error");
            }
        }
    }
}

impl<T: Send + Sync + 'static> ProducerContext for Reports<T> {
    type DeliveryOpaque = Box<T>;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: Box<T>) {
        let result = match result {
            Ok(record) => {
                self.ear.wrote(record.topic());
                Ok(())
            }
            Err((error, record)) => {
                let code = error.rdkafka_error_code();
                // What is awaited is not tried again by itself: its caller says so, and no next record would end the trouble.
                if let (Purpose::Outcomes(_), Some(code)) = (self.purpose, code)
                    && is_about_rights(code)
                {
                    let deed = Deed::Write(record.topic().to_owned());
                    self.ear.refused(deed, code);
                }
                Err(error.clone())
            }
        };
        (self.tell)(*tag, result);
    }
}

/// Headers in the form of librdkafka.
fn headers_of<'a, V: ToBytes + ?Sized + 'a>(
    headers: impl IntoIterator<Item = (&'a str, Option<&'a V>)>,
) -> OwnedHeaders {
    let headers = headers.into_iter();
    let empty = OwnedHeaders::new_with_capacity(headers.size_hint().0);
    headers.fold(empty, |headers, (key, value)| {
        headers.insert(Header { key, value })
    })
}

/// Makes a producer that does nothing, to hear what librdkafka thinks of its properties.
pub(super) fn try_to_make(kafka: &Kafka) -> Result<(), KafkaError> {
    let mode = match kafka.producer {
        ProducerSetting::Auto | ProducerSetting::Idempotent => Mode::Idempotent,
        ProducerSetting::Plain => Mode::Plain,
    };
    let config = Purpose::Outcomes(mode).config(kafka);
    config
        .create::<ThreadedProducer<DefaultProducerContext>>()
        .map(drop)
}
