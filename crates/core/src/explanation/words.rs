//! The sentences: what became of a message, for the person who operates the service; what must happen for the next one to arrive, both in
//! English and in Chinese; and what the customer is told, in Chinese. They stand here alone, one for each reason, and where it matters for the code of
//! `WeChat`'s as well.

mod sentences;

use serde::Serialize;

use self::sentences::{answered, unended, unmade, unsent};
use crate::model::outcome::Reason;
use crate::wechat::callback::ReceiptStatus;

/// What is said of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// What became of it, for the person who operates the service.
    pub ops: &'static str,
    /// The same in Chinese, for the console. `explain` is in English.
    #[serde(skip)]
    pub ops_chinese: &'static str,
    /// What must happen for the next message to arrive.
    pub next: &'static str,
    /// The same in Chinese, for the console.
    #[serde(skip)]
    pub next_chinese: &'static str,
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
        About::PublishedLate => unsent::PUBLISHED_LATE,
        About::SentByAnother { receipt } => of_sent_by_another(receipt),
        About::Pending(pending) => of_pending(pending),
    }
}

/// The customer hears what they hear of a message that was sent, for it was.
fn of_sent_by_another(receipt: Option<ReceiptStatus>) -> Words {
    let sent = of_sent(receipt);
    let ops = match receipt {
        Some(ReceiptStatus::Undelivered) => answered::OPS_UNDELIVERED_BY_ANOTHER,
        Some(ReceiptStatus::Delivered) => answered::OPS_DELIVERED_BY_ANOTHER,
        None => answered::OPS_SENT_BY_ANOTHER,
    };
    Words {
        ops: ops.english,
        ops_chinese: ops.chinese,
        ..sent
    }
}

fn of_sent(receipt: Option<ReceiptStatus>) -> Words {
    match receipt {
        Some(ReceiptStatus::Undelivered) => answered::UNDELIVERED,
        Some(ReceiptStatus::Delivered) => answered::DELIVERED,
        None => answered::SENT,
    }
}

/// Every reason has its sentences: a new one has to be given its own here.
fn of_reason(reason: Reason, errcode: Option<i64>) -> Words {
    match reason {
        Reason::Ok => answered::SENT,
        Reason::UserRefused => answered::USER_REFUSED,
        Reason::RecipientUnknown => answered::RECIPIENT_UNKNOWN,
        Reason::LoginCodeExpired => answered::LOGIN_CODE_EXPIRED,
        Reason::LoginCodeUsed => answered::LOGIN_CODE_USED,
        Reason::UserBlocked => answered::USER_BLOCKED,
        Reason::ParamRefused => answered::PARAM_REFUSED,
        Reason::ContentRefused => answered::CONTENT_REFUSED,
        Reason::PageUnknown => answered::PAGE_UNKNOWN,
        Reason::MediaUnknown => answered::MEDIA_UNKNOWN,
        Reason::WindowClosed => answered::WINDOW_CLOSED,
        Reason::WindowUsedUp => answered::WINDOW_USED_UP,
        Reason::RecordTooLarge => unmade::RECORD_TOO_LARGE,
        Reason::NotJson => unmade::NOT_JSON,
        Reason::FormatUnsupported => unmade::FORMAT_UNSUPPORTED,
        Reason::EventMalformed => unmade::EVENT_MALFORMED,
        Reason::TypeMissing => unmade::TYPE_MISSING,
        Reason::RuleError => unmade::RULE_ERROR,
        Reason::ValueMissing => unmade::VALUE_MISSING,
        Reason::RecipientMalformed => unmade::RECIPIENT_MALFORMED,
        Reason::PageMalformed => unmade::PAGE_MALFORMED,
        Reason::ParamEmpty => unmade::PARAM_EMPTY,
        Reason::ParamTooLong => unmade::PARAM_TOO_LONG,
        Reason::ParamMalformed => unmade::PARAM_MALFORMED,
        Reason::ParamNotListed => unmade::PARAM_NOT_LISTED,
        Reason::GrantMalformed => unmade::GRANT_MALFORMED,
        Reason::NoGrant => unsent::NO_GRANT,
        Reason::TooSoon => unsent::TOO_SOON,
        Reason::RuleGone => unsent::RULE_GONE,
        Reason::Duplicate => unsent::DUPLICATE,
        Reason::Expired => of_expired(errcode),
        Reason::AttemptsUsed => of_attempts_used(errcode),
        Reason::RecordGone => unsent::RECORD_GONE,
        Reason::AccountFault => unsent::ACCOUNT_FAULT,
        Reason::RequestRefused => unsent::REQUEST_REFUSED,
        Reason::Internal => unsent::INTERNAL,
        Reason::InDoubt => unsent::IN_DOUBT,
        Reason::StateUnreadable => unsent::STATE_UNREADABLE,
        Reason::NoRule => unended::NOT_WANTED,
        Reason::Unlisted(_) => unsent::UNLISTED,
    }
}

/// `WeChat`: the day's calls of an API are used up.
const DAILY_QUOTA: i64 = 45009;

/// `WeChat`: too many calls in this minute.
const MINUTE_QUOTA: i64 = 45011;

fn of_expired(errcode: Option<i64>) -> Words {
    match errcode {
        Some(DAILY_QUOTA) => unsent::EXPIRED_DAILY_QUOTA,
        _ => unsent::EXPIRED,
    }
}

fn of_attempts_used(errcode: Option<i64>) -> Words {
    match errcode {
        Some(DAILY_QUOTA | MINUTE_QUOTA) => unsent::QUOTA_USED_UP,
        Some(_) => unsent::REFUSED_EACH_TIME,
        None => unsent::NO_ANSWER,
    }
}

fn of_pending(pending: Pending) -> Words {
    match pending {
        Pending::BeingSent => unended::BEING_SENT,
        Pending::Paused => unended::PAUSED,
        Pending::Waiting => unended::WAITING,
        Pending::NotWanted => unended::NOT_WANTED,
        Pending::RulesUnusable => unended::RULES_UNUSABLE,
        Pending::RecordDeleted => unended::RECORD_DELETED,
        Pending::NoEvent => unended::NO_EVENT,
        Pending::NotFound => unended::NOT_FOUND,
        Pending::NotKnown => unended::NOT_KNOWN,
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

    /// Every way in which a message stands, with its sentences.
    fn all() -> Vec<(String, Words)> {
        use ReceiptStatus::{Delivered, Undelivered};
        let mut ends: Vec<(Reason, Option<i64>)> = [Reason::Expired, Reason::AttemptsUsed]
            .into_iter()
            .flat_map(|reason| [Some(DAILY_QUOTA), Some(-1)].map(|errcode| (reason, errcode)))
            .collect();
        ends.extend(reasons().into_iter().map(|reason| (reason, None)));
        ends.push((read_word("of_a_later_version").unwrap(), None));
        let ended = ends.into_iter().map(|(reason, errcode)| About::Ended {
            reason,
            errcode,
            receipt: None,
        });
        let told = [Delivered, Undelivered].map(|receipt| About::Ended {
            reason: Reason::Ok,
            errcode: None,
            receipt: Some(receipt),
        });
        let by_another = [None, Some(Delivered), Some(Undelivered)]
            .map(|receipt| About::SentByAnother { receipt });
        let all = ended
            .chain(told)
            .chain(by_another)
            .chain([About::PublishedLate])
            .chain(Pending::ALL.map(About::Pending));
        all.map(|about| (format!("{about:?}"), words(about)))
            .collect()
    }

    fn has_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c))
    }

    /// What stands between backticks: words of ours, which are the same in every language.
    fn own_words(text: &str) -> BTreeSet<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn every_sentence_is_there_in_chinese_and_names_the_same() {
        for (about, words) in all() {
            for (english, chinese) in [
                (words.ops, words.ops_chinese),
                (words.next, words.next_chinese),
            ] {
                assert!(!english.is_empty(), "{about}");
                assert!(has_chinese(chinese), "{about}: {chinese}");
                assert!(chinese.ends_with('。'), "{about}: {chinese}");
                assert_eq!(own_words(english), own_words(chinese), "{about}");
            }
            assert!(!has_chinese(words.ops), "{about}: {}", words.ops);
            let customer = words.customer;
            assert!(
                has_chinese(customer) && customer.ends_with('。'),
                "{about}: {customer}"
            );
        }
    }

    #[test]
    fn explain_prints_what_it_always_printed() {
        let words = ended(Reason::Ok, None);
        let (ops, next, customer) = (words.ops, words.next, words.customer);
        let expected = format!(r#"{{"ops":{ops:?},"next":{next:?},"customer":{customer:?}}}"#);
        assert_eq!(serde_json::to_string(&words).unwrap(), expected);
    }

    #[test]
    fn every_reason_has_sentences_of_its_own() {
        let reasons = reasons();
        assert!(reasons.len() > 35, "{}", reasons.len());
        let mut told = BTreeSet::new();
        for reason in reasons {
            let Words {
                ops,
                ops_chinese,
                customer,
                ..
            } = ended(reason, None);
            for ops in [ops, ops_chinese] {
                assert!(
                    told.insert(ops),
                    "{reason:?} says what another one says: {ops}"
                );
            }
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
            let words = words(About::Pending(pending));
            for ops in [words.ops, words.ops_chinese] {
                assert!(told.insert(ops), "{pending:?}: {ops}");
            }
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
            assert!(told.insert(by_another.ops) && told.insert(by_another.ops_chinese));
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
