//! A short run under trouble: three members on three brokers, killed, frozen and started while the API answers badly. The long run is
//! `cargo run --release --example chaos`; `docs/reliability.md` tells what it found.

use std::path::PathBuf;

use crate::support::chaos::{DoubtRule, Plan, Report, StoreKind, run};

/// Some forty seconds of trouble.
fn short(store: StoreKind, members: usize) -> Plan {
    Plan {
        events: 4_000,
        per_second: 100,
        members,
        seed: 7,
        in_doubt: DoubtRule::Mixed,
        store,
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
    must_be_right(&run(&short(StoreKind::Redis, 3)));
}
