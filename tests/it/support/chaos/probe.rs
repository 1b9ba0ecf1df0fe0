//! A client of the store that is not the service: how long does a write take, for any client?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::diary::now_ms;

/// A write that takes longer is worth a line in the diary.
const SLOW: Duration = Duration::from_millis(200);

/// Between two writes.
const PAUSE: Duration = Duration::from_millis(50);

/// No write takes longer; a server that is killed is noticed by its connection.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes now and then, and tells what took long. Dropping it ends its thread.
pub(super) struct Probe {
    slow: Receiver<(i64, i64)>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Probe {
    pub(super) fn start(url: &str) -> Self {
        let client = redis::Client::open(url).expect("the URL is one of Redis");
        let (slow_in, slow) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                // A server that is down has a line in the diary from another place.
                let _went_away = write_on(&client, &told, &slow_in);
                thread::sleep(PAUSE);
            }
        });
        Self {
            slow,
            is_over,
            thread: Some(thread),
        }
    }

    /// From when to when each slow write took, in Unix milliseconds; each is told once.
    pub(super) fn slow_writes(&self) -> Vec<(i64, i64)> {
        self.slow.try_iter().collect()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _has_ended = thread.join();
        }
    }
}

fn write_on(
    client: &redis::Client,
    is_over: &AtomicBool,
    slow: &Sender<(i64, i64)>,
) -> redis::RedisResult<()> {
    let mut connection = client.get_connection_with_timeout(TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    while !is_over.load(Ordering::Relaxed) {
        let (began_ms, began) = (now_ms(), Instant::now());
        redis::cmd("SET")
            .arg("probe")
            .arg(began_ms)
            .exec(&mut connection)?;
        if began.elapsed() >= SLOW && slow.send((began_ms, now_ms())).is_err() {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
