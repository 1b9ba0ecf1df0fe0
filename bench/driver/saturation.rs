//! As fast as it can: a backlog, with an API of 50 ms and then of 0.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wx_courier_sandbox::Latency as ApiLatency;

use crate::event::now_ms;
use crate::ground::Ground;
use crate::life::{LOOK_AGAIN, Life, Start};
use crate::machine;
use crate::meter::saturate;
use crate::plan::Plan;
use crate::report::{Drain, Measured};
use crate::system::System;

/// The topic that every system works off, each with a group of its own.
pub(crate) const BACKLOG: &str = "backlog";

/// The slow API of the second figure.
pub(crate) const SLOW_MS: u64 = 50;

/// So much longer is the topic than the backlog that is timed: the slow API comes first, and nothing may run dry.
pub(crate) fn topic_length(n_backlog: usize) -> usize {
    n_backlog + n_backlog / 3
}

/// After the API has become fast.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) fn measure(
    ground: &Ground,
    system: System,
    plan: &Plan,
    n_backlog: usize,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    ground.wechat.set_latency(ApiLatency::fixed(SLOW_MS));
    let start = Start {
        backlog: Some(BACKLOG),
        ..Start::of("saturation")
    };
    let mut life = Life::begin(ground, system, &start);
    life.wake()?;
    thread::sleep(plan.warm_up(system));
    let n_there = if system == System::Bare {
        // It makes its own messages, and never runs dry.
        usize::MAX / 2
    } else {
        topic_length(n_backlog)
    };
    found.slow = Some(saturate(&mut life, plan.slow_window, n_there)?);
    ground.wechat.set_latency(ApiLatency::fixed(0));
    let switched = Switched {
        at: Instant::now(),
        at_ms: now_ms(),
    };
    let sampler = life.sample_memory();
    thread::sleep(plan.warm_up(system).max(SETTLE));
    found.saturation = Some(saturate(&mut life, plan.window, n_there)?);
    if system == System::Bare {
        let n_refused = refused(ground);
        if n_refused > 0 {
            found
                .problems
                .push(format!("saturation: {n_refused} sends were refused"));
        }
        drop(life.end());
        return Ok(());
    }
    let limit = plan.drain(system);
    if !limit.is_zero() {
        let mut drain = work_off(&mut life, &switched, limit, n_backlog)?;
        drain.resident = sampler.end();
        found.drain = Some(drain);
    }
    let problem = life.end();
    if let Some(drain) = &mut found.drain {
        let n_outcomes = life.outcomes.seen().n_events.max(1);
        drain.disk_bytes = disk_bytes(&life).map(|bytes| bytes as f64 / n_outcomes as f64);
    }
    let problems = problem.into_iter().chain(life.check());
    let told = problems.map(|problem| format!("saturation: {problem}"));
    found.problems.extend(told);
    Ok(())
}

fn refused(ground: &Ground) -> u64 {
    let stats = ground.wechat.stats();
    let refused = stats.errcodes.iter().filter(|(code, _)| **code != 0);
    refused.map(|(_, count)| count).sum()
}

/// When the API became fast.
struct Switched {
    at: Instant,
    at_ms: f64,
}

/// Waits until a million events (or whatever was said) are done since then, or the time is over.
fn work_off(
    life: &mut Life<'_>,
    switched: &Switched,
    limit: Duration,
    n_backlog: usize,
) -> Result<Drain, String> {
    // What was done while the warm-up and the window lasted is in the topic's times.
    let n_at_start = {
        // One look: the reader goes on.
        let seen = life.outcomes.seen();
        seen.n_events - seen.between(switched.at_ms, f64::MAX)
    };
    // A short topic may have lost more than a third to the slow API.
    let n_backlog = n_backlog.min(topic_length(n_backlog).saturating_sub(n_at_start).max(1));
    while switched.at.elapsed() < limit && life.n_done() < n_at_start + n_backlog {
        life.must_live()?;
        thread::sleep(LOOK_AGAIN);
    }
    let limit_ms = switched.at_ms + limit.as_secs_f64() * 1_000.0;
    let seen = life.outcomes.seen();
    let done_ms = seen.when_there_were(n_backlog, switched.at_ms);
    let done_ms = done_ms.filter(|at_ms| *at_ms <= limit_ms);
    let n_done = seen.between(switched.at_ms, limit_ms).min(n_backlog);
    Ok(Drain {
        n_events: n_backlog,
        seconds: done_ms.map(|at_ms| (at_ms - switched.at_ms) / 1_000.0),
        done_percent: 100.0 * n_done as f64 / n_backlog as f64,
        limit_seconds: limit.as_secs(),
        resident: None,
        disk_bytes: None,
    })
}

/// What the store has left, after a clean end.
fn disk_bytes(life: &Life<'_>) -> Option<u64> {
    if let Some(redis) = &life.redis {
        return Some(machine::bytes_on_disk(
            &redis.folder().join("appendonlydir"),
        ));
    }
    let path = life.folder.join("state.db");
    path.is_file().then(|| with_journal(&path))
}

fn with_journal(path: &Path) -> u64 {
    let journal = path.with_extension("db-wal");
    machine::bytes_on_disk(path) + fs::metadata(journal).map_or(0, |about| about.len())
}
