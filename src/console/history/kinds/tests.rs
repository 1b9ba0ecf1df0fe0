//! Kinds: told apart, bounded, and taken back.

use super::*;
use crate::console::filter::Filter;
use crate::console::history::sample;

fn with_version(number: usize) -> Outcome {
    let mut outcome = sample::outcome(0);
    outcome.rules_version = Arc::from(format!("version-{number}"));
    outcome
}

#[test]
fn a_kind_comes_back_from_its_bytes() {
    let mut kinds = Kinds::default();
    for number in 0..12 {
        kinds.count(&sample::outcome(number), sample::NOW_MS);
    }
    let mut read = Kinds::default();
    for Standing { known, count } in kinds.iter() {
        read.read(known.id, &known.to_bytes(), *count).unwrap();
    }
    let all = |kinds: &Kinds| kinds.iter().cloned().collect::<Vec<Standing>>();
    assert_eq!(all(&read), all(&kinds));
    assert_eq!(all(&read).len(), 6);
    assert_eq!(read.read(9, b"\x07", Count::of_one(0)), None);
    assert_eq!(read.read(9, &[], Count::of_one(0)), None);
}

#[test]
fn there_is_an_end_to_kinds_and_none_to_outcomes() {
    let mut kinds = Kinds::default();
    let mut folds = BTreeMap::new();
    for number in 0..2 * MOST {
        let known = kinds.count(&with_version(number), sample::NOW_MS);
        *folds.entry(known.fold).or_insert(0) += 1;
    }
    // All that have no room of their own are one.
    assert_eq!(
        folds,
        BTreeMap::from([
            (Fold::Whole, MOST_WHOLE),
            (Fold::WithoutVersion, 2 * MOST - MOST_WHOLE)
        ])
    );
    assert_eq!(kinds.iter().count(), MOST_WHOLE + 1);
    for number in 0..2 * MOST {
        let mut outcome = sample::outcome(0);
        outcome.rule = Some(Arc::from(format!("rule-{number}")));
        kinds.count(&outcome, sample::NOW_MS);
    }
    assert_eq!(kinds.iter().count(), MOST + 1);
    // Those that are there are counted on as they were.
    assert_eq!(
        kinds.count(&with_version(7), sample::NOW_MS).fold,
        Fold::Whole
    );
    let mut long = sample::outcome(0);
    long.app = Some(Arc::from("x".repeat(60_000)));
    let known = kinds.count(&long, sample::NOW_MS);
    assert_eq!(
        (known.fold, known.kind.app.clone()),
        (Fold::StatusAlone, None)
    );
    let mut unlisted = sample::outcome(5);
    unlisted.rules_version = Arc::from("v".repeat(300));
    assert_eq!(
        &*kinds.count(&unlisted, sample::NOW_MS).kind.status,
        UNLISTED
    );
}

#[test]
fn what_a_kind_leaves_out_may_be_meant() {
    let mut kinds = Kinds::default();
    let whole = kinds.count(&with_version(0), 0);
    let filter = |query: &str| Filter::of_query(query);
    assert_eq!(whole.matches(&filter("")), Match::Surely);
    assert_eq!(
        whole.matches(&filter("version=version-0&status=sent&app=shop")),
        Match::Surely
    );
    for query in [
        "version=version-1",
        "status=failed",
        "errcode=0",
        "rule=other",
        "app=club",
        "template=x",
        "reason=expired",
    ] {
        assert_eq!(whole.matches(&filter(query)), Match::No, "{query}");
    }
    let mut long = with_version(0);
    long.rule = Some(Arc::from("r".repeat(300)));
    let alone = kinds.count(&long, 0);
    for query in ["version=x", "app=x", "errcode=1"] {
        assert_eq!(alone.matches(&filter(query)), Match::Perhaps, "{query}");
    }
    assert_eq!(alone.matches(&filter("status=failed&app=x")), Match::No);
    assert_eq!(alone.matches(&filter("status=sent")), Match::Surely);
}

#[test]
fn what_a_transaction_changed_is_taken_back() {
    let mut kinds = Kinds::default();
    let first = kinds.count(&with_version(1), 100);
    let second = kinds.count(&with_version(2), 200);
    kinds.keep();
    let before: Vec<Standing> = kinds.iter().cloned().collect();
    kinds.count(&with_version(1), 50);
    let third = kinds.count(&with_version(3), 300);
    kinds.forget(second.id, 1, None);
    let changed: Vec<(KindId, Option<i64>)> = kinds
        .changed()
        .map(|(id, standing)| (id, standing.map(|standing| standing.count.count)))
        .collect();
    assert_eq!(
        changed,
        [(first.id, Some(2)), (second.id, None), (third.id, Some(1))]
    );
    kinds.undo();
    assert_eq!(kinds.iter().cloned().collect::<Vec<_>>(), before);
    assert_eq!(kinds.changed().count(), 0);
    assert_eq!(kinds.count(&with_version(2), 250).id, second.id);
    assert!(kinds.count(&with_version(3), 250).id > third.id);
}
