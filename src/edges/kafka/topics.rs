//! The topics we need: whether they are there, and how they come to be.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::client_config;
use super::partitions::{self, TopicError};
use crate::config::{Kafka, Settings};
use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

/// How long the cluster may take to say what it has.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why topics could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The cluster does not tell of one.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The cluster refused.
    #[error("topic {topic}: {detail}")]
    Refused {
        /// The topic.
        topic: String,
        /// What the cluster says.
        detail: String,
    },
}

/// Which of these topics do not exist. Blocks.
pub fn missing(kafka: &Kafka, topics: &[&str]) -> Result<Vec<String>, TopicError> {
    let unreachable = |error| TopicError::Unreachable {
        brokers: kafka.brokers.clone(),
        error,
    };
    let ours = [
        ("group.id", kafka.group.as_str()),
        ("allow.auto.create.topics", "false"),
    ];
    let client: BaseConsumer = client_config(kafka, &ours).create().map_err(unreachable)?;
    let mut missing = Vec::new();
    for topic in topics {
        match partitions::count(&client, &kafka.brokers, topic, REQUEST_TIMEOUT) {
            Ok(_) => {}
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

/// Which of these topics take less than an outcome may need, and how much they take. A cluster that does not let us ask is believed.
pub async fn too_small(kafka: &Kafka, topics: &[&str]) -> Vec<(String, usize)> {
    let limits = limits(kafka, topics).await;
    let mut limits = limits.unwrap_or_else(|error| {
        tracing::debug!(%error, "the cluster does not tell how large records may be");
        Vec::new()
    });
    limits.retain(|(_, bytes)| *bytes < SMALLEST_TOPIC_BYTES);
    limits
}

async fn limits(kafka: &Kafka, topics: &[&str]) -> Result<Vec<(String, usize)>, KafkaError> {
    let admin: AdminClient<DefaultClientContext> = client_config(kafka, &[]).create()?;
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let asked: Vec<ResourceSpecifier<'_>> = topics
        .iter()
        .map(|topic| ResourceSpecifier::Topic(topic))
        .collect();
    let answers = admin.describe_configs(&asked, &options).await?;
    // A topic that may not be asked about is passed over.
    let limits = topics.iter().zip(answers).filter_map(|(topic, answer)| {
        let answer = answer.ok()?;
        let limit = answer.get("max.message.bytes")?.value.as_ref()?;
        Some(((*topic).to_owned(), limit.parse().ok()?))
    });
    Ok(limits.collect())
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
}

/// What became of a topic to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    Created,
    /// It was there already, and was left as it is.
    Existed,
}

/// Outcome and dead-letter topic, and the source topics if asked for.
pub fn wanted(settings: &Settings, sources: Sources) -> Vec<Wanted> {
    let name = |name: &str, purpose| Wanted {
        name: name.to_owned(),
        purpose,
    };
    let mut topics = vec![
        name(&settings.outcomes.topic, Purpose::Outcomes),
        name(&settings.dead_letter_topic, Purpose::DeadLetters),
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

/// Makes topics that are not there, and waits until the cluster shows them: what comes next looks for them.
pub async fn create(
    kafka: &Kafka,
    topics: &[Wanted],
    partitions: i32,
    replication: i32,
) -> Result<Vec<(String, Made)>, TopicsError> {
    let unreachable = |error| TopicError::Unreachable {
        brokers: kafka.brokers.clone(),
        error,
    };
    let admin: AdminClient<DefaultClientContext> =
        client_config(kafka, &[]).create().map_err(unreachable)?;
    let options = AdminOptions::new()
        .operation_timeout(Some(REQUEST_TIMEOUT))
        .request_timeout(Some(REQUEST_TIMEOUT));
    let mut new_topics = Vec::new();
    for topic in topics {
        let new = NewTopic::new(
            &topic.name,
            partitions,
            TopicReplication::Fixed(replication),
        );
        new_topics.push(match topic.purpose {
            Purpose::Source | Purpose::Outcomes => new,
            // A dead letter repeats its record and adds headers: what a source topic accepts by default must fit here.
            Purpose::DeadLetters => new.set("max.message.bytes", "2097152"),
        });
    }
    let results = admin
        .create_topics(&new_topics, &options)
        .await
        .map_err(unreachable)?;
    let mut made = Vec::new();
    for result in results {
        match result {
            Ok(name) => made.push((name, Made::Created)),
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => made.push((name, Made::Existed)),
            Err((topic, error)) => {
                let detail = error.to_string();
                return Err(TopicsError::Refused { topic, detail });
            }
        }
    }
    let (kafka, names) = (
        kafka.clone(),
        made.iter().map(|(name, _)| name.clone()).collect(),
    );
    let shown = tokio::task::spawn_blocking(move || wait_until_shown(&kafka, names));
    shown.await.unwrap_or(Ok(()))?;
    Ok(made)
}

fn wait_until_shown(kafka: &Kafka, mut names: Vec<String>) -> Result<(), TopicsError> {
    const LOOKS: u32 = 50;
    for _ in 0..LOOKS {
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        names = missing(kafka, &asked)?;
        if names.is_empty() {
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    Err(TopicsError::Refused {
        topic: names.join(", "),
        detail: "created, but the cluster does not show it yet".to_owned(),
    })
}
