//! Many worlds, on all cores.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{available_parallelism, scope};

use super::digest::{self, WorldDigest};
use super::world::{Played, World};

/// The digests of worlds, by their seeds.
pub(crate) type Digests = Mutex<BTreeMap<u64, WorldDigest>>;

/// How many worlds are played at once, if the caller does not say.
pub(crate) fn n_cores() -> NonZero<usize> {
    available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// What is wanted of a world besides how it ended.
#[derive(Clone, Copy)]
pub(crate) enum How<'a> {
    /// Nothing.
    Plainly,
    /// A digest of what its engines wanted, by its seed.
    Digested(&'a Digests),
}

/// Plays these worlds, so many at once, and hands over how each one ended, in the order in which they end. One that failed is played
/// again, for this many lines of what happened.
pub(crate) fn play_many(
    seeds: Range<u64>,
    at_once: NonZero<usize>,
    how: How<'_>,
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
            ended(seed, play_one(seed, how, n_lines));
        }
    };
    scope(|scope| {
        for _ in 0..at_once.get() {
            scope.spawn(play_on);
        }
    });
}

fn play_one(seed: u64, how: How<'_>, n_lines: usize) -> Result<Played, String> {
    let play = match how {
        How::Plainly => World::play,
        How::Digested(_) => World::play_digested,
    };
    let played = catch_unwind(|| play(seed).or_else(|_| World::play_traced(seed, n_lines)));
    let played = played.unwrap_or_else(|_| Err(format!("seed {seed} panicked, as is said above")));
    if let (How::Digested(digests), Ok(played)) = (how, &played) {
        let mut digests = digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.extend(played.digest.map(|digest| (seed, digest)));
    }
    played
}

/// One digest of all these worlds, in the order of their seeds.
pub(crate) fn digest_of(digests: Digests) -> String {
    let digests = digests.into_inner().unwrap_or_else(PoisonError::into_inner);
    digest::of_all(digests.values())
}
