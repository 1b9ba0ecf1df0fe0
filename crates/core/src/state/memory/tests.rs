//! The answers, one by one.

mod beside;
mod others;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::grants::{self, Reservation};
use crate::model::outcome::{Outcome, Reason, Status};
use crate::model::{Holder, Ticket};
use crate::state::{Answer, Claim, ClaimAnswer, Held, OnUnreadable, Settlement, SettlementAnswer};
use crate::wechat::receipts::Receipts;

const NOW_MS: i64 = 1_800_000_000_000;

fn holder(ticket: u64) -> Holder {
    Holder {
        process: 7,
        ticket: Ticket(ticket),
    }
}

fn claim(record: &str, ours: Holder) -> Request {
    claim_over(record, ours, None)
}

fn claim_over(record: &str, ours: Holder, over: Option<Holder>) -> Request {
    Request::Claim(Claim {
        message_id: Arc::from("m"),
        outcome_id: Arc::from(record),
        record: None,
        holder: ours,
        takes_over: over,
        grant: None,
        on_unreadable: OnUnreadable::Fail,
        since_ms: NOW_MS,
        now_ms: NOW_MS,
    })
}

fn outcome(record: &str, status: Status, reason: Reason) -> Arc<Outcome> {
    Arc::new(Outcome {
        id: record.to_owned(),
        message_id: "m".to_owned(),
        duplicate_of: None,
        status,
        reason,
        detail: String::new(),
        rule: None,
        rules_version: Arc::from("1"),
        app: None,
        template: None,
        template_id: None,
        recipient: None,
        recipient_hash: None,
        event_id: None,
        event_type: None,
        event_source: None,
        event_time: None,
        business_key: None,
        topic: Arc::from("t"),
        partition: 0,
        offset: 1,
        errcode: None,
        errmsg: None,
        rid: None,
        msgid: None,
        param: None,
        attempts: 1,
        received_at: String::new(),
        settled_at: String::new(),
        waited_ms: 0,
        api_ms: 0,
        traceparent: None,
        record: None,
        more: BTreeMap::new(),
    })
}

fn settle(outcome: &Arc<Outcome>, holder: Option<Holder>) -> Request {
    Request::Settle(Settlement {
        outcome: Arc::clone(outcome),
        holder,
        grant: None,
        receipts: Receipts::None,
        refused_ms: None,
        on_unreadable: OnUnreadable::Fail,
        now_ms: NOW_MS,
    })
}

fn horizon(now_ms: i64) -> Horizon {
    Horizon {
        now_ms,
        remember_ms: 0,
    }
}

impl MemoryStore {
    /// The answer. A store in memory can read whatever it has.
    fn told(&mut self, request: &Request) -> Answer {
        self.answer(request).unwrap()
    }
}

const CLAIMED: Answer = claimed(Reservation::NotAsked);

/// To a claim.
const fn claimed(reservation: Reservation) -> Answer {
    Answer::Claim(ClaimAnswer::Claimed(reservation))
}

/// To a claim.
fn held(record: &str, holder: Holder) -> Answer {
    let held = held_by(record, holder);
    Answer::Claim(ClaimAnswer::Held(held))
}

fn held_by(record: &str, holder: Holder) -> Held {
    Held {
        outcome_id: Arc::from(record),
        holder,
        since_ms: NOW_MS,
    }
}

/// To a claim: the message of this record was sent.
fn duplicate(of: &str) -> Answer {
    let of = Arc::from(of);
    Answer::Claim(ClaimAnswer::Duplicate { of })
}

/// To a settlement.
fn settled(outcome: Arc<Outcome>) -> Answer {
    to_end(SettlementAnswer::Settled(outcome))
}

fn to_end(answer: SettlementAnswer) -> Answer {
    Answer::Settle(answer)
}

#[test]
fn a_message_is_granted_to_one_record_and_one_holder() {
    let mut store = MemoryStore::new(100);
    assert_eq!(store.told(&claim("x", holder(1))), CLAIMED);
    assert_eq!(store.told(&claim("x", holder(1))), CLAIMED, "asked again");
    assert_eq!(store.told(&claim("x", holder(2))), held("x", holder(1)));
    assert_eq!(store.told(&claim("y", holder(3))), held("x", holder(1)));
}

#[test]
fn what_was_sent_is_repeated_for_its_record_and_a_duplicate_for_others() {
    let mut store = MemoryStore::new(100);
    let sent = outcome("x", Status::Sent, Reason::Ok);
    store.told(&claim("x", holder(1)));
    let first = settled(Arc::clone(&sent));
    assert_eq!(store.told(&settle(&sent, Some(holder(1)))), first);
    let has_ended = ClaimAnswer::Settled(Arc::clone(&sent));
    assert_eq!(store.told(&claim("x", holder(2))), Answer::Claim(has_ended));
    let late = outcome("x", Status::Expired, Reason::Expired);
    assert_eq!(store.told(&settle(&late, None)), first);
    assert_eq!(store.told(&claim("y", holder(3))), duplicate("x"));
}

#[test]
fn what_failed_or_was_released_may_be_claimed_again() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    let failed = outcome("x", Status::Failed, Reason::AttemptsUsed);
    store.told(&settle(&failed, Some(holder(1))));
    assert_eq!(store.told(&claim("y", holder(2))), CLAIMED);
    let release = |holder| Request::Release {
        message_id: Arc::from("m"),
        holder,
        grant: None,
    };
    store.told(&release(holder(1)));
    assert_eq!(
        store.told(&claim("z", holder(3))),
        held("y", holder(2)),
        "another holder's claim stays"
    );
    store.told(&release(holder(2)));
    assert_eq!(store.told(&claim("z", holder(3))), CLAIMED);
    // The first record still has the outcome that it had.
    assert_eq!(
        store.told(&claim("x", holder(4))),
        Answer::Claim(ClaimAnswer::Settled(failed))
    );
}

#[test]
fn a_claim_in_doubt_is_taken_over_once() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    let over = Some(holder(1));
    assert_eq!(store.told(&claim_over("x", holder(2), over)), CLAIMED);
    assert_eq!(
        store.told(&claim_over("x", holder(3), over)),
        held("x", holder(2))
    );
    let sent = outcome("x", Status::Sent, Reason::Ok);
    assert_eq!(
        store.told(&settle(&sent, Some(holder(1)))),
        to_end(SettlementAnswer::TakenOver)
    );
    assert_eq!(store.told(&settle(&sent, Some(holder(2)))), settled(sent));
}

#[test]
fn an_end_without_a_claim_does_not_hide_one() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    let expired = outcome("x", Status::Expired, Reason::Expired);
    let open = SettlementAnswer::Held(held_by("x", holder(1)));
    assert_eq!(store.told(&settle(&expired, None)), to_end(open));
    let other = outcome("y", Status::Expired, Reason::Expired);
    assert_eq!(
        store.told(&settle(&other, None)),
        settled(Arc::clone(&other))
    );
    let unknown = outcome("x", Status::Unknown, Reason::InDoubt);
    assert_eq!(
        store.told(&settle(&unknown, Some(holder(1)))),
        settled(unknown)
    );
}

#[test]
fn the_oldest_are_forgotten_first() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    let sent = outcome("x", Status::Sent, Reason::Ok);
    store.told(&settle(&sent, Some(holder(1))));
    assert_eq!(store.purge(horizon(NOW_MS), 10), 0);
    assert_eq!(store.purge(horizon(NOW_MS + 1), 1), 1);
    assert_eq!(store.purge(horizon(NOW_MS + 1), 10), 1);
    assert_eq!(store.told(&claim("y", holder(2))), CLAIMED);
}

fn ledger() -> grants::Key {
    grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from("o1"),
        template_id: Arc::from("T1"),
    }
}

/// So many are left.
fn set(left: u32) -> Request {
    Request::Balance(grants::Query::Set {
        key: ledger(),
        left,
        now_ms: NOW_MS,
    })
}

/// Granted, reserved, used, left.
fn numbers(store: &mut MemoryStore) -> [u64; 4] {
    let look = Request::Balance(grants::Query::Look {
        key: ledger(),
        now_ms: NOW_MS,
    });
    let answer = store.told(&look);
    let Answer::Balance(balance) = answer else {
        panic!("{answer:?}");
    };
    [
        balance.granted,
        balance.reserved,
        balance.used,
        balance.left,
    ]
}

fn claim_with_grant(message: &str, ours: Holder, without: grants::Without) -> Request {
    Request::Claim(Claim {
        message_id: Arc::from(message),
        outcome_id: Arc::from(format!("x of {message}")),
        record: None,
        holder: ours,
        takes_over: None,
        on_unreadable: OnUnreadable::Fail,
        grant: Some(grants::Wish {
            key: ledger(),
            need: grants::Need::Grant(without),
        }),
        since_ms: NOW_MS,
        now_ms: NOW_MS,
    })
}

/// The end of what [`claim_with_grant`] began.
fn ended(message: &str, ours: Holder, status: Status, errcode: Option<i64>) -> Request {
    let mut outcome = outcome(&format!("x of {message}"), status, Reason::Ok);
    let ending = Arc::make_mut(&mut outcome);
    ending.message_id = message.to_owned();
    ending.errcode = errcode;
    ending.app = Some(Arc::from("shop"));
    ending.msgid = Some(format!("number of {message}"));
    Request::Settle(Settlement {
        outcome,
        holder: Some(ours),
        grant: Some(ledger()),
        receipts: Receipts::Expected,
        refused_ms: errcode.map(|_| NOW_MS),
        on_unreadable: OnUnreadable::Fail,
        now_ms: NOW_MS,
    })
}

#[test]
fn of_two_messages_one_has_the_grant_and_the_claim() {
    let mut store = MemoryStore::new(100);
    store.told(&set(1));
    let skip = grants::Without::Skip;
    let first = claim_with_grant("m1", holder(1), skip);
    let made = claimed(Reservation::Made);
    assert_eq!(store.told(&first), made);
    assert_eq!(store.told(&first), made, "asked again");
    let second = claim_with_grant("m2", holder(2), skip);
    let none = Answer::Claim(ClaimAnswer::NoGrant);
    assert_eq!(store.told(&second), none);
    assert_eq!(numbers(&mut store), [1, 1, 0, 0]);
    // Nothing is claimed for a message for which there was no grant.
    let anyway = claim_with_grant("m2", holder(3), grants::Without::Send);
    let missing = claimed(Reservation::Missing);
    assert_eq!(store.told(&anyway), missing);
}

#[test]
fn a_grant_ends_with_its_claim() {
    let mut store = MemoryStore::new(100);
    store.told(&set(3));
    let skip = grants::Without::Skip;
    for message in ["m1", "m2", "m3"] {
        store
            .answer(&claim_with_grant(message, holder(1), skip))
            .unwrap();
    }
    let release = |holder| Request::Release {
        message_id: Arc::from("m1"),
        holder,
        grant: Some(ledger()),
    };
    store.told(&release(holder(2)));
    assert_eq!(numbers(&mut store), [3, 3, 0, 0], "another holder's stays");
    store.told(&release(holder(1)));
    assert_eq!(numbers(&mut store), [3, 2, 0, 1]);
    store
        .answer(&ended("m2", holder(2), Status::Sent, None))
        .unwrap();
    assert_eq!(numbers(&mut store), [3, 2, 0, 1], "another holder's stays");
    for _ in 0..2 {
        store
            .answer(&ended("m2", holder(1), Status::Sent, None))
            .unwrap();
        assert_eq!(numbers(&mut store), [3, 1, 1, 1]);
    }
    store
        .answer(&ended("m3", holder(1), Status::Rejected, Some(43101)))
        .unwrap();
    assert_eq!(numbers(&mut store), [1, 0, 1, 0], "WeChat knows better");
}
