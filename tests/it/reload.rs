//! Rules that change while the service runs: swapped whole, or not at all.

use serde_json::Value;

use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{events, wait_until};

#[test]
fn a_good_set_of_rules_is_swapped_and_a_bad_one_changes_nothing() {
    let world = World::new(Kafka::shared(), "reload", Plan::default());
    let courier = world.courier();
    let version = || courier.engine()["rules_version"].clone();
    wait_until("the first rules are in force", || version() != Value::Null);
    let first = version();
    let rule = world.folder().join("rules/order-completed.toml");
    let written = std::fs::read_to_string(&rule).unwrap();

    std::fs::write(&rule, written.replace("已完成", "已支付")).unwrap();
    courier.ask_to_reload();
    wait_until("other rules are in force", || version() != first);
    world.publish(&[events::order(1)]);
    wait_until("the new text is sent", || {
        let accepted = world.wechat.accepted();
        accepted
            .iter()
            .any(|sent| sent.data.values().any(|value| value == "已支付"))
    });

    let second = version();
    std::fs::write(&rule, written.replace("| yuan", "| yaun")).unwrap();
    courier.ask_to_reload();
    wait_until("the bad rules are refused", || {
        courier.log().contains("the new rules are refused")
    });
    assert!(
        courier.log().contains("did you mean `yuan`?"),
        "{}",
        courier.log()
    );
    assert_eq!(version(), second);
    courier.end_cleanly();
}
