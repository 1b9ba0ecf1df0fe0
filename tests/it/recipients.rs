//! Users are counted by `recipient_hash`: one hash is one user of an app, in every run and on every instance that shares the store.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::{Value, json};
use wx_courier_core::model::outcome::{RecipientHasher, RecipientKey};

use crate::support::checks::{self, text};
use crate::support::courier::Courier;
use crate::support::events::{Event, SOURCE, order_of, user};
use crate::support::kafka::Kafka;
use crate::support::redis::Redis;
use crate::support::wait_until;
use crate::support::world::{Plan, QUICK_GROUP, World};

const N_USERS: usize = 3;

/// Orders of three users, by turns.
fn orders(numbers: std::ops::Range<usize>) -> Vec<Event> {
    numbers.map(|n| order_of(n, &user(n % N_USERS))).collect()
}

/// The hashes of each user of these orders.
fn hashes<'a>(
    outcomes: impl IntoIterator<Item = &'a Value>,
    orders: &[Event],
) -> BTreeMap<String, BTreeSet<String>> {
    let users: BTreeMap<&str, &str> = orders
        .iter()
        .map(|order| (order.id.as_str(), order.openid.as_str()))
        .collect();
    let mut hashes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for outcome in outcomes {
        let Some(openid) = users.get(text(outcome, "event_id")) else {
            continue;
        };
        let hash = text(outcome, "recipient_hash");
        assert_eq!(hash.len(), 32, "{outcome}");
        assert!(!hash.contains(|c: char| !matches!(c, '0'..='9' | 'a'..='f')));
        hashes
            .entry((*openid).to_owned())
            .or_default()
            .insert(hash.to_owned());
    }
    hashes
}

/// Each user has one hash, and no two have the same.
fn one_for_each(hashes: &BTreeMap<String, BTreeSet<String>>) {
    assert_eq!(hashes.len(), N_USERS, "{hashes:?}");
    assert!(
        hashes.values().all(|of_user| of_user.len() == 1),
        "{hashes:?}"
    );
    let different: BTreeSet<&String> = hashes.values().flatten().collect();
    assert_eq!(different.len(), N_USERS, "{hashes:?}");
}

/// For groups that have read nothing yet.
const FROM_THE_BEGINNING: &str = "[kafka.options]\nauto.offset.reset = \"earliest\"\n";

/// The user is named by a login code, which works once.
const BY_CODE: &str = r#"
on = "table.booked"
app = "shop"
template = "class_starting"
to = { js_code = "{{ data.js_code }}" }
[params]
thing1 = "靠窗的桌子"
date2 = "2026年11月22日 18:30"
name3 = "王芳"
thing4 = "二楼"
thing5 = "请准时"
[[tests]]
event = { data = { js_code = "0a1b" } }
expect = { thing4 = "二楼" }
"#;

#[test]
fn a_second_run_knows_the_users_of_the_first_and_repeats_what_it_said() {
    let plan = Plan {
        more_rules: &[("table-booked", BY_CODE)],
        sections: FROM_THE_BEGINNING,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "recipients-runs", plan);
    let first = orders(0..9);
    world.publish(&first);
    let booked = json!({
        "specversion": "1.0", "id": "b1", "source": SOURCE, "type": "table.booked",
        "data": { "js_code": format!("js-{}", user(0)) },
    });
    world.hand_over("b1", &[], booked.to_string().as_bytes());
    world.flush();
    let n_first = first.len() + 1;
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_distinct(n_first);
    checks::wait_until_everything_is_committed(&world);
    let log = courier.log();
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let of_first = hashes(found.values(), &first);
    one_for_each(&of_first);
    // A user is the same, however the event names the user.
    let booked = found.values().find(|outcome| outcome["event_id"] == "b1");
    let hash = text(booked.unwrap(), "recipient_hash");
    assert!(of_first[&user(0)].contains(hash), "{booked:?}");
    let masked = found.values().map(|outcome| text(outcome, "recipient"));
    assert_eq!(masked.collect::<BTreeSet<_>>().len(), 1);

    let file = Connection::open(world.folder().join("state.db")).unwrap();
    let key: String = file
        .query_row("SELECT text FROM recipient_key", [], |row| row.get(0))
        .unwrap();
    drop(file);
    assert!(!log.contains(&key) && key.len() >= 32);

    // Another group reads all records again, and the store knows what was said of them.
    let courier = world.courier_with(&[("WX_COURIER__KAFKA__GROUP", "recipients-other-group")]);
    wait_until("everything was said twice", || {
        outcomes.read_to_end().len() >= 2 * n_first
    });
    let second = orders(9..12);
    world.publish(&second);
    outcomes.read_distinct(n_first + second.len());
    courier.end_cleanly();
    let found = checks::distinct_after_a_crash(outcomes.read_to_end());
    let all: Vec<Event> = first.into_iter().chain(second).collect();
    assert_eq!(hashes(found.values(), &all), of_first);
    assert_eq!(
        world.wechat.accepted().len(),
        n_first + 3,
        "some went out twice"
    );
}

fn partitions_of(courier: &Courier) -> BTreeSet<i64> {
    let engine = courier.engine();
    let partitions = engine["partitions"].as_array().unwrap();
    let number = |partition: &Value| partition["partition"].as_i64().unwrap();
    partitions.iter().map(number).collect()
}

#[test]
fn instances_that_start_together_agree_on_one_key() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        sections: QUICK_GROUP,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "recipients-fleet", plan);
    let mut members = [world.courier_at_once(&[]), world.courier_at_once(&[])];
    for member in &mut members {
        member.wait_until_ready();
    }
    wait_until("each of two members has a half", || {
        members
            .iter()
            .all(|member| partitions_of(member).len() == 2)
    });
    let halves = members.each_ref().map(partitions_of);
    // Every user has orders in many partitions.
    let orders = orders(0..48);
    for (number, part) in orders.chunks(N_USERS).enumerate() {
        world.publish_under(&format!("key-{number}"), part);
    }
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(orders.len());
    checks::wait_until_everything_is_committed(&world);
    for member in members {
        member.end_cleanly();
    }
    let found = checks::distinct(outcomes.read_to_end());
    one_for_each(&hashes(found.values(), &orders));
    for half in halves {
        let in_half = |outcome: &&Value| half.contains(&outcome["partition"].as_i64().unwrap());
        assert!(found.values().any(|outcome| in_half(&outcome)), "{half:?}");
    }
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let group = &world.settings.kafka.group;
    let key = format!("wx-courier:{{{group}}}:recipient-key");
    let lives_for: i64 = redis::cmd("TTL").arg(key).query(&mut connection).unwrap();
    assert_eq!(lives_for, -1, "the key would be forgotten");
}

#[test]
fn a_store_that_is_away_at_the_start_delays_the_key_and_nothing_else() {
    let mut redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        sections: FROM_THE_BEGINNING,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "recipients-away", plan);
    redis.kill();
    let courier = world.courier_at_once(&[]);
    wait_until("the store is known to be down", || {
        courier.measures("wx_courier_store_down 1")
    });
    let orders = orders(0..6);
    world.publish(&orders);
    redis.start_again();
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(orders.len());
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    one_for_each(&hashes(found.values(), &orders));
}

#[test]
fn a_key_of_the_settings_is_used_and_never_shown() {
    let plan = Plan {
        state: Some("memory:".to_owned()),
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "recipients-key", plan);
    let key = "the key of recipients, and of no other";
    let courier = world.courier_with(&[("WX_COURIER__OUTCOMES__RECIPIENT_KEY", key)]);
    let orders = orders(0..3);
    world.publish(&orders);
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(orders.len());
    let shown = courier.report().to_string() + &courier.log();
    assert!(
        !shown.contains(key) && !shown.contains("recipient_hash is of"),
        "{shown}"
    );
    courier.end_cleanly();
    let hasher = RecipientHasher::new(&RecipientKey::new(key)).unwrap();
    for (openid, hash) in hashes(checks::distinct(outcomes.read_to_end()).values(), &orders) {
        let expected = hasher.hash("shop", &openid);
        assert_eq!(hash, BTreeSet::from([expected.to_string()]));
    }
}
