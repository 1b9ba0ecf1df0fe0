//! Questions: each on a connection of its own that cannot write, on a thread that may block, and none for longer than its time.

mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{anyhow, bail};
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::shared::Shared;
use watch::Watch;

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
    watch: Watch,
}

impl Readers {
    /// Opens all of them: a file that is deleted under the running console can still be read.
    pub(super) fn open(shared: Arc<Shared>) -> anyhow::Result<Self> {
        let generation = shared.generation();
        let readers = (0..AT_ONCE).map(|_| {
            let connection = shared.place.reader()?;
            Ok(Reader {
                connection,
                generation,
            })
        });
        let readers: rusqlite::Result<Vec<Reader>> = readers.collect();
        Ok(Self {
            idle: Mutex::new(readers?),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            asked: Semaphore::new(MOST_ASKED),
            watch: Watch::start()?,
            shared,
        })
    }

    /// Asks. Where the asker does not wait for the answer any more, the question is broken off.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Shared, &Connection, Limit) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let Ok(_place) = self.asked.try_acquire() else {
            bail!("too much is asked of the history at once: try again in a moment");
        };
        let deadline = Instant::now() + LONGEST;
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = timeout_at(deadline, turn).await.map_err(|_| {
            anyhow!("the history is busy with other questions: try again in a moment")
        })??;
        let reader = self.reader()?;
        let question_of = self
            .watch
            .begin(reader.connection.get_interrupt_handle(), deadline);
        let _given_up = question_of.give_up_when_dropped();
        let (readers, asked) = (Arc::clone(self), question_of.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let answer = question(&readers.shared, &reader.connection, Limit::new());
            asked.end();
            readers.put_back(reader);
            drop(turn);
            answer
        });
        answer.await?.map_err(|error| {
            if question_of.was_broken_off() {
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

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
