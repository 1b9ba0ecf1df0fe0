//! A change of the rules, tried on real events: `wx-courier rules diff`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::commands::{Said, run};
use crate::support::events::{order, shipment};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};

/// The same configuration in another folder, whose rule for orders is changed.
fn changed(world: &World, change: impl Fn(&str) -> String) -> PathBuf {
    let other = world.folder().join("other");
    copy(world.folder(), &other);
    let rule = other.join("rules/order-completed.toml");
    let text = fs::read_to_string(&rule).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text, "the rule is changed");
    fs::write(rule, changed).unwrap();
    other
}

fn copy(from: &Path, to: &Path) {
    for folder in ["", "rules"] {
        fs::create_dir_all(to.join(folder)).unwrap();
        for file in fs::read_dir(from.join(folder)).unwrap() {
            let file = file.unwrap();
            if file.file_name().to_string_lossy().ends_with(".toml") {
                fs::copy(file.path(), to.join(folder).join(file.file_name())).unwrap();
            }
        }
    }
}

fn diff(world: &World, other: &Path, more: &[&str]) -> Said {
    let mut all = vec!["rules", "diff", other.to_str().unwrap()];
    all.extend(more);
    run(world.folder(), &all)
}

#[test]
fn a_change_is_tried_on_the_newest_events_of_the_topics() {
    let world = World::new(Kafka::shared(), "rules-diff", Plan::default());
    let orders: Vec<_> = (0..8).map(order).collect();
    world.publish(&orders);
    world.publish(&[shipment(10), shipment(11)]);

    let other = changed(&world, |rule| rule.replace("已完成", "已支付"));
    let said = diff(&world, &other, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "10 events under version",
        "changed rules: order-completed",
        "messages: changed 8, same 2",
        "changed: order-completed, 8 times",
        "phrase5",
        "已完成 → 已支付",
    ]);
    // Recipients are shown as in outcomes.
    assert!(!said.out.contains(&orders[0].openid), "{}", said.out);

    // Only the newest ones.
    let said = diff(&world, &other, &["--last", "1", "--format", "json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(found["events"], 1, "{found}");
}

#[test]
fn what_becomes_invalid_is_told_and_is_the_exit_code() {
    let world = World::new(Kafka::shared(), "rules-diff-invalid", Plan::default());
    let events = world.folder().join("events.jsonl");
    let lines: Vec<Vec<u8>> = (0..5).map(|number| order(number).structured()).collect();
    fs::write(&events, lines.join(&b"\n"[..])).unwrap();
    let events = events.to_str().unwrap();

    let longer = |rule: &str| {
        let number = "{{ data.order_no }}";
        let rule = rule.replace(number, &number.repeat(9));
        // The rule's own tests would fail.
        rule.split_once("[[tests]]").unwrap().0.to_owned()
    };
    let other = changed(&world, longer);
    let said = diff(&world, &other, &["--events", events]);
    assert_eq!(said.code, Some(1), "{}\n{}", said.out, said.err);
    said.must_have(&[
        "becomes invalid: order-completed, 5 times",
        "character_string1",
    ]);
    let said = diff(
        &world,
        &other,
        &["--events", events, "--format", "markdown"],
    );
    said.must_have(&[
        "**becomes invalid**: `order-completed`, 5 times",
        "| | before | after |",
    ]);

    // A rule that is gone makes no message; one that comes does.
    fs::rename(
        other.join("rules/order-completed.toml"),
        world.folder().join("kept.toml"),
    )
    .unwrap();
    let said = diff(&world, &other, &["--events", events]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&["rules that are gone: order-completed", "no longer made 5"]);
    let original = fs::read(world.folder().join("rules/order-completed.toml")).unwrap();
    fs::write(other.join("rules/orders.toml"), original).unwrap();
    let said = diff(&world, &other, &["--events", events]);
    said.must_have(&["messages: same 5"]);
}
