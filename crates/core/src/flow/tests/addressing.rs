//! Messages whose recipient is a login code.

use super::*;
use crate::flow::HandoverId;
use crate::model::outcome::RecipientHash;
use crate::state::{Answer, Request, Row};
use crate::wechat::logins::{ExchangeAnswer, ExchangeRefusal};

const EVENT: &str = r#"{"type":"a","id":"e1","js_code":"c1","text":"hi"}"#;

fn addressed_by_code() -> Bench {
    let rules = rules_to(
        "{ js_code = \"{{ data.js_code }}\" }",
        "id = \"T1\"",
        "hello",
    );
    bench_with(Unmatched::Count, rules)
}

/// Messages that live for an hour, and room for them.
fn long_lived() -> Bench {
    let rules = rules_for(
        "{ js_code = \"{{ data.js_code }}\" }",
        "id = \"T1\"",
        "hello",
        "1h",
    );
    let mut bench = bench_with(Unmatched::Count, rules);
    bench.engine.setup.max_messages = 100;
    bench
}

fn exchanges(effects: &[Effect]) -> Vec<Ticket> {
    let exchange = |effect: &Effect| {
        if let Effect::Exchange { ticket, .. } = effect {
            Some(*ticket)
        } else {
            None
        }
    };
    effects.iter().filter_map(exchange).collect()
}

fn is_sent_to(effects: &[Effect], openid: &str) -> bool {
    effects.iter().any(|effect| {
        matches!(effect, Effect::Send { cleared, .. } if cleared.message().recipient == openid)
    })
}

fn openid(openid: &str) -> ExchangeAnswer {
    ExchangeAnswer::Openid(Arc::from(openid))
}

fn refused(errcode: i64, why: ExchangeRefusal) -> ExchangeAnswer {
    ExchangeAnswer::Refused {
        errcode,
        errmsg: String::new(),
        rid: None,
        why,
    }
}

fn exchanged(ticket: Ticket, answer: ExchangeAnswer) -> Input {
    Input::ExchangeFinished { ticket, answer }
}

impl Bench {
    /// Another life of the process, with the same store.
    fn crash(&mut self) {
        let store = std::mem::replace(&mut self.store, MemoryStore::new(1));
        let now_ms = self.now_ms;
        *self = addressed_by_code();
        (self.store, self.now_ms) = (store, now_ms);
    }

    /// Asks the store, without telling the engine the answers.
    fn store_only(&mut self, effects: &[Effect]) -> Vec<Input> {
        let mut answers = Vec::new();
        for effect in effects {
            if let Effect::AskStore { ticket, request } = effect {
                let answer = self.store.answer(request);
                answers.push(Input::StoreAnswered {
                    ticket: *ticket,
                    answer,
                });
            }
        }
        answers
    }
}

#[test]
fn a_code_is_exchanged_kept_and_then_sent_to() {
    let mut bench = addressed_by_code();
    let [ticket] = exchanges(&bench.read(1, EVENT))[..] else {
        panic!("no exchange");
    };
    let effects = bench.step_once(exchanged(ticket, openid("o1")));
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AskStore {
                request: Request::Keep(_),
                ..
            }]
        ),
        "first the user is kept: {effects:?}"
    );
    let kept = bench.store_only(&effects).remove(0);
    assert!(is_sent_to(&bench.step(kept), "o1"));
}

#[test]
fn after_a_crash_a_kept_user_is_recalled_and_no_code_is_exchanged() {
    let mut bench = addressed_by_code();
    let ticket = exchanges(&bench.read(1, EVENT))[0];
    let effects = bench.step_once(exchanged(ticket, openid("o1")));
    bench.store_only(&effects);
    bench.crash();
    let effects = bench.read(1, EVENT);
    assert_eq!(exchanges(&effects), []);
    assert!(is_sent_to(&effects, "o1"), "{effects:?}");
}

#[test]
fn a_crash_between_exchange_and_keeping_loses_the_code() {
    let mut bench = addressed_by_code();
    assert_eq!(exchanges(&bench.read(1, EVENT)).len(), 1);
    bench.crash();
    let ticket = exchanges(&bench.read(1, EVENT))[0];
    let used = || refused(40163, ExchangeRefusal::Used);
    bench.step(exchanged(ticket, used()));
    let effects = bench.sleep_until(bench.now_ms + 20_000);
    assert_eq!(exchanges(&effects), [ticket], "once more, after a while");
    let effects = bench.step(exchanged(ticket, used()));
    let outcome = the_outcome(&effects);
    assert_eq!(
        (outcome.status, outcome.reason, outcome.errcode),
        (Status::Rejected, Reason::LoginCodeUsed, Some(40163))
    );
}

#[test]
fn no_more_than_so_many_exchanges_are_under_way() {
    let mut bench = addressed_by_code();
    let mut under_way = Vec::new();
    for offset in 0..40 {
        let event = format!(r#"{{"type":"a","js_code":"c{offset}","text":"hi"}}"#);
        under_way.extend(exchanges(&bench.read(offset, &event)));
    }
    assert_eq!(under_way.len(), 32);
    let effects = bench.step(exchanged(under_way[0], openid("o1")));
    assert_eq!(exchanges(&effects).len(), 1);
}

#[test]
fn a_code_whose_record_was_forgotten_while_the_store_was_asked_is_left_to_the_next_owner() {
    let mut bench = addressed_by_code();
    // A call before it keeps the hand-over open.
    let first = exchanges(&bench.read(1, EVENT))[0];
    let event = r#"{"type":"a","js_code":"c2","text":"hi"}"#;
    let asked = bench.step_once(Input::Record {
        epoch: Epoch(1),
        record: record(2, event),
    });
    bench.step(Input::Revoked {
        handover: HandoverId(1),
        partitions: vec![partition()],
        timeout: Duration::from_secs(30),
    });
    let answer = bench.store_only(&asked).remove(0);
    assert_eq!(exchanges(&bench.step(answer)), []);
    assert_eq!(bench.engine.status().unaddressed, 1, "only {first:?}");
}

#[test]
fn a_record_that_is_read_again_repeats_its_outcome_without_an_exchange() {
    let mut bench = addressed_by_code();
    let ticket = exchanges(&bench.read(1, EVENT))[0];
    bench.step(exchanged(ticket, openid("o1")));
    let effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
    let sent = the_outcome(&effects).clone();
    bench.crash();
    let effects = bench.read(1, EVENT);
    assert_eq!(exchanges(&effects), []);
    assert_eq!(*the_outcome(&effects), sent);
}

#[test]
fn a_user_who_comes_too_late_is_not_kept() {
    let mut bench = addressed_by_code();
    let ticket = exchanges(&bench.read(1, EVENT))[0];
    // Another process that has the record was refused, and gave the message up.
    let mut other = addressed_by_code();
    std::mem::swap(&mut other.store, &mut bench.store);
    let others = exchanges(&other.read(1, EVENT))[0];
    let effects = other.step(exchanged(others, refused(40226, ExchangeRefusal::Blocked)));
    let ended = the_outcome(&effects).clone();
    std::mem::swap(&mut other.store, &mut bench.store);
    let effects = bench.step(exchanged(ticket, openid("o1")));
    assert_eq!(*the_outcome(&effects), ended);
}

#[test]
fn a_code_that_another_process_used_is_not_given_up_while_that_one_may_be_answered() {
    let mut bench = addressed_by_code();
    let others = exchanges(&bench.read(1, EVENT))[0];
    let mut other = addressed_by_code();
    std::mem::swap(&mut other.store, &mut bench.store);
    let ticket = exchanges(&other.read(1, EVENT))[0];
    other.step(exchanged(ticket, refused(40163, ExchangeRefusal::Used)));
    // A call takes five seconds at most.
    assert_eq!(exchanges(&other.sleep_until(5_000)), []);
    std::mem::swap(&mut other.store, &mut bench.store);
    bench.now_ms = 5_000;
    bench.step(Input::Lost(vec![partition()]));
    bench.step(exchanged(others, openid("o1")));
    std::mem::swap(&mut other.store, &mut bench.store);
    assert!(is_sent_to(&other.sleep_until(9_000), "o1"));
}

#[test]
fn a_message_that_another_record_brought_before_is_a_duplicate_and_its_code_is_not_exchanged() {
    let mut bench = addressed_by_code();
    let first = bench.step(Input::Record {
        epoch: Epoch(1),
        record: record(1, EVENT),
    });
    let [code] = exchanges(&first).try_into().unwrap();
    let sending = bench.step(exchanged(code, openid("oABCDEF012345")));
    let call = sending.iter().find_map(|effect| {
        if let Effect::Send { ticket, .. } = effect {
            return Some(*ticket);
        }
        None
    });
    let call = call.unwrap();
    bench.step(Input::SendFinished {
        ticket: call,
        answer: SendAnswer::Accepted { msgid: None },
        api_ms: 1,
    });
    let second = bench.step(Input::Record {
        epoch: Epoch(1),
        record: record(2, EVENT),
    });
    assert_eq!(exchanges(&second), []);
    let outcome = the_outcome(&second);
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Skipped, Reason::Duplicate)
    );
    assert!(outcome.duplicate_of.is_some());
}

#[test]
fn two_messages_with_one_code_share_its_exchange() {
    let mut bench = addressed_by_code();
    let other = EVENT.replace("e1", "e2");
    let first = bench.step(Input::Record {
        epoch: Epoch(1),
        record: record(1, EVENT),
    });
    let second = bench.step(Input::Record {
        epoch: Epoch(1),
        record: record(2, &other),
    });
    let [code] = exchanges(&first).try_into().unwrap();
    assert_eq!(exchanges(&second), []);
    let effects = bench.step(exchanged(code, openid("oABCDEF012345")));
    assert_eq!(exchanges(&effects), []);
    let sends = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Send { .. }));
    assert_eq!(sends.count(), 1, "one message at a time to each user");
    assert_eq!(bench.engine.status().unaddressed, 0);
}

fn code(n: i64) -> String {
    format!(r#"{{"type":"a","js_code":"c{n}","text":"hi"}}"#)
}

fn secret_is_wrong() -> ExchangeAnswer {
    refused(40125, ExchangeRefusal::Account)
}

fn outcomes(effects: &[Effect]) -> Vec<(Status, Reason, Option<i64>)> {
    let outcome = |effect: &Effect| {
        if let Effect::Publish { outcome, .. } = effect {
            Some((outcome.status, outcome.reason, outcome.errcode))
        } else {
            None
        }
    };
    effects.iter().filter_map(outcome).collect()
}

#[test]
fn trouble_with_the_account_pauses_the_exchanges_until_a_code_is_taken_on_trial() {
    let mut bench = long_lived();
    let first = exchanges(&bench.read(1, &code(1)))[0];
    let mut effects = bench.step(exchanged(first, secret_is_wrong()));
    let pauses = bench.engine.status().pauses;
    assert_eq!(pauses[0].subject, "logins shop");
    effects.extend(bench.read(2, &code(2)));
    effects.extend(bench.sleep_until(59_900));
    assert_eq!((exchanges(&effects), outcomes(&effects)), (vec![], vec![]));
    let trial = exchanges(&bench.sleep_until(60_500));
    assert_eq!(trial.len(), 1, "one at a time");
    let effects = bench.step(exchanged(trial[0], openid("o1")));
    assert!(is_sent_to(&effects, "o1"));
    assert_eq!(exchanges(&effects).len(), 1, "then all of them");
    assert_eq!(bench.engine.status().pauses.len(), 0);
}

#[test]
fn no_code_waits_longer_than_it_lives() {
    let mut bench = long_lived();
    let mut effects = Vec::new();
    let mut under_way = exchanges(&bench.read(1, &code(1)));
    under_way.extend(exchanges(&bench.read(2, &code(2))));
    let mut n_exchanges = 0;
    while bench.now_ms < 302_000 {
        for ticket in std::mem::take(&mut under_way) {
            n_exchanges += 1;
            effects.extend(bench.step(exchanged(ticket, secret_is_wrong())));
        }
        let until_ms = bench.now_ms + 1_000;
        let slept = bench.sleep_until(until_ms);
        under_way.extend(exchanges(&slept));
        effects.extend(slept);
    }
    let ended = (Status::Failed, Reason::AccountFault, Some(40125));
    assert_eq!(outcomes(&effects), [ended, ended]);
    // Two at once before the pause, and the trials after one and three minutes.
    assert!(n_exchanges <= 4, "{n_exchanges}");
    assert_eq!(bench.engine.status().unaddressed, 0);
}

#[test]
fn codes_that_wait_leave_room_for_others() {
    let mut bench = long_lived();
    bench.engine.setup.max_messages = 8;
    let first = exchanges(&bench.read(0, &code(0)))[0];
    let mut effects = bench.step(exchanged(first, secret_is_wrong()));
    for offset in 1..20 {
        let read = bench.read(offset, &code(offset));
        for effect in &read {
            if let Effect::Publish { ticket, .. } = effect {
                bench.step(Input::Published { ticket: *ticket });
            }
        }
        effects.extend(read);
    }
    let status = bench.engine.status();
    assert_eq!((status.unaddressed, status.paused), (3, false));
    let ended = (Status::Failed, Reason::AccountFault, Some(40125));
    assert_eq!(outcomes(&effects), [ended; 17]);
}

#[test]
fn a_message_that_is_too_old_uses_no_code_up() {
    let mut bench = addressed_by_code();
    let first = exchanges(&bench.read(1, &code(1)))[0];
    let mut effects = bench.step(exchanged(first, secret_is_wrong()));
    effects.extend(bench.sleep_until(10_100));
    let outcome = the_outcome(&effects);
    assert_eq!(outcome.status, Status::Expired);
    assert!(
        outcome.detail.contains("logins shop is paused"),
        "{}",
        outcome.detail
    );
    let late = r#"{"type":"a","time":"2027-01-15T07:59:00Z","js_code":"c2","text":"hi"}"#;
    let effects = bench.read(2, late);
    assert_eq!(exchanges(&effects), []);
    assert_eq!(the_outcome(&effects).status, Status::Expired);
}

#[test]
fn an_end_after_the_exchange_names_the_user_whom_it_gave() {
    // What the store has of the message cannot be read; or it answers another question.
    for answer in [Err(Row::Outcome), Ok(Answer::Released)] {
        let mut bench = addressed_by_code();
        let ticket = exchanges(&bench.read(1, EVENT))[0];
        bench.step_once(exchanged(ticket, openid("oABCDEF012345")));
        let effects = bench.step(Input::StoreAnswered { ticket, answer });
        let outcome = the_outcome(&effects);
        assert_eq!(
            outcome.recipient.as_deref(),
            Some("oAB***345"),
            "{outcome:?}"
        );
        assert!(matches!(
            outcome.recipient_hash,
            Some(RecipientHash::Kept(_))
        ));
    }
}
