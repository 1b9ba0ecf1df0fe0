//! What the service does at the cluster, and whether it may.

use std::fmt;

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Serialize;

/// Something that the service does with a topic or a group, for which a cluster with access rules wants a right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "right", content = "on", rename_all = "snake_case")]
pub enum Deed {
    /// Sees that a topic is there.
    Describe(String),
    /// Reads a topic.
    Read(String),
    /// Joins a group and commits in it.
    Join(String),
    /// Writes to a topic.
    Write(String),
}

impl Deed {
    /// The right that it wants, as access rules of Kafka call it.
    fn right(&self) -> &'static str {
        match self {
            Self::Describe(_) => "Describe on the topic",
            Self::Read(_) => "Read on the topic",
            Self::Join(_) => {
                "Read on the group; on some clusters groups are made in the console first"
            }
            Self::Write(_) => "Write on the topic",
        }
    }

    /// What to do where the right is wanting.
    pub fn help(&self) -> String {
        format!(
            "the user of [kafka.options] needs the right {}",
            self.right()
        )
    }

    /// The key of the settings that says how we log in, or what the deed is on.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Describe(_) | Self::Write(_) => "kafka.options",
            Self::Read(_) => "kafka.topics",
            Self::Join(_) => "kafka.group",
        }
    }
}

/// What we do: "read the topic orders".
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Describe(topic) => write!(f, "see the topic {topic}"),
            Self::Read(topic) => write!(f, "read the topic {topic}"),
            Self::Join(group) => write!(f, "join the group {group} and commit in it"),
            Self::Write(topic) => write!(f, "write to the topic {topic}"),
        }
    }
}

/// Whether we may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", content = "why", rename_all = "snake_case")]
pub enum Standing {
    /// Yes.
    Allowed,
    /// No, in the cluster's words.
    Refused(String),
    /// It cannot be told, and why.
    NotKnown(String),
}

impl Standing {
    /// What an error says of a right.
    pub(super) fn of(code: Option<Code>, said: &str) -> Self {
        if code.is_some_and(is_about_rights) {
            Self::Refused(said.to_owned())
        } else {
            Self::NotKnown(said.to_owned())
        }
    }
}

/// Whether an error tells of a right that is wanting.
pub(super) fn is_about_rights(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}
