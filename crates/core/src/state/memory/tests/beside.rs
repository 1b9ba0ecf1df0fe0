//! What is kept beside claims and outcomes.

use super::*;
use crate::state::{JoinAnswer, LEDGERS_FOR_MS, MarkSet, RecallAnswer};
use crate::wechat::logins::UserName;
use crate::wechat::{logins, receipts};

#[test]
fn a_receipt_finds_its_outcome_until_it_was_published() {
    let mut store = MemoryStore::new(100);
    let key = receipts::Key {
        app: Arc::from("shop"),
        msgid: Arc::from("number of m1"),
    };
    let (now_ms, join_key) = (NOW_MS, key.clone());
    let join = Request::Join(receipts::Join {
        key: join_key,
        now_ms,
    });
    let said = Answer::Join;
    assert_eq!(store.told(&join), said(JoinAnswer::Unknown));
    let end = ended("m1", holder(1), Status::Sent, None);
    let Answer::Settle(SettlementAnswer::Settled(outcome)) = store.told(&end) else {
        panic!("it is settled");
    };
    let joined = said(JoinAnswer::Joined(outcome));
    assert_eq!(store.told(&join), joined);
    assert_eq!(store.told(&join), joined, "as often as it is asked");
    let done = Request::Done(receipts::Done { key, now_ms });
    assert_eq!(store.told(&done), Answer::Done(MarkSet));
    assert_eq!(store.told(&join), said(JoinAnswer::Published));
}

#[test]
fn a_user_is_forgotten_with_his_message_or_in_time() {
    let mut store = MemoryStore::new(100);
    let session = || UserName::Session(Arc::from("1"));
    let message = || UserName::Message {
        outcome_id: Arc::from("x of m1"),
        record: None,
    };
    let keep = |name: UserName| {
        Request::Keep(logins::Keep {
            name,
            openid: Arc::from("o1"),
            now_ms: NOW_MS,
            until_ms: NOW_MS + 10,
        })
    };
    let recall = |store: &mut MemoryStore, name: UserName, now_ms| {
        let answer = store.told(&Request::Recall(logins::Recall {
            name,
            message_id: None,
            now_ms,
        }));
        let user = RecallAnswer::User(Some(Arc::from("o1")));
        answer == Answer::Recall(user)
    };
    store.told(&keep(message()));
    store.told(&keep(session()));
    assert!(recall(&mut store, message(), NOW_MS));
    store
        .answer(&ended("m1", holder(1), Status::Failed, None))
        .unwrap();
    assert!(!recall(&mut store, message(), NOW_MS));
    assert!(recall(&mut store, session(), NOW_MS + 9));
    assert!(!recall(&mut store, session(), NOW_MS + 10));
}

#[test]
fn a_ledger_is_kept_for_a_year_after_its_last_change() {
    let mut store = MemoryStore::new(100);
    store.told(&set(1));
    let year = horizon(NOW_MS + LEDGERS_FOR_MS);
    assert_eq!(store.purge(year, 10), 0);
    let longer = horizon(NOW_MS + LEDGERS_FOR_MS + 1);
    assert_eq!(store.purge(longer, 10), 1);
    assert_eq!(numbers(&mut store), [0, 0, 0, 0]);
}
