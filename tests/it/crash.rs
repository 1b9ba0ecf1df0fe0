//! SIGKILL in mid-flight: nothing that was published is missing after the next run, and nothing that was said is changed.

use std::collections::BTreeSet;

use wx_courier_sandbox::{Latency, Settings as SandboxSettings};

use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::topic::Published;
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

// The group has to notice the death before the next run gets its partitions.
const SHORT_SESSION: &str = r#"
[kafka.options]
session.timeout.ms    = "2000"
heartbeat.interval.ms = "300"
"#;

const MAX_IN_FLIGHT: usize = 20;

#[test]
fn after_a_crash_the_next_run_finishes_the_work() {
    let plan = Plan {
        app: "max_in_flight = 20",
        sections: SHORT_SESSION,
        sandbox: SandboxSettings {
            latency: Latency {
                min_ms: 50,
                max_ms: 150,
            },
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "crash", plan);
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let courier = world.courier();
    load.keep_until("200 sends are accepted", || wechat.stats().accepted >= 200);
    // Soon all of these are read and few of them are sent, and only that few may be in what is committed next.
    load.publish(800);
    world.flush();
    let events = load.events;
    let n_before = n_committed(&world);
    wait_until("something more is committed", || {
        n_committed(&world) > n_before
    });
    courier.kill();
    wait_until("what was under way is answered", || {
        wechat.stats().concurrency == 0
    });
    let n_accepted = i64::try_from(wechat.stats().accepted).unwrap();
    let n_events = i64::try_from(events.len()).unwrap();
    assert!(n_accepted < n_events, "it was not in mid-flight");
    let mut outcomes = world.outcomes();
    check_nothing_owed_is_committed(&world, outcomes.read_to_end());

    wechat.set_latency(Latency::fixed(0));
    let courier = world.courier();
    outcomes.read_distinct(events.len());
    courier.end_cleanly();
    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    checks::each_was_sent_or_left(&found, &events);
    checks::everything_is_committed(&world);
    // It is not known what became of the calls that were under way; everything else is known, however little of it was committed.
    let n_twice = checks::accepted_twice(wechat, &events);
    assert!(
        n_twice <= MAX_IN_FLIGHT,
        "{n_twice} sent twice, {MAX_IN_FLIGHT} could be"
    );
}

/// Every record before the committed offset has its outcome.
fn check_nothing_owed_is_committed(world: &World, seen: &[Published]) {
    let ended: BTreeSet<(i32, i64)> = seen
        .iter()
        .map(Published::json)
        .map(|outcome| {
            let partition = outcome["partition"].as_i64().unwrap();
            let offset = outcome["offset"].as_i64().unwrap();
            (i32::try_from(partition).unwrap(), offset)
        })
        .collect();
    for (partition, committed) in world.committed() {
        for offset in 0..committed.unwrap_or(0) {
            let has_ended = ended.contains(&(partition, offset));
            assert!(has_ended, "{partition}/{offset} is committed and owed");
        }
    }
}

fn n_committed(world: &World) -> i64 {
    world.committed().into_values().flatten().sum()
}
