//! The machine stood still, and neither clock tells: the calendar that jumped says so, before all that comes after it.

use super::*;
use crate::state::Request;
use crate::testing;

fn event(offset: i64) -> Input {
    let value = format!(r#"{{"id":"e{offset}","type":"slow","to":"o{offset}","text":"hi"}}"#);
    Input::Record {
        epoch: Epoch(1),
        record: record(offset, &value),
    }
}

fn slow() -> Bench {
    let rules = testing::rules(&[("slow", "shop", "rate = { per_second = 1, burst = 1 }")]);
    bench_with(Unmatched::Count, rules)
}

fn jumped(system_ahead_ms: i64) -> Input {
    Input::CalendarJumped { system_ahead_ms }
}

/// The questions for claims among these effects.
fn claims(effects: &[Effect]) -> Vec<(Ticket, Request)> {
    let claim = |effect: &Effect| {
        if let Effect::AskStore { ticket, request } = effect
            && let Request::Claim(_) = request
        {
            return Some((*ticket, request.clone()));
        }
        None
    };
    effects.iter().filter_map(claim).collect()
}

fn n_calls(effects: &[Effect]) -> usize {
    let is_call = |effect: &&Effect| matches!(effect, Effect::Send { .. });
    effects.iter().filter(is_call).count()
}

/// Answers what was asked, and gives what comes of it.
fn answered(bench: &mut Bench, asked: &[(Ticket, Request)]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (ticket, request) in asked {
        let (ticket, answer) = (*ticket, bench.store.answer(request));
        effects.extend(bench.step_once(Input::StoreAnswered { ticket, answer }));
    }
    effects
}

#[test]
fn a_claim_that_was_asked_for_before_begins_no_call() {
    let mut bench = slow();
    let asked = claims(&bench.step_once(event(1)));
    let mut effects = bench.step_once(jumped(0));
    effects.extend(answered(&mut bench, &asked));
    assert_eq!((n_calls(&effects), claims(&effects).len()), (0, 1));
    let effects = answered(&mut bench, &claims(&effects));
    assert_eq!(n_calls(&effects), 1);
}

#[test]
fn a_permit_that_was_given_before_begins_no_call() {
    let mut bench = slow();
    let mut asked = claims(&bench.step_once(event(1)));
    asked.extend(claims(&bench.step_once(event(2))));
    bench.now_ms = 1_000;
    asked.extend(claims(&bench.step_once(Input::Tick)));
    let effects = answered(&mut bench, &asked);
    assert_eq!((n_calls(&effects), bench.engine.status().at_gate), (1, 1));

    bench.now_ms = 1_500;
    let effects = bench.step_once(jumped(0));
    assert_eq!((n_calls(&effects), claims(&effects).len()), (0, 0));
    assert_eq!(bench.engine.check(), Ok(()));
    // Its permit would be fresh still.
    bench.now_ms = 2_000;
    let effects = bench.step_once(Input::Tick);
    assert_eq!((n_calls(&effects), claims(&effects).len()), (0, 1));
    let effects = answered(&mut bench, &claims(&effects));
    assert_eq!(n_calls(&effects), 1);
}

#[test]
fn a_claim_is_stamped_with_the_later_of_both_calendars() {
    for (system_ahead_ms, late_ms) in [(60_000, 60_000), (-60_000, 0), (0, 0)] {
        let mut bench = slow();
        bench.step_once(jumped(system_ahead_ms));
        let asked = claims(&bench.step_once(event(1)));
        let now_ms = bench.now().unix_ms;
        assert!(
            matches!(asked.as_slice(), [(_, Request::Claim(claim))] if (claim.since_ms, claim.now_ms) == (now_ms + late_ms, now_ms)),
            "{asked:?}"
        );
    }
}
