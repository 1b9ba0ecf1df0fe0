//! The file: who may open it, what is in it, and how large it becomes. That it answers as it should is tested in `tests/it/store.rs`.

use std::sync::Arc;

use super::*;
use crate::pipeline::admission::Ticket;
use crate::pipeline::claims::{Claim, Holder, Settlement};
use crate::pipeline::grants::Reservation;
use crate::pipeline::receipts::Receipts;

const NOW_MS: i64 = 1_800_000_000_000;

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
        holder: holder(message),
        over: None,
        grant: None,
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
        now_ms,
    })
}

fn n_pages(sqlite: &Sqlite) -> i64 {
    let count = sqlite
        .connection
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
        [Answer::Settled(_), Answer::Settled(_)]
    ));
}

#[test]
fn a_newer_file_and_a_file_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let sqlite = Sqlite::open(&path).unwrap();
    sqlite
        .connection
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
                .purge(
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
            .query_row(&pragma, [], |row| row.get::<_, i64>(0))
            .unwrap();
    };
    limit(&sqlite, n_now + 2);
    let batch: Vec<Request> = (0..500).map(|message| claim(message, NOW_MS)).collect();
    let error = sqlite.carry_out(&batch).unwrap_err().to_string();
    assert!(error.contains("full"), "{error}");
    limit(&sqlite, n_now + 10_000);
    let answers = sqlite.carry_out(&batch).unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| *answer == Answer::Claimed(Reservation::NotAsked))
    );
}
