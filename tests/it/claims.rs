//! What was sent is not sent again: not for another record, not after a crash, and not while the store cannot be asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wx_courier_sandbox::{Answer, Fate, Latency, Script, Settings as SandboxSettings};

use crate::support::checks::{self, LEAVING_RULE};
use crate::support::courier::Courier;
use crate::support::events::{self, Event, TRACEPARENT, order};
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::redis::Redis;
use crate::support::topic::Published;
use crate::support::wait_until;
use crate::support::world::{Plan, QUICK_GROUP, World, refuse};

// Keys that lie in different ones of two partitions.
const EVEN: &str = "even";
const ODD: &str = "odd";

#[test]
fn sqlite_knows_what_was_published_again() {
    what_is_published_again_is_sent_once("claims-sqlite", None, 1);
}

#[test]
fn redis_knows_what_another_member_has_sent() {
    let redis = Redis::start();
    what_is_published_again_is_sent_once("claims-redis", Some(redis.url()), 2);
}

#[test]
fn memory_knows_what_was_published_again_within_one_life() {
    what_is_published_again_is_sent_once("claims-memory", Some("memory:".to_owned()), 1);
}

fn what_is_published_again_is_sent_once(name: &str, state: Option<String>, n_members: usize) {
    let plan = Plan {
        partitions: 2,
        state,
        sections: QUICK_GROUP,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), name, plan);
    let members: Vec<Courier> = (0..n_members).map(|_| world.courier()).collect();
    wait_until("each member has its share of the partitions", || {
        let mut members = members.iter();
        members.all(|member| member.n_partitions() == 2 / n_members)
    });
    let events = events::mixed(0..12);
    let mut outcomes = world.outcomes();
    for key in [EVEN, EVEN, ODD] {
        world.publish_under(key, &events);
    }
    outcomes.read_at_least(3 * events.len());
    for key in [ODD, EVEN] {
        world.publish_under(key, &events);
    }
    outcomes.read_at_least(5 * events.len());
    checks::wait_until_everything_is_committed(&world);
    for member in members {
        member.end_cleanly();
    }
    let found = checks::distinct(outcomes.read_to_end());
    for event in &events {
        let found = checks::of_message(&found, event);
        checks::one_is_sent_and_the_others_repeat_it(found, 5);
    }
    for (partition, n_records) in [(0, 3), (1, 2)] {
        let records = found.values();
        let records = records.filter(|outcome| outcome["partition"] == partition);
        assert_eq!(
            records.count(),
            n_records * events.len(),
            "in partition {partition}"
        );
    }
    checks::each_was_accepted_once(&world.wechat, &events);
}

#[test]
fn two_events_with_one_value_of_dedupe_are_one_message() {
    let world = World::new(Kafka::shared(), "claims-dedupe", Plan::default());
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let parcel = events::shipment(1);
    let other_parcel = events::shipment(2);
    // The same arrival, which upstream tells of as if it were a new event.
    let told_again = Event {
        id: format!("{}-again", parcel.id),
        ..parcel.clone()
    };
    world.publish(&[parcel.clone(), told_again.clone(), other_parcel.clone()]);
    outcomes.read_at_least(3);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let of_parcel = checks::of_message(&found, &parcel);
    let event_ids: BTreeSet<&str> = of_parcel
        .iter()
        .map(|outcome| checks::text(outcome, "event_id"))
        .collect();
    assert_eq!(event_ids, BTreeSet::from([&*parcel.id, &*told_again.id]));
    checks::one_is_sent_and_the_others_repeat_it(of_parcel, 2);
    checks::each_was_accepted_once(&world.wechat, &[parcel, other_parcel]);
}

// Whenever the process dies, it has committed nothing; and its group has to notice the death before the next run gets its partitions.
const COMMITS_LATE: &str = r#"
[kafka.options]
heartbeat.interval.ms   = "300"
session.timeout.ms      = "2000"
auto.commit.interval.ms = "60000"
"#;

#[test]
fn a_record_that_is_read_again_after_a_crash_has_the_outcome_that_it_had() {
    let plan = Plan {
        sections: COMMITS_LATE,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "claims-read-again", plan);
    let wechat = &world.wechat;
    let sent = events::mixed(0..12);
    let refused = order(12);
    wechat.script(refuse(43101).for_openid(&*refused.openid));
    let mut invalid = order(13);
    invalid.data["order_no"] = "订单".into();
    let all: Vec<&Event> = sent.iter().chain([&refused, &invalid]).collect();
    for event in &all {
        let mut headers = event.binary_headers().to_vec();
        headers.push(("traceparent", TRACEPARENT));
        world.hand_over(&event.openid, &headers, event.data.to_string().as_bytes());
    }
    world.flush();
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_at_least(all.len());
    courier.kill();
    let committed = world.committed();
    assert!(committed.values().all(Option::is_none), "{committed:?}");
    let n_calls = n_sends(&world);

    world.rewrite("courier.toml", "\"60000\"", "\"100\"");
    let courier = world.courier();
    outcomes.read_at_least(2 * all.len());
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let mut twice: BTreeMap<&str, Vec<&Published>> = BTreeMap::new();
    for outcome in outcomes.read_to_end() {
        twice
            .entry(outcome.header("ce_id"))
            .or_default()
            .push(outcome);
    }
    assert_eq!(twice.len(), all.len());
    for (id, outcomes) in twice {
        let [first, second] = outcomes[..] else {
            panic!("{} outcomes of {id}", outcomes.len());
        };
        assert_eq!(first.json(), second.json());
        assert_eq!(first.headers, second.headers);
        assert_eq!(second.header("traceparent"), TRACEPARENT);
    }
    assert_eq!(n_sends(&world), n_calls, "calls of the second run");
    checks::each_was_accepted_once(wechat, &sent);
}

fn n_sends(world: &World) -> u64 {
    world.wechat.stats().calls["/cgi-bin/message/subscribe/send"]
}

// A claim without an outcome is in doubt when its call cannot be under way any more, which is soon where calls may not take long.
const SHORT_CALLS: &str = r#"
[send]
timeout = "1s"

[kafka.options]
heartbeat.interval.ms = "300"
session.timeout.ms    = "2000"
"#;

#[test]
fn what_was_being_sent_when_the_process_died_is_left_or_sent_again_as_its_rule_says() {
    let plan = Plan {
        sections: SHORT_CALLS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "claims-in-doubt", plan);
    let wechat = &world.wechat;
    let events = events::mixed(0..12);
    let fate_of = |n: usize| if n < 6 { Fate::Accepted } else { Fate::Lost };
    for (n, event) in events.iter().enumerate() {
        let fate = fate_of(n);
        let silence = Script::every_send(Answer::Hang { ms: 60_000, fate });
        wechat.script(silence.for_openid(&*event.openid).times(1));
    }
    let courier = world.courier();
    world.publish(&events);
    wait_until("all calls are under way", || {
        wechat.stats().concurrency == 12
    });
    courier.kill();

    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(events.len());
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    // On a busy machine the first run may have given up waiting for some answers; what it says then is the same.
    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    checks::each_was_sent_or_left(&found, &events);
    let accepted = checks::accepted_by_mark(wechat);
    for (n, event) in events.iter().enumerate() {
        let found = checks::of_message(&found, event);
        let before = usize::from(fate_of(n) == Fate::Accepted);
        let (end, times) = if event.rule == LEAVING_RULE {
            (("unknown", "in_doubt"), before)
        } else {
            (("sent", "ok"), before + 1)
        };
        checks::has_ended(found, 1, end);
        let accepted = accepted.get(&event.mark).copied().unwrap_or(0);
        assert_eq!(accepted, times, "sends of {} that WeChat took", event.mark);
    }
}

#[test]
fn what_failed_is_tried_again_for_another_record() {
    let world = World::new(Kafka::shared(), "claims-failed", Plan::default());
    let event = [order(0)];
    let attempts = 3;
    world.wechat.script(refuse(-1).times(attempts));
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    for n_records in 1..=3 {
        world.publish(&event);
        outcomes.read_at_least(n_records);
    }
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let in_order: Vec<Value> = outcomes.seen.iter().map(checks::read).collect();
    let ends: Vec<(&str, &str)> = in_order
        .iter()
        .map(|outcome| {
            (
                checks::text(outcome, "status"),
                checks::text(outcome, "reason"),
            )
        })
        .collect();
    let expected = [
        ("failed", "attempts_used"),
        ("sent", "ok"),
        ("skipped", "duplicate"),
    ];
    assert_eq!(ends, expected, "{found:#?}");
    assert_eq!(in_order[0]["attempts"], attempts);
    assert_eq!(in_order[2]["duplicate_of"], in_order[1]["id"]);
    checks::each_was_accepted_once(&world.wechat, &event);
}

#[test]
fn while_the_store_is_down_nothing_is_sent_and_afterwards_everything_is() {
    let mut redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        app: "max_in_flight = 20",
        sandbox: SandboxSettings {
            latency: Latency {
                min_ms: 20,
                max_ms: 60,
            },
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "claims-store-down", plan);
    let wechat = &world.wechat;
    let mut load = Load::new(&world);
    let mut courier = world.courier();
    load.keep_until("200 sends are accepted", || wechat.stats().accepted >= 200);
    // Enough for what is granted already to be a small part of it.
    load.publish(400);
    redis.kill();
    wait_until("/readyz says that the store is away", || {
        let (status, body) = courier.get("/readyz").unwrap();
        status == "503" && body == "not ready: the state store does not answer\n"
    });
    wait_until("what was granted before has been sent", || {
        let engine = courier.engine();
        engine["sending"] == 0 && engine["at_gate"] == 0
    });
    assert!(courier.measures("wx_courier_store_down 1"));
    assert!(courier.measures("wx_courier_reading_paused 1"));
    assert_eq!(courier.engine()["paused"], true);
    let n_accepted = wechat.stats().accepted;
    load.publish(100);
    world.flush();
    let n_read = courier.engine()["totals"]["records"].clone();
    let n_events = load.events.len();
    assert!(
        n_accepted + 100 < u64::try_from(n_events).unwrap(),
        "{n_accepted} of {n_events}"
    );

    assert_eq!(wechat.stats().accepted, n_accepted);
    assert_eq!(courier.engine()["totals"]["records"], n_read);
    redis.start_again();
    courier.wait_until_ready();
    let events = load.events;
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(events.len());
    assert!(courier.measures("wx_courier_store_down 0"));
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}
