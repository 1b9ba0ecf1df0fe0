//! A second member joins under load and leaves again: partitions move twice, and nobody sends what the other has sent.

use wx_courier::sandbox::{Latency, Settings as SandboxSettings};

use crate::support::checks;
use crate::support::events;
use crate::support::kafka::Kafka;
use crate::support::wait_until;
use crate::support::world::{Plan, World};

// A member learns of a rebalance by its next heartbeat; three seconds would be most of the test.
const QUICK_GROUP: &str = r#"
[kafka.options]
heartbeat.interval.ms = "300"
session.timeout.ms    = "6000"
"#;

const PARTITIONS: usize = 8;

#[test]
fn partitions_change_hands_under_load() {
    let plan = Plan {
        partitions: 8,
        app: "max_in_flight = 10",
        sections: QUICK_GROUP,
        sandbox: SandboxSettings {
            latency: Latency {
                min_ms: 20,
                max_ms: 60,
            },
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "rebalance", plan);
    let events = events::mixed(0..2400);
    world.publish(&events);
    let first = world.courier();
    let wechat = &world.wechat;
    wait_until("200 sends are accepted", || wechat.stats().accepted >= 200);
    assert_eq!(first.n_partitions(), PARTITIONS);

    let second = world.courier();
    wait_until("the second member has half of the partitions", || {
        second.n_partitions() == PARTITIONS / 2 && first.n_partitions() == PARTITIONS / 2
    });
    let n_records = || second.engine()["totals"]["records"].as_u64().unwrap();
    wait_until("the second member has read 100 records", || {
        n_records() >= 100
    });
    let n_accepted = wechat.stats().accepted;
    assert!(n_accepted < 2000, "no load is left: {n_accepted}");
    second.end_cleanly();
    wait_until("the first member has all partitions again", || {
        first.n_partitions() == PARTITIONS
    });
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(events.len());
    first.end_cleanly();

    let found = checks::distinct(outcomes.read_to_end());
    checks::each_was_sent(&found, &events);
    checks::each_was_accepted_once(wechat, &events);
    checks::everything_is_committed(&world);
}
