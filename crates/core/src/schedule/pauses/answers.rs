//! How the latest messages of a rule were answered, each party counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::party::Party;
use crate::model::Moment;

/// Answers that are older than this say nothing about the present.
pub(super) const LATELY: Duration = Duration::from_mins(5);

/// So many parties are looked back upon; in a busy rule that is less than five minutes.
pub(super) const MOST_PARTIES: usize = 1_000;

/// From where on refusals are too many: of messages to many users, so that one user alone reaches it nowhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// At least so many parties were refused …
    pub count: usize,
    /// … and at least this share of the parties whose answers count, from 0 to 1.
    pub ratio: f64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self {
            count: 20,
            ratio: 0.5,
        }
    }
}

/// The latest answer of each party: a user whose messages are refused without end counts once, and so does one whose messages are always
/// accepted. Of a refusal a `T` is kept.
pub(super) struct LatestAnswers<T> {
    latest: BTreeMap<Party, Noted<T>>,
    by_age: BTreeSet<(Duration, Party)>,
    n_refused: usize,
}

struct Noted<T> {
    at: Duration,
    refusal: Option<T>,
}

/// Which answers count.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookBack {
    /// Those since this moment …
    pub(super) since: Duration,
    /// … of so many parties at most.
    pub(super) most: usize,
}

impl LookBack {
    /// The answers that say something about the present.
    pub(super) fn lately(now: Moment) -> Self {
        Self {
            since: now.elapsed.saturating_sub(LATELY),
            most: MOST_PARTIES,
        }
    }
}

impl<T> Default for LatestAnswers<T> {
    fn default() -> Self {
        Self {
            latest: BTreeMap::new(),
            by_age: BTreeSet::new(),
            n_refused: 0,
        }
    }
}

impl<T> LatestAnswers<T> {
    /// Notes an answer, and forgets those that do not count any more.
    pub(super) fn note(
        &mut self,
        now: Moment,
        party: Party,
        refusal: Option<T>,
        look_back: LookBack,
    ) {
        self.forget(party);
        self.keep(LookBack {
            most: look_back.most.saturating_sub(1),
            ..look_back
        });
        self.n_refused += usize::from(refusal.is_some());
        self.by_age.insert((now.elapsed, party));
        let at = now.elapsed;
        self.latest.insert(party, Noted { at, refusal });
    }

    /// Forgets those that do not count any more.
    pub(super) fn keep(&mut self, look_back: LookBack) {
        while let Some((at, oldest)) = self.by_age.first()
            && (self.latest.len() > look_back.most || *at < look_back.since)
        {
            self.forget(*oldest);
        }
    }

    fn forget(&mut self, party: Party) {
        if let Some(noted) = self.latest.remove(&party) {
            self.by_age.remove(&(noted.at, party));
            self.n_refused -= usize::from(noted.refusal.is_some());
        }
    }

    /// How many parties were answered.
    pub(super) fn n_answered(&self) -> usize {
        self.latest.len()
    }

    /// How many of them were refused.
    pub(super) fn n_refused(&self) -> usize {
        self.n_refused
    }

    /// The same as a share from 0 to 1.
    pub(super) fn share_refused(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "no more than a thousand answers"
        )]
        let share = self.n_refused as f64 / self.latest.len().max(1) as f64;
        share
    }

    /// Whether the refusals are too many.
    pub(super) fn reach(&self, threshold: Threshold) -> bool {
        self.n_refused >= threshold.count && self.share_refused() >= threshold.ratio
    }

    /// What is kept of the oldest refusal.
    pub(super) fn first_refusal(&self) -> Option<&T> {
        let mut by_age = self.by_age.iter();
        by_age.find_map(|(_, party)| self.latest.get(party)?.refusal.as_ref())
    }
}
