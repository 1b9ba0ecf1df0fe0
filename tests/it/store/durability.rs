//! What was answered is kept: through the death of the process, and through the death of Redis.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};

use super::way::Way;
use super::*;
use crate::support::wait_until;

#[test]
fn redis_that_dies_answers_everything_when_it_is_back_and_has_lost_nothing() {
    const N_MESSAGES: u64 = 20_000;
    let mut redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    for message in 0..N_MESSAGES {
        desk.ask(message, &claim(1, message));
    }
    let mut granted = BTreeSet::new();
    while granted.len() < 1_000 {
        let (ticket, answer) = desk.hear_answer();
        assert_eq!(answer, CLAIMED);
        granted.insert(ticket);
    }
    redis.kill();
    let why = loop {
        match desk.hear() {
            Stored::Answer { ticket, .. } => {
                granted.insert(ticket.0);
            }
            Stored::Down { why } => break why,
            Stored::Back => panic!("back before it was down"),
        }
    };
    assert!(why.starts_with("Redis at 127.0.0.1:"), "{why}");
    let n_before = granted.len();
    assert!(n_before < 20_000, "it was not in the middle of the work");
    // What is asked meanwhile waits with the rest.
    desk.ask(N_MESSAGES, &claim(1, N_MESSAGES));
    redis.start_again();
    assert_eq!(desk.hear(), Stored::Back);
    for _ in n_before..=20_000 {
        let (ticket, answer) = desk.hear_answer();
        assert_eq!(answer, CLAIMED);
        assert!(granted.insert(ticket), "{ticket} was answered twice");
    }
    desk.close();
    every_claim_is_held(Desk::redis(&redis, "g"), granted);
}

#[test]
fn a_redis_that_nobody_asks_is_missed_all_the_same() {
    let mut redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    desk.ask(1, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (1, CLAIMED));
    redis.kill();
    desk.hear_down();
    redis.start_again();
    assert_eq!(desk.hear(), Stored::Back);
    desk.ask(2, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (2, CLAIMED));
    desk.close();
}

#[test]
fn a_redis_that_hangs_is_down_and_what_it_did_meanwhile_is_not_done_twice() {
    let redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    desk.ask(1, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (1, CLAIMED));
    redis.freeze();
    desk.ask(2, &claim(1, 2));
    desk.ask(3, &sent(1, 1));
    desk.hear_down();
    redis.thaw();
    assert_eq!(desk.hear(), Stored::Back);
    assert_eq!(desk.hear_answer(), (2, CLAIMED));
    let (ticket, answer) = desk.hear_answer();
    assert!(ticket == 3 && is_settled(&answer), "{answer:?}");
    desk.close();
}

/// The network holds a release back until after the claim that followed it: then it must not undo that claim.
#[test]
fn a_call_that_arrives_late_is_not_carried_out() {
    let redis = Redis::start();
    let way = Way::to(redis.address());
    let mut desk = Desk::open(redis_url(&format!("redis://{}", way.address)), "g");
    desk.ask(1, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (1, CLAIMED));
    way.hold_back();
    let Request::Claim(held_back) = claim(1, 1) else {
        panic!("a claim is a claim");
    };
    let release = Request::Release {
        message_id: held_back.message_id,
        holder: held_back.holder,
        grant: None,
    };
    desk.ask(2, &release);
    desk.hear_down();
    // On a connection of its own, the release is made again.
    assert_eq!(desk.hear(), Stored::Back);
    desk.ask(3, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (3, CLAIMED));
    way.let_go();
    wait_until("the release from the past is refused", || {
        way.last_answer().starts_with("-LATE ")
    });
    desk.close();
    every_claim_is_held(Desk::redis(&redis, "g"), BTreeSet::from([1]));
}

#[test]
fn a_store_that_starts_without_its_redis_says_so_and_closes_in_time() {
    let mut redis = Redis::start();
    redis.kill();
    let mut desk = Desk::redis(&redis, "g");
    desk.hear_down();
    desk.ask(1, &claim(1, 1));
    let began = tokio::time::Instant::now();
    desk.store.close(Duration::from_millis(300));
    assert!(began.elapsed() < LIMIT / 2);
    redis.start_again();
    // What was not answered was not done.
    let mut desk = Desk::redis(&redis, "g");
    desk.ask(1, &claim(2, 1));
    assert_eq!(desk.hear_answer(), (1, CLAIMED));
    desk.close();
}

#[test]
fn redis_forgets_by_itself() {
    let redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    desk.ask(1, &claim(1, 1));
    desk.ask(2, &sent(1, 1));
    desk.ask(3, &claim(1, 3));
    desk.hear_answer().1.unwrap();
    desk.hear_answer().1.unwrap();
    desk.hear_answer().1.unwrap();
    desk.close();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    let is_kept = |key: &&String| !key.contains(":fence:") && !key.contains(":identity:");
    assert_eq!(keys.iter().filter(is_kept).count(), 3);
    // The identity stays: that it is gone says that everything is.
    for key in keys.iter().filter(|key| !key.contains(":identity:")) {
        assert!(key.starts_with("wx-courier:{g}:"), "{key}");
        let ttl_ms: i64 = redis::cmd("PTTL").arg(key).query(&mut connection).unwrap();
        let most_ms = i64::try_from(REMEMBER.as_millis()).unwrap();
        assert!((most_ms / 2..=most_ms).contains(&ttl_ms), "{key}: {ttl_ms}");
    }
}

#[test]
fn what_is_older_than_remembered_is_forgotten_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let short = Duration::from_millis(200);
    forgets(Desk::open_for(short, sqlite_url(folder.path()), ""));
    forgets(Desk::open_for(short, StateUrl::Memory, ""));
}

fn forgets(mut desk: Desk) {
    // So many requests bring a purge about.
    const N_LATER: u64 = 300;
    let old = [claim(1, 1), claim(1, 2), sent(1, 2)];
    for request in &old {
        desk.ask(0, request);
        desk.hear_answer().1.unwrap();
    }
    // Whatever the calendar says, an entry grows old as time passes.
    let later = |process, message| {
        let Request::Claim(mut claim) = claim(process, message) else {
            panic!("a claim is a claim");
        };
        claim.now_ms = NOW_MS + 24 * 3_600_000;
        claim.since_ms = claim.now_ms;
        Request::Claim(claim)
    };
    let mut next = 1_000;
    wait_until("what is old is forgotten", || {
        for message in next..next + N_LATER {
            desk.ask(message, &later(1, message));
        }
        next += N_LATER;
        for _ in 0..N_LATER {
            assert_eq!(desk.hear_answer().1, CLAIMED);
        }
        [1, 2].into_iter().all(|message| {
            desk.ask(message, &later(2, message));
            desk.hear_answer() == (message, CLAIMED)
        })
    });
    desk.ask(3, &later(2, 1_000));
    let (ticket, answer) = desk.hear_answer();
    assert!(ticket == 3 && held(&answer).is_some(), "{answer:?}");
    desk.close();
}

#[test]
fn a_process_that_is_killed_keeps_every_claim_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().to_str().unwrap().to_owned();
    let test = "store::durability::child_that_claims_until_it_is_killed";
    let mut claimer = child(test, &subject, &BTreeMap::new());
    let mut lines = BufReader::new(claimer.stdout.take().unwrap()).lines();
    let mut granted = BTreeSet::new();
    let ticket_of = |line: &str| line.strip_prefix("granted ")?.parse::<u64>().ok();
    while granted.len() < 2_000 {
        let line = lines.next().expect("the child goes on").unwrap();
        granted.extend(ticket_of(&line));
    }
    claimer.kill().unwrap();
    claimer.wait().unwrap();
    // What it had said before it died, and the test had not read yet.
    for line in lines.map_while(Result::ok) {
        granted.extend(ticket_of(&line));
    }
    every_claim_is_held(Desk::sqlite(folder.path()), granted);
}

/// Another process asks for the same messages, and is refused each of them.
fn every_claim_is_held(mut desk: Desk, granted: BTreeSet<u64>) {
    for &message in &granted {
        desk.ask(message, &claim(2, message));
    }
    for message in granted {
        let (ticket, answer) = desk.hear_answer();
        assert_eq!(ticket, message);
        let held = held(&answer);
        let held = held.unwrap_or_else(|| panic!("claim {message} is lost: {answer:?}"));
        assert_eq!(held.holder, holder(1, message));
    }
    desk.close();
}

#[test]
#[ignore = "a part of a_process_that_is_killed_keeps_every_claim_that_was_answered, which runs it"]
fn child_that_claims_until_it_is_killed() {
    let Some(folder) = subject_of_child() else {
        return;
    };
    let mut desk = Desk::sqlite(Path::new(&folder));
    let mut output = std::io::stdout();
    for message in 0.. {
        // Always some hundred requests ahead of the answers, so that it dies with a batch in hand.
        desk.ask(message, &claim(1, message));
        if message >= 300 {
            let (ticket, answer) = desk.hear_answer();
            assert_eq!(answer, CLAIMED);
            writeln!(output, "granted {ticket}").unwrap();
        }
    }
}
