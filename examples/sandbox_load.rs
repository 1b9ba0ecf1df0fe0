//! How many sends a second the sandbox carries on one core: every later measurement stands on it.
//!
//! `cargo build --release --bin wx-courier && cargo run --release --example sandbox_load -- --seconds 10 --connections 64`
//!
//! The sandbox runs as a process of its own on core 0, the clients share core 1 (`taskset`, from util-linux).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command for developers: what goes wrong ends it, and results are printed"
)]

use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const ADDRESS: &str = "127.0.0.1:18199";
const TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
/// The kernel counts processor time in hundredths of a second (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |flag: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == flag);
        let value = at.and_then(|at| arguments.get(at + 1));
        value.map_or(Some(default), |value| value.parse().ok())
    };
    let (Some(seconds), Some(connections)) = (number("--seconds", 10), number("--connections", 64))
    else {
        eprintln!("usage: sandbox_load [--seconds N] [--connections N]");
        return ExitCode::from(2);
    };
    pin(std::process::id(), 1);
    let mut sandbox = start_sandbox();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(drive(sandbox.id(), seconds, connections));
    sandbox.kill().expect("the sandbox ends");
    sandbox.wait().expect("the sandbox has ended");
    ExitCode::SUCCESS
}

fn pin(pid: u32, core: u32) {
    let pinned = Command::new("taskset")
        .args(["-a", "-p", "-c", &core.to_string(), &pid.to_string()])
        .output();
    assert!(
        pinned.is_ok_and(|output| output.status.success()),
        "taskset is needed to pin processes to cores"
    );
}

fn start_sandbox() -> Child {
    let own = std::env::current_exe().expect("the path of this program");
    let binary = own.with_file_name("../wx-courier");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    Command::new("taskset")
        .args(["-c", "0"])
        .arg(binary)
        .args(["--config", config, "sandbox", "--listen", ADDRESS])
        .spawn()
        .expect("the sandbox starts: build the binary wx-courier in this profile first")
}

async fn connect() -> TcpStream {
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpStream::connect(ADDRESS).await {
            Ok(stream) => {
                stream.set_nodelay(true).expect("a socket option");
                return stream;
            }
            Err(error) if Instant::now() > limit => panic!("the sandbox does not answer: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn drive(sandbox: u32, seconds: u64, connections: u64) {
    let mut stream = connect().await;
    let secret = r#"{"grant_type":"client_credential","appid":"wx0123456789abcdef","secret":"sandbox-secret"}"#;
    let answer = exchange(&mut stream, "/cgi-bin/stable_token", secret).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let path = format!(
        "/cgi-bin/message/subscribe/send?access_token={}",
        answer["access_token"].as_str().expect("a token")
    );
    let (path, n_sends) = (Arc::new(path), Arc::new(AtomicU64::new(0)));
    let (began, ticks) = (Instant::now(), processor_ticks(sandbox));
    let mut clients = Vec::new();
    for client in 0..connections {
        let (path, n_sends) = (Arc::clone(&path), Arc::clone(&n_sends));
        clients.push(tokio::spawn(async move {
            let mut stream = connect().await;
            for n in 0_u64.. {
                if began.elapsed().as_secs() >= seconds {
                    return;
                }
                let answer = exchange(&mut stream, &path, &body(client, n)).await;
                assert!(answer.starts_with(r#"{"errcode":0,"#), "{answer}");
                n_sends.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for client in clients {
        client.await.expect("a client ends");
    }
    report(
        n_sends.load(Ordering::Relaxed),
        began.elapsed(),
        processor_ticks(sandbox) - ticks,
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run of seconds")]
fn report(n_sends: u64, elapsed: Duration, ticks: u64) {
    let a_second = n_sends as f64 / elapsed.as_secs_f64();
    let processor_seconds = ticks as f64 / TICKS_A_SECOND;
    let each_us = processor_seconds * 1e6 / n_sends as f64;
    println!(
        "{n_sends} sends accepted, {a_second:.0} a second; the sandbox took {each_us:.1} µs of its core for each"
    );
}

fn body(client: u64, n: u64) -> String {
    format!(
        r#"{{"touser":"oLoad{client:04}x{n:010}","template_id":"{TEMPLATE}","page":"pages/order/detail?id=SO{n}","miniprogram_state":"formal","lang":"zh_CN","data":{{"character_string1":{{"value":"SO{n:010}"}},"thing2":{{"value":"拿铁咖啡 等3件"}},"amount3":{{"value":"￥128.50"}},"time4":{{"value":"2026年11月22日 16:30"}},"phrase5":{{"value":"已完成"}}}}}}"#
    )
}

async fn exchange(stream: &mut TcpStream, path: &str, body: &str) -> String {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is written");
    let mut answer = Vec::with_capacity(512);
    loop {
        let n_read = stream
            .read_buf(&mut answer)
            .await
            .expect("the answer is read");
        assert!(n_read > 0, "the sandbox closed the connection");
        let text = std::str::from_utf8(&answer).expect("UTF-8");
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a content-length").parse().expect("a number");
        if body.len() >= length {
            return body.to_owned();
        }
    }
}

/// User and system time of a process (`/proc/PID/stat`, fields 14 and 15).
fn processor_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number");
    ticks(11) + ticks(12)
}
