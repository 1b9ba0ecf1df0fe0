//! `[kafka]`, and what topics may be called.

pub(in crate::config) mod options;

use std::collections::BTreeMap;

use super::Reader;
use crate::config::keys::{Key, Open, SecretKeys, Table, Without};
use crate::config::kinds::{Raw, Text, Texts, Words};
use crate::config::{Kafka, ProducerSetting};
use options::Options;
use wx_courier_core::document::{Origin, Problem, Section};

pub(super) static KAFKA: Table = Table {
    path: "kafka",
    keys: &[&BROKERS, &GROUP, &TOPICS, &PRODUCER, &PASSWORD, &OPTIONS],
};

static BROKERS: Key<Text> = Key {
    name: "brokers",
    kind: Text,
    default: || "localhost:9092".to_owned(),
    about: "`host:port`, several with commas",
};

static GROUP: Key<Text> = Key {
    name: "group",
    kind: Text,
    default: || "wx-courier".to_owned(),
    about: "the consumer group; instances of one group share the partitions. Also the end of `ce_source` in outcomes",
};

static TOPICS: Open<Texts> = Open {
    name: "topics",
    kind: Texts {
        what: "a list, or one text",
        // Which names are legal is looked at together with the other topics.
        check: |_| Ok(()),
    },
    without: Without::Required {
        message: "`topics` is missing: which topics carry the events?",
        help: "topics = [\"order-events\"]",
    },
    about: "the source topics",
};

static OPTIONS: Open<Raw> = Open {
    name: "options",
    kind: Raw("a table"),
    without: Without::Means("none"),
    about: "librdkafka's properties, see below",
};

static PRODUCER: Key<Words<ProducerSetting>> = Key {
    name: "producer",
    kind: Words(&ProducerSetting::WORDS),
    default: || ProducerSetting::Auto,
    about: "how outcomes, dead letters and replayed records are published: `idempotent`; `plain`, for clusters that refuse idempotent \
        producers; `auto` asks the cluster at the start. What is promised is the same, see \
        [reliability.md](reliability.md#idempotent-and-plain-producers)",
};

static PASSWORD: SecretKeys = SecretKeys {
    key: "password",
    file_key: "password_file",
    what: "the password of the Kafka user",
    file_holds: "the password of the user that `sasl.username` names",
    short: "the password",
    about: "It is librdkafka's `sasl.password`",
};

impl Reader<'_> {
    pub(super) fn kafka(&mut self, top: &mut Section) -> Option<Kafka> {
        let Some(mut section) = top.take_section(self.problems, KAFKA.key()) else {
            self.problems.push(
                top.error("the section [kafka] is missing")
                    .help("say at least [kafka] topics = [\"…\"]"),
            );
            return None;
        };
        let brokers = self.read(&mut section, &BROKERS);
        let group = self.read(&mut section, &GROUP);
        let is_said = section.says(TOPICS.name);
        let topics = self.open(&mut section, &TOPICS);
        let topics = self.shown(&TOPICS, topics).unwrap_or_default();
        // A variable that is there and empty lists one topic without a name.
        if is_said && topics.iter().all(String::is_empty) {
            self.missing(&section, &TOPICS);
        }
        let producer = self.said(&mut section, &PRODUCER);
        let password = self.secret(&mut section, &PASSWORD).into_secret();
        let mut options = Options::new(password);
        if let Some(said) = self.open(&mut section, &OPTIONS) {
            let mut section = Section::new(self.problems, said.key, said.value);
            for (name, said) in section.take_rest() {
                self.option(&mut options, &name, &said);
            }
        }
        let producer = self.producer(producer, options.producer.take());
        section.finish(self.problems);
        Some(Kafka {
            brokers,
            group,
            topics,
            producer,
            options: options.into_properties(),
        })
    }

    /// A topic that is read and written at once would feed itself for ever.
    pub(super) fn distinct_topics(&mut self, kafka: Option<&Kafka>, published: [(&str, &str); 3]) {
        let mut names: Vec<(&str, &str)> = published.into();
        let sources = kafka.into_iter().flat_map(|kafka| &kafka.topics);
        names.extend(sources.map(|topic| ("kafka.topics", topic.as_str())));
        let mut seen = BTreeMap::new();
        for (key, topic) in names {
            let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let said = self.effective.iter().find(|setting| setting.key == key);
            let origin = said.map_or(Origin::Default, |setting| setting.place.clone());
            if topic.is_empty() || topic.len() > 249 || !topic.chars().all(is_legal) {
                let problem =
                    Problem::error(&origin, format!("\"{topic}\" is no name of a topic")).key(key);
                self.problems.push(problem.help("letters, digits, `.`, `_` and `-`, at most 249; a variable lists several with commas"));
            }
            if let Some(other) = seen.insert(topic.to_owned(), key) {
                let problem =
                    Problem::error(&origin, format!("\"{topic}\" is {other} as well")).key(key);
                self.problems.push(problem.help("a topic that is both read and written would feed itself for ever: give each a name of its own"));
            }
        }
    }
}
