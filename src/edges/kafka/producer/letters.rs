//! What goes onto the topics: outcomes and dead letters as records, smaller where a topic refuses them for their size.

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::progress::{Context, Part, Size};
use crate::edges::clock::Clock;
use crate::pipeline::event::Record;
use crate::pipeline::outcome::{Outcome, dead_letter_headers, letter};

/// Where records go, and in whose name.
pub(super) struct Desk {
    pub(super) outcome_topic: String,
    pub(super) dead_letter_topic: String,
    /// `ce_source` of every outcome.
    pub(super) source: String,
    /// The broker refuses a record of the future, and the client would give it the time of a calendar that has jumped.
    pub(super) clock: Clock,
}

impl Desk {
    pub(super) fn send_outcome(
        &self,
        producer: &ThreadedProducer<Context>,
        part: Part,
        outcome: &Outcome,
        size: Size,
    ) -> Result<(), KafkaError> {
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
            .timestamp(self.clock.now_ms())
            .headers(self.outcome_headers(outcome));
        producer.send(record).map_err(|(error, _)| error)
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

    pub(super) fn send_letter(
        &self,
        producer: &ThreadedProducer<Context>,
        part: Part,
        (outcome, record): (&Outcome, &Record),
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
        let mut letter = BaseRecord::with_opaque_to(&self.dead_letter_topic, Box::new(part))
            .headers(headers)
            .timestamp(self.clock.now_ms());
        if let (Some(key), Size::Whole | Size::WithoutValue) = (&record.key, size) {
            letter = letter.key(key.as_slice());
        }
        if let (Some(value), Size::Whole) = (&record.value, size) {
            letter = letter.payload(value.as_slice());
        }
        producer.send(letter).map_err(|(error, _)| error)
    }
}
