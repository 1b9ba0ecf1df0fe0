//! The merged tree → [`Settings`]: every key, its default and its bounds, in the order of `courier.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{
    App, Effective, Engine, Kafka, LogFormat, MiniprogramState, Outcomes, Secret, Send, Settings,
};
use crate::document::{Item, Node, Origin, Problem, Problems, Said, Section, nearest};
use crate::pipeline::delivery::RetryPlan;
use crate::pipeline::engine::Unmatched;
use crate::pipeline::event::{Decoding, Pointer};
use crate::pipeline::limits::Rate;
use crate::pipeline::outcome::RecipientStyle;

/// What the settings said, as far as it could be understood.
pub(super) struct Reading {
    /// `None` if anything in the settings is wrong.
    pub(super) settings: Option<Settings>,
    /// The apps that rules may name, even if something about them is wrong.
    pub(super) app_names: BTreeSet<String>,
    /// `[rules] time_zone`
    pub(super) time_zone: TimeZone,
}

/// Reads all settings; notes every value in force.
pub(super) fn settings(
    problems: &mut Problems,
    effective: &mut Vec<Effective>,
    tree: Node,
) -> Reading {
    let mut errors = Problems::default();
    let mut reader = Reader {
        problems: &mut errors,
        effective,
    };
    let mut top = Section::new(reader.problems, "", tree);
    let kafka = reader.kafka(&mut top);
    let events = reader.events(&mut top);
    let outcomes = reader.outcomes(&mut top);
    let dead_letter_topic = reader.dead_letters(&mut top);
    let listen = reader.http(&mut top);
    let send = reader.send(&mut top);
    let engine = reader.engine(&mut top);
    let time_zone = reader.rules(&mut top);
    let (log_format, log_level) = reader.log(&mut top);
    let (app_names, apps) = reader.apps(&mut top);
    reader.distinct_topics(kafka.as_ref(), &outcomes, &dead_letter_topic);
    top.finish(reader.problems);
    let is_whole = !errors.has_errors();
    problems.extend(errors);
    let settings = match (kafka, listen) {
        (Some(kafka), Some(listen)) if is_whole => Some(Settings {
            kafka,
            events,
            outcomes,
            dead_letter_topic,
            listen,
            send,
            engine,
            log_format,
            log_level,
            apps,
        }),
        _ => None,
    };
    Reading {
        settings,
        app_names,
        time_zone,
    }
}

struct Reader<'a> {
    problems: &'a mut Problems,
    effective: &'a mut Vec<Effective>,
}

impl Reader<'_> {
    fn kafka(&mut self, top: &mut Section) -> Option<Kafka> {
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

    fn events(&mut self, top: &mut Section) -> Decoding {
        let mut decoding = Decoding::default();
        let mut section = self.section(top, "events");
        let fields: [(&'static str, &mut Pointer); 5] = [
            ("id", &mut decoding.id),
            ("type", &mut decoding.kind),
            ("time", &mut decoding.time),
            ("source", &mut decoding.source),
            ("subject", &mut decoding.subject),
        ];
        for (key, field) in fields {
            let Some(said) = section.take_string(self.problems, key) else {
                let path = section.key_path(key);
                self.note(&path, field.to_string(), &Origin::Default);
                continue;
            };
            if let Some(pointer) = Pointer::new(&said.value) {
                self.note(&said.key, said.value.clone(), &said.origin);
                *field = pointer;
            } else {
                let problem = said.error(format!("\"{}\" is not a JSON Pointer", said.value));
                self.problems.push(problem.help(format!(
                    "begin with a slash: \"/{}\"",
                    said.value.replace('.', "/")
                )));
            }
        }
        let max_bytes = section.take_integer(self.problems, "max_bytes", 1, 64 * 1024 * 1024);
        decoding.max_bytes = self.count(max_bytes, "events.max_bytes", decoding.max_bytes);
        section.finish(self.problems);
        decoding
    }

    fn outcomes(&mut self, top: &mut Section) -> Outcomes {
        let mut section = self.section(top, "outcomes");
        let topic = section.take_string(self.problems, "topic");
        let topic = self.or_default(
            topic,
            "outcomes.topic",
            "wx-courier.outcomes".to_owned(),
            Clone::clone,
        );
        let styles = [
            ("masked", RecipientStyle::Masked),
            ("hashed", RecipientStyle::Hashed),
            ("plain", RecipientStyle::Plain),
        ];
        let recipient = section.take_choice(self.problems, "recipient", &styles);
        let recipient = self.or_default(
            recipient,
            "outcomes.recipient",
            RecipientStyle::Masked,
            |style| word_of(&styles, style),
        );
        let answers = [("count", Unmatched::Count), ("publish", Unmatched::Publish)];
        let unmatched = section.take_choice(self.problems, "unmatched", &answers);
        let unmatched = self.or_default(
            unmatched,
            "outcomes.unmatched",
            Unmatched::Count,
            |answer| word_of(&answers, answer),
        );
        section.finish(self.problems);
        Outcomes {
            topic,
            recipient,
            unmatched,
        }
    }

    fn dead_letters(&mut self, top: &mut Section) -> String {
        let mut section = self.section(top, "dead_letters");
        let topic = section.take_string(self.problems, "topic");
        let topic = self.or_default(
            topic,
            "dead_letters.topic",
            "wx-courier.dead-letters".to_owned(),
            Clone::clone,
        );
        section.finish(self.problems);
        topic
    }

    /// A topic that is read and written at once would feed itself for ever.
    fn distinct_topics(&mut self, kafka: Option<&Kafka>, outcomes: &Outcomes, dead_letters: &str) {
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

    fn http(&mut self, top: &mut Section) -> Option<SocketAddr> {
        let mut section = self.section(top, "http");
        let listen = section.take_string(self.problems, "listen");
        let said = listen
            .as_ref()
            .map(|said| said.error(format!("\"{}\" is not an address and port", said.value)));
        let listen = self.or_default(
            listen,
            "http.listen",
            "127.0.0.1:8080".to_owned(),
            Clone::clone,
        );
        section.finish(self.problems);
        let address = listen.parse().ok();
        if let (None, Some(problem)) = (&address, said) {
            self.problems.push(
                problem.help("write it like 127.0.0.1:8080, or 0.0.0.0:8080 for every interface"),
            );
        }
        address
    }

    fn send(&mut self, top: &mut Section) -> Send {
        let mut section = self.section(top, "send");
        let plan = RetryPlan::default();
        let timeout = section.take_duration(self.problems, "timeout");
        let timeout = self.duration(timeout, "send.timeout", Duration::from_secs(5));
        let attempts = section.take_integer(self.problems, "attempts", 1, 100);
        let attempts = self.count(attempts, "send.attempts", plan.attempts as usize);
        let base = section.take_duration(self.problems, "backoff_base");
        let base = self.duration(base, "send.backoff_base", plan.base);
        let cap = section.take_duration(self.problems, "backoff_cap");
        let cap = self.duration(cap, "send.backoff_cap", plan.cap);
        section.finish(self.problems);
        let retry = RetryPlan {
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            base,
            cap,
        };
        Send { timeout, retry }
    }

    fn engine(&mut self, top: &mut Section) -> Engine {
        let mut section = self.section(top, "engine");
        let max_messages = section.take_integer(self.problems, "max_messages", 1, 10_000_000);
        let max_messages = self.count(max_messages, "engine.max_messages", 10_000);
        let max_bytes =
            section.take_integer(self.problems, "max_bytes", 1, 64 * 1024 * 1024 * 1024);
        let max_bytes = self.count(max_bytes, "engine.max_bytes", 32 * 1024 * 1024);
        let drain = section.take_duration(self.problems, "drain");
        let drain = self.duration(drain, "engine.drain", Duration::from_secs(30));
        let handover = section.take_duration(self.problems, "handover");
        let handover = self.duration(handover, "engine.handover", Duration::from_secs(15));
        section.finish(self.problems);
        Engine {
            max_messages,
            max_bytes,
            drain,
            handover,
        }
    }

    fn rules(&mut self, top: &mut Section) -> TimeZone {
        let mut section = self.section(top, "rules");
        let said = section.take_string(self.problems, "time_zone");
        let problem = said
            .as_ref()
            .map(|said| said.error(format!("\"{}\" is not a time zone", said.value)));
        let name = self.or_default(
            said,
            "rules.time_zone",
            "Asia/Shanghai".to_owned(),
            Clone::clone,
        );
        section.finish(self.problems);
        if let Ok(zone) = TimeZone::get(&name) {
            return zone;
        }
        if let Some(problem) = problem {
            self.problems
                .push(problem.help("use a name of the IANA database, like Asia/Shanghai or UTC"));
        }
        TimeZone::UTC
    }

    fn log(&mut self, top: &mut Section) -> (LogFormat, String) {
        let mut section = self.section(top, "log");
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let format = section.take_choice(self.problems, "format", &formats);
        let format = self.or_default(format, "log.format", LogFormat::Text, |format| {
            word_of(&formats, format)
        });
        let level = section.take_string(self.problems, "level");
        if let Some(said) = &level
            && !is_level(&said.value)
        {
            self.problems.push(
                said.error(format!("\"{}\" is not a log level", said.value))
                    .help("error, warn, info, debug or trace; or one per module: \"info,librdkafka=warn\""),
            );
        }
        let level = self.or_default(level, "log.level", "info".to_owned(), Clone::clone);
        section.finish(self.problems);
        (format, level)
    }

    fn apps(&mut self, top: &mut Section) -> (BTreeSet<String>, BTreeMap<Arc<str>, App>) {
        let mut names = BTreeSet::new();
        let mut apps = BTreeMap::new();
        let said = top
            .take_section(self.problems, "apps")
            .map(|mut section| section.take_rest())
            .unwrap_or_default();
        if said.is_empty() {
            let problem = top.error("there is no app: messages need a mini program to come from");
            self.problems
                .push(problem.help("say [apps.shop] with appid and secret_file"));
        }
        let written: Vec<String> = said
            .iter()
            .filter(|(_, said)| is_file(&said.origin))
            .map(|(name, _)| name.clone())
            .collect();
        for (name, node) in said {
            if let Some(problem) = stray_variable(&name, &node, &written) {
                self.problems.push(problem);
                continue;
            }
            names.insert(name.clone());
            let section = Section::new(self.problems, node.key, node.value);
            if let Some(app) = self.app(section) {
                apps.insert(Arc::from(name), app);
            }
        }
        (names, apps)
    }

    fn app(&mut self, mut section: Section) -> Option<App> {
        let appid = section.require_string(
            self.problems,
            "appid",
            "the appid is on the mini program's settings page: wx and 16 digits or letters",
        );
        let appid = self.shown(appid);
        let secret = self.secret(&mut section);
        let base_url = section.take_string(self.problems, "base_url");
        let key = section.key_path("base_url");
        if let Some(said) = base_url.as_ref().filter(|said| {
            !said.value.starts_with("http://") && !said.value.starts_with("https://")
        }) {
            self.problems.push(
                said.error(format!("\"{}\" is not a URL", said.value))
                    .help("begin with https://"),
            );
        }
        let base_url = self.or_default(
            base_url,
            &key,
            "https://api.weixin.qq.com".to_owned(),
            Clone::clone,
        );
        self.token(&mut section);
        let rate = self.rate(&mut section);
        let max_in_flight = section.take_integer(self.problems, "max_in_flight", 1, 100_000);
        let max_in_flight = self.count(max_in_flight, &section.key_path("max_in_flight"), 512);
        let states = [
            ("formal", MiniprogramState::Formal),
            ("trial", MiniprogramState::Trial),
            ("developer", MiniprogramState::Developer),
        ];
        let state = section.take_choice(self.problems, "miniprogram_state", &states);
        let key = section.key_path("miniprogram_state");
        let miniprogram_state = self.or_default(state, &key, MiniprogramState::Formal, |state| {
            word_of(&states, state)
        });
        section.finish(self.problems);
        Some(App {
            appid: appid?,
            secret: secret?,
            base_url: base_url.trim_end_matches('/').to_owned(),
            rate,
            max_in_flight,
            miniprogram_state,
        })
    }

    fn rate(&mut self, section: &mut Section) -> Option<Rate> {
        let said = section.take("rate")?;
        // A table may be put together from several layers: the number is what somebody will look for.
        let number = match &said.value.item {
            Item::Table(table) => table.get("per_second"),
            Item::String(_)
            | Item::Integer(_)
            | Item::Float(_)
            | Item::Boolean(_)
            | Item::Array(_) => None,
        };
        let origin = number.map_or_else(|| said.origin.clone(), |node| node.origin.clone());
        let table = Section::new(self.problems, said.key.clone(), said.value);
        let rate = Rate::read(self.problems, table)?;
        let shown = format!("{} a second, burst {}", rate.per_second, rate.burst);
        self.note(&said.key, shown, &origin);
        Some(rate)
    }

    fn token(&mut self, section: &mut Section) {
        let Some(said) = section.take_string(self.problems, "token") else {
            return;
        };
        if said.value != "stable" {
            let problem = said.error(format!(
                "\"{}\" is not known here: expected \"stable\"",
                said.value
            ));
            self.problems.push(
                problem
                    .help("\"stable\" is WeChat's stable_token, which every instance may ask for"),
            );
        }
    }

    fn secret(&mut self, section: &mut Section) -> Option<Secret> {
        let secret = section.take_string(self.problems, "secret");
        let file = section.take_string(self.problems, "secret_file");
        match (secret, file) {
            (Some(secret), Some(file)) if is_file(&secret.origin) && is_file(&file.origin) => {
                self.problems.push(
                    file.error("both `secret` and `secret_file` are said")
                        .help("keep `secret_file`"),
                );
                None
            }
            // A variable covers the file, whichever of the two keys it says.
            (Some(secret), Some(file)) if is_file(&secret.origin) => self.secret_in(&file),
            (Some(secret), _) if secret.value.trim().is_empty() => {
                self.problems.push(secret.error("the secret is empty"));
                None
            }
            (Some(secret), _) => {
                self.note(&secret.key, "(hidden)".to_owned(), &secret.origin);
                Some(Secret::new(secret.value))
            }
            (None, Some(file)) => self.secret_in(&file),
            (None, None) => {
                let variable = section.key_path("secret").replace('.', "__").to_uppercase();
                let problem = section.error("the app's secret is missing");
                self.problems.push(problem.help(format!(
                    "say `secret_file = \"…\"`, or set WX_COURIER__{variable}"
                )));
                None
            }
        }
    }

    fn secret_in(&mut self, file: &Said<String>) -> Option<Secret> {
        match std::fs::read_to_string(&file.value) {
            Ok(text) if text.trim().is_empty() => {
                self.problems.push(
                    file.error(format!("{} is empty", file.value))
                        .help("it must hold the app's AppSecret"),
                );
                None
            }
            Ok(text) => {
                self.note(&file.key, file.value.clone(), &file.origin);
                Some(Secret::new(text.trim_end()))
            }
            Err(error) => {
                self.problems
                    .push(file.error(format!("{} cannot be read: {error}", file.value)));
                None
            }
        }
    }

    fn section(&mut self, top: &mut Section, key: &'static str) -> Section {
        let empty = || {
            let node = Node {
                item: Item::Table(BTreeMap::new()),
                origin: Origin::Default,
            };
            Section::new(&mut Problems::default(), key, node)
        };
        top.take_section(self.problems, key).unwrap_or_else(empty)
    }

    fn note(&mut self, key: &str, value: String, origin: &Origin) {
        self.effective.push(Effective {
            key: key.to_owned(),
            value,
            origin: origin.to_string(),
            place: origin.clone(),
        });
    }

    fn shown(&mut self, said: Option<Said<String>>) -> Option<String> {
        let said = said?;
        self.note(&said.key, said.value.clone(), &said.origin);
        Some(said.value)
    }

    fn or_default<T>(
        &mut self,
        said: Option<Said<T>>,
        key: &str,
        default: T,
        show: impl Fn(&T) -> String,
    ) -> T {
        let (value, origin) = match said {
            Some(said) => (said.value, said.origin),
            None => (default, Origin::Default),
        };
        self.note(key, show(&value), &origin);
        value
    }

    fn count(&mut self, said: Option<Said<i64>>, key: &str, default: usize) -> usize {
        let said =
            said.map(|said| said.map(|number| usize::try_from(number).unwrap_or(usize::MAX)));
        self.or_default(said, key, default, usize::to_string)
    }

    fn duration(&mut self, said: Option<Said<Duration>>, key: &str, default: Duration) -> Duration {
        self.or_default(said, key, default, |duration| format!("{duration:?}"))
    }
}

/// An app that only a variable speaks of, and that has not even an appid, is a slip of the finger.
fn stray_variable(name: &str, said: &Said<Node>, written: &[String]) -> Option<Problem> {
    let Item::Table(table) = &said.value.item else {
        return None;
    };
    let first = table.values().next()?;
    if is_file(&said.origin) || table.contains_key("appid") {
        return None;
    }
    let problem =
        Problem::error(&first.origin, format!("there is no app \"{name}\"")).key(said.key.clone());
    let known: Vec<&str> = written.iter().map(String::as_str).collect();
    Some(match nearest(name, &known) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem.help(format!("the settings know: {}", known.join(", "))),
    })
}

/// A bare word that is no level would be taken for the name of a module, and nothing would be logged.
fn is_level(text: &str) -> bool {
    let is_known = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    text.split(',').all(is_known) && EnvFilter::try_new(text).is_ok()
}

fn is_file(origin: &Origin) -> bool {
    matches!(origin, Origin::File { .. })
}

fn word_of<T: PartialEq>(choices: &[(&str, T)], choice: &T) -> String {
    let found = choices.iter().find(|(_, known)| known == choice);
    found.map_or_else(String::new, |(word, _)| (*word).to_owned())
}
