//! Standard error and output that take nothing: a full disk, a reader that has gone, a reader that does not read. The work goes on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, pipe};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::commands::{Said, command, run};
use crate::support::courier::Courier;
use crate::support::folder::sample_folder;
use crate::support::kafka::{self, Kafka};
use crate::support::load::Load;
use crate::support::world::{Plan, World};
use crate::support::{checks, send_signal, wait_until};

/// It makes more lines than a pipe and the queue hold.
const EVERYTHING: &str = "[log]\nlevel = \"trace\"\n";

fn full() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.unwrap().into()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (_, writer): (PipeReader, PipeWriter) = pipe().unwrap();
    writer.into()
}

/// Lines that `/metrics` counts as lost.
fn n_lost(courier: &Courier) -> u64 {
    let (_, metrics) = courier.get("/metrics").unwrap();
    let name = "wx_courier_log_lines_dropped_total ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_log_that_nothing_takes_holds_up_nothing() {
    let plan = Plan {
        sections: EVERYTHING,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "log-trouble", plan);
    let address = format!("127.0.0.1:{}", kafka::free_port().unwrap());
    world.rewrite("courier.toml", "127.0.0.1:0", &address);
    let (unread, writer) = pipe().unwrap();
    let mut load = Load::new(&world);
    let mut rule_text = "已完成";
    for (place, next_text) in [
        (full(), "已支付"),
        (closed(), "已完成"),
        (writer.into(), "已支付"),
    ] {
        let mut courier = world.courier_after("", &address, place);
        courier.wait_until_ready();
        load.keep_until("log lines are lost", || n_lost(&courier) > 0);
        let n_before = world.wechat.stats().accepted;
        load.keep_until("sends go on", || {
            world.wechat.stats().accepted >= n_before + 200
        });
        world.rewrite("rules/order-completed.toml", rule_text, next_text);
        rule_text = next_text;
        courier.reload();
        courier.ask_to_end();
        let status = courier.wait();
        assert_eq!(status.code(), Some(0), "{status}");
    }
    drop(unread);
    world.flush();
    let events = load.events;
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, world.courier(), &mut outcomes, &events);
}

#[test]
fn a_reader_that_comes_back_is_told_what_it_missed() {
    let plan = Plan {
        sections: EVERYTHING,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "log-missed", plan);
    let address = format!("127.0.0.1:{}", kafka::free_port().unwrap());
    world.rewrite("courier.toml", "127.0.0.1:0", &address);
    let (reader, writer) = pipe().unwrap();
    let mut courier = world.courier_after("", &address, writer.into());
    courier.wait_until_ready();
    let mut load = Load::new(&world);
    load.keep_until("log lines are lost", || n_lost(&courier) > 0);
    let mut lines = BufReader::new(reader).lines();
    let is_told = lines.any(|line| line.unwrap().contains("log lines were lost"));
    assert!(is_told);
    // It reads on, and the last lines come too.
    let rest = std::thread::spawn(move || lines.any(|line| line.unwrap().contains("shut down, ")));
    courier.ask_to_end();
    assert_eq!(courier.wait().code(), Some(0));
    assert!(rest.join().unwrap());
}

fn with_output(arguments: &[&str], out: Stdio, err: Stdio) -> Child {
    let mut command = command(&sample_folder(), arguments);
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().unwrap()
}

#[test]
fn a_result_that_cannot_be_written_is_an_error_and_a_reader_that_has_gone_is_none() {
    for arguments in [&["check", "--settings"][..], &["check", "--format", "json"]] {
        let child = with_output(arguments, full(), Stdio::piped());
        let said: Said = child.wait_with_output().unwrap().into();
        assert_eq!(said.code, Some(1), "{}", said.err);
        said.must_have(&["the result could not be written to standard output"]);
        let child = with_output(arguments, closed(), Stdio::piped());
        let said: Said = child.wait_with_output().unwrap().into();
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    }
    let nowhere = Path::new("/nowhere");
    let expected = run(nowhere, &["check"]).code;
    for err in [full(), closed()] {
        let mut command = command(nowhere, &["check"]);
        let status = command.stdout(Stdio::null()).stderr(err).status();
        assert_eq!(status.unwrap().code(), expected);
    }
}

#[test]
fn the_demo_and_the_sandbox_need_nobody_who_reads() {
    for (out, err) in [(Stdio::null(), full()), (closed(), closed())] {
        let mut child = with_output(&["demo", "--once", "--log"], out, err);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let port = kafka::free_port().unwrap().to_string();
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["sandbox", "--listen", listen.as_str()];
    let mut child = with_output(&arguments, closed(), closed());
    wait_until("the sandbox listens", || {
        std::net::TcpStream::connect(&listen).is_ok()
    });
    assert!(send_signal("TERM", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_demo_whose_output_is_not_read_ends_when_it_is_asked_to() {
    let (reader, writer) = pipe().unwrap();
    // The pipe is full from the start: the first line finds no room.
    let filler = writer.try_clone().unwrap();
    let filling = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut filler = filler;
        // It ends when the reader goes.
        while filler.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let mut child = with_output(&["demo"], writer.into(), Stdio::piped());
    let process = child.id();
    wait_until("the demo listens to signals", || {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        // SIGTERM is 15.
        caught.is_some_and(|mask| mask & (1 << 14) != 0)
    });
    assert!(send_signal("TERM", process));
    let mut status = None;
    wait_until("the demo has ended", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
    drop(reader);
    filling.join().unwrap();
}
