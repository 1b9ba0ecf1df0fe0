//! `[miniapp]`: what a mini program may ask of us.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Reader;
use super::secrets::SecretKeys;
use crate::config::{App, Kafka, MiniApp, Secret};
use wx_courier_core::document::{Item, Node, Origin, Said, Section, nearest};
use wx_courier_core::model::Rate;

const SESSION_SECRET: SecretKeys = SecretKeys {
    key: "session_secret",
    file_key: "session_secret_file",
    what: "the secret with which session tokens are signed",
};

/// As long as what HMAC-SHA-256 makes of it: a shorter one would be the weakest part.
const SHORTEST_SECRET: usize = 32;

const SESSION_LIFE: Duration = Duration::from_hours(2);
const SHORTEST_SESSION: Duration = Duration::from_mins(1);
const LONGEST_SESSION: Duration = Duration::from_hours(30 * 24);

const MAX_BODY: usize = 16 * 1024;

/// Many users of a mobile network share an address.
const PER_ADDRESS: (f64, u32) = (50.0, 100);
/// A person presses buttons.
const PER_SESSION: (f64, u32) = (1.0, 10);

impl Reader<'_> {
    /// What mini programs may do, if they may do anything. What is wrong is told.
    pub(super) fn miniapp(
        &mut self,
        top: &mut Section,
        apps: &BTreeMap<Arc<str>, App>,
        kafka: Option<&Kafka>,
    ) -> Option<MiniApp> {
        let mut section = top.take_section(self.problems, "miniapp")?;
        let names = section.take_strings(self.problems, "apps");
        let apps = self.miniapp_apps(&section, names, apps);
        let session_secret = self.needed(&mut section, &SESSION_SECRET);
        self.session_secret_is_long(&section, session_secret.as_ref());
        let session_life = section.take_duration(self.problems, "session_life");
        if let Some(said) = session_life
            .as_ref()
            .filter(|said| !(SHORTEST_SESSION..=LONGEST_SESSION).contains(&said.value))
        {
            self.problems.push(
                said.error(format!("{:?} is out of range", said.value))
                    .help("expected a length of time from \"1m\" to \"30d\""),
            );
        }
        let key = section.key_path("session_life");
        let session_life = self.duration(session_life, &key, SESSION_LIFE);
        let origins = section.take_strings(self.problems, "allow_origins");
        if let Some(said) = &origins
            && let Some(wrong) = said.value.iter().find(|origin| !is_origin(origin))
        {
            self.problems.push(
                said.error(format!("\"{wrong}\" is not a web origin"))
                    .help("write scheme and host, without a path: \"https://www.example.com\""),
            );
        }
        let key = section.key_path("allow_origins");
        let allow_origins = self.or_default(origins, &key, Vec::new(), |said| said.join(", "));
        let max_body = section.take_integer(self.problems, "max_body", 1024, 1024 * 1024);
        let max_body = self.count(max_body, &section.key_path("max_body"), MAX_BODY);
        let per_address = section.take("per_address");
        let per_address = self.rate_or(per_address, &section.key_path("per_address"), PER_ADDRESS);
        let per_session = section.take("per_session");
        let per_session = self.rate_or(per_session, &section.key_path("per_session"), PER_SESSION);
        let send = section.take("send");
        let send = self.sends(send, kafka);
        section.finish(self.problems);
        Some(MiniApp {
            apps,
            session_secret: session_secret?,
            session_life,
            allow_origins,
            max_body,
            per_address: per_address?,
            per_session: per_session?,
            send,
        })
    }

    fn miniapp_apps(
        &mut self,
        section: &Section,
        said: Option<Said<Vec<String>>>,
        apps: &BTreeMap<Arc<str>, App>,
    ) -> Vec<Arc<str>> {
        let with_secret: Vec<Arc<str>> = apps
            .iter()
            .filter(|(_, app)| app.secret.is_some())
            .map(|(name, _)| Arc::clone(name))
            .collect();
        let known: Vec<&str> = apps.keys().map(AsRef::as_ref).collect();
        for name in said.iter().flat_map(|said| &said.value) {
            let problem = match apps.get(name.as_str()) {
                Some(app) if app.secret.is_some() => continue,
                Some(_) => format!("the app \"{name}\" has no secret, which a login needs"),
                None => format!("there is no app \"{name}\""),
            };
            let problem = section.error(problem).key(section.key_path("apps"));
            self.problems.push(match nearest(name, &known) {
                Some(near) if near != name => problem.help(format!("did you mean \"{near}\"?")),
                Some(_) | None => {
                    problem.help(format!("apps with a secret: {}", with_secret.join(", ")))
                }
            });
        }
        let said = said.map(|said| {
            said.map(|names| names.into_iter().map(Arc::from).collect::<Vec<Arc<str>>>())
        });
        let key = section.key_path("apps");
        let names = self.or_default(said, &key, with_secret, |names| names.join(", "));
        // Where the apps themselves are wrong, that has been told.
        if names.is_empty() && !self.problems.has_errors() {
            let problem = section.error("no app has a secret, which a login needs");
            self.problems
                .push(problem.help("say `secret_file` in [apps.NAME]"));
        }
        names
    }

    fn session_secret_is_long(&mut self, section: &Section, secret: Option<&Secret>) {
        let Some(length) = secret.map(|secret| secret.expose().len()) else {
            return;
        };
        if length < SHORTEST_SECRET {
            let problem = section.error(format!(
                "the session secret has {length} bytes: whoever guesses it is everybody"
            ));
            self.problems.push(problem.help(format!(
                "at least {SHORTEST_SECRET}, for example from `openssl rand -base64 32`"
            )));
        }
    }

    fn rate_or(
        &mut self,
        said: Option<Said<Node>>,
        key: &str,
        (per_second, burst): (f64, u32),
    ) -> Option<Rate> {
        let show = |rate: &Rate| format!("{} a second, burst {}", rate.per_second, rate.burst);
        let Some(said) = said else {
            let rate = Rate {
                per_second,
                burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
            };
            self.note(key, show(&rate), &Origin::Default);
            return Some(rate);
        };
        let origin = said.origin;
        let table = Section::new(self.problems, said.key, said.value);
        let rate = Rate::read(self.problems, table)?;
        self.note(key, show(&rate), &origin);
        Some(rate)
    }

    fn sends(
        &mut self,
        said: Option<Said<Node>>,
        kafka: Option<&Kafka>,
    ) -> BTreeMap<String, String> {
        let mut sends = BTreeMap::new();
        let Some(said) = said else {
            return sends;
        };
        let Item::Array(nodes) = said.value.item else {
            let problem = wx_courier_core::document::Problem::error(
                &said.origin,
                "expected a list of tables",
            );
            self.problems.push(
                problem
                    .key(said.key)
                    .help("write [[miniapp.send]], and below it `type` and `topic`"),
            );
            return sends;
        };
        for node in nodes {
            let mut section = Section::new(self.problems, said.key.clone(), node);
            let kind = section.require_string(
                self.problems,
                "type",
                "which event type a mini program may publish: \"reminder.requested\"",
            );
            let topic = section.take_string(self.problems, "topic");
            let topic = self.send_topic(&section, topic, kafka);
            section.finish(self.problems);
            let (Some(kind), Some(topic)) = (kind, topic) else {
                continue;
            };
            if kind.value.trim().is_empty() || kind.value.contains('*') {
                let problem = kind.error(format!("\"{}\" is no event type", kind.value));
                self.problems.push(
                    problem.help("name each type: a glob would allow what nobody thought of"),
                );
                continue;
            }
            self.note(
                &format!("{}.{}", said.key, kind.value),
                topic.clone(),
                &kind.origin,
            );
            if sends.insert(kind.value.clone(), topic).is_some() {
                let problem = kind.error(format!("the type \"{}\" is said twice", kind.value));
                self.problems.push(problem);
            }
        }
        sends
    }

    fn send_topic(
        &mut self,
        section: &Section,
        said: Option<Said<String>>,
        kafka: Option<&Kafka>,
    ) -> Option<String> {
        // Without topics nothing here can be right, and that has been told.
        let topics = &kafka?.topics;
        let known = || format!("[kafka] topics are: {}", topics.join(", "));
        match (said, topics.as_slice()) {
            (Some(said), _) if topics.contains(&said.value) => Some(said.value),
            (Some(said), _) => {
                let problem = said.error(format!("\"{}\" is not a source topic", said.value));
                self.problems.push(problem.help(known()));
                None
            }
            (None, [only]) => Some(only.clone()),
            (None, _) => {
                let problem = section.error("`topic` is missing, and there is more than one");
                self.problems.push(problem.help(known()));
                None
            }
        }
    }
}

/// A scheme and a host, perhaps a port; as browsers write them, in lower case.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let is_letter =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':');
        !host.is_empty() && host.chars().all(is_letter)
    })
}
