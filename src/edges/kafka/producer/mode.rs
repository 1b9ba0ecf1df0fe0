//! Idempotent or plain: what a producer is, what the cluster says to idempotent ones, and which is taken.
//!
//! Some brokers give out no producer ids (Aliyun's topics on cloud storage, Kafka on Pulsar). A plain producer does for them: what a retry
//! repeats has the same key, `id` and status, and one request at a time keeps the order.

mod probe;

use std::fmt;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Serialize;

use crate::config::{Kafka, ProducerSetting};
use crate::edges::kafka::trouble::Ear;
use crate::edges::kafka::without_thread;
pub use probe::{Answer, ask};

/// What a producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The broker knows its retries from new records, by a producer id and a sequence.
    Idempotent,
    /// A retry whose first try arrived after all is on its topic twice.
    Plain,
}

impl Mode {
    /// The word for it in settings, status and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::Plain => "plain",
        }
    }

    /// The properties that make it so.
    pub(super) fn properties(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Idempotent => &[("enable.idempotence", "true")],
            Self::Plain => &[
                ("enable.idempotence", "false"),
                ("acks", "all"),
                // A second request could overtake a first one that is retried.
                ("max.in.flight.requests.per.connection", "1"),
            ],
        }
    }
}

/// Which producer is taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// What it is.
    pub mode: Mode,
    /// Why it is that.
    pub why: String,
}

impl Chosen {
    /// The one that the settings name; `None` if the cluster is to be asked first.
    fn said(setting: ProducerSetting) -> Option<Self> {
        match setting {
            ProducerSetting::Auto | ProducerSetting::Idempotent => None,
            ProducerSetting::Plain => Some(Self {
                mode: Mode::Plain,
                why: "[kafka] producer says so".to_owned(),
            }),
        }
    }

    /// What follows from a refusal where the settings leave the choice to us.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        Self {
            mode: Mode::Plain,
            why: refusal.to_string(),
        }
    }
}

/// The cluster refuses idempotent producers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it says, in librdkafka's words.
    pub said: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the cluster refuses idempotent producers: {}", self.said)
    }
}

/// A refusal where the settings insist.
#[derive(Debug, thiserror::Error)]
#[error(
    "[kafka] producer = \"idempotent\" cannot be had: {0}\n    help: say producer = \"auto\" or \"plain\" (what is promised is the same), or give \
     the user of [kafka.options] the right to write to a topic, and to IdempotentWrite on clusters before Kafka 2.8"
)]
pub struct Insisted(Refusal);

/// Takes the producer that the settings name, or asks the cluster. Blocks, for no longer than `limit`. Only the cluster's refusal makes a
/// plain one of `auto`: where no broker answers, an idempotent one begins, and is replaced if it is refused later.
fn choose(kafka: &Kafka, ear: Ear, limit: Duration) -> Result<Chosen, Insisted> {
    if let Some(chosen) = Chosen::said(kafka.producer) {
        return Ok(chosen);
    }
    match (ask(kafka, ear, limit), kafka.producer) {
        (Answer::Refused(refusal), ProducerSetting::Idempotent) => Err(Insisted(refusal)),
        (Answer::Refused(refusal), ProducerSetting::Auto | ProducerSetting::Plain) => {
            Ok(Chosen::refused(&refusal))
        }
        (Answer::Allowed, _) => Ok(Chosen {
            mode: Mode::Idempotent,
            why: "the cluster takes idempotent producers".to_owned(),
        }),
        (Answer::NotKnown(why), _) => Ok(Chosen {
            mode: Mode::Idempotent,
            why: format!("the cluster has not said whether it takes idempotent producers: {why}"),
        }),
    }
}

/// How long the cluster may take to say whether it takes idempotent producers. One that has just answered something else needs milliseconds.
const LIMIT: Duration = Duration::from_secs(10);

/// The same, beside other work.
pub async fn chosen(kafka: &Kafka, ear: Ear) -> anyhow::Result<Chosen> {
    let kafka = kafka.clone();
    let chosen = tokio::task::spawn_blocking(move || choose(&kafka, ear, LIMIT));
    Ok(chosen.await??)
}

/// What a fatal error says of idempotence. Any other fatal error is of this producer alone: the next one may be idempotent again.
pub(super) fn refusal_in(code: Code, reason: &str) -> Option<Refusal> {
    let is_refusal = matches!(
        code,
        Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion
    );
    is_refusal.then(|| Refusal {
        said: reason.to_owned(),
    })
}

/// librdkafka's text for a broker's answer that it does not know this question, or no version of it that we know.
const UNSUPPORTED_VERSION: &str = "Broker: API version not supported";

/// What a log line of librdkafka says of idempotence: an answer that it takes for passing, and asks again for ever.
pub(super) fn refusal_in_log(facility: &str, message: &str) -> Option<Refusal> {
    let is_refusal = facility == "GETPID" && message.contains(UNSUPPORTED_VERSION);
    let said = without_thread(message);
    is_refusal.then(|| Refusal {
        said: said.trim_end_matches(": retrying").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_question_for_an_id_is_a_refusal() {
        let code = |code| refusal_in(code, "Failed to acquire idempotence PID");
        assert!(code(Code::ClusterAuthorizationFailed).is_some());
        assert!(code(Code::UnsupportedFeature).is_some());
        for other in [
            Code::OutOfOrderSequenceNumber,
            Code::Fenced,
            Code::BrokerTransportFailure,
            Code::OperationTimedOut,
        ] {
            assert!(code(other).is_none(), "{other}");
        }
    }

    #[test]
    fn an_answer_that_librdkafka_asks_for_again_is_a_refusal_too() {
        let line = |error: &str| {
            format!(
                "[thrd:main]: Failed to acquire idempotence PID from broker b:9092/1: {error}: retrying"
            )
        };
        let refused = line(UNSUPPORTED_VERSION);
        let said = refusal_in_log("GETPID", &refused).unwrap().said;
        assert!(said.starts_with("Failed to acquire"), "{said}");
        assert!(said.ends_with(UNSUPPORTED_VERSION), "{said}");
        let passing = line("Broker: Coordinator load in progress");
        assert_eq!(refusal_in_log("GETPID", &passing), None);
        assert_eq!(refusal_in_log("FAIL", &refused), None);
    }
}
