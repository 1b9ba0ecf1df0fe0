//! How many partitions a topic has: the one place that asks the cluster, and that says what it means where no number comes.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::standing::is_about_rights;

/// Why the cluster gives no number.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// There is no topic of this name, or it has no partition yet.
    #[error(
        "the topic {topic} does not exist at {brokers}: check the name, and `brokers` in [kafka]; `wx-courier topics create` makes the topics of \
         the settings"
    )]
    Missing {
        /// The topic.
        topic: String,
        /// Where we asked.
        brokers: String,
    },
    /// Our user has no right to hear of it.
    #[error(
        "the cluster at {brokers} does not let us see the topic {topic}: {code}; the user of [kafka.options] needs the right to describe it"
    )]
    NotAllowed {
        /// The topic.
        topic: String,
        /// Where we asked.
        brokers: String,
        /// What the cluster says.
        code: Code,
    },
    /// No broker has answered. Asking again may help.
    #[error(
        "no broker answers at {brokers}: {error}; check `brokers` in [kafka], and [kafka.options] if the cluster wants TLS or a login"
    )]
    Unreachable {
        /// Where we asked.
        brokers: String,
        /// What librdkafka says.
        error: KafkaError,
    },
    /// The cluster has answered with another error.
    #[error(
        "the cluster at {brokers} does not say how many partitions the topic {topic} has: {code}; if this goes on, the log of its brokers says why"
    )]
    Other {
        /// The topic.
        topic: String,
        /// Where we asked.
        brokers: String,
        /// What the cluster says.
        code: Code,
    },
}

/// What the cluster says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its partitions; there is one at least.
    pub(super) n_partitions: i32,
    /// How many brokers keep the partition that has the fewest copies.
    pub(super) n_copies: usize,
}

/// Asks how many partitions a topic has; there is one at least. Blocks for no longer than `timeout`. `brokers` is for the error only.
pub(super) fn count<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    brokers: &str,
    topic: &str,
    timeout: Duration,
) -> Result<i32, TopicError> {
    look(client, brokers, topic, timeout).map(|found| found.n_partitions)
}

/// The same, with how many copies there are.
pub(super) fn look<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    brokers: &str,
    topic: &str,
    timeout: Duration,
) -> Result<Found, TopicError> {
    // librdkafka waits for ever if it is told to wait for no time.
    let timeout = timeout.max(Duration::from_millis(1));
    let metadata = client
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| of_call(error, brokers, topic))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let code = found.and_then(rdkafka::metadata::MetadataTopic::error);
    if let Some(code) = code {
        return Err(of_topic(code.into(), brokers, topic));
    }
    let partitions = found.map_or(&[][..], |found| found.partitions());
    let n_copies = partitions
        .iter()
        .map(|partition| partition.replicas().len());
    match i32::try_from(partitions.len()) {
        Ok(n_partitions) if n_partitions > 0 => Ok(Found {
            n_partitions,
            n_copies: n_copies.min().unwrap_or(0),
        }),
        // Kafka numbers partitions with an i32: there are never too many.
        Ok(_) | Err(_) => Err(missing(brokers, topic)),
    }
}

/// The call has failed as a whole.
fn of_call(error: KafkaError, brokers: &str, topic: &str) -> TopicError {
    let code = error.rdkafka_error_code();
    match code.filter(|code| is_about_rights(*code)) {
        Some(code) => of_topic(code, brokers, topic),
        // Whatever the code is: nothing was said about the topic.
        None => TopicError::Unreachable {
            brokers: brokers.to_owned(),
            error,
        },
    }
}

/// The cluster has answered, with an error in the place of the topic.
fn of_topic(code: Code, brokers: &str, topic: &str) -> TopicError {
    if matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic) {
        return missing(brokers, topic);
    }
    let (topic, brokers) = (topic.to_owned(), brokers.to_owned());
    if is_about_rights(code) {
        TopicError::NotAllowed {
            topic,
            brokers,
            code,
        }
    } else {
        // Codes are librdkafka's and grow: none of the others says that the topic is not there.
        TopicError::Other {
            topic,
            brokers,
            code,
        }
    }
}

fn missing(brokers: &str, topic: &str) -> TopicError {
    TopicError::Missing {
        topic: topic.to_owned(),
        brokers: brokers.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::RDKafkaRespErr;

    use super::*;
    use crate::edges::kafka::test_kafka::closed;

    const LIMIT: Duration = Duration::from_secs(20);

    fn client(brokers: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("group.id", "tests")
            .set("allow.auto.create.topics", "false");
        config.create().unwrap()
    }

    #[test]
    fn a_cluster_says_how_many_there_are_or_why_it_does_not() {
        let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).unwrap();
        for topic in ["events", "secret", "busy"] {
            cluster.create_topic(topic, 3, 1).unwrap();
        }
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        cluster.topic_error("secret", denied).unwrap();
        let electing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        cluster.topic_error("busy", electing).unwrap();
        let brokers = cluster.bootstrap_servers();
        let client = client(&brokers);
        let ask = |topic| count(&client, &brokers, topic, LIMIT);

        assert_eq!(ask("events").unwrap(), 3);
        let missing = ask("evnets").unwrap_err();
        assert!(matches!(missing, TopicError::Missing { .. }), "{missing}");
        let denied = ask("secret").unwrap_err();
        assert!(matches!(denied, TopicError::NotAllowed { .. }), "{denied}");
        let electing = ask("busy").unwrap_err();
        assert!(matches!(electing, TopicError::Other { .. }), "{electing}");
        for (error, topic, help) in [
            (missing, "evnets", "topics create"),
            (denied, "secret", "[kafka.options] needs the right"),
            (electing, "busy", "log of its brokers"),
        ] {
            let said = error.to_string();
            for part in [topic, &brokers, help] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }

    #[test]
    fn a_broker_that_is_not_there_says_nothing_about_the_topic() {
        let brokers = closed();
        let soon = Duration::from_millis(300);
        let error = count(&client(&brokers), &brokers, "events", soon).unwrap_err();
        assert!(matches!(error, TopicError::Unreachable { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains(&brokers) && said.contains("check"), "{said}");
    }

    #[test]
    fn a_call_that_fails_for_want_of_a_right_is_no_broker_that_is_away() {
        let of = |code| of_call(KafkaError::MetadataFetch(code), "b:9092", "events");
        let denied = of(Code::ClusterAuthorizationFailed);
        assert!(matches!(denied, TopicError::NotAllowed { .. }), "{denied}");
        for code in [Code::OperationTimedOut, Code::BrokerTransportFailure] {
            let away = of(code);
            assert!(matches!(away, TopicError::Unreachable { .. }), "{away}");
        }
    }
}
