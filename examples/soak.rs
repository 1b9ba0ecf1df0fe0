//! Many mixed events on a real Kafka, counted to the last one: `cargo run --release --example soak -- --events 50000`.
//!
//! The service runs as a process of its own, beside a broker that is started for it (or the one that `KAFKA_BOOTSTRAP_SERVERS`
//! names) and the sandbox. At the end there is one outcome for every message, every offset is committed, and the sandbox took no
//! message twice; or the exit code is 1. Times are printed for information: broker, sandbox and service share the machine.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table on the terminal is what this program is for"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "a run that cannot go on has failed, and says so at once"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the time that is measured is the one on the wall"
)]

#[path = "../tests/it/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use serde_json::{Value, json};
use wx_courier_sandbox::{Answer, Failures, Script};

use support::checks::accepted_by_mark;
use support::courier;
use support::events::{self, Event};
use support::kafka::Kafka;
use support::topic::Reader;
use support::world::{Plan, World};

/// Mixed events through the real service, counted to the last one.
#[derive(Parser)]
struct Arguments {
    /// How many events
    #[arg(long, default_value = "50000")]
    events: usize,
    /// Where the mix of events begins
    #[arg(long, default_value = "7")]
    seed: u64,
}

/// Large orders match this rule too.
const LARGE_ORDER: (&str, &str) = (
    "large-order",
    r#"
on       = "order.completed"
when     = "data.is_large is defined and data.is_large"
app      = "shop"
template = "order_completed"
to       = "{{ data.openid }}"

[params]
character_string1 = "{{ data.order_no }}L"
thing2            = "{{ data.items[0].name }}"
amount3           = "{{ data.amount_fen | yuan }}"
time4             = "{{ time | datetime }}"
phrase5           = "已完成"
"#,
);

/// Users who have not subscribed.
const N_REFUSED_USERS: usize = 100;

/// The share of sends that WeChat is too busy for.
const BUSY: f64 = 0.02;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(binary) = courier::built_beside_this() else {
        eprintln!(
            "the service is not built: run `cargo build --release --bin wx-courier` first \
             (without --release if this runs without it)"
        );
        return ExitCode::FAILURE;
    };
    let plan = Plan {
        partitions: 12,
        more_rules: &[LARGE_ORDER],
        binary,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "soak", plan);
    for n in 0..N_REFUSED_USERS {
        let answer = Answer::Errcode {
            code: 43101,
            message: None,
        };
        let script = Script::every_send(answer).for_openid(refused_user(n));
        world.wechat.script(script);
    }
    world.wechat.fail_randomly(Some(Failures {
        ratio: BUSY,
        seed: arguments.seed,
        answers: Vec::new(),
    }));
    let expected = publish(&world, &arguments);

    let began = Instant::now();
    let mut courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.came(|seen| seen.len() >= expected.n_messages());
    let seconds = began.elapsed().as_secs_f64();
    courier.ask_to_end();
    let code = courier.wait().code();
    outcomes.read_to_end();
    let is_right = report(&world, &expected, &outcomes, code);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = expected.n_messages() as f64 / seconds;
    println!("for information: {seconds:.1} s from the start of the process, {rate:.0} messages/s");
    if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn refused_user(n: usize) -> String {
    format!("oNope{n:04}_M2pxb1Q9zNjWe")
}

/// What shall come of the events.
#[derive(Default)]
struct Expected {
    n_events: usize,
    n_unmatched: usize,
    /// By message id; several statuses where chance decides.
    messages: BTreeMap<String, (&'static str, &'static [&'static str])>,
    /// Records that no event could be made of: their outcomes are named after their place.
    n_undecodable: usize,
}

/// Busy three times in a row is given up: some eight in a million of these.
const SENT: &[&str] = &["sent", "failed"];
const REJECTED: &[&str] = &["rejected"];
const INVALID: &[&str] = &["invalid"];

impl Expected {
    fn n_messages(&self) -> usize {
        self.messages.len() + self.n_undecodable
    }

    fn message(&mut self, event: &Event, statuses: &'static [&'static str]) {
        let expected = (event.rule, statuses);
        self.messages.insert(event.message_id.clone(), expected);
    }
}

fn publish(world: &World, arguments: &Arguments) -> Expected {
    let mut random = fastrand::Rng::with_seed(arguments.seed);
    let mut expected = Expected::default();
    for n in 0..arguments.events {
        expected.n_events += 1;
        let (event, statuses) = match random.u32(0..100) {
            0..30 => (good_order(n, &mut random, &mut expected), SENT),
            30..50 => (events::shipment(n), SENT),
            50..70 => (events::class(n), SENT),
            70..76 => {
                let openid = refused_user(n % N_REFUSED_USERS);
                (events::order_of(n, &openid), REJECTED)
            }
            76..84 => (with_data(n, "order_no", json!("订单")), INVALID),
            84..87 => (with_data(n, "openid", Value::Null), INVALID),
            87..92 => {
                expected.n_undecodable += 1;
                world.hand_over("", &[], &[0xff, 0xfe, b'{']);
                continue;
            }
            _ => {
                expected.n_unmatched += 1;
                let mut event = events::order(n);
                event.kind = "coupon.issued";
                world.hand_over(&event.openid, &[], &event.structured());
                continue;
            }
        };
        expected.message(&event, statuses);
        if n % 2 == 0 {
            world.hand_over(&event.openid, &[], &event.structured());
        } else {
            let headers = event.binary_headers();
            world.hand_over(&event.openid, &headers, event.data.to_string().as_bytes());
        }
    }
    world.flush();
    expected
}

/// One good order in six is large, and makes two messages.
fn good_order(n: usize, random: &mut fastrand::Rng, expected: &mut Expected) -> Event {
    let order = events::order(n);
    if random.u32(0..6) > 0 {
        return order;
    }
    let mut second = order.clone();
    second.rule = LARGE_ORDER.0;
    second.message_id = order.message_id.replace(order.rule, second.rule);
    expected.message(&second, SENT);
    with_data(n, "is_large", json!(true))
}

fn with_data(n: usize, field: &str, value: Value) -> Event {
    let mut event = events::order(n);
    event.data[field] = value;
    event
}

/// What was found, one finding a line; the last column says whether it is right.
struct Table {
    is_right: bool,
}

impl Table {
    fn tell(what: &str, count: impl Display) {
        println!("{what:<52} {count:>8}");
    }

    fn must_be(&mut self, what: &str, count: usize, expected: usize) {
        let verdict = if count == expected {
            "right".to_owned()
        } else {
            self.is_right = false;
            format!("WRONG, expected {expected}")
        };
        println!("{what:<52} {count:>8}  {verdict}");
    }
}

fn report(world: &World, expected: &Expected, outcomes: &Reader, code: Option<i32>) -> bool {
    let mut table = Table { is_right: true };
    Table::tell("events", expected.n_events);
    Table::tell("  of them unmatched", expected.n_unmatched);
    Table::tell("messages and bad records expected", expected.n_messages());
    let mut by_status: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
    let mut left = expected.messages.clone();
    let (mut n_undecodable, mut n_other_end) = (0, 0);
    let mut n_sent = 0;
    for outcome in outcomes.seen.iter().map(support::checks::read) {
        let text = |field: &str| outcome[field].as_str().unwrap_or_default().to_owned();
        *by_id.entry(text("id")).or_default() += 1;
        let kind = (text("rule"), text("status"), text("reason"));
        *by_status.entry(kind).or_default() += 1;
        n_sent += usize::from(text("status") == "sent");
        if text("rule").is_empty() {
            n_undecodable += 1;
        } else if let Some((rule, statuses)) = left.remove(&text("message_id"))
            && (text("rule") != rule || !statuses.contains(&text("status").as_str()))
        {
            n_other_end += 1;
        }
    }
    println!("\noutcomes by rule, status and reason");
    for ((rule, status, reason), count) in &by_status {
        Table::tell(&format!("  {rule:<18} {status:<10} {reason}"), count);
    }
    println!();
    let n_expected = expected.n_messages();
    table.must_be("outcomes", outcomes.seen.len(), n_expected);
    table.must_be("outcomes with an id of their own", by_id.len(), n_expected);
    let n_repeated = by_id.values().filter(|times| **times > 1).count();
    table.must_be("outcomes that came more than once", n_repeated, 0);
    table.must_be(
        "outcomes of bad records",
        n_undecodable,
        expected.n_undecodable,
    );
    table.must_be("messages without an outcome", left.len(), 0);
    table.must_be(
        "messages that ended otherwise than they should",
        n_other_end,
        0,
    );
    let accepted = accepted_by_mark(&world.wechat);
    let n_accepted: usize = accepted.values().sum();
    table.must_be("sends that the sandbox accepted", n_accepted, n_sent);
    let n_twice = accepted.values().filter(|times| **times > 1).count();
    table.must_be("messages that the sandbox accepted twice", n_twice, 0);
    report_rest(world, &mut table, code);
    table.is_right
}

fn report_rest(world: &World, table: &mut Table, code: Option<i32>) {
    let errcodes = world.wechat.stats().errcodes;
    let n_concurrent = errcodes.get(&43108).copied().unwrap_or(0);
    let n_concurrent = usize::try_from(n_concurrent).unwrap_or(usize::MAX);
    table.must_be(
        "answers 43108: two sends to one user at once",
        n_concurrent,
        0,
    );
    let n_busy = errcodes.get(&-1).copied().unwrap_or(0);
    Table::tell("answers -1, each tried again", n_busy);
    let committed = world.committed();
    let ends = world.ends();
    let lag = |(partition, end): (&i32, &i64)| end - committed[partition].unwrap_or(0);
    let lags: Vec<i64> = ends.iter().map(lag).collect();
    Table::tell("records on the source topic", ends.values().sum::<i64>());
    let n_behind = lags.iter().filter(|lag| **lag != 0).count();
    let what = format!(
        "partitions of {} that are not committed to their end",
        lags.len()
    );
    table.must_be(&what, n_behind, 0);
    if n_behind > 0 {
        println!("lag by partition: {lags:?}");
    }
    let code = code.and_then(|code| usize::try_from(code).ok());
    table.must_be("exit code after SIGTERM", code.unwrap_or(usize::MAX), 0);
}
