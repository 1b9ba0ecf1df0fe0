//! The topics of the settings: whether they are there, and what they take.

use std::sync::Arc;

use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use serde::Serialize;

use super::Limit;
use super::heard::Asking;
use crate::config::{Kafka, Settings};
use crate::edges::kafka::client_config;
use crate::edges::kafka::partitions::{self, TopicError};
use crate::edges::kafka::standing::Standing;
use crate::edges::kafka::topics::creation::would_make;
use crate::edges::kafka::topics::{Limits, Purpose, Sources, Wanted, describe, wanted};

/// A topic of the settings.
#[derive(Debug, Serialize)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip)]
    pub purpose: Purpose,
    /// Whether it is there.
    #[serde(flatten)]
    pub state: State,
}

impl Topic {
    pub(super) fn is_there(&self) -> bool {
        matches!(self.state, State::There { .. })
    }
}

/// Whether a topic is there.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Yes.
    There {
        /// Its partitions.
        partitions: i32,
        /// How many brokers keep the partition that has the fewest copies.
        copies: usize,
        /// What it takes; nothing if we may not ask.
        limits: Option<Limits>,
    },
    /// No.
    Missing {
        /// Whether `topics create` would make it.
        creation: Standing,
    },
    /// The cluster does not tell.
    Hidden {
        /// Why.
        why: String,
    },
}

/// Looks at every topic of the settings.
pub(super) async fn look(
    settings: &Arc<Settings>,
    asking: &Arc<Asking>,
    limit: Limit,
) -> anyhow::Result<Vec<Topic>> {
    let (all, asking, brokers) = (
        wanted(settings, Sources::Too),
        Arc::clone(asking),
        settings.kafka.brokers.clone(),
    );
    let found = tokio::task::spawn_blocking(move || {
        let look = |topic: Wanted| {
            let found = partitions::look(&asking, &brokers, &topic.name, limit.left());
            (topic, found)
        };
        all.into_iter().map(look).collect::<Vec<_>>()
    });
    let admin = client_config(&settings.kafka, &[]).create()?;
    let mut topics = Vec::new();
    for (topic, found) in found.await? {
        let state = match found {
            Ok(found) => State::There {
                partitions: found.n_partitions,
                copies: found.n_copies,
                limits: limits(&admin, &topic.name, limit).await,
            },
            Err(TopicError::Missing { .. }) => State::Missing {
                creation: creation(&admin, &topic, &settings.kafka).await,
            },
            Err(
                error @ (TopicError::NotAllowed { .. }
                | TopicError::Unreachable { .. }
                | TopicError::Other { .. }),
            ) => State::Hidden {
                why: error.to_string(),
            },
        };
        topics.push(Topic {
            name: topic.name,
            purpose: topic.purpose,
            state,
        });
    }
    Ok(topics)
}

async fn limits(
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
    limit: Limit,
) -> Option<Limits> {
    let limits = describe(admin, &[topic], limit.left()).await;
    limits.ok()?.into_iter().next()?
}

async fn creation(
    admin: &AdminClient<DefaultClientContext>,
    topic: &Wanted,
    kafka: &Kafka,
) -> Standing {
    match would_make(admin, topic).await {
        Ok(Ok(())) => Standing::Allowed,
        Ok(Err(code)) => Standing::of(Some(code), &code.to_string()),
        Err(error) => Standing::NotKnown(format!("{} did not answer: {error}", kafka.brokers)),
    }
}
