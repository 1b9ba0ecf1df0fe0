//! Many worlds, on all cores.

use std::num::NonZero;
use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{available_parallelism, scope};

use super::world::{Played, World};

/// How many worlds are played at once, if nobody says.
pub(crate) fn n_cores() -> NonZero<usize> {
    available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Plays these worlds, so many at once, and hands over how each one ended, in the order in which they end. One that failed is played
/// again, for this many lines of what happened.
pub(crate) fn play_many(
    seeds: Range<u64>,
    at_once: NonZero<usize>,
    n_lines: usize,
    ended: impl Fn(u64, Result<Played, String>) + Sync,
) {
    let next = AtomicU64::new(seeds.start);
    let play_on = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            ended(seed, play_one(seed, n_lines));
        }
    };
    scope(|scope| {
        for _ in 0..at_once.get() {
            scope.spawn(play_on);
        }
    });
}

fn play_one(seed: u64, n_lines: usize) -> Result<Played, String> {
    let played = catch_unwind(|| World::play(seed).or_else(|_| World::play_traced(seed, n_lines)));
    played.unwrap_or_else(|_| Err(format!("seed {seed} panicked, as is said above")))
}
