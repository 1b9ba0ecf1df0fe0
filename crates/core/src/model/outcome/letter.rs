//! The headers that a dead letter has beside those of the original record. They come after those.

use super::Outcome;
use crate::model::Record;

/// The outcome's `id`.
pub const OUTCOME_ID: &str = "wx-courier-outcome-id";
/// The outcome's `message_id`.
pub const MESSAGE_ID: &str = "wx-courier-message-id";
/// How it ended.
pub const STATUS: &str = "wx-courier-status";
/// Why.
pub const REASON: &str = "wx-courier-reason";
/// The same in a sentence.
pub const DETAIL: &str = "wx-courier-detail";
/// The rule; empty where no rule was reached.
pub const RULE: &str = "wx-courier-rule";
/// `WeChat`'s code, if it gave one.
pub const ERRCODE: &str = "wx-courier-errcode";
/// The event's id, if it could be read.
pub const EVENT_ID: &str = "wx-courier-event-id";
/// The event's type, if it could be read.
pub const EVENT_TYPE: &str = "wx-courier-event-type";
/// The event's time, if it could be read.
pub const EVENT_TIME: &str = "wx-courier-event-time";
/// The source topic.
pub const TOPIC: &str = "wx-courier-topic";
/// The record's partition.
pub const PARTITION: &str = "wx-courier-partition";
/// The record's offset.
pub const OFFSET: &str = "wx-courier-offset";
/// The record's timestamp in Unix milliseconds, if Kafka said one.
pub const TIMESTAMP: &str = "wx-courier-timestamp";
/// When it was decided.
pub const TIME: &str = "wx-courier-time";
/// Says what of the original record is not there, and why.
pub const OMITTED: &str = "wx-courier-omitted";

/// All of them.
pub const ALL: [&str; 16] = [
    OUTCOME_ID, MESSAGE_ID, STATUS, REASON, DETAIL, RULE, ERRCODE, EVENT_ID, EVENT_TYPE,
    EVENT_TIME, TOPIC, PARTITION, OFFSET, TIMESTAMP, TIME, OMITTED,
];

/// The headers of a dead letter, beside those of the original record; what does not apply is left out.
pub fn dead_letter_headers(outcome: &Outcome, record: &Record) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        (OUTCOME_ID, outcome.id.clone()),
        (MESSAGE_ID, outcome.message_id.clone()),
        (STATUS, outcome.status.as_str().to_owned()),
        (REASON, outcome.reason.as_str().to_owned()),
        (DETAIL, outcome.detail.clone()),
        (RULE, outcome.rule.as_deref().unwrap_or_default().to_owned()),
        (TOPIC, record.topic.to_string()),
        (PARTITION, record.partition.to_string()),
        (OFFSET, record.offset.to_string()),
        (TIME, outcome.settled_at.clone()),
    ];
    let errcode = outcome.errcode.map(|errcode| errcode.to_string());
    let timestamp = record.timestamp_ms.map(|ms| ms.to_string());
    let known = [
        (ERRCODE, errcode),
        (EVENT_ID, outcome.event_id.clone()),
        (EVENT_TYPE, outcome.event_type.clone()),
        (EVENT_TIME, outcome.event_time.clone()),
        (TIMESTAMP, timestamp),
    ];
    for (name, value) in known {
        headers.extend(value.map(|value| (name, value)));
    }
    headers
}
