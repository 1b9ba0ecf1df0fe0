//! A rule that waits has its share of the window, and no more.

use super::*;
use crate::model::outcome::RecipientHash;
use crate::schedule::pauses::{Cause, Subject};

const RULE: &str =
    "app = \"shop\"\ntemplate = \"note\"\nto = \"{{ data.to }}\"\nexpires_after = \"1h\"\n";

/// `slow` may send once a second, `quick` as fast as it can.
fn two_rules() -> Arc<RuleSet> {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "t", "[shop.note]\nid = \"T\"\n").unwrap();
    let source = |name: &str, more: &str| RuleSource {
        file: name.to_owned(),
        name: name.to_owned(),
        text: format!("on = \"{name}\"\n{RULE}{more}[params]\nthing1 = \"hi\"\n"),
    };
    let sources = [
        source("slow", "rate = { per_second = 1 }\n"),
        source("quick", ""),
    ];
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    Arc::new(RuleSet::compile(&mut problems, &sources, &around).unwrap())
}

fn event(kind: &str, offset: i64) -> String {
    format!(r#"{{"type":"{kind}","to":"o{offset}"}}"#)
}

/// Answers the calls and publications among these effects until nothing more comes of them; gives the rules of the calls.
fn finish(bench: &mut Bench, effects: Vec<Effect>) -> (Vec<String>, Vec<(Ticket, i64)>) {
    let (mut sent, mut asked) = (Vec::new(), Vec::new());
    let mut left = VecDeque::from(effects);
    while let Some(effect) = left.pop_front() {
        match effect {
            Effect::Send { ticket, cleared } => {
                sent.push(cleared.rule().name.to_string());
                let answer = SendAnswer::Accepted { msgid: None };
                left.extend(bench.step(Input::SendFinished {
                    ticket,
                    answer,
                    api_ms: 1,
                }));
            }
            Effect::Publish { ticket, .. } => left.extend(bench.step(Input::Published { ticket })),
            Effect::ReadAgain { ticket, offset, .. } => asked.push((ticket, offset)),
            Effect::PauseReading => panic!("there is room"),
            Effect::InternalError { what, .. } => panic!("{what}"),
            Effect::AskStore { .. }
            | Effect::ForgetReads { .. }
            | Effect::Exchange { .. }
            | Effect::AskQuota { .. }
            | Effect::PauseChanged(_)
            | Effect::ShareChanged(_)
            | Effect::Ended { .. }
            | Effect::StoreOffset { .. }
            | Effect::ResumeReading
            | Effect::Release { .. }
            | Effect::Unknown(_)
            | Effect::Punished(_)
            | Effect::Hold(_)
            | Effect::CompareTemplate { .. }
            | Effect::Drained { .. } => {}
        }
    }
    (sent, asked)
}

#[test]
fn a_rule_that_waits_leaves_room_for_those_who_flow() {
    let mut bench = bench_with(Unmatched::Count, two_rules());
    let mut sent = Vec::new();
    for offset in 0..40 {
        let kind = if offset % 2 == 0 { "slow" } else { "quick" };
        let effects = bench.read(offset, &event(kind, offset));
        let (calls, asked) = finish(&mut bench, effects);
        assert_eq!(
            asked,
            [],
            "nothing is read again while its rule has its share"
        );
        sent.extend(calls);
    }
    let n_quick = sent.iter().filter(|rule| *rule == "quick").count();
    assert_eq!((n_quick, sent.len()), (20, 21));
    let status = bench.engine.status();
    // Of a window of four, half.
    assert_eq!((status.waiting, status.set_aside["slow"]), (2, 17));
    let position = status.partitions[0].position;
    assert_eq!(
        position,
        Some(2),
        "nothing is committed past what is set aside"
    );
}

#[test]
fn what_was_set_aside_is_sent_in_its_order() {
    let mut bench = bench_with(Unmatched::Count, two_rules());
    let mut sent = Vec::new();
    for offset in 0..10 {
        let effects = bench.read(offset, &event("slow", offset));
        sent.extend(finish(&mut bench, effects).0);
    }
    let mut offsets = Vec::new();
    for _ in 0..12 {
        bench.now_ms += 1_000;
        let effects = bench.step(Input::Tick);
        let (calls, mut asked) = finish(&mut bench, effects);
        sent.extend(calls);
        while let Some((ticket, offset)) = asked.pop() {
            offsets.push(offset);
            let record = Some(record(offset, &event("slow", offset)));
            let effects = bench.step(Input::ReadAgain { ticket, record });
            let (calls, more) = finish(&mut bench, effects);
            sent.extend(calls);
            asked.extend(more);
        }
    }
    assert_eq!(sent.len(), 10);
    assert!(offsets.is_sorted(), "{offsets:?}");
    let status = bench.engine.status();
    assert_eq!((status.in_hand(), status.set_aside.len()), (0, 0));
    assert_eq!(status.partitions[0].position, Some(10));
}

/// Reads what the window cannot hold, and gives the first message that is wanted back, with its offset.
fn first_read_again(bench: &mut Bench) -> (Ticket, i64) {
    for offset in 0..4 {
        let effects = bench.read(offset, &event("slow", offset));
        finish(bench, effects);
    }
    loop {
        bench.now_ms += 1_000;
        let effects = bench.step(Input::Tick);
        if let Some(first) = finish(bench, effects).1.first() {
            return *first;
        }
    }
}

#[test]
fn a_record_that_is_gone_ends_its_message() {
    let mut bench = bench_with(Unmatched::Count, two_rules());
    let (ticket, offset) = first_read_again(&mut bench);
    let effects = bench.step(Input::ReadAgain {
        ticket,
        record: None,
    });
    let outcome = the_outcome(&effects);
    assert_eq!(outcome.id, format!("events/0/{offset}/slow"));
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Failed, Reason::RecordGone)
    );
    // Its second answer, if there were one, belongs to no message.
    let effects = bench.step(Input::ReadAgain {
        ticket,
        record: None,
    });
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Publish { .. })),
        "{effects:?}"
    );
}

#[test]
fn a_set_aside_message_whose_rule_is_gone_names_its_user() {
    let mut bench = bench_with(Unmatched::Count, two_rules());
    let (ticket, offset) = first_read_again(&mut bench);
    bench.step(Input::RulesChanged(rules("T1", "hi")));
    let effects = bench.step(Input::ReadAgain {
        ticket,
        record: Some(record(offset, &event("slow", offset))),
    });
    let outcome = the_outcome(&effects);
    assert_eq!(outcome.reason, Reason::RuleGone);
    let hasher = bench.engine.hasher.as_ref().unwrap();
    let of_user = hasher.hash("shop", &format!("o{offset}"));
    assert_eq!(outcome.recipient_hash, Some(RecipientHash::Kept(of_user)));
}

#[test]
fn what_is_set_aside_goes_with_its_partition() {
    let mut bench = bench_with(Unmatched::Count, two_rules());
    for offset in 0..10 {
        let effects = bench.read(offset, &event("slow", offset));
        finish(&mut bench, effects);
    }
    bench.step(Input::Lost(vec![partition()]));
    let status = bench.engine.status();
    assert_eq!((status.in_hand(), status.set_aside.len()), (0, 0));
}

#[test]
fn a_rule_that_begins_to_wait_in_a_full_window_makes_room() {
    let mut bench = bench_with(Unmatched::Count, two_rules());
    // The store is away, so that all of it waits.
    bench.step(Input::StoreDown);
    for offset in 0..6 {
        let kind = if offset < 5 { "quick" } else { "slow" };
        bench.read(offset, &event(kind, offset));
    }
    assert!(bench.engine.status().in_hand() >= 4);
    let subject = Subject::Rule(Arc::from("quick"));
    let now = bench.now();
    let begun = bench.engine.pauses.begin(
        now,
        Ticket(0),
        (subject, Cause::Breaker),
        (None, String::new()),
    );
    assert!(begun.is_some());
    let effects = bench.step(Input::StoreBack);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::ResumeReading)),
        "{effects:?}"
    );
    let status = bench.engine.status();
    assert_eq!((status.paused, status.set_aside["quick"]), (false, 4));
    assert_eq!(status.partitions[0].position, Some(0));
}
