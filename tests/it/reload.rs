//! Rules that change while the service runs: swapped whole, or not at all.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::commands::run;
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, events, wait_until};

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
    let refused = || courier.report()["reload"]["refused"].clone();
    let told = refused();
    assert_eq!(told["errors"], 1, "{told}");
    assert_eq!(told["rules_version"], second, "{told}");
    let first_error = told["first"].as_str().unwrap();
    assert!(first_error.contains("order-completed.toml:"), "{told}");
    assert!(first_error.contains("did you mean `yuan`?"), "{told}");
    assert!(courier.measures("wx_courier_rules_refused 1"));
    let listed = || {
        run(
            world.folder(),
            &["rules", "list", "--at", courier.address()],
        )
    };
    let said = listed();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let since = told["since"].as_str().unwrap();
    said.must_have(&[
        &format!("refused: the rules on disk are not in force, since {since}: 1 error"),
        "did you mean `yuan`?",
        &format!("version of all rules: {}", second.as_str().unwrap()),
    ]);

    // Refused once more, for more than that: it is so since the first time.
    std::fs::write(world.folder().join("rules/empty.toml"), "").unwrap();
    courier.ask_to_reload();
    wait_until("the other errors are told", || refused()["errors"] != 1);
    assert_eq!(refused()["since"], told["since"]);

    std::fs::remove_file(world.folder().join("rules/empty.toml")).unwrap();
    std::fs::write(&rule, written.replace("已完成", "已支付")).unwrap();
    courier.ask_to_reload();
    wait_until("nothing is refused any more", || refused() == Value::Null);
    assert!(courier.measures("wx_courier_rules_refused 0"));
    assert!(!listed().out.contains("refused:"));
    assert_eq!(version(), second);
    courier.end_cleanly();
}

#[test]
fn settings_that_wait_for_a_restart_are_named_and_no_value_is() {
    let world = World::new(Kafka::shared(), "reload-settings", Plan::default());
    let courier = world.courier();
    let version = || courier.engine()["rules_version"].clone();
    wait_until("the rules are in force", || version() != Value::Null);
    assert!(courier.measures("wx_courier_rules_refused 0"));
    let before = version();
    let named = || courier.report()["reload"]["restart_needed"].clone();
    assert_eq!(named(), json!([]));
    let settings = world.folder().join("courier.toml");
    let written = std::fs::read_to_string(&settings).unwrap();

    let changed = written
        .replace("compare = \"off\"", "compare = \"daily\"")
        .replace(
            "listen = \"127.0.0.1:0\"",
            "listen = \"127.0.0.1:0\"\ntoken = \"n0w-a-l0ng-secret\"",
        );
    let apps = "[apps.club]\nappid = \"wx0\"\nsecret = \"s0\"\n";
    let changed = format!("{changed}\ngrants = \"advise\"\nmax_in_flight = 7\n{apps}");
    std::fs::write(&settings, changed).unwrap();
    courier.ask_to_reload();
    let keys = json!(["http.token", "templates.compare"]);
    wait_until("the changed settings are named", || named() == keys);
    let log = courier.log();
    assert!(log.contains("http.token, templates.compare"), "{log}");
    let report = courier.report().to_string();
    assert!(
        !log.contains("n0w-a") && !report.contains("n0w-a"),
        "{log}\n{report}"
    );
    wait_until(
        "what is made of grants is in force, and the version says so",
        || version() != before,
    );

    // Settings that cannot be read change nothing of what was said.
    std::fs::write(&settings, "[kafka\n").unwrap();
    courier.ask_to_reload();
    wait_until("they are refused", || {
        courier.measures("wx_courier_rules_refused 1")
    });
    assert_eq!(named(), keys);

    std::fs::write(&settings, &written).unwrap();
    courier.ask_to_reload();
    wait_until("all is as it was", || {
        named() == json!([]) && version() == before
    });
    assert!(courier.measures("wx_courier_rules_refused 0"));
    courier.end_cleanly();
}

/// Says that it is over, also where a test fails.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A signal has no answer: the log says what came of it.
#[test]
fn a_signal_amid_changes_does_nothing_and_the_log_says_so() {
    let world = World::new(Kafka::shared(), "reload-restless", Plan::default());
    let courier = world.courier();
    let version = || courier.engine()["rules_version"].clone();
    wait_until("the rules are in force", || version() != Value::Null);
    let before = version();
    let (rule, aside) = (
        world.folder().join("rules/order-completed.toml"),
        world.folder().join("rules/order-completed.part"),
    );
    let written = std::fs::read_to_string(&rule).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends_it = OnDrop(&is_over);
        scope.spawn(|| {
            // Each is longer than the one before: it looks otherwise at once.
            let mut text = written.clone();
            while !is_over.load(Ordering::Relaxed) {
                text.push('#');
                std::fs::write(&aside, &text).unwrap();
                std::fs::rename(&aside, &rule).unwrap();
            }
        });
        wait_until("the signal's end is told", || {
            courier.ask_to_reload();
            courier
                .log()
                .contains("what is on disk is being changed, and nothing was done")
        });
    });
    assert_eq!(version(), before);
    std::fs::write(&rule, written.replace("已完成", "已支付")).unwrap();
    courier.reload();
    assert_ne!(version(), before);
    courier.end_cleanly();
}

/// With a restart the service would hear of them; until then every message would be skipped for good.
#[test]
fn grants_are_not_enforced_before_the_service_hears_of_them() {
    let world = World::new(Kafka::shared(), "reload-grants", Plan::default());
    let courier = world.courier();
    let version = || courier.engine()["rules_version"].clone();
    wait_until("the rules are in force", || version() != Value::Null);
    let before = version();
    let settings = world.folder().join("courier.toml");
    let written = std::fs::read_to_string(&settings).unwrap();
    let ears = "[grants]\nevent = \"subscription.answered\"\n";
    let enforced = format!("{written}\ngrants = \"enforce\"\n{ears}");
    std::fs::write(&settings, enforced).unwrap();
    courier.ask_to_reload();
    let reload = || courier.report()["reload"].clone();
    wait_until("it is refused", || reload()["refused"] != Value::Null);
    let told = reload();
    let first = told["refused"]["first"].as_str().unwrap();
    assert!(
        first.contains("nothing told of them at the start"),
        "{told}"
    );
    assert!(first.contains("restart the service"), "{told}");
    let waiting = told["restart_needed"].to_string();
    assert!(waiting.contains("grants.event"), "{told}");
    assert_eq!(version(), before);
    world.publish(&[events::order(1)]);
    wait_until("it is sent as before", || {
        world.wechat.stats().accepted == 1
    });

    // Without events a restart would not help: what `check` warns of is in the log.
    let unheard = format!("{written}\ngrants = \"enforce\"\n");
    std::fs::write(&settings, unheard).unwrap();
    courier.ask_to_reload();
    wait_until("grants are enforced", || version() != before);
    assert!(courier.measures("wx_courier_rules_refused 0"));
    wait_until("the warning is told", || {
        courier.log().contains("nothing tells of them")
    });
    courier.end_cleanly();
}

#[test]
fn how_files_are_written_is_no_other_version_and_what_is_sent_is() {
    let world = World::new(Kafka::shared(), "reload-version", Plan::default());
    let courier = world.courier();
    let version = || courier.engine()["rules_version"].clone();
    wait_until("the rules are in force", || version() != Value::Null);
    let before = version();
    for file in ["rules/order-completed.toml", "templates.toml"] {
        let path = world.folder().join(file);
        let written = std::fs::read_to_string(&path).unwrap();
        let elsewhere = format!("\u{feff}# Saved elsewhere.\n{written}").replace('\n', "\r\n");
        std::fs::write(path, elsewhere).unwrap();
    }
    courier.ask_to_reload();
    wait_until("they are read", || {
        courier.log().contains("the rules are the same as before")
    });
    assert_eq!(version(), before);
    world.publish(&[events::order(1)]);
    wait_until("they still send", || world.wechat.stats().accepted == 1);

    // Of the template's messages grants are kept now.
    let title = "title  = \"订单完成通知\"";
    let with_grants = format!("{title}\r\ngrants = \"advise\"");
    world.rewrite("templates.toml", title, &with_grants);
    courier.reload();
    courier.end_cleanly();
}

/// Only one message a second may go: the others wait for minutes.
const SLOW: &str = "rate = { per_second = 1, burst = 1 }\n";

#[test]
fn a_change_reaches_the_messages_that_wait() {
    let world = World::new(Kafka::shared(), "reach", Plan::default());
    let rule = world.folder().join("rules/order-completed.toml");
    let written = std::fs::read_to_string(&rule).unwrap();
    let slow = format!("{SLOW}{written}");
    std::fs::write(&rule, &slow).unwrap();
    let courier = world.courier();
    let orders: Vec<events::Event> = (0..40).map(events::order).collect();
    world.publish(&orders);
    wait_until("one is sent and the others wait", || {
        world.wechat.stats().accepted >= 1 && courier.engine()["waiting"].as_u64() > Some(30)
    });
    let texts = || -> BTreeSet<String> {
        let accepted = world.wechat.accepted();
        let values = accepted.iter().flat_map(|sent| sent.data.values().cloned());
        values
            .filter(|value| value == "已完成" || value == "已支付")
            .collect()
    };
    assert_eq!(texts(), BTreeSet::from(["已完成".to_owned()]));

    // Without its rate, and with another text.
    std::fs::write(&rule, written.replace("已完成", "已支付")).unwrap();
    courier.ask_to_reload();
    wait_until("the log says that rules were swapped", || {
        courier.log().contains("rules swapped")
    });
    let n_before = world.wechat.accepted().len();
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(orders.len());
    checks::each_was_sent(&checks::distinct(outcomes.read_to_end()), &orders);
    let accepted = world.wechat.accepted();
    let late = accepted.iter().skip(n_before);
    let old = late.filter(|sent| sent.data.values().any(|value| value == "已完成"));
    assert_eq!(old.count(), 0, "an old text went out after the swap");
    assert_eq!(accepted.len(), orders.len());

    // The rule is taken away under those that wait.
    std::fs::write(&rule, &slow).unwrap();
    courier.ask_to_reload();
    let more: Vec<events::Event> = (40..60).map(events::order).collect();
    wait_until("the slow rule is in force", || {
        courier.log().matches("rules swapped").count() == 2
    });
    world.publish(&more);
    wait_until("most of them wait", || {
        courier.engine()["waiting"].as_u64() > Some(10)
    });
    std::fs::remove_file(&rule).unwrap();
    courier.ask_to_reload();
    outcomes.read_distinct(orders.len() + more.len());
    let found = checks::distinct(outcomes.read_to_end());
    let is_gone = |outcome: &&Value| outcome["reason"] == "rule_gone";
    let gone = found.values().filter(is_gone).count();
    checks::has_ended(found.values(), gone, ("skipped", "rule_gone"));
    assert!(gone > 10, "{gone}");
    let sent = world.wechat.accepted().len();
    assert_eq!(gone + sent, orders.len() + more.len());
    courier.end_cleanly();
}
