//! How many partitions the source topics have, asked of the brokers at every assignment and every half minute: an instance's share of the rates is of these.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::Instant;

use super::group::Context;
use wx_courier_core::schedule::share::Layout;

/// How long the brokers may take to answer about all topics. Nothing is polled meanwhile, and the group waits for us.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);

/// How long it is waited before they are asked again.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long the brokers may take when they are asked between assignments, while nothing is polled.
pub(super) const SHORT_TIMEOUT: Duration = Duration::from_secs(1);

/// How often they are asked without an assignment: in the newer protocol a member whose partitions stay the same hears nothing of new ones.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(30);

/// Asks for the number of partitions of each topic. Blocks, but not for longer than that.
pub(super) fn ask(
    consumer: &BaseConsumer<Context>,
    topics: &[Arc<str>],
    timeout: Duration,
) -> KafkaResult<Layout> {
    let deadline = Instant::now() + timeout;
    let mut counted = Vec::with_capacity(topics.len());
    for topic in topics {
        let left = deadline.saturating_duration_since(Instant::now());
        counted.push((Arc::clone(topic), n_partitions(consumer, topic, left)?));
    }
    Ok(Layout::new(counted))
}

fn n_partitions(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<u32> {
    // librdkafka waits for ever if it is told to wait for no time.
    let metadata = consumer.fetch_metadata(Some(topic), timeout.max(Duration::from_millis(1)))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let Some(found) = found else {
        return Ok(0);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(0),
        Some(error) => Err(KafkaError::MetadataFetch(error)),
    }
}
