//! What keeps us from the cluster: brokers that cannot be reached, rights that are wanting, topics of which nothing is said.
//!
//! librdkafka tells of each failure of each connection, many a second where a cluster is away. Every client of the service tells it here
//! instead. What comes of it is one list: `/status` shows it, `/readyz` says what of it keeps the service from its work, and the log has a line
//! when a trouble begins, one a minute while it lasts, and one when it is over.

mod ear;
mod table;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Serialize;
use tokio::sync::Notify;

use super::cause::Cause;
use super::inspect::Right;
use super::partitions::TopicError;
use super::standing::{Deed, Standing};
use crate::edges::clock::Clock;
pub use ear::Ear;
use table::{Happening, News, Reach, Table};

/// What a trouble is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Subject {
    /// A broker that cannot be reached, `host:port`.
    Broker {
        /// Its address.
        address: String,
    },
    /// A right that is wanting.
    Right(Deed),
    /// A topic of which the cluster does not say what it is.
    Topic {
        /// Its name.
        topic: String,
    },
}

impl Subject {
    /// The words of [`Self::kind`].
    pub const KINDS: [&'static str; 3] = ["broker", "right", "topic"];

    /// What kind it is, for JSON and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Broker { .. } => "broker",
            Self::Right(_) => "right",
            Self::Topic { .. } => "topic",
        }
    }
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Why a broker cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// In the words of librdkafka or of the cluster.
    pub said: String,
}

impl Why {
    fn says_more_than(&self, other: &Self) -> bool {
        match (self.cause, other.cause) {
            (Some(cause), Some(other)) => cause.says_more_than(other),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Something that keeps us from the cluster, or from a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
    /// Since when: RFC 3339, UTC.
    pub since: String,
    /// How many failures were heard of since. librdkafka leaves out some of those that are the same.
    pub failures: u64,
}

impl Trouble {
    /// What to do about it.
    fn help(&self) -> String {
        match &self.subject {
            Subject::Broker { .. } => {
                let cause = self.why.cause.unwrap_or(Cause::Other);
                cause.help().to_owned()
            }
            Subject::Right(deed) => {
                format!(
                    "the user of [kafka.options] needs the right {}",
                    deed.right()
                )
            }
            Subject::Topic { .. } => "if this goes on, the log of the brokers says why".to_owned(),
        }
    }
}

/// What it is, why, and what to do, in a sentence.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help = self.help();
        match &self.subject {
            Subject::Broker { address } => {
                let cause = self.why.cause.unwrap_or(Cause::Other);
                write!(
                    f,
                    "the broker {address} cannot be reached ({}): {help}",
                    cause.as_str()
                )
            }
            Subject::Right(deed) => {
                write!(
                    f,
                    "the cluster does not let us {deed} ({}): {help}",
                    self.why.said
                )
            }
            Subject::Topic { topic } => {
                write!(
                    f,
                    "the cluster does not say how many partitions the topic {topic} has ({}): {help}",
                    self.why.said
                )
            }
        }
    }
}

/// How the service stands with the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// Whether the client that reads events has a connection to any broker.
    pub reached: bool,
    /// What keeps us from a part of it.
    pub troubles: Vec<Trouble>,
}

impl ClusterStatus {
    /// What of it keeps the service from its work, in words.
    pub fn why_not_ready(&self) -> Option<String> {
        let mut why_not = Vec::new();
        if !self.reached {
            why_not.push("no broker answers".to_owned());
        }
        // One broker of several that is away keeps us from nothing, as long as another one leads its partitions.
        let matters = |trouble: &&Trouble| match trouble.subject {
            Subject::Broker { .. } => !self.reached,
            Subject::Right(_) | Subject::Topic { .. } => true,
        };
        let matter = self.troubles.iter().filter(matters);
        why_not.extend(matter.map(ToString::to_string));
        (!why_not.is_empty()).then(|| why_not.join("; "))
    }
}

/// The troubles of a service. Its clones are the same ones.
#[derive(Clone)]
pub struct Troubles(Arc<Shared>);

struct Shared {
    clock: Clock,
    table: Mutex<Table>,
    /// Whether there is one at all: asked for each acknowledgement.
    any: AtomicBool,
    /// Whether the cluster has refused something, and it is not known what.
    doubt: Mutex<Option<Code>>,
    changed: Notify,
}

impl Troubles {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            table: Mutex::default(),
            any: AtomicBool::new(false),
            doubt: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// For a client that tells of its troubles here.
    pub fn ear(&self) -> Ear {
        Ear::Service(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Table)) {
        let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut table);
        self.0.any.store(!table.is_empty(), Ordering::Relaxed);
        drop(table);
        self.0.changed.notify_one();
    }

    fn any(&self) -> bool {
        self.0.any.load(Ordering::Relaxed)
    }

    fn hear(&self, subject: Subject, why: Why) {
        let now = self.0.clock.now();
        self.change(|table| table.hear(subject, why, now));
    }

    fn works(&self, subject: &Subject) {
        self.change(|table| table.works(subject));
    }

    fn doubt(&self, code: Code) {
        *self.doubted() = Some(code);
        self.0.changed.notify_one();
    }

    fn doubted(&self) -> std::sync::MutexGuard<'_, Option<Code>> {
        self.0.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At the start: the cluster has answered about every topic.
    pub fn answered(&self) {
        self.change(Table::answered);
    }

    /// Why a client at the start has no answer about a topic.
    pub fn unanswered(&self, error: &TopicError) {
        match error {
            TopicError::Unreachable { brokers, error } => {
                let said = error.to_string();
                let cause = Cause::of(error.rdkafka_error_code(), &said);
                let now = self.0.clock.now();
                self.change(|table| {
                    table.cut_off();
                    // What was heard of the connections says more.
                    if table.troubles().is_empty() {
                        let address = brokers.clone();
                        let why = Why {
                            cause: Some(cause),
                            said,
                        };
                        table.hear(Subject::Broker { address }, why, now);
                    }
                });
            }
            TopicError::NotAllowed { topic, code, .. } => {
                self.refused(Deed::Describe(topic.clone()), *code);
            }
            TopicError::Other { topic, code, .. } => {
                let topic = topic.clone();
                let said = code.to_string();
                self.hear(Subject::Topic { topic }, Why { cause: None, said });
            }
            // A mistake of the settings, and no trouble that passes.
            TopicError::Missing { .. } => {}
        }
    }

    fn refused(&self, deed: Deed, code: Code) {
        let said = code.to_string();
        self.hear(Subject::Right(deed), Why { cause: None, said });
    }

    /// Comes back when something was heard since it came back last.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Whether there is anything to look at again in a while.
    pub fn last(&self) -> bool {
        self.any() || self.doubted().is_some()
    }

    /// Tells the log what is new.
    pub fn tell(&self) {
        let now = self.0.clock.now().elapsed;
        let mut news = Vec::new();
        let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        news.append(&mut table.news(now));
        self.0.any.store(!table.is_empty(), Ordering::Relaxed);
        drop(table);
        news.iter().for_each(log);
    }

    /// How the service stands with the cluster.
    pub fn status(&self) -> ClusterStatus {
        let table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        ClusterStatus {
            reached: table.reach() == Reach::Reached,
            troubles: table.troubles(),
        }
    }

    /// Whether it should be found out what the cluster lets us do: it has refused something, or did so a moment ago.
    pub fn want_examination(&self) -> bool {
        let is_about_a_right = |trouble: &Trouble| {
            matches!(
                trouble.subject,
                Subject::Right(Deed::Describe(_) | Deed::Read(_) | Deed::Join(_))
            )
        };
        self.doubted().is_some()
            || (self.any() && self.status().troubles.iter().any(is_about_a_right))
    }

    /// Takes in what the cluster lets us do.
    pub fn examined(&self, rights: &[Right]) {
        let mut is_named = false;
        let mut is_known = true;
        for Right { deed, standing } in rights {
            let subject = Subject::Right(deed.clone());
            match standing {
                Standing::Allowed => self.works(&subject),
                Standing::Refused(said) => {
                    is_named = true;
                    let said = said.clone();
                    self.hear(subject, Why { cause: None, said });
                }
                Standing::NotKnown(_) => is_known = false,
            }
        }
        let mut doubted = self.doubted();
        if is_known
            && let Some(code) = doubted.take()
            && !is_named
        {
            tracing::warn!(%code, "the cluster has refused something that the service does, and lets it do all of it now");
        } else if is_named {
            *doubted = None;
        }
    }
}

fn log(news: &News) {
    let News { what, trouble } = news;
    let (since, failures, said) = (&trouble.since, trouble.failures, &trouble.why.said);
    let is_one_broker = matches!(trouble.subject, Subject::Broker { .. });
    match what {
        Happening::Began if is_one_broker => tracing::warn!(said, "{trouble}"),
        Happening::Began => tracing::error!("{trouble}"),
        Happening::GoesOn if is_one_broker => {
            tracing::warn!(%since, failures, "still: {trouble}");
        }
        Happening::GoesOn => tracing::error!(%since, failures, "still: {trouble}"),
        Happening::IsOver => tracing::info!(%since, failures, "over: {}", trouble.subject),
        Happening::FellSilent => {
            tracing::info!(%since, failures, "nothing more was heard of it: {}", trouble.subject);
        }
    }
}

/// What the trouble was about, when it is over.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker { address } => write!(f, "the broker {address} could not be reached"),
            Self::Right(deed) => write!(f, "the cluster did not let us {deed}"),
            Self::Topic { topic } => {
                write!(
                    f,
                    "the cluster did not say how many partitions the topic {topic} has"
                )
            }
        }
    }
}
