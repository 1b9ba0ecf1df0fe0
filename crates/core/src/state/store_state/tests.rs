//! Rows that cannot be read or written. What is answered where all rows can be read is tested with the book, and with the stores.

mod holds;

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::grants::{Report, Source, Wish};
use crate::model::Ticket;
use crate::state::rows::User;
use crate::wechat::receipts::{self, Receipts};
use crate::wechat::{Word, logins};

const NOW_MS: i64 = 1_800_000_000_000;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Unreadable,
    Damaged,
}

/// A claim of the holder, a user and an empty place for all else; one row is at fault. Notes what is written.
struct Faulty {
    fault: Fault,
    row: Row,
    written: Rc<RefCell<Vec<Row>>>,
}

impl Rows for Faulty {
    type Error = &'static str;

    fn get(&mut self, key: &Key) -> Result<Option<Value>, RowError<&'static str>> {
        if key.row() == self.row {
            return Err(match self.fault {
                Fault::Unreadable => RowError::Unreadable,
                Fault::Damaged => RowError::Damaged("a page"),
            });
        }
        Ok(match key {
            Key::Claim(_) => Some(Value::Claim(Entry {
                outcome_id: Arc::from("t/0/1/r"),
                since_ms: NOW_MS,
                state: ClaimState::Open(HOLDER),
                record: None,
            })),
            Key::User(_) => Some(Value::User(User {
                openid: Arc::from("o1"),
                until_ms: NOW_MS + 1,
            })),
            Key::Number(_) => Some(Value::Number(Arc::from("t/0/1/r"))),
            Key::Outcome(_)
            | Key::Ledger(_)
            | Key::Mark(_)
            | Key::Holds
            | Key::RecipientKey
            | Key::Instances => None,
        })
    }

    fn put(&mut self, key: Key, _: Value, _: Age) -> Result<(), RowError<&'static str>> {
        self.written.borrow_mut().push(key.row());
        Ok(())
    }

    fn take(&mut self, key: &Key) -> Result<(), RowError<&'static str>> {
        self.written.borrow_mut().push(key.row());
        Ok(())
    }
}

const HOLDER: Holder = Holder {
    process: 7,
    ticket: Ticket(1),
};

fn ledger() -> grants::Key {
    grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from("o1"),
        template_id: Arc::from("T1"),
    }
}

fn claim(on_unreadable: OnUnreadable) -> Request {
    Request::Claim(Claim {
        message_id: Arc::from("m"),
        outcome_id: Arc::from("t/0/1/r"),
        record: None,
        holder: HOLDER,
        takes_over: None,
        grant: Some(Wish {
            key: ledger(),
            need: Need::Grant(Without::Send),
        }),
        on_unreadable,
        since_ms: NOW_MS,
        now_ms: NOW_MS,
    })
}

fn settle(on_unreadable: OnUnreadable) -> Request {
    let outcome = serde_json::json!({
        "id": "t/0/1/r", "message_id": "m", "status": "sent", "reason": "ok", "detail": "", "rules_version": "1",
        "topic": "t", "partition": 0, "offset": 1, "attempts": 1, "received_at": "", "settled_at": "",
        "waited_ms": 0, "api_ms": 0, "app": "shop", "msgid": "77",
    });
    Request::Settle(Settlement {
        outcome: Arc::new(serde_json::from_value(outcome).unwrap()),
        holder: Some(HOLDER),
        grant: Some(ledger()),
        receipts: Receipts::Expected,
        refused_ms: None,
        on_unreadable,
        now_ms: NOW_MS,
    })
}

fn others() -> [Request; 5] {
    let report = Report {
        key: ledger(),
        id: Arc::from("1"),
        source: Source::Event,
        word: Word::Accept,
        at_ms: NOW_MS,
        now_ms: NOW_MS,
    };
    let name = logins::UserName::Message {
        outcome_id: Arc::from("t/0/1/r"),
        record: None,
    };
    let number = receipts::Key {
        app: Arc::from("shop"),
        msgid: Arc::from("77"),
    };
    [
        Request::Report(report),
        Request::Balance(grants::Query::Look {
            key: ledger(),
            now_ms: NOW_MS,
        }),
        Request::Keep(logins::Keep {
            name: name.clone(),
            openid: Arc::from("o1"),
            now_ms: NOW_MS,
            until_ms: NOW_MS + 1,
        }),
        Request::Recall(logins::Recall {
            name,
            message_id: None,
            now_ms: NOW_MS,
        }),
        Request::Join(receipts::Join {
            key: number,
            now_ms: NOW_MS,
        }),
    ]
}

/// What a store with this fault replies, and the rows that it has written.
fn ask(request: &Request, fault: Fault, row: Row) -> (Result<Reply, &'static str>, Vec<Row>) {
    let written = Rc::new(RefCell::new(Vec::new()));
    let rows = Faulty {
        fault,
        row,
        written: Rc::clone(&written),
    };
    let answer = StoreState::new(rows).answer(request);
    (answer, written.take())
}

#[test]
fn a_request_that_ends_at_a_row_has_written_nothing() {
    let mut asked = vec![claim(OnUnreadable::Fail), settle(OnUnreadable::Fail)];
    asked.extend(others());
    let mut n_ended = 0;
    for request in &asked {
        for row in Row::ALL {
            match ask(request, Fault::Unreadable, row) {
                (Ok(Err(told)), written) => {
                    assert_eq!((told, written), (row, Vec::new()), "{request:?}");
                    n_ended += 1;
                }
                (Ok(Ok(_)), _) => {}
                (Err(why), _) => panic!("{why}"),
            }
            if let (Err(_), written) = ask(request, Fault::Damaged, row) {
                assert_eq!(written, Vec::new(), "{request:?}, {row:?}");
            }
        }
    }
    // Each request with each row that it needs.
    assert_eq!(n_ended, 3 + 3 + 2 + 1 + 1 + 2 + 3);
}

#[test]
fn what_may_be_replaced_is_written_anew_whatever_is_wrong_with_it() {
    for fault in [Fault::Unreadable, Fault::Damaged] {
        for row in [Row::Claim, Row::Outcome] {
            let (answer, _) = ask(&claim(OnUnreadable::Overwrite), fault, row);
            let claimed = Answer::Claim(ClaimAnswer::Claimed(Reservation::Missing));
            assert_eq!(answer, Ok(Ok(claimed)));
            let (answer, written) = ask(&settle(OnUnreadable::Overwrite), fault, row);
            let is_settled = matches!(answer, Ok(Ok(Answer::Settle(SettlementAnswer::Settled(_)))));
            assert!(is_settled, "{answer:?}");
            assert!(written.contains(&row));
        }
        // A ledger stays as it is.
        for request in [
            claim(OnUnreadable::Overwrite),
            settle(OnUnreadable::Overwrite),
        ] {
            let (answer, written) = ask(&request, fault, Row::Ledger);
            assert!(
                matches!(answer, Ok(Ok(_))) && !written.contains(&Row::Ledger),
                "{answer:?}"
            );
        }
    }
}

#[test]
fn a_release_is_answered_whatever_it_finds() {
    let release = Request::Release {
        message_id: Arc::from("m"),
        holder: HOLDER,
        grant: Some(ledger()),
    };
    for fault in [Fault::Unreadable, Fault::Damaged] {
        for (row, expected) in [(Row::Claim, vec![]), (Row::Ledger, vec![Row::Claim])] {
            let (answer, written) = ask(&release, fault, row);
            assert_eq!((answer, written), (Ok(Ok(Answer::Released)), expected));
        }
    }
}
