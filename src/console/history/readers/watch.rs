//! A thread that breaks off questions whose time is up, and those whose askers have gone.
//!
//! SQLite breaks off what runs at that moment only. So one that has not begun yet is broken off again, until it has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::InterruptHandle;
use tokio::time::Instant;

/// How often it is looked at questions that are asked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A question that is asked. Its clones are the same one.
#[derive(Clone)]
pub(super) struct Asked(Arc<Question>);

struct Question {
    interrupt: InterruptHandle,
    deadline: Instant,
    state: Mutex<State>,
    was_broken_off: AtomicBool,
    watched: Arc<Watched>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    WaitedFor,
    GivenUp,
    /// Its connection answers another one soon, which must not be broken off for it.
    Ended,
}

impl Asked {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has its answer.
    pub(super) fn end(&self) {
        *self.state() = State::Ended;
    }

    pub(super) fn was_broken_off(&self) -> bool {
        self.0.was_broken_off.load(Ordering::Relaxed)
    }

    /// The asker does not wait for it any more when this is dropped.
    pub(super) fn give_up_when_dropped(&self) -> GivenUp {
        GivenUp(self.clone())
    }

    /// Breaks it off if it is time. Gives `false` if it has ended.
    fn look(&self) -> bool {
        let state = self.state();
        let is_due = match *state {
            State::Ended => return false,
            State::GivenUp => true,
            State::WaitedFor => Instant::now() >= self.0.deadline,
        };
        if is_due {
            self.0.was_broken_off.store(true, Ordering::Relaxed);
            self.0.interrupt.interrupt();
        }
        true
    }
}

pub(super) struct GivenUp(Asked);

impl Drop for GivenUp {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if *state == State::WaitedFor {
            *state = State::GivenUp;
            drop(state);
            self.0.0.watched.changed.notify_all();
        }
    }
}

#[derive(Default)]
struct Watched {
    asked: Mutex<List>,
    changed: Condvar,
}

#[derive(Default)]
struct List {
    asked: Vec<Asked>,
    is_closing: bool,
}

impl Watched {
    fn list(&self) -> MutexGuard<'_, List> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut list = self.list();
        loop {
            list.asked.retain(Asked::look);
            list = if !list.asked.is_empty() {
                let waited = self.changed.wait_timeout(list, LOOK_EVERY);
                let (list, _) = waited.unwrap_or_else(PoisonError::into_inner);
                list
            } else if list.is_closing {
                return;
            } else {
                self.changed
                    .wait(list)
                    .unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

/// The thread. It ends with the last question after this is dropped.
pub(super) struct Watch(Arc<Watched>);

impl Watch {
    pub(super) fn start() -> std::io::Result<Self> {
        let watched = Arc::new(Watched::default());
        let seen = Arc::clone(&watched);
        let thread = std::thread::Builder::new().name("history-watch".to_owned());
        thread.spawn(move || seen.watch())?;
        Ok(Self(watched))
    }

    /// A question begins.
    pub(super) fn begin(&self, interrupt: InterruptHandle, deadline: Instant) -> Asked {
        let asked = Asked(Arc::new(Question {
            interrupt,
            deadline,
            state: Mutex::new(State::WaitedFor),
            was_broken_off: AtomicBool::new(false),
            watched: Arc::clone(&self.0),
        }));
        self.0.list().asked.push(asked.clone());
        self.0.changed.notify_all();
        asked
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.list().is_closing = true;
        self.0.changed.notify_all();
    }
}
