//! What ends a scan before its end: its asker has gone, or its time is over.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The shortest time that is worth a question: librdkafka waits for ever if it is told to wait for no time.
const SHORTEST: Duration = Duration::from_millis(1);

/// Looked at between two records, and before each question to the cluster. All copies are of one limit; the default is none.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    is_unwanted: Arc<AtomicBool>,
    until: Option<Instant>,
}

/// Why a scan is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Its asker has gone.
    Unwanted,
    /// Its time is over.
    Late,
}

impl Limit {
    /// Until then; without a time, until it is said.
    pub fn until(until: Option<Instant>) -> Self {
        Self {
            until,
            ..Self::default()
        }
    }

    /// Says that the asker has gone.
    pub fn end(&self) {
        self.is_unwanted.store(true, Ordering::Relaxed);
    }

    /// Whether it is over.
    pub(super) fn over(&self) -> Option<Over> {
        if self.is_unwanted.load(Ordering::Relaxed) {
            return Some(Over::Unwanted);
        }
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        is_late.then_some(Over::Late)
    }

    /// No longer than until its end.
    pub(super) fn at_most(&self, timeout: Duration) -> Duration {
        let left = self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(timeout, |left| timeout.min(left.max(SHORTEST)))
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unwanted => "nobody waits for it any more",
            Self::Late => "the time for it was over",
        })
    }
}
