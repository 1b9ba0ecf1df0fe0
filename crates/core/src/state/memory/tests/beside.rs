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
    let session = || UserName::Session {
        id: Arc::from("1"),
        begun_ms: NOW_MS,
    };
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

#[test]
fn a_user_who_has_left_has_neither_sessions_nor_grants() {
    let mut store = MemoryStore::new(100);
    let key = |template_id: &str| grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from("o1"),
        template_id: Arc::from(template_id),
    };
    let set = |template_id| {
        Request::Balance(grants::Query::Set {
            key: key(template_id),
            left: 2,
            now_ms: NOW_MS - 1,
        })
    };
    let left = |store: &mut MemoryStore, template_id| {
        let look = Request::Balance(grants::Query::Look {
            key: key(template_id),
            now_ms: NOW_MS,
        });
        let Answer::Balance(balance) = store.told(&look) else {
            panic!("it is the balance");
        };
        balance.left
    };
    let session = |begun_ms| UserName::Session {
        id: Arc::from("1"),
        begun_ms,
    };
    let recall = |store: &mut MemoryStore, begun_ms| {
        store.told(&Request::Recall(logins::Recall {
            name: session(begun_ms),
            message_id: None,
            now_ms: NOW_MS,
        }))
    };
    let user = |openid: Option<&str>| Answer::Recall(RecallAnswer::User(openid.map(Arc::from)));
    store.told(&set("T1"));
    store.told(&set("T2"));
    store.told(&Request::Keep(logins::Keep {
        name: session(0),
        openid: Arc::from("o1"),
        now_ms: NOW_MS,
        until_ms: NOW_MS + 1_000,
    }));
    assert_eq!(recall(&mut store, NOW_MS - 1), user(Some("o1")));
    let withdrawal = |templates: &[&str]| {
        Request::Withdraw(grants::Withdrawal {
            app: Arc::from("shop"),
            openid: Arc::from("o1"),
            template_ids: templates.iter().copied().map(Arc::from).collect(),
            at_ms: NOW_MS,
            now_ms: NOW_MS,
        })
    };
    let cleared = |ledgers| Answer::Withdraw(grants::Cleared { ledgers });
    assert_eq!(store.told(&withdrawal(&[])), cleared(0));
    assert_eq!(
        recall(&mut store, NOW_MS),
        user(None),
        "the session is over"
    );
    assert_eq!(
        recall(&mut store, NOW_MS + 1),
        user(Some("o1")),
        "a new one is not"
    );
    assert_eq!(left(&mut store, "T1"), 2);
    let all = withdrawal(&["T1", "T2", "never"]);
    assert_eq!(store.told(&all), cleared(2));
    assert_eq!(
        store.told(&all),
        cleared(0),
        "told again, nothing is left to clear"
    );
    assert_eq!((left(&mut store, "T1"), left(&mut store, "T2")), (0, 0));
}
