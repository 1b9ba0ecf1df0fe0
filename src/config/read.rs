//! The merged tree → [`Settings`]. Every table has a file with the items of its keys and what reads them.

mod apps;
mod audit;
mod callbacks;
mod engine;
mod events;
mod explain;
mod grants;
mod http;
pub(super) mod kafka;
mod log;
mod miniapp;
mod outcomes;
mod public;
mod rules;
mod secrets;
mod send;
mod state;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use self::apps::Apps;
use super::changes::takes_effect;
use super::keys::{Key, Open, Table, Without};
use super::kinds::{Kind, Place};
use super::paths::Paths;
use super::{Effective, Http, NeededSecrets, Secret, Settings, Sources};
use wx_courier_core::document::{Item, Node, Origin, Problems, Said, Section};

/// Every table, in the order of the page.
pub(super) static TABLES: &[&Table] = &[
    &kafka::KAFKA,
    &events::EVENTS,
    &outcomes::OUTCOMES,
    &outcomes::DEAD_LETTERS,
    &audit::AUDIT,
    &state::STATE,
    &grants::GRANTS,
    &explain::EXPLAIN,
    &rules::RULES,
    &send::SEND,
    &send::BREAKER,
    &send::REFUSAL_WAVE,
    &engine::ENGINE,
    &rules::TEMPLATES,
    &http::HTTP,
    &log::LOG,
    &apps::APP,
    &token::CENTRE,
    &public::PUBLIC,
    &callbacks::CALLBACKS,
    &miniapp::MINIAPP,
    &miniapp::SEND,
];

/// What the settings said, as far as it could be understood.
pub(super) struct Reading {
    /// `None` if anything in the settings is wrong.
    pub(super) settings: Option<Settings>,
    /// `[http]`, whatever is wrong elsewhere.
    pub(super) http: Http,
    /// The apps that rules may name, even if something about them is wrong.
    pub(super) app_names: BTreeSet<String>,
    /// `[rules] time_zone`
    pub(super) time_zone: TimeZone,
    /// Secrets that are not there, and that the command does without.
    pub(super) absent_secrets: Problems,
}

/// Reads all settings; notes every value in force.
pub(super) fn settings(
    problems: &mut Problems,
    effective: &mut Vec<Effective>,
    tree: Node,
    (sources, needed_secrets): (&Sources, NeededSecrets),
) -> Reading {
    let mut errors = Problems::default();
    let mut absent_secrets = Problems::default();
    let mut reader = Reader {
        problems: &mut errors,
        effective,
        needed_secrets,
        absent_secrets: &mut absent_secrets,
        paths: Paths::new(sources),
    };
    let mut top = Section::new(reader.problems, "", tree);
    let kafka = reader.kafka(&mut top);
    let mut events = reader.events(&mut top);
    let outcomes = reader.outcomes(&mut top);
    events.keys = reader.explain(&mut top, outcomes.recipient);
    let dead_letter_topic = reader.dead_letters(&mut top);
    let audit_topic = reader.audit(&mut top);
    let state = reader.state(&mut top);
    let http = reader.http(&mut top);
    let send = reader.send(&mut top);
    let breaker = reader.breaker(&mut top);
    let refusal_wave = reader.refusal_wave(&mut top);
    let engine = reader.engine(&mut top);
    let compare_templates = reader.templates(&mut top);
    let (time_zone, rule_reload) = reader.rules(&mut top);
    let (log_format, log_level) = reader.log(&mut top);
    let Apps {
        names: app_names,
        sound: apps,
        callbacks,
    } = reader.apps(&mut top);
    let grants = reader.grants(&mut top, &app_names);
    let miniapp = reader.miniapp(&mut top, &apps, kafka.as_ref());
    let public = reader.public(&mut top, callbacks, miniapp);
    let published = [
        ("outcomes.topic", outcomes.topic.as_str()),
        ("dead_letters.topic", &dead_letter_topic),
        ("audit.topic", &audit_topic),
    ];
    reader.distinct_topics(kafka.as_ref(), published);
    top.finish(reader.problems);
    let is_whole = !errors.has_errors();
    problems.extend(errors);
    let settings = match (kafka, state) {
        (Some(kafka), Some(state)) if is_whole => Some(Settings {
            kafka,
            events,
            outcomes,
            dead_letter_topic,
            audit_topic,
            state,
            http: http.clone(),
            send,
            breaker,
            refusal_wave,
            engine,
            compare_templates,
            rule_reload,
            log_format,
            log_level,
            apps,
            grants,
            public,
        }),
        _ => None,
    };
    Reading {
        settings,
        http,
        app_names,
        time_zone,
        absent_secrets,
    }
}

struct Reader<'a> {
    problems: &'a mut Problems,
    effective: &'a mut Vec<Effective>,
    needed_secrets: NeededSecrets,
    absent_secrets: &'a mut Problems,
    paths: Paths,
}

impl Reader<'_> {
    /// Begins a table. One that is not there has all its defaults.
    fn section(&mut self, top: &mut Section, table: &Table) -> Section {
        let empty = || {
            let node = Node {
                item: Item::Table(BTreeMap::new()),
                origin: Origin::Default,
            };
            Section::new(&mut Problems::default(), table.path, node)
        };
        let said = top.take_section(self.problems, table.key());
        said.unwrap_or_else(empty)
    }

    /// The value of a key, or its default; it is noted as in force.
    fn read<K: Kind>(&mut self, section: &mut Section, key: &Key<K>) -> K::Value {
        let said = self.said(section, key);
        self.note(&said.key, key.kind.show(&said.value), &said.origin);
        said.value
    }

    /// The value of a key, or its default.
    fn said<K: Kind>(&mut self, section: &mut Section, key: &Key<K>) -> Said<K::Value> {
        let said = key.kind.take(self.place(section, key.name));
        said.unwrap_or_else(|| Said {
            value: (key.default)(),
            origin: Origin::Default,
            key: section.key_path(key.name),
        })
    }

    /// The value of a key that has no default. If it must be there and is not, that is told.
    fn open<K: Kind>(&mut self, section: &mut Section, key: &Open<K>) -> Option<Said<K::Value>> {
        let is_missing = !section.says(key.name);
        let said = key.kind.take(self.place(section, key.name));
        if is_missing {
            self.missing(section, key);
        }
        said
    }

    fn place<'a>(&'a mut self, section: &'a mut Section, key: &'static str) -> Place<'a> {
        Place {
            section,
            problems: self.problems,
            key,
        }
    }

    fn missing<K>(&mut self, section: &Section, key: &Open<K>) {
        if let Without::Required { message, help } = key.without {
            self.problems.push(section.error(message).help(help));
        }
    }

    /// Notes what a key said as in force.
    fn shown<K: Kind>(&mut self, key: &Open<K>, said: Option<Said<K::Value>>) -> Option<K::Value> {
        let said = said?;
        self.note(&said.key, key.kind.show(&said.value), &said.origin);
        Some(said.value)
    }

    fn note(&mut self, key: &str, value: String, origin: &Origin) {
        self.note_with(key, value, origin, None, None);
    }

    /// The same for a value that is not shown as it is.
    fn note_hidden(&mut self, key: &str, shown: String, origin: &Origin, whole: &str) {
        self.note_with(key, shown, origin, Some(Secret::new(whole)), None);
    }

    /// The same for a secret that was read from a file.
    fn note_file(&mut self, said: &Said<String>, path: PathBuf, text: &str) {
        let whole = Some(Secret::new(text));
        self.note_with(
            &said.key,
            said.value.clone(),
            &said.origin,
            whole,
            Some(path),
        );
    }

    fn note_with(
        &mut self,
        key: &str,
        value: String,
        origin: &Origin,
        hidden: Option<Secret>,
        file: Option<PathBuf>,
    ) {
        self.effective.push(Effective {
            key: key.to_owned(),
            value,
            origin: origin.to_string(),
            takes_effect: takes_effect(key),
            place: origin.clone(),
            hidden,
            file,
        });
    }
}

fn is_file(origin: &Origin) -> bool {
    matches!(origin, Origin::File { .. })
}
