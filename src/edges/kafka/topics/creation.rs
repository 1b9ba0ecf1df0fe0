//! Topics that are not there are made, one at a time: some clusters take no more in one request, and one that is refused keeps no other from
//! being made.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Lookup, REQUEST_TIMEOUT, Wanted};
use crate::config::Kafka;
use crate::edges::kafka::client_config;
use crate::edges::kafka::partitions::TopicError;
use crate::edges::kafka::standing::is_about_rights;
use crate::edges::kafka::trouble::Ear;

/// What became of a topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    Created,
    /// It was there already, and was left as it is.
    Existed,
    /// The cluster refuses it. Says why, and what to do.
    Refused(String),
    /// It was not asked for: the cluster had not answered about another one.
    NotTried,
}

/// How large a new topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its partitions.
    pub partitions: i32,
    /// How many brokers keep a copy; -1 leaves it to the cluster.
    pub replication: i32,
}

/// Makes topics that are not there, and waits until the cluster shows them: what comes next looks for them. Fails only if no broker answers.
pub async fn create(
    kafka: &Kafka,
    topics: &[Wanted],
    shape: Shape,
) -> Result<Vec<(String, Made)>, TopicError> {
    let admin: AdminClient<DefaultClientContext> =
        client_config(kafka, &[])
            .create()
            .map_err(|error| TopicError::Unreachable {
                brokers: kafka.brokers.clone(),
                error,
            })?;
    let lookup = Arc::new(Lookup::new(kafka, Ear::Command)?);
    let mut all = Vec::new();
    let mut is_answered = true;
    for topic in topics {
        let made = match look(&lookup, &topic.name).await? {
            Look::Decided(made) => made,
            Look::Missing if !is_answered => Made::NotTried,
            Look::Missing => match ask(&admin, topic, shape).await {
                Ok(made) => made,
                Err(error) => {
                    // The next one would be waited for as long.
                    is_answered = false;
                    Made::Refused(unanswered(&error))
                }
            },
        };
        all.push((topic.name.clone(), made));
    }
    let new = all.iter().filter(|(_, made)| *made == Made::Created);
    let new: Vec<String> = new.map(|(name, _)| name.clone()).collect();
    tokio::task::spawn_blocking(move || wait_until_shown(&lookup, new))
        .await
        .unwrap_or(Ok(()))?;
    Ok(all)
}

/// What the cluster says of a topic before it is asked to make it. Where clients may make none, one that is there must not fail for that.
enum Look {
    Decided(Made),
    Missing,
}

async fn look(lookup: &Arc<Lookup>, topic: &str) -> Result<Look, TopicError> {
    let (lookup, name) = (Arc::clone(lookup), topic.to_owned());
    let looked = tokio::task::spawn_blocking(move || lookup.missing(&[&name]));
    match looked.await {
        Ok(Ok(missing)) if missing.is_empty() => Ok(Look::Decided(Made::Existed)),
        Ok(Err(error @ TopicError::Unreachable { .. })) => Err(error),
        // Where a right to describe is wanting, the cluster does not say whether it is there; to make it may be allowed all the same.
        Ok(Err(TopicError::NotAllowed { .. } | TopicError::Missing { .. }) | Ok(_)) | Err(_) => {
            Ok(Look::Missing)
        }
        Ok(Err(error @ TopicError::Other { .. })) => {
            Ok(Look::Decided(Made::Refused(error.to_string())))
        }
    }
}

/// Asks for one topic. An error is one of the whole question: nothing was said of the topic.
async fn ask(
    admin: &AdminClient<DefaultClientContext>,
    topic: &Wanted,
    shape: Shape,
) -> Result<Made, KafkaError> {
    let options = AdminOptions::new()
        .operation_timeout(Some(REQUEST_TIMEOUT))
        .request_timeout(Some(REQUEST_TIMEOUT));
    let results = admin.create_topics(&[new(topic, shape)], &options).await?;
    Ok(match results.into_iter().next() {
        Some(Ok(_)) => Made::Created,
        Some(Err((_, Code::TopicAlreadyExists))) => Made::Existed,
        Some(Err((_, code))) => Made::Refused(explain(code, shape)),
        None => Made::Refused(format!("the cluster's answer does not name it; {PRINT}")),
    })
}

/// The topic as the cluster is asked for it.
fn new(topic: &Wanted, shape: Shape) -> NewTopic<'_> {
    let replication = TopicReplication::Fixed(shape.replication);
    let new = NewTopic::new(&topic.name, shape.partitions, replication);
    let settings = topic.purpose.settings().iter();
    settings.fold(new, |new, (name, value)| new.set(name, value))
}

/// Whether the cluster would make the topic; it does not. An error is one of the whole question.
pub(in crate::edges::kafka) async fn would_make(
    admin: &AdminClient<DefaultClientContext>,
    topic: &Wanted,
) -> Result<Result<(), Code>, KafkaError> {
    let options = AdminOptions::new()
        .validate_only(true)
        .request_timeout(Some(REQUEST_TIMEOUT));
    let shape = Shape {
        partitions: 1,
        replication: -1,
    };
    let results = admin.create_topics(&[new(topic, shape)], &options).await?;
    Ok(match results.into_iter().next() {
        Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) | None => Ok(()),
        Some(Err((_, code))) => Err(code),
    })
}

/// The way out where clients may make no topics.
pub const PRINT: &str =
    "`wx-courier topics create --print` says what to make in the cluster's console";

/// A refusal in a sentence, with what to do about it.
fn explain(code: Code, shape: Shape) -> String {
    let help = if is_about_rights(code) {
        format!(
            "give the user of [kafka.options] the right to create it; where clients may make no topics, {PRINT}"
        )
    } else if code == Code::InvalidReplicationFactor {
        format!(
            "the cluster has too few brokers for --replication {}, or wants another number",
            shape.replication
        )
    } else if code == Code::InvalidPartitions {
        format!(
            "the cluster does not take --partitions {}",
            shape.partitions
        )
    } else {
        PRINT.to_owned()
    };
    format!("{code}; {help}")
}

fn unanswered(error: &KafkaError) -> String {
    format!("the cluster does not answer when it is asked to make a topic: {error}; {PRINT}")
}

fn wait_until_shown(lookup: &Lookup, mut names: Vec<String>) -> Result<(), TopicError> {
    const LOOKS: u32 = 50;
    for _ in 0..LOOKS {
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        names = lookup.missing(&asked)?;
        if names.is_empty() {
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    // It was made all the same, and will be shown.
    tracing::warn!(
        topics = names.join(", "),
        "created, but the cluster does not show it yet"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let shape = Shape {
            partitions: 12,
            replication: 3,
        };
        let denied = explain(Code::TopicAuthorizationFailed, shape);
        assert!(
            denied.contains("right to create") && denied.contains("--print"),
            "{denied}"
        );
        let too_many = explain(Code::InvalidReplicationFactor, shape);
        assert!(too_many.contains("--replication 3"), "{too_many}");
        let other = explain(Code::UnsupportedVersion, shape);
        assert!(other.contains("--print"), "{other}");
    }
}
