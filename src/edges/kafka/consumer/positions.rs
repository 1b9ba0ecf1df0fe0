//! Positions: stored in librdkafka, which commits them by itself; and committed by hand, where there is no second chance.

use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use wx_courier_core::model::Partition;

/// Commits what is stored and waits for the broker: before partitions are given away there is no second chance.
pub(super) fn commit_stored<C: ConsumerContext>(consumer: &BaseConsumer<C>) {
    const TRIES: u32 = 3;
    // One try alone may wait a whole session for a coordinator that is away; a broker that is not there by then is not asked again.
    const LAST_TRY_WITHIN: Duration = Duration::from_secs(5);
    let began = Instant::now();
    for attempt in 1..=TRIES {
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(Code::NoOffset)) => return,
            Err(error) => tracing::warn!(%error, attempt, "the last commit failed"),
        }
        if began.elapsed() > LAST_TRY_WITHIN {
            return;
        }
    }
}

/// Stores how far a partition may be committed. That a partition is not ours any more is expected; all else is said.
pub(super) fn store<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &Partition,
    position: i64,
) {
    let Err(error) = try_to_store(consumer, partition, position) else {
        return;
    };
    match error.rdkafka_error_code() {
        // It has just been taken away: its new owner reads from the last commit. librdkafka knows it still, or has forgotten it already.
        Some(Code::State | Code::UnknownPartition) => {
            tracing::debug!(%error, %partition, position, "the position of a partition that is gone is not stored");
        }
        Some(_) | None => tracing::warn!(
            %error,
            %partition,
            position,
            "the position could not be stored: it is not committed until a later one is, and the next owner may read records before it again"
        ),
    }
}

fn try_to_store<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &Partition,
    position: i64,
) -> KafkaResult<()> {
    let (topic, number) = (&partition.topic, partition.number);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, number, Offset::Offset(position))?;
    consumer.store_offsets(&offsets)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::ClientConfig;

    use super::*;

    fn partition() -> Partition {
        Partition {
            topic: Arc::from("events"),
            number: 0,
        }
    }

    /// Connects to nothing: what is stored stays in the client.
    fn consumer(stores_by_itself: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config
            .set("group.id", "tests")
            .set("enable.auto.offset.store", stores_by_itself);
        config.create().unwrap()
    }

    fn code(result: KafkaResult<()>) -> Option<Code> {
        result.err().and_then(|error| error.rdkafka_error_code())
    }

    /// What librdkafka says of a partition that is not ours: `store` goes by it.
    #[test]
    fn a_partition_that_is_gone_is_told_from_other_trouble() {
        let consumer = consumer("false");
        let store = || code(try_to_store(&consumer, &partition(), 7));
        assert_eq!(store(), Some(Code::UnknownPartition), "never heard of");
        let mut ours = TopicPartitionList::new();
        ours.add_partition("events", 0);
        consumer.assign(&ours).unwrap();
        assert_eq!(store(), None);
        consumer.unassign().unwrap();
        assert_eq!(store(), Some(Code::State), "it was ours before");
    }

    #[test]
    fn a_client_that_stores_by_itself_is_other_trouble() {
        let consumer = consumer("true");
        let stored = try_to_store(&consumer, &partition(), 7);
        assert_eq!(code(stored), Some(Code::InvalidArgument));
    }
}
