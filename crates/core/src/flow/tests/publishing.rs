//! Outcomes that Kafka does not take, and outcomes of whatever comes in.

use super::*;
use crate::state::{OnUnreadable, Request, Settlement};
use crate::wechat::receipts::Receipts;

const UNWANTED: &str = r#"{"type":"unwanted"}"#;

fn published(effects: &[Effect]) -> Option<Ticket> {
    effects.iter().find_map(|effect| {
        if let Effect::Publish { ticket, .. } = effect {
            Some(*ticket)
        } else {
            None
        }
    })
}

fn committed(effects: &[Effect]) -> Option<i64> {
    effects.iter().find_map(|effect| {
        if let Effect::StoreOffset { position, .. } = effect {
            Some(*position)
        } else {
            None
        }
    })
}

#[test]
fn a_refused_outcome_is_tried_at_a_growing_pace_told_and_committed_when_it_is_there() {
    let mut bench = bench(Unmatched::Publish);
    let ticket = published(&bench.read(0, UNWANTED)).unwrap();
    let mut told_ms = Vec::new();
    for wait_ms in [1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
        let why = Arc::from("too large");
        bench.step(Input::PublishFailed { ticket, why });
        bench.now_ms += wait_ms - 1;
        let effects = bench.step(Input::Tick);
        assert_eq!(published(&effects), None, "before {wait_ms} ms are over");
        assert_ne!(committed(&effects), Some(1));
        bench.now_ms += 1;
        assert_eq!(published(&bench.step(Input::Tick)), Some(ticket));
        if let Some(unpublished) = bench.engine.unpublished(bench.now()) {
            assert_eq!(
                (unpublished.outcomes, unpublished.refusal),
                (1, Some("too large".to_owned()))
            );
            assert_eq!(unpublished.since, "2027-01-15T08:00:00.000Z");
            told_ms.push(bench.now_ms);
        }
    }
    assert_eq!(
        told_ms,
        [15_000, 25_000, 35_000],
        "it is news after ten seconds"
    );
    bench.step(Input::Published { ticket });
    assert_eq!(bench.engine.unpublished(bench.now()), None);
    bench.now_ms += 1_000;
    assert_eq!(committed(&bench.step(Input::Tick)), Some(1));
}

#[test]
fn an_outcome_that_no_broker_answers_for_is_told_as_well() {
    let mut bench = bench(Unmatched::Publish);
    bench.read(0, UNWANTED);
    bench.now_ms = 5_000;
    bench.read(1, UNWANTED);
    assert_eq!(bench.engine.unpublished(bench.now()), None);
    bench.now_ms = 10_000;
    let unpublished = bench.engine.unpublished(bench.now()).unwrap();
    assert_eq!(
        (unpublished.outcomes, unpublished.refusal.as_deref()),
        (1, None)
    );
    assert!(unpublished.to_string().contains("no broker has answered"));
}

#[test]
fn attributes_of_any_length_give_an_outcome_that_fits() {
    let digits = "9".repeat(900_000);
    let odd = "\\u0001".repeat(1_000);
    for attribute in ["id", "source", "type"] {
        for value in [digits.clone(), format!("\"{odd}\"")] {
            let mut bench = bench(Unmatched::Publish);
            let event = format!(r#"{{"to":"","{attribute}":{value},"type":"a"}}"#);
            let effects = bench.read(0, &event);
            assert!(the_outcome(&effects).is_bounded(), "{attribute}");
        }
    }
}

#[test]
fn what_an_earlier_version_kept_is_cut_before_it_is_published() {
    let mut first = bench(Unmatched::Publish);
    let mut outcome = the_outcome(&first.read(0, UNWANTED)).clone();
    outcome.event_id = Some("9".repeat(900_000));
    let mut bench = bench(Unmatched::Publish);
    let told = bench.store.answer(&Request::Settle(Settlement {
        outcome: Arc::new(outcome),
        holder: None,
        grant: None,
        refused_ms: None,
        receipts: Receipts::None,
        on_unreadable: OnUnreadable::Fail,
        now_ms: bench.now().unix_ms,
    }));
    assert!(told.is_ok());
    let effects = bench.read(0, UNWANTED);
    let event_id = the_outcome(&effects).event_id.as_deref().unwrap();
    assert!(event_id.contains("~sha256:"), "{event_id}");
    assert!(the_outcome(&effects).is_bounded());
}
