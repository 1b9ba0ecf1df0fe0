//! Grants: races, crashes, and what becomes of a file of the first version.

use std::collections::BTreeSet;

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use wx_courier_core::grants::{
    Balance, Counted, Key, Need, Query, RESERVED_FOR_MS, Report, Reservation, Source, Wish, Without,
};
use wx_courier_core::state::{JoinAnswer, KeepAnswer, LEDGERS_FOR_MS, RecallAnswer};
use wx_courier_core::wechat::Word;

use super::*;

fn ledger() -> Key {
    Key {
        app: Arc::from("shop"),
        openid: Arc::from("o1"),
        template_id: Arc::from("T1"),
    }
}

fn accept(id: &str) -> Request {
    Request::Report(Report {
        key: ledger(),
        id: Arc::from(id),
        source: Source::Event,
        word: Word::Accept,
        at_ms: NOW_MS,
        now_ms: NOW_MS,
    })
}

fn look() -> Request {
    let key = ledger();
    let now_ms = NOW_MS;
    Request::Balance(Query::Look { key, now_ms })
}

/// A claim that is not made without a grant.
fn claim_with_grant(process: u64, message: u64) -> Request {
    let Request::Claim(mut claim) = claim(process, message) else {
        panic!("a claim is a claim");
    };
    claim.grant = Some(Wish {
        key: ledger(),
        need: Need::Grant(Without::Skip),
    });
    Request::Claim(claim)
}

fn answer(desk: &mut Desk, request: &Request) -> Reply {
    desk.ask(0, request);
    desk.hear_answer().1
}

fn balance(desk: &mut Desk) -> Balance {
    let answer = answer(desk, &look());
    let Ok(Answer::Balance(balance)) = answer else {
        panic!("{answer:?}");
    };
    balance
}

#[test]
fn of_two_messages_that_race_for_one_grant_exactly_one_goes() {
    let redis = Redis::start();
    // Two processes, and the questions of both are under way at once.
    for round in 0..50 {
        let group = format!("g{round}");
        let mut desks = [Desk::redis(&redis, &group), Desk::redis(&redis, &group)];
        answer(&mut desks[0], &accept("1")).unwrap();
        for (process, desk) in (0..).zip(&desks) {
            desk.ask(process, &claim_with_grant(process, process));
        }
        let answers = desks.each_mut().map(|desk| desk.hear_answer().1);
        let n_made = answers
            .iter()
            .filter(|answer| **answer == Ok(claimed(Reservation::Made)))
            .count();
        let n_none = answers
            .iter()
            .filter(|answer| **answer == Ok(Answer::Claim(ClaimAnswer::NoGrant)))
            .count();
        assert_eq!((n_made, n_none), (1, 1), "{answers:?}");
        for desk in desks {
            desk.close();
        }
    }
}

/// Rows that change between the look at them and the write: the batch begins again, and nothing is counted twice or lost.
#[test]
fn what_several_processes_write_to_one_ledger_at_once_is_all_counted() {
    const N_DESKS: u64 = 4;
    const N_EACH: u64 = 150;
    let redis = Redis::start();
    let mut desks: Vec<Desk> = (0..N_DESKS).map(|_| Desk::redis(&redis, "g")).collect();
    for number in 0..N_EACH {
        for (process, desk) in (0..).zip(&desks) {
            desk.ask(1, &accept(&format!("{process} {number}")));
            desk.ask(2, &claim(process, number));
        }
    }
    let (mut n_claimed, mut n_held) = (0, 0);
    for desk in &mut desks {
        for _ in 0..2 * N_EACH {
            let answer = desk.hear_answer().1;
            if answer == CLAIMED {
                n_claimed += 1;
            } else if held(&answer).is_some() {
                n_held += 1;
            } else {
                assert_eq!(answer, Ok(Answer::Report(Counted::New)));
            }
        }
    }
    assert_eq!((n_claimed, n_held), (N_EACH, (N_DESKS - 1) * N_EACH));
    assert_eq!(balance(&mut desks[0]).granted, N_DESKS * N_EACH);
    for desk in desks {
        desk.close();
    }
}

#[test]
fn what_is_taken_over_keeps_its_one_grant() {
    let folder = tempfile::tempdir().unwrap();
    keeps_its_one_grant(Desk::sqlite(folder.path()));
    keeps_its_one_grant(Desk::open(StateUrl::Memory, ""));
    let redis = Redis::start();
    keeps_its_one_grant(Desk::redis(&redis, "g"));
}

/// Its process died between the claim and the answer; the record is read again by another one.
fn keeps_its_one_grant(mut desk: Desk) {
    answer(&mut desk, &accept("1")).unwrap();
    let made = Ok(claimed(Reservation::Made));
    assert_eq!(answer(&mut desk, &claim_with_grant(1, 1)), made);
    let Request::Claim(mut again) = claim_with_grant(2, 1) else {
        panic!("a claim is a claim");
    };
    let refused = answer(&mut desk, &Request::Claim(again.clone()));
    assert!(held(&refused).is_some(), "{refused:?}");
    again.takes_over = Some(holder(1, 1));
    assert_eq!(answer(&mut desk, &Request::Claim(again)), made);
    let one_reserved = Balance {
        granted: 1,
        reserved: 1,
        used: 0,
        left: 0,
    };
    assert_eq!(balance(&mut desk), one_reserved);
    // The first process was not dead. What it says counts no more, for the grant neither.
    let mut ended = settlement(1, 1, "failed");
    ended.grant = Some(ledger());
    assert_eq!(
        answer(&mut desk, &Request::Settle(ended)),
        Ok(Answer::Settle(SettlementAnswer::TakenOver))
    );
    assert_eq!(balance(&mut desk), one_reserved);
    let mut ended = settlement(2, 1, "sent");
    ended.grant = Some(ledger());
    answer(&mut desk, &Request::Settle(ended.clone())).unwrap();
    // The answer was lost on the way, and it is said again.
    answer(&mut desk, &Request::Settle(ended)).unwrap();
    let used = Balance {
        granted: 1,
        reserved: 0,
        used: 1,
        left: 0,
    };
    assert_eq!(balance(&mut desk), used);
    desk.close();
}

#[test]
fn a_ledger_with_more_accepts_than_are_kept_is_the_same_everywhere() {
    // The year 9999: more digits than a careless script keeps.
    let far_ms = 253_402_300_799_123;
    let report = |number: u64, source, at_ms| {
        Request::Report(Report {
            key: ledger(),
            id: Arc::from(format!("{source:?} {number}")),
            source,
            word: Word::Accept,
            at_ms,
            now_ms: NOW_MS,
        })
    };
    let events = (0..40).map(|number| report(number, Source::Event, NOW_MS));
    let callbacks = (0..40).map(|number| report(number, Source::Callback, NOW_MS));
    let far = [
        report(100, Source::Event, far_ms),
        report(101, Source::Callback, far_ms + 60_000),
        report(102, Source::MiniProgram, far_ms + 60_001),
        report(103, Source::MiniProgram, far_ms + 60_001),
    ];
    // What is set aside belongs to no message after a day.
    let days = [0, 1].map(|more_ms| {
        let (key, now_ms) = (ledger(), NOW_MS + RESERVED_FOR_MS + more_ms);
        Request::Balance(Query::Look { key, now_ms })
    });
    let play: Vec<Vec<Request>> = events
        .chain(callbacks)
        .chain(far)
        .chain([claim_with_grant(1, 1), claim_with_grant(1, 2), look()])
        .chain(days)
        .map(|request| vec![request])
        .collect();
    let folder = tempfile::tempdir().unwrap();
    answers_as_the_model_does(Desk::sqlite(folder.path()), play.clone());
    let redis = Redis::start();
    answers_as_the_model_does(Desk::redis(&redis, "g"), play);
}

#[test]
fn grants_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Redis::start();
    outlives(|| Desk::sqlite(folder.path()));
    outlives(|| Desk::redis(&redis, "g"));
}

fn outlives(open: impl Fn() -> Desk) {
    let mut desk = open();
    answer(&mut desk, &accept("1")).unwrap();
    answer(&mut desk, &accept("2")).unwrap();
    answer(&mut desk, &claim_with_grant(1, 1)).unwrap();
    desk.close();
    let mut desk = open();
    let known = Ok(Answer::Report(Counted::Known));
    assert_eq!(answer(&mut desk, &accept("2")), known);
    let expected = Balance {
        granted: 2,
        reserved: 1,
        used: 0,
        left: 1,
    };
    assert_eq!(balance(&mut desk), expected);
    desk.close();
}

#[test]
fn redis_keeps_ledgers_for_a_year() {
    let redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    answer(&mut desk, &accept("1")).unwrap();
    answer(&mut desk, &claim_with_grant(1, 1)).unwrap();
    let key = "wx-courier:{g}:grant:shop/o1/T1";
    let has_a_year = || {
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let ttl_ms: i64 = redis::cmd("PTTL").arg(key).query(&mut connection).unwrap();
        // The machine may be slow, but not for a day.
        let year_ms = LEDGERS_FOR_MS;
        (year_ms - 86_400_000..=year_ms).contains(&ttl_ms)
    };
    assert!(has_a_year());
    let Request::Claim(claim) = claim_with_grant(1, 1) else {
        panic!("a claim is a claim");
    };
    let release = Request::Release {
        message_id: claim.message_id,
        holder: claim.holder,
        grant: Some(ledger()),
    };
    desk.ask(0, &release);
    assert_eq!(balance(&mut desk).left, 1);
    assert!(has_a_year());
    desk.close();
}

#[test]
fn a_message_without_a_grant_asks_redis_for_nothing_more() {
    let redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    answer(&mut desk, &claim(1, 1)).unwrap();
    answer(&mut desk, &sent(1, 1)).unwrap();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut connection)
        .unwrap();
    let n_calls = |command: &str| {
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |line| {
            line.split(',').next().unwrap().parse::<u32>().unwrap()
        })
    };
    // Three batches, of which the first one only looks whether the server is there, and leaves the identity. Each reads the identity, and looks
    // at fence and identity when it writes. The outcome and the claim are read twice, and looked at when they are written: the claim twice.
    // Each of the three reads asks the server to take a write that does nothing.
    assert_eq!((n_calls("get"), n_calls("set"), n_calls("del")), (17, 7, 3));
    desk.close();
}

/// The plays of the property tests are worth what they reach.
#[test]
fn the_plays_get_every_kind_of_answer() {
    let mut runner = TestRunner::deterministic();
    let mut heard = BTreeSet::new();
    for _ in 0..300 {
        let mut model = Model::default();
        let play = any_play().new_tree(&mut runner).unwrap().current();
        for request in play.iter().flatten() {
            heard.insert(kind(&model.answer(request)));
        }
    }
    let expected = [
        "claim: Claimed(Made)",
        "claim: Claimed(Missing)",
        "claim: Claimed(NotAsked)",
        "claim: Duplicate",
        "claim: Held",
        "claim: NoGrant",
        "claim: OfOtherRecord",
        "claim: Settled",
        "claim: TooSoon",
        "done",
        "holds: none",
        "holds: some",
        "instances: none",
        "instances: some",
        "join: Joined",
        "join: Published",
        "join: Unknown",
        "keep: Kept",
        "keep: OfOtherRecord",
        "keep: Settled",
        "ledger: none left",
        "ledger: some left",
        "look: (false, false) NotKnown",
        "look: (false, true) NotKnown",
        "look: (true, false) NotKnown",
        "look: (true, false) None",
        "look: (true, false) Published",
        "look: (true, true) NotKnown",
        "look: (true, true) None",
        "look: (true, true) Published",
        "propose: one",
        "propose: two",
        "recall: Duplicate",
        "recall: OfOtherRecord",
        "recall: Settled",
        "recall: User(None)",
        "recall: User(Some)",
        "release",
        "report: Known",
        "report: New",
        "settle: Duplicate",
        "settle: Held",
        "settle: OfOtherRecord",
        "settle: Settled",
        "settle: TakenOver",
        "withdraw: nothing there",
        "withdraw: some cleared",
    ];
    assert_eq!(heard, expected.map(str::to_owned).into());
}

fn kind(answer: &Answer) -> String {
    let kind = match answer {
        Answer::Claim(ClaimAnswer::Claimed(reservation)) => {
            return format!("claim: Claimed({reservation:?})");
        }
        Answer::Claim(ClaimAnswer::Duplicate { .. }) => "claim: Duplicate",
        Answer::Claim(ClaimAnswer::Held(_)) => "claim: Held",
        Answer::Claim(ClaimAnswer::NoGrant) => "claim: NoGrant",
        Answer::Claim(ClaimAnswer::OfOtherRecord) => "claim: OfOtherRecord",
        Answer::Claim(ClaimAnswer::Settled(_)) => "claim: Settled",
        Answer::Claim(ClaimAnswer::TooSoon) => "claim: TooSoon",
        Answer::Done(_) => "done",
        Answer::Holds(holds) if holds.iter().next().is_none() => "holds: none",
        Answer::Holds(_) => "holds: some",
        Answer::Note(all) if all.list().is_empty() => "instances: none",
        Answer::Note(_) => "instances: some",
        Answer::Join(JoinAnswer::Joined(_)) => "join: Joined",
        Answer::Join(JoinAnswer::Published) => "join: Published",
        Answer::Join(JoinAnswer::Unknown) => "join: Unknown",
        Answer::Look(seen) => {
            let is_row = (seen.outcome.row().is_some(), seen.claim.row().is_some());
            return format!("look: {is_row:?} {:?}", seen.receipt);
        }
        Answer::Keep(KeepAnswer::Kept) => "keep: Kept",
        Answer::Keep(KeepAnswer::OfOtherRecord) => "keep: OfOtherRecord",
        Answer::Keep(KeepAnswer::Settled(_)) => "keep: Settled",
        Answer::Balance(balance) if balance.left > 0 => "ledger: some left",
        Answer::Balance(_) => "ledger: none left",
        Answer::Withdraw(cleared) if cleared.ledgers > 0 => "withdraw: some cleared",
        Answer::Withdraw(_) => "withdraw: nothing there",
        Answer::Recall(RecallAnswer::Duplicate { .. }) => "recall: Duplicate",
        Answer::Recall(RecallAnswer::OfOtherRecord) => "recall: OfOtherRecord",
        Answer::Recall(RecallAnswer::Settled(_)) => "recall: Settled",
        Answer::Recall(RecallAnswer::User(None)) => "recall: User(None)",
        Answer::Recall(RecallAnswer::User(Some(_))) => "recall: User(Some)",
        Answer::Released => "release",
        Answer::Propose(key) => return format!("propose: {}", key.expose()),
        Answer::Report(counted) => return format!("report: {counted:?}"),
        Answer::Settle(SettlementAnswer::Duplicate { .. }) => "settle: Duplicate",
        Answer::Settle(SettlementAnswer::Held(_)) => "settle: Held",
        Answer::Settle(SettlementAnswer::OfOtherRecord) => "settle: OfOtherRecord",
        Answer::Settle(SettlementAnswer::Settled(_)) => "settle: Settled",
        Answer::Settle(SettlementAnswer::TakenOver) => "settle: TakenOver",
    };
    kind.to_owned()
}
