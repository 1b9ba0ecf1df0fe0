//! What the service was told of the store: down once, back once, also when the store neither answers nor fails.
//!
//! A server that hangs and a disk that stalls hold the store's thread, so a second thread looks at the clock.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::Stored;

/// What takes longer than this is as bad as a failure: messages wait for it.
const SLOW: Duration = Duration::from_secs(2);

/// How often the second thread looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The store's thread says here how its work goes.
pub(super) struct Health {
    told: Arc<Told>,
    watch: Watch,
}

/// The second thread.
struct Watch {
    /// Hung up with this value, which ends the thread.
    _life: Sender<()>,
    thread: JoinHandle<()>,
}

struct Told {
    progress: Mutex<Progress>,
    answers: UnboundedSender<Stored>,
}

#[derive(Default)]
struct Progress {
    /// When the work that is under way began.
    began: Option<Instant>,
    /// Since when the store is down.
    down_since: Option<Instant>,
}

impl Health {
    /// Starts the second thread; it ends with this value.
    pub(super) fn start(answers: UnboundedSender<Stored>) -> std::io::Result<Self> {
        let told = Arc::new(Told {
            progress: Mutex::default(),
            answers,
        });
        let watch = Watch::start(Arc::clone(&told))?;
        Ok(Self { told, watch })
    }

    /// Work begins.
    pub(super) fn begins(&mut self) {
        if self.watch.thread.is_finished() {
            tracing::error!("the thread store-watch has ended unexpectedly, and is started again");
            match Watch::start(Arc::clone(&self.told)) {
                Ok(watch) => self.watch = watch,
                Err(error) => tracing::error!(%error, "it cannot be started"),
            }
        }
        self.told.progress().began = Some(Instant::now());
    }

    /// It is done.
    pub(super) fn succeeded(&self) {
        let mut progress = self.told.progress();
        progress.began = None;
        if let Some(since) = progress.down_since.take() {
            tracing::info!(down_s = since.elapsed().as_secs(), "the store is back");
            self.told.say(Stored::Back);
        }
    }

    /// It is over, and says nothing of how the store is.
    pub(super) fn ended(&self) {
        self.told.progress().began = None;
    }

    /// It failed and will be tried again. `why` holds no password.
    pub(super) fn failed(&self, why: &str) {
        let mut progress = self.told.progress();
        progress.began = None;
        self.told.is_down(&mut progress, why);
    }
}

impl Watch {
    fn start(told: Arc<Told>) -> std::io::Result<Self> {
        let (life, ended) = channel::<()>();
        let look = move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                told.look();
            }
        };
        let thread = std::thread::Builder::new()
            .name("store-watch".to_owned())
            .spawn(look)?;
        Ok(Self {
            _life: life,
            thread,
        })
    }
}

impl Told {
    fn look(&self) {
        let mut progress = self.progress();
        if progress.began.is_some_and(|began| began.elapsed() >= SLOW) {
            self.is_down(&mut progress, "it has not answered for two seconds");
        }
    }

    /// Said under the lock, so that the service hears it in the order in which it happened.
    fn is_down(&self, progress: &mut Progress, why: &str) {
        if progress.down_since.is_some() {
            return;
        }
        progress.down_since = Some(Instant::now());
        tracing::warn!(why, "the store is down; messages wait until it is back");
        let why = why.to_owned();
        self.say(Stored::Down { why });
    }

    fn say(&self, news: Stored) {
        if self.answers.send(news).is_err() {
            tracing::debug!("the service has ended before it heard how the store is");
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
