//! The topics → the history and what is live: what comes at the newest end at once, and what lies there already from its newest end backwards, so
//! that pages show the last hours long before all of it is read.
//!
//! Each topic has two threads, each with a consumer of its own in no group. The first follows the newest end. The second reads what was never read
//! before it, in pieces, until what is older finds no room in the history; which offsets were read stands in the history itself. So a start, a
//! restart and a file that was made anew are the same thing: there are offsets that were not read.

mod live;
mod older;
mod reading;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::history::History;
use crate::config::Kafka;
use crate::edges::clock::Clock;
use crate::edges::kafka::trouble::Troubles;
use live::Live;
use older::Older;
pub use reading::Carrying;

/// The topics that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// The outcome topic.
    pub outcomes: Arc<str>,
    /// The audit topic. A cluster may have none.
    pub audit: Arc<str>,
}

/// What fills the history. It ends when this is dropped.
pub struct Feed {
    lines: Vec<Arc<Line>>,
    /// Each thread has one end of it.
    ended: Receiver<()>,
}

impl Feed {
    /// Begins to read. What goes wrong is told by the history's progress, and tried again.
    pub fn start(kafka: &Kafka, topics: &Topics, history: &History) -> anyhow::Result<Self> {
        let troubles = Troubles::new(Clock::start());
        let (running, ended) = channel();
        let mut feed = Self {
            lines: Vec::new(),
            ended,
        };
        for (topic, carrying) in [
            (&topics.outcomes, Carrying::Outcomes),
            (&topics.audit, Carrying::Changes),
        ] {
            let line = Arc::new(Line {
                topic: Arc::clone(topic),
                carrying,
                kafka: kafka.clone(),
                history: history.clone(),
                troubles: troubles.clone(),
                live: Mutex::default(),
                changed: Condvar::new(),
                times_made: AtomicU64::new(0),
                is_closing: AtomicBool::new(false),
            });
            feed.lines.push(Arc::clone(&line));
            let newest = Live::new(Arc::clone(&line))?;
            spawn("console-live", &running, || newest.run())?;
            let older = Older::new(line);
            spawn("console-older", &running, || older.run())?;
        }
        Ok(feed)
    }

    /// Ends, and waits until nothing is read any more, as long as this. Blocks.
    pub fn close(self, limit: Duration) {
        let deadline = Instant::now() + limit;
        self.ask_to_end();
        let left = deadline.saturating_duration_since(Instant::now());
        // Nothing is ever sent: it ends with the last thread, or is waited for no longer.
        if self.ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("a reader of the console still waits for Kafka");
        }
    }

    fn ask_to_end(&self) {
        for line in &self.lines {
            line.is_closing.store(true, Ordering::Relaxed);
            line.changed.notify_all();
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}

fn spawn(
    name: &str,
    running: &Sender<()>,
    run: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let running = running.clone();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let run = move || {
        run();
        drop(running);
    };
    thread.spawn(run).map(drop)
}

/// One topic, for its two threads.
struct Line {
    topic: Arc<str>,
    carrying: Carrying,
    kafka: Kafka,
    history: History,
    troubles: Troubles,
    /// How far the newest end of each partition is in the history; none while nothing is known of the topic.
    live: Mutex<Option<BTreeMap<i32, i64>>>,
    changed: Condvar,
    /// How often the topic was found made anew.
    times_made: AtomicU64,
    is_closing: AtomicBool,
}

impl Line {
    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    fn times_made(&self) -> u64 {
        self.times_made.load(Ordering::Acquire)
    }

    fn is_made_anew(&self) {
        self.times_made.fetch_add(1, Ordering::AcqRel);
    }

    fn live(&self) -> MutexGuard<'_, Option<BTreeMap<i32, i64>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the newest end has moved, or the feed is closing, but no longer than this.
    fn wait(&self, limit: Duration) {
        let live = self.live();
        if !self.is_closing() {
            let waited = self.changed.wait_timeout(live, limit);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn move_live(&self, ends: Option<BTreeMap<i32, i64>>) {
        *self.live() = ends;
        self.changed.notify_all();
    }

    /// Tells what keeps one of the threads from reading.
    fn trouble(&self, of: &str, trouble: Option<String>) {
        let of = format!("{of} of {}", self.topic);
        self.history.report_trouble(&of, trouble);
    }
}
