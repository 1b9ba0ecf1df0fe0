//! Records that were deleted before they were read: how many there were.
//!
//! Retention deletes them while the service is down or behind. librdkafka then begins elsewhere, as `auto.offset.reset` says, and tells of it in
//! its log alone. A jump of offsets by itself says nothing: markers of transactions, aborted records and compaction leave gaps, too.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::GroupEvent;
use super::group::Context;
use crate::config::Kafka;
use wx_courier_core::model::Partition;

/// How long the broker may take to say where a partition begins. Nothing is polled meanwhile.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Where reading goes on after a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Landing {
    /// At the first record that is there.
    Beginning,
    /// Behind the last one.
    End,
}

/// A position that librdkafka gave up: the broker has no record there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Jump {
    partition: Partition,
    from: i64,
}

/// Jumps that were not counted yet.
pub(super) struct Jumps {
    landing: Landing,
    heard: Mutex<Vec<Jump>>,
}

impl Jumps {
    pub(super) fn new(kafka: &Kafka) -> Self {
        let said = kafka.options.get("auto.offset.reset");
        let is_end = said.is_some_and(|said| matches!(said.expose(), "latest" | "largest" | "end"));
        Self {
            landing: if is_end {
                Landing::End
            } else {
                Landing::Beginning
            },
            heard: Mutex::default(),
        }
    }

    /// Listens to a log line of librdkafka's.
    pub(super) fn hear(&self, facility: &str, message: &str) {
        if let Some(jump) = jump_in(facility, message) {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push(jump);
        }
    }

    fn take(&self) -> Vec<Jump> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard)
    }
}

/// Tells how many records each jump has passed over.
pub(super) fn count_jumps(consumer: &BaseConsumer<Context>) {
    let context = consumer.context();
    for Jump { partition, from } in context.jumps.take() {
        let (topic, number) = (partition.topic.as_ref(), partition.number);
        let bounds = consumer.fetch_watermarks(topic, number, TIMEOUT);
        let (begin, end) = match bounds {
            Ok(bounds) => bounds,
            Err(error) => {
                tracing::warn!(%error, %partition, from, "records were deleted before they were read; the broker does not say how many");
                continue;
            }
        };
        let to = match context.jumps.landing {
            Landing::Beginning => begin,
            Landing::End => end,
        };
        // Of a topic that was made anew the old position lies behind the end: nothing of the new one is passed over.
        let Some(n_records) = u64::try_from(to - from).ok().filter(|n| *n > 0) else {
            continue;
        };
        tracing::error!(
            %partition,
            from,
            to,
            n_records,
            "records were deleted before they were read, and no message is made of them: keep records on the source topics for longer than the service may be down or behind"
        );
        context.tell(GroupEvent::Unread {
            partition,
            n_records,
        });
    }
}

/// `events [3]: offset reset (at offset 17 (leader epoch 0), broker 1) to …`, with the name of a thread before it.
fn jump_in(facility: &str, message: &str) -> Option<Jump> {
    if facility != "OFFSET" {
        return None;
    }
    let (place, rest) = message.split_once("]: offset reset (at offset ")?;
    let (before, number) = place.rsplit_once(" [")?;
    let topic = before.rsplit(' ').next()?;
    let from = rest.split([' ', ',', ')']).next()?;
    Some(Jump {
        partition: Partition {
            topic: Arc::from(topic),
            number: number.parse().ok()?,
        },
        from: from.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_read_out_of_the_log() {
        let line = "[thrd:main]: order-events [3]: offset reset (at offset 17 (leader epoch 0), broker 1) to cached BEGINNING offset offset 40 \
            (leader epoch -1): fetch failed due to requested offset not available on the broker: Broker: Offset out of range";
        let jump = jump_in("OFFSET", line).unwrap();
        assert_eq!(jump.partition.topic.as_ref(), "order-events");
        assert_eq!((jump.partition.number, jump.from), (3, 17));
        let without_thread = line.strip_prefix("[thrd:main]: ").unwrap();
        assert_eq!(jump_in("OFFSET", without_thread), Some(jump));
        assert_eq!(jump_in("FAIL", line), None);
        let no_position = line.replace("offset 17", "offset END");
        assert_eq!(jump_in("OFFSET", &no_position), None);
    }
}
