//! The file: which users may open it, what is in it, and how large it becomes. That it answers as it should is tested in `tests/it/store.rs`.

use std::sync::Arc;

use super::*;
use wx_courier_core::grants::{self, Reservation};
use wx_courier_core::model::{Holder, Ticket};
use wx_courier_core::state::{
    Answer, Claim, ClaimAnswer, MemoryStore, OnUnreadable, Settlement, SettlementAnswer,
};
use wx_courier_core::wechat::logins;
use wx_courier_core::wechat::receipts::{self, Receipts};

const NOW_MS: i64 = 1_800_000_000_000;

const CLAIMED: Reply = Ok(Answer::Claim(ClaimAnswer::Claimed(Reservation::NotAsked)));

fn holder(ticket: usize) -> Holder {
    Holder {
        process: 7,
        ticket: Ticket(ticket as u64),
    }
}

fn claim(message: usize, now_ms: i64) -> Request {
    Request::Claim(Claim {
        message_id: Arc::from(format!("order-completed:/shop/orders:{message:08x}")),
        outcome_id: Arc::from(format!("order-events/1/{message}/order-completed")),
        record: None,
        holder: holder(message),
        takes_over: None,
        on_unreadable: OnUnreadable::Fail,
        grant: None,
        since_ms: now_ms,
        now_ms,
    })
}

fn settle(message: usize, now_ms: i64) -> Request {
    let outcome = serde_json::json!({
        "id": format!("order-events/1/{message}/order-completed"),
        "message_id": format!("order-completed:/shop/orders:{message:08x}"),
        "status": "sent", "reason": "ok", "detail": "WeChat took it",
        "rules_version": "1", "topic": "order-events", "partition": 1, "offset": message,
        "attempts": 1, "received_at": "", "settled_at": "", "waited_ms": 0, "api_ms": 0,
    });
    Request::Settle(Settlement {
        outcome: Arc::new(serde_json::from_value(outcome).unwrap()),
        holder: Some(holder(message)),
        grant: None,
        receipts: Receipts::None,
        refused_ms: None,
        on_unreadable: OnUnreadable::Fail,
        now_ms,
    })
}

fn n_pages(sqlite: &Sqlite) -> i64 {
    let count = sqlite
        .connection
        .as_ref()
        .unwrap()
        .query_row("PRAGMA page_count", [], |row| row.get(0));
    count.unwrap()
}

#[test]
fn a_second_process_is_refused_and_the_next_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where/state.db");
    let mut first = Sqlite::open(&path).unwrap();
    first.carry_out(&[claim(1, NOW_MS)]).unwrap();
    let refused = Sqlite::open(&path).err().unwrap().to_string();
    assert!(refused.contains("belongs to another process"), "{refused}");
    assert!(refused.contains("state.db"), "{refused}");
    drop(first);
    let mut next = Sqlite::open(&path).unwrap();
    let answers = next
        .carry_out(&[settle(1, NOW_MS), claim(1, NOW_MS)])
        .unwrap();
    assert!(matches!(
        answers.as_slice(),
        [
            Ok(Answer::Settle(SettlementAnswer::Settled(_))),
            Ok(Answer::Claim(ClaimAnswer::Settled(_)))
        ]
    ));
}

#[test]
fn a_newer_file_and_a_file_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let sqlite = Sqlite::open(&path).unwrap();
    sqlite
        .connection
        .as_ref()
        .unwrap()
        .pragma_update(None, "user_version", 9)
        .unwrap();
    drop(sqlite);
    let refused = format!("{:#}", Sqlite::open(&path).err().unwrap());
    assert!(refused.contains("newer wx-courier (version 9"), "{refused}");
    let path = folder.path().join("text.db");
    std::fs::write(
        &path,
        "no database at all, but text that is long enough to be looked at",
    )
    .unwrap();
    let refused = format!("{:#}", Sqlite::open(&path).err().unwrap());
    assert!(refused.contains("not a database"), "{refused}");
}

fn n_sent(sqlite: &Sqlite) -> i64 {
    let connection = sqlite.connection.as_ref().unwrap();
    let count = connection.query_row("SELECT count(*) FROM sent", [], |row| row.get(0));
    count.unwrap()
}

#[test]
fn what_was_sent_is_forgotten_in_its_order_and_a_row_of_a_wrong_clock_keeps_none() {
    const N_SENT: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = Sqlite::open(&folder.path().join("state.db")).unwrap();
    for message in 0..N_SENT {
        // The clock was an hour ahead for the first one.
        let at_ms = NOW_MS + if message == 0 { 3_600_000 } else { 0 };
        let requests = [claim(message, at_ms), settle(message, at_ms)];
        sqlite.carry_out(&requests).unwrap();
    }
    let horizon = |later_ms| Horizon {
        now_ms: NOW_MS + later_ms,
        remember_ms: 1_000,
    };
    sqlite.look_after(horizon(1_000), 100).unwrap();
    assert_eq!(n_sent(&sqlite), 20);
    // The outcomes come after.
    sqlite.look_after(horizon(1_001), 10).unwrap();
    assert_eq!(n_sent(&sqlite), 11);
    sqlite.look_after(horizon(1_001), 100).unwrap();
    assert_eq!(n_sent(&sqlite), 1);
    sqlite.look_after(horizon(4_000_000), 100).unwrap();
    assert_eq!(n_sent(&sqlite), 0);
}

/// Version 1 as it was. If this changes, files of version 1 are not read any more.
const FILE_OF_VERSION_1: &str = "
    CREATE TABLE claims (
        message_id TEXT NOT NULL UNIQUE,
        outcome_id TEXT NOT NULL,
        holder     TEXT,                -- NULL: it was sent, or may have been
        since_ms   INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX claims_by_age ON claims (since_ms);
    CREATE TABLE outcomes (
        id         TEXT NOT NULL UNIQUE,
        json       TEXT NOT NULL,
        settled_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX outcomes_by_age ON outcomes (settled_ms);
    PRAGMA user_version = 1;
    INSERT INTO claims VALUES
        ('order-completed:/shop/orders:00000001', 'order-events/1/1/order-completed', '0000000000000007-1', 1800000000000),
        ('order-completed:/shop/orders:00000002', 'order-events/1/2/order-completed', NULL, 1800000000000);
    INSERT INTO outcomes VALUES ('order-events/1/2/order-completed',
        '{\"id\":\"order-events/1/2/order-completed\",\"message_id\":\"order-completed:/shop/orders:00000002\",\"status\":\"sent\",
          \"reason\":\"ok\",\"detail\":\"\",\"rules_version\":\"1\",\"topic\":\"order-events\",\"partition\":1,\"offset\":2,\"attempts\":1,
          \"received_at\":\"\",\"settled_at\":\"\",\"waited_ms\":0,\"api_ms\":0}', 1800000000000);
";

#[test]
fn a_file_of_the_first_version_goes_on_with_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FILE_OF_VERSION_1).unwrap();
    drop(old);
    let schema = |path: &Path| -> Vec<String> {
        let connection = Connection::open(path).unwrap();
        let mut select = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let set = Request::Balance(grants::Query::Set {
        key: ledger(1),
        left: 3,
        now_ms: NOW_MS,
    });
    for _ in 0..2 {
        let mut sqlite = Sqlite::open(&path).unwrap();
        let mut other = claim(2, NOW_MS);
        if let Request::Claim(other) = &mut other {
            other.outcome_id = Arc::from("order-events/1/9/order-completed");
            other.holder = holder(9);
        }
        let answers = sqlite
            .carry_out(&[claim(1, NOW_MS), claim(2, NOW_MS), other, set.clone()])
            .unwrap();
        assert_eq!(answers[0], CLAIMED);
        let claims = &answers[1..3];
        assert!(
            matches!(
                claims,
                [
                    Ok(Answer::Claim(ClaimAnswer::Settled(outcome))),
                    Ok(Answer::Claim(ClaimAnswer::Duplicate { .. })),
                ] if outcome.offset == 2
            ),
            "{claims:?}"
        );
        assert!(matches!(answers[3], Ok(Answer::Balance(balance)) if balance.left == 3));
    }
    // What has grown is what is made today.
    let new = folder.path().join("new.db");
    drop(Sqlite::open(&new).unwrap());
    assert_eq!(schema(&path), schema(&new));
}

fn ledger(user: usize) -> grants::Key {
    grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from(format!("o{user}")),
        template_id: Arc::from("T1"),
    }
}

/// One of everything that is kept beside claims and outcomes.
fn others(user: usize, now_ms: i64) -> [Request; 3] {
    let report = grants::Report {
        key: ledger(user),
        id: Arc::from(format!("{user}")),
        source: grants::Source::Event,
        word: wx_courier_core::wechat::Word::Accept,
        at_ms: now_ms,
        now_ms,
    };
    let keep = logins::Keep {
        name: logins::UserName::Session {
            id: Arc::from(user.to_string()),
            begun_ms: now_ms,
        },
        openid: Arc::from(format!("o{user}")),
        now_ms,
        until_ms: now_ms + 1_000,
    };
    let done = receipts::Done {
        key: receipts::Key {
            app: Arc::from("shop"),
            msgid: Arc::from(format!("{user}")),
        },
        now_ms,
    };
    [
        Request::Report(report),
        Request::Keep(keep),
        Request::Done(done),
    ]
}

#[test]
fn everything_is_forgotten_in_its_time_as_the_book_forgets_it() {
    const DAY_MS: i64 = 86_400_000;
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let mut book = MemoryStore::new(1_000);
    for user in 0..20 {
        let now_ms = NOW_MS + i64::try_from(user).unwrap() * DAY_MS;
        let mut numbered = settle(user, now_ms);
        if let Request::Settle(numbered) = &mut numbered {
            numbered.receipts = Receipts::Expected;
            let outcome = Arc::make_mut(&mut numbered.outcome);
            (outcome.app, outcome.msgid) = (Some(Arc::from("shop")), Some(format!("{user}")));
        }
        let mut requests = vec![claim(user, now_ms), numbered];
        requests.extend(others(user, now_ms));
        let answers = sqlite.carry_out(&requests).unwrap();
        let expected: Vec<Reply> = requests
            .iter()
            .map(|request| book.answer(request))
            .collect();
        assert_eq!(answers, expected);
    }
    let purges = [
        (0, 1),
        (500, 30),
        (500, 365),
        (3, 380),
        (50, 380),
        (500, 381),
        (500, 385),
        (500, 400),
    ];
    let mut n_forgotten = Vec::new();
    for (at_most, day) in purges {
        let horizon = Horizon {
            now_ms: NOW_MS + day * DAY_MS + 1,
            remember_ms: 20 * DAY_MS,
        };
        let n = sqlite.look_after(horizon, at_most).unwrap();
        assert_eq!(n, book.purge(horizon, at_most), "on day {day}");
        n_forgotten.push(n);
    }
    // Claim, outcome, number, two marks, user and ledger of each of the twenty.
    assert_eq!(n_forgotten.iter().sum::<usize>(), 140, "{n_forgotten:?}");
}

#[test]
fn what_is_old_is_forgotten_and_the_file_stays_as_large_as_it_was() {
    const N_A_DAY: usize = 1_000;
    const DAY_MS: i64 = 86_400_000;
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let mut sizes = Vec::new();
    for day in 0..20_usize {
        let now_ms = NOW_MS + i64::try_from(day).unwrap() * DAY_MS;
        // Keys far apart, as hashes and random event ids are.
        let scattered = (day * N_A_DAY..(day + 1) * N_A_DAY)
            .map(|message| message.wrapping_mul(2_654_435_761) & 0xffff_ffff);
        let requests: Vec<Request> = scattered
            .flat_map(|message| [claim(message, now_ms), settle(message, now_ms)])
            .collect();
        for batch in requests.chunks(40) {
            sqlite.carry_out(batch).unwrap();
        }
        // Claims without an end, too.
        let open: Vec<Request> = (0..100)
            .map(|n| claim(((day + 1) << 40) + n, now_ms))
            .collect();
        sqlite.carry_out(&open).unwrap();
        let before_ms = now_ms - 2 * DAY_MS;
        let mut n_forgotten = 0;
        loop {
            let n = sqlite
                .look_after(
                    Horizon {
                        now_ms: before_ms,
                        remember_ms: 0,
                    },
                    500,
                )
                .unwrap();
            n_forgotten += n;
            if n < 500 {
                break;
            }
        }
        let expected = if day > 2 { 2 * N_A_DAY + 100 } else { 0 };
        assert_eq!(n_forgotten, expected, "on day {day}");
        sizes.push(n_pages(&sqlite));
    }
    // Three days are kept, and one is on its way out.
    assert!(sizes[19] <= sizes[5] * 11 / 10, "pages: {sizes:?}");
}

#[test]
fn a_full_disk_is_an_error_until_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let n_now = n_pages(&sqlite);
    let limit = |sqlite: &Sqlite, pages: i64| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        sqlite
            .connection
            .as_ref()
            .unwrap()
            .query_row(&pragma, [], |row| row.get::<_, i64>(0))
            .unwrap();
    };
    limit(&sqlite, n_now + 2);
    let batch: Vec<Request> = (0..500).map(|message| claim(message, NOW_MS)).collect();
    let Failure::Outage(error) = sqlite.carry_out(&batch).unwrap_err() else {
        panic!("a full disk is no matter of one request");
    };
    let said = format!("{error:#}");
    assert!(
        said.starts_with("the disk is full") && said.contains("`df -h "),
        "{said}"
    );
    limit(&sqlite, n_now + 10_000);
    let answers = sqlite.carry_out(&batch).unwrap();
    assert!(answers.iter().all(|answer| *answer == CLAIMED));
}
