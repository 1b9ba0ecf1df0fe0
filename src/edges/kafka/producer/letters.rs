//! What goes onto the topics: outcomes and dead letters as records, smaller where a topic refuses them.

use std::sync::Arc;

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::progress::{Context, Part, Size, Which};
use crate::edges::clock::Clock;
use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::{Outcome, dead_letter_headers, letter};

/// Where records go.
pub(super) struct Topics {
    pub(super) outcomes: String,
    pub(super) dead_letters: String,
}

impl Topics {
    pub(super) fn of(&self, which: Which) -> &str {
        match which {
            Which::Outcome => &self.outcomes,
            Which::Letter => &self.dead_letters,
        }
    }
}

/// Makes records, and hands them to a producer.
pub(super) struct Desk {
    pub(super) topics: Arc<Topics>,
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
        let small;
        let outcome = match size {
            Size::Whole => outcome,
            Size::WithoutValue | Size::Bare => {
                small = outcome.smallest();
                &small
            }
        };
        let value = serde_json::to_vec(outcome)
            .map_err(|_| KafkaError::MessageProduction(RDKafkaErrorCode::BadMessage))?;
        let record = BaseRecord::with_opaque_to(&self.topics.outcomes, Box::new(part))
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
                "value, key and headers: this topic refused the whole, read them at their source position",
            ),
        };
        if let Some(omitted) = omitted {
            headers = headers.insert(Header {
                key: letter::OMITTED,
                value: Some(omitted.as_bytes()),
            });
        }
        let mut letter =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topics.dead_letters, Box::new(part))
                .headers(headers)
                .timestamp(self.clock.now_ms());
        letter.key = match size {
            Size::Whole | Size::WithoutValue => record.key.as_deref(),
            // A key of its own, since a compacted topic takes no record without one.
            Size::Bare => Some(outcome.id.as_bytes()),
        };
        if let (Some(value), Size::Whole) = (&record.value, size) {
            letter = letter.payload(value.as_slice());
        }
        producer.send(letter).map_err(|(error, _)| error)
    }
}
