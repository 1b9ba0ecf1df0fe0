//! What goes onto the topics: outcomes and dead letters as records, smaller where a topic refuses them.

use std::sync::Arc;

use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseRecord;
use rdkafka::types::RDKafkaErrorCode;

use super::progress::{Part, Size, Which};
use crate::edges::clock::Clock;
use crate::edges::kafka::producer::{Producer, headers_of};
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
pub(super) struct RecordWriter {
    pub(super) topics: Arc<Topics>,
    /// `ce_source` of every outcome.
    pub(super) source: String,
    /// The broker refuses a record of the future, and the client would give it the time of a calendar that has jumped.
    pub(super) clock: Clock,
}

impl RecordWriter {
    pub(super) fn send_outcome(
        &self,
        producer: &Producer<Part>,
        part: Part,
        outcome: &Outcome,
        size: Size,
    ) {
        let small;
        let outcome = match size {
            Size::Whole => outcome,
            Size::WithoutValue | Size::Bare => {
                small = outcome.smallest();
                &small
            }
        };
        let Ok(value) = serde_json::to_vec(outcome) else {
            let error = KafkaError::MessageProduction(RDKafkaErrorCode::BadMessage);
            return producer.refuse(part, error);
        };
        let record = BaseRecord::with_opaque_to(&self.topics.outcomes, Box::new(part))
            .key(&outcome.message_id)
            .payload(&value)
            .timestamp(self.clock.now_ms())
            .headers(self.outcome_headers(outcome));
        producer.send(record);
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
        let all = fixed.into_iter().chain(trace);
        headers_of(all.map(|(key, value)| (key, Some(value))))
    }

    pub(super) fn send_letter(
        &self,
        producer: &Producer<Part>,
        part: Part,
        (outcome, record): (&Outcome, &Record),
        size: Size,
    ) {
        let omitted = match size {
            Size::Whole => None,
            Size::WithoutValue => {
                Some("the value: too large for this topic, read it at its source position")
            }
            Size::Bare => Some(
                "value, key and headers: this topic refused the whole, read them at their source position",
            ),
        };
        let originals = match size {
            Size::Whole | Size::WithoutValue => record.headers.as_slice(),
            Size::Bare => &[],
        };
        let originals = originals.iter();
        let originals = originals.map(|(key, value)| (key.as_str(), value.as_deref()));
        let ours = dead_letter_headers(outcome, record);
        let ours = ours.iter();
        let ours = ours.map(|(key, value)| (*key, Some(value.as_bytes())));
        let omitted = omitted.map(|omitted| (letter::OMITTED, Some(omitted.as_bytes())));
        let headers = headers_of(originals.chain(ours).chain(omitted));
        let mut letter =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topics.dead_letters, Box::new(part))
                .headers(headers)
                .timestamp(self.clock.now_ms());
        letter.key = match size {
            Size::Whole | Size::WithoutValue => record.key.as_deref(),
            // A key of its own, since a compacted topic takes no record without one.
            Size::Bare => Some(outcome.id.as_bytes()),
        };
        letter.payload = match size {
            Size::Whole => record.value.as_deref(),
            // Empty, and not none: a compacted topic takes none for the end of the key, and deletes the letter too, after a day.
            Size::WithoutValue | Size::Bare => Some(&[]),
        };
        producer.send(letter);
    }
}
