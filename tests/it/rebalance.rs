//! A second member joins under load and leaves again: partitions move twice, and neither member sends what the other has sent.

use wx_courier_sandbox::{Latency, Settings as SandboxSettings};

use crate::support::checks;
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::redis::Redis;
use crate::support::world::{Plan, QUICK_GROUP, World};

const PARTITIONS: usize = 8;

#[test]
fn partitions_change_hands_under_load() {
    // Two members share what they remember.
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
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
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let first = world.courier();
    load.keep_until("200 sends are accepted", || wechat.stats().accepted >= 200);
    assert_eq!(first.n_partitions(), PARTITIONS);

    let second = world.courier();
    load.keep_until("the second member has half of the partitions", || {
        second.n_partitions() == PARTITIONS / 2 && first.n_partitions() == PARTITIONS / 2
    });
    let n_records = || second.engine()["totals"]["records"].as_u64().unwrap();
    load.keep_until("the second member has read 200 records", || {
        n_records() >= 200
    });
    second.ask_to_end();
    load.keep_until("the first member has all partitions again", || {
        first.n_partitions() == PARTITIONS
    });
    second.end_cleanly();
    let n_accepted = wechat.stats().accepted;
    load.keep_until("300 more sends are accepted", || {
        wechat.stats().accepted >= n_accepted + 300
    });
    world.flush();
    let events = load.events;
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, first, &mut outcomes, &events);
}
