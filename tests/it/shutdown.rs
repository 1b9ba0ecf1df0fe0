//! SIGTERM in mid-flight: what has begun is finished, what has not is left to the next run, and offsets say exactly which is which.

use std::collections::{BTreeMap, BTreeSet};

use wx_courier_sandbox::{Latency, Settings as SandboxSettings};

use crate::support::checks::{self, text};
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::topic::Published;
use crate::support::world::{Plan, World};

#[test]
fn a_shutdown_in_mid_flight_loses_nothing_and_sends_nothing_twice() {
    let plan = Plan {
        app: "max_in_flight = 40",
        sandbox: SandboxSettings {
            latency: Latency {
                min_ms: 100,
                max_ms: 500,
            },
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "shutdown", plan);
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let mut courier = world.courier();
    load.keep_until("200 sends are accepted", || wechat.stats().accepted >= 200);
    // The rest lies there when the service is asked to end: some of it read, none of it begun.
    load.publish(600);
    world.flush();
    let events = load.events;
    // Two signals of one moment are one: a supervisor sends them to the process, and to its group.
    courier.ask_to_end();
    courier.ask_to_end();
    let status = courier.wait();
    assert_eq!(status.code(), Some(0), "{status}\n{}", courier.log());
    let log = courier.log();
    assert!(log.contains("nothing left open"), "{log}");
    let (group, folder) = (&world.settings.kafka.group, world.folder().display());
    for place in [
        format!("group=\"{group}\""),
        format!("state=\"sqlite:{folder}/"),
    ] {
        assert!(
            log.lines().next().unwrap().contains(&place),
            "{place}: {log}"
        );
    }

    assert_eq!(wechat.stats().concurrency, 0, "sends under way");
    let mut outcomes = world.outcomes();
    let seen = outcomes.read_to_end().to_vec();
    let n_accepted = wechat.stats().accepted;
    let n_left = events.len() - usize::try_from(n_accepted).unwrap();
    assert!(n_left >= 100, "it was not in mid-flight: {n_left} are left");
    check_accepted_have_outcomes(&world, &seen);
    check_offsets_are_exact(&world, &seen);

    wechat.set_latency(Latency::fixed(0));
    let courier = world.courier();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}

fn check_accepted_have_outcomes(world: &World, seen: &[Published]) {
    let found = checks::distinct(seen);
    let sent: BTreeSet<&str> = found
        .values()
        .map(|outcome| text(outcome, "msgid"))
        .collect();
    assert_eq!(found.len(), sent.len());
    let accepted = world.wechat.accepted();
    for send in &accepted {
        let msgid = send.msgid.to_string();
        assert!(
            sent.contains(msgid.as_str()),
            "accepted, no outcome: {send:?}"
        );
    }
    assert_eq!(accepted.len(), found.len());
}

/// Committed is the first record of each partition that has no outcome.
fn check_offsets_are_exact(world: &World, seen: &[Published]) {
    let mut ended: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for outcome in seen.iter().map(Published::json) {
        let number = |field: &str| outcome[field].as_i64().unwrap();
        let offsets = ended.entry(number("partition")).or_default();
        offsets.insert(number("offset"));
    }
    for (partition, committed) in world.committed() {
        let ended = ended.remove(&i64::from(partition)).unwrap_or_default();
        let n_ended = i64::try_from(ended.len()).unwrap();
        let first_open = (0..=n_ended)
            .find(|offset| !ended.contains(offset))
            .unwrap();
        assert_eq!(committed.unwrap_or(0), first_open, "partition {partition}");
        // Nothing lies beyond it either: the process that reads on from there would send it again.
        let last = ended.last().copied().unwrap_or(-1);
        assert!(last < first_open, "partition {partition}: {last} has ended");
    }
}
