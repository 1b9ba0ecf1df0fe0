//! What the writer and the questions share: what lies in memory of the file, and how far everything is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, Transaction};
use tokio::sync::{broadcast, watch};

use super::covered::Coverage;
use super::file::Place;
use super::kinds::{KindId, Standing};
use super::names::Open;
use super::told::{Bounds, Kept, Progress};

/// What is in the file, as far as it lies in memory. It changes in the moment in which a transaction is committed, under one lock with it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) kinds: BTreeMap<KindId, Standing>,
    /// The names of the newest rows.
    pub(super) names: Open,
    pub(super) coverage: Coverage,
    /// What was settled before this time does not find room.
    pub(super) floor_ms: Option<i64>,
}

impl Memory {
    /// How many outcomes there are.
    pub(super) fn total(&self) -> u64 {
        let total: i64 = self.kinds.values().map(|of| of.count.count).sum();
        u64::try_from(total).unwrap_or_default()
    }

    /// When the first outcome was settled.
    pub(super) fn first_ms(&self) -> Option<i64> {
        self.kinds.values().map(|of| of.count.first_ms).min()
    }
}

/// The present, in Unix milliseconds.
pub(super) type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// News that no page has taken yet. A page that is slower misses some.
const NEWS: usize = 1_024;

/// All of it.
pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) bounds: Bounds,
    pub(super) now: Now,
    pub(super) news: broadcast::Sender<Arc<Kept>>,
    pub(super) board: Board,
    memory: RwLock<Memory>,
    /// Which file it is, where one was made in the place of another.
    generation: AtomicU64,
}

impl Shared {
    pub(super) fn new(place: Place, bounds: Bounds, now: Now) -> Self {
        Self {
            place,
            bounds,
            now,
            news: broadcast::Sender::new(NEWS),
            board: Board::default(),
            memory: RwLock::default(),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the writer alone.
    pub(super) fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Another file lies in the place.
    pub(super) fn is_another_file(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// What was settled before this time is not kept.
    pub(super) fn oldest_ms(&self) -> i64 {
        let keep = i64::try_from(self.bounds.keep.as_millis()).unwrap_or(i64::MAX);
        let by_age = (self.now)().saturating_sub(keep);
        self.memory()
            .floor_ms
            .map_or(by_age, |floor| floor.max(by_age))
    }

    /// The file as it is at this moment, and what is known of it in memory at the same moment.
    pub(super) fn snapshot<'a, T>(
        &self,
        connection: &'a Connection,
        look: impl FnOnce(&Memory) -> T,
    ) -> rusqlite::Result<(Transaction<'a>, T)> {
        let memory = self.memory();
        let transaction = connection.unchecked_transaction()?;
        // The first reading is what the transaction holds on to.
        let mut first = transaction.prepare_cached("SELECT count(*) FROM numbers")?;
        first.query_row([], |row| row.get::<_, i64>(0))?;
        drop(first);
        let seen = look(&memory);
        Ok((transaction, seen))
    }
}

/// How far everything is, as pages show it. Several tell of their troubles: the file, and the reading of each topic.
#[derive(Default)]
pub(super) struct Board {
    progress: watch::Sender<Progress>,
    troubles: RwLock<BTreeMap<Arc<str>, String>>,
}

impl Board {
    pub(super) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Changes what is told, and wakes those who look if that is something new.
    pub(super) fn change(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_if_modified(|progress| {
            let before = progress.clone();
            change(progress);
            *progress != before
        });
    }

    /// Notes what keeps something from its work, or that nothing does.
    pub(super) fn trouble(&self, of: &str, trouble: Option<String>) {
        let mut troubles = self
            .troubles
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => troubles.insert(Arc::from(of), trouble),
            None => troubles.remove(of),
        };
        let all: Vec<&str> = troubles.values().map(String::as_str).collect();
        let all = (!all.is_empty()).then(|| all.join("; "));
        self.change(|progress| progress.trouble = all);
    }
}
