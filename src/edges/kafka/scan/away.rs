//! A scan on a thread of its own. It tells how far it is, and ends when its caller has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::MissedTickBehavior;

use super::Limit;

/// How often it is told.
const TELL: Duration = Duration::from_millis(500);

/// How far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HowFar {
    /// Records that were read.
    pub read: u64,
    /// About how many there are in all, as far as is known by now.
    pub of: u64,
}

/// Counts what is read.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    of: AtomicU64,
}

impl Counter {
    /// A record was read.
    pub fn one_more(&self) {
        self.0.read.fetch_add(1, Ordering::Relaxed);
    }

    /// So many records are still to be read.
    pub fn more_to_come(&self, records: u64) {
        self.0.of.fetch_add(records, Ordering::Relaxed);
    }

    /// How far it is.
    pub fn how_far(&self) -> HowFar {
        HowFar {
            read: self.0.read.load(Ordering::Relaxed),
            of: self.0.of.load(Ordering::Relaxed),
        }
    }
}

/// Ends the scan with its caller.
struct EndOnDrop(Limit);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Does work that blocks, and tells how far it is. If this is dropped, the limit is over: what is read with it ends by itself, with the record or
/// the question to the cluster at which it is.
pub async fn on_a_thread<T: Send + 'static>(
    limit: Limit,
    told: &watch::Sender<HowFar>,
    work: impl FnOnce(&Counter, Limit) -> T + Send + 'static,
) -> Result<T, JoinError> {
    let counter = Counter::default();
    let counting = counter.clone();
    let _ends_with_the_caller = EndOnDrop(limit.clone());
    let mut working = tokio::task::spawn_blocking(move || work(&counting, limit));
    let mut tell = tokio::time::interval(TELL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            done = &mut working => return done,
            _ = tell.tick() => {
                told.send_replace(counter.how_far());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::Over;
    use super::*;

    #[tokio::test]
    async fn it_tells_how_far_it_is_and_what_it_came_to() {
        let (told, mut heard) = watch::channel(HowFar::default());
        let (go_on, wait) = mpsc::channel::<()>();
        let work = on_a_thread(Limit::default(), &told, move |counter, _| {
            counter.more_to_come(2);
            counter.one_more();
            wait.recv().unwrap();
            counter.how_far()
        });
        let listen = async {
            let one_of_two = HowFar { read: 1, of: 2 };
            heard.wait_for(|far| *far == one_of_two).await.unwrap();
            go_on.send(()).unwrap();
        };
        let (done, ()) = tokio::join!(work, listen);
        assert_eq!(done.unwrap(), HowFar { read: 1, of: 2 });
    }

    #[tokio::test]
    async fn with_its_caller_its_limit_is_over() {
        let (told, _heard) = watch::channel(HowFar::default());
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        let work = on_a_thread(Limit::default(), &told, move |_, limit| {
            begun.send(()).unwrap();
            while limit.over().is_none() {
                std::thread::yield_now();
            }
            ended.send(limit.over()).unwrap();
        });
        tokio::select! {
            _ = work => panic!("it has no end of its own"),
            begun = has_begun => begun.unwrap(),
        }
        assert_eq!(has_ended.await.unwrap(), Some(Over::Unwanted));
    }
}
