//! The engine in a random world, thousands of times: slow and failing sends, rebalances, crashes between any two effects, a store that
//! goes away and loses answers, events that come twice, quotas, bad rules, answers out of order, users who
//! change their minds, and login codes that can be exchanged once.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the world looks at what concerns it, and lets everything else pass"
)]

mod aside;
mod beginning;
mod checks;
mod denials;
mod digest;
mod effects;
mod former;
mod group;
mod holds;
mod ledgers;
mod logins;
mod many;
mod mutant;
mod seen;
mod setting;
mod standstill;
mod steps;
mod store;
mod tellers;
mod trace;
mod users;
mod world;

use std::sync::{LazyLock, Mutex, PoisonError};

pub(crate) use many::{How, digest_of, n_cores, play_many};
use world::Played;
#[cfg(test)]
use world::World;

/// Seeds in an ordinary test run. `cargo run --release --example simulate -- --seeds 100000` plays more.
const SEEDS: u64 = 2_000;

/// What came of each.
static PLAYED: LazyLock<Vec<Result<Played, String>>> = LazyLock::new(|| {
    let all = Mutex::new(Vec::new());
    play_many(0..SEEDS, n_cores(), How::Plainly, 80, |_, played| {
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(played);
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
});

#[test]
fn the_invariants_hold_in_every_world() {
    let failures: Vec<&String> = PLAYED
        .iter()
        .filter_map(|played| played.as_ref().err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {SEEDS} worlds failed; one of them:\n{}",
        failures.len(),
        failures[0]
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..10 {
        let first = World::play_traced(seed, 0).map(|played| played.trace_hash);
        let second = World::play_traced(seed, 0).map(|played| played.trace_hash);
        assert_eq!(first, second, "seed {seed}");
    }
}

/// What engines want does not depend on how many worlds are played at once.
#[test]
fn the_digest_is_the_worlds_own() {
    let digest = |threads| {
        let digests = Mutex::default();
        play_many(0..20, threads, How::Digested(&digests), 80, |_, _| {});
        digest_of(digests)
    };
    assert_eq!(digest(n_cores()), digest(std::num::NonZero::<usize>::MIN));
}

/// A simulation that never meets trouble proves nothing: over all seeds every kind of trouble has happened.
#[test]
fn the_worlds_are_rough_enough() {
    let mut seen = seen::Seen::default();
    for played in PLAYED.iter().flatten() {
        seen.add(&played.seen);
    }
    let all = [
        ("sends", seen.sends),
        ("retries", seen.retries),
        ("answers in doubt", seen.in_doubt),
        ("crashes", seen.crashes),
        ("rebalances", seen.rebalances),
        ("partitions lost", seen.lost),
        ("publications that failed", seen.publish_failures),
        ("pauses", seen.pauses),
        ("expired messages", seen.expired),
        ("drains", seen.drains),
        ("outages of the store", seen.store_outages),
        ("claims in doubt", seen.claims_in_doubt),
        ("duplicates", seen.duplicates),
        ("unknown outcomes", seen.unknown),
        ("pauses of apps and templates", seen.pauses_of_apps),
        ("pauses of logins", seen.pauses_of_logins),
        ("records in the places of others", seen.others_places),
        ("quotas found out by a message", seen.quotas_found_by_trial),
        ("bursts of refusals", seen.bursts),
        ("holds", seen.holds),
        ("pauses by persons", seen.stopped_by_persons),
        ("waves of 43101", seen.waves),
        ("refusals that were doubted", seen.refusals_doubted),
        ("changes of rules", seen.rule_changes),
        ("deaths between two effects", seen.deaths_in_mid_step),
        ("processes that were stopped for a while", seen.freezes),
        ("machines that stood still", seen.standstills),
        ("grants set aside", seen.grants_set_aside),
        ("messages without a grant", seen.claims_without_grant),
        ("races for a grant", seen.races_for_a_grant),
        ("rejects in mid-flight", seen.rejects_in_mid_flight),
        ("reports told again", seen.reports_told_again),
        ("malformed reports", seen.malformed_reports),
        (
            "refusals for want of permission",
            seen.refusals_for_want_of_permission,
        ),
        ("exchanges", seen.exchanges),
        ("codes swallowed", seen.codes_swallowed),
        ("codes lost", seen.codes_lost),
        ("users recalled", seen.users_recalled),
        ("messages set aside", seen.set_aside),
        ("records gone", seen.gone),
        ("records swept", seen.swept),
        (
            "claims of other records taken over",
            seen.claims_of_others_taken_over,
        ),
        ("ends that came too late", seen.ends_too_late),
    ];
    let rare: Vec<_> = all.iter().filter(|(_, count)| *count < 10).collect();
    assert!(rare.is_empty(), "in {SEEDS} worlds only: {rare:?}");
}
