//! The life of the process: read the command line, run one command, give its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    wx_courier::cli::main()
}
