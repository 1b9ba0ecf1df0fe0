//! Entries of the store that cannot be read.

use super::*;
use crate::model::Ticket;
use crate::state::{self, ClaimAnswer, OnUnreadable, Request, Row};
use crate::testing;

/// How long a call of another process may still be answered.
const IN_DOUBT_AFTER_MS: u64 = 9_000;

fn bench_of(says: &str) -> Bench {
    let rules = testing::rules(&[("r", "shop", says)]);
    bench_with(Unmatched::Count, rules)
}

fn event() -> Record {
    record(1, r#"{"id":"e","type":"r","to":"o1","text":"hi"}"#)
}

/// The one question among these effects.
fn the_question(effects: &[Effect]) -> (Ticket, &Request) {
    let mut questions = effects.iter().filter_map(|effect| {
        let Effect::AskStore { ticket, request } = effect else {
            return None;
        };
        Some((*ticket, request))
    });
    let question = questions.next().unwrap_or_else(|| panic!("{effects:?}"));
    assert_eq!(questions.next(), None);
    question
}

fn how(request: &Request) -> OnUnreadable {
    match request {
        Request::Claim(claim) => claim.on_unreadable,
        Request::Settle(settlement) => settlement.on_unreadable,
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
}

impl Bench {
    /// Reads the event, and hears that a row of it cannot be read.
    fn cannot_read(&mut self, row: Row) -> Vec<Effect> {
        let effects = self.step_once(Input::Record {
            epoch: Epoch(1),
            record: event(),
        });
        let (ticket, request) = the_question(&effects);
        assert_eq!(how(request), OnUnreadable::Fail);
        self.unreadable(ticket, row)
    }

    fn unreadable(&mut self, ticket: Ticket, row: Row) -> Vec<Effect> {
        self.step_once(Input::StoreAnswered {
            ticket,
            answer: Err(row),
        })
    }

    /// The store does what is asked.
    fn carry_out(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let (ticket, request) = the_question(effects);
        let answer = self.store.answer(request);
        self.step_once(Input::StoreAnswered { ticket, answer })
    }
}

/// Nothing is asked and nothing is sent.
fn waits(effects: &[Effect]) -> bool {
    let is_commit = |effect: &Effect| matches!(effect, Effect::StoreOffset { .. });
    effects.iter().all(is_commit)
}

fn end(effects: &[Effect]) -> (Status, Reason) {
    let outcome = the_outcome(effects);
    (outcome.status, outcome.reason)
}

const UNREADABLE: (Status, Reason) = (Status::Unknown, Reason::StateUnreadable);

#[test]
fn a_message_that_is_left_in_doubt_ends_and_its_row_is_written_anew() {
    for row in [Row::Claim, Row::Outcome] {
        let mut bench = bench_of("in_doubt = \"leave\"");
        let effects = bench.cannot_read(row);
        let (_, request) = the_question(&effects);
        assert_eq!(how(request), OnUnreadable::Overwrite);
        assert!(matches!(request, Request::Settle(_)), "{request:?}");
        let effects = bench.carry_out(&effects);
        assert_eq!(end(&effects), UNREADABLE);
        assert!(the_outcome(&effects).detail.contains("state store"));
    }
}

#[test]
fn a_message_that_may_be_sent_again_is_when_no_other_process_can_be_sending_it() {
    let mut bench = bench_of("in_doubt = \"resend\"");
    assert!(waits(&bench.cannot_read(Row::Claim)));
    bench.now_ms = IN_DOUBT_AFTER_MS - 1;
    assert!(waits(&bench.step_once(Input::Tick)));
    bench.now_ms = IN_DOUBT_AFTER_MS;
    let effects = bench.step_once(Input::Tick);
    assert_eq!(how(the_question(&effects).1), OnUnreadable::Overwrite);
    let effects = bench.carry_out(&effects);
    let [Effect::Send { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let effects = bench.finish(*ticket, SendAnswer::Accepted { msgid: None });
    assert_eq!(end(&effects), (Status::Sent, Reason::Ok));
}

#[test]
fn what_may_have_been_sent_before_is_not_denied_by_a_later_refusal() {
    let mut bench = bench_of("in_doubt = \"resend\"");
    let effects = bench.cannot_read(Row::Outcome);
    // No process holds a message that has ended: there is nothing to wait for.
    let effects = bench.carry_out(&effects);
    let [Effect::Send { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let refusal = Refusal {
        errcode: 43101,
        errmsg: String::new(),
        rid: None,
        param: None,
        class: Class::NotSubscribed,
    };
    let effects = bench.finish(*ticket, SendAnswer::Refused(refusal));
    assert_eq!(end(&effects).0, Status::Unknown);
}

#[test]
fn what_cannot_be_written_either_ends_without_the_store() {
    for in_doubt in ["resend", "leave"] {
        let mut bench = bench_of(&format!("in_doubt = \"{in_doubt}\""));
        let mut effects = bench.cannot_read(Row::Outcome);
        if let (ticket, Request::Claim(_)) = the_question(&effects) {
            effects = bench.unreadable(ticket, Row::Outcome);
        }
        let (ticket, request) = the_question(&effects);
        assert!(matches!(request, Request::Settle(_)), "{request:?}");
        let effects = bench.unreadable(ticket, Row::Outcome);
        assert_eq!(end(&effects), UNREADABLE);
    }
}

#[test]
fn a_ledger_that_cannot_be_read_puts_nothing_in_doubt() {
    let mut bench = bench_of("in_doubt = \"leave\"");
    let effects = bench.cannot_read(Row::Ledger);
    let (ticket, request) = the_question(&effects);
    assert!(matches!(request, Request::Claim(_)), "{request:?}");
    assert_eq!(how(request), OnUnreadable::Overwrite);
    let answer = Ok(state::Answer::Claim(ClaimAnswer::NoGrant));
    let effects = bench.step(Input::StoreAnswered { ticket, answer });
    assert_eq!(end(&effects), (Status::Skipped, Reason::NoGrant));
    assert!(the_outcome(&effects).detail.contains("cannot be read"));
}

#[test]
fn an_end_that_meets_a_row_which_cannot_be_read_is_kept_in_its_place() {
    let mut bench = bench_of("in_doubt = \"leave\"");
    let effects = bench.read(1, r#"{"id":"e","type":"r","to":"o1","text":"hi"}"#);
    let [Effect::Send { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let effects = bench.step_once(Input::SendFinished {
        ticket: *ticket,
        answer: SendAnswer::Accepted { msgid: None },
        api_ms: 1,
    });
    let (ticket, _) = the_question(&effects);
    let effects = bench.unreadable(ticket, Row::Claim);
    assert_eq!(how(the_question(&effects).1), OnUnreadable::Overwrite);
    let effects = bench.carry_out(&effects);
    assert_eq!(end(&effects), (Status::Sent, Reason::Ok));
}

#[test]
fn an_end_without_a_claim_is_in_doubt_where_a_claim_cannot_be_read() {
    let mut bench = bench_of("in_doubt = \"leave\"\nexpires_after = \"10s\"");
    bench.now_ms = 20_000;
    let effects = bench.step_once(Input::Record {
        epoch: Epoch(1),
        record: event(),
    });
    let (ticket, request) = the_question(&effects);
    assert!(matches!(request, Request::Settle(_)), "{request:?}");
    let effects = bench.unreadable(ticket, Row::Claim);
    let effects = bench.carry_out(&effects);
    assert_eq!(end(&effects), UNREADABLE);
}
