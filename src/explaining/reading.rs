//! What Kafka has: records of the source topics, outcomes and receipts. Each topic is read from a time on; what has a known place is read there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::time::Instant;

use super::report::{Kind, Source};
use super::{Configuration, Depth};
use crate::edges::kafka::scan::{Counter, Limit, ScanError, Scanner, Standing};
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
    /// Whether the outcome is known already, so that the outcome topic has nothing more.
    pub(super) is_answered: bool,
    /// Whether topics are read for what has no known place.
    pub(super) depth: Depth,
    /// What may still be read of topics.
    pub(super) budget: Budget,
}

/// What may still be read of topics from a time on. What is read at its place is not counted: it is little.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Until when.
    pub(super) until: Option<Instant>,
}

impl Budget {
    /// Of each of so many topics.
    fn share(self, n_topics: usize) -> Self {
        let share = |all: u64| all / u64::try_from(n_topics.max(1)).unwrap_or(u64::MAX);
        Self {
            records: share(self.records),
            bytes: share(self.bytes),
            ..self
        }
    }

    /// Takes what a record costs, unless there is not so much left.
    fn pay(&mut self, record: &Record) -> bool {
        let bytes = u64::try_from(record.size_bytes()).unwrap_or(u64::MAX);
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        if is_late || self.records == 0 || self.bytes < bytes {
            return false;
        }
        self.records -= 1;
        self.bytes -= bytes;
        true
    }
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

/// Reads. Blocks.
pub(super) fn read(
    configuration: &Configuration,
    sought: &Sought,
    counter: &Counter,
    limit: Limit,
    (search, heard): (&Search, Heard),
) -> anyhow::Result<Read> {
    let scanner = Scanner::new(&configuration.settings.kafka)?.within(limit);
    let reader = Reader {
        configuration,
        sought,
        counter,
        scanner,
        heard,
        sources: Vec::new(),
        reading: Reading::Whole,
        share: search
            .budget
            .share(1 + configuration.settings.kafka.topics.len()),
    };
    Ok(reader.read(search))
}

struct Reader<'a> {
    configuration: &'a Configuration,
    sought: &'a Sought,
    counter: &'a Counter,
    scanner: Scanner,
    heard: Heard,
    sources: Vec<Source>,
    reading: Reading,
    /// What may be read of each topic.
    share: Budget,
}

impl Reader<'_> {
    fn read(mut self, search: &Search) -> Read {
        self.read_places(&search.places);
        let since_ms = search.since_ms.saturating_sub(CLOCKS_DIFFER_MS);
        if !search.is_answered && search.depth == Depth::Topics {
            // No outcome is older than its record.
            let of_record = self
                .oldest_ms()
                .map(|ms| ms.saturating_sub(CLOCKS_DIFFER_MS));
            self.hear_outcomes(of_record.map_or(since_ms, |ms| ms.max(since_ms)));
        }
        if search.places.is_empty() && search.depth == Depth::Topics {
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
        let (sought, configuration) = (self.sought, self.configuration);
        let decoding = &configuration.settings.events;
        let rules = configuration.rules.as_deref();
        self.read_all(topic, since_ms, |heard, record| {
            heard.see(sought, (decoding, rules), record);
        });
    }

    /// A topic that cannot be read is told; the others are read all the same. What is more than may be read are its oldest records.
    fn read_all(&mut self, topic: &str, since_ms: i64, mut each: impl FnMut(&mut Heard, Record)) {
        let mut n_read = 0;
        let mut left_out = None;
        let (heard, mut budget) = (&mut self.heard, self.share);
        let (counter, scanner) = (self.counter, &self.scanner);
        let since = Some(since_ms.max(0));
        let result = scanner.extent(topic, since).and_then(|mut extent| {
            let n_records = extent.n_records();
            if extent.keep_newest(budget.records) > 0 {
                left_out = Some(format!(
                    "only the newest of its {n_records} records were read"
                ));
            }
            counter.more_to_come(extent.n_records());
            scanner.read(&extent, |record| {
                if !budget.pay(&record) {
                    left_out = Some(format!(
                        "no more than {n_read} of its {n_records} records were read"
                    ));
                    return ControlFlow::Break(());
                }
                n_read += 1;
                counter.one_more();
                each(heard, record);
                ControlFlow::Continue(())
            })
        });
        if left_out.is_some() {
            self.in_part();
        }
        let why_not = self.why_not(result).or(left_out);
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
        if error.is_silence() {
            self.reading = Reading::NoAnswer;
        } else {
            self.in_part();
        }
        Some(error.to_string())
    }

    /// Notes that not all was read.
    fn in_part(&mut self) {
        self.reading = match self.reading {
            Reading::NoAnswer => Reading::NoAnswer,
            Reading::Whole | Reading::InPart => Reading::InPart,
        };
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
