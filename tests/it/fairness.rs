//! A rule that waits does not hold another one back whose events lie in the same partitions.

use crate::support::events::{Event, order, shipment};
use crate::support::kafka::Kafka;
use crate::support::topic::Published;
use crate::support::world::{Plan, World};

/// Of each rule: far more than the window holds.
const EVENTS: usize = 1_000;
const WINDOW: usize = 100;

fn of(seen: &[Published], rule: &str) -> usize {
    let outcomes = seen.iter().map(Published::json);
    outcomes.filter(|outcome| outcome["rule"] == rule).count()
}

/// A second rule for the same orders, which waits as well.
const SECOND: &str = r#"
on       = "order.completed"
app      = "shop"
template = "order_completed"
to       = "{{ data.openid }}"
rate     = { per_second = 60 }
[params]
character_string1 = "{{ data.order_no }}"
thing2            = "第二条"
amount3           = "{{ data.amount_fen | yuan }}"
time4             = "{{ time | datetime }}"
phrase5           = "已完成"
"#;

#[test]
fn two_slow_rules_that_want_the_same_events_lose_none() {
    const ORDERS: usize = 300;
    let plan = Plan {
        sections: "[engine]\nmax_messages = 40\n",
        more_rules: &[("order-second", SECOND)],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "fairness-two", plan);
    world.rewrite(
        "rules/order-completed.toml",
        "\n[params]",
        "\nrate = { per_second = 40 }\n\n[params]",
    );
    let orders: Vec<Event> = (0..ORDERS).map(order).collect();
    world.publish(&orders);
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_until("some of both rules have ended", |seen| seen.len() >= 40);
    let engine = courier.engine();
    for rule in ["order-completed", "order-second"] {
        assert!(engine["set_aside"][rule].as_u64() > Some(20), "{engine}");
    }
    outcomes.read_until("every message of both rules has ended", |seen| {
        of(seen, "order-completed") == ORDERS && of(seen, "order-second") == ORDERS
    });
    for outcome in outcomes.seen.iter().map(Published::json) {
        assert_eq!(outcome["status"], "sent", "{outcome}");
    }
}

#[test]
fn a_slow_rule_leaves_the_window_to_a_quick_one() {
    let plan = Plan {
        sections: "[engine]\nmax_messages = 100\n",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "fairness", plan);
    world.rewrite(
        "rules/order-completed.toml",
        "\n[params]",
        "\nrate = { per_second = 20 }\n\n[params]",
    );
    let mixed: Vec<Event> = (0..EVENTS).flat_map(|n| [order(n), shipment(n)]).collect();
    world.publish(&mixed);
    let mut outcomes = world.outcomes();
    let courier = world.courier();
    outcomes.read_until("every message of the quick rule has ended", |seen| {
        of(seen, "shipment-arrived") == EVENTS
    });
    let engine = courier.engine();
    let slow = of(&outcomes.seen, "order-completed");
    // Before there were shares, a window of 100 let no more than 100 of one rule past the other.
    assert!(
        slow + 2 * WINDOW < EVENTS,
        "{slow} of the slow rule have ended"
    );
    let aside = engine["set_aside"]["order-completed"].as_u64().unwrap();
    assert!(aside > 2 * WINDOW as u64, "{engine}");
    let in_window = engine["waiting"].as_u64().unwrap();
    assert!(in_window <= WINDOW as u64 / 2, "{engine}");
    // What was set aside is read again, and goes on: more of it than ever fitted into the window.
    let more = outcomes.seen.len() + WINDOW + 20;
    outcomes.read_at_least(more);
    for outcome in outcomes.seen.iter().map(Published::json) {
        assert_eq!(outcome["status"], "sent", "{outcome}");
    }
}
