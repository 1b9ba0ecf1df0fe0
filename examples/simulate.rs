//! Plays worlds of the simulation, as many as asked for, and prints the seeds that break an invariant.
//!
//! `cargo run --release --example simulate -- --seeds 100000 [--first 0] [--trace 80]`

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

use simulation::World;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |flag: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == flag);
        let value = at.and_then(|at| arguments.get(at + 1));
        value.map_or(Some(default), |value| value.parse().ok())
    };
    let (Some(first), Some(seeds), Some(trace)) = (
        number("--first", 0),
        number("--seeds", 10_000),
        number("--trace", 80),
    ) else {
        eprintln!("usage: simulate [--seeds N] [--first N] [--trace LINES]");
        return ExitCode::from(2);
    };
    let mut n_failed = 0_u64;
    for seed in first..first.saturating_add(seeds) {
        if let Err(failure) =
            World::play_showing(seed, usize::try_from(trace).unwrap_or(usize::MAX))
        {
            n_failed += 1;
            println!("{failure}\n");
        }
    }
    println!("{seeds} worlds from seed {first}: {n_failed} failed");
    if n_failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
