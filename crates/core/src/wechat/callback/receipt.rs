//! What `WeChat` says became of a message after it took it, as a record on the outcome topic.
//!
//! These names are a contract like those of the outcome: adding a field is a minor change, anything else a breaking one.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Delivery;
use crate::model::outcome::{Outcome, RecipientStyle, bounds};
use crate::model::{Record, rfc3339_ms};

/// Whether the message reached the user. Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// It did (`ErrorCode` 0).
    Delivered,
    /// It did not, for a fault of the system; a user's refusal is the answer to the send already.
    Undelivered,
}

impl ReceiptStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
        }
    }
}

/// The record on the outcome topic, with `ce_type` `wx-courier.receipt.<status>`. Flat, so that any dashboard tool reads it; a field that
/// does not apply is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The same for the same message, however often `WeChat` says it: `app/msgid/receipt`.
    pub id: String,
    /// The `id` of the outcome that it belongs to; none if no outcome with this `msgid` is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome_id: Option<String>,
    /// The `message_id` of that outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Whether the message reached the user.
    pub status: ReceiptStatus,
    /// `WeChat`'s `ErrorCode`; 0 is success.
    pub errcode: i64,
    /// `WeChat`'s `ErrorStatus`.
    pub errmsg: String,
    /// `WeChat`'s number for the message, in digits: it exceeds 2^53.
    pub msgid: String,
    /// The mini program, by its name in the settings.
    pub app: Arc<str>,
    /// The template, by its name in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Arc<str>>,
    /// The template, by its id at `WeChat`.
    pub template_id: String,
    /// The rule that made the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The user's openid, masked unless the settings say otherwise.
    pub recipient: String,
    /// The event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The event's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The event's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    /// When `WeChat` says that it happened (`CreateTime`): RFC 3339, UTC, milliseconds; `WeChat` knows seconds.
    pub happened_at: String,
    /// When we were told: RFC 3339, UTC, milliseconds.
    pub received_at: String,
}

/// With what the `ce_type` of every receipt begins; the status follows.
pub const RECEIPT_TYPE: &str = "wx-courier.receipt.";

/// Whether a record of the outcome topic is a receipt.
pub fn is_receipt(record: &Record) -> bool {
    let kind = record.header("ce_type");
    kind.is_some_and(|kind| kind.starts_with(RECEIPT_TYPE))
}

/// One item of a push, and which user and which time it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The app that was told, by its name in the settings.
    pub app: Arc<str>,
    /// The user: an openid.
    pub openid: String,
    /// When it happened, in Unix milliseconds.
    pub happened_ms: i64,
    /// When we were told, in Unix milliseconds.
    pub received_ms: i64,
    /// What became of the message.
    pub delivery: Delivery,
}

/// `ErrorStatus` is a word or two; whatever is longer is cut.
const LONGEST_ERRMSG: usize = 500;

/// The same in bytes of JSON.
const LONGEST_ERRMSG_BYTES: usize = 2048;

impl Told {
    /// What is published once: the `id` of the receipt.
    pub fn receipt_id(&self) -> String {
        bounds::id(format!("{}/{}/receipt", self.app, self.delivery.msgid))
    }

    /// The receipt, joined to its outcome if that is known.
    pub fn receipt(&self, outcome: Option<&Outcome>, style: RecipientStyle) -> Receipt {
        let delivery = &self.delivery;
        // An earlier version may have kept a longer one.
        let outcome = outcome.cloned().map(|mut outcome| {
            outcome.bound();
            outcome
        });
        let outcome = outcome.as_ref();
        let errmsg: String = delivery.errmsg.chars().take(LONGEST_ERRMSG).collect();
        Receipt {
            id: self.receipt_id(),
            outcome_id: outcome.map(|outcome| outcome.id.clone()),
            message_id: outcome.map(|outcome| outcome.message_id.clone()),
            status: match delivery.errcode {
                0 => ReceiptStatus::Delivered,
                _ => ReceiptStatus::Undelivered,
            },
            errcode: delivery.errcode,
            errmsg: bounds::sentence(&errmsg, LONGEST_ERRMSG_BYTES).into_owned(),
            msgid: delivery.msgid.clone(),
            app: Arc::clone(&self.app),
            template: outcome.and_then(|outcome| outcome.template.clone()),
            template_id: delivery.template_id.clone(),
            rule: outcome.and_then(|outcome| outcome.rule.clone()),
            recipient: style.show(&self.openid),
            event_id: outcome.and_then(|outcome| outcome.event_id.clone()),
            event_type: outcome.and_then(|outcome| outcome.event_type.clone()),
            event_source: outcome.and_then(|outcome| outcome.event_source.clone()),
            happened_at: rfc3339_ms(self.happened_ms),
            received_at: rfc3339_ms(self.received_ms),
        }
    }
}

impl Receipt {
    /// The key of the record. Not the message id itself: a topic that is compacted to the last word on each message keeps both its outcome
    /// and its receipt.
    pub fn key(&self) -> String {
        match &self.message_id {
            Some(message_id) => format!("{message_id}/receipt"),
            None => self.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(errcode: i64) -> Told {
        Told {
            app: Arc::from("shop"),
            openid: "oFixture00000000000000000001".to_owned(),
            happened_ms: 1_790_000_003_000,
            received_ms: 1_790_000_003_250,
            delivery: Delivery {
                template_id: "tmpl".to_owned(),
                msgid: "4012345678901234567".to_owned(),
                errcode,
                errmsg: "x".repeat(LONGEST_ERRMSG + 1),
            },
        }
    }

    #[test]
    fn the_largest_receipt_fits_the_smallest_topic() {
        let long = |letter: &str| letter.repeat(bounds::SMALLEST_TOPIC_BYTES);
        let names = || (long("\u{1}"), long("汉"), long("\""));
        let (id, message_id, kind) = names();
        let (event_id, event_source, rule) = names();
        let outcome = serde_json::json!({
            "id": id, "message_id": message_id, "status": "sent", "reason": "ok", "detail": long("x"),
            "rules_version": "1", "rule": rule, "template": long("t"), "event_id": event_id,
            "event_type": kind, "event_source": event_source,
            "topic": "events", "partition": 0, "offset": 1, "attempts": 1,
            "received_at": "", "settled_at": "", "waited_ms": 0, "api_ms": 0,
        });
        let outcome: Outcome = serde_json::from_value(outcome).unwrap();
        let mut told = told(i64::MIN);
        told.delivery.errmsg = long("\u{1}");
        told.delivery.template_id = "x".repeat(128);
        told.delivery.msgid = "1".repeat(128);
        told.openid = "o".repeat(128);
        let receipt = told.receipt(Some(&outcome), RecipientStyle::Plain);
        // In headers once more, with the group and the names.
        let around = receipt.key().len() + receipt.id.len() + 600;
        let size = serde_json::to_vec(&receipt).unwrap().len() + around;
        assert!(size <= bounds::LARGEST_OUTCOME_BYTES, "{size}");
    }

    #[test]
    fn a_receipt_without_outcome_has_a_key_of_its_own() {
        let receipt = told(0).receipt(None, RecipientStyle::Masked);
        assert_eq!(receipt.id, "shop/4012345678901234567/receipt");
        assert_eq!(receipt.key(), receipt.id);
        assert_eq!(receipt.status, ReceiptStatus::Delivered);
        assert_eq!(receipt.recipient, "oFi***001");
        assert_eq!(receipt.happened_at, "2026-09-21T14:13:23.000Z");
        assert_eq!(receipt.errmsg.len(), LONGEST_ERRMSG);
        let written = serde_json::to_value(&receipt).unwrap();
        assert!(written.get("outcome_id").is_none());
        let failed = told(2).receipt(None, RecipientStyle::Masked);
        assert_eq!(failed.status, ReceiptStatus::Undelivered);
        assert_eq!(failed.id, receipt.id);
    }
}
