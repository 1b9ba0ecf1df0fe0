//! `[miniapp]`: what a mini program may ask of us.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Reader;
use super::secrets::Found;
use crate::config::keys::{Key, Open, SecretKeys, Table, Without};
use crate::config::kinds::{Count, Length, Mistake, RateTable, Text, Texts};
use crate::config::{App, Kafka, MiniApp, Secret};
use wx_courier_core::document::{Item, Node, Origin, Problem, Said, Section, nearest};
use wx_courier_core::model::Rate;
use wx_courier_core::wechat::logins::LONGEST_SESSION;

pub(super) static MINIAPP: Table = Table {
    path: "miniapp",
    keys: &[
        &APPS,
        &SESSION_SECRET,
        &SESSION_LIFE,
        &ALLOW_ORIGINS,
        &MAX_BODY,
        &PER_ADDRESS,
        &PER_SESSION,
    ],
};

static APPS: Open<Texts> = Open {
    name: "apps",
    kind: Texts {
        what: "a list of names",
        check: |_| Ok(()),
    },
    without: Without::Means("every app with a secret"),
    about: "the apps whose users may log in",
};

static SESSION_SECRET: SecretKeys = SecretKeys {
    key: "session_secret",
    file_key: "session_secret_file",
    what: "the secret with which session tokens are signed",
    file_holds: "the secret by which session tokens are signed: at least 32 bytes, the same on every instance. `openssl rand -base64 32` \
        makes one. A new one ends every session",
    short: "the secret",
    about: "One of the two is required",
};

/// As long as what HMAC-SHA-256 makes of it: a shorter one would be the weakest part.
const SHORTEST_SECRET: usize = 32;

static SESSION_LIFE: Key<Length> = Key {
    name: "session_life",
    kind: Length::Between(Duration::from_mins(1), LONGEST_SESSION),
    default: || Duration::from_hours(2),
    about: "how long a login lasts",
};

static ALLOW_ORIGINS: Key<Texts> = Key {
    name: "allow_origins",
    kind: Texts {
        what: "a list of origins",
        check: origin,
    },
    default: Vec::new,
    about: "web origins whose pages may call (CORS). Mini programs need none",
};

static MAX_BODY: Key<Count> = Key {
    name: "max_body",
    kind: Count(1024, 1024 * 1024),
    default: || 16 * 1024,
    about: "the largest request, in bytes",
};

static PER_ADDRESS: Key<RateTable> = Key {
    name: "per_address",
    kind: RateTable,
    // Many users of a mobile network share an address.
    default: || rate(50.0, 100),
    about: "requests of one address. Users of a mobile network may share one",
};

static PER_SESSION: Key<RateTable> = Key {
    name: "per_session",
    kind: RateTable,
    // A person presses buttons.
    default: || rate(1.0, 10),
    about: "requests of one session, and of one user in all sessions: a user who logs in again has no more",
};

pub(super) static SEND: Table = Table {
    path: "miniapp.send",
    keys: &[&TYPE, &TOPIC],
};

static TYPE: Open<Text> = Open {
    name: "type",
    kind: Text,
    without: Without::Required {
        message: "`type` is missing",
        help: "which event type a mini program may publish: \"reminder.requested\"",
    },
    about: "the event's type, whole: `reminder.requested`",
};

static TOPIC: Open<Text> = Open {
    name: "topic",
    kind: Text,
    without: Without::Means("the source topic, if there is one only"),
    about: "one of `kafka.topics`",
};

impl Reader<'_> {
    /// What mini programs may do, if they may do anything. What is wrong is told.
    pub(super) fn miniapp(
        &mut self,
        top: &mut Section,
        apps: &BTreeMap<Arc<str>, App>,
        kafka: Option<&Kafka>,
    ) -> Option<MiniApp> {
        let mut section = top.take_section(self.problems, MINIAPP.key())?;
        let names = self.open(&mut section, &APPS);
        let apps = self.miniapp_apps(&section, names.as_ref(), apps);
        let session_secret = self.needed(&mut section, &SESSION_SECRET);
        if let Found::Secret(secret) = &session_secret {
            self.session_secret_is_long(&section, secret);
        }
        let session_life = self.read(&mut section, &SESSION_LIFE);
        let allow_origins = self.read(&mut section, &ALLOW_ORIGINS);
        let max_body = self.read(&mut section, &MAX_BODY);
        let per_address = self.read(&mut section, &PER_ADDRESS);
        let per_session = self.read(&mut section, &PER_SESSION);
        let send = section.take(SEND.key());
        let send = self.sends(send, kafka);
        section.finish(self.problems);
        Some(MiniApp {
            apps,
            session_secret: session_secret.into_secret()?,
            session_life,
            allow_origins,
            max_body,
            per_address,
            per_session,
            send,
        })
    }

    fn miniapp_apps(
        &mut self,
        section: &Section,
        said: Option<&Said<Vec<String>>>,
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
        let origin = said.map_or(&Origin::Default, |said| &said.origin);
        let names: Vec<Arc<str>> = match said {
            Some(said) => said
                .value
                .iter()
                .map(|name| Arc::from(name.as_str()))
                .collect(),
            None => with_secret,
        };
        self.note(&section.key_path(APPS.name), names.join(", "), origin);
        // Where the apps themselves are wrong, that has been told.
        if names.is_empty() && !self.problems.has_errors() {
            let problem = section.error("no app has a secret, which a login needs");
            self.problems
                .push(problem.help("say `secret_file` in [apps.NAME]"));
        }
        names
    }

    fn session_secret_is_long(&mut self, section: &Section, secret: &Secret) {
        let length = secret.expose().len();
        if length < SHORTEST_SECRET {
            let problem = section.error(format!(
                "the session secret has {length} bytes: a client that guesses it can be any user"
            ));
            self.problems.push(problem.help(format!(
                "at least {SHORTEST_SECRET}, for example from `openssl rand -base64 32`"
            )));
        }
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
            let problem = Problem::error(&said.origin, "expected a list of tables");
            self.problems.push(
                problem
                    .key(said.key)
                    .help("write [[miniapp.send]], and below it `type` and `topic`"),
            );
            return sends;
        };
        for node in nodes {
            let mut section = Section::new(self.problems, said.key.clone(), node);
            let kind = self.open(&mut section, &TYPE);
            let topic = self.open(&mut section, &TOPIC);
            let topic = self.send_topic(&section, topic, kafka);
            section.finish(self.problems);
            let (Some(kind), Some(topic)) = (kind, topic) else {
                continue;
            };
            if kind.value.trim().is_empty() || kind.value.contains('*') {
                let problem = kind.error(format!("\"{}\" is no event type", kind.value));
                self.problems.push(
                    problem.help("name each type: a glob would allow what you did not think of"),
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

fn rate(per_second: f64, burst: u32) -> Rate {
    Rate {
        per_second,
        burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
    }
}

fn origin(text: &str) -> Result<(), Mistake> {
    if is_origin(text) {
        return Ok(());
    }
    Err(Mistake {
        message: format!("\"{text}\" is not a web origin"),
        help: "write scheme and host, without a path: \"https://www.example.com\"".to_owned(),
    })
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
