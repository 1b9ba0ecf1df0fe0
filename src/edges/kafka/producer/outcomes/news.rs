//! What the log says of records that were refused.

use std::time::Duration;

use tokio::time::Instant;

use super::progress::Part;
use crate::edges::kafka::producer::refusal::About;

/// Whether records of one kind can be published at present. An outage fails thousands of them at once, which is one piece of news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Well,
    /// And the log says so.
    Failing,
    /// The log said so of another one a moment ago.
    FailingUntold,
}

/// A warning of one kind comes this often at most: a topic that refuses one record may refuse every one.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// When a warning was given last, and how often it was passed over since.
#[derive(Debug, Default)]
struct Warnings {
    last: Option<Instant>,
    n_unsaid: u64,
}

impl Warnings {
    /// Whether to warn now; if so, how many were passed over.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now < last + WARN_EVERY) {
            self.n_unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.n_unsaid))
    }
}

/// What the log says of records of one kind.
#[derive(Debug, Default)]
pub(super) struct News {
    health: Health,
    smaller: Warnings,
    failures: Warnings,
}

/// Whether a refused record goes out in a smaller form next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shrinks {
    Yes,
    No,
}

impl News {
    /// Logs what is news.
    pub(super) fn tell(&mut self, part: Part, refusal: Option<(About, &str)>, shrinks: Shrinks) {
        let (kind, ticket) = (part.which.as_str(), part.ticket.0);
        let Some((about, why)) = refusal else {
            if self.health == Health::Failing {
                tracing::info!(kind, "publishing works again");
            }
            self.health = Health::Well;
            return;
        };
        if shrinks == Shrinks::Yes {
            if let Some(unsaid) = self.smaller.due(Instant::now()) {
                tracing::warn!(
                    kind,
                    ticket,
                    why,
                    unsaid,
                    "a record is refused and goes out in a smaller form"
                );
            }
        } else if self.health == Health::Well && about != About::Producer {
            self.health = Health::FailingUntold;
            if let Some(unsaid) = self.failures.due(Instant::now()) {
                self.health = Health::Failing;
                tracing::warn!(
                    kind,
                    ticket,
                    why,
                    unsaid,
                    "publishing fails; it is tried again until it works"
                );
            }
        } else {
            tracing::debug!(kind, ticket, why, "not published and will be tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_come_at_a_pace_and_say_how_many_did_not() {
        let (mut warnings, now) = (Warnings::default(), Instant::now());
        assert_eq!(warnings.due(now), Some(0));
        assert_eq!((warnings.due(now), warnings.due(now)), (None, None));
        assert_eq!(warnings.due(now + WARN_EVERY), Some(2));
    }
}
