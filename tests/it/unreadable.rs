//! One entry of the state store that cannot be read: its message ends as its rule says, and all others are sent. And a store that is lost.

use std::fs;

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use wx_courier::config::{OnLoss, State, StateUrl};
use wx_courier::edges::store::Store;

use crate::commands::run;
use crate::support::checks::{self, text};
use crate::support::events::{Event, order, shipment};
use crate::support::kafka::Kafka;
use crate::support::redis::Redis;
use crate::support::world::{Plan, World};
use crate::support::{LIMIT, wait_until};

const N_EVENTS: usize = 27;

// What may have been sent is sent again when a call that may be under way is over.
const SHORT_CALLS: &str = r#"
[send]
timeout = "1s"
"#;

fn plan() -> Plan {
    Plan {
        partitions: 1,
        sections: SHORT_CALLS,
        ..Plan::default()
    }
}

/// Runs a statement on the state file of a world whose service does not run.
fn in_state_file(world: &World, sql: &str, with: [&str; 2]) {
    let path = world.folder().join("state.db");
    let (answers, _said) = tokio::sync::mpsc::unbounded_channel();
    let state = State {
        url: StateUrl::Sqlite(path.clone()),
        remember: std::time::Duration::from_hours(1),
        on_loss: OnLoss::Pause,
        left_behind: None,
    };
    Store::start(&state, "", answers).unwrap().close(LIMIT);
    let file = Connection::open(path).unwrap();
    file.execute(sql, params![with[0], with[1]]).unwrap();
}

/// All but one are sent; gives the outcome of that one.
fn strangers_go_on(world: &World, events: &[Event], poisoned: &Event) -> Value {
    world.publish(events);
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_at_least(events.len());
    wait_until("a metric counts it", || {
        courier.measures("wx_courier_store_unreadable_total{row=\"claim\"} 1")
    });
    let log = courier.log();
    courier.end_cleanly();
    let mut found = checks::distinct(outcomes.read_to_end());
    let is_poisoned = |outcome: &Value| outcome["message_id"] == poisoned.message_id.as_str();
    let its = found.extract_if(.., |_, outcome| is_poisoned(outcome));
    let its: Vec<(String, Value)> = its.collect();
    let [(_, its)] = its.as_slice() else {
        panic!("not one outcome: {its:#?}");
    };
    let strangers: Vec<Event> = events
        .iter()
        .filter(|event| event.message_id != poisoned.message_id)
        .cloned()
        .collect();
    checks::each_was_sent(&found, &strangers);
    checks::everything_is_committed(world);
    assert!(log.contains("cannot be read"), "{log}");
    its.clone()
}

const JUNK_CLAIM: &str =
    "INSERT INTO claims VALUES (?1, ?2, 'held {by a later version}', 9000000000000)";

#[test]
fn a_claim_that_cannot_be_read_leaves_its_message_where_the_rule_says_so() {
    let world = World::new(Kafka::shared(), "unreadable-leave", plan());
    let events: Vec<Event> = (0..N_EVENTS).map(shipment).collect();
    let poisoned = &events[13];
    in_state_file(&world, JUNK_CLAIM, [&poisoned.message_id, "elsewhere"]);
    let outcome = strangers_go_on(&world, &events, poisoned);
    assert_eq!(text(&outcome, "status"), "unknown", "{outcome:#}");
    assert_eq!(text(&outcome, "reason"), "state_unreadable");
}

#[test]
fn a_claim_that_cannot_be_read_does_not_keep_its_message_where_it_may_be_sent_again() {
    let world = World::new(Kafka::shared(), "unreadable-resend", plan());
    let events: Vec<Event> = (0..N_EVENTS).map(order).collect();
    let poisoned = &events[13];
    in_state_file(&world, JUNK_CLAIM, [&poisoned.message_id, "elsewhere"]);
    let outcome = strangers_go_on(&world, &events, poisoned);
    assert_eq!(text(&outcome, "status"), "sent", "{outcome:#}");
}

#[test]
fn an_outcome_of_a_later_version_is_published_again_as_it_was() {
    let world = World::new(Kafka::shared(), "unreadable-rollback", plan());
    let events: Vec<Event> = (0..N_EVENTS).map(order).collect();
    let poisoned = &events[13];
    let id = format!("{}/0/13/{}", world.source(), poisoned.rule);
    let kept = json!({
        "id": id, "message_id": poisoned.message_id, "status": "rejected", "reason": "of_tomorrow",
        "detail": "as it was", "rules_version": "1", "topic": world.source(), "partition": 0, "offset": 13,
        "attempts": 1, "received_at": "2026-11-22T08:30:00.120Z", "settled_at": "2026-11-22T08:30:00.200Z",
        "waited_ms": 12, "api_ms": 68, "due_at": "2026-11-23T08:00:00.000Z",
    });
    let sql = "INSERT INTO outcomes VALUES (?1, ?2, 9000000000000)";
    in_state_file(&world, sql, [&id, &kept.to_string()]);
    world.publish(&events);
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_at_least(events.len());
    courier.end_cleanly();
    let records = outcomes.read_to_end();
    let its = records
        .iter()
        .find(|record| record.key_text() == poisoned.message_id);
    assert_eq!(its.expect("it is published").json(), kept);
    assert_eq!(records.len(), N_EVENTS);
}

/// Sends one event before and one after the state is lost.
fn is_resumed_by_a_person(world: &World, lose: impl FnOnce()) {
    world.publish(&[order(1)]);
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_at_least(1);
    lose();
    let says = |page: &str, word: &str| {
        let answer = courier.get(page);
        answer.is_some_and(|(_, body)| body.contains(word))
    };
    wait_until("it is not ready any more", || {
        says("/readyz", "the state is lost")
    });
    world.publish(&[order(2)]);
    wait_until("/status says what is not promised", || {
        says("/status", "not_promised")
    });
    wait_until("a metric says so", || {
        says("/metrics", "wx_courier_store_lost_paused 1")
    });
    let resume = || {
        let arguments = ["state", "resume", "--at", courier.address()];
        run(world.folder(), &arguments).code
    };
    assert_eq!(resume(), Some(0));
    outcomes.read_at_least(2);
    wait_until("it is ready again", || {
        says("/readyz", "ready\n") && !says("/readyz", "not ready")
    });
    assert!(says("/status", "not_promised"), "what was lost stays lost");
    assert_eq!(resume(), Some(1), "nothing is lost any more");
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    checks::each_was_sent(&found, &[order(1), order(2)]);
}

#[test]
fn a_state_file_that_is_deleted_stops_sending_until_somebody_says_that_it_goes_on() {
    let world = World::new(Kafka::shared(), "lost-file", Plan::default());
    is_resumed_by_a_person(&world, || {
        fs::remove_file(world.folder().join("state.db")).unwrap();
    });
    assert!(world.folder().join("state.db").exists());
}

#[test]
fn a_redis_that_was_flushed_stops_sending_until_somebody_says_that_it_goes_on() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "lost-redis", plan);
    is_resumed_by_a_person(&world, || {
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
    });
}
