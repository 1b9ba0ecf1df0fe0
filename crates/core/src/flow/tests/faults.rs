//! What cannot be costs one message, and is said.

use super::*;
use crate::state::{self, Request, SettlementAnswer};

fn faults(effects: &[Effect]) -> usize {
    let is_fault = |effect: &&Effect| matches!(effect, Effect::InternalError { .. });
    effects.iter().filter(is_fault).count()
}

fn ticket_of_the_call(effects: &[Effect]) -> Ticket {
    let call = effects.iter().find_map(|effect| {
        if let Effect::Send { ticket, .. } = effect {
            return Some(*ticket);
        }
        None
    });
    call.unwrap()
}

#[test]
fn an_acknowledgement_in_the_middle_of_a_call_puts_the_message_in_doubt() {
    let mut bench = bench(Unmatched::Count);
    let effects = bench.read(1, r#"{"type":"a","to":"o1","text":"hi"}"#);
    let ticket = ticket_of_the_call(&effects);
    let effects = bench.step(Input::Published { ticket });
    assert_eq!(faults(&effects), 1, "{effects:?}");
    let outcome = the_outcome(&effects);
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Unknown, Reason::InDoubt)
    );
    assert_eq!(bench.engine.check(), Ok(()));

    // The call comes back. What has ended goes on as it was.
    let answer = SendAnswer::Accepted { msgid: None };
    let effects = bench.step(Input::SendFinished {
        ticket,
        answer,
        api_ms: 1,
    });
    assert_eq!(faults(&effects), 1, "{effects:?}");
    let effects = bench.step(Input::Published { ticket });
    assert_eq!(faults(&effects), 0, "{effects:?}");
    assert_eq!(bench.engine.status().totals.internal_errors, 2);
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn an_answer_to_another_question_ends_the_message_as_internal() {
    let mut bench = bench(Unmatched::Count);
    let effects = bench.step_once(Input::Record {
        epoch: Epoch(1),
        record: record(1, r#"{"type":"a","to":"o1","text":"hi"}"#),
    });
    let asked = effects.iter().find_map(|effect| {
        if let Effect::AskStore { ticket, .. } = effect {
            return Some(*ticket);
        }
        None
    });
    let ticket = asked.unwrap();
    let answer = Ok(state::Answer::Settle(SettlementAnswer::TakenOver));
    let effects = bench.step(Input::StoreAnswered { ticket, answer });
    assert_eq!(faults(&effects), 1, "{effects:?}");
    let outcome = the_outcome(&effects);
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Failed, Reason::Internal)
    );
    assert!(outcome.wants_dead_letter());
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn an_end_is_told_again_after_an_answer_to_another_question() {
    let mut bench = bench(Unmatched::Count);
    let effects = bench.step_once(Input::Record {
        epoch: Epoch(1),
        record: record(1, r#"{"type":"a","to":"","text":"hi"}"#),
    });
    let [Effect::AskStore { ticket, request }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(matches!(request, Request::Settle(_)), "{request:?}");
    let (ticket, answer) = (*ticket, Ok(state::Answer::Released));
    let effects = bench.step_once(Input::StoreAnswered { ticket, answer });
    assert_eq!(faults(&effects), 1, "{effects:?}");
    bench.now_ms = 1_000;
    let effects = bench.step(Input::Tick);
    assert_eq!(the_outcome(&effects).status, Status::Invalid);
    assert_eq!(bench.engine.check(), Ok(()));
}
