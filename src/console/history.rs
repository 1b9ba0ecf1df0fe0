//! What has become of messages: every outcome that was read from its topic, for as long as the bounds allow.
//!
//! One SQLite file, one thread that writes to it, and a few connections that read. Everything in it can be made again from the topics, as far as
//! these reach. [`crate::console::feed`] fills it; pages ask it.

pub mod arriving;
mod bytes;
mod counts;
pub mod covered;
mod file;
mod kinds;
mod loading;
mod names;
mod purge;
mod readers;
mod row;
#[cfg(test)]
pub(in crate::console) mod sample;
mod search;
mod settled;
mod shared;
mod tables;
mod taking;
pub mod told;
mod writer;

pub(in crate::console) use names::is_name_of;

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, anyhow};
use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot, watch};

use super::filter::Filter;
use crate::edges::clock::Clock;
use arriving::Arriving;
use covered::{Coverage, Of};
use file::{Place, Taken, explained, is_damage};
use readers::{Limit, Readers};
use shared::{Now, Shared};
use told::{Bounds, Bucket, Change, Cursor, Found, Kept, KindCount, Progress, Span};
use writer::{Order, TROUBLE, Writer};

/// A page has no more outcomes, and no more changes.
const MOST: usize = 10_000;

/// Records that are taken in at once at most: questions about what is newer wait for no more.
pub const LARGEST_BATCH: usize = 2_000;

/// The history. Its clones are the same one; with the last of them it is closed.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    orders: Mutex<Option<Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without a sender the thread ends; what it has begun it finishes.
        let orders = self
            .orders
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        drop(orders.take());
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the history has ended before its time");
        }
    }
}

impl History {
    /// Opens the file, and makes it and its folder if they are not there. A file that is damaged, or of another version, is moved aside. Where no
    /// file can be kept there, a temporary one serves, and `progress` says so. Fails if another console has the file, if it is the database of
    /// something else, or if there is no place for any file.
    pub fn open(path: &Path, bounds: Bounds) -> anyhow::Result<Self> {
        let clock = Clock::start();
        Self::open_at(path, bounds, Arc::new(move || clock.now_ms()))
    }

    /// A history in a temporary file, which goes with it.
    pub fn in_memory(bounds: Bounds) -> anyhow::Result<Self> {
        let clock = Clock::start();
        Self::temporary(bounds, Arc::new(move || clock.now_ms()))
    }

    fn open_at(path: &Path, bounds: Bounds, now: Now) -> anyhow::Result<Self> {
        let opened = Place::take(path).and_then(|place| {
            let connection = place.open()?;
            Self::start(place, connection, bounds, Arc::clone(&now))
        });
        match opened {
            Ok(history) => Ok(history),
            Err(error) if error.is::<Taken>() || error.is::<file::Foreign>() => Err(error),
            Err(error) => {
                let why = explained(error, path);
                tracing::error!(
                    file = %path.display(),
                    "the history cannot be kept, and is read from the topics again at the next start: {why:#}"
                );
                let said = format!("the history is kept until the console ends only: {why:#}");
                let history = Self::temporary(bounds, now).context(said.clone())?;
                history.0.shared.board.trouble("place", Some(said));
                Ok(history)
            }
        }
    }

    fn temporary(bounds: Bounds, now: Now) -> anyhow::Result<Self> {
        let place = Place::temporary()?;
        let connection = place.open()?;
        Self::start(place, connection, bounds, now)
    }

    fn start(
        place: Place,
        connection: Connection,
        bounds: Bounds,
        now: Now,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new(place, bounds, now));
        let (orders, orders_out) = channel();
        let writer = Writer::open(connection, Arc::clone(&shared), orders_out)?;
        let readers = Readers::open(Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(|| writer.work())?;
        Ok(Self(Arc::new(Inner {
            shared,
            readers: Arc::new(readers),
            orders: Mutex::new(Some(orders)),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Takes records in, with the offsets that were read for them. Comes back when they are kept: while the disk takes nothing it waits. What was
    /// taken in before counts once.
    pub async fn add(&self, batch: Vec<Arriving>) -> anyhow::Result<()> {
        let (taken_in, taken) = oneshot::channel();
        self.order(Order::Take(batch, taken_in))?;
        taken.await.context(CLOSED)
    }

    /// The same, for a thread that may block.
    pub fn add_and_wait(&self, batch: Vec<Arriving>) -> anyhow::Result<()> {
        let (taken_in, taken) = oneshot::channel();
        self.order(Order::Take(batch, taken_in))?;
        taken.blocking_recv().context(CLOSED)
    }

    /// Forgets which offsets of these partitions were read: they were made anew. What was read of them stays. Blocks.
    pub fn forget_coverage(&self, partitions: Vec<Of>) -> anyhow::Result<()> {
        let (forgotten_in, forgotten) = oneshot::channel();
        self.order(Order::Forget(partitions, forgotten_in))?;
        forgotten.blocking_recv().context(CLOSED)
    }

    fn order(&self, order: Order) -> anyhow::Result<()> {
        let orders = self.0.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = orders.as_ref().map(|orders| orders.send(order));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(anyhow!(CLOSED)),
        }
    }

    /// Finds outcomes, the newest first: those before a place, if one is named.
    pub async fn search(
        &self,
        filter: &Filter,
        before: Option<Cursor>,
        most: usize,
    ) -> anyhow::Result<Found> {
        let asked = (filter.clone(), before);
        let most = most.clamp(1, MOST);
        self.ask(move |shared, connection, limit| {
            search::search(shared, connection, asked, most, limit)
        })
        .await
    }

    /// A span in `n` parts of the same length, each with how many outcomes were settled in it. Minutes are not divided. With an id, outcomes are
    /// counted one by one, as far as the time suffices. Outcomes whose kind leaves out what the filter names are counted nowhere.
    pub async fn buckets(
        &self,
        filter: &Filter,
        span: Span,
        n: usize,
    ) -> anyhow::Result<Vec<Bucket>> {
        let filter = filter.clone();
        self.ask(move |shared, connection, limit| {
            counts::buckets(shared, connection, (&filter, span), n, limit)
        })
        .await
    }

    /// How many outcomes of each kind were settled in a span, the most frequent kind first; counted as for [`Self::buckets`].
    pub async fn kinds(&self, filter: &Filter, span: Span) -> anyhow::Result<Vec<KindCount>> {
        let filter = filter.clone();
        self.ask(move |shared, connection, limit| {
            counts::kinds(shared, connection, (&filter, span), limit)
        })
        .await
    }

    /// The changes in a span, the newest first.
    pub async fn changes(&self, span: Span, most: usize) -> anyhow::Result<Vec<Change>> {
        let most = i64::try_from(most.min(MOST))?;
        self.ask(move |_, connection, _| changes(connection, span, most))
            .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Shared, &Connection, Limit) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let generation = self.0.shared.generation();
        let answer = self.0.readers.ask(question).await;
        if let Err(error) = &answer
            && is_damage(error)
        {
            self.order(Order::Damaged(generation, format!("{error:#}")))?;
        }
        answer
    }

    /// What has just come. Who is slower than it comes misses some of it.
    pub fn news(&self) -> broadcast::Receiver<Arc<Kept>> {
        self.0.shared.news.subscribe()
    }

    /// How far everything is.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.0.shared.board.subscribe()
    }

    /// Changes what is told of how far everything is.
    pub fn report(&self, change: impl FnOnce(&mut Progress)) {
        self.0.shared.board.change(change);
    }

    /// Notes what keeps a part of the console from filling the history, or that nothing does.
    pub fn report_trouble(&self, of: &str, trouble: Option<String>) {
        debug_assert_ne!(of, TROUBLE, "the file tells of its own troubles");
        self.0.shared.board.trouble(of, trouble);
    }

    /// Looks at what was read of the topics.
    pub fn coverage<T>(&self, look: impl FnOnce(&Coverage) -> T) -> T {
        look(&self.0.shared.memory().coverage)
    }

    /// What was settled before this time finds no room, in Unix milliseconds.
    pub fn oldest_wanted_ms(&self) -> i64 {
        self.0.shared.oldest_ms()
    }

    /// When the first outcome was settled that is kept, in Unix milliseconds.
    pub fn oldest_kept_ms(&self) -> Option<i64> {
        self.0.shared.memory().first_ms()
    }

    /// Whether this is its last clone: then it is closed when it is dropped.
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The present, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        (self.0.shared.now)()
    }
}

const CLOSED: &str = "the history is closed";

fn changes(connection: &Connection, span: Span, most: i64) -> anyhow::Result<Vec<Change>> {
    let select = "SELECT at_ms, json FROM changes WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms DESC, row DESC LIMIT ?3";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query((span.from_ms, span.to_ms, most))?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        // One that cannot be read costs itself.
        if let Ok(record) = serde_json::from_str(row.get_ref(1)?.as_str()?) {
            let at_ms = row.get(0)?;
            changes.push(Change { at_ms, record });
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
