//! What people see of it when rules and settings are read again, and `/reload`, where they ask for it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::Pages;
use super::audit::Asker;
use super::refusal::refuse;
use crate::edges::audit::NotRecorded;

/// How the last reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadStatus {
    /// The version of the rules in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_version: Option<Arc<str>>,
    /// Since when this version is in force here, in Unix milliseconds.
    #[serde(skip)]
    pub in_force_since_ms: i64,
    /// The same: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force_since: Option<String>,
    /// The version of the rules on disk, in force or refused; nothing if no rules can be made of what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<Arc<str>>,
    /// When it was read: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<String>,
    /// Why the rules on disk are not in force; nothing if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The settings that say something else on disk, and come into force with a restart: their keys, never their values. As it was when the
    /// settings could be read last.
    pub restart_needed: Vec<String>,
}

/// So many errors of a refused set are told; the log tells all of them.
pub const MOST_TOLD: usize = 20;

/// Rules that are not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Since when what is on disk is refused, in whatever state it was, in Unix milliseconds.
    #[serde(skip)]
    pub since_ms: i64,
    /// The same: RFC 3339, UTC.
    pub since: String,
    /// How many errors there are.
    pub errors: usize,
    /// The first of them, in words.
    pub first: String,
    /// The first [`MOST_TOLD`] of them.
    pub problems: Vec<String>,
    /// The version of the rules that stay in force.
    pub rules_version: String,
}

/// A person asks that all is read again, and waits for what comes of it.
pub struct Asked {
    /// Who asks.
    pub asker: Asker,
    /// Where it is told.
    pub answer: oneshot::Sender<Reloaded>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// What is on disk is in force from now on.
    Swapped(Taken),
    /// It was in force already.
    Same(Taken),
    /// It was changing while it was read: nothing was done, and it is read when it rests.
    Restless,
    /// It is refused, and what was in force stays.
    Refused {
        /// How many errors there are.
        errors: usize,
        /// The first [`MOST_TOLD`] of them.
        problems: Vec<String>,
    },
}

/// Rules that were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Their version.
    pub rules_version: String,
    /// How many there are.
    pub rules: usize,
    /// Settings that wait for a restart.
    pub restart_needed: Vec<String>,
    /// Why there is no audit record of it, if there is none.
    pub unrecorded: Option<NotRecorded>,
}

impl Taken {
    fn told(&self, how: &str) -> String {
        let Self {
            rules_version,
            rules,
            restart_needed,
            unrecorded,
        } = self;
        let waiting = if restart_needed.is_empty() {
            String::new()
        } else {
            let keys = restart_needed.join(", ");
            format!("these settings come into force with a restart: {keys}\n")
        };
        let unrecorded = match unrecorded {
            Some(NotRecorded { why }) => format!("there is no audit record of it: {why}\n"),
            None => String::new(),
        };
        format!("{rules} rules are in force, {how}: version {rules_version}\n{waiting}{unrecorded}")
    }
}

/// How many may ask at once.
pub const MOST_ASKED: usize = 16;

/// Rules are proven in a second or two, a thousand of them too; and an audit record that Kafka does not take is waited for.
const PATIENCE: Duration = Duration::from_secs(9);

/// Has all read again, and says what came of it.
pub(super) async fn reload(State(pages): State<Pages>, asker: Asker) -> Response {
    let unavailable = |message| refuse(StatusCode::SERVICE_UNAVAILABLE, message);
    let (answer, answered) = oneshot::channel();
    match pages.reloads.try_send(Asked { asker, answer }) {
        Ok(()) => {}
        Err(mpsc::error::TrySendError::Full(_)) => {
            return unavailable("the rules are being read for others: ask again");
        }
        Err(mpsc::error::TrySendError::Closed(_)) => return unavailable("the service ends"),
    }
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(Reloaded::Swapped(taken))) => taken.told("new").into_response(),
        Ok(Ok(Reloaded::Same(taken))) => taken.told("the same as before").into_response(),
        Ok(Ok(Reloaded::Restless)) => unavailable(
            "what is on disk is being changed, and nothing was done: ask again when it is whole",
        ),
        Ok(Ok(Reloaded::Refused { errors, problems })) => {
            let first = problems.first().map_or("", String::as_str);
            let message = format!(
                "what is on disk is refused, and what was in force stays; errors: {errors}; the first: {first} (`wx-courier check` tells all)"
            );
            refuse(StatusCode::CONFLICT, &message)
        }
        Ok(Err(_gone)) => unavailable("the service ends"),
        Err(_late) => unavailable("the rules are still being read: /status tells what comes of it"),
    }
}
