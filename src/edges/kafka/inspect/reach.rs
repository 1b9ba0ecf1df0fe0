//! Whether a broker answers, who it thinks we are, and if none does, why.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::metadata::Metadata;
use serde::Serialize;
use tokio::time::Instant;

use super::heard::{self, Asking};
use super::{Limit, QUESTION};
use crate::config::Kafka;
use crate::edges::kafka::cause::Cause;

/// As whom we come, as far as the settings say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Login {
    /// Without a login: the protocol has none.
    Anonymous,
    /// As a user.
    User {
        /// Its name.
        name: String,
        /// The way to log in.
        mechanism: String,
    },
    /// As whom a certificate names.
    Certificate {
        /// Its file.
        file: String,
    },
    /// Without a login, though a user or a password is said: the protocol has none.
    NotUsed,
}

impl Login {
    /// Reads it out of the settings.
    pub fn of(kafka: &Kafka) -> Self {
        let said = |name: &str| {
            kafka
                .options
                .get(name)
                .map(|value| value.expose().to_owned())
        };
        let protocol = said("security.protocol").unwrap_or_default();
        let protocol = protocol.to_ascii_lowercase();
        if protocol.starts_with("sasl") {
            let mechanism = said("sasl.mechanism").or_else(|| said("sasl.mechanisms"));
            return Self::User {
                name: said("sasl.username").unwrap_or_default(),
                mechanism: mechanism.unwrap_or_else(|| "GSSAPI".to_owned()),
            };
        }
        if said("sasl.username")
            .or_else(|| said("sasl.password"))
            .is_some()
        {
            return Self::NotUsed;
        }
        match said("ssl.certificate.location").or_else(|| said("ssl.keystore.location")) {
            Some(file) if protocol == "ssl" => Self::Certificate { file },
            Some(_) | None => Self::Anonymous,
        }
    }
}

/// A cluster that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Its id, if it tells.
    pub id: Option<String>,
    /// Its brokers, `host:port`.
    pub brokers: Vec<String>,
}

/// No broker answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreachable {
    /// Why.
    pub cause: Cause,
    /// In librdkafka's words.
    pub said: String,
}

/// One try: long enough for a broker far away, short enough to hear early of a wrong password.
const TRY: Duration = Duration::from_secs(2);

/// Asks who is there. Blocks. The outer error is of this machine, the inner one of the cluster.
pub(super) fn reach(
    kafka: &Kafka,
    limit: Limit,
) -> KafkaResult<Result<(Arc<Asking>, Cluster), Unreachable>> {
    let asking = heard::make(kafka)?;
    let topic = kafka.topics.first().map(String::as_str);
    let until = Instant::now() + QUESTION;
    let mut so_far = None;
    loop {
        let failure = match asking.fetch_metadata(topic, TRY.min(limit.left())) {
            Ok(metadata) => {
                let brokers = names(&metadata);
                let id = asking.client().fetch_cluster_id(TRY);
                return Ok(Ok((Arc::new(asking), Cluster { id, brokers })));
            }
            Err(failure) => failure,
        };
        let why = the_most_telling(so_far.take(), &asking, &failure);
        let is_told = !matches!(why.cause, Cause::NoAnswer | Cause::Other);
        if is_told || Instant::now() > until {
            return Ok(Err(why));
        }
        so_far = Some(why);
    }
}

/// The brokers, as they name themselves. Blocks.
pub(super) fn brokers(asking: &Asking, kafka: &Kafka, limit: Limit) -> KafkaResult<Vec<String>> {
    let topic = kafka.topics.first().map(String::as_str);
    let metadata = asking.fetch_metadata(topic, limit.left())?;
    Ok(names(&metadata))
}

fn names(metadata: &Metadata) -> Vec<String> {
    let brokers = metadata.brokers().iter();
    let brokers = brokers.map(|broker| format!("{}:{}", broker.host(), broker.port()));
    brokers.collect()
}

/// librdkafka tells of each connection; the failure of the question says least.
fn the_most_telling(
    so_far: Option<Unreachable>,
    asking: &Asking,
    failure: &KafkaError,
) -> Unreachable {
    let of = |code, said: String| Unreachable {
        cause: Cause::of(code, &said),
        said,
    };
    let told = heard::listen(asking);
    let told = told.into_iter().map(|(code, said)| of(code, said));
    let least = of(failure.rdkafka_error_code(), failure.to_string());
    let best = so_far.into_iter().chain(told).reduce(|best, next| {
        if next.cause.says_more_than(best.cause) {
            next
        } else {
            best
        }
    });
    best.unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::kafka::test_kafka::{closed, kafka};

    #[test]
    fn we_are_who_the_settings_say() {
        let user = ("sasl.username", "courier");
        let of = |options: &[(&str, &str)]| Login::of(&kafka("b:1".to_owned(), options));
        assert_eq!(of(&[]), Login::Anonymous);
        let logged_in = of(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            user,
        ]);
        let expected = Login::User {
            name: "courier".to_owned(),
            mechanism: "PLAIN".to_owned(),
        };
        assert_eq!(logged_in, expected);
        assert_eq!(of(&[user]), Login::NotUsed);
    }

    #[test]
    fn why_no_broker_answers_is_told() {
        for (brokers, cause) in [
            (closed(), Cause::Refused),
            ("no-such-host.invalid:9092".to_owned(), Cause::UnknownHost),
        ] {
            let why = reach(&kafka(brokers.clone(), &[]), Limit::new()).unwrap();
            let why = why.err().map(|why| why.cause);
            assert_eq!(why, Some(cause), "{brokers}");
        }
    }
}
