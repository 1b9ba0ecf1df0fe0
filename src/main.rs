//! The life of the process: read the command line, run one command, give its exit code.

use std::process::ExitCode;

/// A message makes and drops hundreds of small things on several threads: docs/performance.md has what this saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wx_courier::cli::main()
}
