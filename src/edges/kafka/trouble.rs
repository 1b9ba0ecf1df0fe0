//! What keeps us from the cluster: brokers that cannot be reached, rights that are wanting, topics of which nothing is said.
//!
//! librdkafka tells of each failure of each connection, many a second where a cluster is away. Every client of the service tells it here
//! instead. What comes of it is one list: `/status` shows it, `/readyz` says what of it keeps the service from its work, and the log has a line
//! when a trouble begins, one a minute while it lasts, and one when it is over.

mod ear;
mod spell;
mod table;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use super::cause::Cause;
use super::inspect::Right;
use super::partitions::TopicError;
use super::standing::{Deed, Standing};
use crate::edges::clock::Clock;
pub use ear::Ear;
use spell::Happening;
use table::{Doubt, Found, News, Table};
use wx_courier_core::model::Moment;

/// What a trouble is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
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

impl About {
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
    pub about: About,
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
        match &self.about {
            About::Broker { .. } => {
                let cause = self.why.cause.unwrap_or(Cause::Other);
                cause.help().to_owned()
            }
            About::Right(deed) => deed.help(),
            About::Topic { .. } => "if this goes on, the log of the brokers says why".to_owned(),
        }
    }
}

/// What it is, why, and what to do, in a sentence.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help = self.help();
        match &self.about {
            About::Broker { address } => {
                let cause = self.why.cause.unwrap_or(Cause::Other);
                write!(
                    f,
                    "the broker {address} cannot be reached ({}): {help}",
                    cause.as_str()
                )
            }
            About::Right(deed) => {
                write!(
                    f,
                    "the cluster does not let us {deed} ({}): {help}",
                    self.why.said
                )
            }
            About::Topic { topic } => {
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
        // One broker of several that is away need not keep us from anything: another one may lead its partitions.
        let matters = |trouble: &&Trouble| match trouble.about {
            About::Broker { .. } => !self.reached,
            About::Right(_) | About::Topic { .. } => true,
        };
        let matter = self.troubles.iter().filter(matters);
        why_not.extend(matter.map(ToString::to_string));
        (!why_not.is_empty()).then(|| why_not.join("; "))
    }
}

/// A client of librdkafka, among those of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Client(u64);

impl Client {
    /// What our own trials have met.
    const OURS: Self = Self(0);
}

/// The troubles of a service. Its clones are the same ones.
#[derive(Clone)]
pub struct Troubles(Arc<Shared>);

struct Shared {
    clock: Clock,
    table: Mutex<Table>,
    next_client: AtomicU64,
    /// What is asked for each record and acknowledgement: whether there is no connection, and whether a right to write is wanting.
    is_cut_off: AtomicBool,
    may_not_write: AtomicBool,
    /// Whether there is anything at all.
    is_quiet: AtomicBool,
    changed: Notify,
}

impl Troubles {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            table: Mutex::default(),
            next_client: AtomicU64::new(1),
            is_cut_off: AtomicBool::new(true),
            may_not_write: AtomicBool::new(false),
            is_quiet: AtomicBool::new(false),
            changed: Notify::new(),
        }))
    }

    /// For a client that tells of its troubles here.
    pub fn ear(&self) -> Ear {
        let client = Client(self.0.next_client.fetch_add(1, Ordering::Relaxed));
        Ear::of(self.clone(), client)
    }

    /// Looks at the table, or changes it; what is asked often is noted beside it.
    fn with<R>(&self, change: impl FnOnce(&mut Table, Moment) -> R) -> R {
        let shared = &*self.0;
        let now = shared.clock.now();
        let mut table = shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut table, now);
        for (noted, is_so) in [
            (&shared.is_cut_off, table.is_cut_off()),
            (&shared.may_not_write, table.may_not_write()),
            (&shared.is_quiet, table.is_quiet()),
        ] {
            noted.store(is_so, Ordering::Relaxed);
        }
        result
    }

    /// The same, of something that may be news.
    fn tell_of(&self, change: impl FnOnce(&mut Table, Moment)) {
        self.with(change);
        self.0.changed.notify_one();
    }

    /// What the cluster says of a topic, or why it says nothing. That no broker has answered in time is for a client at the start, which has
    /// nothing else to go by.
    pub fn looked(&self, topic: &str, found: Result<(), &TopicError>) {
        let describe = About::Right(Deed::Describe(topic.to_owned()));
        let partitions = About::Topic {
            topic: topic.to_owned(),
        };
        let why = |cause, said| Why { cause, said };
        self.tell_of(|table, now| match found {
            // That there is no topic is a mistake of the settings, and no trouble that passes.
            Ok(()) | Err(TopicError::Missing { .. }) => {
                table.reached();
                table.gone(Client::OURS);
                table.works(&describe);
                table.works(&partitions);
            }
            Err(TopicError::NotAllowed { code, .. }) => {
                table.reached();
                table.hear(describe, Client::OURS, why(None, code.to_string()), now);
            }
            Err(TopicError::Other { code, .. }) => {
                table.reached();
                table.hear(partitions, Client::OURS, why(None, code.to_string()), now);
            }
            Err(TopicError::Unreachable { brokers, error }) => {
                table.cut_off();
                // What was heard of the connections says more.
                if table.is_reached() || table.troubles().is_empty() {
                    let said = error.to_string();
                    let cause = Cause::of(error.rdkafka_error_code(), &said);
                    let address = brokers.clone();
                    let about = About::Broker { address };
                    table.hear(about, Client::OURS, why(Some(cause), said), now);
                }
            }
        });
    }

    /// The cluster has answered.
    pub fn answered(&self) {
        self.tell_of(|table, _| {
            table.reached();
            table.gone(Client::OURS);
        });
    }

    /// Comes back when something was heard since it came back last.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Whether there is something to look at again in a while.
    pub fn want_watching(&self) -> bool {
        !self.0.is_quiet.load(Ordering::Relaxed)
    }

    /// Tells the log what is new.
    pub fn tell(&self) {
        let news = self.with(|table, now| table.news(now.elapsed));
        news.iter().for_each(log);
    }

    /// How the service stands with the cluster.
    pub fn status(&self) -> ClusterStatus {
        self.with(|table, _| ClusterStatus {
            reached: table.is_reached(),
            troubles: table.troubles(),
        })
    }

    /// An examination that should begin now: the cluster has refused something, or did so a moment ago.
    pub fn examination(&self) -> Option<Examination> {
        self.with(|table, _| {
            table.wants_examination().then(|| Examination {
                doubt: table.take_doubt(),
            })
        })
    }

    /// What the cluster lets us do now.
    pub fn examined(&self, examination: Examination, rights: &[Right]) {
        let Examination { doubt } = examination;
        let found = rights.iter().map(|Right { deed, standing }| {
            let found = match standing {
                Standing::Allowed => Found::Allowed,
                Standing::Refused(said) => Found::Refused(said.clone()),
                Standing::NotKnown(_) => Found::NotKnown,
            };
            (deed.clone(), found)
        });
        let found: Vec<(Deed, Found)> = found.collect();
        let unexplained = self.with(|table, now| table.examined(&found, doubt, now));
        self.0.changed.notify_one();
        if let Some(code) = unexplained {
            tracing::warn!(%code, "the cluster has refused something, and a moment later it was not found out what");
        }
    }
}

/// A search for the right that is wanting.
#[derive(Clone, Copy)]
#[must_use]
pub struct Examination {
    doubt: Option<Doubt>,
}

fn log(news: &News) {
    let News { what, trouble } = news;
    let (since, failures, said) = (&trouble.since, trouble.failures, &trouble.why.said);
    let is_one_broker = matches!(trouble.about, About::Broker { .. });
    match what {
        Happening::Began if is_one_broker => tracing::warn!(said, "{trouble}"),
        Happening::Began => tracing::error!("{trouble}"),
        Happening::GoesOn if is_one_broker => {
            tracing::warn!(%since, failures, "still: {trouble}");
        }
        Happening::GoesOn => tracing::error!(%since, failures, "still: {trouble}"),
        Happening::IsOver => tracing::info!(%since, failures, "over: {}", trouble.about),
        Happening::FellSilent => {
            tracing::info!(%since, failures, "nothing more was heard of it: {}", trouble.about);
        }
    }
}

/// What the trouble was about, when it is over.
impl fmt::Display for About {
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
