//! The one thread that writes: batches as they come, and what is old between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::oneshot;

use super::arriving::{Arriving, Content};
use super::covered::Of;
use super::file::{self, is_damage};
use super::loading::load;
use super::purge::{self, Left, log_bound};
use super::shared::Shared;
use super::taking::{Books, Taken, Taking, write_covered};

/// What the writer is asked for.
pub(super) enum Order {
    /// Take these in.
    Take(Vec<Arriving>, oneshot::Sender<()>),
    /// These partitions were made anew: what was read of them says nothing of what lies there now.
    Forget(Vec<Of>, oneshot::Sender<()>),
    /// A question has met damage in the file of this generation.
    Damaged(u64, String),
}

/// How often it is looked for what is old, where nothing comes in.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The wait between two tries where the file takes nothing.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// What goes at once: few enough that who waits does not notice.
const PURGE_STEP: usize = 500;

/// What goes at least with each batch that came, so that what is taken in never outruns what goes.
const PURGE_FACTOR: usize = 2;

/// A log that grows to so many times its bound is held up by readers that never end together: then it is waited for them.
const LOG_OVERFLOW: u64 = 4;

/// The name under which the board knows the troubles of the file.
pub(super) const TROUBLE: &str = "history";

/// What the thread owns.
pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    books: Books,
    orders: Receiver<Order>,
    /// What came while it waited for something else.
    waiting: VecDeque<Order>,
    is_in_trouble: bool,
    /// Why there is no file at present: it was damaged, and none could be made in its place.
    lost: Option<String>,
}

/// The history is closing.
struct Closing;

impl Writer {
    /// Reads what lies in memory of the file. A file that turns out to be damaged is moved aside.
    pub(super) fn open(
        connection: Connection,
        shared: Arc<Shared>,
        orders: Receiver<Order>,
    ) -> anyhow::Result<Self> {
        let mut writer = Self {
            connection,
            shared,
            books: Books::default(),
            orders,
            waiting: VecDeque::new(),
            is_in_trouble: false,
            lost: None,
        };
        match load(&writer.connection, &writer.shared) {
            Ok(books) => writer.books = books,
            Err(error) if is_damage(&error) => {
                writer.try_to_begin_anew(&format!("{error:#}"))?;
            }
            Err(error) => return Err(error),
        }
        Ok(writer)
    }

    /// Works until the last client has gone.
    pub(super) fn work(mut self) {
        let mut left = Left::More;
        loop {
            let wait = match left {
                Left::More => Duration::ZERO,
                Left::Nothing => LOOK_EVERY,
            };
            let done = match self.next(wait) {
                Ok(Some(Order::Take(batch, taken))) => {
                    let at_least = batch.len() * PURGE_FACTOR;
                    let done = self.take(batch);
                    // Who asked may have gone.
                    let _told = taken.send(()).is_ok();
                    done.map(|()| self.look_after(at_least.max(PURGE_STEP)))
                }
                Ok(Some(Order::Forget(partitions, forgotten))) => {
                    let done = self.until_done(|writer| writer.forget(&partitions));
                    let _told = forgotten.send(()).is_ok();
                    done.map(|()| left)
                }
                Ok(Some(Order::Damaged(generation, why))) => {
                    if generation == self.shared.generation() {
                        self.begin_anew(&why);
                    }
                    Ok(left)
                }
                Ok(None) => Ok(self.look_after(PURGE_STEP)),
                Err(Closing) => Err(Closing),
            };
            match done {
                Ok(now) => left = now,
                Err(Closing) => break,
            }
        }
        self.checkpoint("TRUNCATE");
    }

    fn next(&mut self, wait: Duration) -> Result<Option<Order>, Closing> {
        if let Some(order) = self.waiting.pop_front() {
            return Ok(Some(order));
        }
        match self.orders.recv_timeout(wait) {
            Ok(order) => Ok(Some(order)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Closing),
        }
    }

    /// Does something until it succeeds. While the disk takes nothing, everything waits here; questions go on.
    fn until_done(
        &mut self,
        mut act: impl FnMut(&mut Self) -> anyhow::Result<()>,
    ) -> Result<(), Closing> {
        loop {
            if let Some(why) = self.lost.take() {
                self.begin_anew(&why);
            }
            if self.lost.is_none() {
                let Err(error) = act(self) else {
                    self.trouble(None);
                    return Ok(());
                };
                if is_damage(&error) {
                    self.begin_anew(&format!("{error:#}"));
                } else {
                    self.trouble(Some(error));
                }
            }
            match self.orders.recv_timeout(TRY_AGAIN) {
                Ok(order) => self.waiting.push_back(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Closing),
            }
        }
    }

    fn trouble(&mut self, error: Option<anyhow::Error>) {
        match error {
            None if self.is_in_trouble => {
                self.is_in_trouble = false;
                tracing::info!("the history is written to again");
                self.shared.board.trouble(TROUBLE, None);
            }
            None => {}
            Some(error) => {
                let error = file::explained(error, self.shared.place.path());
                let why = format!("{error:#}");
                if !self.is_in_trouble {
                    tracing::error!("the history cannot be written to, trying again: {why}");
                }
                self.is_in_trouble = true;
                let said = format!("the history cannot be written to: {why}");
                self.shared.board.trouble(TROUBLE, Some(said));
            }
        }
    }

    /// Takes a batch in. One that cannot be taken in by a fault of ours costs the record alone that it meets.
    fn take(&mut self, batch: Vec<Arriving>) -> Result<(), Closing> {
        let mut batch = batch;
        let mut singly = false;
        self.until_done(|writer| {
            if !singly {
                match writer.take_all(&batch) {
                    Err(error) if is_fault(&error) => {
                        tracing::error!(%error, "a batch of outcomes cannot be kept, one by one now");
                        singly = true;
                    }
                    done => return done,
                }
            }
            batch.iter_mut().try_for_each(|one| writer.take_singly(one))
        })
    }

    fn take_singly(&mut self, one: &mut Arriving) -> anyhow::Result<()> {
        match self.take_all(std::slice::from_ref(one)) {
            Err(error) if is_fault(&error) => {
                tracing::error!(%error, topic = %one.topic, partition = one.partition, offset = one.offsets.end - 1, "a record cannot be kept, and is left out");
                one.content = Content::NotUnderstood;
                self.take_all(std::slice::from_ref(one))
            }
            done => done,
        }
    }

    /// One transaction.
    pub(super) fn take_all(&mut self, batch: &[Arriving]) -> anyhow::Result<()> {
        let next_row = self.books.next_row;
        let mut covered_before = Vec::new();
        let taken = self.try_to_take(batch, &mut covered_before);
        if taken.is_err() {
            self.books.kinds.undo();
            self.books.next_row = next_row;
            for (of, ranges) in covered_before {
                self.books.coverage.set(of, ranges);
            }
        }
        let taken = taken?;
        for kept in taken.news {
            // Perhaps no page is open.
            let _heard = self.shared.news.send(Arc::new(kept)).is_ok();
        }
        Ok(())
    }

    fn try_to_take(
        &mut self,
        batch: &[Arriving],
        covered_before: &mut Vec<(Of, Vec<super::covered::Covered>)>,
    ) -> anyhow::Result<Taken> {
        let Self {
            connection,
            shared,
            books,
            ..
        } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut taking = Taking::new(&transaction, shared, books);
        let done = batch.iter().try_for_each(|arriving| taking.take(arriving));
        let done = done.and_then(|()| taking.write_books());
        let Taking {
            names,
            covered_before: before,
            taken,
            ..
        } = taking;
        covered_before.extend(before);
        done?;
        let mut memory = shared.memory_mut();
        transaction.commit()?;
        for (id, standing) in books.kinds.changed() {
            if let Some(standing) = standing {
                memory.kinds.insert(id, standing.clone());
            }
        }
        if memory.names.chapter == names.chapter {
            memory.names.extend(names);
        } else {
            memory.names = names;
        }
        for (of, _) in &*covered_before {
            let ranges = books.coverage.of(of).to_vec();
            memory.coverage.set(of.clone(), ranges);
        }
        let kept = memory.total();
        drop(memory);
        books.kinds.keep();
        shared.board.change(|progress| {
            progress.kept = kept;
            progress.read += taken.n_read;
            progress.not_understood += taken.n_not_understood;
        });
        Ok(taken)
    }

    fn forget(&mut self, partitions: &[Of]) -> anyhow::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for of in partitions {
            write_covered(&transaction, of, &[])?;
        }
        let mut memory = self.shared.memory_mut();
        transaction.commit()?;
        for of in partitions {
            memory.coverage.set(of.clone(), Vec::new());
            self.books.coverage.set(of.clone(), Vec::new());
        }
        Ok(())
    }

    /// Brings the log into the file when it is large, and forgets what is over the bounds.
    fn look_after(&mut self, at_most: usize) -> Left {
        if self.lost.is_some() {
            return Left::Nothing;
        }
        self.bring_log_in();
        let Self {
            connection,
            shared,
            books,
            ..
        } = self;
        let purged = purge::purge(connection, shared, books, at_most);
        let left = purged.unwrap_or_else(|error| {
            self.books.kinds.undo();
            let error = error.into();
            if is_damage(&error) {
                self.begin_anew(&format!("{error:#}"));
            } else {
                // It is tried again with the next batch, or in a second.
                self.trouble(Some(error));
            }
            Left::Nothing
        });
        self.bring_log_in();
        left
    }

    fn bring_log_in(&mut self) {
        let bound = log_bound(self.shared.bounds.max_bytes);
        let waiting = self
            .connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
                let (in_log, brought_in): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok(in_log.saturating_sub(brought_in))
            });
        let page = self
            .connection
            .query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0));
        let (Ok(waiting), Ok(page)) = (waiting, page) else {
            return;
        };
        let waiting = u64::try_from(waiting.saturating_mul(page)).unwrap_or_default();
        if waiting < bound {
            return;
        }
        let is_overflowing = self.shared.place.log_bytes() > bound.saturating_mul(LOG_OVERFLOW);
        self.checkpoint(if is_overflowing {
            "TRUNCATE"
        } else {
            "PASSIVE"
        });
    }

    fn checkpoint(&self, mode: &str) {
        let checkpoint = format!("PRAGMA wal_checkpoint({mode})");
        let done = self.connection.query_row(&checkpoint, [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "the log of the history cannot be brought into its file");
        }
    }

    /// Makes another file in the place of a damaged one.
    fn begin_anew(&mut self, why: &str) {
        if let Err(error) = self.try_to_begin_anew(why) {
            self.lost = Some(why.to_owned());
            self.trouble(Some(error));
        }
    }

    fn try_to_begin_anew(&mut self, why: &str) -> anyhow::Result<()> {
        let shared = Arc::clone(&self.shared);
        // The old connection ends before its file goes.
        self.connection = Connection::open_in_memory()?;
        shared.place.move_aside("damaged", why)?;
        self.connection = shared.place.anew()?;
        self.books = load(&self.connection, &shared)?;
        shared.is_another_file();
        Ok(())
    }
}

/// Whether this is no matter of the disk or the file: what is written itself is refused.
fn is_fault(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<rusqlite::Error>() else {
        return !is_damage(error);
    };
    match error.sqlite_error_code() {
        None => true,
        Some(code) => matches!(
            code,
            ErrorCode::ConstraintViolation
                | ErrorCode::TooBig
                | ErrorCode::TypeMismatch
                | ErrorCode::ParameterOutOfRange
        ),
    }
}

#[cfg(test)]
impl Writer {
    pub(super) fn books(&self) -> &Books {
        &self.books
    }

    /// Lets the file grow by no more pages than these.
    pub(super) fn allow_pages(&self, more: i64) {
        let now = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0));
        let limit = format!("PRAGMA max_page_count = {}", now.unwrap() + more);
        let set = self
            .connection
            .query_row(&limit, [], |row| row.get::<_, i64>(0));
        set.unwrap();
    }
}
