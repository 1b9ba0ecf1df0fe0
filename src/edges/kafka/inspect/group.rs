//! Whether we may join the group and commit in it, without joining it: an offset is committed for a partition that cannot exist.
//!
//! The broker looks at the rights first, and then finds nothing to commit. So no offset moves and no member is rebalanced.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::Limit;
use super::heard::{Asking, listen};
use crate::edges::kafka::standing::Standing;

/// Kafka numbers partitions from 0, and no topic has so many.
const NO_PARTITION: i32 = i32::MAX;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Commits nothing. Blocks.
pub(super) fn try_to_commit(asking: &Arc<Asking>, topic: &str, limit: Limit) -> Standing {
    let deadline = Instant::now() + limit.left();
    let (answer, answered) = channel();
    let (committing, topic) = (Arc::clone(asking), topic.to_owned());
    // On a thread of its own: librdkafka waits for a coordinator that is away for longer than we do. It ends with the process at the latest.
    let commit = move || {
        if answer.send(commit_nothing(&committing, &topic)).is_err() {
            tracing::debug!("the coordinator has answered too late");
        }
    };
    if let Err(error) = std::thread::Builder::new().spawn(commit) {
        return Standing::NotKnown(error.to_string());
    }
    let mut why = "the group's coordinator does not answer".to_owned();
    while Instant::now() < deadline {
        match answered.recv_timeout(LOOK_EVERY) {
            Ok(Ok(())) => return Standing::Allowed,
            Ok(Err(error)) => return of_answer(error.rdkafka_error_code(), &error.to_string()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // That the coordinator may not be looked for is told here alone.
        for (code, said) in listen(asking) {
            if code == Some(Code::GroupAuthorizationFailed) {
                return Standing::Refused(said);
            }
            why = said;
        }
    }
    Standing::NotKnown(why)
}

fn commit_nothing(asking: &Asking, topic: &str) -> KafkaResult<()> {
    let mut nothing = TopicPartitionList::new();
    nothing.add_partition_offset(topic, NO_PARTITION, Offset::Offset(0))?;
    asking.commit(&nothing, CommitMode::Sync)
}

/// Whatever is wrong with the offset, the group or its members, the right to the group was looked at before.
fn of_answer(code: Option<Code>, said: &str) -> Standing {
    match code {
        Some(Code::GroupAuthorizationFailed) => Standing::Refused(said.to_owned()),
        Some(
            Code::UnknownTopicOrPartition
            | Code::TopicAuthorizationFailed
            | Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::RebalanceInProgress,
        ) => Standing::Allowed,
        Some(_) | None => Standing::NotKnown(said.to_owned()),
    }
}
