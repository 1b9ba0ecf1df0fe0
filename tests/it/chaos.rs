//! Short runs under trouble: members on three brokers, killed, frozen and started while the API answers badly. The long run is
//! `cargo run --release --example chaos`; `docs/reliability.md` tells what it found.

use std::path::PathBuf;

use wx_courier::config::ProducerSetting;

use crate::support::chaos::{DoubtRule, Plan, Report, StoreKind, run};

/// Some forty seconds of trouble.
fn short(store: StoreKind, members: usize, producer: ProducerSetting) -> Plan {
    Plan {
        events: 4_000,
        per_second: 100,
        members,
        seed: 7,
        in_doubt: DoubtRule::Mixed,
        store,
        producer,
        binary: PathBuf::from(env!("CARGO_BIN_EXE_wx-courier")),
    }
}

fn must_be_right(report: &Report) {
    assert!(report.is_right(), "{report}");
    // Trouble that met no process proves nothing.
    assert!(report.met_trouble(), "{report}");
}

#[test]
fn nothing_is_lost_or_sent_twice_without_need_though_members_brokers_and_the_store_die() {
    must_be_right(&run(&short(StoreKind::Redis, 3, ProducerSetting::Auto)));
}

/// Clusters that refuse idempotent producers have no worse a promise.
#[test]
fn a_plain_producer_loses_nothing_either_and_repeats_an_outcome_only_as_it_was() {
    let plan = Plan {
        events: 2_500,
        ..short(StoreKind::Sqlite, 1, ProducerSetting::Plain)
    };
    must_be_right(&run(&plan));
}
