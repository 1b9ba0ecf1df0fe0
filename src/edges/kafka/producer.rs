//! The producer of outcomes and dead letters. What it promises is the broker's acknowledgement of both, or a failure.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;

use super::{client_config, log};
use crate::config::Kafka;
use crate::pipeline::admission::Ticket;
use crate::pipeline::event::Record;
use crate::pipeline::outcome::{Outcome, dead_letter_headers};

/// What became of a publication.
#[derive(Debug)]
pub struct Publication {
    /// Whose outcome.
    pub ticket: Ticket,
    /// Whether the broker has everything of it.
    pub result: Result<(), String>,
}

/// Publishes outcomes and dead letters.
pub struct Publisher {
    producer: ThreadedProducer<Context>,
    outcome_topic: String,
    dead_letter_topic: String,
    source: String,
}

/// Says in a dead letter that its value is not there, and why.
const VALUE_OMITTED: &str = "wx-courier-value-omitted";

/// A dead letter carries more headers than the record that it repeats, so it may be larger than what the source topic accepted.
const LARGEST_RECORD_BYTES: &str = "16777216";

impl Publisher {
    /// Connects. Every publication is answered on `publications`.
    pub fn new(
        kafka: &Kafka,
        outcome_topic: &str,
        dead_letter_topic: &str,
        publications: mpsc::UnboundedSender<Publication>,
    ) -> anyhow::Result<Self> {
        let ours = [
            ("enable.idempotence", "true"),
            ("linger.ms", "5"),
            ("message.max.bytes", LARGEST_RECORD_BYTES),
        ];
        let context = Context {
            publications,
            too_large: Mutex::default(),
        };
        Ok(Self {
            producer: client_config(kafka, &ours).create_with_context(context)?,
            outcome_topic: outcome_topic.to_owned(),
            dead_letter_topic: dead_letter_topic.to_owned(),
            source: format!("/wx-courier/{}", kafka.group),
        })
    }

    /// Hands an outcome, and its dead letter if there is one, to the producer.
    pub fn publish(&self, ticket: Ticket, outcome: &Outcome, dead_letter: Option<&Record>) {
        let pair = Arc::new(Pair {
            ticket,
            left: AtomicUsize::new(1 + usize::from(dead_letter.is_some())),
            has_failed: AtomicBool::new(false),
        });
        if let Some(record) = dead_letter {
            self.send_dead_letter(&pair, outcome, record);
        }
        let value = match serde_json::to_vec(outcome) {
            Ok(value) => value,
            Err(error) => {
                self.producer.context().ended(&pair, Err(error.to_string()));
                return;
            }
        };
        let record = BaseRecord::with_opaque_to(&self.outcome_topic, Arc::clone(&pair))
            .key(&outcome.message_id)
            .payload(&value)
            .headers(self.outcome_headers(outcome));
        if let Err((error, _)) = self.producer.send(record) {
            self.producer.context().ended(&pair, Err(error.to_string()));
        }
    }

    /// Why the producer will never publish again, if that is so.
    pub fn fatal_error(&self) -> Option<String> {
        let (_, reason) = self.producer.client().fatal_error()?;
        Some(reason)
    }

    /// Waits until everything handed over has been answered.
    pub fn flush(&self, limit: Duration) {
        if let Err(error) = self.producer.flush(limit) {
            tracing::warn!(%error, "outcomes were left in the producer; their records will be read again");
        }
    }

    fn outcome_headers(&self, outcome: &Outcome) -> OwnedHeaders {
        let kind = format!("wx-courier.outcome.{}", outcome.status.as_str());
        let fixed = [
            ("ce_specversion", "1.0"),
            ("ce_id", &outcome.id),
            ("ce_source", &self.source),
            ("ce_type", &kind),
            ("ce_time", &outcome.settled_at),
            ("content-type", "application/json"),
        ];
        let trace = outcome
            .traceparent
            .as_deref()
            .map(|traceparent| ("traceparent", traceparent));
        let mut headers = OwnedHeaders::new_with_capacity(7);
        for (key, value) in fixed.into_iter().chain(trace) {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        headers
    }

    fn send_dead_letter(&self, pair: &Arc<Pair>, outcome: &Outcome, record: &Record) {
        let omitted = self.producer.context().too_large().contains(&pair.ticket);
        let value = record.value.as_deref().filter(|_| !omitted);
        let sent = self.send_letter(pair, outcome, record, value);
        let is_too_large = sent.as_ref().is_err_and(is_size_error) && value.is_some();
        let sent = if is_too_large {
            self.send_letter(pair, outcome, record, None)
        } else {
            sent
        };
        if let Err(error) = sent {
            self.producer.context().ended(pair, Err(error.to_string()));
        }
    }

    fn send_letter(
        &self,
        pair: &Arc<Pair>,
        outcome: &Outcome,
        record: &Record,
        value: Option<&[u8]>,
    ) -> Result<(), KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len() + 10);
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        for (key, value) in dead_letter_headers(outcome, record) {
            headers = headers.insert(Header {
                key,
                value: Some(value.as_bytes()),
            });
        }
        if value.is_none() && record.value.is_some() {
            let reason =
                "larger than the dead-letter topic accepts: read it at its source position";
            headers = headers.insert(Header {
                key: VALUE_OMITTED,
                value: Some(reason.as_bytes()),
            });
        }
        let mut letter =
            BaseRecord::with_opaque_to(&self.dead_letter_topic, Arc::clone(pair)).headers(headers);
        if let Some(key) = &record.key {
            letter = letter.key(key.as_slice());
        }
        if let Some(value) = value {
            letter = letter.payload(value);
        }
        self.producer.send(letter).map_err(|(error, _)| error)
    }
}

fn is_size_error(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

/// The one or two records of a publication.
struct Pair {
    ticket: Ticket,
    left: AtomicUsize,
    has_failed: AtomicBool,
}

struct Context {
    publications: mpsc::UnboundedSender<Publication>,
    /// Dead letters that the broker found too large: published again, they go without their value.
    too_large: Mutex<HashSet<Ticket>>,
}

impl Context {
    fn too_large(&self) -> std::sync::MutexGuard<'_, HashSet<Ticket>> {
        self.too_large
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, pair: &Pair, result: Result<(), String>) {
        if let Err(error) = &result {
            tracing::warn!(
                ticket = pair.ticket.0,
                error,
                "an outcome was not published and will be tried again"
            );
            pair.has_failed.store(true, Ordering::Relaxed);
        }
        if pair.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let result = match (pair.has_failed.load(Ordering::Relaxed), result) {
            (false, _) => Ok(()),
            (true, Err(error)) => Err(error),
            (true, Ok(())) => Err("the other record of the pair failed".to_owned()),
        };
        if result.is_ok() {
            self.too_large().remove(&pair.ticket);
        }
        let publication = Publication {
            ticket: pair.ticket,
            result,
        };
        if self.publications.send(publication).is_err() {
            tracing::debug!("the service has ended before an acknowledgement reached it");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the producer reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Pair>;

    fn delivery(&self, result: &DeliveryResult<'_>, pair: Arc<Pair>) {
        match result {
            Ok(_) => self.ended(&pair, Ok(())),
            Err((error, _)) => {
                if is_size_error(error) {
                    self.too_large().insert(pair.ticket);
                }
                self.ended(&pair, Err(error.to_string()));
            }
        }
    }
}
