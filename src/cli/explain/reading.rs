//! What Kafka has: records of the source topics, outcomes and receipts. Each topic is read from a time on; what has a known place is read there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Configuration;
use super::report::{Kind, Source};
use crate::cli::asked_to_end;
use crate::cli::progress::Progress;
use crate::edges::kafka::scan::{ScanError, Scanner, Standing};
use wx_courier_core::explanation::{Committed, Heard, Lying, Reading, Sought};
use wx_courier_core::model::{Record, rfc3339_ms};
use wx_courier_core::replay::Place;

/// Kafka finds a time by the clocks of producers or brokers, which may not be that of the process that read the record.
const CLOCKS_DIFFER_MS: i64 = 10 * 60 * 1000;

/// What is to be read.
pub(super) struct Search {
    /// From when on topics are read, in Unix milliseconds.
    pub(super) since_ms: i64,
    /// Where records lie that are surely meant.
    pub(super) places: Vec<Place>,
    /// Whether the store has told the outcome, so that the outcome topic has nothing more.
    pub(super) is_answered: bool,
}

/// What was read.
pub(super) struct Read {
    pub(super) heard: Heard,
    pub(super) sources: Vec<Source>,
    /// How it went.
    pub(super) reading: Reading,
    /// The places that were named, and hold nothing to be told.
    pub(super) absent: Vec<(Place, Lying)>,
    committed: BTreeMap<(Arc<str>, i32), Option<i64>>,
}

impl Read {
    /// How far the service has come there.
    pub(super) fn committed(&self, place: &Place) -> Committed {
        match self
            .committed
            .get(&(Arc::clone(&place.topic), place.partition))
        {
            None => Committed::NotKnown,
            Some(Some(offset)) if *offset > place.offset => Committed::Past,
            // A group that has committed nothing has ended nothing.
            Some(Some(_) | None) => Committed::NotYet,
        }
    }
}

/// How far the reading is.
#[derive(Default)]
struct Counters {
    read: AtomicU64,
    of: AtomicU64,
}

/// Reads, and shows how far it is; none if the process was asked to end before that.
pub(super) async fn read(
    configuration: Configuration,
    sought: Arc<Sought>,
    search: Search,
    heard: Heard,
) -> anyhow::Result<Option<Read>> {
    let counters = Arc::new(Counters::default());
    let seen = Arc::clone(&counters);
    let mut reading = tokio::task::spawn_blocking(move || {
        Ok(Reader::new(&configuration, &sought, &seen, heard)?.read(&search))
    });
    let mut asked = std::pin::pin!(asked_to_end());
    let mut progress = Progress::new();
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            read = &mut reading => {
                progress.end();
                return read?.map(Some);
            }
            ended = &mut asked => {
                ended?;
                progress.end();
                return Ok(None);
            }
            _ = tick.tick() => {
                let (read, of) = (counters.read.load(Ordering::Relaxed), counters.of.load(Ordering::Relaxed));
                progress.show_of("reading records (--since bounds it)", read, of);
            }
        }
    }
}

struct Reader<'a> {
    configuration: &'a Configuration,
    sought: &'a Sought,
    counters: &'a Counters,
    scanner: Scanner,
    heard: Heard,
    sources: Vec<Source>,
    reading: Reading,
}

impl<'a> Reader<'a> {
    fn new(
        configuration: &'a Configuration,
        sought: &'a Sought,
        counters: &'a Counters,
        heard: Heard,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            scanner: Scanner::new(&configuration.settings.kafka)?,
            configuration,
            sought,
            counters,
            heard,
            sources: Vec::new(),
            reading: Reading::Whole,
        })
    }

    fn read(mut self, search: &Search) -> Read {
        self.read_places(&search.places);
        let since_ms = search.since_ms.saturating_sub(CLOCKS_DIFFER_MS);
        if !search.is_answered {
            // No outcome is older than its record.
            let of_record = self
                .oldest_ms()
                .map(|ms| ms.saturating_sub(CLOCKS_DIFFER_MS));
            self.hear_outcomes(of_record.map_or(since_ms, |ms| ms.max(since_ms)));
        }
        if search.places.is_empty() {
            for topic in self.configuration.settings.kafka.topics.clone() {
                self.see_source(&topic, since_ms);
            }
        }
        let unread = self.heard.unread();
        self.read_places(&unread);
        let absent = self.heard.take_absent();
        let committed = self.committed();
        Read {
            reading: self.reading,
            absent,
            heard: self.heard,
            sources: self.sources,
            committed,
        }
    }

    /// When the first record was made of those that were read by their places.
    fn oldest_ms(&self) -> Option<i64> {
        let records = self.heard.records();
        let times = records.map(|(_, lying)| match lying {
            Lying::Here(record) => record.timestamp_ms,
            Lying::Gone | Lying::NotThere(_) | Lying::NotRead => None,
        });
        times.collect::<Option<Vec<i64>>>()?.into_iter().min()
    }

    fn hear_outcomes(&mut self, since_ms: i64) {
        let topic = self.configuration.settings.outcomes.topic.clone();
        let sought = self.sought;
        self.read_all(&topic, since_ms, |heard, record| {
            heard.hear(sought, &record);
        });
    }

    fn see_source(&mut self, topic: &str, since_ms: i64) {
        let (sought, context) = (self.sought, self.configuration.context());
        self.read_all(topic, since_ms, |heard, record| {
            heard.see(sought, (context.decoding, context.rules), record);
        });
    }

    /// A topic that cannot be read is told; the others are read all the same.
    fn read_all(&mut self, topic: &str, since_ms: i64, mut each: impl FnMut(&mut Heard, Record)) {
        let mut n_read = 0;
        let heard = &mut self.heard;
        let counters = self.counters;
        let scanner = &self.scanner;
        let since = Some(since_ms.max(0));
        let result = scanner.extent(topic, since).and_then(|extent| {
            counters.of.fetch_add(extent.n_records(), Ordering::Relaxed);
            scanner.read(&extent, |record| {
                n_read += 1;
                counters.read.fetch_add(1, Ordering::Relaxed);
                each(heard, record);
                ControlFlow::Continue(())
            })
        });
        let why_not = self.why_not(result);
        self.sources.push(Source {
            what: format!("topic {topic}"),
            kind: Kind::Topic,
            since: Some(rfc3339_ms(since_ms)),
            read: n_read,
            why_not,
        });
    }

    /// Reads records where they lie.
    fn read_places(&mut self, places: &[Place]) {
        let topics: BTreeSet<&Arc<str>> = places.iter().map(|place| &place.topic).collect();
        for topic in topics {
            let of_topic: Vec<Place> = places
                .iter()
                .filter(|place| place.topic == *topic)
                .cloned()
                .collect();
            let mut n_read = 0;
            for place in &of_topic {
                self.heard.add_place(place.clone(), Lying::NotRead);
            }
            let heard = &mut self.heard;
            let mut missing = Vec::new();
            let result = self.scanner.read_these(&of_topic, |index, record| {
                match (of_topic.get(index), record) {
                    (Some(place), Some(record)) => {
                        n_read += 1;
                        heard.add_place(place.clone(), Lying::Here(Arc::new(record)));
                    }
                    (Some(place), None) => missing.push(place.clone()),
                    (None, _) => {}
                }
                ControlFlow::Continue(())
            });
            let result = result.and_then(|()| {
                for place in missing {
                    let lying = match self.scanner.standing(&place)? {
                        Standing::Within | Standing::Before => Lying::Gone,
                        Standing::Beyond(why) => Lying::NotThere(why),
                    };
                    self.heard.add_place(place, lying);
                }
                Ok(())
            });
            let why_not = self.why_not(result);
            self.sources.push(Source {
                what: format!("topic {topic}, by its places"),
                kind: Kind::Topic,
                since: None,
                read: n_read,
                why_not,
            });
        }
    }

    /// Notes how the reading went.
    fn why_not(&mut self, result: Result<(), ScanError>) -> Option<String> {
        let error = result.err()?;
        self.reading = match self.reading {
            Reading::NoAnswer => Reading::NoAnswer,
            Reading::Whole | Reading::InPart if error.is_silence() => Reading::NoAnswer,
            Reading::Whole | Reading::InPart => Reading::InPart,
        };
        Some(error.to_string())
    }

    /// How far the service has come in the partitions of the records. Where the cluster does not say, that is not known.
    fn committed(&self) -> BTreeMap<(Arc<str>, i32), Option<i64>> {
        let mut wanted: BTreeMap<Arc<str>, BTreeSet<i32>> = BTreeMap::new();
        for (place, _) in self.heard.records() {
            let partitions = wanted.entry(Arc::clone(&place.topic)).or_default();
            partitions.insert(place.partition);
        }
        let mut committed = BTreeMap::new();
        for (topic, partitions) in wanted {
            let Ok(found) = self.scanner.committed(&topic, &partitions) else {
                continue;
            };
            for partition in partitions {
                committed.insert(
                    (Arc::clone(&topic), partition),
                    found.get(&partition).copied(),
                );
            }
        }
        committed
    }
}
