//! Kafka under stress: what a broker, a group or an API can do to the service at a bad moment, on a broker of its own where it suffers.

use std::collections::BTreeMap;

use wx_courier_sandbox::{Answer, Fate, Latency, Script, Settings as SandboxSettings};

use crate::support::courier::Courier;
use crate::support::events::{self, Event};
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::redis::Redis;
use crate::support::topic::Reader;
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

fn slow(ms: u64) -> SandboxSettings {
    SandboxSettings {
        latency: Latency::fixed(ms),
        ..SandboxSettings::default()
    }
}

/// Outcomes may have been repeated and messages sent again; nothing may be missing, changed or uncommitted.
fn end_with_nothing_lost(world: &World, courier: Courier, outcomes: &mut Reader, events: &[Event]) {
    outcomes.read_distinct(events.len());
    courier.end_cleanly();
    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    checks::each_was_sent_or_left(&found, events);
    checks::accepted_twice(&world.wechat, events);
    checks::everything_is_committed(world);
}

/// A counter of `/metrics`; it has no labels.
fn counter(courier: &Courier, name: &str) -> u64 {
    let (_, page) = courier.get("/metrics").unwrap_or_default();
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0)
}

// Shorter than the outage. What the producer gives up then, the engine publishes again.
const IMPATIENT_PRODUCER: &str = r#"
[kafka.options]
message.timeout.ms       = "2000"
reconnect.backoff.max.ms = "500"
"#;

#[test]
fn an_outage_longer_than_the_producers_patience_loses_nothing() {
    let mut kafka = Kafka::start();
    let plan = Plan {
        app: "max_in_flight = 8",
        sections: IMPATIENT_PRODUCER,
        sandbox: slow(20),
        ..Plan::default()
    };
    let world = World::new(kafka.bootstrap(), "long-outage", plan);
    let events = events::mixed(0..400);
    world.publish(&events);
    let courier = world.courier();
    wait_until("100 sends are accepted", || {
        world.wechat.stats().accepted >= 100
    });
    kafka.kill();
    wait_until("the producer has given outcomes up", || {
        counter(&courier, "wx_courier_publish_failures_total") >= 20
    });
    kafka.start_again();
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(events.len());
    courier.end_cleanly();
    // The broker may have taken a record whose acknowledgement it could not give: that one is there twice.
    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    checks::each_was_sent(&found, &events);
    checks::each_was_accepted_once(&world.wechat, &events);
    checks::everything_is_committed(&world);
}

// A frozen member is thrown out soon. Its calls have been answered long before it can look at the clock again, so it must not
// take them for lost.
const QUICK_TO_THROW_OUT: &str = r#"
[kafka.options]
session.timeout.ms    = "1500"
heartbeat.interval.ms = "300"

[send]
timeout = "60s"
"#;

#[test]
fn a_member_that_was_frozen_publishes_late_answers_and_commits_nothing_of_them() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        app: "max_in_flight = 20",
        sections: QUICK_TO_THROW_OUT,
        sandbox: slow(100),
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "frozen", plan);
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let first = world.courier();
    load.keep_until("100 sends are accepted", || wechat.stats().accepted >= 100);
    first.freeze();
    let mut committed = world.committed();
    let second = world.courier();
    load.keep_until("the second member has everything", || {
        second.n_partitions() == 4
    });
    let n_accepted = wechat.stats().accepted;
    load.keep_until("the second member has sent 100", || {
        wechat.stats().accepted >= n_accepted + 100
    });
    must_not_go_back(&mut committed, world.committed());
    first.thaw();
    load.keep_until("the first member knows what it has lost", || {
        first.log().contains("partitions lost")
    });
    load.keep_until("both members have partitions", || {
        first.n_partitions() == 2 && second.n_partitions() == 2
    });
    must_not_go_back(&mut committed, world.committed());
    world.flush();
    let events = load.events;
    second.end_cleanly();
    must_not_go_back(&mut committed, world.committed());
    let mut outcomes = world.outcomes();
    end_with_nothing_lost(&world, first, &mut outcomes, &events);
    assert!(outcomes.seen.len() > events.len(), "no answer was late");
    must_not_go_back(&mut committed, world.committed());
}

fn must_not_go_back(before: &mut BTreeMap<i32, Option<i64>>, now: BTreeMap<i32, Option<i64>>) {
    for (partition, committed) in &now {
        let earlier = before[partition];
        assert!(
            *committed >= earlier,
            "partition {partition}: {earlier:?} was committed, then {committed:?}"
        );
    }
    *before = now;
}

const SHORT_DRAIN: &str = r#"
[engine]
drain = "500ms"
"#;

#[test]
fn a_drain_whose_time_is_up_says_so_and_the_next_run_finishes_the_work() {
    let plan = Plan {
        sections: SHORT_DRAIN,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "late-drain", plan);
    let wechat = &world.wechat;
    let hang = Answer::Hang {
        ms: 60_000,
        fate: Fate::Lost,
    };
    wechat.script(Script::every_send(hang));
    // What is left in doubt is another story.
    let mut events = events::mixed(0..90);
    events.retain(|event| event.rule != checks::LEAVING_RULE);
    world.publish(&events);
    let mut courier = world.courier();
    wait_until("calls hang", || wechat.stats().concurrency >= 20);
    courier.ask_to_end();
    let status = courier.wait();
    assert_eq!(status.code(), Some(1), "{status}\n{}", courier.log());
    let log = courier.log();
    assert!(log.contains("shut down with messages open"), "{log}");
    let committed = world.committed();
    assert!(
        committed.values().all(|offset| offset.unwrap_or(0) == 0),
        "committed and owed: {committed:?}"
    );

    wechat.clear_scripts();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}

const SHORT_HANDOVER: &str = r#"
[kafka.options]
heartbeat.interval.ms = "300"

[engine]
handover = "500ms"
"#;

#[test]
fn a_handover_whose_time_is_up_gives_the_partitions_away_and_loses_nothing() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        app: "max_in_flight = 40",
        sections: SHORT_HANDOVER,
        sandbox: slow(10),
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "late-handover", plan);
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let first = world.courier();
    load.keep_until("200 sends are accepted", || wechat.stats().accepted >= 200);
    // So slow that no call ends within the hand-over; by now those under way are of all partitions.
    wechat.set_latency(Latency::fixed(3000));
    load.keep_until("40 calls are under way", || {
        wechat.stats().concurrency >= 40
    });
    let second = world.courier();
    load.keep_until("each member has half of the partitions", || {
        first.n_partitions() == 2 && second.n_partitions() == 2
    });
    wechat.set_latency(Latency::fixed(10));
    let n_accepted = wechat.stats().accepted;
    load.keep_until("100 more are accepted", || {
        wechat.stats().accepted >= n_accepted + 100
    });
    world.flush();
    let events = load.events;
    second.end_cleanly();
    let mut outcomes = world.outcomes();
    end_with_nothing_lost(&world, first, &mut outcomes, &events);
    // What was under way was answered here, and read again by the new owner.
    assert!(outcomes.seen.len() > events.len(), "the time was not up");
}

#[test]
fn a_broker_that_does_not_answer_keeps_no_process_from_ending() {
    let kafka = Kafka::start();
    let world = World::new(kafka.bootstrap(), "dead-at-the-end", Plan::default());
    let events = events::mixed(0..50);
    world.publish(&events);
    let mut courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(events.len());
    kafka.freeze();
    courier.ask_to_end();
    let status = courier.wait();
    let log = courier.log();
    assert!(
        log.contains("did not leave its group in time"),
        "{status}\n{log}"
    );
    // It is not clean: nothing of what was done is committed.
    assert_eq!(status.code(), Some(1), "{status}\n{log}");
}
