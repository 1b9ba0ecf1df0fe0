//! Members, brokers and the store are killed while events flow, and a judge looks at what came of it:
//! `cargo run --release --example chaos -- --events 100000`.
//!
//! The service runs as processes of its own, beside three brokers that are started for it, a Redis and the sandbox; all on this machine.
//! `docs/reliability.md` says what each figure means. If one that has to be zero is not, the exit code is 1.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table on the terminal is what this program is for"
)]

#[path = "../tests/it/support.rs"]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use wx_courier::config::ProducerSetting;

use support::chaos::{self, DoubtRule, Plan, StoreKind};
use support::courier;
use support::oracle::InDoubt;

/// The real service under real trouble, and a judge that trusts it in nothing.
#[derive(Parser)]
struct Arguments {
    /// How many records are published
    #[arg(long, default_value = "100000")]
    events: usize,
    /// How many of them a second
    #[arg(long, default_value = "200")]
    per_second: usize,
    /// Processes of the service
    #[arg(long, default_value = "3")]
    members: usize,
    /// Decides the trouble and the events
    #[arg(long, default_value = "7")]
    seed: u64,
    /// What all rules say of a message in doubt; unless said, parcels are left and everything else is sent again
    #[arg(long)]
    in_doubt: Option<DoubtWord>,
    /// Where the members keep what they sent
    #[arg(long, default_value = "redis")]
    store: StoreWord,
    /// How the members publish
    #[arg(long, default_value = "auto")]
    producer: ProducerWord,
    /// The service; unless said, the one that was built with the profile of this program
    #[arg(long)]
    binary: Option<PathBuf>,
    /// A file for the figures, as JSON
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DoubtWord {
    Leave,
    Resend,
}

#[derive(Clone, Copy, ValueEnum)]
enum StoreWord {
    /// Each in its own memory: second sends happen, and are told, not judged
    None,
    /// In a file, for one member
    Sqlite,
    /// In a Redis
    Redis,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProducerWord {
    /// As the brokers allow, and these allow idempotent ones
    Auto,
    /// The brokers know a retry from a new record
    Idempotent,
    /// A retry may lie on the topic a second time
    Plain,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(binary) = arguments.binary.clone().or_else(courier::built_beside_this) else {
        eprintln!(
            "the service is not built: run `cargo build --release --bin wx-courier` first \
             (without --release if this runs without it)"
        );
        return ExitCode::FAILURE;
    };
    let plan = Plan {
        events: arguments.events,
        per_second: arguments.per_second,
        members: arguments.members,
        seed: arguments.seed,
        in_doubt: match arguments.in_doubt {
            None => DoubtRule::Mixed,
            Some(DoubtWord::Leave) => DoubtRule::All(InDoubt::Leave),
            Some(DoubtWord::Resend) => DoubtRule::All(InDoubt::Resend),
        },
        store: match arguments.store {
            StoreWord::None => StoreKind::None,
            StoreWord::Sqlite => StoreKind::Sqlite,
            StoreWord::Redis => StoreKind::Redis,
        },
        producer: match arguments.producer {
            ProducerWord::Auto => ProducerSetting::Auto,
            ProducerWord::Idempotent => ProducerSetting::Idempotent,
            ProducerWord::Plain => ProducerSetting::Plain,
        },
        binary,
    };
    if plan.store == StoreKind::Sqlite && plan.members > 1 {
        eprintln!("a file is the memory of one member: say --members 1, or --store redis");
        return ExitCode::from(2);
    }
    let report = chaos::run(&plan);
    println!("{report}");
    if let Some(path) = arguments.report
        && let Err(error) = std::fs::write(&path, format!("{:#}\n", report.json()))
    {
        eprintln!("{} cannot be written: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if report.is_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
