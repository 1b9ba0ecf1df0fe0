//! Outcomes that could not be published: what is in them has bounds, and a topic that refuses every one is an outage that is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

use crate::support::events::{self, Event, SOURCE, order};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

/// Events with attributes that no bound on text sees: numbers, and characters that JSON writes with six bytes each.
fn hostile() -> Vec<Vec<u8>> {
    let digits = "9".repeat(900_000);
    let odd = format!("\"{}\"", "\\u0001".repeat(1_000));
    let event = |n: usize, what: &str, becomes: &str| {
        let event = order(n).structured();
        let text = String::from_utf8_lossy(&event);
        let replaced = text.replace(&format!("\"{what}\""), becomes);
        assert_ne!(text, replaced);
        replaced.into_bytes()
    };
    let id = |n: usize| format!("event-{n}");
    vec![
        event(901, &id(901), &digits),
        event(902, &id(902), &odd),
        event(903, &id(903), &format!("{digits}e-1")),
        event(904, SOURCE, &digits),
        event(905, SOURCE, &odd),
        event(906, "order.completed", &digits),
        event(907, "order.completed", &odd),
        event(908, &events::user(908), &digits),
    ]
}

/// Every event that was wanted, so that each has an outcome.
const EVERY_ONE: &str = r#"unmatched = "publish""#;

#[test]
fn attributes_without_end_have_outcomes_that_fit_and_hold_nobody_up() {
    let plan = Plan {
        partitions: 1,
        outcomes: EVERY_ONE,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "hostile-ids", plan);
    world.limit_batches(world.source(), 4 * 1024 * 1024);
    for topic in [
        &world.settings.outcomes.topic,
        &world.settings.dead_letter_topic,
    ] {
        world.limit_batches(topic, SMALLEST_TOPIC_BYTES);
    }
    let good = events::mixed(0..40);
    let hostile = hostile();
    let (before, after) = good.split_at(20);
    world.publish(before);
    for event in &hostile {
        world.hand_over("hostile", &[], event);
    }
    world.publish(after);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(good.len() + hostile.len());
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();

    let found = checks::distinct(outcomes.read_to_end());
    let is_good: BTreeSet<&str> = good.iter().map(|event| event.message_id.as_str()).collect();
    let (of_good, of_hostile): (BTreeMap<String, Value>, BTreeMap<String, Value>) = found
        .into_iter()
        .partition(|(_, outcome)| is_good.contains(checks::text(outcome, "message_id")));
    checks::each_was_sent(&of_good, &good);
    assert_eq!(of_hostile.len(), hostile.len(), "{:?}", of_hostile.keys());
}

fn nothing_is_committed(world: &World) {
    let committed = world.committed();
    let is_nothing = committed
        .values()
        .all(|position| position.unwrap_or(0) == 0);
    assert!(is_nothing, "{committed:?}");
}

fn all_is_published_once(world: &World, events: &[Event]) {
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(events.len());
    checks::wait_until_everything_is_committed(world);
    let found = checks::distinct(outcomes.read_to_end());
    assert_eq!(outcomes.seen.len(), events.len());
    checks::each_was_sent(&found, events);
    checks::each_was_accepted_once(&world.wechat, events);
}

#[test]
fn a_topic_that_refuses_every_outcome_is_told_and_gets_them_once_when_it_is_mended() {
    let world = World::new(Kafka::shared(), "refuses-all", Plan::default());
    world.limit_batches(&world.settings.outcomes.topic, 100);
    let events = events::mixed(0..30);
    world.publish(&events);
    let courier = world.courier_at_once(&[]);
    let mut why_not = String::new();
    wait_until("/readyz says that outcomes are not published", || {
        let (status, body) = courier.get("/readyz").unwrap_or_default();
        why_not = body;
        status == "503" && why_not.contains("outcomes are not published: 30 wait")
    });
    assert!(why_not.contains("max.message.bytes"), "{why_not}");
    let (_, body) = courier.get("/status").expect("/status is answered");
    let report: Value = serde_json::from_str(&body).expect("/status is JSON");
    assert_eq!(report["unpublished"]["outcomes"], 30);
    assert!(report["unpublished"]["since"].is_string());
    assert!(report["unpublished"]["refusal"].is_string());
    assert!(courier.measures("wx_courier_unpublished_outcomes 30"));
    let log = courier.log();
    assert!(log.contains("raise its max.message.bytes"), "at the start");
    assert!(log.contains("outcomes are not published: "), "and then");
    nothing_is_committed(&world);

    world.limit_batches(&world.settings.outcomes.topic, 1_048_588);
    all_is_published_once(&world, &events);
    wait_until("/readyz is content again", || {
        courier.get("/readyz").unwrap_or_default().0 == "200"
    });
    assert!(courier.measures("wx_courier_unpublished_outcomes 0"));
    courier.end_cleanly();
}
