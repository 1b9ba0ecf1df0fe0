//! The topics we need: what they are, and whether they are there.

pub mod creation;

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;
use serde::Serialize;

use super::client_config;
use super::partitions::{self, TopicError};
use super::trouble::Ear;
use crate::config::{Kafka, Settings};
use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

/// How long the cluster may take to say what it has.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that looks for topics.
pub struct Lookup {
    brokers: String,
    client: BaseConsumer<Ear>,
}

impl Lookup {
    /// Makes it; it connects when it is asked something.
    pub fn new(kafka: &Kafka, ear: Ear) -> Result<Self, TopicError> {
        let brokers = kafka.brokers.clone();
        let ours = [
            ("group.id", kafka.group.as_str()),
            ("allow.auto.create.topics", "false"),
            // A caller waits: a broker that comes back is found soon, and one that does not answer is told of.
            ("reconnect.backoff.max.ms", "1000"),
            ("socket.connection.setup.timeout.ms", "5000"),
        ];
        match client_config(kafka, &ours).create_with_context(ear) {
            Ok(client) => Ok(Self { brokers, client }),
            Err(error) => Err(TopicError::Unreachable { brokers, error }),
        }
    }

    /// Whether this topic is there. Blocks.
    pub fn look(&self, topic: &str) -> Result<(), TopicError> {
        partitions::count(&self.client, &self.brokers, topic, REQUEST_TIMEOUT).map(|_| ())
    }

    /// Which of these topics do not exist. Blocks.
    fn missing(&self, topics: &[&str]) -> Result<Vec<String>, TopicError> {
        let mut missing = Vec::new();
        for topic in topics {
            match self.look(topic) {
                Ok(()) => {}
                Err(TopicError::Missing { topic, .. }) => missing.push(topic),
                Err(
                    error @ (TopicError::NotAllowed { .. }
                    | TopicError::Unreachable { .. }
                    | TopicError::Other { .. }),
                ) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Lets the client's ear hear what has happened to its connections: librdkafka tells it inside of a poll only.
    pub fn listen(&self) {
        // One event a poll, and it does not say whether there was one.
        for _ in 0..100 {
            let _error = self.client.poll(Duration::ZERO);
        }
    }
}

/// What a topic takes, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The largest batch of records.
    pub max_message_bytes: Option<usize>,
    /// What happens to old records.
    pub cleanup_policy: Option<String>,
    /// How many copies must have a record before it is acknowledged.
    pub min_insync_replicas: Option<usize>,
}

impl Limits {
    fn of(described: &ConfigResource) -> Self {
        let value = |name| described.get(name)?.value.clone();
        let number = |name| value(name)?.parse().ok();
        Self {
            max_message_bytes: number("max.message.bytes"),
            cleanup_policy: value("cleanup.policy"),
            min_insync_replicas: number("min.insync.replicas"),
        }
    }
}

/// What each of these topics takes; `None` for one that we may not ask about.
pub(super) async fn describe(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[&str],
    timeout: Duration,
) -> KafkaResult<Vec<Option<Limits>>> {
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let asked = topics.iter().map(|topic| ResourceSpecifier::Topic(topic));
    let asked: Vec<ResourceSpecifier<'_>> = asked.collect();
    let answers = admin.describe_configs(&asked, &options).await?;
    let of = |answer: Result<ConfigResource, _>| {
        // Without the right to ask, a topic has no settings at all.
        let described = answer
            .ok()
            .filter(|described| !described.entries.is_empty());
        described.as_ref().map(Limits::of)
    };
    Ok(answers.into_iter().map(of).collect())
}

/// Which of these topics take less than an outcome may need, and how much they take. A cluster that does not let us ask is believed.
pub async fn too_small(kafka: &Kafka, topics: &[&str]) -> Vec<(String, usize)> {
    let limits = match client_config(kafka, &[]).create() {
        Ok(admin) => describe(&admin, topics, REQUEST_TIMEOUT).await,
        Err(error) => Err(error),
    };
    let limits = limits.unwrap_or_else(|error| {
        tracing::debug!(%error, "the cluster does not tell how large records may be");
        Vec::new()
    });
    let too_small = topics.iter().zip(limits).filter_map(|(topic, limits)| {
        let bytes = limits?.max_message_bytes?;
        (bytes < SMALLEST_TOPIC_BYTES).then(|| ((*topic).to_owned(), bytes))
    });
    too_small.collect()
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Events.
    Source,
    /// Outcomes.
    Outcomes,
    /// Dead letters.
    DeadLetters,
    /// Who has changed something.
    Audit,
}

/// How long `topics create` lets audit records be kept: 400 days, so that what was done a year ago can still be read.
const AUDIT_MS: &str = "34560000000";

/// How much `topics create` lets a dead-letter topic take. A dead letter repeats its record and adds headers: what a source topic accepts by
/// default must fit.
const DEAD_LETTER_BYTES: &str = "2097152";

impl Purpose {
    /// What it is, for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "events",
            Self::Outcomes => "outcomes",
            Self::DeadLetters => "dead letters",
            Self::Audit => "audit",
        }
    }

    /// The settings with which the topic is made. All others are the cluster's own.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Source => &[],
            Self::Outcomes => &[("cleanup.policy", "delete")],
            Self::DeadLetters => &[
                ("cleanup.policy", "delete"),
                ("max.message.bytes", DEAD_LETTER_BYTES),
            ],
            Self::Audit => &[("cleanup.policy", "delete"), ("retention.ms", AUDIT_MS)],
        }
    }

    /// What else is to be thought of by who makes the topic by hand.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Source => {
                "retention.ms: longer than the slowest rule needs, and than the service may stand still"
            }
            Self::Outcomes => {
                "retention.ms: as long as dashboards and `replay --from outcomes` read back; max.message.bytes: 16384 at least"
            }
            Self::DeadLetters => {
                "retention.ms: as long as `replay` reads back; max.message.bytes: as the source topics', and some KiB more"
            }
            Self::Audit => {
                "one partition is enough; who may write to it can forge it, who may delete from it can hide; max.message.bytes: 16384 at least"
            }
        }
    }
}

/// Outcome, dead-letter and audit topic, and the source topics if asked for.
pub fn wanted(settings: &Settings, sources: Sources) -> Vec<Wanted> {
    let name = |name: &str, purpose| Wanted {
        name: name.to_owned(),
        purpose,
    };
    let mut topics = vec![
        name(&settings.outcomes.topic, Purpose::Outcomes),
        name(&settings.dead_letter_topic, Purpose::DeadLetters),
        name(&settings.audit_topic, Purpose::Audit),
    ];
    if sources == Sources::Too {
        topics.extend(
            settings
                .kafka
                .topics
                .iter()
                .map(|topic| name(topic, Purpose::Source)),
        );
    }
    topics
}

/// Whether source topics are made as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// They belong to the teams that publish.
    NotOurs,
    /// For development, where no other tool makes them.
    Too,
}
