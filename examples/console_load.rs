//! How fast the console's history takes outcomes in, what they take on the disk and in memory, and how long searches take.
//!
//! `cargo run --release --example console_load -- --outcomes 10000000 [--file PATH] [--order cold|live]`
//!
//! With `--order cold` they come as at a first start, in pieces from the newest backwards; with `live` as they come from day to day. With
//! `--file` they stay, and the next run with the same file asks only.
//!
//! `cargo run --release --example console_load -- --cold-start 1000000` puts outcomes on a topic of an Apache Kafka of its own, and tells how soon
//! the first page can be shown and how soon all is read.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for developers: what goes wrong ends it, and results are printed"
)]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "console_load/cold_start.rs"]
mod cold_start;
#[path = "../tests/it/support/kafka.rs"]
mod kafka;
#[path = "console_load/made.rs"]
mod made;
#[path = "console_load/questions.rs"]
mod questions;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wx_courier::console::history::arriving::{Arriving, Content, Way};
use wx_courier::console::history::told::Bounds;
use wx_courier::console::history::{History, LARGEST_BATCH};

use made::Made;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BOUNDS: Bounds = Bounds {
    keep: Duration::from_hours(24 * 60),
    max_bytes: 16 << 30,
};

/// Outcomes of a piece, where they come from the newest backwards.
const PIECE: u64 = 16_000;

/// For how long a thousand a second come while questions are asked.
const LIVE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let text = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1).cloned()
    };
    let number = |flag: &str| text(flag).map(|text| text.parse::<u64>());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match (number("--outcomes"), number("--cold-start")) {
        (None, Some(Ok(n))) => runtime.block_on(cold_start::run(n)),
        (outcomes, None) => {
            let Ok(n) = outcomes.unwrap_or(Ok(1_000_000)) else {
                eprintln!("--outcomes wants a number");
                return ExitCode::from(2);
            };
            let is_live = text("--order").as_deref() == Some("live");
            let folder = tempfile::tempdir().expect("a folder");
            let path =
                text("--file").map_or_else(|| folder.path().join("console.sqlite"), PathBuf::from);
            runtime.block_on(load(
                n,
                &path,
                if is_live { Order::Live } else { Order::Cold },
            ));
        }
        _ => {
            eprintln!(
                "usage: console_load [--outcomes N [--file PATH] [--order cold|live] | --cold-start N]"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// In which order outcomes come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Cold,
    Live,
}

async fn load(n: u64, path: &Path, order: Order) {
    let made = Made::new(n);
    let is_new = !path.exists();
    let began = Instant::now();
    let history = History::open(path, BOUNDS).expect("a history");
    println!("opened in {}", ms(began.elapsed()));
    if is_new {
        fill(&history, &made, n, order).await;
        let kept = history.progress().borrow().kept;
        drop(history);
        let size = fs::metadata(path).expect("the file").len();
        println!(
            "{kept} outcomes, {} MiB, {} bytes each",
            size >> 20,
            size / kept.max(1)
        );
        say_memory("after the load");
        let began = Instant::now();
        let history = History::open(path, BOUNDS).expect("a history");
        println!("opened again in {}", ms(began.elapsed()));
        ask(&history, &made, n).await;
    } else {
        ask(&history, &made, n).await;
    }
}

async fn ask(history: &History, made: &Made, n: u64) {
    questions::ask_all(history, made).await;
    say_memory("after the questions");
    live(history, made, n).await;
    say_memory("at the end");
}

async fn fill(history: &History, made: &Made, n: u64, order: Order) {
    let began = Instant::now();
    let mut told = 0;
    let pieces: Vec<u64> = (0..n.div_ceil(PIECE)).collect();
    let pieces: Box<dyn Iterator<Item = &u64>> = match order {
        Order::Cold => Box::new(pieces.iter().rev()),
        Order::Live => Box::new(pieces.iter()),
    };
    let mut n_done = 0;
    for piece in pieces {
        let numbers: Vec<u64> = (piece * PIECE..((piece + 1) * PIECE).min(n)).collect();
        for numbers in numbers.chunks(LARGEST_BATCH) {
            let batch = numbers
                .iter()
                .map(|number| arriving(made, *number, Way::Older))
                .collect();
            history.add(batch).await.expect("they are kept");
            n_done += numbers.len();
        }
        if n_done / 1_000_000 > told {
            told = n_done / 1_000_000;
            let rate = n_done as f64 / began.elapsed().as_secs_f64();
            println!("  {told} million, {rate:.0} a second so far");
        }
    }
    let rate = n as f64 / began.elapsed().as_secs_f64();
    println!("taken in: {rate:.0} a second, with making them");
}

fn arriving(made: &Made, number: u64, way: Way) -> Arriving {
    let outcome = made.outcome(number);
    let offset = i64::try_from(number).expect("an offset");
    Arriving {
        topic: Arc::from("wx-courier.outcomes"),
        partition: 0,
        offsets: offset..offset + 1,
        timestamp_ms: Some(made.settled_ms(number)),
        content: Content::Outcome(Box::new(outcome)),
        way,
    }
}

/// A thousand a second, with questions beside them.
async fn live(history: &History, made: &Made, n: u64) {
    let is_over = Cell::new(false);
    let writing = async {
        let mut longest = Duration::ZERO;
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let n_batches = LIVE.as_millis() / 100;
        let mut next = n;
        for _ in 0..n_batches {
            tick.tick().await;
            let batch = next..next + 100;
            let batch = batch.map(|number| arriving(made, number, Way::Newest));
            next += 100;
            let began = Instant::now();
            history.add(batch.collect()).await.expect("they are kept");
            longest = longest.max(began.elapsed());
        }
        is_over.set(true);
        longest
    };
    let asking = async {
        let mut longest = (Duration::ZERO, "");
        let mut n_asked = 0_u32;
        while !is_over.get() {
            for question in questions::QUICK {
                let took = questions::ask_one(history, question).await;
                longest = longest.max((took, *question));
                n_asked += 1;
            }
        }
        (longest, n_asked)
    };
    let (longest_add, ((longest, question), n_asked)) = tokio::join!(writing, asking);
    println!(
        "1,000 a second for {} s: the longest batch took {}; {n_asked} questions beside them, the longest ({question}) {}",
        LIVE.as_secs(),
        ms(longest_add),
        ms(longest)
    );
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// What the process takes, and took at most.
fn say_memory(when: &str) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024)
    };
    if let (Some(now), Some(most)) = (mib("VmRSS:"), mib("VmHWM:")) {
        println!("resident {when}: {now} MiB, {most} MiB at most");
    }
}
