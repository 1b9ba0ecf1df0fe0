//! Time, processor time and messages between two moments of a life.

use std::thread;
use std::time::{Duration, Instant};

use crate::event::now_ms;
use crate::ground::Pinning;
use crate::life::{LOOK_AGAIN, Life};
use crate::machine;
use crate::report::Saturation;
use crate::support::redis::Redis;
use crate::system::System;

/// One moment.
pub(crate) struct Meter {
    pub(crate) at_ms: f64,
    n_done: usize,
    processor_us: f64,
    redis_us: Option<f64>,
    /// Of the bench's processor, or of all where nothing is pinned.
    bench_seconds: f64,
}

impl Meter {
    pub(crate) fn read(life: &Life<'_>) -> Self {
        Self {
            at_ms: now_ms(),
            n_done: life.n_done(),
            processor_us: life.processor_us(),
            redis_us: life.redis.as_ref().map(redis_us),
            bench_seconds: machine::busy_seconds(bench_processor(life.ground.pinning)),
        }
    }

    pub(crate) fn seconds_to(&self, then: &Self) -> f64 {
        (then.at_ms - self.at_ms) / 1_000.0
    }

    /// Processor time of the system for each of so many messages.
    pub(crate) fn cpu_us_to(&self, then: &Self, n_messages: usize) -> f64 {
        (then.processor_us - self.processor_us) / n_messages.max(1) as f64
    }

    /// How busy the bench was, of one processor, or of all.
    pub(crate) fn bench_percent_to(&self, then: &Self, pinning: Pinning) -> f64 {
        let processors = match pinning {
            Pinning::Pinned => 1.0,
            Pinning::Unpinned => thread::available_parallelism().map_or(1, usize::from) as f64,
        };
        let busy = then.bench_seconds - self.bench_seconds;
        100.0 * busy / self.seconds_to(then) / processors
    }
}

/// Watches a system that works as fast as it can, until the time is over or there is less than a second's work left.
pub(crate) fn saturate(
    life: &mut Life<'_>,
    window: Duration,
    n_events: usize,
) -> Result<Saturation, String> {
    let began = Instant::now();
    let before = Meter::read(life);
    let mut n_before = before.n_done;
    let mut looked = Instant::now();
    while began.elapsed() < window {
        life.must_live()?;
        thread::sleep(LOOK_AGAIN);
        if looked.elapsed() > Duration::from_secs(1) {
            let n_now = life.n_done();
            if n_now + 2 * (n_now - n_before) > n_events {
                break;
            }
            (n_before, looked) = (n_now, Instant::now());
        }
    }
    let after = Meter::read(life);
    if life.system != System::Bare {
        life.read_to_end()?;
    }
    let of_outcomes = life.outcomes.seen().between(before.at_ms, after.at_ms);
    let n_messages = match of_outcomes {
        0 => after.n_done - before.n_done,
        n => n,
    };
    let seconds = before.seconds_to(&after);
    let redis_us = before.redis_us.zip(after.redis_us);
    Ok(Saturation {
        n_messages,
        seconds,
        per_second: n_messages as f64 / seconds,
        cpu_us: before.cpu_us_to(&after, n_messages),
        redis_us: redis_us.map(|(before, after)| (after - before) / n_messages.max(1) as f64),
        busy_percent: (after.processor_us - before.processor_us) / seconds / 1e4,
        bench_busy_percent: before.bench_percent_to(&after, life.ground.pinning),
    })
}

fn bench_processor(pinning: Pinning) -> Option<u32> {
    match pinning {
        Pinning::Pinned => Some(1),
        Pinning::Unpinned => None,
    }
}

/// Processor time of `redis-server`, which it knows to the microsecond.
fn redis_us(redis: &Redis) -> f64 {
    (told(redis, "used_cpu_user") + told(redis, "used_cpu_sys")) * 1e6
}

/// A number that Redis tells of itself.
fn told(redis: &Redis, field: &str) -> f64 {
    let client = ::redis::Client::open(redis.url()).expect("the URL is one");
    let mut connection = client.get_connection().expect("Redis answers");
    let info: String = ::redis::cmd("INFO")
        .query(&mut connection)
        .expect("Redis answers");
    let mut fields = info.lines().filter_map(|line| line.split_once(':'));
    let value = fields.find_map(|(name, value)| (name == field).then_some(value));
    let value = value.expect("Redis tells it").trim();
    value.parse().expect("a number")
}
