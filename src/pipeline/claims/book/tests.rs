//! The answers, one by one.

use super::*;
use crate::pipeline::admission::Ticket;
use crate::pipeline::outcome::{Reason, Status};

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
        holder: ours,
        over,
        grant: None,
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
        event_id: None,
        event_type: None,
        event_source: None,
        event_time: None,
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
    })
}

fn settle(outcome: &Arc<Outcome>, holder: Option<Holder>) -> Request {
    Request::Settle(Settlement {
        outcome: Arc::clone(outcome),
        holder,
        grant: None,
        receipts: Receipts::None,
        now_ms: NOW_MS,
    })
}

fn horizon(now_ms: i64) -> Horizon {
    Horizon {
        now_ms,
        remember_ms: 0,
    }
}

fn held(record: &str, holder: Holder) -> Answer {
    Answer::Held(Held {
        outcome_id: Arc::from(record),
        holder,
        since_ms: NOW_MS,
    })
}

#[test]
fn a_message_is_granted_to_one_record_and_one_holder() {
    let mut book = Book::new(100);
    assert_eq!(
        book.answer(&claim("x", holder(1))),
        Answer::Claimed(Reservation::NotAsked)
    );
    assert_eq!(
        book.answer(&claim("x", holder(1))),
        Answer::Claimed(Reservation::NotAsked),
        "asked again"
    );
    assert_eq!(book.answer(&claim("x", holder(2))), held("x", holder(1)));
    assert_eq!(book.answer(&claim("y", holder(3))), held("x", holder(1)));
}

#[test]
fn what_was_sent_is_repeated_for_its_record_and_a_duplicate_for_others() {
    let mut book = Book::new(100);
    let sent = outcome("x", Status::Sent, Reason::Ok);
    book.answer(&claim("x", holder(1)));
    let settled = Answer::Settled(Arc::clone(&sent));
    assert_eq!(book.answer(&settle(&sent, Some(holder(1)))), settled);
    assert_eq!(book.answer(&claim("x", holder(2))), settled);
    let late = outcome("x", Status::Expired, Reason::Expired);
    assert_eq!(book.answer(&settle(&late, None)), settled);
    let of = Arc::from("x");
    assert_eq!(
        book.answer(&claim("y", holder(3))),
        Answer::Duplicate { of }
    );
}

#[test]
fn what_failed_or_was_released_may_be_claimed_again() {
    let mut book = Book::new(100);
    book.answer(&claim("x", holder(1)));
    let failed = outcome("x", Status::Failed, Reason::AttemptsUsed);
    book.answer(&settle(&failed, Some(holder(1))));
    assert_eq!(
        book.answer(&claim("y", holder(2))),
        Answer::Claimed(Reservation::NotAsked)
    );
    let release = |holder| Request::Release {
        message_id: Arc::from("m"),
        holder,
        grant: None,
    };
    book.answer(&release(holder(1)));
    assert_eq!(
        book.answer(&claim("z", holder(3))),
        held("y", holder(2)),
        "another holder's claim stays"
    );
    book.answer(&release(holder(2)));
    assert_eq!(
        book.answer(&claim("z", holder(3))),
        Answer::Claimed(Reservation::NotAsked)
    );
    // The first record still has the outcome that it had.
    assert_eq!(book.answer(&claim("x", holder(4))), Answer::Settled(failed));
}

#[test]
fn a_claim_in_doubt_is_taken_over_once() {
    let mut book = Book::new(100);
    book.answer(&claim("x", holder(1)));
    let over = Some(holder(1));
    assert_eq!(
        book.answer(&claim_over("y", holder(2), over)),
        held("x", holder(1)),
        "by the same record only"
    );
    assert_eq!(
        book.answer(&claim_over("x", holder(2), over)),
        Answer::Claimed(Reservation::NotAsked)
    );
    assert_eq!(
        book.answer(&claim_over("x", holder(3), over)),
        held("x", holder(2))
    );
    let sent = outcome("x", Status::Sent, Reason::Ok);
    assert_eq!(
        book.answer(&settle(&sent, Some(holder(1)))),
        Answer::TakenOver
    );
    assert_eq!(
        book.answer(&settle(&sent, Some(holder(2)))),
        Answer::Settled(sent)
    );
}

#[test]
fn an_end_without_a_claim_does_not_hide_one() {
    let mut book = Book::new(100);
    book.answer(&claim("x", holder(1)));
    let expired = outcome("x", Status::Expired, Reason::Expired);
    assert_eq!(book.answer(&settle(&expired, None)), held("x", holder(1)));
    let other = outcome("y", Status::Expired, Reason::Expired);
    assert_eq!(
        book.answer(&settle(&other, None)),
        Answer::Settled(Arc::clone(&other))
    );
    let unknown = outcome("x", Status::Unknown, Reason::InDoubt);
    assert_eq!(
        book.answer(&settle(&unknown, Some(holder(1)))),
        Answer::Settled(unknown)
    );
}

#[test]
fn the_oldest_are_forgotten_first() {
    let mut book = Book::new(100);
    book.answer(&claim("x", holder(1)));
    let sent = outcome("x", Status::Sent, Reason::Ok);
    book.answer(&settle(&sent, Some(holder(1))));
    assert_eq!(book.purge(horizon(NOW_MS), 10), 0);
    assert_eq!(book.purge(horizon(NOW_MS + 1), 1), 1);
    assert_eq!(book.purge(horizon(NOW_MS + 1), 10), 1);
    assert_eq!(
        book.answer(&claim("y", holder(2))),
        Answer::Claimed(Reservation::NotAsked)
    );
}
