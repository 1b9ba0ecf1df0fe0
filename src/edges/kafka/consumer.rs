//! The consumer: one thread that polls and does nothing else.
//!
//! Polling must never wait for anything but Kafka, or the group throws the member out. Records go to the service through a bounded
//! channel that the service always empties; a full engine pauses the partitions instead. Rebalances are events: the callback runs
//! inside poll, tells the service, and for a revocation waits (within a limit) until the service has let go. Offsets are stored and
//! never committed by hand: librdkafka refuses to store for a partition that is not ours, and commits what was stored by itself,
//! again after a failure.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedHeaders, Headers, Message};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{client_config, log};
use crate::config::Kafka;
use crate::pipeline::engine::HandoverId;
use crate::pipeline::event::Record;
use crate::pipeline::offsets::{Epoch, Partition};

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
    Store {
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
pub struct Source {
    /// Records, in order within a partition.
    pub records: mpsc::Receiver<Read>,
    /// Everything else. Read it before records: an assignment comes before its first record.
    pub events: mpsc::UnboundedReceiver<GroupEvent>,
    /// Ends when the consumer's thread has ended.
    pub closed: tokio::sync::oneshot::Receiver<()>,
    commands: Sender<Command>,
}

impl Source {
    /// Asks something of the consumer. After its end this does nothing.
    pub fn command(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the consumer has ended before a command reached it");
        }
    }
}

/// Records between the consumer and the engine. Small, because what is in here counts against no bound of the engine's.
const HANDED_OVER: usize = 64;

/// How long one poll waits for a record: also how long a command may wait.
const POLL: Duration = Duration::from_millis(20);

/// How much longer than the hand-over's own limit the callback waits for the service's word.
const GRACE: Duration = Duration::from_secs(2);

/// Subscribes and starts the thread. `handover` bounds how long a revocation may take.
pub fn start(kafka: &Kafka, handover: Duration) -> anyhow::Result<Source> {
    let (events_in, events) = mpsc::unbounded_channel();
    let (records_in, records) = mpsc::channel(HANDED_OVER);
    let (commands, commands_out) = channel();
    let (closing, closed) = tokio::sync::oneshot::channel();
    let context = Context {
        events: events_in,
        commands: Mutex::new(commands_out),
        held: Mutex::default(),
        next_epoch: AtomicU64::new(1),
        next_handover: AtomicU64::new(1),
        patience: handover + GRACE,
    };
    let consumer: BaseConsumer<Context> = consumer_config(kafka).create_with_context(context)?;
    let topics: Vec<&str> = kafka.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let run = move || {
        poll_until_closed(&consumer, &records_in);
        close(consumer);
        drop(closing);
    };
    std::thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn(run)?;
    Ok(Source {
        records,
        events,
        closed,
        commands,
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
    ];
    if !has_new_protocol {
        ours.push(("partition.assignment.strategy", "cooperative-sticky"));
    }
    client_config(kafka, &ours)
}

fn poll_until_closed(consumer: &BaseConsumer<Context>, records: &mpsc::Sender<Read>) {
    let context = consumer.context();
    loop {
        while let Some(command) = context.next_command() {
            context.obey(consumer, command);
        }
        if context.held().is_closing {
            return;
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                let record = detach(&message);
                let Some(epoch) = context.epoch_of(&record) else {
                    continue;
                };
                // The service always empties the channel, so this waits for no more than its current step.
                if records.blocking_send(Read { epoch, record }).is_err() {
                    // The service is closing; its last positions are still in the queue of commands.
                    while let Some(command) = context.next_command() {
                        context.obey(consumer, command);
                    }
                    return;
                }
            }
            Some(Err(error)) => context.report(&error),
        }
    }
}

/// The client panics at a header whose name is not UTF-8, which any producer may send; such a header keeps its place and loses its name
/// and value.
fn header(headers: &BorrowedHeaders, index: usize) -> (String, Option<Vec<u8>>) {
    let read = std::panic::AssertUnwindSafe(|| {
        let header = headers.get(index);
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    });
    std::panic::catch_unwind(read).unwrap_or_else(|_| ("(not UTF-8)".to_owned(), None))
}

/// Copies a record out of librdkafka's memory: a borrowed message keeps the consumer from closing.
pub(super) fn detach(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        (0..headers.count())
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

fn close(consumer: BaseConsumer<Context>) {
    commit_stored(&consumer);
    consumer.unsubscribe();
    // Dropping leaves the group and waits for the broker; the service gives it a limit.
    drop(consumer);
}

struct Context {
    events: mpsc::UnboundedSender<GroupEvent>,
    commands: Mutex<Receiver<Command>>,
    held: Mutex<Held>,
    next_epoch: AtomicU64,
    next_handover: AtomicU64,
    patience: Duration,
}

/// Whether records are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Running,
    Paused,
}

/// What is ours at present.
#[derive(Default)]
struct Held {
    epochs: HashMap<(Arc<str>, i32), Epoch>,
    reading: Reading,
    /// Set once nobody answers hand-overs any more.
    is_closing: bool,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the consumer reports an error");
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.assigned(partitions),
            Rebalance::Revoke(partitions) => self.revoked(consumer, partitions),
            Rebalance::Error(error) => {
                tracing::warn!(%error, "rebalancing failed, every partition is given up");
                let all = self
                    .held()
                    .epochs
                    .drain()
                    .map(|(partition, _)| to_partition(partition))
                    .collect();
                self.tell(GroupEvent::Lost(all));
            }
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(_) = rebalance
            && self.held().reading == Reading::Paused
        {
            set_reading(consumer, Reading::Paused);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            // There was nothing new to commit.
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => tracing::warn!(%error, "a commit failed and will be repeated"),
        }
    }
}

impl Context {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commands(&self) -> MutexGuard<'_, Receiver<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next command, if there is one; a service that is gone has asked to close.
    fn next_command(&self) -> Option<Command> {
        match self.commands().try_recv() {
            Ok(command) => Some(command),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.held().is_closing = true;
                None
            }
        }
    }

    fn tell(&self, event: GroupEvent) {
        if self.events.send(event).is_err() {
            tracing::debug!("the service has ended before an event of the group reached it");
        }
    }

    fn report(&self, error: &KafkaError) {
        if let KafkaError::MessageConsumptionFatal(_) = error {
            self.tell(GroupEvent::Fatal(error.to_string()));
        } else {
            tracing::warn!(%error, "reading failed, trying again");
        }
    }

    fn epoch_of(&self, record: &Record) -> Option<Epoch> {
        self.held()
            .epochs
            .get(&(Arc::clone(&record.topic), record.partition))
            .copied()
    }

    fn assigned(&self, partitions: &TopicPartitionList) {
        let mut given = Vec::new();
        for (topic, number) in names(partitions) {
            let epoch = Epoch(self.next_epoch.fetch_add(1, Ordering::Relaxed));
            self.held()
                .epochs
                .insert((Arc::clone(&topic), number), epoch);
            given.push((Partition { topic, number }, epoch));
        }
        tracing::info!(partitions = %list(given.iter().map(|(partition, _)| partition)), "partitions assigned");
        self.tell(GroupEvent::Assigned(given));
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let names = names(partitions);
        for name in &names {
            self.held().epochs.remove(name);
        }
        let partitions: Vec<Partition> = names.into_iter().map(to_partition).collect();
        if partitions.is_empty() || self.held().is_closing {
            return;
        }
        if consumer.assignment_lost() {
            tracing::warn!(partitions = %list(&partitions), "partitions lost: another member has them");
            self.tell(GroupEvent::Lost(partitions));
            return;
        }
        tracing::info!(partitions = %list(&partitions), "partitions revoked: finishing what has begun");
        let handover = HandoverId(self.next_handover.fetch_add(1, Ordering::Relaxed));
        self.tell(GroupEvent::Revoked {
            handover,
            partitions,
        });
        self.wait_for_release(consumer, handover);
    }

    /// Poll is not called in here, which is allowed for up to `max.poll.interval.ms`; heartbeats go on from another thread.
    fn wait_for_release(&self, consumer: &BaseConsumer<Self>, awaited: HandoverId) {
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let received = self.commands().recv_timeout(left);
            match received {
                Ok(Command::Released {
                    handover,
                    positions,
                }) if handover == awaited => {
                    for (partition, position) in positions {
                        store(consumer, &partition, position);
                    }
                    commit_stored(consumer);
                    return;
                }
                Ok(command) => self.obey(consumer, command),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.held().is_closing {
                return;
            }
        }
        tracing::warn!(
            "the engine did not let go in time: some records will be read again by their new owner"
        );
    }

    fn obey(&self, consumer: &BaseConsumer<Self>, command: Command) {
        match command {
            Command::Pause => {
                self.held().reading = Reading::Paused;
                set_reading(consumer, Reading::Paused);
            }
            Command::Resume => {
                self.held().reading = Reading::Running;
                set_reading(consumer, Reading::Running);
            }
            Command::Store {
                partition,
                epoch,
                position,
            } => {
                let held = self
                    .held()
                    .epochs
                    .get(&(Arc::clone(&partition.topic), partition.number))
                    .copied();
                if held == Some(epoch) {
                    store(consumer, &partition, position);
                }
            }
            // A hand-over that nobody waits for any more: its time was up.
            Command::Released { .. } => {}
            Command::Close => self.held().is_closing = true,
        }
    }
}

/// Commits what is stored and waits for the broker: before partitions are given away there is no second chance.
fn commit_stored(consumer: &BaseConsumer<Context>) {
    const TRIES: u32 = 3;
    for attempt in 1..=TRIES {
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => return,
            Err(error) => tracing::warn!(%error, attempt, "the last commit failed"),
        }
    }
}

fn store(consumer: &BaseConsumer<Context>, partition: &Partition, position: i64) {
    let mut offsets = TopicPartitionList::new();
    let added =
        offsets.add_partition_offset(&partition.topic, partition.number, Offset::Offset(position));
    if let Err(error) = added.and_then(|()| consumer.store_offsets(&offsets)) {
        // The partition has just been taken away: its new owner reads from the last commit.
        tracing::debug!(%error, %partition, position, "the position could not be stored");
    }
}

/// Pausing drops what librdkafka has fetched ahead, and resuming a partition that is not paused fetches it again: the caller tracks
/// the state and asks once per change.
fn set_reading(consumer: &BaseConsumer<Context>, reading: Reading) {
    let changed = consumer.assignment().and_then(|assignment| match reading {
        Reading::Paused => consumer.pause(&assignment),
        Reading::Running => consumer.resume(&assignment),
    });
    if let Err(error) = changed {
        tracing::warn!(%error, ?reading, "reading could not be paused or resumed");
    }
}

fn names(partitions: &TopicPartitionList) -> Vec<(Arc<str>, i32)> {
    // librdkafka's list of an empty rebalance has no memory behind it, and reading its elements is unsound in some versions.
    if partitions.count() == 0 {
        return Vec::new();
    }
    partitions
        .elements()
        .iter()
        .map(|element| (Arc::from(element.topic()), element.partition()))
        .collect()
}

fn to_partition((topic, number): (Arc<str>, i32)) -> Partition {
    Partition { topic, number }
}

fn list<'a>(partitions: impl IntoIterator<Item = &'a Partition>) -> String {
    let names: Vec<String> = partitions.into_iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
