//! Whether we may do something at the cluster.

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Serialize;

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
