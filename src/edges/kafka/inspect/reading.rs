//! Whether we may read a topic: the last record of a partition is fetched, outside of the group. Where the brokers stamp records, it also
//! tells something of their clock.

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Message, Timestamp};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

use super::Limit;
use super::heard::Asking;
use crate::edges::clock;
use crate::edges::kafka::standing::Standing;

/// How the cluster's clock and ours compare. Only a record that is written now would tell all of it, and none is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Clock {
    /// Nothing is known: the newest records that were seen have the time of their publisher, or are in the past.
    #[default]
    NotKnown,
    /// The cluster has stamped a record with a time that is still to come here.
    Ahead {
        /// The cluster's clock is so much ahead of ours, or more.
        by_ms: i64,
    },
}

/// Clocks that differ by less are in step.
const IN_STEP_MS: i64 = 1_000;

impl Clock {
    /// Takes the cluster's stamp of a record, and what our clock said then.
    pub(super) fn note(&mut self, stamp: Option<Stamp>) {
        let Some(Stamp { theirs_ms, ours_ms }) = stamp else {
            return;
        };
        let ahead = theirs_ms - ours_ms;
        let known = match self {
            Self::NotKnown => IN_STEP_MS,
            Self::Ahead { by_ms } => *by_ms,
        };
        if ahead > known {
            *self = Self::Ahead { by_ms: ahead };
        }
    }
}

/// The time of a record in the cluster's words, and ours when it was seen.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    theirs_ms: i64,
    ours_ms: i64,
}

const POLL: Duration = Duration::from_millis(100);

/// Fetches the last record of the first partition. Blocks.
pub(super) fn try_to_read(asking: &Asking, topic: &str, limit: Limit) -> (Standing, Option<Stamp>) {
    let tried = begin(asking, topic, limit).map(|()| wait(asking, limit));
    if let Err(error) = asking.unassign() {
        tracing::debug!(%error, topic, "the client that asks goes on reading");
    }
    tried.unwrap_or_else(|error| {
        let standing = Standing::of(error.rdkafka_error_code(), &error.to_string());
        (standing, None)
    })
}

fn begin(asking: &Asking, topic: &str, limit: Limit) -> KafkaResult<()> {
    let (begin, end) = asking.fetch_watermarks(topic, 0, limit.left())?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Offset(begin.max(end - 1)))?;
    asking.assign(&from)
}

fn wait(asking: &Asking, limit: Limit) -> (Standing, Option<Stamp>) {
    let deadline = Instant::now() + limit.left();
    let mut why = "no fetch was answered".to_owned();
    while Instant::now() < deadline {
        match asking.poll(POLL) {
            None => {}
            Some(Ok(message)) => return (Standing::Allowed, stamp(message.timestamp())),
            Some(Err(KafkaError::PartitionEOF(_))) => return (Standing::Allowed, None),
            Some(Err(error)) => {
                let code = error.rdkafka_error_code();
                why = error.to_string();
                // Where the group is refused, that is told here too.
                if code == Some(Code::TopicAuthorizationFailed) {
                    return (Standing::Refused(why), None);
                }
            }
        }
    }
    (Standing::NotKnown(why), None)
}

fn stamp(timestamp: Timestamp) -> Option<Stamp> {
    match timestamp {
        Timestamp::LogAppendTime(theirs_ms) => Some(Stamp {
            theirs_ms,
            ours_ms: clock::Clock::start().now_ms(),
        }),
        Timestamp::CreateTime(_) | Timestamp::NotAvailable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stamp_from_the_future_tells_something() {
        let of = |stamps: &[i64]| {
            let mut clock = Clock::default();
            clock.note(None);
            for theirs_ms in stamps {
                let (theirs_ms, ours_ms) = (*theirs_ms, 10_000);
                clock.note(Some(Stamp { theirs_ms, ours_ms }));
            }
            clock
        };
        assert_eq!(of(&[]), Clock::NotKnown);
        assert_eq!(of(&[3_000, 10_500]), Clock::NotKnown);
        assert_eq!(of(&[70_000, 15_000]), Clock::Ahead { by_ms: 60_000 });
    }
}
