//! One accept is one message: what events tell of users' answers, and what becomes of messages without a grant.

use serde_json::{Value, json};
use wx_courier_sandbox::GrantCheck;

use crate::support::courier::Courier;
use crate::support::events::{Event, SOURCE, order_of, user};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World, refuse};
use crate::support::{checks, wait_until};

pub(crate) const ORDER_TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";

const ANSWERS: &str = r#"
[grants]
event = "subscription.answered"
"#;

/// Publishes what a user has answered. The id names the report.
fn answered(world: &World, id: &str, openid: &str, answer: &Value) {
    let event = json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": "subscription.answered",
        "data": { "openid": openid, "template": "order_completed", "answer": answer },
    });
    world.hand_over(openid, &[], event.to_string().as_bytes());
    world.flush();
}

/// Waits until the ledger has taken so many answers in.
fn wait_until_noted(courier: &Courier, count: u64) {
    wait_until(&format!("{count} answers are noted"), || {
        courier.engine()["totals"]["grant_reports"] == count
    });
}

#[test]
fn an_accept_is_one_message_and_what_is_enforced_costs_no_call() {
    let plan = Plan {
        app: "grants = \"enforce\"",
        sections: ANSWERS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "grants-enforce", plan);
    let wechat = &world.wechat;
    wechat.check_grants(GrantCheck::On);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let (yes, no, never) = (user(1), user(2), user(3));
    wechat.grant(&yes, ORDER_TEMPLATE, 1);
    answered(&world, "a1", &yes, &json!("accept"));
    // The same report once more, and the whole object that the mini program was given.
    answered(&world, "a1", &yes, &json!("accept"));
    let object =
        json!({ "errMsg": "requestSubscribeMessage:ok", ORDER_TEMPLATE: "acceptWithForcePush" });
    answered(&world, "a2", &no, &object);
    answered(&world, "a3", &no, &json!({ ORDER_TEMPLATE: "reject" }));
    wait_until_noted(&courier, 4);

    let first = order_of(1, &yes);
    world.publish(std::slice::from_ref(&first));
    outcomes.read_at_least(1);
    let others = [order_of(2, &yes), order_of(3, &no), order_of(4, &never)];
    world.publish(&others);
    outcomes.read_at_least(4);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    checks::has_ended(checks::of_message(&found, &first), 1, ("sent", "ok"));
    let skipped = others
        .iter()
        .flat_map(|event| checks::of_message(&found, event));
    checks::has_ended(skipped, 3, ("skipped", "no_grant"));
    assert_eq!(found.len(), 4, "an answer has no outcome");
    checks::each_was_accepted_once(wechat, &[first]);
    assert_eq!(wechat.stats().errcodes.get(&43101), None);
}

#[test]
fn advice_is_not_followed_and_its_errors_are_counted() {
    let plan = Plan {
        app: "grants = \"advise\"",
        sections: ANSWERS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "grants-advise", plan);
    let wechat = &world.wechat;
    wechat.check_grants(GrantCheck::On);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    // The ledger knows of none and WeChat of one; then the other way round.
    let (unheard, gone) = (user(1), user(2));
    wechat.grant(&unheard, ORDER_TEMPLATE, 1);
    answered(&world, "a1", &gone, &json!("accept"));
    wait_until_noted(&courier, 1);
    let (taken, refused): (Event, Event) = (order_of(1, &unheard), order_of(2, &gone));
    world.publish(&[taken.clone(), refused.clone()]);
    outcomes.read_at_least(2);
    wait_until("the ledger's errors are counted", || {
        courier.measures("wx_courier_ledger_wrong_total{how=\"undercounted\"} 1")
            && courier.measures("wx_courier_ledger_wrong_total{how=\"overcounted\"} 1")
    });
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    checks::has_ended(checks::of_message(&found, &taken), 1, ("sent", "ok"));
    let refused = checks::of_message(&found, &refused);
    checks::has_ended(refused, 1, ("rejected", "user_refused"));
}

/// How many grants a user has left, by the ledger.
fn left(courier: &Courier, openid: &str) -> Value {
    let path = format!("/grants?app=shop&openid={openid}&template=order_completed");
    let (status, body) = courier.get(&path).unwrap();
    assert_eq!(status, "200", "{body}");
    let ledgers: Value = serde_json::from_str(&body).unwrap();
    ledgers[0]["left"].clone()
}

const WAVE_OF_FOUR: &str = r#"
[grants]
event = "subscription.answered"

[refusal_wave]
count = 4
"#;

#[test]
fn a_wave_of_43101_empties_no_ledger_and_slows_its_rule_down() {
    let plan = Plan {
        app: "grants = \"enforce\"",
        sections: WAVE_OF_FOUR,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "grants-wave", plan);
    let wechat = &world.wechat;
    let trouble = refuse(43101).for_template(ORDER_TEMPLATE);
    wechat.script(trouble.times(5));
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let users: Vec<String> = (1..=12).map(user).collect();
    for (n, user) in users.iter().enumerate() {
        answered(&world, &format!("a{n}"), user, &json!("accept"));
    }
    wait_until_noted(&courier, 12);
    let orders: Vec<Event> = (1..=12)
        .zip(&users)
        .map(|(n, to)| order_of(n, to))
        .collect();
    let (in_trouble, afterwards) = orders.split_at(4);
    for (n, order) in (1..).zip(in_trouble) {
        world.publish(std::slice::from_ref(order));
        outcomes.read_at_least(n);
    }
    let pause = courier.wait_until_paused("rule order-completed", "refusal_wave");
    assert_eq!(pause["errcode"], 43101);
    let detail = pause["detail"].as_str().unwrap();
    assert!(detail.contains("4 of the last 4 users"), "{detail}");
    // Of the first ones WeChat was believed; the one that was too many, and those that come, keep what they have.
    assert_eq!(left(&courier, &users[0]), 0);
    assert_eq!(left(&courier, &users[3]), 1);
    world.publish(afterwards);
    outcomes.read_at_least(orders.len());
    courier.wait_until_nothing_is_paused();
    let all_left = users.iter().map(|user| left(&courier, user));
    let n_left: u64 = all_left.filter_map(|left| left.as_u64()).sum();
    assert_eq!(
        n_left, 2,
        "and the grant of the one that was refused on trial"
    );
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let ends = |orders: &[Event], n, end| {
        let outcomes = orders
            .iter()
            .flat_map(|order| checks::of_message(&found, order));
        checks::has_ended(outcomes, n, end);
    };
    ends(in_trouble, 4, ("rejected", "user_refused"));
    let (sent, refused): (Vec<Event>, Vec<Event>) =
        (afterwards.iter().cloned()).partition(|order| {
            checks::of_message(&found, order)
                .iter()
                .any(|end| end["status"] == "sent")
        });
    ends(&refused, 1, ("rejected", "user_refused"));
    ends(&sent, 7, ("sent", "ok"));
}

#[test]
fn an_answer_that_tells_nothing_has_an_outcome_and_the_ledger_outlives_the_process() {
    let plan = Plan {
        app: "grants = \"enforce\"",
        sections: ANSWERS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "grants-malformed", plan);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    answered(&world, "a1", &user(1), &json!("perhaps"));
    answered(
        &world,
        "a2",
        &user(1),
        &json!({ "no-such-template": "accept" }),
    );
    answered(&world, "a3", &user(1), &json!("filter"));
    answered(&world, "a4", &user(1), &json!("accept"));
    outcomes.read_at_least(2);
    wait_until_noted(&courier, 1);
    let told = json!([{ "kind": "word", "name": "perhaps", "count": 1 }]);
    assert_eq!(courier.report()["unknown"], told);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();

    let courier = world.courier();
    let events = [order_of(1, &user(1)), order_of(2, &user(1))];
    for event in &events {
        let n_before = outcomes.seen.len();
        world.publish(std::slice::from_ref(event));
        outcomes.read_at_least(n_before + 1);
    }
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    checks::has_ended(
        found
            .values()
            .filter(|outcome| outcome["status"] == "invalid"),
        2,
        ("invalid", "grant_malformed"),
    );
    checks::has_ended(checks::of_message(&found, &events[0]), 1, ("sent", "ok"));
    checks::has_ended(
        checks::of_message(&found, &events[1]),
        1,
        ("skipped", "no_grant"),
    );
    assert_eq!(found.len(), 4);
}

/// The user has agreed once and for all; `WeChat` takes one message of each value of the key a day.
#[test]
fn a_limited_template_is_not_sent_too_soon() {
    let plan = Plan {
        app: "grants = \"enforce\"",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "grants-limited", plan);
    world.rewrite(
        "templates.toml",
        "kind   = \"one-time\"                      # one-time: one permission, one message | long-term\n",
        "kind   = \"long-term-limited\"\nkey    = \"phrase5\"\nper    = \"24h\"\n",
    );
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let (first, second, other) = (
        order_of(1, &user(1)),
        order_of(2, &user(1)),
        order_of(3, &user(2)),
    );
    world.publish(std::slice::from_ref(&first));
    outcomes.read_at_least(1);
    world.publish(&[second.clone(), other.clone()]);
    outcomes.read_at_least(3);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    for sent in [&first, &other] {
        checks::has_ended(checks::of_message(&found, sent), 1, ("sent", "ok"));
    }
    let skipped = checks::of_message(&found, &second);
    checks::has_ended(skipped, 1, ("skipped", "too_soon"));
    checks::each_was_accepted_once(&world.wechat, &[first, other]);
}
