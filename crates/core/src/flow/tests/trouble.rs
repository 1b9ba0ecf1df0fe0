//! Duplicates, doubt, other owners, pauses, a store that is away.

mod others;
mod pauses;

use super::*;
use crate::flow::attempt::Refusal;
use crate::grants::Reservation;
use crate::model::{Holder, Ticket};
use crate::state::{self, Claim, ClaimAnswer, OnUnreadable, Reply, Request, Settlement};
use crate::testing;
use crate::wechat::Class;
use crate::wechat::receipts::Receipts;

pub(super) const OTHER: Holder = Holder {
    process: 2,
    ticket: Ticket(9),
};

const CLAIMED: Reply = Ok(state::Answer::Claim(ClaimAnswer::Claimed(
    Reservation::NotAsked,
)));

/// Rules `leave` and `resend` of one app, by what they do in doubt.
fn doubtful() -> Bench {
    let rules = testing::rules(&[
        ("leave", "shop", "in_doubt = \"leave\""),
        ("resend", "shop", "in_doubt = \"resend\""),
    ]);
    bench_with(Unmatched::Count, rules)
}

fn event(rule: &str, id: &str, to: &str) -> String {
    format!(r#"{{"id":"{id}","type":"{rule}","to":"{to}","text":"hi"}}"#)
}

pub(super) fn the_call(effects: &[Effect]) -> Ticket {
    let calls: Vec<Ticket> = calls(effects);
    let [ticket] = calls.as_slice() else {
        panic!("not one call in {effects:?}");
    };
    *ticket
}

pub(super) fn calls(effects: &[Effect]) -> Vec<Ticket> {
    let call = |effect: &Effect| {
        if let Effect::Send { ticket, .. } = effect {
            Some(*ticket)
        } else {
            None
        }
    };
    effects.iter().filter_map(call).collect()
}

pub(super) fn refused(errcode: i64, class: Class) -> SendAnswer {
    SendAnswer::Refused(Refusal {
        errcode,
        errmsg: String::new(),
        rid: None,
        param: None,
        class,
    })
}

impl Bench {
    pub(super) fn finish(&mut self, ticket: Ticket, answer: SendAnswer) -> Vec<Effect> {
        self.step(Input::SendFinished {
            ticket,
            answer,
            api_ms: 1,
        })
    }

    /// Ticks until a time, as often as the engine asks for it.
    pub(super) fn sleep_until(&mut self, until_ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(at) = self.engine.wake_at(self.now()) {
            let at = at.saturating_sub(BEGAN);
            let at_ms = u64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap();
            if at_ms > until_ms {
                break;
            }
            assert!(at_ms > self.now_ms, "it would never sleep");
            self.now_ms = at_ms;
            effects.extend(self.step(Input::Tick));
        }
        self.now_ms = until_ms;
        effects.extend(self.step(Input::Tick));
        effects
    }

    /// Another process claims the message of a record.
    pub(super) fn claim_elsewhere(&mut self, rule: &str, id: &str, offset: i64, holder: Holder) {
        let claim = Claim {
            message_id: Arc::from(format!("{rule}|events|{id}")),
            outcome_id: Arc::from(format!("events/0/{offset}/{rule}")),
            record: None,
            holder,
            takes_over: None,
            on_unreadable: OnUnreadable::Fail,
            grant: None,
            since_ms: self.now().unix_ms,
            now_ms: self.now().unix_ms,
        };
        let answer = self.store.answer(&Request::Claim(claim));
        assert_eq!(answer, CLAIMED);
    }

    fn asks_for_claims(effects: &[Effect]) -> usize {
        let is_claim = |effect: &&Effect| {
            matches!(
                effect,
                Effect::AskStore {
                    request: Request::Claim(_),
                    ..
                }
            )
        };
        effects.iter().filter(is_claim).count()
    }
}

#[test]
fn another_record_with_the_same_message_is_a_duplicate() {
    let mut bench = doubtful();
    let first = the_call(&bench.read(1, &event("leave", "e", "o1")));
    assert_eq!(calls(&bench.read(2, &event("leave", "e", "o1"))), []);
    let effects = bench.finish(first, SendAnswer::Accepted { msgid: None });
    assert_eq!(the_outcome(&effects).status, Status::Sent);
    let outcome = the_outcome_of(&effects, "events/0/2/leave");
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Skipped, Reason::Duplicate)
    );
    assert_eq!(outcome.duplicate_of.as_deref(), Some("events/0/1/leave"));
    assert_eq!(outcome.message_id, "leave|events|e");
}

fn the_outcome_of<'a>(effects: &'a [Effect], id: &str) -> &'a Outcome {
    let outcome = effects.iter().find_map(|effect| {
        if let Effect::Publish { outcome, .. } = effect {
            (outcome.id == id).then_some(outcome)
        } else {
            None
        }
    });
    outcome.unwrap_or_else(|| panic!("no outcome {id} in {effects:?}"))
}

#[test]
fn a_claim_in_doubt_is_left_or_taken_over_as_the_rule_says() {
    let mut bench = doubtful();
    bench.claim_elsewhere("leave", "e", 1, OTHER);
    bench.claim_elsewhere("resend", "e", 2, OTHER);
    let mut effects = bench.read(1, &event("leave", "e", "o1"));
    effects.extend(bench.read(2, &event("resend", "e", "o2")));
    effects.extend(bench.sleep_until(8_999));
    assert!(
        effects
            .iter()
            .all(|effect| matches!(effect, Effect::StoreOffset { .. })),
        "the other may still be calling: {effects:?}"
    );
    let effects = bench.sleep_until(9_000);
    let left = the_outcome_of(&effects, "events/0/1/leave");
    assert_eq!(
        (left.status, left.reason),
        (Status::Unknown, Reason::InDoubt)
    );
    let ticket = the_call(&effects);
    let effects = bench.finish(ticket, refused(43101, Class::NotSubscribed));
    let resent = the_outcome_of(&effects, "events/0/2/resend");
    assert_eq!(
        (resent.status, resent.reason),
        (Status::Unknown, Reason::InDoubt)
    );
}

#[test]
fn who_lost_his_claim_repeats_what_the_other_says() {
    let mut bench = doubtful();
    let effects = bench.read(1, &event("leave", "e", "o1"));
    let [Effect::Send { ticket, cleared }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let (ticket, ours) = (*ticket, cleared.holder());
    let over = Request::Claim(Claim {
        message_id: Arc::from("leave|events|e"),
        outcome_id: Arc::from("events/0/1/leave"),
        record: None,
        holder: OTHER,
        takes_over: Some(ours),
        grant: None,
        on_unreadable: OnUnreadable::Fail,
        since_ms: bench.now().unix_ms,
        now_ms: bench.now().unix_ms,
    });
    assert_eq!(bench.store.answer(&over), CLAIMED);
    let effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
    assert!(effects.is_empty(), "{effects:?}");
    let mut theirs = bench_outcome();
    theirs.status = Status::Unknown;
    let told = bench.store.answer(&Request::Settle(Settlement {
        outcome: Arc::new(theirs),
        holder: Some(OTHER),
        grant: None,
        receipts: Receipts::None,
        refused_ms: None,
        on_unreadable: OnUnreadable::Fail,
        now_ms: bench.now().unix_ms,
    }));
    assert!(told.is_ok());
    let effects = bench.sleep_until(20_000);
    assert_eq!(the_outcome(&effects).status, Status::Unknown);
    assert_eq!(calls(&effects), []);
}

/// What another process says of `events/0/1/leave`.
fn bench_outcome() -> Outcome {
    let mut other = doubtful();
    let ticket = the_call(&other.read(1, &event("leave", "e", "o1")));
    let effects = other.finish(ticket, SendAnswer::Accepted { msgid: None });
    the_outcome(&effects).clone()
}

#[test]
fn a_permit_that_comes_late_is_asked_for_again() {
    let mut bench = doubtful();
    let effects = bench.step_once(Input::Record {
        epoch: Epoch(1),
        record: record(1, &event("leave", "e", "o1")),
    });
    let [Effect::AskStore { ticket, request }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let answer = bench.store.answer(request);
    bench.now_ms = 2_001;
    let ticket = *ticket;
    let effects = bench.step_once(Input::StoreAnswered { ticket, answer });
    assert_eq!(calls(&effects), []);
    assert_eq!(Bench::asks_for_claims(&effects), 1);
    let answer = CLAIMED;
    let effects = bench.step_once(Input::StoreAnswered { ticket, answer });
    the_call(&effects);
}

#[test]
fn what_expires_in_doubt_is_unknown() {
    let rules = testing::rules(&[(
        "resend",
        "shop",
        "in_doubt = \"resend\"\nexpires_after = \"10s\"",
    )]);
    let mut bench = bench_with(Unmatched::Count, rules);
    let ticket = the_call(&bench.read(1, &event("resend", "e", "o1")));
    bench.now_ms = 9_999;
    let detail = "timeout".to_owned();
    bench.finish(ticket, SendAnswer::InDoubt { detail });
    bench.now_ms = 20_000;
    let effects = bench.step(Input::Tick);
    let outcome = the_outcome(&effects);
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Unknown, Reason::InDoubt)
    );
}

#[test]
fn while_the_store_is_down_the_engine_sleeps() {
    let rules = testing::rules(&[("slow", "shop", "rate = { per_second = 1 }")]);
    let mut bench = bench_with(Unmatched::Count, rules);
    the_call(&bench.read(1, &event("slow", "e1", "o1")));
    bench.read(2, &event("slow", "e2", "o2"));
    bench.step(Input::StoreDown);
    bench.sleep_until(10_000);
    assert_eq!(bench.engine.wake_at(bench.now()), None);
    the_call(&bench.step(Input::StoreBack));
}

/// A store that stood still hands out more claims at once than go while they are fresh.
#[test]
fn a_line_at_the_gate_moves_however_slow_the_limit_is() {
    let rules = testing::rules(&[("slow", "shop", "rate = { per_second = 0.2, burst = 1 }")]);
    let mut bench = bench_with(Unmatched::Count, rules);
    let mut held = Vec::new();
    let mut calls_made = 0;
    for offset in 1..4 {
        let value = event("slow", &format!("e{offset}"), &format!("o{offset}"));
        let effects = bench.step_once(Input::Record {
            epoch: Epoch(1),
            record: record(offset, &value),
        });
        held.extend(effects);
        bench.now_ms += 5_000;
        held.extend(bench.step_once(Input::Tick));
    }
    for effect in held {
        if let Effect::AskStore { ticket, request } = effect {
            let answer = bench.store.answer(&request);
            calls_made += calls(&bench.step(Input::StoreAnswered { ticket, answer })).len();
        }
    }
    for _ in 0..12 {
        let until_ms = bench.now_ms + 1_000;
        calls_made += calls(&bench.sleep_until(until_ms)).len();
    }
    assert_eq!(calls_made, 3);
}

/// The clock goes on between a step and the question when to wake: a limit that has become free meanwhile is no reason to sleep for ever.
#[test]
fn whose_limit_is_free_by_now_is_woken_at_once() {
    let rules = testing::rules(&[("slow", "shop", "rate = { per_second = 0.2, burst = 1 }")]);
    let mut bench = bench_with(Unmatched::Count, rules);
    let mut calls_made = 0;
    for (offset, answered_ms) in [(1, 3), (2, 5_000)] {
        let value = event("slow", &format!("e{offset}"), &format!("o{offset}"));
        let asked = bench.step_once(Input::Record {
            epoch: Epoch(1),
            record: record(offset, &value),
        });
        bench.now_ms = answered_ms;
        let tick = bench.step_once(Input::Tick);
        for effect in asked.into_iter().chain(tick) {
            if let Effect::AskStore { ticket, request } = effect {
                let answer = bench.store.answer(&request);
                calls_made += calls(&bench.step(Input::StoreAnswered { ticket, answer })).len();
            }
        }
    }
    assert_eq!((calls_made, bench.engine.status().at_gate), (1, 1));
    let free_at = bench.engine.wake_at(bench.now());
    bench.now_ms = 5_010;
    let later = bench.engine.wake_at(bench.now());
    assert!(free_at > Some(Duration::from_secs(5)), "{free_at:?}");
    assert!(
        later.is_some_and(|at| at <= bench.now().elapsed),
        "{later:?}"
    );
}

#[test]
fn an_attempt_in_doubt_keeps_its_claim_until_the_end() {
    let mut bench = doubtful();
    let ticket = the_call(&bench.read(1, &event("resend", "e", "o1")));
    bench.finish(
        ticket,
        SendAnswer::InDoubt {
            detail: String::new(),
        },
    );
    let claim = Claim {
        message_id: Arc::from("resend|events|e"),
        outcome_id: Arc::from("events/0/7/resend"),
        record: None,
        holder: OTHER,
        takes_over: None,
        on_unreadable: OnUnreadable::Fail,
        grant: None,
        since_ms: bench.now().unix_ms,
        now_ms: bench.now().unix_ms,
    };
    let answer = bench.store.answer(&Request::Claim(claim));
    assert!(
        matches!(answer, Ok(state::Answer::Claim(ClaimAnswer::Held(_)))),
        "{answer:?}"
    );
    let ticket = the_call(&bench.sleep_until(60_000));
    let effects = bench.finish(ticket, refused(43101, Class::NotSubscribed));
    assert_eq!(the_outcome(&effects).status, Status::Unknown);
}

/// The record that has the claim may be the next in line for the same user.
#[test]
fn who_waits_for_another_record_keeps_no_user_to_himself() {
    let mut bench = doubtful();
    bench.claim_elsewhere("resend", "e", 2, OTHER);
    assert_eq!(calls(&bench.read(1, &event("resend", "e", "o1"))), []);
    assert_eq!(calls(&bench.read(2, &event("resend", "e", "o1"))), []);
    let effects = bench.sleep_until(30_000);
    let ticket = the_call(&effects);
    let mut effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
    effects.extend(bench.sleep_until(40_000));
    let sent = the_outcome_of(&effects, "events/0/2/resend");
    assert_eq!(sent.status, Status::Sent);
    let duplicate = the_outcome_of(&effects, "events/0/1/resend");
    assert_eq!(duplicate.status, Status::Skipped);
}
