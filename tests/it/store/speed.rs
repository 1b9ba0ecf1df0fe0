//! How much each backend carries, and what it costs on disk and in Redis. Figures for people; run it with
//! `cargo test --release --test it store::speed -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "figures are for whoever runs this")]

use std::fs;

use tokio::time::Instant;

use super::*;

const N_MESSAGES: u64 = 50_000;

/// As many as a busy service has under way.
const N_AHEAD: usize = 1_000;

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

fn measure(name: &str, mut desk: Desk) {
    let began = Instant::now();
    let mut n_ahead = 0;
    for message in 0..N_MESSAGES {
        for request in [claim(1, message), sent(1, message)] {
            desk.ask(message, &request);
            n_ahead += 1;
        }
        while n_ahead > N_AHEAD {
            desk.hear_answer();
            n_ahead -= 1;
        }
    }
    for _ in 0..n_ahead {
        desk.hear_answer();
    }
    let took = began.elapsed();
    let n_requests = u128::from(2 * N_MESSAGES) * 1_000_000 / took.as_micros();
    println!("{name}: {n_requests} requests a second, {N_AHEAD} under way");
    let began = Instant::now();
    for message in 0..100 {
        desk.ask(message, &claim(1, N_MESSAGES + message));
        desk.hear_answer();
    }
    println!(
        "{name}: {} µs for one request alone",
        began.elapsed().as_micros() / 100
    );
    desk.close();
}
