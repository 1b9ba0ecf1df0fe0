//! The merged tree → [`Settings`]: every key, its default and its bounds, in the order of `courier.toml`.

mod apps;
mod callbacks;
mod grants;
mod http;
mod kafka;
mod miniapp;
mod public;
mod secrets;
mod state;
mod templates;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use self::apps::Apps;
use super::{Effective, Engine, LogFormat, Outcomes, Send, Settings};
use wx_courier_core::document::{Item, Node, Origin, Problems, Said, Section};
use wx_courier_core::event::{Decoding, Pointer};
use wx_courier_core::flow::Unmatched;
use wx_courier_core::flow::delivery::RetryPlan;
use wx_courier_core::model::outcome::RecipientStyle;
use wx_courier_core::schedule::pauses::BreakerPlan;

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
    let state = reader.state(&mut top);
    let http = reader.http(&mut top);
    let send = reader.send(&mut top);
    let breaker = reader.breaker(&mut top);
    let engine = reader.engine(&mut top);
    let compare_templates = reader.templates(&mut top);
    let time_zone = reader.rules(&mut top);
    let (log_format, log_level) = reader.log(&mut top);
    let Apps {
        names: app_names,
        sound: apps,
        callbacks,
    } = reader.apps(&mut top);
    let grants = reader.grants(&mut top, &app_names);
    let miniapp = reader.miniapp(&mut top, &apps, kafka.as_ref());
    let public = reader.public(&mut top, callbacks, miniapp);
    reader.distinct_topics(kafka.as_ref(), &outcomes, &dead_letter_topic);
    top.finish(reader.problems);
    let is_whole = !errors.has_errors();
    problems.extend(errors);
    let settings = match (kafka, state, http) {
        (Some(kafka), Some(state), Some(http)) if is_whole => Some(Settings {
            kafka,
            events,
            outcomes,
            dead_letter_topic,
            state,
            http,
            send,
            breaker,
            engine,
            compare_templates,
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
        app_names,
        time_zone,
    }
}

struct Reader<'a> {
    problems: &'a mut Problems,
    effective: &'a mut Vec<Effective>,
}

impl Reader<'_> {
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
            let default = field.to_string();
            if let Some(pointer) = self.pointer(&mut section, key, &default) {
                *field = pointer;
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

    fn breaker(&mut self, top: &mut Section) -> BreakerPlan {
        let mut section = self.section(top, "breaker");
        let plan = BreakerPlan::default();
        let count = section.take_integer(self.problems, "count", 1, 1_000);
        let count = self.count(count, "breaker.count", plan.count);
        let ratio = section.take_positive(self.problems, "ratio");
        if let Some(said) = ratio.as_ref().filter(|said| said.value > 1.0) {
            let problem = said.error(format!("{} is more than all", said.value));
            self.problems
                .push(problem.help("expected a share, like 0.5 for every second answer"));
        }
        let ratio = self.or_default(ratio, "breaker.ratio", plan.ratio, f64::to_string);
        section.finish(self.problems);
        BreakerPlan { count, ratio }
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
