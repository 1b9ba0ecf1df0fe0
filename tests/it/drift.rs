//! A service that runs notices when the templates at WeChat are no longer those of its file, and goes on sending.

use serde_json::{Value, json};

use crate::support::courier::Courier;
use crate::support::events::order;
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

fn templates_of_shop(courier: &Courier) -> Value {
    let (_, body) = courier.get("/status").unwrap();
    let status: Value = serde_json::from_str(&body).unwrap();
    status["templates"]["shop"].clone()
}

fn lists_asked_for(world: &World) -> u64 {
    let stats = serde_json::to_value(world.wechat.stats()).unwrap();
    stats["calls"]["/wxaapi/newtmpl/gettemplate"]
        .as_u64()
        .unwrap()
}

#[test]
fn drift_is_told_stops_nothing_and_ends_with_the_mended_file() {
    let world = World::new(Kafka::shared(), "drift", Plan::default());
    world.rewrite("courier.toml", "compare = \"off\"", "compare = \"daily\"");
    world.rewrite("templates.toml", "\"订单完成通知\"", "\"订单通知\"");
    world.rewrite("templates.toml", "\"long-term\"", "\"one-time\"");
    let courier = world.courier();
    wait_until("the templates are compared", || {
        templates_of_shop(&courier)["checked_at"].is_string()
    });
    let found = templates_of_shop(&courier);
    assert_eq!(
        found["drift"],
        json!([
            "class_starting: it is long-term at WeChat, one-time here",
            "order_completed: WeChat calls it \"订单完成通知\", here it is \"订单通知\"",
        ])
    );
    assert!(found.get("error").is_none(), "{found}");
    for line in [
        "wx_courier_template_drift{app=\"shop\",kind=\"kind\"} 1",
        "wx_courier_template_drift{app=\"shop\",kind=\"title\"} 1",
        "wx_courier_template_drift{app=\"shop\",kind=\"gone\"} 0",
        "wx_courier_template_list_unanswered{app=\"shop\"} 0",
    ] {
        assert!(courier.measures(line), "{line}");
    }
    let told = courier
        .log()
        .matches("differs from what WeChat lists")
        .count();
    assert_eq!(told, 1, "{}", courier.log());

    world.publish(&[order(1)]);
    wait_until("a message is sent all the same", || {
        world.wechat.accepted().len() == 1
    });

    // The mended file is compared with the list that is known. The rules are the same as before.
    world.rewrite("templates.toml", "\"订单通知\"", "\"订单完成通知\"");
    world.rewrite(
        "templates.toml",
        "kind   = \"one-time\"\nparams = { thing1 = \"课程名称\"",
        "kind   = \"long-term\"\nparams = { thing1 = \"课程名称\"",
    );
    courier.ask_to_reload();
    wait_until("nothing differs", || {
        templates_of_shop(&courier)["drift"] == json!([])
    });
    assert_eq!(lists_asked_for(&world), 1);
    wait_until("that is told", || {
        courier
            .log()
            .contains("templates.toml says what WeChat lists")
    });
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
}

/// WeChat lists `phrase5`; a person has renamed it here, and in the rule.
#[test]
fn a_template_that_was_changed_waits_after_the_first_refusal() {
    let world = World::new(Kafka::shared(), "drift-changed", Plan::default());
    world.rewrite("courier.toml", "compare = \"off\"", "compare = \"daily\"");
    let rule = "rules/order-completed.toml";
    world.rewrite("templates.toml", "phrase5", "phrase6");
    world.rewrite(rule, "phrase5", "phrase6");
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let mut events = vec![order(0)];
    world.publish(&events);
    let pause = courier.wait_until_paused(
        "template shop/HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8",
        "template_changed",
    );
    let detail = pause["detail"].as_str().unwrap();
    for word in [
        "order_completed",
        "`phrase5`",
        "`phrase6`",
        "templates pull",
    ] {
        assert!(detail.contains(word), "{detail}");
    }
    let waiting: Vec<_> = (1..30).map(order).collect();
    world.publish(&waiting);
    courier.wait_until_waiting(waiting.len());
    assert_eq!(world.wechat.stats().errcodes[&47003], 1);

    world.rewrite("templates.toml", "phrase6", "phrase5");
    world.rewrite(rule, "phrase6", "phrase5");
    courier.reload();
    outcomes.read_at_least(1 + waiting.len());
    courier.wait_until_nothing_is_paused();
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let refused = events
        .iter()
        .flat_map(|event| checks::of_message(&found, event));
    checks::has_ended(refused, 1, ("rejected", "param_refused"));
    checks::each_was_accepted_once(&world.wechat, &waiting);
    events.extend(waiting);
    assert_eq!(found.len(), events.len());
}

#[test]
fn a_list_that_does_not_come_is_told_and_stops_nothing() {
    let world = World::new(Kafka::shared(), "drift-unanswered", Plan::default());
    world.rewrite("courier.toml", "compare = \"off\"", "compare = \"daily\"");
    world.rewrite("courier.toml", "sandbox-secret", "another-secret");
    let courier = world.courier();
    wait_until("the question has failed", || {
        templates_of_shop(&courier)["error"].is_string()
    });
    let found = templates_of_shop(&courier);
    assert_eq!(
        (&found["checked_at"], &found["drift"]),
        (&Value::Null, &json!([]))
    );
    let error = found["error"].as_str().unwrap();
    assert!(error.starts_with("there is no token: "), "{error}");
    assert!(courier.measures("wx_courier_template_list_unanswered{app=\"shop\"} 1"));
    courier.end_cleanly();
}
