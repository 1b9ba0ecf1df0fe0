//! How a member belongs to its group: by the newer protocol, and under a name that outlives its process.

use crate::support::checks;
use crate::support::courier::Courier;
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::redis::Redis;
use crate::support::world::{Plan, World};

const NEWER_PROTOCOL: &str = r#"
[kafka.options]
group.protocol = "consumer"
"#;

#[test]
fn partitions_change_hands_by_the_newer_protocol() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        app: "max_in_flight = 10",
        sections: NEWER_PROTOCOL,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "newer-protocol", plan);
    let mut load = Load::new(&world);
    let first = world.courier();
    load.keep_until("100 sends are accepted", || {
        world.wechat.stats().accepted >= 100
    });
    let second = world.courier();
    load.keep_until("each has half of the partitions", || {
        first.n_partitions() == 2 && second.n_partitions() == 2
    });
    second.ask_to_end();
    load.keep_until("the first member has all partitions again", || {
        first.n_partitions() == 4
    });
    second.end_cleanly();
    world.flush();
    let events = load.events;
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, first, &mut outcomes, &events);
}

const NAMED_MEMBERS: &str = r#"
[kafka.options]
group.instance.id     = "one"
heartbeat.interval.ms = "300"
session.timeout.ms    = "20000"
"#;

/// How often the group has given it partitions or asked for some.
fn n_rebalances(member: &Courier) -> usize {
    let log = member.log();
    log.matches("partitions assigned").count() + log.matches("partitions revoked").count()
}

#[test]
fn a_member_with_a_name_restarts_and_nobody_notices() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        app: "max_in_flight = 10",
        sections: NAMED_MEMBERS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "named-members", plan);
    let mut load = Load::new(&world);
    let first = world.courier();
    world.rewrite("courier.toml", "\"one\"", "\"two\"");
    let second = world.courier();
    load.keep_until("each has half of the partitions", || {
        first.n_partitions() == 2 && second.n_partitions() == 2
    });
    let before = n_rebalances(&first);
    second.end_cleanly();
    let second = world.courier();
    load.keep_until("the second has its half again", || {
        second.n_partitions() == 2
    });
    assert_eq!(n_rebalances(&first), before, "{}", first.last_words());
    assert_eq!(first.n_partitions(), 2);
    let n_accepted = world.wechat.stats().accepted;
    load.keep_until("100 more sends are accepted", || {
        world.wechat.stats().accepted >= n_accepted + 100
    });
    world.flush();
    let events = load.events;
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(events.len());
    second.end_cleanly();
    checks::end_with_each_sent_once(&world, first, &mut outcomes, &events);
}
