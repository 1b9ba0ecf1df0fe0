//! Questions: each on a connection of its own that cannot write, on a thread that may block, and none for longer than its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{anyhow, bail};
use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::shared::Shared;

/// So many questions are answered at once.
const AT_ONCE: usize = 4;

/// So many are asked at once, those that wait among them.
const MOST_ASKED: usize = 64;

/// How long a question may take, the wait for its turn included, until it is broken off.
const LONGEST: Duration = Duration::from_secs(5);

/// A search ends after this time with what it has found.
const ENOUGH: Duration = Duration::from_millis(700);

/// Until when a question may go on.
#[derive(Clone, Copy)]
pub(super) struct Limit(Instant);

impl Limit {
    pub(super) fn new() -> Self {
        Self(Instant::now() + ENOUGH)
    }

    /// Whether a search should end with what it has found.
    pub(super) fn is_reached(self) -> bool {
        Instant::now() >= self.0
    }
}

/// A connection of some file.
struct Reader {
    connection: Connection,
    generation: u64,
}

/// The connections.
pub(super) struct Readers {
    shared: Arc<Shared>,
    idle: Mutex<Vec<Reader>>,
    turns: Arc<Semaphore>,
    asked: Semaphore,
}

impl Readers {
    /// Opens all of them: a file that is deleted under the running console can still be read.
    pub(super) fn open(shared: Arc<Shared>) -> rusqlite::Result<Self> {
        let generation = shared.generation();
        let readers = (0..AT_ONCE).map(|_| {
            let connection = shared.place.reader()?;
            Ok(Reader {
                connection,
                generation,
            })
        });
        Ok(Self {
            idle: Mutex::new(readers.collect::<rusqlite::Result<_>>()?),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            asked: Semaphore::new(MOST_ASKED),
            shared,
        })
    }

    /// Asks. Where nobody waits for the answer any more, the question is broken off.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Shared, &Connection, Limit) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let Ok(_place) = self.asked.try_acquire() else {
            bail!("too much is asked of the history at once: try again in a moment");
        };
        let deadline = Instant::now() + LONGEST;
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout_at(deadline, turn)
            .await
            .map_err(|_| {
                anyhow!("the history is busy with other questions: try again in a moment")
            })??;
        let reader = self.reader()?;
        let break_off = Arc::new(BreakOff {
            is_running: Mutex::new(true),
            interrupt: reader.connection.get_interrupt_handle(),
            is_due: AtomicBool::new(false),
        });
        let _guard = Guard(Arc::clone(&break_off));
        let readers = Arc::clone(self);
        let running = Arc::clone(&break_off);
        let mut answer = tokio::task::spawn_blocking(move || {
            let answer = question(&readers.shared, &reader.connection, Limit::new());
            running.end();
            readers.put_back(reader);
            drop(turn);
            answer
        });
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = match timeout(left, &mut answer).await {
            Ok(answer) => answer?,
            Err(_) => {
                break_off.now();
                answer.await?
            }
        };
        answer.map_err(|error| {
            if break_off.is_due.load(Ordering::Relaxed) {
                error.context(format!(
                    "the question took longer than {} s",
                    LONGEST.as_secs()
                ))
            } else {
                error
            }
        })
    }

    /// A connection to the file of now.
    fn reader(&self) -> anyhow::Result<Reader> {
        let generation = self.shared.generation();
        let mut idle = self.idle();
        idle.retain(|reader| reader.generation == generation);
        let known = idle.pop();
        drop(idle);
        match known {
            Some(reader) => Ok(reader),
            None => Ok(Reader {
                connection: self.shared.place.reader()?,
                generation,
            }),
        }
    }

    fn put_back(&self, reader: Reader) {
        if reader.generation == self.shared.generation() && reader.connection.is_autocommit() {
            self.idle().push(reader);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What breaks a question off, and no other one: its connection answers the next one soon.
struct BreakOff {
    is_running: Mutex<bool>,
    interrupt: InterruptHandle,
    is_due: AtomicBool,
}

impl BreakOff {
    fn running(&self) -> std::sync::MutexGuard<'_, bool> {
        self.is_running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        *self.running() = false;
    }

    fn now(&self) {
        let is_running = self.running();
        if *is_running {
            self.is_due.store(true, Ordering::Relaxed);
            self.interrupt.interrupt();
        }
    }
}

/// Breaks the question off when nobody waits for it any more.
struct Guard(Arc<BreakOff>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.now();
    }
}
