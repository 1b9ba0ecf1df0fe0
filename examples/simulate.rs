//! Plays worlds of the simulation, as many as asked for, and prints the seeds that break an invariant.
//!
//! `cargo run --release --example simulate -- --seeds 100000 [--first 0] [--trace 80] [--threads 2] [--digest]`
//!
//! With `--digest` it also prints one number for all that the engines wanted in all these worlds, in order: it is the same after a change
//! that only builds the core in another way.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a command of the tests: a world that cannot be played has failed, and results are printed"
)]

#[path = "../tests/it/simulation/mod.rs"]
#[expect(
    dead_code,
    reason = "the tests look at more of a played world than this does"
)]
mod simulation;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use simulation::{How, digest_of, n_cores, play_many};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |flag: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == flag);
        let value = at.and_then(|at| arguments.get(at + 1));
        value.map_or(Some(default), |value| value.parse().ok())
    };
    let numbers = (
        number("--first", 0),
        number("--seeds", 10_000),
        number("--trace", 80),
        number("--threads", n_cores().get()).and_then(|threads| threads.try_into().ok()),
    );
    let (Some(first), Some(seeds), Some(trace), Some(threads)) = numbers else {
        eprintln!(
            "usage: simulate [--seeds N] [--first N] [--trace LINES] [--threads N] [--digest]"
        );
        return ExitCode::from(2);
    };
    let (first, seeds) = (first as u64, seeds as u64);
    let digests = Mutex::default();
    let wants_digest = arguments.iter().any(|argument| argument == "--digest");
    let how = if wants_digest {
        How::Digested(&digests)
    } else {
        How::Plainly
    };
    let n_failed = AtomicU64::new(0);
    play_many(
        first..first.saturating_add(seeds),
        threads,
        how,
        trace,
        |_, played| {
            if let Err(failure) = played {
                n_failed.fetch_add(1, Ordering::Relaxed);
                println!("{failure}\n");
            }
        },
    );
    let n_failed = n_failed.into_inner();
    if wants_digest {
        println!("digest of what they wanted: {}", digest_of(digests));
    }
    println!("{seeds} worlds from seed {first}: {n_failed} failed");
    if n_failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
