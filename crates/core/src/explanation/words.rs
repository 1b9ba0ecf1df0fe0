//! The sentences: what became of a message, for the person who operates the service; what must happen for the next one to arrive; and what
//! the customer is told, in Chinese. They stand here alone, one for each reason, and where it matters for the code of `WeChat`'s as well.

mod sentences;

use serde::Serialize;

use crate::model::outcome::Reason;
use crate::wechat::callback::ReceiptStatus;

/// What is said of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// What became of it, for the person who operates the service.
    pub ops: &'static str,
    /// What must happen for the next message to arrive.
    pub next: &'static str,
    /// What the customer is told, in Chinese.
    pub customer: &'static str,
}

/// How a message stands, as far as the sentences go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It has ended.
    Ended {
        /// Why.
        reason: Reason,
        /// `WeChat`'s code of the last attempt.
        errcode: Option<i64>,
        /// What `WeChat` told later.
        receipt: Option<ReceiptStatus>,
    },
    /// It had expired when its record was made.
    PublishedLate,
    /// This record has not sent it, and another one has.
    SentByAnother {
        /// What `WeChat` told later.
        receipt: Option<ReceiptStatus>,
    },
    /// It has not ended, or nothing is known of its end.
    Pending(Pending),
}

/// Why a message has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// A process has claimed it: its call is under way, or the process ended before it heard the answer.
    BeingSent,
    /// Something of it is paused: a rule, a template, an app or an API.
    Paused,
    /// The service has not ended it: it waits for its turn, or its record is not read yet.
    Waiting,
    /// No rule wants the event, so no message was to be made.
    NotWanted,
    /// Whether a rule wants it cannot be told: the present rules cannot be used.
    RulesUnusable,
    /// The record was deleted before the service was past it.
    RecordDeleted,
    /// The record tells of no event: it has no value, or a row was deleted.
    NoEvent,
    /// The service is past the record, and no outcome was found where it was looked for.
    NotFound,
    /// How far the service has come is not known.
    NotKnown,
}

impl Pending {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::BeingSent,
        Self::Paused,
        Self::Waiting,
        Self::NotWanted,
        Self::RulesUnusable,
        Self::RecordDeleted,
        Self::NoEvent,
        Self::NotFound,
        Self::NotKnown,
    ];
}

/// The sentences for a message that stands like this.
pub fn words(about: About) -> Words {
    match about {
        About::Ended {
            reason: Reason::Ok,
            receipt,
            ..
        } => of_sent(receipt),
        About::Ended {
            reason, errcode, ..
        } => of_reason(reason, errcode),
        About::PublishedLate => sentences::PUBLISHED_LATE,
        About::SentByAnother { receipt } => of_sent_by_another(receipt),
        About::Pending(pending) => of_pending(pending),
    }
}

/// The customer hears what they hear of a message that was sent, for it was.
fn of_sent_by_another(receipt: Option<ReceiptStatus>) -> Words {
    let sent = of_sent(receipt);
    let ops = match receipt {
        Some(ReceiptStatus::Undelivered) => sentences::OPS_UNDELIVERED_BY_ANOTHER,
        Some(ReceiptStatus::Delivered) => sentences::OPS_DELIVERED_BY_ANOTHER,
        None => sentences::OPS_SENT_BY_ANOTHER,
    };
    Words { ops, ..sent }
}

fn of_sent(receipt: Option<ReceiptStatus>) -> Words {
    match receipt {
        Some(ReceiptStatus::Undelivered) => sentences::UNDELIVERED,
        Some(ReceiptStatus::Delivered) => sentences::DELIVERED,
        None => sentences::SENT,
    }
}

/// Every reason has its sentences: a new one has to be given its own here.
fn of_reason(reason: Reason, errcode: Option<i64>) -> Words {
    match reason {
        Reason::Ok => sentences::SENT,
        Reason::UserRefused => sentences::USER_REFUSED,
        Reason::RecipientUnknown => sentences::RECIPIENT_UNKNOWN,
        Reason::LoginCodeExpired => sentences::LOGIN_CODE_EXPIRED,
        Reason::LoginCodeUsed => sentences::LOGIN_CODE_USED,
        Reason::UserBlocked => sentences::USER_BLOCKED,
        Reason::ParamRefused => sentences::PARAM_REFUSED,
        Reason::ContentRefused => sentences::CONTENT_REFUSED,
        Reason::PageUnknown => sentences::PAGE_UNKNOWN,
        Reason::MediaUnknown => sentences::MEDIA_UNKNOWN,
        Reason::WindowClosed => sentences::WINDOW_CLOSED,
        Reason::WindowUsedUp => sentences::WINDOW_USED_UP,
        Reason::RecordTooLarge => sentences::RECORD_TOO_LARGE,
        Reason::NotJson => sentences::NOT_JSON,
        Reason::FormatUnsupported => sentences::FORMAT_UNSUPPORTED,
        Reason::EventMalformed => sentences::EVENT_MALFORMED,
        Reason::TypeMissing => sentences::TYPE_MISSING,
        Reason::RuleError => sentences::RULE_ERROR,
        Reason::ValueMissing => sentences::VALUE_MISSING,
        Reason::RecipientMalformed => sentences::RECIPIENT_MALFORMED,
        Reason::PageMalformed => sentences::PAGE_MALFORMED,
        Reason::ParamEmpty => sentences::PARAM_EMPTY,
        Reason::ParamTooLong => sentences::PARAM_TOO_LONG,
        Reason::ParamMalformed => sentences::PARAM_MALFORMED,
        Reason::ParamNotListed => sentences::PARAM_NOT_LISTED,
        Reason::GrantMalformed => sentences::GRANT_MALFORMED,
        Reason::NoGrant => sentences::NO_GRANT,
        Reason::TooSoon => sentences::TOO_SOON,
        Reason::RuleGone => sentences::RULE_GONE,
        Reason::Duplicate => sentences::DUPLICATE,
        Reason::Expired => of_expired(errcode),
        Reason::AttemptsUsed => of_attempts_used(errcode),
        Reason::RecordGone => sentences::RECORD_GONE,
        Reason::AccountFault => sentences::ACCOUNT_FAULT,
        Reason::RequestRefused => sentences::REQUEST_REFUSED,
        Reason::Internal => sentences::INTERNAL,
        Reason::InDoubt => sentences::IN_DOUBT,
        Reason::StateUnreadable => sentences::STATE_UNREADABLE,
        Reason::NoRule => sentences::NOT_WANTED,
        Reason::Unlisted(_) => sentences::UNLISTED,
    }
}

/// `WeChat`: the day's calls of an API are used up.
const DAILY_QUOTA: i64 = 45009;

/// `WeChat`: too many calls in this minute.
const MINUTE_QUOTA: i64 = 45011;

fn of_expired(errcode: Option<i64>) -> Words {
    match errcode {
        Some(DAILY_QUOTA) => sentences::EXPIRED_DAILY_QUOTA,
        _ => sentences::EXPIRED,
    }
}

fn of_attempts_used(errcode: Option<i64>) -> Words {
    match errcode {
        Some(DAILY_QUOTA | MINUTE_QUOTA) => sentences::QUOTA_USED_UP,
        Some(_) => sentences::REFUSED_EACH_TIME,
        None => sentences::NO_ANSWER,
    }
}

fn of_pending(pending: Pending) -> Words {
    match pending {
        Pending::BeingSent => sentences::BEING_SENT,
        Pending::Paused => sentences::PAUSED,
        Pending::Waiting => sentences::WAITING,
        Pending::NotWanted => sentences::NOT_WANTED,
        Pending::RulesUnusable => sentences::RULES_UNUSABLE,
        Pending::RecordDeleted => sentences::RECORD_DELETED,
        Pending::NoEvent => sentences::NO_EVENT,
        Pending::NotFound => sentences::NOT_FOUND,
        Pending::NotKnown => sentences::NOT_KNOWN,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::outcome::{Status, read_word};

    /// Every reason, as the schema of outcomes lists them.
    fn reasons() -> Vec<Reason> {
        let schema = serde_json::to_value(schemars::schema_for!(Reason)).unwrap();
        let listed = schema["oneOf"].as_array().unwrap().iter();
        let words = listed.map(|one| one["const"].as_str().unwrap().to_owned());
        words.map(|word| read_word(&word).unwrap()).collect()
    }

    fn ended(reason: Reason, errcode: Option<i64>) -> Words {
        words(About::Ended {
            reason,
            errcode,
            receipt: None,
        })
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c)) && text.ends_with('。')
    }

    #[test]
    fn every_reason_has_sentences_of_its_own() {
        let reasons = reasons();
        assert!(reasons.len() > 35, "{}", reasons.len());
        let mut told = BTreeSet::new();
        for reason in reasons {
            let Words {
                ops,
                next,
                customer,
            } = ended(reason, None);
            assert!(!ops.is_empty() && !next.is_empty(), "{reason:?}");
            assert!(is_chinese(customer), "{reason:?}: {customer}");
            assert!(
                told.insert(ops),
                "{reason:?} says what another one says: {ops}"
            );
            // What is ours to mend is not put upon the customer.
            if reason.status() == Status::Invalid {
                assert!(customer.contains("我们"), "{reason:?}: {customer}");
            }
        }
    }

    #[test]
    fn every_message_without_an_outcome_has_sentences() {
        let mut told = BTreeSet::new();
        for pending in Pending::ALL {
            let Words {
                ops,
                next,
                customer,
            } = words(About::Pending(pending));
            assert!(!next.is_empty() && told.insert(ops), "{pending:?}");
            assert!(is_chinese(customer), "{pending:?}: {customer}");
        }
    }

    #[test]
    fn a_message_that_another_record_sent_is_told_to_the_customer_as_sent() {
        use ReceiptStatus::{Delivered, Undelivered};
        let mut told = BTreeSet::new();
        for receipt in [None, Some(Delivered), Some(Undelivered)] {
            let by_another = words(About::SentByAnother { receipt });
            assert_eq!(by_another.customer, of_sent(receipt).customer);
            assert!(by_another.ops.contains("a later record (a replay)"));
            assert!(told.insert(by_another.ops));
        }
    }

    #[test]
    fn codes_and_receipts_say_more() {
        let (no_answer, quota) = (
            ended(Reason::AttemptsUsed, None),
            ended(Reason::AttemptsUsed, Some(DAILY_QUOTA)),
        );
        assert_ne!(no_answer.ops, quota.ops);
        assert_ne!(
            ended(Reason::Expired, None).next,
            ended(Reason::Expired, Some(DAILY_QUOTA)).next
        );
        let sent = |receipt| {
            words(About::Ended {
                reason: Reason::Ok,
                errcode: None,
                receipt,
            })
        };
        assert!(
            sent(Some(ReceiptStatus::Delivered))
                .customer
                .contains("送达")
        );
        assert_ne!(sent(None).ops, sent(Some(ReceiptStatus::Undelivered)).ops);
    }
}
