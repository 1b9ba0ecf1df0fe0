//! What is kept beside claims and outcomes.

use super::*;
use crate::state::LEDGERS_FOR_MS;
use crate::wechat::{logins, receipts};

#[test]
fn a_receipt_finds_its_outcome_until_it_was_published() {
    let mut store = MemoryStore::new(100);
    let key = receipts::Key {
        app: Arc::from("shop"),
        msgid: Arc::from("number of m1"),
    };
    let (now_ms, join_key) = (NOW_MS, key.clone());
    let join = Request::Receipt(receipts::Question::Join {
        key: join_key,
        now_ms,
    });
    let said = |reply| Answer::Receipt(reply);
    assert_eq!(store.answer(&join), said(receipts::Reply::Unknown));
    let Answer::Settled(outcome) = store.answer(&ended("m1", holder(1), Status::Sent, None)) else {
        panic!("it is settled");
    };
    let joined = said(receipts::Reply::Joined(outcome));
    assert_eq!(store.answer(&join), joined);
    assert_eq!(store.answer(&join), joined, "as often as it is asked");
    let done = Request::Receipt(receipts::Question::Done { key, now_ms });
    assert_eq!(store.answer(&done), said(receipts::Reply::Noted));
    assert_eq!(store.answer(&join), said(receipts::Reply::Published));
}

#[test]
fn a_user_is_forgotten_with_his_message_or_in_time() {
    let mut store = MemoryStore::new(100);
    let keep = |name: &str| {
        Request::Login(logins::Question::Keep {
            name: Arc::from(name),
            openid: Arc::from("o1"),
            now_ms: NOW_MS,
            until_ms: NOW_MS + 10,
        })
    };
    let recall = |store: &mut MemoryStore, name: &str, now_ms| {
        let name = Arc::from(name);
        let answer = store.answer(&Request::Login(logins::Question::Recall {
            name,
            message_id: None,
            now_ms,
        }));
        answer == Answer::Login(logins::Reply::User(Some(Arc::from("o1"))))
    };
    store.answer(&keep("x of m1"));
    store.answer(&keep("session:1"));
    assert!(recall(&mut store, "x of m1", NOW_MS));
    store.answer(&ended("m1", holder(1), Status::Failed, None));
    assert!(!recall(&mut store, "x of m1", NOW_MS));
    assert!(recall(&mut store, "session:1", NOW_MS + 9));
    assert!(!recall(&mut store, "session:1", NOW_MS + 10));
}

#[test]
fn a_ledger_is_kept_for_a_year_after_its_last_change() {
    let mut store = MemoryStore::new(100);
    store.answer(&set(1));
    let year = horizon(NOW_MS + LEDGERS_FOR_MS);
    assert_eq!(store.purge(year, 10), 0);
    let longer = horizon(NOW_MS + LEDGERS_FOR_MS + 1);
    assert_eq!(store.purge(longer, 10), 1);
    assert_eq!(numbers(&mut store), [0, 0, 0, 0]);
}
