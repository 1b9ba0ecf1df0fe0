//! Counts of everything that was asked and answered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::answer::Reply;
use crate::path::Path;
use crate::state::lock;

/// The counts since the start or the last reset.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Stats {
    /// Calls by path.
    pub calls: BTreeMap<String, u64>,
    /// Answers to sends by code; 0 is success.
    pub errcodes: BTreeMap<i64, u64>,
    /// Answers of the other endpoints by code; 0 is success.
    pub other_errcodes: BTreeMap<i64, u64>,
    /// Scripted bare HTTP answers by status, on any endpoint.
    pub http_statuses: BTreeMap<u16, u64>,
    /// Calls whose connection was cut, on any endpoint.
    pub cut: u64,
    /// Sends that were accepted, answered or not.
    pub accepted: u64,
    /// Sends in progress at the moment.
    pub concurrency: u64,
    /// The most sends that were in progress at once.
    pub max_concurrency: u64,
    /// Calls of either token endpoint.
    pub token_fetches: u64,
    /// Those with the right credentials that asked for a forced refresh, whatever came of it.
    pub forced_refreshes: u64,
    /// Tokens made, which is less than the calls where `stable_token` repeats itself.
    pub tokens_issued: u64,
}

#[derive(Debug, Default)]
struct Answers {
    errcodes: BTreeMap<i64, u64>,
    other_errcodes: BTreeMap<i64, u64>,
    http_statuses: BTreeMap<u16, u64>,
    cut: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: [AtomicU64; Path::ALL.len()],
    forced_refreshes: AtomicU64,
    concurrency: AtomicU64,
    max_concurrency: AtomicU64,
    answers: Mutex<Answers>,
}

impl Counters {
    fn calls(&self) -> impl Iterator<Item = (Path, &AtomicU64)> {
        Path::ALL.into_iter().zip(&self.calls)
    }

    pub(super) fn called(&self, path: Path) {
        // The order of `ALL` is that of the variants.
        if let Some(calls) = self.calls.get(path as usize) {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn forced_refresh(&self) {
        self.forced_refreshes.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a send as in progress until the guard is dropped.
    pub(super) fn in_progress(&self) -> InProgress<'_> {
        let concurrency = self.concurrency.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_concurrency
            .fetch_max(concurrency, Ordering::Relaxed);
        InProgress(&self.concurrency)
    }

    pub(super) fn answered(&self, path: Path, reply: &Reply) {
        let mut answers = lock(&self.answers);
        let count = match reply {
            Reply::Json { errcode, .. } if path == Path::Send => {
                answers.errcodes.entry(*errcode).or_default()
            }
            Reply::Json { errcode, .. } => answers.other_errcodes.entry(*errcode).or_default(),
            Reply::Raw { status, .. } => answers.http_statuses.entry(*status).or_default(),
            Reply::Cut | Reply::Reset => &mut answers.cut,
        };
        *count += 1;
    }

    /// All of it at once; what the counters do not know is given.
    pub(super) fn read(&self, accepted: u64, tokens_issued: u64) -> Stats {
        let answers = lock(&self.answers);
        let calls: BTreeMap<String, u64> = self
            .calls()
            .map(|(path, calls)| (path.as_str().to_owned(), calls.load(Ordering::Relaxed)))
            .collect();
        let n_calls = |path: Path| calls.get(path.as_str()).copied().unwrap_or_default();
        Stats {
            errcodes: answers.errcodes.clone(),
            other_errcodes: answers.other_errcodes.clone(),
            http_statuses: answers.http_statuses.clone(),
            cut: answers.cut,
            accepted,
            concurrency: self.concurrency.load(Ordering::Relaxed),
            max_concurrency: self.max_concurrency.load(Ordering::Relaxed),
            token_fetches: n_calls(Path::StableToken) + n_calls(Path::Token),
            calls,
            forced_refreshes: self.forced_refreshes.load(Ordering::Relaxed),
            tokens_issued,
        }
    }

    /// Back to zero, except for what is in progress.
    pub(super) fn reset(&self) {
        for (_, calls) in self.calls() {
            calls.store(0, Ordering::Relaxed);
        }
        self.forced_refreshes.store(0, Ordering::Relaxed);
        self.max_concurrency
            .store(self.concurrency.load(Ordering::Relaxed), Ordering::Relaxed);
        *lock(&self.answers) = Answers::default();
    }
}

/// A send in progress.
#[derive(Debug)]
pub(super) struct InProgress<'a>(&'a AtomicU64);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_own_count() {
        let counters = Counters::default();
        for path in Path::ALL {
            counters.called(path);
        }
        counters.called(Path::RidGet);
        let stats = counters.read(0, 0);
        assert_eq!(stats.calls.len(), Path::ALL.len());
        for (path, n_calls) in &stats.calls {
            assert_eq!(
                *n_calls,
                1 + u64::from(path == Path::RidGet.as_str()),
                "{path}"
            );
        }
    }
}
