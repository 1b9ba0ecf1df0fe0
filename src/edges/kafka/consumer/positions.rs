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
    if is_of_a_partition_that_is_gone(&error) {
        tracing::debug!(%error, %partition, position, "the position of a partition that is gone is not stored");
    } else {
        tracing::warn!(
            %error,
            %partition,
            position,
            "the position could not be stored: it is not committed until a later one is, and the next owner may read records before it again"
        );
    }
}

/// Whether the partition has just been taken away: its new owner reads from the last commit. librdkafka knows it still, or has forgotten it.
fn is_of_a_partition_that_is_gone(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::StoreOffset(Code::State | Code::UnknownPartition)
    )
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

    #[test]
    fn a_partition_that_is_gone_is_told_from_other_trouble() {
        let consumer = consumer("false");
        let store = || try_to_store(&consumer, &partition(), 7);
        let is_gone = |stored: KafkaResult<()>| {
            stored.is_err_and(|error| is_of_a_partition_that_is_gone(&error))
        };
        assert!(is_gone(store()), "librdkafka has not heard of it");
        let mut ours = TopicPartitionList::new();
        ours.add_partition("events", 0);
        consumer.assign(&ours).unwrap();
        assert_eq!(store(), Ok(()));
        consumer.unassign().unwrap();
        let stored = store();
        assert_eq!(stored, Err(KafkaError::StoreOffset(Code::State)));
        assert!(is_gone(stored), "it was ours before");
    }

    #[test]
    fn a_client_that_stores_by_itself_is_other_trouble() {
        let error = try_to_store(&consumer("true"), &partition(), 7).unwrap_err();
        assert_eq!(error, KafkaError::StoreOffset(Code::InvalidArgument));
        assert!(!is_of_a_partition_that_is_gone(&error));
    }
}
