//! What earlier versions have left: files, and the keys of a Redis. `tests/cases/state` has them, as these versions wrote them when they were
//! asked for [`history`].

use wx_courier_core::grants::{self, Need, Source, Wish, Without};
use wx_courier_core::wechat::logins::UserName;
use wx_courier_core::wechat::{Word, logins, receipts};

use super::*;

fn ledger(openid: &str) -> grants::Key {
    grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from(openid),
        template_id: Arc::from("T1"),
    }
}

fn report(openid: &str, id: &str, source: Source, word: Word, at_ms: i64) -> Request {
    Request::Report(grants::Report {
        key: ledger(openid),
        id: Arc::from(id),
        source,
        word,
        at_ms,
        now_ms: NOW_MS,
    })
}

fn with_grant(request: Request, openid: &str) -> Request {
    match request {
        Request::Claim(mut claim) => {
            let (key, need) = (ledger(openid), Need::Grant(Without::Skip));
            claim.grant = Some(Wish { key, need });
            Request::Claim(claim)
        }
        Request::Settle(mut settlement) => {
            settlement.grant = Some(ledger(openid));
            Request::Settle(settlement)
        }
        other @ (Request::Release { .. }
        | Request::Report(_)
        | Request::Withdraw(_)
        | Request::Balance(_)
        | Request::Keep(_)
        | Request::Recall(_)
        | Request::Join(_)
        | Request::Done(_)
        | Request::Holds(_)
        | Request::Look(_)
        | Request::Propose(_)
        | Request::Note(_)) => other,
    }
}

fn keep(name: &str) -> Request {
    Request::Keep(logins::Keep {
        name: user_name(name),
        openid: Arc::from("o of a code"),
        now_ms: NOW_MS,
        until_ms: NOW_MS + 3_600_000,
    })
}

fn ended(message: u64, status: &str, msgid: Option<&str>) -> Request {
    let mut settlement = settlement(1, message, status);
    let outcome = Arc::make_mut(&mut settlement.outcome);
    outcome.msgid = msgid.map(str::to_owned);
    outcome
        .more
        .insert("due_at".to_owned(), json!({"in": ["a later", 1, null]}));
    settlement.receipts = Receipts::Expected;
    Request::Settle(settlement)
}

fn done(msgid: &str) -> Request {
    Request::Done(receipts::Done {
        key: number(msgid),
        now_ms: NOW_MS,
    })
}

fn number(msgid: &str) -> receipts::Key {
    receipts::Key {
        app: Arc::from("shop"),
        msgid: Arc::from(msgid),
    }
}

/// One of everything, in every form that it had.
fn history() -> Vec<Request> {
    let accepted = |id, source, at_ms| report("o1", id, source, Word::Accept, at_ms);
    vec![
        claim(1, 1),
        claim(1, 2),
        ended(2, "sent", Some("2862830402153865217")),
        claim(1, 3),
        ended(3, "failed", None),
        ended(4, "unknown", Some("77")),
        done("77"),
        accepted("1", Source::Event, NOW_MS - 9_000),
        accepted("2", Source::Callback, NOW_MS - 8_000),
        accepted("3", Source::Event, NOW_MS - 5_000),
        accepted("4", Source::Event, NOW_MS - 4_000),
        with_grant(claim(1, 5), "o1"),
        with_grant(claim(1, 6), "o1"),
        with_grant(sent(1, 6), "o1"),
        report("o2", "5", Source::Event, Word::Accept, NOW_MS - 70_000),
        with_grant(claim(1, 7), "o2"),
        report("o2", "6", Source::MiniProgram, Word::Reject, NOW_MS),
        report("o3", "7", Source::Event, Word::Accept, NOW_MS),
        keep("order-events/1/8/order-completed"),
        keep("session:1"),
    ]
}

/// What is asked of what was taken over: everything shows.
fn questions() -> Vec<Request> {
    let mut asked: Vec<Request> = (1..10).map(|message| claim(2, message)).collect();
    // Other records of the same messages.
    asked.extend((1..10).map(|message| {
        let Request::Claim(mut claim) = claim(2, message) else {
            panic!("a claim is a claim");
        };
        claim.outcome_id = Arc::from(format!("order-events/2/{message}/order-completed"));
        Request::Claim(claim)
    }));
    for msgid in ["2862830402153865217", "77", "1"] {
        asked.push(Request::Join(receipts::Join {
            key: number(msgid),
            now_ms: NOW_MS,
        }));
    }
    for name in ["order-events/1/8/order-completed", "session:1"] {
        asked.push(Request::Recall(Recall {
            name: user_name(name),
            message_id: None,
            now_ms: NOW_MS,
        }));
    }
    asked.push(Request::Settle(settlement(1, 1, "sent")));
    asked.push(with_grant(sent(1, 5), "o1"));
    asked.push(with_grant(ended(7, "failed", None), "o2"));
    // The accepts that other sources tell of now, and what WeChat takes back.
    for (id, source) in [("2", Source::Callback), ("8", Source::MiniProgram)] {
        asked.push(report("o1", id, source, Word::Accept, NOW_MS - 8_500));
    }
    asked.push(report(
        "o1",
        "9",
        Source::Callback,
        Word::Reject,
        NOW_MS - 8_500,
    ));
    for openid in ["o1", "o2", "o3"] {
        asked.push(Request::Balance(grants::Query::Look {
            key: ledger(openid),
            now_ms: NOW_MS,
        }));
    }
    asked
}

/// Goes on as if it had been asked for all of it itself.
fn goes_on(mut desk: Desk) {
    let mut model = Model::default();
    for request in history() {
        model.answer(&request);
    }
    for request in questions() {
        desk.ask(1, &request);
        let (_, answer) = desk.hear_answer();
        assert_eq!(answer, Ok(model.answer(&request)), "to {request:?}");
    }
    desk.close();
}

#[test]
fn a_file_of_an_earlier_version_goes_on_with_what_is_in_it() {
    for tables in [
        include_str!("../../cases/state/tables-2.sql"),
        include_str!("../../cases/state/tables-3.sql"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
        file.execute_batch(tables).unwrap();
        drop(file);
        goes_on(Desk::open_for(LONGER, sqlite_url(folder.path()), "g"));
    }
}

#[test]
fn keys_of_an_earlier_version_go_on_with_what_is_in_them() {
    for keys in [
        include_str!("../../cases/state/redis-1.json"),
        include_str!("../../cases/state/redis-2.json"),
    ] {
        let redis = Redis::start();
        let kept: BTreeMap<String, String> = serde_json::from_str(keys).unwrap();
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        for (key, text) in kept {
            let put = redis::cmd("SET").arg(key).arg(text).exec(&mut connection);
            put.unwrap();
        }
        goes_on(Desk::open_for(LONGER, redis_url(&redis.url()), "g"));
    }
}

/// As the version before named users: a session, or by the outcome of a message.
fn user_name(name: &str) -> UserName {
    match name.strip_prefix("session:") {
        Some(id) => UserName::Session {
            id: Arc::from(id),
            begun_ms: NOW_MS,
        },
        None => UserName::Message {
            outcome_id: Arc::from(name),
            record: None,
        },
    }
}
