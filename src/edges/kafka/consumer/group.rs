//! What librdkafka calls back, always inside poll: rebalances, and the answers to commits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::layout::{self, Counted};
use super::positions::{commit_stored, store};
use super::presence::{self, Presence};
use super::unread::Jumps;
use super::{Command, GroupEvent};
use crate::edges::kafka::standing::Deed;
use crate::edges::kafka::statistics::Statistics;
use crate::edges::kafka::trouble::Ear;
use wx_courier_core::flow::HandoverId;
use wx_courier_core::model::{Epoch, Partition, Record};

pub(super) struct Context {
    pub(super) events: mpsc::UnboundedSender<GroupEvent>,
    pub(super) commands: Mutex<Receiver<Command>>,
    pub(super) assignment: Mutex<Assignment>,
    pub(super) next_epoch: AtomicU64,
    pub(super) next_handover: AtomicU64,
    pub(super) handover_timeout: Duration,
    /// Where the topics are, for errors.
    pub(super) brokers: String,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) topics_counted: Mutex<Counted>,
    pub(super) jumps: Jumps,
    pub(super) group: String,
    pub(super) presence: Presence,
    pub(super) ear: Ear,
}

/// Whether records are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reading {
    #[default]
    Running,
    Paused,
}

/// What is ours at present.
#[derive(Default)]
pub(super) struct Assignment {
    pub(super) epochs: HashMap<(Arc<str>, i32), Epoch>,
    pub(super) reading: Reading,
    /// Set once hand-overs are not answered any more.
    pub(super) is_closing: bool,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.jumps.hear(facility, message);
        self.ear.hear_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.ear.cut_off();
        }
        // The poll that it was told in gives it as well: it is heard there.
        tracing::debug!(%error, reason, "the consumer reports an error");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Some(statistics) = Statistics::read(statistics) else {
            return;
        };
        if statistics.is_connected() {
            self.ear.reached();
        }
        self.ear.up(|| statistics.connected());
        self.tell_presence(self.presence.looked(statistics.is_member()));
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                self.count_topics(consumer, layout::TIMEOUT);
                self.assigned(partitions);
            }
            Rebalance::Revoke(partitions) => self.revoked(consumer, partitions),
            Rebalance::Error(error) => {
                tracing::warn!(%error, "rebalancing failed, every partition is given up");
                let all = self
                    .assignment()
                    .epochs
                    .drain()
                    .map(|(partition, _)| to_partition(partition))
                    .collect();
                self.tell(GroupEvent::Lost(all));
                self.tell_presence(self.presence.lost());
            }
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance
            && partitions.count() > 0
        {
            // librdkafka keeps a pause over assignments: what went away paused would come back paused, and nothing would resume it.
            set_reading(consumer, partitions, self.assignment().reading);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            // There was nothing new to commit.
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                if let Some(error) = self.hear(&error) {
                    tracing::warn!(%error, "a commit failed and will be repeated");
                }
            }
        }
    }
}

impl Context {
    pub(super) fn assignment(&self) -> MutexGuard<'_, Assignment> {
        self.assignment
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn commands(&self) -> MutexGuard<'_, Receiver<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next command, if there is one; a service that is gone has asked to close.
    pub(super) fn next_command(&self) -> Option<Command> {
        match self.commands().try_recv() {
            Ok(command) => Some(command),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.assignment().is_closing = true;
                None
            }
        }
    }

    pub(super) fn tell(&self, event: GroupEvent) {
        if self.events.send(event).is_err() {
            tracing::debug!("the service has ended before an event of the group reached it");
        }
    }

    fn tell_presence(&self, change: Option<presence::Change>) {
        match change {
            None => {}
            Some(presence::Change::Joined) => {
                self.ear.joined(&self.group);
                self.tell(GroupEvent::Joined);
            }
            Some(presence::Change::Left) => self.tell(GroupEvent::Left),
        }
    }

    /// Takes in what is a trouble with the cluster; gives back what is not.
    fn hear<'a>(&self, error: &'a KafkaError) -> Option<&'a KafkaError> {
        match error.rdkafka_error_code() {
            Some(code @ RDKafkaErrorCode::GroupAuthorizationFailed) => {
                self.ear.refused(Deed::Join(self.group.clone()), code);
                None
            }
            _ => self.ear.hear_error(error),
        }
    }

    pub(super) fn report(&self, error: &KafkaError) {
        if let KafkaError::MessageConsumptionFatal(_) = error {
            self.tell(GroupEvent::Fatal(error.to_string()));
        } else if let Some(error) = self.hear(error) {
            tracing::warn!(%error, "reading failed, trying again");
        }
    }

    pub(super) fn epoch_of(&self, record: &Record) -> Option<Epoch> {
        self.assignment()
            .epochs
            .get(&(Arc::clone(&record.topic), record.partition))
            .copied()
    }

    fn assigned(&self, partitions: &TopicPartitionList) {
        let mut given = Vec::new();
        for (topic, number) in names(partitions) {
            let epoch = Epoch(self.next_epoch.fetch_add(1, Ordering::Relaxed));
            self.assignment()
                .epochs
                .insert((Arc::clone(&topic), number), epoch);
            given.push((Partition { topic, number }, epoch));
        }
        tracing::info!(partitions = %list(given.iter().map(|(partition, _)| partition)), "partitions assigned");
        self.presence.assigned();
        self.ear.joined(&self.group);
        self.tell(GroupEvent::Assigned(given));
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let names = names(partitions);
        for name in &names {
            self.assignment().epochs.remove(name);
        }
        let partitions: Vec<Partition> = names.into_iter().map(to_partition).collect();
        if partitions.is_empty() || self.assignment().is_closing {
            return;
        }
        if consumer.assignment_lost() {
            tracing::warn!(partitions = %list(&partitions), "partitions lost: this member's session has ended, the group has given them away, or their topic was deleted");
            self.tell(GroupEvent::Lost(partitions));
            if self.assignment().epochs.is_empty() {
                self.tell_presence(self.presence.lost());
            }
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
        let deadline = Instant::now() + self.handover_timeout;
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
            if self.assignment().is_closing {
                return;
            }
        }
        tracing::warn!(
            "the engine did not let go in time: some records will be read again by their new owner"
        );
    }

    pub(super) fn obey(&self, consumer: &BaseConsumer<Self>, command: Command) {
        match command {
            Command::Pause => {
                self.assignment().reading = Reading::Paused;
                set_reading_of_all(consumer, Reading::Paused);
            }
            Command::Resume => {
                self.assignment().reading = Reading::Running;
                set_reading_of_all(consumer, Reading::Running);
            }
            Command::StoreOffset {
                partition,
                epoch,
                position,
            } => {
                let held = self
                    .assignment()
                    .epochs
                    .get(&(Arc::clone(&partition.topic), partition.number))
                    .copied();
                if held == Some(epoch) {
                    store(consumer, &partition, position);
                }
            }
            // A hand-over that is not waited for any more: its time was up.
            Command::Released { .. } => {}
            Command::Close => self.assignment().is_closing = true,
        }
    }
}

/// Pauses or resumes everything that is assigned.
fn set_reading_of_all(consumer: &BaseConsumer<Context>, reading: Reading) {
    match consumer.assignment() {
        Ok(assigned) => set_reading(consumer, &assigned, reading),
        Err(error) => tracing::warn!(%error, ?reading, "reading could not be paused or resumed"),
    }
}

/// Pausing drops what librdkafka has fetched ahead, so it is asked for once per change. Resuming what is not paused does nothing.
fn set_reading(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
    reading: Reading,
) {
    let changed = match reading {
        Reading::Paused => consumer.pause(partitions),
        Reading::Running => consumer.resume(partitions),
    };
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
