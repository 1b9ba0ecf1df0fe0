//! The outcome topic of one life of a system, read while it works.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::event::{PARTITIONS, number_in, text_of};

/// What the topic says.
#[derive(Default)]
pub(crate) struct Seen {
    /// When the broker took the outcome of each event, in Unix milliseconds; 0: it has none.
    at_ms: Vec<i64>,
    /// Records of the topic, whatever they say.
    pub(crate) n_read: usize,
    /// Events with an outcome.
    pub(crate) n_events: usize,
    /// Outcomes beyond the first of their event.
    pub(crate) n_repeated: usize,
    /// Outcomes that name no event.
    pub(crate) n_strange: usize,
    /// Outcomes that say something else than `sent`, by their word.
    pub(crate) others: BTreeMap<String, usize>,
}

impl Seen {
    fn take(&mut self, message: &BorrowedMessage<'_>) {
        self.n_read += 1;
        let value = message.payload().unwrap_or_default();
        let value = std::str::from_utf8(value).unwrap_or_default();
        let number = text_of(value, "\"event_id").and_then(number_in);
        let Some(n) = number else {
            self.n_strange += 1;
            return;
        };
        let status = text_of(value, "\"status").unwrap_or("no status");
        if status != "sent" {
            *self.others.entry(status.to_owned()).or_default() += 1;
        }
        if self.at_ms.len() <= n {
            self.at_ms.resize(n + 1, 0);
        }
        if self.at_ms[n] == 0 {
            self.at_ms[n] = message.timestamp().to_millis().unwrap_or_default();
            self.n_events += 1;
        } else {
            self.n_repeated += 1;
        }
    }

    /// When the outcome of this event came, in Unix milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "a time of this century")]
    pub(crate) fn at_ms(&self, n: usize) -> Option<f64> {
        let at_ms = self.at_ms.get(n).copied().filter(|at_ms| *at_ms > 0);
        at_ms.map(|at_ms| at_ms as f64)
    }

    /// Events whose outcome came between these times.
    pub(crate) fn between(&self, from_ms: f64, to_ms: f64) -> usize {
        let times = (0..self.at_ms.len()).filter_map(|n| self.at_ms(n));
        times.filter(|at| *at >= from_ms && *at < to_ms).count()
    }

    /// When so many outcomes had come after a time.
    pub(crate) fn when_there_were(&self, count: usize, from_ms: f64) -> Option<f64> {
        let times = (0..self.at_ms.len()).filter_map(|n| self.at_ms(n));
        let mut times: Vec<f64> = times.filter(|at| *at >= from_ms).collect();
        times.sort_by(f64::total_cmp);
        times.get(count.checked_sub(1)?).copied()
    }
}

/// A thread that reads the topic from its beginning, without a group.
pub(crate) struct Outcomes {
    seen: Arc<Mutex<Seen>>,
    must_end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Outcomes {
    pub(crate) fn of(brokers: &str, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "reads-outcomes-without-a-group")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "100")
            .create()
            .expect("a consumer can be made");
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let partition = i32::try_from(partition).expect("a dozen");
            all.add_partition_offset(topic, partition, Offset::Beginning)
                .expect("an offset can be named");
        }
        consumer.assign(&all).expect("partitions can be assigned");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let must_end = Arc::new(AtomicBool::new(false));
        let (theirs, ends) = (Arc::clone(&seen), Arc::clone(&must_end));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                // An error is a broker that is away; the caller that waits has a limit.
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                    locked(&theirs).take(&message);
                }
            }
        });
        Self {
            seen,
            must_end,
            thread: Some(thread),
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        locked(&self.seen)
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("nobody panics while looking")
}

impl Drop for Outcomes {
    fn drop(&mut self) {
        self.must_end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join().is_err();
        }
    }
}
