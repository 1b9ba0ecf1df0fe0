//! What the core costs, without Kafka, `WeChat` and store: `cargo bench`. In a test run each part is done once, so that it cannot rot.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a bench that cannot go on has failed, and says so at once"
)]

mod engine;
mod event;
mod rules;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use wx_courier_core::event::{Decoding, decode};
use wx_courier_core::message::Content;
use wx_courier_core::wechat::params::ParamKind;

/// Rules in the set, of which one wants the event.
const RULES: [usize; 3] = [1, 20, 200];

/// Messages under way while one more goes through.
const IN_FLIGHT: [usize; 3] = [10, 1_000, 10_000];

fn decoding(criterion: &mut Criterion) {
    let (record, decoding) = (Arc::new(event::record(0)), Decoding::default());
    criterion.bench_function("decode", |bencher| {
        bencher.iter(|| decode(&decoding, &record, event::NOW_MS));
    });
}

fn planning(criterion: &mut Criterion) {
    let event = event::decoded(0);
    let mut group = criterion.benchmark_group("match, render and validate");
    for n_rules in RULES {
        let rules = rules::set(n_rules);
        assert_eq!(rules.plan(&event).len(), 1, "one rule wants it");
        let name = BenchmarkId::new("rules", n_rules);
        group.bench_function(name, |bencher| bencher.iter(|| rules.plan(&event)));
    }
    group.finish();
}

fn validating(criterion: &mut Criterion) {
    let message = rules::message(&rules::set(1), &event::decoded(0));
    let Content::Subscribe(card) = message.content else {
        panic!("the sample's rule fills a template");
    };
    criterion.bench_function("validate five params", |bencher| {
        bencher.iter(|| {
            let mut checked = card.params.iter().map(|(name, value)| {
                let kind = ParamKind::of(name).expect("a name that WeChat knows");
                kind.check(value)
            });
            checked
                .try_for_each(|result| result)
                .expect("they are sound");
        });
    });
}

fn core(criterion: &mut Criterion) {
    let (record, decoding) = (Arc::new(event::record(0)), Decoding::default());
    let rules = rules::set(20);
    criterion.bench_function("decode, match, render and validate", |bencher| {
        bencher.iter(|| rules.plan(&event::of(decode(&decoding, &record, event::NOW_MS))));
    });
}

/// What a large record holds up: everything else waits for it.
fn large(criterion: &mut Criterion) {
    let (decoding, rules) = (Decoding::default(), rules::set(20));
    let mut group = criterion.benchmark_group("a record of a MiB");
    for (name, kind, n_messages) in [
        ("no rule wants it", "order.other", 0),
        ("one rule wants it", "order.completed", 1),
    ] {
        let record = Arc::new(event::large(kind));
        let plan = || rules.plan(&event::of(decode(&decoding, &record, event::NOW_MS)));
        assert_eq!(plan().len(), n_messages, "{name}");
        group.bench_function(name, |bencher| bencher.iter(plan));
    }
    group.finish();
}

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a message through the engine");
    for in_flight in IN_FLIGHT {
        let mut world = engine::World::with_in_flight(in_flight);
        let name = BenchmarkId::new("in flight", in_flight);
        group.bench_function(name, |bencher| bencher.iter(|| world.one_more()));
    }
    group.finish();
}

fn outcome(criterion: &mut Criterion) {
    let outcome = engine::World::with_in_flight(1).one_more();
    criterion.bench_function("encode an outcome", |bencher| {
        bencher.iter(|| serde_json::to_vec(&*outcome).expect("it can be written"));
    });
}

criterion_group!(
    all, decoding, planning, validating, core, large, engine, outcome
);
criterion_main!(all);
