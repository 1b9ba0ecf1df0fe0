//! wx-courier side by side with what a user would pick instead, in one run: `bench/run --all`, which builds and installs, then runs this.
//!
//! `bench/README.md` says what is measured and how. A broker, the sandbox and an open-loop producer share one processor with this program, and
//! each system has the other one to itself, one system after another. Linux only: processor time is read from `/proc`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table on the terminal is what this program is for"
)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a run that cannot go on has failed, and says so at once"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the time that is measured is the one on the wall"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "counts and milliseconds of a run of minutes"
)]

mod event;
mod facts;
mod fairness;
mod ground;
mod life;
mod load;
mod machine;
mod memory;
mod meter;
mod outcomes;
mod plan;
mod report;
mod saturation;
#[path = "../../tests/it/support.rs"]
mod support;
mod system;
mod table;
mod trouble;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use clap::value_parser;

use ground::{Ground, Pinning};
use plan::{Part, Plan, Quick, parts_of};
use report::{Measured, Report};
use system::System;

/// Messages a second, CPU, latency and memory of wx-courier and of others, side by side.
#[derive(Parser)]
struct Arguments {
    /// Every system: what happens without `--only`
    #[arg(long)]
    all: bool,
    /// Some systems, with commas: wx-memory, wx-sqlite, wx-redis, bare, bare-kafka, redpanda-connect, spring, koa
    #[arg(long, value_delimiter = ',', value_parser = system, conflicts_with = "all")]
    only: Vec<System>,
    /// Some parts, with commas, where a system has them
    #[arg(long, value_delimiter = ',')]
    parts: Vec<Part>,
    /// Events of the backlog
    #[arg(long, value_parser = value_parser!(u32).range(10_000..=5_000_000))]
    backlog: Option<u32>,
    /// A run of less than a minute that shows that everything works, and measures nothing
    #[arg(long)]
    quick: bool,
    /// Where the figures are kept, as JSON
    #[arg(long)]
    report: Option<PathBuf>,
    /// Prints the table of an earlier report, and measures nothing
    #[arg(long)]
    table: Option<PathBuf>,
}

fn system(name: &str) -> Result<System, String> {
    System::from_name(name).ok_or_else(|| "there is no such system".to_owned())
}

/// What `--quick` runs on.
const QUICK_SYSTEMS: [System; 2] = [System::WxMemory, System::Bare];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.table {
        return match Report::read(path) {
            Ok(report) => {
                println!("{}", table::table(&report));
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                ExitCode::FAILURE
            }
        };
    }
    let quick = if arguments.quick {
        Quick::Yes
    } else {
        Quick::No
    };
    let plan = match quick {
        Quick::Yes => Plan::SMOKE,
        Quick::No => Plan::FIGURES,
    };
    let systems = match (arguments.only.is_empty(), quick) {
        (false, _) => arguments.only.clone(),
        (true, Quick::Yes) => QUICK_SYSTEMS.to_vec(),
        (true, Quick::No) => System::ALL.to_vec(),
    };
    let n_backlog = arguments.backlog.unwrap_or(match quick {
        Quick::Yes => 30_000,
        Quick::No => 1_000_000,
    });
    let run = Run {
        plan,
        parts: arguments.parts,
        n_backlog: n_backlog as usize,
        path: arguments
            .report
            .unwrap_or_else(|| system::home().join("report.json")),
    };
    let report = run.all(&systems);
    println!("\n{}", table::table(&report));
    let is_right = report.systems.values().all(|it| it.problems.is_empty());
    // A peer that fails a check is a finding. In the run that shows that everything works it is a failure.
    if is_right || quick == Quick::No {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Run {
    plan: Plan,
    /// None: those that belong to the system.
    parts: Vec<Part>,
    n_backlog: usize,
    path: PathBuf,
}

impl Run {
    fn all(&self, systems: &[System]) -> Report {
        let began = Instant::now();
        let load_before = machine::load_average();
        let ground = Ground::prepare(system::home().join("work"));
        if ground.pinning == Pinning::Unpinned {
            eprintln!(
                "nothing is pinned: there is one processor, or no taskset, or this was not started by bench/run"
            );
        }
        let mut report = Report {
            machine: machine::description(),
            commit: std::env::var("BENCH_COMMIT").unwrap_or_default(),
            is_pinned: ground.pinning == Pinning::Pinned,
            load_before,
            n_backlog: self.n_backlog,
            in_flight: system::IN_FLIGHT,
            ..Report::default()
        };
        ground.create_topics(&[saturation::BACKLOG]);
        ground.fill(
            saturation::BACKLOG,
            saturation::topic_length(self.n_backlog),
        );
        eprintln!("backlog published after {:.0?}", began.elapsed());
        for system in systems {
            let measured = self.one(&ground, *system);
            report.systems.insert(system.name().to_owned(), measured);
            report.load_after = machine::load_average();
            report.minutes = began.elapsed().as_secs_f64() / 60.0;
            report.write(&self.path);
            eprintln!("{} done after {:.0?}", system.name(), began.elapsed());
        }
        report
    }

    fn parts_of(&self, system: System) -> Vec<Part> {
        if self.parts.is_empty() {
            return parts_of(system, self.plan.quick);
        }
        let mut parts = parts_of(system, Quick::No);
        parts.retain(|part| self.parts.contains(part));
        parts
    }

    fn one(&self, ground: &Ground, system: System) -> Measured {
        let mut found = Measured {
            missing: system.is_missing(),
            ..Measured::default()
        };
        if found.missing.is_some() {
            return found;
        }
        for part in self.parts_of(system) {
            eprintln!("{}: {part:?}", system.name());
            let mut measure = || match part {
                Part::Saturation => {
                    saturation::measure(ground, system, &self.plan, self.n_backlog, &mut found)
                }
                Part::Latency => load::measure(ground, system, &self.plan, &mut found),
                Part::Goal => load::measure_goal(ground, system, &self.plan, &mut found),
                Part::Limit => trouble::limit(ground, system, &self.plan, &mut found),
                Part::Recovery => trouble::recovery(ground, system, &self.plan, &mut found),
                Part::Stall => {
                    trouble::stall(ground, system, &self.plan, self.n_backlog, &mut found)
                }
                Part::Crash => trouble::crash(ground, system, &self.plan, &mut found),
                Part::Fairness => fairness::measure(ground, system, &self.plan, &mut found),
            };
            // What goes wrong with one part must not cost the half hour before it.
            let measured = catch_unwind(AssertUnwindSafe(&mut measure));
            let problem = match measured {
                Ok(Ok(())) => continue,
                Ok(Err(problem)) => problem,
                Err(_) => "it could not be measured; the bench has said why on stderr".to_owned(),
            };
            let part = format!("{part:?}").to_lowercase();
            found.problems.push(format!("{part}: {problem}"));
        }
        found
    }
}
