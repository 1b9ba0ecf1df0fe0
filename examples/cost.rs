//! What a message costs with each of the three stores, side by side: `cargo run --release --example cost -- --events 20000 --rate 500`.
//!
//! The service runs as a process of its own, beside a broker that is started for it, a Redis (`appendonly yes`, `appendfsync everysec`)
//! and the sandbox in this process. The stores take turns, round by round, so that a slow minute of the machine does not fall on one of them
//! alone. A turn has topics, a group and a store of its own and three parts: a warm-up that does not count; a backlog that is worked off;
//! and a steady rate at which latencies are counted from the moment at which an event should have been published, late or not.
//! If a message has not exactly one outcome and one send, the exit code is 1. Linux only: processor time is read from `/proc`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table on the terminal is what this program is for"
)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
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

#[path = "cost/figures.rs"]
mod figures;
#[path = "../bench/driver/machine.rs"]
mod machine;
#[path = "../tests/it/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use clap::value_parser;
use serde_json::json;
use wx_courier_sandbox::{Latency as ApiLatency, Settings as SandboxSettings};

use figures::{Latency, Processor, StoreKind, Turn};
use machine::Programs;
use support::LIMIT;
use support::checks::accepted_by_mark;
use support::courier::{self, Courier};
use support::events;
use support::kafka::Kafka;
use support::redis::Redis;
use support::topic::{Published, Reader};
use support::world::{Plan, World};

/// CPU, latency and memory of the service for a message, with `memory:`, `sqlite:` and `redis://`.
#[derive(Parser)]
struct Arguments {
    /// How many events make a backlog. They are published while the service is frozen, which must not outlast its session
    #[arg(long, default_value = "20000", value_parser = value_parser!(u32).range(100..=200_000))]
    events: u32,
    /// How many events a second are published at the steady rate
    #[arg(long, default_value = "500", value_parser = value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How many seconds the steady rate lasts
    #[arg(long, default_value = "20", value_parser = value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// How long every answer of the sandbox takes
    #[arg(long, default_value = "0")]
    api_ms: u64,
    /// How often each store has its turn
    #[arg(long, default_value = "3", value_parser = value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// A file for the figures, as JSON
    #[arg(long)]
    report: Option<PathBuf>,
}

const PARTITIONS: i32 = 12;

/// More than two cores can keep busy, so that nothing waits for its turn to be sent.
const APP: &str = "max_in_flight = 1024";

/// Enough for the token, the connections, the store's first pages, and for the broker to compile what it does most.
const N_WARM_UP: u32 = 2_000;

/// Between two parts. For a partition that was fetched far enough ahead librdkafka waits a second before it fetches again
/// (`fetch.queue.backoff.ms`), even if everything is used up by then; that belongs to the backlog, not to the steady rate.
const SETTLE: Duration = Duration::from_secs(2);

/// Between two looks at how many sends there were.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(binary) = courier::built_beside_this() else {
        eprintln!(
            "the service is not built: run `cargo build --release --bin wx-courier` first \
             (without --release if this runs without it)"
        );
        return ExitCode::FAILURE;
    };
    let load_before = machine::load_average();
    // One of its own on this machine: outcomes carry its time, and events ours, so there must be one clock.
    let kafka = Kafka::start();
    let run = |store, n_backlog, n_steady| {
        let parts = Parts::new(n_backlog, n_steady);
        take_turn(&kafka, store, &binary, &arguments, &parts)
    };
    // The first turn finds a broker that has done nothing yet.
    run(StoreKind::Memory, N_WARM_UP, arguments.rate);
    let mut turns = Vec::new();
    for round in 0..arguments.rounds as usize {
        for place in 0..StoreKind::ALL.len() {
            // No store is always the first, or always the last.
            let store = StoreKind::ALL[(round + place) % StoreKind::ALL.len()];
            let n_steady = arguments.rate.saturating_mul(arguments.seconds);
            let turn = run(store, arguments.events, n_steady);
            eprintln!(
                "round {}, {} {:.0} messages/s, {:.0} µs of processor time each; other programs took {:.0} % of the machine",
                round + 1,
                store.scheme(),
                turn.backlog_per_second,
                turn.backlog.service_us,
                turn.others_percent,
            );
            turns.push(turn);
        }
    }
    let is_right = turns.iter().all(|turn| turn.is_right);
    let load_after = machine::load_average();
    let machine = machine::description();
    println!("{machine}; load average {load_before} before and {load_after} after");
    println!(
        "{} rounds: backlog of {}, then {}/s for {} s; answers of the API take {} ms\n",
        arguments.rounds, arguments.events, arguments.rate, arguments.seconds, arguments.api_ms
    );
    println!("{}", figures::table(&turns));
    if let Some(path) = &arguments.report {
        let mut report = figures::json(&turns);
        report["machine"] = json!(machine);
        report["load_average"] = json!({ "before": load_before, "after": load_after });
        report["arguments"] = json!({
            "events": arguments.events, "rate": arguments.rate, "seconds": arguments.seconds,
            "api_ms": arguments.api_ms, "rounds": arguments.rounds,
        });
        if let Err(error) = std::fs::write(path, format!("{report:#}\n")) {
            eprintln!("{} cannot be written: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The numbers of a turn's events.
struct Parts {
    warm_up: Range<usize>,
    backlog: Range<usize>,
    steady: Range<usize>,
}

impl Parts {
    fn new(n_backlog: u32, n_steady: u32) -> Self {
        let n_warm_up = N_WARM_UP as usize;
        let backlog_ends = n_warm_up + n_backlog as usize;
        Self {
            warm_up: 0..n_warm_up,
            backlog: n_warm_up..backlog_ends,
            steady: backlog_ends..backlog_ends + n_steady as usize,
        }
    }

    /// Events in all.
    fn len(&self) -> usize {
        self.steady.end
    }
}

/// The world of a turn while it lasts.
struct Stage<'a> {
    world: &'a World,
    courier: &'a Courier,
    redis: Option<&'a Redis>,
    outcomes: Reader,
}

fn take_turn(
    kafka: &Kafka,
    store: StoreKind,
    binary: &Path,
    arguments: &Arguments,
    parts: &Parts,
) -> Turn {
    let redis =
        (store == StoreKind::Redis).then(|| Redis::start_with(&["--appendfsync", "everysec"]));
    let redis_bytes_before = redis.as_ref().map(|redis| told(redis, "used_memory"));
    let world = World::new(
        kafka.bootstrap(),
        "cost",
        plan(store, redis.as_ref(), binary, arguments),
    );
    let mut courier = world.courier();
    let process = courier.process_id();
    let mut stage = Stage {
        world: &world,
        courier: &courier,
        redis: redis.as_ref(),
        outcomes: world.outcomes(),
    };
    stage.publish(parts.warm_up.clone());
    stage.finish(parts.warm_up.end);
    let (programs, began) = (Programs::now(), Instant::now());
    let (began_ms, backlog) = stage.work_off(parts.backlog.clone());
    let (intended, steady) = stage.keep_up(parts.steady.clone(), arguments.rate);
    let machine_seconds = began.elapsed().as_secs_f64() * processors();
    let others_percent = 100.0 * Programs::now().others_since(programs) / machine_seconds;
    let resident_mib = machine::resident_mib(process);
    let n_messages = parts.len() as f64;
    let redis_bytes = redis.as_ref().zip(redis_bytes_before);
    let redis_bytes =
        redis_bytes.map(|(redis, before)| (told(redis, "used_memory") - before) / n_messages);
    let Stage { mut outcomes, .. } = stage;
    courier.ask_to_end();
    let code = courier.wait().code();
    outcomes.read_to_end();
    let is_right = code == Some(0) && is_right(&world, &outcomes.seen, parts.len());
    // After the end, when the journal is part of the file.
    let disk = match &redis {
        Some(redis) => Some(redis.folder().join("appendonlydir")),
        None if store == StoreKind::Sqlite => Some(world.folder().join("state.db")),
        None => None,
    };
    let disk_bytes = disk.map(|path| machine::bytes_on_disk(&path) as f64 / n_messages);
    let drained_ms = last_ms(&outcomes.seen, &parts.backlog) - began_ms;
    Turn {
        store,
        is_right,
        backlog_per_second: parts.backlog.len() as f64 / drained_ms * 1_000.0,
        backlog,
        steady,
        to_send: to_sends(&world, &intended),
        to_outcome: to_outcomes(&outcomes.seen, &intended),
        resident_mib,
        disk_bytes,
        redis_bytes,
        others_percent,
    }
}

fn plan(store: StoreKind, redis: Option<&Redis>, binary: &Path, arguments: &Arguments) -> Plan {
    Plan {
        partitions: PARTITIONS,
        app: APP,
        state: match store {
            StoreKind::Memory => Some("memory:".to_owned()),
            // A file in the configuration folder.
            StoreKind::Sqlite => None,
            StoreKind::Redis => redis.map(Redis::url),
        },
        sandbox: SandboxSettings {
            latency: ApiLatency::fixed(arguments.api_ms),
            ..SandboxSettings::default()
        },
        binary: binary.to_owned(),
        ..Plan::default()
    }
}

fn processors() -> f64 {
    thread::available_parallelism().map_or(1, usize::from) as f64
}

impl Stage<'_> {
    fn publish(&self, numbers: Range<usize>) {
        for n in numbers {
            self.publish_one(n);
        }
        self.world.flush();
    }

    /// An order, for five params; every order has a user of its own, because a user gets one message at a time.
    fn publish_one(&self, n: usize) {
        let event = events::order(n);
        self.world
            .hand_over(&event.openid, &[], &event.structured());
    }

    /// Waits until so many messages were sent in all, then for their outcomes, then until all is quiet. Outcomes are read late, because reading takes processor
    /// time. If nothing gets on, this gives up, and what is missing is found at the end.
    fn finish(&mut self, n_messages: usize) {
        let n_accepted = || self.world.wechat.stats().accepted;
        let (mut n_before, mut last_news) = (n_accepted(), Instant::now());
        while n_before < n_messages as u64 && last_news.elapsed() < LIMIT {
            thread::sleep(LOOK_AGAIN);
            let n_now = n_accepted();
            if n_now > n_before {
                (n_before, last_news) = (n_now, Instant::now());
            }
        }
        self.outcomes.came(|seen| seen.len() >= n_messages);
        thread::sleep(SETTLE);
    }

    /// Processor time so far of the service, and of Redis.
    fn processor(&self) -> Processor {
        let seconds = |redis: &Redis| told(redis, "used_cpu_user") + told(redis, "used_cpu_sys");
        Processor {
            service_us: machine::processor_us(self.courier.process_id()),
            redis_us: self.redis.map(|redis| seconds(redis) * 1e6),
        }
    }

    /// Processor time for each of so many messages since then.
    fn processor_since(&self, then: Processor, n_messages: usize) -> Processor {
        let now = self.processor();
        let each = |now: f64, then: f64| (now - then) / n_messages as f64;
        let redis = now.redis_us.zip(then.redis_us);
        Processor {
            service_us: each(now.service_us, then.service_us),
            redis_us: redis.map(|(now, then)| each(now, then)),
        }
    }

    /// Publishes while the service is frozen, then lets it work as fast as it can. Gives when it began, in Unix milliseconds.
    fn work_off(&mut self, numbers: Range<usize>) -> (f64, Processor) {
        self.courier.freeze();
        self.publish(numbers.clone());
        let then = self.processor();
        let began_ms = now_ms();
        self.courier.thaw();
        self.finish(numbers.end);
        (began_ms, self.processor_since(then, numbers.len()))
    }

    /// Publishes at a rate, whether the service keeps up or not. Gives when each event should have been published.
    fn keep_up(&mut self, numbers: Range<usize>, rate: u32) -> (Intended, Processor) {
        let then = self.processor();
        let intended = Intended {
            first: numbers.start,
            began_ms: now_ms(),
            period_ms: 1_000.0 / f64::from(rate),
        };
        let began = Instant::now();
        let period = Duration::from_secs(1) / rate;
        let mut due = began;
        for n in numbers.clone() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.publish_one(n);
            due += period;
        }
        self.world.flush();
        self.finish(numbers.end);
        (intended, self.processor_since(then, numbers.len()))
    }
}

/// When the events of the steady rate should have been published, in Unix milliseconds.
struct Intended {
    first: usize,
    began_ms: f64,
    period_ms: f64,
}

impl Intended {
    /// `None` for the events before.
    fn of(&self, n: usize) -> Option<f64> {
        let place = n.checked_sub(self.first)?;
        Some(self.began_ms + self.period_ms * place as f64)
    }
}

fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs_f64() * 1_000.0
}

/// A number that Redis tells of itself. It knows its processor time to the microsecond.
fn told(redis: &Redis, field: &str) -> f64 {
    let client = ::redis::Client::open(redis.url()).expect("the URL is one");
    let mut connection = client.get_connection().expect("Redis answers");
    let info: String = ::redis::cmd("INFO")
        .query(&mut connection)
        .expect("Redis answers");
    let mut fields = info.lines().filter_map(|line| line.split_once(':'));
    let value = fields.find_map(|(name, value)| (name == field).then_some(value));
    let value = value.expect("Redis tells it").trim();
    value.parse().expect("a number")
}

/// The number of the event, from `order-completed|/tests|event-7`, its message id, or from `SO000007`, its mark.
fn number_in(text: &str) -> usize {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().expect("the number of an event")
}

/// When the last outcome of these came, in Unix milliseconds.
fn last_ms(outcomes: &[Published], numbers: &Range<usize>) -> f64 {
    let ours = outcomes
        .iter()
        .filter(|outcome| numbers.contains(&event_of(outcome)));
    ours.map(|outcome| outcome.at_ms).max().unwrap_or_default() as f64
}

fn event_of(outcome: &Published) -> usize {
    let outcome = outcome.json();
    number_in(outcome["message_id"].as_str().expect("a message id"))
}

fn to_sends(world: &World, intended: &Intended) -> Latency {
    let sends = world.wechat.accepted().into_iter();
    let each_ms = sends.filter_map(|send| {
        let n = number_in(events::mark_of(&send));
        Some(send.at_ms as f64 - intended.of(n)?)
    });
    Latency::of(each_ms.collect())
}

fn to_outcomes(outcomes: &[Published], intended: &Intended) -> Latency {
    let each_ms = outcomes.iter().filter_map(|outcome| {
        let intended_ms = intended.of(event_of(outcome))?;
        Some(outcome.at_ms as f64 - intended_ms)
    });
    Latency::of(each_ms.collect())
}

/// Every message has one outcome, which says that it was sent, and the sandbox took each once.
fn is_right(world: &World, outcomes: &[Published], n_messages: usize) -> bool {
    let sent = outcomes
        .iter()
        .filter(|outcome| outcome.json()["status"] == "sent");
    let distinct: BTreeSet<usize> = sent.map(event_of).collect();
    let accepted = accepted_by_mark(&world.wechat);
    let n_accepted: usize = accepted.values().sum();
    let counts = [outcomes.len(), distinct.len(), accepted.len(), n_accepted];
    let is_right = counts.iter().all(|count| *count == n_messages);
    if !is_right {
        let [n_outcomes, n_sent, n_marks, n_accepted] = counts;
        eprintln!(
            "WRONG: of {n_messages} messages there are {n_outcomes} outcomes, {n_sent} messages said to be sent, \
             {n_marks} that the sandbox took, in {n_accepted} sends"
        );
    }
    is_right
}
