//! A thousand records, a tenth of them as nasty as a producer could make them, in a bad hour: little memory, rows in the store that cannot be
//! read, a disk that is full for a while, and hundreds of idle connections. All good events are sent in their order, every record has
//! its outcome, and memory stays below the limit of the manifests.

mod records;
mod surroundings;

use std::collections::BTreeMap;

use serde_json::Value;

use self::surroundings::{Surroundings, idle_connections, peak_memory_kib};
use crate::support::checks::{self, text};
use crate::support::events::{Event, mark_of, order_of, user};
use crate::support::kafka::Kafka;
use crate::support::push::{self, public_address};
use crate::support::wait_until;
use crate::support::world::{Plan, World, refuse};

const N_RECORDS: usize = 1_000;

/// Every tenth record is a nasty one.
const NASTY_EVERY: usize = 10;

const N_USERS: usize = 40;

/// What the manifests allow a pod.
const MEMORY_LIMIT_KIB: u64 = 192 * 1024;

/// WeChat refuses every value that this user's messages have.
const REFUSED: &str = "oStranger_M2pxb1Q9zNjWeS6o";

/// Good events whose rows in the store were spoilt, by their place among all records.
const SPOILT: [usize; 3] = [15, 250, 776];

const SECTIONS: &str = r#"
[public]
listen = "127.0.0.1:0"

[apps.shop.callbacks]
token = "pushToken1"
mode  = "plain"

[kafka.options]
fetch.message.max.bytes = "1048576"
"#;

fn is_nasty(n: usize) -> bool {
    n % NASTY_EVERY == 3
}

/// Events of a user lie in one partition, so they are sent in the order of their numbers.
fn good(n: usize) -> Event {
    order_of(n, &user(n % N_USERS))
}

#[test]
fn a_bad_hour_costs_each_bad_record_its_own_outcome_and_nothing_else() {
    let surroundings = Surroundings::new();
    let plan = Plan {
        // One partition: what is nasty stands before what is good, whatever the key.
        partitions: 1,
        app: "rate = { per_second = 150 }",
        sections: SECTIONS,
        state: Some(surroundings.state_url()),
        binary: surroundings.wrapper(),
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "hostile", plan);
    world
        .wechat
        .script(refuse(47003).for_openid(REFUSED.to_owned()));
    publish(&world);
    surroundings.spoil_rows(&world, &SPOILT.map(offset_and_rule));

    let courier = world.courier();
    surroundings.limit_memory(&courier, MEMORY_LIMIT_KIB);
    let public = public_address(&courier);
    let idle = idle_connections(&[courier.address(), &public], 250);
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(N_RECORDS / 4);

    surroundings.fill_disk(&courier);
    wait_until("the service says that its store is down", || {
        courier
            .get("/readyz")
            .is_some_and(|(status, _)| status == "503")
    });
    surroundings.free_disk(&courier);
    outcomes.read_at_least(N_RECORDS);

    // Connections that say nothing take nothing from clients that ask.
    let health = courier.get("/healthz").map(|(status, _)| status);
    assert_eq!(health.as_deref(), Some("200"));
    let answer = push::ask(&public, "GET", "/nothing/here", &[], b"");
    assert_eq!(answer.status, 404);
    checks::wait_until_everything_is_committed(&world);
    let peak_kib = peak_memory_kib(&courier);
    courier.end_cleanly();
    drop(idle);

    let found = checks::distinct(outcomes.read_to_end());
    assert_eq!(found.len(), N_RECORDS, "each record has its outcome");
    every_good_event_was_sent_in_order(&world, &found);
    every_other_record_ended_otherwise(&found);
    surroundings.nothing_was_killed_for_memory();
    assert!(
        peak_kib <= MEMORY_LIMIT_KIB,
        "the service took {} MiB at its peak, {} MiB are allowed",
        peak_kib / 1024,
        MEMORY_LIMIT_KIB / 1024
    );
}

fn publish(world: &World) {
    world.limit_batches(world.source(), 2 * 1024 * 1024);
    let upstream = records::Upstream::new(&world.brokers, world.source());
    for n in 0..N_RECORDS {
        if is_nasty(n) {
            upstream.publish(&records::nasty(n / NASTY_EVERY, REFUSED));
        } else {
            upstream.publish(&records::plain(good(n).structured()));
        }
    }
    upstream.flush();
}

/// In one partition the place of a record among all is its offset.
fn offset_and_rule(n: usize) -> (usize, Event) {
    assert!(!is_nasty(n));
    (n, good(n))
}

fn every_good_event_was_sent_in_order(world: &World, found: &BTreeMap<String, Value>) {
    let numbers = (0..N_RECORDS).filter(|n| !is_nasty(*n) && !SPOILT.contains(n));
    let good: Vec<Event> = numbers.map(good).collect();
    for event in &good {
        let of_event = checks::of_message(found, event);
        assert_eq!(of_event.len(), 1, "{of_event:#?}");
        assert_eq!(text(of_event[0], "status"), "sent", "{:#}", of_event[0]);
    }
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for accepted in world.wechat.accepted() {
        let mark = mark_of(&accepted).to_owned();
        sent.entry(accepted.openid).or_default().push(mark);
    }
    for n in 0..N_USERS {
        let openid = user(n);
        let wanted: Vec<&str> = good
            .iter()
            .filter(|event| event.openid == openid)
            .map(|event| event.mark.as_str())
            .collect();
        let of_user = sent.get(&openid).map(Vec::as_slice).unwrap_or_default();
        let of_user: Vec<&str> = of_user
            .iter()
            .map(String::as_str)
            .filter(|mark| !is_spoilt(mark))
            .collect();
        assert_eq!(of_user, wanted, "what {openid} was sent");
    }
}

fn is_spoilt(mark: &str) -> bool {
    SPOILT.iter().any(|n| good(*n).mark == mark)
}

/// A nasty record ends in whatever fits it; a message whose row was spoilt ends as its rule says, and is sent once at most.
fn every_other_record_ended_otherwise(found: &BTreeMap<String, Value>) {
    for n in SPOILT {
        let of_event = checks::of_message(found, &good(n));
        assert_eq!(of_event.len(), 1, "{of_event:#?}");
        let status = text(of_event[0], "status");
        assert!(["sent", "unknown"].contains(&status), "{:#}", of_event[0]);
    }
    let mut ended: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in found.values() {
        let end = format!("{}/{}", text(outcome, "status"), text(outcome, "reason"));
        *ended.entry(end).or_default() += 1;
    }
    let refused = ended.get("rejected/param_refused").copied();
    let n_refused = records::n_refused(N_RECORDS / NASTY_EVERY);
    assert_eq!(refused, Some(n_refused), "{ended:#?}");
}
