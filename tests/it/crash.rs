//! SIGKILL in mid-flight: nothing that was published is missing after the next run, and nothing that was said is changed.

use wx_courier::sandbox::{Latency, Settings as SandboxSettings};

use crate::support::checks;
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::wait_until;
use crate::support::world::{Plan, World};

// The group has to notice the death before the next run gets its partitions.
const SHORT_SESSION: &str = r#"
[kafka.options]
session.timeout.ms    = "2000"
heartbeat.interval.ms = "300"
"#;

#[test]
fn after_a_crash_the_next_run_finishes_the_work() {
    let plan = Plan {
        app: "max_in_flight = 20",
        sections: SHORT_SESSION,
        sandbox: SandboxSettings {
            latency: Latency {
                min_ms: 20,
                max_ms: 80,
            },
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "crash", plan);
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let courier = world.courier();
    // Commits come once a second; what lies between two of them is what a crash puts in doubt.
    load.keep_until("something is committed", || n_committed(&world) > 0);
    let n_accepted = wechat.stats().accepted;
    load.keep_until("100 more sends are accepted", || {
        wechat.stats().accepted >= n_accepted + 100
    });
    load.publish(600);
    world.flush();
    let events = load.events;
    courier.kill();
    wait_until("what was under way is answered", || {
        wechat.stats().concurrency == 0
    });
    let n_accepted = i64::try_from(wechat.stats().accepted).unwrap();
    let n_events = i64::try_from(events.len()).unwrap();
    assert!(n_accepted < n_events, "it was not in mid-flight");
    let mut outcomes = world.outcomes();
    let n_said = outcomes.read_to_end().len();
    assert!(n_said > 0);
    let n_in_doubt = n_accepted - n_committed(&world);
    assert!(
        n_in_doubt >= 0,
        "committed is more than was sent: {n_in_doubt}"
    );

    wechat.set_latency(Latency::fixed(0));
    let courier = world.courier();
    outcomes.read_distinct(events.len());
    courier.end_cleanly();
    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    checks::each_was_sent(&found, &events);
    checks::everything_is_committed(&world);
    // Until claims are kept, what was sent and not committed is sent once more; nothing else is.
    let accepted = checks::accepted_by_mark(wechat);
    assert_eq!(accepted.len(), events.len());
    assert!(accepted.values().all(|times| *times <= 2), "{accepted:?}");
    let n_twice = accepted.values().filter(|times| **times == 2).count();
    let n_twice = i64::try_from(n_twice).unwrap();
    assert!(
        n_twice <= n_in_doubt,
        "{n_twice} sent twice, {n_in_doubt} could be"
    );
}

fn n_committed(world: &World) -> i64 {
    world.committed().into_values().flatten().sum()
}
