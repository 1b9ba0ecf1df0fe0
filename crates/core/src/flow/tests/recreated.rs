//! A topic that was deleted and made anew: other records lie in the places that the store knows.

use super::*;
use crate::model::Ticket;
use crate::wechat::logins::ExchangeAnswer;

/// The same process and store, and a topic that begins anew.
fn begin_anew(bench: &mut Bench, rules: Arc<RuleSet>) {
    let store = std::mem::replace(&mut bench.store, MemoryStore::new(1));
    let now_ms = bench.now_ms + 60_000;
    *bench = bench_with(Unmatched::Publish, rules);
    bench.engine.setup.max_messages = 100;
    bench.engine.setup.process = 2;
    (bench.store, bench.now_ms) = (store, now_ms);
}

fn read(bench: &mut Bench, offset: i64, value: &str) -> Vec<Effect> {
    let mut record = record(offset, value);
    record.timestamp_ms = Some(bench.now().unix_ms);
    bench.step(Input::Record {
        epoch: Epoch(1),
        record,
    })
}

fn send(bench: &mut Bench, effects: &[Effect]) -> Outcome {
    let call = effects.iter().find_map(|effect| {
        if let Effect::Send { ticket, .. } = effect {
            return Some(*ticket);
        }
        None
    });
    let ticket = call.unwrap_or_else(|| panic!("no call in {effects:?}"));
    let effects = bench.step(Input::SendFinished {
        ticket,
        answer: SendAnswer::Accepted { msgid: None },
        api_ms: 1,
    });
    the_outcome(&effects).clone()
}

#[test]
fn an_event_in_the_place_of_another_one_is_sent_under_an_id_of_its_own() {
    let with_id = |id: &str| format!(r#"{{"type":"a","id":"{id}","to":"o1","text":"hi"}}"#);
    let without_id = |to: &str| format!(r#"{{"type":"a","to":"{to}","text":"hi"}}"#);
    for (before, after) in [
        (with_id("A-1"), with_id("B-1")),
        (without_id("o1"), without_id("o2")),
        (with_id("A-1"), without_id("o2")),
        (without_id("o1"), with_id("B-1")),
    ] {
        let mut bench = bench(Unmatched::Publish);
        let effects = read(&mut bench, 5, &before);
        let first = send(&mut bench, &effects);
        assert_eq!(first.id, "events/0/5/r");
        begin_anew(&mut bench, rules("T1", AS_PUBLISHED));
        let effects = read(&mut bench, 5, &after);
        let second = send(&mut bench, &effects);
        assert_eq!(second.status, Status::Sent);
        assert!(second.id.starts_with("events/0/5/r~"), "{}", second.id);
        assert_ne!(second.message_id, first.message_id);
        // Read again, each repeats its own.
        let now_ms = bench.now_ms;
        begin_anew(&mut bench, rules("T1", AS_PUBLISHED));
        bench.now_ms = now_ms;
        let again = the_outcome(&read(&mut bench, 5, &after)).clone();
        assert_eq!(
            (&again.id, &again.message_id),
            (&second.id, &second.message_id)
        );
        assert_eq!(again.event_id, second.event_id);
        bench.now_ms = 0;
        begin_anew(&mut bench, rules("T1", AS_PUBLISHED));
        bench.now_ms = 0;
        let again = the_outcome(&read(&mut bench, 5, &before)).clone();
        assert_eq!(
            (&again.id, &again.message_id),
            (&first.id, &first.message_id)
        );
    }
}

#[test]
fn an_event_that_is_published_again_on_the_new_topic_is_a_duplicate_with_an_outcome_of_its_own() {
    let event = r#"{"type":"a","id":"A-1","to":"o1","text":"hi"}"#;
    let mut bench = bench(Unmatched::Publish);
    let effects = read(&mut bench, 5, event);
    send(&mut bench, &effects);
    begin_anew(&mut bench, rules("T1", AS_PUBLISHED));
    let outcome = the_outcome(&read(&mut bench, 5, event)).clone();
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Skipped, Reason::Duplicate)
    );
    assert_eq!(outcome.duplicate_of.as_deref(), Some("events/0/5/r"));
    assert!(outcome.id.starts_with("events/0/5/r~"), "{}", outcome.id);
}

#[test]
fn what_is_never_claimed_has_an_outcome_of_its_own_as_well() {
    for (before, after, status) in [
        ("not json", "not json either", Status::Invalid),
        ("not json", r#"{"type":"none of ours"}"#, Status::Unmatched),
        (r#"{"type":"none of ours"}"#, "not json", Status::Invalid),
        (
            r#"{"type":"a","to":"","text":"hi"}"#,
            r#"{"type":"a","to":" ","text":"hi"}"#,
            Status::Invalid,
        ),
    ] {
        let mut bench = bench(Unmatched::Publish);
        let first = the_outcome(&read(&mut bench, 5, before)).clone();
        begin_anew(&mut bench, rules("T1", AS_PUBLISHED));
        let effects = read(&mut bench, 5, after);
        let second = the_outcome(&effects);
        assert_eq!(second.status, status, "{after}");
        assert!(
            second.id.contains('~') && second.id != first.id,
            "{}",
            second.id
        );
        let letter = effects.iter().find_map(|effect| {
            if let Effect::Publish { dead_letter, .. } = effect {
                return dead_letter.as_ref();
            }
            None
        });
        if let Some(letter) = letter {
            assert_eq!(letter.value.as_deref(), Some(after.as_bytes()));
        }
    }
}

#[test]
fn a_user_who_was_kept_for_another_record_is_not_sent_to() {
    let code = |code: &str| format!(r#"{{"type":"a","js_code":"{code}","text":"hi"}}"#);
    let by_code = || {
        rules_for(
            "{ js_code = \"{{ data.js_code }}\" }",
            "id = \"T1\"",
            "hello",
            "1h",
        )
    };
    let exchange = |effects: &[Effect]| -> Option<Ticket> {
        effects.iter().find_map(|effect| {
            if let Effect::Exchange { ticket, .. } = effect {
                return Some(*ticket);
            }
            None
        })
    };
    let mut bench = bench_with(Unmatched::Publish, by_code());
    let ticket = exchange(&read(&mut bench, 5, &code("c1"))).unwrap();
    bench.step(Input::ExchangeFinished {
        ticket,
        answer: ExchangeAnswer::Openid(Arc::from("first")),
    });
    // The process ends here, and the user is kept.
    begin_anew(&mut bench, by_code());
    let ticket = exchange(&read(&mut bench, 5, &code("c2"))).expect("a code of its own");
    let effects = bench.step(Input::ExchangeFinished {
        ticket,
        answer: ExchangeAnswer::Openid(Arc::from("second")),
    });
    // The claim of the first record is open still, under the same message id: it is not this one's.
    let outcome = send(&mut bench, &effects);
    assert!(outcome.id.contains('~'), "{}", outcome.id);
    assert_eq!(outcome.status, Status::Sent);
}
