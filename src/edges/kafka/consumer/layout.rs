//! How many partitions the source topics have, asked of the brokers at every assignment and every half minute: an instance's share of the rates is of these.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::time::Instant;

use super::group::Context;
use crate::edges::kafka::partitions::{self, TopicError};
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
) -> Result<Layout, TopicError> {
    let deadline = Instant::now() + timeout;
    let mut counted = Vec::with_capacity(topics.len());
    for topic in topics {
        let left = deadline.saturating_duration_since(Instant::now());
        counted.push((Arc::clone(topic), n_partitions(consumer, topic, left)?));
    }
    Ok(Layout::new(counted))
}

/// A topic that does not exist has none: the members share what the others have.
fn n_partitions(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    timeout: Duration,
) -> Result<u32, TopicError> {
    let brokers = &consumer.context().brokers;
    match partitions::count(consumer, brokers, topic, timeout) {
        Ok(n_partitions) => Ok(n_partitions.unsigned_abs()),
        Err(TopicError::Missing { .. }) => Ok(0),
        Err(
            error @ (TopicError::NotAllowed { .. }
            | TopicError::Unreachable { .. }
            | TopicError::Other { .. }),
        ) => Err(error),
    }
}
