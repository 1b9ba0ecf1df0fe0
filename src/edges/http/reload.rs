//! What people see of it when rules and settings are read again.

use serde::Serialize;

/// How the last reading went. Before the first one there is nothing to say: what was read at the start is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadStatus {
    /// When it was: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<String>,
    /// Why the rules on disk are not in force; nothing if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The settings that say something else on disk, and come into force with a restart: their keys, never their values. As it was when the
    /// settings could be read last.
    pub restart_needed: Vec<String>,
}

/// Rules that are not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Since when what is on disk is refused, in whatever state it was: RFC 3339, UTC.
    pub since: String,
    /// How many errors there are.
    pub errors: usize,
    /// The first of them, in words.
    pub first: String,
    /// The version of the rules that stay in force.
    pub rules_version: String,
}
