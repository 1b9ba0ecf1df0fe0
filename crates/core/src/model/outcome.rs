//! The one final word on a message, and the letter that goes with a bad one.
//!
//! These names are the contract with everyone who reads the outcome topic: adding a field or a reason is a minor change, anything
//! else a breaking one.

pub mod bounds;
pub mod letter;
mod meaning;
mod of_record;
mod recipient;
mod unlisted;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hex;

pub use letter::dead_letter_headers;
pub use of_record::{EventFields, EventRead, Identity, OfRecord, Stamp, are_two_records};
pub use recipient::{RecipientHash, RecipientHasher, RecipientKey, RecipientStyle, is_masked};
pub(crate) use unlisted::open;
pub use unlisted::{Unlisted, read_word};

/// How a message ended. Closed, but for what a later version has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// `WeChat` took it (errcode 0).
    Sent,
    /// `WeChat` refused it for good.
    Rejected,
    /// It could not be made: undecodable record, rule error, value over its limit.
    Invalid,
    /// We chose not to send it.
    Skipped,
    /// Older than the rule's `expires_after` when its turn came.
    Expired,
    /// Given up: attempts used, or a fault of the app's account.
    Failed,
    /// In doubt, and the rule says `leave`.
    Unknown,
    /// No rule wanted the event; published only if the settings ask for it.
    Unmatched,
    /// Read from a store or a topic, never made here.
    #[serde(skip)]
    Unlisted(Unlisted),
}

impl Status {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unlisted(word) => word.as_str(),
            Self::Sent => "sent",
            Self::Rejected => "rejected",
            Self::Invalid => "invalid",
            Self::Skipped => "skipped",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Unmatched => "unmatched",
        }
    }
}

/// Why. Closed, but for what a later version has written, and stable on the wire; `docs/outcomes.md` explains each for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// `sent`: errcode 0.
    Ok,

    /// `rejected`: the user has not subscribed, has cancelled, or has used up what was granted (43101).
    UserRefused,
    /// `rejected`: no such user in this app (40003).
    RecipientUnknown,
    /// `rejected`: the login code that names the recipient is older than five minutes, or never was one (40029).
    LoginCodeExpired,
    /// `rejected`: the login code that names the recipient was exchanged before (40163).
    LoginCodeUsed,
    /// `rejected`: the user behind the login code is blocked as a risk (40226).
    UserBlocked,
    /// `rejected`: a value breaks its rule in `WeChat`'s eyes (47003, 45002 …).
    ParamRefused,
    /// `rejected`: the content is not allowed (45168, 40066).
    ContentRefused,
    /// `rejected`: the page is not in the released version of the mini program (41030, 40165).
    PageUnknown,
    /// `rejected`: the picture of a customer-service message is not there, or not there any more (40007).
    MediaUnknown,
    /// `rejected`: a customer-service message comes more than 48 hours after the user last wrote (45015).
    WindowClosed,
    /// `rejected`: the user has been sent as many customer-service messages as `WeChat` allows since he last wrote (45047).
    WindowUsedUp,

    /// `invalid`: the record is above `[events] max_bytes`, or has more values, levels or headers than an event may have.
    RecordTooLarge,
    /// `invalid`: the value is not JSON.
    NotJson,
    /// `invalid`: a form of event that is not supported.
    FormatUnsupported,
    /// `invalid`: the event's attributes are not what they must be.
    EventMalformed,
    /// `invalid`: the event has no type.
    TypeMissing,
    /// `invalid`: a template or filter of the rule failed on this event.
    RuleError,
    /// `invalid`: a value that the rule needs is missing or null in the event.
    ValueMissing,
    /// `invalid`: `to` gave nothing that can be an openid.
    RecipientMalformed,
    /// `invalid`: `page` gave nothing that can be a page.
    PageMalformed,
    /// `invalid`: the value of a param, or of a field of a customer-service message, is empty.
    ParamEmpty,
    /// `invalid`: such a value is longer than `WeChat` allows.
    ParamTooLong,
    /// `invalid`: such a value breaks the format of its type.
    ParamMalformed,
    /// `invalid`: a param's value is not one that the template lists.
    ParamNotListed,
    /// `invalid`: an event that should tell of a user's permission does not (`[grants]`).
    GrantMalformed,

    /// `skipped`: the user has granted nothing that is left, and the grants of the template are enforced.
    NoGrant,
    /// `skipped`: the template is limited by frequency, and the user was sent a message with the same value of its key too short a time ago.
    TooSoon,
    /// `skipped`: the rule was taken away while the message waited, or was changed and does not want the event any more.
    RuleGone,
    /// `skipped`: another record's message with the same message id was sent, or may have been.
    Duplicate,

    /// `expired`: its turn came too late.
    Expired,

    /// `failed`: every attempt ended without an answer that settles it.
    AttemptsUsed,
    /// `failed`: the record was deleted from its topic while its message was set aside.
    RecordGone,
    /// `failed`: the user has not authorised this API for the app (50001).
    AccountFault,
    /// `failed`: `WeChat` says that the request itself is wrong (47001, 44002 …): a fault of wx-courier.
    RequestRefused,
    /// `failed`: a fault in wx-courier itself, which its log tells of; nothing was sent.
    Internal,

    /// `unknown`: the request was written, no answer came, and the rule says `leave`.
    InDoubt,
    /// `unknown`: what the state store has of the message cannot be read, so nobody can say whether it was sent.
    StateUnreadable,

    /// `unmatched`: no rule wanted the event.
    NoRule,

    /// Read from a store or a topic, never made here.
    #[serde(skip)]
    Unlisted(Unlisted),
}

impl Reason {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unlisted(word) => word.as_str(),
            Self::Ok => "ok",
            Self::UserRefused => "user_refused",
            Self::RecipientUnknown => "recipient_unknown",
            Self::LoginCodeExpired => "login_code_expired",
            Self::LoginCodeUsed => "login_code_used",
            Self::UserBlocked => "user_blocked",
            Self::ParamRefused => "param_refused",
            Self::ContentRefused => "content_refused",
            Self::PageUnknown => "page_unknown",
            Self::MediaUnknown => "media_unknown",
            Self::WindowClosed => "window_closed",
            Self::WindowUsedUp => "window_used_up",
            Self::RecordTooLarge => "record_too_large",
            Self::NotJson => "not_json",
            Self::FormatUnsupported => "format_unsupported",
            Self::EventMalformed => "event_malformed",
            Self::TypeMissing => "type_missing",
            Self::RuleError => "rule_error",
            Self::ValueMissing => "value_missing",
            Self::RecipientMalformed => "recipient_malformed",
            Self::PageMalformed => "page_malformed",
            Self::ParamEmpty => "param_empty",
            Self::ParamTooLong => "param_too_long",
            Self::ParamMalformed => "param_malformed",
            Self::ParamNotListed => "param_not_listed",
            Self::GrantMalformed => "grant_malformed",
            Self::NoGrant => "no_grant",
            Self::TooSoon => "too_soon",
            Self::RuleGone => "rule_gone",
            Self::Duplicate => "duplicate",
            Self::Expired => "expired",
            Self::AttemptsUsed => "attempts_used",
            Self::RecordGone => "record_gone",
            Self::AccountFault => "account_fault",
            Self::RequestRefused => "request_refused",
            Self::Internal => "internal",
            Self::InDoubt => "in_doubt",
            Self::StateUnreadable => "state_unreadable",
            Self::NoRule => "no_rule",
        }
    }
}

/// The record on the outcome topic. Flat, so that any dashboard tool reads it; a field that does not apply is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The same for the same record and rule, on every run: `topic/partition/offset/rule`.
    pub id: String,
    /// What is sent once: rule, event source, and event id or the rule's `dedupe` value. The key of the record.
    pub message_id: String,
    /// For a duplicate, the `id` of the outcome that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// How it ended.
    #[serde(deserialize_with = "open")]
    pub status: Status,
    /// Why.
    #[serde(deserialize_with = "open")]
    pub reason: Reason,
    /// The same in a sentence for a person. Its wording may change.
    pub detail: String,

    /// The rule that made the message; none where no rule was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Which version of the rule set was in force.
    pub rules_version: Arc<str>,
    /// The mini program, by its name in the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<Arc<str>>,
    /// The template of a subscribe message, by its name in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Arc<str>>,
    /// The template of a subscribe message, by its id at `WeChat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<Arc<str>>,
    /// The user's openid, masked unless the settings say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// A keyed hash of app and openid, in 32 hexadecimal digits: the same for the same user of an app, and of no use without the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub recipient_hash: Option<RecipientHash>,

    /// The event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The event's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The event's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    /// When the event happened: RFC 3339, UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// What the event is about, as people name it: an order number, for example. Only where the settings say where it lies (`[explain] keys`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_key: Option<String>,
    /// The source topic of the record.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,

    /// `WeChat`'s code of the last attempt, if it was not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errmsg: Option<String>,
    /// `WeChat`'s request id; it can be looked up for seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// `WeChat`'s number for the message, in digits: it exceeds 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgid: Option<String>,
    /// The offending param, or field of a customer-service message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,

    /// Calls of `WeChat`'s API.
    pub attempts: u32,
    /// When the record was read: RFC 3339, UTC, milliseconds.
    pub received_at: String,
    /// When this was decided: RFC 3339, UTC, milliseconds.
    pub settled_at: String,
    /// Time from reading to settling that was not spent in calls, in milliseconds.
    pub waited_ms: u64,
    /// Time spent in calls, in milliseconds.
    pub api_ms: u64,

    /// W3C trace context, sent as a header.
    #[serde(skip)]
    #[schemars(skip)]
    pub traceparent: Option<String>,
    /// The record that it is of, where an event could be made of that; not published.
    #[serde(skip)]
    #[schemars(skip)]
    pub record: Option<OfRecord>,
    /// Fields that a later version wrote: read from a store, never made here.
    #[serde(flatten)]
    #[schemars(skip)]
    pub more: BTreeMap<String, Value>,
}

impl Outcome {
    /// Whether the original record goes to the dead-letter topic as well. It does not go there for a message that was sent, refused
    /// by `WeChat` or left out on purpose. What could not be made or was given up may be mended and replayed.
    pub fn wants_dead_letter(&self) -> bool {
        match self.status {
            // There is nothing left to be replayed.
            Status::Failed if self.reason == Reason::RecordGone => false,
            Status::Invalid | Status::Failed => true,
            Status::Sent
            | Status::Rejected
            | Status::Skipped
            | Status::Expired
            | Status::Unknown
            | Status::Unmatched
            | Status::Unlisted(_) => false,
        }
    }
}

/// `sha256:` and the digest in hexadecimal digits.
pub(crate) fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    format!("sha256:{}", hex(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_little() {
        assert_eq!(
            RecipientStyle::Masked.show("oABCD1234567890xyz"),
            "oAB***xyz"
        );
        assert_eq!(RecipientStyle::Masked.show("o1"), "***");
        assert!(RecipientStyle::Hashed.show("o1").starts_with("sha256:"));
    }

    #[test]
    fn words_on_the_wire_are_what_serde_reads() {
        for status in [Status::Sent, Status::Invalid, Status::Unmatched] {
            assert_eq!(read_word(status.as_str()), Some(status));
        }
        for reason in [
            Reason::Ok,
            Reason::UserRefused,
            Reason::NoRule,
            Reason::ParamTooLong,
            Reason::StateUnreadable,
        ] {
            assert_eq!(read_word(reason.as_str()), Some(reason));
        }
    }
}
