//! Messages that need a grant, and events that tell of users' answers.

use super::*;
use crate::grants::{Balance, Key, Need, Query, Report, Source, Wish, Without};
use crate::model::Holder;
use crate::state::{self, Claim, ClaimAnswer, OnUnreadable, Question as _, Request, Row};
use crate::wechat::Word;

const EVENT: &str = r#"{"type":"a","id":"e1","to":"o1","text":"hi"}"#;

const OTHER: Holder = Holder {
    process: 2,
    ticket: Ticket(9),
};

fn enforced() -> Bench {
    let template = "id = \"T1\"\ngrants = \"enforce\"";
    let rules = rules_to("{{ data.to }}", template, "hello");
    bench_with(Unmatched::Count, rules)
}

fn key() -> Key {
    Key {
        app: Arc::from("shop"),
        openid: Arc::from("o1"),
        template_id: Arc::from("T1"),
    }
}

fn answer(word: &str, id: &str) -> String {
    format!(r#"{{"type":"answer","id":"{id}","to":"o1","template":"note","answer":"{word}"}}"#)
}

pub(super) fn call(effects: &[Effect]) -> Option<Ticket> {
    effects.iter().find_map(|effect| {
        if let Effect::Send { ticket, .. } = effect {
            Some(*ticket)
        } else {
            None
        }
    })
}

pub(super) fn end(effects: &[Effect]) -> (Status, Reason) {
    let outcome = the_outcome(effects);
    (outcome.status, outcome.reason)
}

fn commits_to(effects: &[Effect], expected: i64) -> bool {
    let is_it = |effect: &Effect| matches!(effect, Effect::StoreOffset { position, .. } if *position == expected);
    effects.iter().any(is_it)
}

impl Bench {
    /// Reads a record of which one question to the store comes, and nothing else. It is not answered yet.
    fn read_and_ask(&mut self, value: &str) -> (Ticket, Request) {
        let effects = self.step_once(Input::Record {
            epoch: Epoch(1),
            record: record(1, value),
        });
        let [Effect::AskStore { ticket, request }] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        (*ticket, request.clone())
    }

    fn balance(&mut self) -> Balance {
        let look = Query::Look {
            key: key(),
            now_ms: self.now().unix_ms,
        };
        let answer = self.store.answer(&Request::Balance(look));
        let Ok(state::Answer::Balance(balance)) = answer else {
            panic!("{answer:?}");
        };
        balance
    }

    /// The user says something, and the store hears of it at once.
    fn hear(&mut self, word: Word) {
        let now_ms = self.now().unix_ms;
        let report = Report {
            key: key(),
            id: Arc::from(format!("{now_ms}")),
            source: Source::Callback,
            word,
            at_ms: now_ms,
            now_ms,
        };
        assert!(self.store.answer(&Request::Report(report)).is_ok());
    }

    fn claim_by_another(&mut self, message_id: &str, outcome_id: &str) -> ClaimAnswer {
        let claim = Claim {
            message_id: Arc::from(message_id),
            outcome_id: Arc::from(outcome_id),
            record: None,
            holder: OTHER,
            takes_over: None,
            on_unreadable: OnUnreadable::Fail,
            grant: Some(Wish {
                key: key(),
                need: Need::Grant(Without::Skip),
            }),
            since_ms: self.now().unix_ms,
            now_ms: self.now().unix_ms,
        };
        let answer = self.store.answer(&Request::Claim(claim)).unwrap();
        Claim::answer_in(answer).unwrap()
    }
}

#[test]
fn a_message_without_a_grant_makes_no_call() {
    let mut bench = enforced();
    let effects = bench.read(1, EVENT);
    assert_eq!(call(&effects), None);
    assert_eq!(end(&effects), (Status::Skipped, Reason::NoGrant));
}

#[test]
fn a_limited_template_is_sent_once_in_its_period_for_each_value() {
    for grants in ["enforce", "advise"] {
        let template = format!(
            "id = \"T1\"\nkind = \"long-term-limited\"\nkey = \"thing1\"\nper = \"1h\"\ngrants = \"{grants}\""
        );
        let rules = rules_to("{{ data.to }}", &template, AS_PUBLISHED);
        let mut bench = bench_with(Unmatched::Count, rules);
        // It needs no grant.
        let ticket = call(&bench.read(1, EVENT)).unwrap();
        let effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
        assert_eq!(end(&effects), (Status::Sent, Reason::Ok));
        let effects = bench.read(2, &EVENT.replace("e1", "e2"));
        assert_eq!(call(&effects), None);
        assert_eq!(end(&effects), (Status::Skipped, Reason::TooSoon));
        let detail = &the_outcome(&effects).detail;
        assert!(
            detail.contains("each value of thing1 every 3600 s"),
            "{detail}"
        );
        // Another value has a turn of its own. It is refused, so the next message of that value is sent.
        let another = EVENT.replace("hi", "ho");
        let ticket = call(&bench.read(3, &another.replace("e1", "e3"))).unwrap();
        let refused = SendAnswer::Refused(Refusal {
            class: Class::BadParam,
            errcode: 47003,
            errmsg: String::new(),
            param: None,
            rid: None,
        });
        assert_eq!(end(&bench.finish(ticket, refused)).0, Status::Rejected);
        assert!(call(&bench.read(4, &another.replace("e1", "e4"))).is_some());
    }
}

#[test]
fn an_accept_that_is_read_twice_is_one_message() {
    let mut bench = enforced();
    assert!(bench.read(1, &answer("accept", "x")).is_empty());
    assert!(bench.read(2, &answer("accept", "x")).is_empty());
    let ticket = call(&bench.read(3, EVENT)).unwrap();
    let effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
    assert_eq!(end(&effects), (Status::Sent, Reason::Ok));
    let effects = bench.read(4, &EVENT.replace("e1", "e2"));
    assert_eq!(end(&effects), (Status::Skipped, Reason::NoGrant));
}

#[test]
fn a_record_that_tells_an_answer_is_committed_when_the_store_has_noted_it() {
    let mut bench = enforced();
    let (ticket, request) = bench.read_and_ask(&answer("accept", "x"));
    bench.now_ms = 200;
    let effects = bench.step_once(Input::Tick);
    assert!(commits_to(&effects, 1), "it is owed still: {effects:?}");
    let answer = bench.store.answer(&request);
    bench.step(Input::StoreAnswered { ticket, answer });
    bench.now_ms = 400;
    assert!(commits_to(&bench.step(Input::Tick), 2));
    assert_eq!(bench.balance().left, 1);
}

#[test]
fn an_answer_of_a_user_whose_ledger_cannot_be_read_is_owed_no_longer() {
    let mut bench = enforced();
    let (ticket, _) = bench.read_and_ask(&answer("accept", "x"));
    bench.step(Input::StoreAnswered {
        ticket,
        answer: Err(Row::Ledger),
    });
    bench.now_ms = 1_000;
    let effects = bench.step(Input::Tick);
    assert!(commits_to(&effects, 2), "{effects:?}");
}

#[test]
fn an_answer_of_a_user_is_told_again_after_an_answer_to_another_question() {
    let mut bench = enforced();
    let (ticket, _) = bench.read_and_ask(&answer("accept", "x"));
    bench.step(Input::StoreAnswered {
        ticket,
        answer: Ok(state::Answer::Released),
    });
    assert_eq!(bench.engine.status().totals.internal_errors, 1);
    let effects = bench.sleep_until(999);
    assert!(!commits_to(&effects, 2), "it may not be noted: {effects:?}");
    let effects = bench.sleep_until(2_000);
    assert!(commits_to(&effects, 2), "{effects:?}");
    assert_eq!(bench.balance().left, 1);
    assert_eq!(bench.engine.status().totals.internal_errors, 1);
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn an_answer_that_cannot_be_understood_is_an_invalid_record() {
    let mut bench = enforced();
    let effects = bench.read(1, &answer("perhaps", "x"));
    assert_eq!(end(&effects), (Status::Invalid, Reason::GrantMalformed));
}

#[test]
fn of_two_messages_for_one_grant_one_goes() {
    let mut bench = enforced();
    bench.hear(Word::Accept);
    let elsewhere = bench.claim_by_another("r|events|e2", "events/1/1/r");
    assert!(matches!(elsewhere, ClaimAnswer::Claimed(_)));
    let effects = bench.read(1, EVENT);
    assert_eq!(end(&effects), (Status::Skipped, Reason::NoGrant));
    assert_eq!(bench.balance().reserved, 1, "the other message's");
}

#[test]
fn a_message_that_waits_for_another_try_leaves_its_grant_to_others() {
    let mut bench = enforced();
    bench.hear(Word::Accept);
    let ticket = call(&bench.read(1, EVENT)).unwrap();
    assert_eq!(bench.balance().left, 0);
    bench.step(refused(ticket, -1, Class::Busy));
    assert_eq!((bench.balance().reserved, bench.balance().left), (0, 1));
}

#[test]
fn a_reject_in_mid_flight_leaves_nothing_to_come_back_to() {
    let mut bench = enforced();
    bench.hear(Word::Accept);
    let ticket = call(&bench.read(1, EVENT)).unwrap();
    bench.now_ms = 1;
    bench.hear(Word::Reject);
    bench.step(refused(ticket, -1, Class::Busy));
    let effects = bench.sleep_until(9_000);
    assert_eq!(call(&effects), None, "no call is spent on it");
    assert_eq!(end(&effects), (Status::Skipped, Reason::NoGrant));
}

#[test]
fn a_refusal_for_want_of_permission_empties_the_ledger() {
    let mut bench = enforced();
    for accept in 0..3 {
        bench.now_ms = accept;
        bench.hear(Word::Accept);
    }
    let ticket = call(&bench.read(1, EVENT)).unwrap();
    let effects = bench.step(refused(ticket, 43101, Class::NotSubscribed));
    assert_eq!(end(&effects), (Status::Rejected, Reason::UserRefused));
    assert_eq!(bench.balance().left, 0);
    assert_eq!(bench.engine.status().totals.grants_overcounted, 1);
}

/// The process that made the claim in doubt was only slow: it gives the claim up, and the grant goes to another message, while we ask for it.
#[test]
fn a_message_in_doubt_that_finds_no_grant_is_unknown_and_used() {
    let mut bench = enforced();
    bench.hear(Word::Accept);
    bench.claim_by_another("r|events|e1", "events/0/1/r");
    bench.now_ms = 9_001;
    let (ticket, request) = bench.read_and_ask(EVENT);
    let held = bench.store.answer(&request);
    let told = bench.store.answer(&Request::Release {
        message_id: Arc::from("r|events|e1"),
        holder: OTHER,
        grant: Some(key()),
    });
    assert!(told.is_ok());
    bench.claim_by_another("r|events|e2", "events/0/2/r");
    let answer = held;
    let effects = bench.step(Input::StoreAnswered { ticket, answer });
    assert_eq!(end(&effects), (Status::Unknown, Reason::InDoubt));
    assert_eq!(bench.balance().used, 1);
    let again = bench.claim_by_another("r|events|e1", "events/0/3/r");
    assert!(matches!(again, ClaimAnswer::Duplicate { .. }), "{again:?}");
}
