//! The consumer: one thread that polls and does nothing else.
//!
//! Polling must never wait for anything but Kafka, or the group throws the member out. Records go to the service through a bounded
//! channel that the service always empties; a full engine pauses the partitions instead. Rebalances are events: the callback runs
//! inside poll, tells the service, and for a revocation waits (within a limit) until the service has let go. Offsets are stored and
//! never committed by hand: librdkafka refuses to store for a partition that is not ours, and commits what was stored by itself,
//! again after a failure.

mod group;
mod layout;
mod positions;
mod presence;
mod unread;

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedHeaders, Headers, Message};
use tokio::sync::mpsc;

use super::client_config;
use super::statistics;
use super::trouble::Ear;
use crate::config::Kafka;
use crate::telemetry::catch_quietly;
use group::Context;
use layout::Counted;
use positions::commit_stored;
use presence::Presence;
use unread::{Jumps, count_jumps};
use wx_courier_core::event::MOST_HEADERS;
use wx_courier_core::flow::HandoverId;
use wx_courier_core::model::{Epoch, Partition, Record};
use wx_courier_core::schedule::share::Layout;

/// A record and the assignment under which it was read.
#[derive(Debug)]
pub struct Read {
    /// The assignment.
    pub epoch: Epoch,
    /// The record.
    pub record: Record,
}

/// What happens to the consumer besides records.
#[derive(Debug)]
pub enum GroupEvent {
    /// How many partitions the source topics have; comes before the assignment that it was asked for.
    TopicsCounted(Layout),
    /// Partitions were given to us; the list may be empty.
    Assigned(Vec<(Partition, Epoch)>),
    /// Partitions are asked back; the consumer waits for [`Command::Released`].
    Revoked {
        /// Names the request.
        handover: HandoverId,
        /// What is asked back.
        partitions: Vec<Partition>,
    },
    /// Partitions are gone already.
    Lost(Vec<Partition>),
    /// We are a member of the group, as far as it was not told by an assignment.
    Joined,
    /// We are no member of the group any more, for now.
    Left,
    /// Records of a partition were deleted before they were read.
    Unread {
        /// The partition.
        partition: Partition,
        /// How many.
        n_records: u64,
    },
    /// The consumer cannot go on.
    Fatal(String),
}

/// What the service asks of the consumer.
#[derive(Debug)]
pub enum Command {
    /// Stop reading; keep polling.
    Pause,
    /// Read on.
    Resume,
    /// This position may be committed, if the assignment is still ours.
    StoreOffset {
        /// The partition.
        partition: Partition,
        /// The assignment.
        epoch: Epoch,
        /// The next offset to read after a restart.
        position: i64,
    },
    /// A hand-over is finished.
    Released {
        /// Which request.
        handover: HandoverId,
        /// Last positions.
        positions: Vec<(Partition, i64)>,
    },
    /// Commit, leave the group, end.
    Close,
}

/// The service's end of the consumer.
pub struct ConsumerHandle {
    /// Records, in order within a partition; several at once, since waking the service for each would cost more than to take it in.
    pub records: mpsc::Receiver<Vec<Read>>,
    /// Everything else. Read it before records: an assignment comes before its first record.
    pub events: mpsc::UnboundedReceiver<GroupEvent>,
    /// Ends when the consumer's thread has ended.
    pub closed: tokio::sync::oneshot::Receiver<()>,
    commands: Sender<Command>,
    /// Its thread owns it, and ends it.
    consumer: Weak<BaseConsumer<Context>>,
}

impl ConsumerHandle {
    /// Wakes librdkafka's threads, after the calendar of the machine has moved. They wait until a time of that calendar: when it is set back
    /// by five days, they sleep for five days, nothing is committed and the group is told no sign of life.
    pub fn wake(&self) {
        let Some(consumer) = self.consumer.upgrade() else {
            return;
        };
        // It is no matter what is asked for: the request wakes the thread that carries it out, and with it the timers that wake the others.
        if let Err(error) = consumer.commit_consumer_state(CommitMode::Async) {
            tracing::debug!(%error, "the consumer could not be woken by a commit");
        }
    }

    /// Asks something of the consumer. After its end this does nothing.
    pub fn command(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the consumer has ended before a command reached it");
        }
    }
}

/// Batches of records between the consumer and the engine. Few, because what is in here counts against no bound of the engine's.
const BATCHES: usize = 2;

/// Records in a batch at most, and their bytes: one more record may come on top.
const RECORDS_PER_BATCH: usize = 64;
const BYTES_PER_BATCH: usize = 256 * 1024;

/// How long one poll waits for a record: also how long a command may wait.
const POLL: Duration = Duration::from_millis(20);

/// How much longer than the hand-over's own limit the callback waits for the service's word.
const GRACE: Duration = Duration::from_secs(2);

/// Subscribes and starts the thread. `handover` bounds how long a revocation may take; `ear` hears what goes wrong.
pub fn start(kafka: &Kafka, handover: Duration, ear: Ear) -> anyhow::Result<ConsumerHandle> {
    let (events_in, events) = mpsc::unbounded_channel();
    let (records_in, records) = mpsc::channel(BATCHES);
    let (commands, commands_out) = channel();
    let (closing, closed) = tokio::sync::oneshot::channel();
    let context = Context {
        events: events_in,
        commands: Mutex::new(commands_out),
        assignment: Mutex::default(),
        next_epoch: AtomicU64::new(1),
        next_handover: AtomicU64::new(1),
        handover_timeout: handover + GRACE,
        brokers: kafka.brokers.clone(),
        topics: kafka
            .topics
            .iter()
            .map(|topic| Arc::from(topic.as_str()))
            .collect(),
        topics_counted: Mutex::new(Counted::Never),
        jumps: Jumps::new(kafka),
        group: kafka.group.clone(),
        presence: Presence::default(),
        ear,
    };
    let consumer: BaseConsumer<Context> = consumer_config(kafka).create_with_context(context)?;
    let consumer = Arc::new(consumer);
    let woken = Arc::downgrade(&consumer);
    let topics: Vec<&str> = kafka.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let membership = membership(kafka);
    let run = move || {
        poll_until_closed(&consumer, &records_in);
        close(consumer, membership);
        drop(closing);
    };
    std::thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn(run)?;
    Ok(ConsumerHandle {
        records,
        events,
        closed,
        commands,
        consumer: woken,
    })
}

/// Makes a consumer that does nothing, to hear what librdkafka thinks of its properties.
pub(super) fn try_to_make(kafka: &Kafka) -> KafkaResult<()> {
    consumer_config(kafka).create::<BaseConsumer>().map(drop)
}

fn consumer_config(kafka: &Kafka) -> rdkafka::ClientConfig {
    let has_new_protocol = kafka
        .options
        .get("group.protocol")
        .is_some_and(|protocol| protocol.expose() == "consumer");
    let mut ours = vec![
        ("group.id", kafka.group.as_str()),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "1000"),
        ("enable.auto.offset.store", "false"),
        ("allow.auto.create.topics", "false"),
        // The engine holds the backlog that matters; what librdkafka fetches ahead is only there to keep it fed.
        ("queued.min.messages", "2000"),
        ("queued.max.messages.kbytes", "8192"),
        // A partition that was fetched far enough ahead waits this long before it is looked at again, also if it was emptied meanwhile.
        ("fetch.queue.backoff.ms", "50"),
    ];
    if !has_new_protocol {
        ours.push(("partition.assignment.strategy", "cooperative-sticky"));
    }
    let mut config = client_config(kafka, &ours);
    // Whatever the user says of it: without, it is not heard what is up again. They also wake a poll that has gone to sleep by a calendar which
    // was set back since, when there is nothing to commit whose answer would.
    config.set("statistics.interval.ms", statistics::EVERY);
    config
}

fn poll_until_closed(consumer: &BaseConsumer<Context>, records: &mpsc::Sender<Vec<Read>>) {
    let context = consumer.context();
    loop {
        while let Some(command) = context.next_command() {
            context.obey(consumer, command);
        }
        if context.assignment().is_closing {
            return;
        }
        context.count_topics_if_due(consumer);
        let batch = poll_batch(consumer);
        count_jumps(consumer);
        // The service always empties the channel, so this waits for no more than its current step.
        if !batch.is_empty() && records.blocking_send(batch).is_err() {
            // The service is closing; its last positions are still in the queue of commands.
            while let Some(command) = context.next_command() {
                context.obey(consumer, command);
            }
            return;
        }
    }
}

/// Waits for a record, and takes what else is there already. A rebalance in between gives its epochs to what comes after it alone.
fn poll_batch(consumer: &BaseConsumer<Context>) -> Vec<Read> {
    let context = consumer.context();
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut timeout = POLL;
    while batch.len() < RECORDS_PER_BATCH && bytes < BYTES_PER_BATCH {
        match consumer.poll(timeout) {
            None => break,
            Some(Ok(message)) => {
                context.ear.reached();
                let record = detach(&message);
                if let Some(epoch) = context.epoch_of(&record) {
                    bytes += record.size_bytes();
                    batch.push(Read { epoch, record });
                }
            }
            Some(Err(error)) => context.report(&error),
        }
        timeout = Duration::ZERO;
    }
    batch
}

/// The client panics at a header whose name is not UTF-8, which any producer may send; such a header keeps its place and loses its name
/// and value.
fn header(headers: &BorrowedHeaders, index: usize) -> (String, Option<Vec<u8>>) {
    let read = std::panic::AssertUnwindSafe(|| {
        let header = headers.get(index);
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    });
    catch_quietly(read).unwrap_or_else(|| ("(not UTF-8)".to_owned(), None))
}

/// Copies a record out of librdkafka's memory: a borrowed message keeps the consumer from closing.
pub(super) fn detach(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    // A record with more is no event, and one more than allowed is enough to see that.
    let headers = message.headers().map(|headers| {
        (0..headers.count().min(MOST_HEADERS + 1))
            .map(|index| header(headers, index))
            .collect()
    });
    Record {
        topic: Arc::from(message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        value: message.payload().map(<[u8]>::to_vec),
        timestamp_ms: message.timestamp().to_millis(),
    }
}

/// Whether the group remembers a member that is away for less than a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    Dynamic,
    Static,
}

fn membership(kafka: &Kafka) -> Membership {
    let instance = kafka.options.get("group.instance.id");
    if instance.is_some_and(|id| !id.expose().is_empty()) {
        Membership::Static
    } else {
        Membership::Dynamic
    }
}

fn close(consumer: Arc<BaseConsumer<Context>>, membership: Membership) {
    commit_stored(&consumer);
    // Librdkafka leaves the group for every member that unsubscribes, static or not. A static member that only closes keeps its partitions for
    // the process that comes after it.
    if membership == Membership::Dynamic {
        consumer.unsubscribe();
    }
    // Dropping leaves the group and waits for the broker; the service gives it a limit.
    drop(consumer);
}

#[cfg(test)]
mod tests;
