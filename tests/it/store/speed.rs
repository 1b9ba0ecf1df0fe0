//! How much each backend carries, and what it costs on disk and in Redis. Figures for people; run it with
//! `cargo test --release --test it store::speed -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "figures are for the developer")]

use std::fs;

use tokio::time::Instant;
use wx_courier_core::model::outcome::{EventFields, OfRecord, Stamp};

use super::*;

const N_MESSAGES: u64 = 50_000;

/// As many as a busy service has under way.
const N_AHEAD: usize = 1_000;

/// As long as every stamp.
const STAMP: &str = "0123456789ab";

#[test]
#[ignore = "a measurement"]
fn how_fast_it_is() {
    measure("memory", Desk::open(StateUrl::Memory, ""));

    let folder = tempfile::tempdir().unwrap();
    measure("sqlite", Desk::sqlite(folder.path()));
    let n_bytes = fs::metadata(folder.path().join("state.db")).unwrap().len();
    println!(
        "sqlite: {} bytes on disk for each message",
        n_bytes / N_MESSAGES
    );

    let redis = Redis::start_with(&["--appendfsync", "everysec"]);
    let n_before = used_memory(&redis);
    measure("redis, synced each second", Desk::redis(&redis, "g"));
    println!(
        "redis: {} bytes of memory for each message",
        (used_memory(&redis) - n_before) / N_MESSAGES
    );
    let redis = Redis::start();
    measure("redis, synced always", Desk::redis(&redis, "g"));
}

/// What the server has allocated, in bytes.
fn used_memory(redis: &Redis) -> u64 {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query(&mut connection)
        .unwrap();
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.unwrap().parse().unwrap()
}

/// Claim and end of a message, with the ids that a rule gives it.
fn of_a_rule(message: u64) -> [Request; 2] {
    let event_id = format!("01J9Z8Y7X6W5V4U3T2S1{message:06}");
    let message_id = format!("order-completed|/shop/orders|{event_id}");
    let id = format!("order-events/1/{}/order-completed", 100_000 + message);
    let Request::Claim(mut claim) = claim(1, message) else {
        panic!("a claim is a claim");
    };
    claim.message_id = Arc::from(message_id.as_str());
    claim.outcome_id = Arc::from(id.as_str());
    let mut settlement = settlement(1, message, "sent");
    let outcome = Arc::make_mut(&mut settlement.outcome);
    (outcome.id, outcome.message_id) = (id, message_id);
    outcome.offset = i64::try_from(100_000 + message).unwrap();
    "WeChat took the message".clone_into(&mut outcome.detail);
    outcome.record = Some(OfRecord {
        stamp: Stamp::of_text(STAMP).unwrap(),
        event: EventFields::OfRecord,
    });
    outcome.event_id = Some(event_id);
    [Request::Claim(claim), Request::Settle(settlement)]
}

fn measure(name: &str, mut desk: Desk) {
    let began = Instant::now();
    let mut n_ahead = 0;
    for message in 0..N_MESSAGES {
        for request in of_a_rule(message) {
            desk.ask(message, &request);
            n_ahead += 1;
        }
        while n_ahead > N_AHEAD {
            desk.hear_answer().1.unwrap();
            n_ahead -= 1;
        }
    }
    for _ in 0..n_ahead {
        desk.hear_answer().1.unwrap();
    }
    let took = began.elapsed();
    let n_requests = u128::from(2 * N_MESSAGES) * 1_000_000 / took.as_micros();
    println!("{name}: {n_requests} requests a second, {N_AHEAD} under way");
    let began = Instant::now();
    for message in 0..100 {
        desk.ask(message, &claim(1, N_MESSAGES + message));
        desk.hear_answer().1.unwrap();
    }
    println!(
        "{name}: {} µs for one request alone",
        began.elapsed().as_micros() / 100
    );
    desk.close();
}
