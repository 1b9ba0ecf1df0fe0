//! Why a record was not published: what it means for the next try, and for a person.

use std::sync::Arc;

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

/// Why a record is not on its topic.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Its topic does not accept records of this size.
    #[error("the topic does not accept records of this size")]
    TooLarge,
    /// The broker has not taken it; it may be tried again.
    #[error("the broker has not taken the record: {0}")]
    Failed(KafkaError),
    /// The producer has ended.
    #[error("the producer has ended")]
    Closed,
}

impl PublishError {
    pub(super) fn of(error: KafkaError) -> Self {
        match About::of(&error) {
            About::Size => Self::TooLarge,
            About::Content | About::Producer | About::Topic => Self::Failed(error),
        }
    }

    /// Why what goes to this topic is not there, with what to do about it.
    pub fn on_topic(&self, what: &str, topic: &str) -> String {
        match self {
            Self::Failed(error) => {
                let said = explain(what, topic, error);
                match error.rdkafka_error_code() {
                    Some(Code::MessageTimedOut) => format!(
                        "{said}; no broker has acknowledged it in time, or the topic is not there: `wx-courier topics create` makes it"
                    ),
                    Some(_) | None => said.to_string(),
                }
            }
            Self::TooLarge | Self::Closed => format!("{what} to {topic}: {self}"),
        }
    }
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The size of the record: of the topic's limit, or of its segments. A smaller form may pass.
    Size,
    /// What stands in the record, as a rule of the broker or of the topic sees it: a compacted topic wants a key. The form that has nothing of
    /// the original record may pass.
    Content,
    /// The producer, which gave up its whole queue; why is told once, where it is replaced.
    Producer,
    /// The topic, our rights, the broker or the way to it. The same record passes when that is mended.
    Topic,
}

impl About {
    pub(super) fn of(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize,
            ) => Self::Size,
            Some(Code::InvalidRecord | Code::PolicyViolation) => Self::Content,
            Some(Code::Fatal | Code::PurgeQueue | Code::PurgeInflight) => Self::Producer,
            // Codes are librdkafka's and grow; what is not known may heal.
            Some(_) | None => Self::Topic,
        }
    }
}

/// A refusal in a sentence, with what to do about it.
pub(super) fn explain(what: &str, topic: &str, error: &KafkaError) -> Arc<str> {
    let code = error.rdkafka_error_code();
    let said = code.map_or_else(|| error.to_string(), |code| code.to_string());
    let help = match code {
        Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize) => {
            format!(
                "; its max.message.bytes, and message.max.bytes in [kafka.options], must be {SMALLEST_TOPIC_BYTES} at least"
            )
        }
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            "; the user of [kafka.options] needs the right to write to it".to_owned()
        }
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
            "; `wx-courier topics create` makes it".to_owned()
        }
        Some(Code::Fatal) => "; the producer cannot go on, and the log says why".to_owned(),
        Some(Code::InvalidRecord | Code::PolicyViolation) => {
            "; a policy of the broker or of the topic does not let it pass".to_owned()
        }
        Some(_) | None => String::new(),
    };
    Arc::from(format!("{what} to {topic}: {said}{help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let said = |code| explain("outcomes", "results", &KafkaError::MessageProduction(code));
        let too_large = said(Code::MessageSizeTooLarge);
        assert!(
            too_large.starts_with("outcomes to results: "),
            "{too_large}"
        );
        assert!(too_large.contains("16384"), "{too_large}");
        assert!(said(Code::UnknownTopicOrPartition).contains("topics create"));
        assert!(said(Code::TopicAuthorizationFailed).contains("right to write"));
        assert!(said(Code::Fatal).contains("the log says why"));
        assert!(!said(Code::MessageTimedOut).contains(';'));
    }

    #[test]
    fn a_record_is_too_large_for_every_producer_alike() {
        let of = |code| PublishError::of(KafkaError::MessageProduction(code));
        for code in [
            Code::MessageSizeTooLarge,
            Code::MessageBatchTooLarge,
            Code::InvalidMessageSize,
        ] {
            assert!(matches!(of(code), PublishError::TooLarge), "{code}");
        }
        let denied = of(Code::TopicAuthorizationFailed);
        assert!(matches!(denied, PublishError::Failed(_)), "{denied}");
    }
}
