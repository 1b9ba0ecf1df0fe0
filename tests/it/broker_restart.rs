//! The only broker goes away in the middle of the work, once in good order and once not, and comes back.

use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, events, wait_until};
use wx_courier_sandbox::{Latency, Settings as SandboxSettings};

// Little is in hand at once, so that reading, publishing and committing all have to go on after each outage.
const SMALL_ENGINE: &str = r"
[engine]
max_messages = 100
";

#[test]
fn every_message_has_its_outcome_though_the_broker_stops_and_dies() {
    let mut kafka = Kafka::start();
    let plan = Plan {
        app: "max_in_flight = 16",
        sections: SMALL_ENGINE,
        sandbox: SandboxSettings {
            latency: Latency::fixed(20),
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(kafka.bootstrap(), "broker-restart", plan);
    let events = events::mixed(0..1500);
    world.publish(&events);
    let courier = world.courier();
    let wechat = &world.wechat;
    let accepted = |count| move || wechat.stats().accepted >= count;
    wait_until("300 sends are accepted", accepted(300));
    kafka.stop();
    kafka.start_again();
    wait_until("700 sends are accepted", accepted(700));
    kafka.kill();
    kafka.start_again();
    wait_until("1100 sends are accepted", accepted(1100));
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(events.len());
    courier.end_cleanly();

    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    checks::each_was_sent(&found, &events);
    checks::each_was_accepted_once(wechat, &events);
    checks::everything_is_committed(&world);
}
