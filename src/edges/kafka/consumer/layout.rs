//! How many partitions the source topics have, asked of the brokers at every assignment and every half minute: an instance's share of the rates is of these.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::time::Instant;

use super::GroupEvent;
use super::group::Context;
use crate::edges::kafka::partitions::{self, TopicError};
use wx_courier_core::schedule::share::Layout;

/// How long the brokers may take to answer about all topics. Nothing is polled meanwhile, and the group waits for us.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);

/// How long it is waited before they are asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long the brokers may take when they are asked between assignments, while nothing is polled.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);

/// How often they are asked without an assignment: in the newer protocol a member whose partitions stay the same hears nothing of new ones.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Whether it is known how many partitions there are.
pub(super) enum Counted {
    /// The brokers have not been asked yet.
    Never,
    /// The brokers did not say; they are to be asked again then.
    Failed(Instant),
    /// The service was told this; they are asked again then.
    Told(Layout, Instant),
}

impl Context {
    /// If the brokers do not answer, the last word counts.
    pub(super) fn count_topics(&self, consumer: &BaseConsumer<Self>, timeout: Duration) {
        let mut counted = self
            .topics_counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let answer = ask(consumer, &self.topics, timeout);
        let again_at = Instant::now() + ASK_EVERY;
        match (answer, &mut *counted) {
            (Ok(layout), Counted::Told(former, next)) => {
                let layout = layout.or_former_of(former);
                if layout != *former {
                    self.tell(GroupEvent::TopicsCounted(layout.clone()));
                    *former = layout;
                }
                *next = again_at;
            }
            (Ok(layout), Counted::Never | Counted::Failed(_)) => {
                self.tell(GroupEvent::TopicsCounted(layout.clone()));
                *counted = Counted::Told(layout, again_at);
            }
            (Err(error @ TopicError::NotAllowed { .. }), Counted::Told(_, next)) => {
                // librdkafka sees the topic again when it is asked for.
                *next = Instant::now() + AGAIN_AFTER;
                tracing::debug!(%error, "it is not known how many partitions there are now");
            }
            (Err(error), Counted::Told(_, next)) => {
                *next = again_at;
                tracing::warn!(
                    %error,
                    "it is not known how many partitions there are now: the last number counts"
                );
            }
            (Err(error), Counted::Never | Counted::Failed(_)) => {
                // Why is told among the troubles; this is what it means, and stays so.
                if let Counted::Never = &*counted {
                    tracing::warn!(
                        %error,
                        "it is not known how many partitions there are: nothing is sent under a limit until the brokers say it"
                    );
                }
                *counted = Counted::Failed(Instant::now() + AGAIN_AFTER);
            }
        }
    }

    pub(super) fn count_topics_if_due(&self, consumer: &BaseConsumer<Self>) {
        let counted = self
            .topics_counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (again_at, timeout) = match &*counted {
            Counted::Never => return,
            Counted::Failed(again_at) => (*again_at, TIMEOUT),
            Counted::Told(_, again_at) => (*again_at, SHORT_TIMEOUT),
        };
        drop(counted);
        if again_at <= Instant::now() {
            self.count_topics(consumer, timeout);
        }
    }
}

/// Asks for the number of partitions of each topic. Blocks, but not for longer than that.
fn ask(
    consumer: &BaseConsumer<Context>,
    topics: &[Arc<str>],
    timeout: Duration,
) -> Result<Layout, TopicError> {
    let deadline = Instant::now() + timeout;
    let mut counted = Vec::with_capacity(topics.len());
    for topic in topics {
        let left = deadline.saturating_duration_since(Instant::now());
        let found = n_partitions(consumer, topic, left);
        let told = found.as_ref().map(|_| ());
        consumer.context().ear.looked(topic, told);
        counted.push((Arc::clone(topic), found?));
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
