//! A timer that is exact enough for rate limits.
//!
//! The runtime's own timers count in milliseconds and round up. At 200 sends a second a send is due every 5 ms, and half a
//! millisecond lost each time is a tenth of what the limit allows. A thread that waits on a channel wakes within some 60 µs.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Rings once at the time that was last set.
pub(super) struct Alarm {
    set: Option<Instant>,
    settings: Sender<Option<Instant>>,
    bell: Arc<Notify>,
    thread: JoinHandle<()>,
}

impl Alarm {
    /// Starts the thread; it ends with the alarm.
    pub(super) fn start() -> std::io::Result<Self> {
        let (settings, changes) = channel::<Option<Instant>>();
        let bell = Arc::new(Notify::new());
        let ring = Arc::clone(&bell);
        let wait = move || {
            let mut due: Option<Instant> = None;
            loop {
                let next = match due {
                    None => changes.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(due) => {
                        changes.recv_timeout(due.saturating_duration_since(Instant::now()))
                    }
                };
                match next {
                    Ok(latest) => due = latest,
                    Err(RecvTimeoutError::Timeout) => {
                        due = None;
                        ring.notify_one();
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("alarm".to_owned())
            .spawn(wait)?;
        Ok(Self {
            set: None,
            settings,
            bell,
            thread,
        })
    }

    /// Sets the time; the last one set counts, and `None` is never. Fails if the thread has ended: no ring would come.
    pub(super) fn set(&mut self, at: Option<Instant>) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.thread.is_finished(),
            "the thread alarm has ended unexpectedly"
        );
        if self.set != at {
            self.set = at;
            // If it ends just now, the next call sees it.
            let _ended = self.settings.send(at).is_err();
        }
        Ok(())
    }

    /// Waits for the ring. It may come for a time that has been changed since: the engine looks at the clock anyway.
    pub(super) async fn rang(&mut self) {
        self.bell.notified().await;
        // Whatever is set next is sent, even if it is the same time again.
        self.set = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_that_cannot_ring_any_more_is_noticed() {
        let mut alarm = Alarm::start().unwrap();
        alarm.set(Some(Instant::now())).unwrap();
        alarm.rang().await;
        // Hung up, the thread ends as it would by a panic.
        let (unheard, _) = channel();
        drop(std::mem::replace(&mut alarm.settings, unheard));
        while !alarm.thread.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(alarm.set(None).is_err());
    }
}
