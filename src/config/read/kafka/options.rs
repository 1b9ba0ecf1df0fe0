//! `[kafka.options]`: librdkafka's properties, without those that have a key of their own or that delivery depends on.

use std::collections::BTreeMap;

use crate::config::read::Reader;
use crate::config::{LeftBehind, ProducerSetting, Secret};
use wx_courier_core::document::{Item, Node, Origin, Said};

/// Properties of librdkafka that delivery depends on, or that have a key of their own.
pub(in crate::config) const REFUSED_OPTIONS: [&str; 8] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "delivery.report.only.error",
    "metadata.broker.list",
    "transactional.id",
];

/// A property with one of these in its name has a value that is never shown.
pub(in crate::config) const HIDING_WORDS: [&str; 5] = [
    "password",
    "secret",
    "key.pem",
    "oauthbearer.config",
    "sasl.jaas",
];

/// The property that says the same as `producer`.
pub(in crate::config) const IDEMPOTENCE: &str = "enable.idempotence";

/// The names of the property that says how many brokers must have a record. An outcome counts once it is acknowledged, so all of them must.
pub(in crate::config) const ACKS: [&str; 2] = ["acks", "request.required.acks"];

/// Properties that name a file or a folder.
const PATHS: [&str; 6] = [
    "sasl.kerberos.keytab",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.keystore.location",
];

/// What `ssl.ca.location` says where librdkafka shall look for the system's certificates itself.
const PROBE: &str = "probe";

/// The property that `password` and `password_file` say.
const PASSWORD: &str = "sasl.password";

/// What the table has said so far.
pub(super) struct Options {
    /// What the keys of `[kafka]` say; it takes the place of a property.
    password: Option<Secret>,
    properties: BTreeMap<String, Secret>,
    /// What `enable.idempotence` says, in the words of `producer`.
    pub(super) producer: Option<Said<ProducerSetting>>,
}

impl Options {
    pub(super) fn new(password: Option<Secret>) -> Self {
        Self {
            password,
            properties: BTreeMap::new(),
            producer: None,
        }
    }

    /// All properties, the password among them.
    pub(super) fn into_properties(self) -> BTreeMap<String, Secret> {
        let mut properties = self.properties;
        let password = self
            .password
            .map(|password| (PASSWORD.to_owned(), password));
        properties.extend(password);
        properties
    }
}

impl Reader<'_> {
    /// librdkafka's names have dots, which TOML reads as tables and the environment cannot say otherwise: both become a name again.
    pub(super) fn option(&mut self, options: &mut Options, name: &str, said: &Said<Node>) {
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
        if let Some((message, help)) = refusal(options, name, &text) {
            self.problems.push(said.error(message).help(help));
            return;
        }
        let text = match self.whole_path(name, text, said) {
            Ok(text) => text,
            Err(LeftBehind { message, help }) => {
                self.problems.push(said.error(message).help(help));
                return;
            }
        };
        let is_secret = HIDING_WORDS.iter().any(|word| name.contains(word));
        if is_secret {
            let shown = "(hidden)".to_owned();
            self.note_hidden(&said.key, shown, &said.origin, &text);
        } else {
            self.note(&said.key, text.clone(), &said.origin);
        }
        if name == IDEMPOTENCE {
            options.producer = Some(Said {
                value: producer_of(&text),
                origin: said.origin.clone(),
                key: said.key.clone(),
            });
            return;
        }
        options
            .properties
            .insert(name.to_owned(), Secret::new(text));
    }

    /// The value of a property; a path is made whole, because librdkafka would begin a relative one at the working directory.
    fn whole_path(
        &self,
        name: &str,
        text: String,
        said: &Said<Node>,
    ) -> Result<String, LeftBehind> {
        if !PATHS.contains(&name) || text.is_empty() || text == PROBE {
            return Ok(text);
        }
        let place = self.paths.place(&text, &said.origin);
        match place.misplaced("it") {
            Some(left_behind) => Err(left_behind),
            None => Ok(place.path.display().to_string()),
        }
    }

    /// What `producer` and librdkafka's own property say together.
    pub(super) fn producer(
        &mut self,
        producer: Said<ProducerSetting>,
        property: Option<Said<ProducerSetting>>,
    ) -> ProducerSetting {
        let in_force = match property {
            Some(property) if producer.origin == Origin::Default => property,
            Some(property) if property.value != producer.value => {
                let (word, meant) = (producer.value.as_str(), property.value.as_str());
                let problem = property.error(format!(
                    "`{IDEMPOTENCE}` means `producer = \"{meant}\"`, but `producer` says \"{word}\" ({})",
                    producer.origin
                ));
                self.problems.push(problem.help(format!(
                    "keep `producer`, with the word that is meant, and take `{IDEMPOTENCE}` out"
                )));
                producer
            }
            Some(_) | None => producer,
        };
        let key = "kafka.producer";
        self.note(key, in_force.value.as_str().to_owned(), &in_force.origin);
        in_force.value
    }
}

/// Why a property cannot be set to this, and what to do instead.
fn refusal(options: &Options, name: &str, text: &str) -> Option<(String, String)> {
    if REFUSED_OPTIONS.contains(&name) {
        return Some((
            format!("`{name}` cannot be set here: delivery depends on it"),
            "brokers, group and topics have keys of their own under [kafka]".to_owned(),
        ));
    }
    if ACKS.contains(&name) && !matches!(text.trim(), "all" | "-1") {
        return Some((
            format!(
                "`{name}` cannot be {text}: an outcome counts once it is acknowledged, and must outlive a broker then"
            ),
            format!("leave `{name}` out, or say \"all\""),
        ));
    }
    if name == IDEMPOTENCE && !matches!(text.trim(), "true" | "false") {
        return Some((
            format!("`{name}` is true or false, not \"{text}\""),
            "say `producer` in [kafka] instead: auto, idempotent or plain".to_owned(),
        ));
    }
    if name == PASSWORD && options.password.is_some() {
        return Some((
            format!("`{name}` is said twice: [kafka] has it as `password` or `password_file` too"),
            format!("keep the one in [kafka], and take `{name}` out"),
        ));
    }
    None
}

fn producer_of(idempotence: &str) -> ProducerSetting {
    if idempotence.trim() == "true" {
        ProducerSetting::Idempotent
    } else {
        ProducerSetting::Plain
    }
}
