//! Topics as a client beside the service sees them: what was published, where they end, what a group has committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use super::{LIMIT, wait_until};

/// How long one question to the broker may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A record as it lies on a topic.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// When the broker took it, in Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) value: Option<Vec<u8>>,
}

impl Published {
    /// The value as JSON.
    pub(crate) fn json(&self) -> Value {
        let value = self.value.as_deref().expect("the record has a value");
        serde_json::from_slice(value).expect("the value is JSON")
    }

    /// The key as text.
    pub(crate) fn key_text(&self) -> &str {
        let key = self.key.as_deref().expect("the record has a key");
        std::str::from_utf8(key).expect("the key is text")
    }

    /// A header as text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        let value = found.and_then(|(_, value)| value.as_deref());
        std::str::from_utf8(value.unwrap_or_default()).expect("the header is text")
    }
}

/// Reads a topic from its beginning, without a group.
pub(crate) struct Reader {
    consumer: BaseConsumer,
    topic: String,
    n_partitions: i32,
    /// Everything read so far.
    pub(crate) seen: Vec<Published>,
    next: BTreeMap<i32, i64>,
}

impl Reader {
    pub(crate) fn new(brokers: &str, topic: &str, n_partitions: i32) -> Self {
        let consumer = consumer(brokers, "reader-without-a-group");
        let mut all = TopicPartitionList::new();
        for partition in 0..n_partitions {
            all.add_partition_offset(topic, partition, Offset::Beginning)
                .expect("an offset can be named");
        }
        consumer.assign(&all).expect("partitions can be assigned");
        Self {
            consumer,
            topic: topic.to_owned(),
            n_partitions,
            seen: Vec::new(),
            next: BTreeMap::new(),
        }
    }

    /// Reads until what was seen is enough. Panics if nothing new comes for the whole limit.
    pub(crate) fn read_until(&mut self, what: &str, enough: impl FnMut(&[Published]) -> bool) {
        let came = self.came(enough);
        let n_seen = self.seen.len();
        assert!(
            came,
            "no record of {} for {LIMIT:?} while waiting until {what}; seen so far: {n_seen}",
            self.topic
        );
    }

    /// Reads at least this many records. Panics if nothing new comes for the whole limit.
    pub(crate) fn read_at_least(&mut self, count: usize) {
        let what = format!("{count} records are there");
        self.read_until(&what, |seen| seen.len() >= count);
    }

    /// Reads until this many different outcomes are there, where some may have come more than once.
    pub(crate) fn read_distinct(&mut self, count: usize) {
        let mut ids = BTreeSet::new();
        let mut n_known = 0;
        let what = format!("{count} different outcomes are there");
        self.read_until(&what, |seen| {
            let new = seen[n_known..].iter();
            ids.extend(new.map(|outcome| outcome.header("ce_id").to_owned()));
            n_known = seen.len();
            ids.len() >= count
        });
    }

    /// Reads until what was seen is enough, or nothing new has come for the whole limit.
    pub(crate) fn came(&mut self, mut enough: impl FnMut(&[Published]) -> bool) -> bool {
        let mut last_news = Instant::now();
        while !enough(&self.seen) {
            if self.read_one() {
                last_news = Instant::now();
            } else if last_news.elapsed() > LIMIT {
                return false;
            }
        }
        true
    }

    /// Reads everything that is there now, so that what was not seen is not there.
    pub(crate) fn read_to_end(&mut self) -> &[Published] {
        let ends = end_offsets(&self.consumer, &self.topic, self.n_partitions);
        let topic = self.topic.clone();
        wait_until(&format!("{topic} is read to its end"), || {
            while self.read_one() {}
            let next = |partition| self.next.get(partition).copied().unwrap_or(0);
            ends.iter().all(|(partition, end)| next(partition) >= *end)
        });
        &self.seen
    }

    /// Reads what comes within this time.
    pub(crate) fn read_for(&mut self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            self.read_one();
        }
    }

    fn read_one(&mut self) -> bool {
        // An error here is a broker that is away; the caller that waits has a limit.
        let Some(Ok(message)) = self.consumer.poll(Duration::from_millis(50)) else {
            return false;
        };
        let headers = message.headers().map(|headers| {
            let owned = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
            };
            headers.iter().map(owned).collect()
        });
        self.next.insert(message.partition(), message.offset() + 1);
        self.seen.push(Published {
            partition: message.partition(),
            offset: message.offset(),
            at_ms: message.timestamp().to_millis().unwrap_or_default(),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            value: message.payload().map(<[u8]>::to_vec),
        });
        true
    }
}

/// What a group has committed of each partition of a topic; nothing is `None`.
pub(crate) fn committed(
    brokers: &str,
    group: &str,
    topic: &str,
    n_partitions: i32,
) -> BTreeMap<i32, Option<i64>> {
    // It never subscribes, so it is no member of the group.
    let consumer = consumer(brokers, group);
    let mut asked = TopicPartitionList::new();
    for partition in 0..n_partitions {
        asked.add_partition(topic, partition);
    }
    let mut answer = None;
    wait_until("the broker tells committed offsets", || {
        answer = consumer.committed_offsets(asked.clone(), TIMEOUT).ok();
        answer.is_some()
    });
    let answer = answer.expect("it was waited for");
    let number = |offset| {
        if let Offset::Offset(number) = offset {
            return Some(number);
        }
        None
    };
    answer
        .elements()
        .iter()
        .map(|element| (element.partition(), number(element.offset())))
        .collect()
}

/// Changes one of the topic's settings.
pub(crate) async fn configure(brokers: &str, topic: &str, name: &str, value: &str) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .expect("a client can be made");
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let altered = admin.alter_configs(&[change], &AdminOptions::new()).await;
    let altered = altered.expect("the broker answers");
    assert!(altered.iter().all(Result::is_ok), "{altered:?}");
}

/// Where each partition of a topic ends: how many records were ever published to it.
pub(crate) fn ends(brokers: &str, topic: &str, n_partitions: i32) -> BTreeMap<i32, i64> {
    end_offsets(&consumer(brokers, "asks-for-ends"), topic, n_partitions)
}

fn end_offsets(consumer: &BaseConsumer, topic: &str, n_partitions: i32) -> BTreeMap<i32, i64> {
    let mut ends = BTreeMap::new();
    for partition in 0..n_partitions {
        wait_until("the broker tells where a partition ends", || {
            let found = consumer.fetch_watermarks(topic, partition, TIMEOUT);
            found.map(|(_, end)| ends.insert(partition, end)).is_ok()
        });
    }
    ends
}

fn consumer(brokers: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        // A broker that comes back should be seen at once.
        .set("reconnect.backoff.max.ms", "500")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
        .create()
        .expect("a consumer can be made")
}
