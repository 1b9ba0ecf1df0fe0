//! Single steps of the engine that are worth seeing one by one; the simulation sees them in every order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Engine, Input, Setup, Unmatched};
use crate::catalog::Catalog;
use crate::document::Problems;
use crate::event::{Decoding, Pointer};
use crate::flow::attempt::{Refusal, RetryPlan, SendAnswer};
use crate::grants::{AnswerEvents, AppOf, Policies};
use crate::model::outcome::{Outcome, Reason, RecipientKey, RecipientStyle, Status};
use crate::model::{Epoch, Moment, Partition, Record, Ticket};
use crate::rules::{RuleSet, RuleSource, Surroundings};
use crate::schedule::admission::AppBounds;
use crate::schedule::pauses::{Threshold, Unheard};
use crate::schedule::share::Layout;
use crate::state::MemoryStore;
use crate::wechat::Class;

struct Bench {
    engine: Engine,
    /// Answers at once.
    store: MemoryStore,
    now_ms: u64,
}

/// A rule whose card says this, made from the template of this id.
fn rules(template_id: &str, says: &str) -> Arc<RuleSet> {
    let template = format!("id = \"{template_id}\"");
    rules_to("{{ data.to }}", &template, says)
}

/// The same, with a recipient, and lines of the template.
fn rules_to(to: &str, template: &str, says: &str) -> Arc<RuleSet> {
    rules_for(to, template, says, "10s")
}

/// The same, for messages that live so long.
fn rules_for(to: &str, template: &str, says: &str, expires_after: &str) -> Arc<RuleSet> {
    let to = if to.starts_with("{ ") {
        to.to_owned()
    } else {
        format!("\"{to}\"")
    };
    let lines = format!("to = {to}\nexpires_after = \"{expires_after}\"");
    rules_with(template, &lines, says)
}

/// The same, with these lines of the rule.
fn rules_with(template: &str, lines: &str, says: &str) -> Arc<RuleSet> {
    let mut problems = Problems::default();
    let catalog = format!("[shop.note]\n{template}\n");
    let catalog = Catalog::read(&mut problems, "t", &catalog).unwrap();
    let text = format!(
        "on = \"a\"\napp = \"shop\"\ntemplate = \"note\"\n{lines}\n[params]\nthing1 = \"{says}\"\n"
    );
    let sources = [RuleSource {
        file: "r".to_owned(),
        name: "r".to_owned(),
        text,
    }];
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    Arc::new(
        RuleSet::compile(&mut problems, &sources, &around).unwrap_or_else(|| panic!("{problems}")),
    )
}

const AS_PUBLISHED: &str = "{{ data.text }}";

/// So many refusals for what a rule made are a burst.
const BURST: usize = 2;
const WAVE: usize = 2;

/// A partition that came counts from then on.
const BEGAN: Duration = Duration::from_secs(1);

fn bench(unmatched: Unmatched) -> Bench {
    bench_with(unmatched, rules("T1", AS_PUBLISHED))
}

fn bench_with(unmatched: Unmatched, rules: impl Into<Arc<RuleSet>>) -> Bench {
    let setup = Setup {
        decoding: Decoding::default(),
        apps: BTreeMap::from([(
            Arc::from("shop"),
            AppBounds {
                rate: None,
                max_in_flight: 100,
            },
        )]),
        retry: RetryPlan::default(),
        max_messages: 4,
        max_bytes: 1_000_000,
        recipient_style: RecipientStyle::Masked,
        recipient_key: Some(RecipientKey::new("a key of tests")),
        unmatched,
        answers: Some(AnswerEvents {
            kind: "answer".to_owned(),
            app: AppOf::Always(Arc::from("shop")),
            openid: Pointer::new("/to").unwrap(),
            template: Pointer::new("/template").unwrap(),
            answer: Pointer::new("/answer").unwrap(),
        }),
        receipts: BTreeSet::new(),
        breaker: Threshold {
            count: BURST,
            ratio: 0.5,
        },
        refusal_wave: Threshold {
            count: WAVE,
            ratio: 0.5,
        },
        call_limit: Duration::from_secs(5),
        unheard: Unheard::Nothing,
        process: 1,
        seed: 1,
    };
    let mut bench = Bench {
        engine: Engine::new(setup, rules.into()),
        store: MemoryStore::new(100),
        now_ms: 0,
    };
    let mut effects = Vec::new();
    let layout = Layout::new([(partition().topic, 1)]);
    let came = Input::Assigned(vec![(partition(), Epoch(1))]);
    for (elapsed, input) in [
        (Duration::ZERO, Input::TopicsCounted(layout)),
        (Duration::ZERO, came),
        (BEGAN, Input::Tick),
    ] {
        let moment = Moment {
            elapsed,
            ..bench.now()
        };
        bench.engine.step(moment, input, &mut effects);
    }
    bench
}

fn partition() -> Partition {
    Partition {
        topic: Arc::from("events"),
        number: 0,
    }
}

impl Bench {
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut left = Vec::new();
        for effect in self.step_once(input) {
            if let Effect::AskStore { ticket, request } = effect {
                let answer = self.store.answer(&request);
                // The service hears nothing of a release.
                if answer != Ok(crate::state::Answer::Released) {
                    left.extend(self.step(Input::StoreAnswered { ticket, answer }));
                }
            } else {
                left.push(effect);
            }
        }
        left
    }

    fn step_once(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.engine.step(self.now(), input, &mut effects);
        effects
    }

    fn now(&self) -> Moment {
        Moment {
            elapsed: BEGAN + Duration::from_millis(self.now_ms),
            unix_ms: 1_800_000_000_000 + i64::try_from(self.now_ms).unwrap(),
        }
    }

    fn read(&mut self, offset: i64, value: &str) -> Vec<Effect> {
        self.step(Input::Record {
            epoch: Epoch(1),
            record: record(offset, value),
        })
    }
}

fn record(offset: i64, value: &str) -> Record {
    Record {
        topic: Arc::from("events"),
        partition: 0,
        offset,
        key: None,
        headers: Vec::new(),
        value: Some(value.as_bytes().to_vec()),
        timestamp_ms: Some(1_800_000_000_000),
    }
}

fn the_outcome(effects: &[Effect]) -> &Outcome {
    let published = effects.iter().find_map(|effect| {
        if let Effect::Publish { outcome, .. } = effect {
            Some(outcome)
        } else {
            None
        }
    });
    published.unwrap_or_else(|| panic!("no outcome in {effects:?}"))
}

fn refused(ticket: Ticket, errcode: i64, class: Class) -> Input {
    let answer = SendAnswer::Refused(Refusal {
        errcode,
        errmsg: String::new(),
        rid: None,
        param: None,
        class,
    });
    Input::SendFinished {
        ticket,
        answer,
        api_ms: 1,
    }
}

mod addressing;
mod comparing;
mod faults;
mod granting;
mod held;
mod mended;
mod naming;
mod publishing;
mod recreated;
mod remaking;
mod standstill;
mod trouble;
mod unreadable;
mod wave;
mod window;

#[test]
fn an_event_is_sent_acknowledged_and_committed_in_this_order() {
    let mut bench = bench(Unmatched::Count);
    let effects = bench.read(
        5,
        r#"{"type":"a","id":"e1","to":"oABCDEF012345","text":"hi"}"#,
    );
    let [Effect::Send { ticket, cleared }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(cleared.message().recipient, "oABCDEF012345");
    let ticket = *ticket;
    bench.now_ms = 30;
    let answer = SendAnswer::Accepted {
        msgid: Some("9".to_owned()),
    };
    let effects = bench.step(Input::SendFinished {
        ticket,
        answer,
        api_ms: 20,
    });
    let outcome = the_outcome(&effects).clone();
    assert_eq!(
        (outcome.id.as_str(), outcome.message_id.as_str()),
        ("events/0/5/r", "r|events|e1")
    );
    assert_eq!((outcome.status, outcome.reason), (Status::Sent, Reason::Ok));
    assert_eq!(outcome.recipient.as_deref(), Some("oAB***345"));
    assert_eq!(
        (outcome.waited_ms, outcome.api_ms, outcome.attempts),
        (10, 20, 1)
    );
    bench.now_ms = 200;
    let effects = bench.step(Input::Tick);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::StoreOffset { position: 5, .. }]
        ),
        "the record itself is still owed: {effects:?}"
    );
    bench.step(Input::Published { ticket });
    bench.now_ms = 400;
    let effects = bench.step(Input::Tick);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::StoreOffset { position: 6, .. }]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_message_whose_turn_comes_too_late_expires_without_a_call() {
    let mut bench = bench(Unmatched::Count);
    bench.now_ms = 10_001;
    let effects = bench.read(1, r#"{"type":"a","to":"o1","text":"hi"}"#);
    assert_eq!(the_outcome(&effects).status, Status::Expired);
}

#[test]
fn a_full_engine_pauses_reading_and_resumes_at_half() {
    let mut bench = bench(Unmatched::Publish);
    let mut tickets = Vec::new();
    for offset in 0..4 {
        let effects = bench.read(offset, r#"{"type":"unwanted"}"#);
        let published = effects.iter().find_map(|effect| {
            if let Effect::Publish { ticket, .. } = effect {
                Some(*ticket)
            } else {
                None
            }
        });
        tickets.extend(published);
        let is_paused = effects
            .iter()
            .any(|effect| matches!(effect, Effect::PauseReading));
        assert_eq!(is_paused, offset == 3);
    }
    let resumes = |effects: Vec<Effect>| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::ResumeReading))
    };
    assert!(!resumes(
        bench.step(Input::Published { ticket: tickets[0] })
    ));
    assert!(resumes(bench.step(Input::Published { ticket: tickets[1] })));
}

#[test]
fn an_undecodable_record_becomes_a_dead_letter_and_the_next_one_goes_on() {
    let mut bench = bench(Unmatched::Count);
    let effects = bench.read(1, "{");
    let Some(Effect::Publish {
        outcome,
        dead_letter: Some(record),
        ..
    }) = effects.first()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (outcome.id.as_str(), outcome.reason),
        ("events/0/1", Reason::NotJson)
    );
    assert_eq!(record.value.as_deref(), Some(b"{".as_slice()));
    let effects = bench.read(2, r#"{"type":"a","to":"o1","text":"hi"}"#);
    assert!(matches!(effects.as_slice(), [Effect::Send { .. }]));
}
