//! The producer of outcomes and dead letters. What it promises is the broker's acknowledgement of both, or a failure.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DefaultProducerContext, DeliveryResult, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;

use super::{client_config, log};
use crate::config::Kafka;
use crate::pipeline::admission::Ticket;
use crate::pipeline::event::Record;
use crate::pipeline::outcome::{Outcome, dead_letter_headers, letter};

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The broker has everything of it.
    Acknowledged(Ticket),
    /// Something of it is not there; what is will not be published again.
    Failed(Ticket),
}

/// Publishes outcomes and dead letters.
pub struct Publisher {
    producer: ThreadedProducer<Context>,
    outcome_topic: String,
    dead_letter_topic: String,
    source: String,
}

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
        let context = Context {
            publications,
            unfinished: Mutex::default(),
        };
        Ok(Self {
            producer: producer_config(kafka).create_with_context(context)?,
            outcome_topic: outcome_topic.to_owned(),
            dead_letter_topic: dead_letter_topic.to_owned(),
            source: format!("/wx-courier/{}", kafka.group),
        })
    }

    /// Hands an outcome, and its dead letter if there is one, to the producer. The second time only what is missing goes.
    pub fn publish(&self, ticket: Ticket, outcome: &Outcome, dead_letter: Option<&Record>) {
        let context = self.producer.context();
        let first = Progress {
            outcome: Half::Missing(Size::Whole),
            letter: dead_letter.map_or(Half::Acknowledged, |_| Half::Missing(Size::Whole)),
            under_way: 0,
        };
        let missing = {
            let mut unfinished = context.unfinished();
            let progress = unfinished.entry(ticket).or_insert(first);
            let missing = (progress.outcome, progress.letter);
            progress.under_way =
                usize::from(missing.0.is_missing()) + usize::from(missing.1.is_missing());
            missing
        };
        if let (Half::Missing(size), Some(record)) = (missing.1, dead_letter) {
            let part = Part {
                ticket,
                which: Which::Letter,
            };
            let sent = self.send_letter(part, outcome, record, size);
            context.refused(part, &sent);
        }
        if let Half::Missing(size) = missing.0 {
            let part = Part {
                ticket,
                which: Which::Outcome,
            };
            let sent = self.send_outcome(part, outcome, size);
            context.refused(part, &sent);
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

    fn send_outcome(&self, part: Part, outcome: &Outcome, size: Size) -> Result<(), KafkaError> {
        let mut bare;
        let outcome = match size {
            Size::Whole => outcome,
            // Never seen with bounded attributes; a topic with a very small limit is still no reason to stop a partition.
            Size::WithoutValue | Size::Bare => {
                bare = outcome.clone();
                "left out: the outcome topic does not accept records of this size"
                    .clone_into(&mut bare.detail);
                bare.errmsg = None;
                &bare
            }
        };
        let value = serde_json::to_vec(outcome)
            .map_err(|_| KafkaError::MessageProduction(RDKafkaErrorCode::BadMessage))?;
        let record = BaseRecord::with_opaque_to(&self.outcome_topic, Box::new(part))
            .key(&outcome.message_id)
            .payload(&value)
            .headers(self.outcome_headers(outcome));
        self.producer.send(record).map_err(|(error, _)| error)
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
        let trace = outcome.traceparent.as_deref();
        let trace = trace.map(|traceparent| ("traceparent", traceparent));
        let mut headers = OwnedHeaders::new_with_capacity(7);
        for (key, value) in fixed.into_iter().chain(trace) {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        headers
    }

    fn send_letter(
        &self,
        part: Part,
        outcome: &Outcome,
        record: &Record,
        size: Size,
    ) -> Result<(), KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len() + letter::ALL.len());
        let originals = match size {
            Size::Whole | Size::WithoutValue => record.headers.as_slice(),
            Size::Bare => &[],
        };
        for (key, value) in originals {
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
        let omitted = match size {
            Size::Whole => None,
            Size::WithoutValue => {
                Some("the value: too large for this topic, read it at its source position")
            }
            Size::Bare => Some(
                "value, key and headers: too large for this topic, read them at their source position",
            ),
        };
        if let Some(omitted) = omitted {
            headers = headers.insert(Header {
                key: letter::OMITTED,
                value: Some(omitted.as_bytes()),
            });
        }
        let mut letter =
            BaseRecord::with_opaque_to(&self.dead_letter_topic, Box::new(part)).headers(headers);
        if let (Some(key), Size::Whole | Size::WithoutValue) = (&record.key, size) {
            letter = letter.key(key.as_slice());
        }
        if let (Some(value), Size::Whole) = (&record.value, size) {
            letter = letter.payload(value.as_slice());
        }
        self.producer.send(letter).map_err(|(error, _)| error)
    }
}

fn producer_config(kafka: &Kafka) -> rdkafka::ClientConfig {
    let ours = [
        ("enable.idempotence", "true"),
        ("linger.ms", "5"),
        ("message.max.bytes", LARGEST_RECORD_BYTES),
    ];
    client_config(kafka, &ours)
}

/// Makes a producer that does nothing, to hear what librdkafka thinks of its properties.
pub(super) fn try_to_make(kafka: &Kafka) -> Result<(), KafkaError> {
    producer_config(kafka)
        .create::<ThreadedProducer<DefaultProducerContext>>()
        .map(drop)
}

/// One record of a publication.
#[derive(Clone, Copy)]
struct Part {
    ticket: Ticket,
    which: Which,
}

#[derive(Clone, Copy)]
enum Which {
    Outcome,
    Letter,
}

/// How much of a record goes out: each refusal for its size makes it smaller.
#[derive(Clone, Copy)]
enum Size {
    Whole,
    WithoutValue,
    Bare,
}

#[derive(Clone, Copy)]
enum Half {
    Missing(Size),
    Acknowledged,
}

impl Half {
    fn is_missing(self) -> bool {
        matches!(self, Self::Missing(_))
    }

    fn after(self, result: &Result<(), KafkaError>) -> Self {
        let too_large = Some(RDKafkaErrorCode::MessageSizeTooLarge);
        match (result, self) {
            (Ok(()), _) => Self::Acknowledged,
            (Err(error), Self::Missing(size)) if error.rdkafka_error_code() == too_large => {
                Self::Missing(match size {
                    Size::Whole => Size::WithoutValue,
                    Size::WithoutValue | Size::Bare => Size::Bare,
                })
            }
            (Err(_), half) => half,
        }
    }
}

/// What is known of a publication that is not all there yet.
struct Progress {
    outcome: Half,
    letter: Half,
    under_way: usize,
}

struct Context {
    publications: mpsc::UnboundedSender<Publication>,
    unfinished: Mutex<HashMap<Ticket, Progress>>,
}

impl Context {
    fn unfinished(&self) -> MutexGuard<'_, HashMap<Ticket, Progress>> {
        self.unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The producer did not even take it.
    fn refused(&self, part: Part, sent: &Result<(), KafkaError>) {
        if sent.is_err() {
            self.ended(part, sent);
        }
    }

    fn ended(&self, part: Part, result: &Result<(), KafkaError>) {
        if let Err(error) = result {
            tracing::warn!(ticket = part.ticket.0, %error, "an outcome was not published and will be tried again");
        }
        let mut unfinished = self.unfinished();
        let Some(progress) = unfinished.get_mut(&part.ticket) else {
            return;
        };
        let half = match part.which {
            Which::Outcome => &mut progress.outcome,
            Which::Letter => &mut progress.letter,
        };
        *half = half.after(result);
        progress.under_way = progress.under_way.saturating_sub(1);
        if progress.under_way > 0 {
            return;
        }
        let publication = if progress.outcome.is_missing() || progress.letter.is_missing() {
            Publication::Failed(part.ticket)
        } else {
            unfinished.remove(&part.ticket);
            Publication::Acknowledged(part.ticket)
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
    type DeliveryOpaque = Box<Part>;

    fn delivery(&self, result: &DeliveryResult<'_>, part: Box<Part>) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        self.ended(*part, &result);
    }
}
