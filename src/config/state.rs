//! What `[state]` says: where claims and outcomes are kept.

use std::path::PathBuf;
use std::time::Duration;

use super::{LeftBehind, Secret};

/// `[state]`
#[derive(Clone, Debug)]
pub struct State {
    /// Where claims and outcomes are kept.
    pub url: StateUrl,
    /// How long they are kept.
    pub remember: Duration,
    /// What follows when they are lost under the running service.
    pub on_loss: OnLoss,
    /// What earlier versions kept them in, where a relative path led elsewhere, while there is nothing at `url`. Beginning anew beside it would
    /// send again what was sent, so nothing is begun.
    pub left_behind: Option<LeftBehind>,
}

/// `[state] on_loss`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// Nothing is sent until an operator says that it goes on.
    Pause,
    /// Sending goes on: what was sent before may be sent again.
    Continue,
}

/// `[state] url`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateUrl {
    /// Nowhere: they end with the process.
    Memory,
    /// In an SQLite file, for one instance.
    Sqlite(PathBuf),
    /// In Redis, for a fleet. The URL holds the password, wherever that was said.
    Redis(Secret),
}

impl StateUrl {
    /// Where it lies, for people: a file by its whole path, a server without its password.
    pub fn place(&self) -> String {
        match self {
            Self::Memory => "memory:".to_owned(),
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Redis(url) => {
                let mut shown = redis::parse_redis_url(url.expose());
                if let Some(url) = &mut shown
                    && url.password().is_some()
                    && url.set_password(Some("***")).is_err()
                {
                    shown = None;
                }
                shown.map_or_else(|| "redis:".to_owned(), |url| url.to_string())
            }
        }
    }
}

/// Whether other processes keep their state in the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// This process is alone.
    Alone,
    /// There may be others.
    WithOthers,
}

impl StateUrl {
    /// Whether such a store has more than one process.
    pub fn sharing(&self) -> Sharing {
        match self {
            Self::Memory | Self::Sqlite(_) => Sharing::Alone,
            Self::Redis(_) => Sharing::WithOthers,
        }
    }
}
