//! `[kafka]`, and what topics may be called.

use std::collections::BTreeMap;

use super::Reader;
use crate::config::{Kafka, Outcomes, Secret};
use wx_courier_core::document::{Item, Node, Origin, Problem, Said, Section};

impl Reader<'_> {
    pub(super) fn kafka(&mut self, top: &mut Section) -> Option<Kafka> {
        let Some(mut section) = top.take_section(self.problems, "kafka") else {
            self.problems.push(
                top.error("the section [kafka] is missing")
                    .help("say at least [kafka] topics = [\"…\"]"),
            );
            return None;
        };
        let brokers = section.take_string(self.problems, "brokers");
        let brokers = self.or_default(
            brokers,
            "kafka.brokers",
            "localhost:9092".to_owned(),
            Clone::clone,
        );
        let group = section.take_string(self.problems, "group");
        let group = self.or_default(group, "kafka.group", "wx-courier".to_owned(), Clone::clone);
        let topics = section.take_strings(self.problems, "topics");
        let missing = topics
            .as_ref()
            .is_none_or(|topics| topics.value.iter().all(String::is_empty));
        if missing {
            self.problems.push(
                section
                    .error("`topics` is missing: which topics carry the events?")
                    .help("topics = [\"order-events\"]"),
            );
        }
        let topics = self.or_default(topics, "kafka.topics", Vec::new(), |topics| {
            topics.join(", ")
        });
        let mut options = BTreeMap::new();
        if let Some(mut section) = section.take_section(self.problems, "options") {
            for (name, said) in section.take_rest() {
                self.option(&mut options, &name, &said);
            }
        }
        section.finish(self.problems);
        Some(Kafka {
            brokers,
            group,
            topics,
            options,
        })
    }

    /// librdkafka's names have dots, which TOML reads as tables and the environment cannot say otherwise: both become a name again.
    fn option(&mut self, options: &mut BTreeMap<String, Secret>, name: &str, said: &Said<Node>) {
        const OURS: [&str; 9] = [
            "bootstrap.servers",
            "group.id",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "enable.idempotence",
            "enable.partition.eof",
            "delivery.report.only.error",
            "metadata.broker.list",
            "transactional.id",
        ];
        let text = match &said.value.item {
            Item::Table(table) => {
                for (below, node) in table.clone() {
                    let said = Said {
                        origin: node.origin.clone(),
                        key: format!("{}.{below}", said.key),
                        value: node,
                    };
                    self.option(options, &format!("{name}.{below}"), &said);
                }
                return;
            }
            Item::String(text) => text.clone(),
            Item::Integer(number) => number.to_string(),
            Item::Float(number) => number.to_string(),
            Item::Boolean(answer) => answer.to_string(),
            Item::Array(_) => {
                self.problems
                    .push(said.error("expected text, a number, or true or false; found a list"));
                return;
            }
        };
        if OURS.contains(&name) {
            let problem = said.error(format!(
                "`{name}` cannot be set here: delivery depends on it"
            ));
            self.problems.push(
                problem.help("brokers, group and topics have keys of their own under [kafka]"),
            );
            return;
        }
        let is_secret = [
            "password",
            "secret",
            "key.pem",
            "oauthbearer.config",
            "sasl.jaas",
        ]
        .iter()
        .any(|word| name.contains(word));
        let shown = if is_secret {
            "(hidden)".to_owned()
        } else {
            text.clone()
        };
        self.note(&said.key, shown, &said.origin);
        options.insert(name.to_owned(), Secret::new(text));
    }

    /// A topic that is read and written at once would feed itself for ever.
    pub(super) fn distinct_topics(
        &mut self,
        kafka: Option<&Kafka>,
        outcomes: &Outcomes,
        dead_letters: &str,
    ) {
        let mut names: Vec<(&str, &str)> = vec![
            ("outcomes.topic", &outcomes.topic),
            ("dead_letters.topic", dead_letters),
        ];
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
