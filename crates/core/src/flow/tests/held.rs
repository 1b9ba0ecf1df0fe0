//! What is stopped until a person lets it go on.

use super::trouble::{calls, refused, the_call};
use super::*;
use std::num::NonZeroU32;

use crate::holds::{Ask, Hold, HoldChange, Holds, Stopped, StoppedBy};
use crate::model::Rate;
use crate::schedule::admission::Admission;
use crate::state::{Answer, Request};

const EVENT: &str = r#"{"type":"a","id":"e1","to":"o1","text":"hi"}"#;

fn rule() -> Stopped {
    Stopped::Rule(Arc::from("r"))
}

fn hold(what: Stopped, by: StoppedBy) -> Hold {
    Hold {
        what,
        by,
        errcode: None,
        detail: "a wrong text".to_owned(),
        since_ms: 1_799_999_000_000,
        more: BTreeMap::new(),
    }
}

fn by_person(what: Stopped) -> Hold {
    hold(what, StoppedBy::Person)
}

fn held(holds: &[Hold]) -> Input {
    heard(holds, 0)
}

/// The same, where the store has taken so many holds of this engine.
fn heard(holds: &[Hold], n_kept: u64) -> Input {
    let mut all = Holds::default();
    for hold in holds {
        all.change(&Ask {
            change: Some(HoldChange::Place(hold.clone())),
            known: Arc::default(),
            now_ms: 1_800_000_000_000,
        });
    }
    Input::Held {
        holds: Arc::new(all),
        n_kept,
    }
}

fn pauses(bench: &Bench) -> Vec<(String, &'static str)> {
    let pauses = bench.engine.status().pauses.into_iter();
    pauses.map(|pause| (pause.subject, pause.cause)).collect()
}

#[test]
fn what_a_person_has_stopped_waits_until_a_person_lets_it_go_on() {
    let template = Stopped::Template {
        app: Arc::from("shop"),
        id: Arc::from("T1"),
    };
    for what in [rule(), template, Stopped::App(Arc::from("shop"))] {
        let mut bench = bench(Unmatched::Count);
        bench.step(held(&[by_person(what.clone())]));
        assert_eq!(calls(&bench.read(1, EVENT)), []);
        let status = bench.engine.status();
        assert_eq!(status.waiting_by_rule["r"].messages, 1);
        assert_eq!(status.pauses[0].cause, "person");
        assert_eq!(status.pauses[0].since, "2027-01-15T07:43:20.000Z");
        // It is the word of a person, not of the rule: a change of that does not lift it.
        bench.step(Input::RulesChanged(rules("T1", "other")));
        assert_eq!(bench.engine.status().pauses.len(), 1, "{what:?}");
        assert_eq!(calls(&bench.sleep_until(5_000)), []);
        the_call(&bench.step(held(&[])));
        assert_eq!(bench.engine.status().pauses, []);
    }
}

#[test]
fn what_has_its_claim_does_not_pass_the_gate_and_is_sent_later() {
    let mut bench = bench_with(
        Unmatched::Count,
        rules_with(
            "id = \"T1\"",
            "to = \"{{ data.to }}\"\nrate = { per_second = 1, burst = 1 }",
            AS_PUBLISHED,
        ),
    );
    the_call(&bench.read(1, EVENT));
    bench.read(2, r#"{"type":"a","id":"e2","to":"o2","text":"hi"}"#);
    // Its turn comes, and it asks for its claim; the store is slow.
    bench.now_ms = 1_000;
    let asked = bench.step_once(Input::Tick);
    let [Effect::AskStore { ticket, request }, ..] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    let answer = bench.store.answer(request);
    bench.step(held(&[by_person(rule())]));
    let effects = bench.step_once(Input::StoreAnswered {
        ticket: *ticket,
        answer,
    });
    // Its claim is given back: another instance, or a later run, may send it.
    let [Effect::AskStore { request, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(matches!(request, Request::Release { .. }), "{request:?}");
    assert_eq!(bench.store.answer(request), Ok(Answer::Released));
    assert_eq!(bench.engine.status().waiting, 1);
    bench.sleep_until(2_500);
    the_call(&bench.step(held(&[])));
}

#[test]
fn what_is_stopped_at_the_gate_uses_up_no_limit_of_the_others() {
    let two = crate::testing::rules(&[("x", "shop", ""), ("y", "shop", "")]);
    let mut bench = bench_with(Unmatched::Count, two);
    bench.engine.setup.max_messages = 40;
    let bounds = AppBounds {
        rate: Some(Rate {
            per_second: 1.0,
            burst: NonZeroU32::MIN,
        }),
        max_in_flight: 100,
    };
    bench.engine.in_flight.admission = Admission::new([(Arc::from("shop"), bounds)]);
    let event =
        |rule: &str, n: i64| format!(r#"{{"type":"{rule}","id":"e{n}","to":"o{n}","text":"hi"}}"#);
    the_call(&bench.read(0, &event("x", 0)));
    // Two more have their turns; the store is slow.
    let mut asked = Vec::new();
    for (offset, at) in [(1, 1_000), (2, 2_000)] {
        let record = record(offset, &event("x", offset));
        bench.step_once(Input::Record {
            epoch: Epoch(1),
            record,
        });
        bench.now_ms = at;
        asked.extend(bench.step_once(Input::Tick));
    }
    bench.now_ms = 2_500;
    let mut answers = Vec::new();
    for effect in &asked {
        if let Effect::AskStore { ticket, request } = effect {
            let answer = bench.store.answer(request);
            answers.push(Input::StoreAnswered {
                ticket: *ticket,
                answer,
            });
        }
    }
    assert_eq!(answers.len(), 2, "{asked:?}");
    let mut sent = 0;
    for answer in answers {
        sent += calls(&bench.step(answer)).len();
    }
    assert_eq!(sent, 1, "the other one stands at the gate for a second");
    bench.now_ms = 3_000;
    assert_eq!(calls(&bench.read(3, &event("y", 3))), []);
    bench.step(held(&[by_person(Stopped::Rule(Arc::from("x")))]));
    assert_eq!(calls(&bench.sleep_until(3_400)), []);
    the_call(&bench.sleep_until(3_600));
}

#[test]
fn nothing_is_sent_before_the_store_was_heard() {
    let mut bench = bench(Unmatched::Count);
    bench.engine.pauses = crate::schedule::pauses::Pauses::new(Unheard::Holds);
    assert_eq!(calls(&bench.read(1, EVENT)), []);
    assert_eq!(calls(&bench.sleep_until(1_000)), []);
    assert_eq!(bench.engine.status().pauses, []);
    the_call(&bench.step(held(&[])));
}

/// Two users' messages were refused for what the rule made of them.
fn broken() -> (Bench, Hold) {
    let mut bench = bench(Unmatched::Count);
    let mut effects = Vec::new();
    for (offset, to) in [(1, "o1"), (2, "o2")] {
        let event = format!(r#"{{"type":"a","id":"e{offset}","to":"{to}","text":"hi"}}"#);
        let ticket = the_call(&bench.read(offset, &event));
        effects = bench.step(Input::SendFinished {
            ticket,
            answer: refused(47003, Class::BadParam),
            api_ms: 10,
        });
    }
    let hold = effects.iter().find_map(|effect| {
        if let Effect::Hold(hold) = effect {
            Some(hold.clone())
        } else {
            None
        }
    });
    (bench, hold.unwrap_or_else(|| panic!("{effects:?}")))
}

#[test]
fn a_breakers_pause_is_the_stores_as_soon_as_that_was_heard() {
    let (mut bench, hold) = broken();
    // So much room that nothing is spilled.
    bench.engine.setup.max_messages = 40;
    let of_rule = [("rule r".to_owned(), "breaker")];
    assert_eq!(hold.what, rule());
    // Asked before the breaker opened.
    bench.step(held(&[]));
    assert_eq!(pauses(&bench), of_rule);
    let effects = bench.step(held(&[hold]));
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::PauseChanged(_))),
        "it has begun before: {effects:?}"
    );
    assert_eq!(pauses(&bench), of_rule);
    let event = r#"{"type":"a","id":"e3","to":"o3","text":"hi"}"#;
    assert_eq!(calls(&bench.read(3, event)), []);
    // A person lets it go on, on another instance.
    the_call(&bench.step(held(&[])));
    assert_eq!(pauses(&bench), []);
    // What was counted before does not stop it again at the first refusal.
    let event = r#"{"type":"a","id":"e4","to":"o4","text":"hi"}"#;
    let ticket = the_call(&bench.read(4, event));
    bench.step(Input::SendFinished {
        ticket,
        answer: SendAnswer::Accepted { msgid: None },
        api_ms: 1,
    });
    assert_eq!(pauses(&bench), []);
}

/// The list that had it was never heard: it was placed and lifted between two looks.
#[test]
fn a_breakers_pause_that_was_lifted_between_two_looks_ends() {
    let (mut bench, _) = broken();
    bench.step(heard(&[], 0));
    assert_eq!(pauses(&bench).len(), 1);
    bench.step(heard(&[], 1));
    assert_eq!(pauses(&bench), []);
}

#[test]
fn a_word_to_go_on_does_not_overtake_the_store() {
    let mut bench = bench(Unmatched::Count);
    bench.step(held(&[by_person(rule())]));
    // Another person has stopped it again meanwhile: the list says whether.
    bench.step(Input::Resume(rule()));
    assert_eq!(pauses(&bench).len(), 1);
    bench.step(held(&[]));
    assert_eq!(pauses(&bench), []);
}

#[test]
fn a_breakers_hold_is_for_one_version_of_the_rule() {
    let (mut bench, hold) = broken();
    bench.step(held(std::slice::from_ref(&hold)));
    bench.step(Input::RulesChanged(rules("T1", "other")));
    assert_eq!(pauses(&bench), []);
    // A roll-back brings back what was refused, though the next version was refused as well.
    let mut later = hold.clone();
    later.by = StoppedBy::Breaker {
        versions: vec![Arc::clone(&bench.engine.rules.rules()[0].version)],
    };
    bench.step(held(&[hold, later]));
    assert_eq!(pauses(&bench), [("rule r".to_owned(), "breaker")]);
    bench.step(Input::RulesChanged(rules("T1", AS_PUBLISHED)));
    assert_eq!(pauses(&bench), [("rule r".to_owned(), "breaker")]);
}

#[test]
fn a_persons_pause_takes_the_place_of_a_breakers_and_goes_with_it() {
    let (mut bench, hold) = broken();
    bench.step(held(&[hold]));
    bench.step(held(&[by_person(rule())]));
    assert_eq!(pauses(&bench), [("rule r".to_owned(), "person")]);
    bench.step(held(&[]));
    assert_eq!(pauses(&bench), []);
}

#[test]
fn what_wechat_has_paused_goes_on_at_a_persons_word() {
    let mut bench = bench(Unmatched::Count);
    let ticket = the_call(&bench.read(1, EVENT));
    bench.step(Input::SendFinished {
        ticket,
        answer: refused(48001, Class::Account),
        api_ms: 10,
    });
    assert_eq!(pauses(&bench), [("app shop".to_owned(), "account")]);
    let resume = Input::Resume(Stopped::App(Arc::from("shop")));
    the_call(&bench.step(resume));
}
