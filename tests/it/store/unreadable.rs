//! Entries that cannot be read: of a later version, junk, or on a damaged page. They cost what needs them, and nothing else.

use std::fs;

use redis::Commands as _;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use wx_courier_core::grants::{self, Need, Without};
use wx_courier_core::model::outcome::RecipientKey;
use wx_courier_core::state::rows::short_name;
use wx_courier_core::state::{JoinAnswer, Proposal, Row};
use wx_courier_core::wechat::logins::UserName;
use wx_courier_core::wechat::receipts;

use super::*;
use crate::support::wait_until;

/// A store whose entries can be written from outside.
enum Place {
    Sqlite(TempDir),
    Redis(Redis),
}

const GROUP: &str = "g";

/// No text at all.
const NO_TEXT: &[u8] = &[0xff, 0xfe];

impl Place {
    fn all() -> [Self; 2] {
        [
            Self::Sqlite(tempfile::tempdir().unwrap()),
            Self::Redis(Redis::start()),
        ]
    }

    fn desk(&self) -> Desk {
        match self {
            Self::Sqlite(folder) => Desk::open_for(LONGER, sqlite_url(folder.path()), GROUP),
            Self::Redis(redis) => Desk::open_for(LONGER, redis_url(&redis.url()), GROUP),
        }
    }

    /// Writes an entry, while no desk is open.
    fn plant(&self, row: Row, name: &str, junk: &[u8]) {
        match self {
            Self::Sqlite(folder) => plant_in_file(folder.path(), row, name, junk),
            Self::Redis(redis) => {
                let (kind, name) = match row {
                    Row::Claim => ("c", short_name(name)),
                    Row::Outcome | Row::User => ("o", short_name(name)),
                    Row::Ledger => ("grant", name.to_owned()),
                    Row::Mark => ("mark", name.to_owned()),
                    Row::Number => ("number", name.to_owned()),
                    Row::Holds => ("holds", String::new()),
                    Row::RecipientKey => ("recipient-key", String::new()),
                    Row::Instances => ("instances", String::new()),
                };
                let key = format!("wx-courier:{{{GROUP}}}:{kind}:{name}");
                let key = key.trim_end_matches(':');
                let mut connection = connect(redis);
                let _: () = connection.set(key, junk).unwrap();
            }
        }
    }
}

fn connect(redis: &Redis) -> redis::Connection {
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_connection().unwrap()
}

fn plant_in_file(folder: &Path, row: Row, name: &str, junk: &[u8]) {
    // The file is made as the service makes it.
    Desk::sqlite(folder).close();
    let file = Connection::open(folder.join("state.db")).unwrap();
    let sql = match row {
        Row::Claim => "INSERT INTO claims VALUES (?1, 'o', CAST(?2 AS TEXT), 1800000000000)",
        Row::Outcome => "INSERT INTO outcomes VALUES (?1, CAST(?2 AS TEXT), 1800000000000)",
        Row::Ledger => {
            "INSERT INTO ledgers VALUES ('shop', 'o1', 'T1', CAST(?2 AS TEXT), length(?1))"
        }
        Row::Mark => "INSERT INTO marks VALUES (?1, length(?2))",
        Row::User => "INSERT INTO users VALUES (?1, CAST(?2 AS TEXT), 9000000000000)",
        Row::Holds => "INSERT INTO holds VALUES (1, CAST(?2 AS TEXT))",
        Row::Number => {
            "INSERT INTO numbers VALUES ('shop', replace(?1, 'shop/', ''), CAST(?2 AS TEXT), 1800000000000)"
        }
        Row::Instances => "INSERT INTO instances VALUES (1 + length(?1), CAST(?2 AS TEXT))",
        Row::RecipientKey => "INSERT INTO recipient_key VALUES (1 + length(?1), CAST(?2 AS TEXT))",
    };
    file.execute(sql, params![name, junk]).unwrap();
}

fn message_id(message: u64) -> String {
    format!("order-completed:/shop/orders:{message:016x}")
}

fn outcome_id(message: u64) -> String {
    format!("order-events/1/{message}/order-completed")
}

fn with(mut request: Request, how: OnUnreadable) -> Request {
    match &mut request {
        Request::Claim(claim) => claim.on_unreadable = how,
        Request::Settle(settlement) => settlement.on_unreadable = how,
        Request::Release { .. }
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
        | Request::Note(_) => panic!("{request:?}"),
    }
    request
}

fn wishing(request: Request, without: Without) -> Request {
    let Request::Claim(mut claim) = request else {
        panic!("{request:?}");
    };
    let key = ledger_key();
    claim.grant = Some(grants::Wish {
        key,
        need: Need::Grant(without),
    });
    Request::Claim(claim)
}

fn ledger_key() -> grants::Key {
    grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from("o1"),
        template_id: Arc::from("T1"),
    }
}

impl Desk {
    /// Asks in one go, and hears every answer.
    fn ask_all(&mut self, requests: &[Request]) -> Vec<Reply> {
        let numbered = (1..).map(Ticket).zip(requests.iter().cloned());
        self.store.ask(numbered);
        requests.iter().map(|_| self.hear_answer().1).collect()
    }

    fn ask_one(&mut self, request: Request) -> Reply {
        self.ask_all(&[request]).remove(0)
    }
}

/// Whether it is the answer to a claim of a message that has ended.
fn has_ended(answer: &Reply) -> bool {
    matches!(answer, Ok(Answer::Claim(ClaimAnswer::Settled(_))))
}

/// Asks for something amid strangers' claims, which are all made.
fn amid_strangers(desk: &mut Desk, first: u64, request: &Request) -> Reply {
    let mut requests: Vec<Request> = (first..first + 26).map(|n| claim(1, n)).collect();
    requests.insert(13, request.clone());
    let mut answers = desk.ask_all(&requests);
    let answer = answers.remove(13);
    assert!(
        answers.iter().all(|answer| *answer == CLAIMED),
        "{answers:?}"
    );
    answer
}

#[test]
fn junk_in_any_kind_of_row_costs_only_what_needs_it() {
    let session = UserName::Session {
        id: Arc::from("1"),
        begun_ms: NOW_MS,
    };
    let number = receipts::Key {
        app: Arc::from("shop"),
        msgid: Arc::from("77"),
    };
    let recall = Request::Recall(Recall {
        name: session.clone(),
        message_id: None,
        now_ms: NOW_MS,
    });
    let look = Request::Balance(grants::Query::Look {
        key: ledger_key(),
        now_ms: NOW_MS,
    });
    let join = Request::Join(receipts::Join {
        key: number.clone(),
        now_ms: NOW_MS,
    });
    let proposal = Request::Propose(Proposal {
        key: RecipientKey::new("one"),
    });
    for place in Place::all() {
        let user: &[u8] = match place {
            Place::Sqlite(_) => NO_TEXT,
            Place::Redis(_) => b"@tomorrow o1",
        };
        place.plant(Row::Claim, &message_id(1), b"held by {\"me\": 1}");
        place.plant(Row::Outcome, &outcome_id(2), b"{\"id\": 7");
        place.plant(Row::Outcome, &outcome_id(3), NO_TEXT);
        place.plant(
            Row::Ledger,
            &ledger_key().to_string(),
            b"{\"granted\": \"none\"}",
        );
        place.plant(Row::User, &session.key(), user);
        place.plant(Row::Number, &number.to_string(), NO_TEXT);
        place.plant(Row::RecipientKey, "", NO_TEXT);
        let mut desk = place.desk();
        let asked = [
            (claim(1, 1), Row::Claim),
            (sent(1, 1), Row::Claim),
            (claim(1, 2), Row::Outcome),
            (sent(1, 2), Row::Outcome),
            (claim(1, 3), Row::Outcome),
            (wishing(claim(1, 4), Without::Skip), Row::Ledger),
            (look.clone(), Row::Ledger),
            (recall.clone(), Row::User),
            (join.clone(), Row::Number),
            (proposal.clone(), Row::RecipientKey),
        ];
        for ((request, row), first) in asked.iter().zip((100..).step_by(100)) {
            let answer = amid_strangers(&mut desk, first, request);
            // What the number leads to is no outcome that is known.
            let is_number = *row == Row::Number && answer == Ok(Answer::Join(JoinAnswer::Unknown));
            assert!(
                answer == Err(*row) || is_number,
                "{answer:?} to {request:?}"
            );
        }
        let status = desk.store.status();
        assert_eq!(status.unreadable.get("outcome"), Some(&3), "{status:?}");
        assert_eq!(status.unreadable.get("claim"), Some(&2), "{status:?}");
        desk.close();
    }
}

#[test]
fn what_cannot_be_read_is_written_anew_where_that_is_asked_for_and_durably() {
    for place in Place::all() {
        for message in [1, 2, 3] {
            place.plant(Row::Claim, &message_id(message), b"junk");
        }
        place.plant(Row::Outcome, &outcome_id(2), b"{");
        place.plant(Row::Outcome, &outcome_id(3), b"");
        place.plant(Row::Ledger, &ledger_key().to_string(), b"[]");
        let mut desk = place.desk();
        let anew = |request| with(request, OnUnreadable::Overwrite);
        assert_eq!(desk.ask_one(anew(claim(1, 1))), CLAIMED);
        assert_eq!(desk.ask_one(anew(claim(1, 2))), CLAIMED);
        let written = desk.ask_one(anew(sent(1, 3)));
        assert!(is_settled(&written), "{written:?}");
        let skips = desk.ask_one(anew(wishing(claim(1, 4), Without::Skip)));
        assert_eq!(skips, Ok(Answer::Claim(ClaimAnswer::NoGrant)));
        let sends = desk.ask_one(anew(wishing(claim(1, 5), Without::Send)));
        assert_eq!(sends, Ok(claimed(Reservation::Missing)));
        desk.close();

        let mut desk = place.desk();
        let answers = desk.ask_all(&[claim(2, 1), claim(2, 2), claim(2, 3)]);
        let [
            Ok(Answer::Claim(ClaimAnswer::Held(first))),
            Err(Row::Outcome),
            Ok(Answer::Claim(ClaimAnswer::Settled(third))),
        ] = answers.as_slice()
        else {
            panic!("{answers:?}");
        };
        assert_eq!(first.holder, holder(1, 1));
        assert_eq!(third.id, outcome_id(3));
        // The ledger stays as it is, until a source knows better.
        let look = Request::Balance(grants::Query::Look {
            key: ledger_key(),
            now_ms: NOW_MS,
        });
        assert_eq!(desk.ask_one(look.clone()), Err(Row::Ledger));
        let set = Request::Balance(grants::Query::Set {
            key: ledger_key(),
            left: 2,
            now_ms: NOW_MS,
        });
        assert!(desk.ask_one(set).is_ok());
        let answer = desk.ask_one(look);
        assert!(
            matches!(answer, Ok(Answer::Balance(balance)) if balance.left == 2),
            "{answer:?}"
        );
        // The end of the second one replaces what is no outcome.
        let ended = desk.ask_one(anew(sent(1, 2)));
        assert!(is_settled(&ended), "{ended:?}");
        let ended = desk.ask_one(claim(2, 2));
        assert!(has_ended(&ended), "{ended:?}");
        desk.close();
    }
}

#[test]
fn a_message_whose_outcome_cannot_be_read_and_that_was_sent_is_not_claimed() {
    for place in Place::all() {
        let mut desk = place.desk();
        desk.ask_all(&[claim(1, 1), sent(1, 1)]);
        desk.close();
        match &place {
            Place::Sqlite(folder) => {
                let file = Connection::open(folder.path().join("state.db")).unwrap();
                file.execute("UPDATE outcomes SET json = '{'", []).unwrap();
            }
            Place::Redis(_) => place.plant(Row::Outcome, &outcome_id(1), b"{"),
        }
        let mut desk = place.desk();
        for how in [OnUnreadable::Fail, OnUnreadable::Overwrite] {
            let answer = desk.ask_one(with(claim(2, 1), how));
            assert_eq!(answer, Err(Row::Outcome));
        }
        desk.close();
    }
}

#[test]
fn what_a_later_version_wrote_is_given_back_as_it_was() {
    for place in Place::all() {
        let mut tomorrow = serde_json::to_value(outcome(&outcome_id(1), &message_id(1), "sent"));
        let of_tomorrow = tomorrow.as_mut().unwrap();
        of_tomorrow["reason"] = "of_tomorrow".into();
        of_tomorrow["status"] = "postponed".into();
        of_tomorrow["due_at"] = "2027-01-01T08:00:00.000Z".into();
        let text = of_tomorrow.to_string();
        place.plant(Row::Outcome, &outcome_id(1), text.as_bytes());
        let mut desk = place.desk();
        let Ok(Answer::Claim(ClaimAnswer::Settled(settled))) = desk.ask_one(claim(1, 1)) else {
            panic!("it cannot be read");
        };
        assert_eq!(&serde_json::to_value(&settled).unwrap(), of_tomorrow);
        assert_eq!(settled.reason.as_str(), "of_tomorrow");
        desk.close();
    }
}

#[test]
fn a_key_of_another_type_costs_only_what_needs_it() {
    let redis = Redis::start();
    let mut connection = connect(&redis);
    let key = |kind: &str, name: &str| format!("wx-courier:{{{GROUP}}}:{kind}:{name}");
    let mark = receipts::Key {
        app: Arc::from("shop"),
        msgid: Arc::from("1"),
    };
    for key in [
        key("c", &short_name(&message_id(1))),
        key("o", &short_name(&outcome_id(2))),
        key("grant", &ledger_key().to_string()),
        key("mark", &mark.mark()),
    ] {
        let _: () = connection.rpush(key, "x").unwrap();
    }
    let place = Place::Redis(redis);
    let mut desk = place.desk();
    let join = Request::Join(receipts::Join {
        key: mark,
        now_ms: NOW_MS,
    });
    for (request, row, first) in [
        (claim(1, 1), Row::Claim, 100),
        (claim(1, 2), Row::Outcome, 200),
        (wishing(claim(1, 3), Without::Send), Row::Ledger, 300),
        (join, Row::Mark, 400),
    ] {
        let answer = amid_strangers(&mut desk, first, &request);
        assert_eq!(answer, Err(row), "to {request:?}");
    }
    for message in [1, 2] {
        let claim = with(claim(1, message), OnUnreadable::Overwrite);
        assert_eq!(desk.ask_one(claim), CLAIMED);
    }
    desk.close();
}

const PAGE: usize = 4_096;

/// The first byte of a page.
const LEAF_OF_TABLE: u8 = 0x0d;
const LEAF_OF_INDEX: u8 = 0x0a;

/// Overwrites the first page of this kind that holds the text.
fn damage(folder: &Path, kind: u8, text: &str) {
    let path = folder.join("state.db");
    let mut file = fs::read(&path).unwrap();
    let is_meant = |page: &&mut [u8]| {
        page[0] == kind && page.windows(text.len()).any(|part| part == text.as_bytes())
    };
    let page = file.chunks_mut(PAGE).find(is_meant);
    page.unwrap_or_else(|| panic!("no page holds {text}"))
        .fill(0xaa);
    fs::write(&path, file).unwrap();
}

/// A file with so many messages that were sent.
fn file_with(n_messages: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open_for(LONGER, sqlite_url(folder.path()), GROUP);
    for first in (0..n_messages).step_by(200) {
        let requests = (first..first + 200).flat_map(|n| [claim(1, n), sent(1, n)]);
        desk.ask_all(&requests.collect::<Vec<_>>());
    }
    desk.close();
    folder
}

const N_KEPT: u64 = 2_000;

/// Stands in outcomes, and in nothing else.
const OF_OUTCOMES: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";

#[test]
fn a_damaged_page_costs_the_messages_that_lie_there() {
    // A page has some twelve outcomes. Of an index, it has some fifty.
    for (kind, text, at_most) in [
        (LEAF_OF_TABLE, OF_OUTCOMES, 25),
        (LEAF_OF_INDEX, "order-events/1/", 100),
    ] {
        let folder = file_with(N_KEPT);
        damage(folder.path(), kind, text);
        let mut desk = Desk::open_for(LONGER, sqlite_url(folder.path()), GROUP);
        let requests: Vec<Request> = (0..2 * N_KEPT).map(|n| claim(2, n)).collect();
        let answers = desk.ask_all(&requests);
        let (kept, new) = answers.split_at(usize::try_from(N_KEPT).unwrap());
        let n_unreadable = kept.iter().filter(|answer| answer.is_err()).count();
        assert!(n_unreadable <= at_most, "{n_unreadable} are unreadable");
        assert!(
            kept.iter()
                .all(|answer| answer.is_err() || has_ended(answer)),
        );
        let n_claimed = new.iter().filter(|answer| **answer == CLAIMED).count();
        assert!(n_claimed + at_most >= new.len(), "{n_claimed} are claimed");
        assert!(
            n_unreadable + new.len() - n_claimed > 0,
            "the damage is somewhere else"
        );
        // And the next life does the same.
        desk.close();
        let mut desk = Desk::open_for(LONGER, sqlite_url(folder.path()), GROUP);
        assert_eq!(desk.ask_one(claim(2, 9_999_999)), CLAIMED);
        desk.close();
    }
}

#[test]
fn what_is_old_is_forgotten_around_a_damaged_page() {
    let folder = file_with(N_KEPT);
    damage(folder.path(), LEAF_OF_TABLE, OF_OUTCOMES);
    let short = Duration::from_millis(200);
    let mut desk = Desk::open_for(short, sqlite_url(folder.path()), GROUP);
    // Soon everything is old that was there. Each batch purges a little.
    let later = |n: u64| {
        let Request::Claim(mut claim) = claim(2, n) else {
            unreachable!();
        };
        claim.now_ms = NOW_MS + 24 * 3_600_000;
        Request::Claim(claim)
    };
    let mut next = 10_000;
    let mut ask_for_new = |desk: &mut Desk| {
        let requests: Vec<Request> = (next..next + 400).map(later).collect();
        next += 400;
        let answers = desk.ask_all(&requests);
        assert!(answers.iter().all(|answer| *answer == CLAIMED));
    };
    wait_until("what is old begins to be forgotten", || {
        ask_for_new(&mut desk);
        desk.ask_one(later(N_KEPT / 2)) == CLAIMED
    });
    for _ in 0..10 {
        ask_for_new(&mut desk);
    }
    desk.close();
    let file = Connection::open(folder.path().join("state.db")).unwrap();
    let n_left: i64 = file
        .query_row(
            "SELECT count(*) FROM outcomes INDEXED BY outcomes_by_age WHERE settled_ms > 0",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!((1..20).contains(&n_left), "{n_left} outcomes are left");
}

#[test]
fn a_file_that_is_damaged_where_everybody_needs_it_is_down_and_costs_no_message() {
    let folder = file_with(200);
    let path = folder.path().join("state.db");
    let file = Connection::open(&path).unwrap();
    let root: u32 = file
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'claims'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(file);
    let root = usize::try_from(root).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(root - 1) * PAGE..root * PAGE].fill(0xaa);
    fs::write(&path, bytes).unwrap();
    let mut desk = Desk::open_for(LONGER, sqlite_url(folder.path()), GROUP);
    desk.ask(1, &claim(2, 10_000));
    let why = desk.hear_down();
    assert!(why.contains("damaged"), "{why}");
    desk.store.close(Duration::from_millis(300));
}
