//! Rules that come into force by being saved.

mod fleet;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::commands::run;
use crate::support::courier::Courier;
use crate::support::folder;
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{events, wait_until};
use fleet::Mounted;

fn on_save() -> Plan {
    Plan {
        reload: "on_save",
        ..Plan::default()
    }
}

fn version(courier: &Courier) -> Value {
    courier.engine()["rules_version"].clone()
}

fn refused(courier: &Courier) -> Value {
    courier.report()["reload"]["refused"].clone()
}

/// As an editor saves: a new file takes the place of the old one.
fn save(path: &Path, text: &str) {
    let beside = path.with_extension("toml~");
    fs::write(&beside, text).unwrap();
    fs::rename(&beside, path).unwrap();
}

fn is_sent(world: &World, text: &str) -> bool {
    let accepted = world.wechat.accepted();
    let mut values = accepted.iter().flat_map(|sent| sent.data.values());
    values.any(|value| value == text)
}

#[test]
fn a_rule_is_in_force_when_it_is_saved_and_a_bad_one_changes_nothing() {
    let world = World::new(Kafka::shared(), "live", on_save());
    let courier = world.courier();
    wait_until("the first rules are in force", || {
        version(&courier) != Value::Null
    });
    let first = version(&courier);
    let rule = world.folder().join("rules/order-completed.toml");
    let written = fs::read_to_string(&rule).unwrap();

    save(&rule, &written.replace("已完成", "已支付"));
    wait_until("what was saved is in force", || version(&courier) != first);
    world.publish(&[events::order(1)]);
    wait_until("the new text is sent", || is_sent(&world, "已支付"));
    let second = version(&courier);
    let info = |version: &Value| format!("{{version=\"{}\"}} 1", version.as_str().unwrap());
    let runs = format!("wx_courier_rules_version_info{}", info(&second));
    assert!(courier.measures(&runs), "{runs}");

    // Half a file, and then no file of rules at all.
    let half: String = written.chars().take(written.chars().count() / 2).collect();
    save(&rule, &half);
    wait_until("half a file is refused", || {
        refused(&courier) != Value::Null
    });
    assert_eq!(version(&courier), second);
    assert!(courier.measures(&runs));
    assert!(courier.measures("wx_courier_rules_on_disk_info{version=\"unreadable\"} 1"));
    assert!(courier.measures("wx_courier_rules_reload_failures_total 1"));
    let told = refused(&courier);
    assert_eq!(told["rules_version"], second, "{told}");
    assert_eq!(told["problems"][0], told["first"], "{told}");
    let rules = world.folder().join("rules");
    fs::rename(&rules, world.folder().join("rules-away")).unwrap();
    wait_until("no rules are refused as well", || {
        courier.measures("wx_courier_rules_reload_failures_total 2")
    });
    assert_eq!(refused(&courier)["since"], told["since"]);
    assert_eq!(
        courier.log().matches("the new rules are refused").count(),
        2
    );

    fs::rename(world.folder().join("rules-away"), &rules).unwrap();
    save(&rule, &written);
    wait_until("the first rules are in force again", || {
        version(&courier) == first
    });
    assert_eq!(refused(&courier), Value::Null);
    assert!(courier.measures("wx_courier_rules_refused_timestamp_seconds 0"));
    courier.end_cleanly();
}

#[test]
fn a_folder_below_and_a_folder_that_is_swapped_count_as_well() {
    let world = World::new(Kafka::shared(), "live-folders", on_save());
    let mut mounted = Mounted::new(&world);
    let courier = world.courier();
    wait_until("the first rules are in force", || {
        version(&courier) != Value::Null
    });
    let first = version(&courier);

    mounted.swap(|text| text.replace("已完成", "已支付"));
    wait_until("what was swapped in is in force", || {
        version(&courier) != first
    });
    world.publish(&[events::order(1)]);
    wait_until("the new text is sent", || is_sent(&world, "已支付"));
    let second = version(&courier);

    // A rule in a folder of its own, which is there before the rule is whole.
    let below = mounted.path("shop");
    fs::create_dir(&below).unwrap();
    let rule = fs::read_to_string(mounted.path("order-completed.toml")).unwrap();
    fs::write(below.join("paid.toml"), rule.replace("已支付", "已退款")).unwrap();
    wait_until("the rule below is in force", || version(&courier) != second);
    world.publish(&[events::order(2)]);
    wait_until("its text is sent", || is_sent(&world, "已退款"));
    courier.end_cleanly();
}

#[test]
fn an_operator_who_asks_is_told_what_comes_of_it() {
    let world = World::new(Kafka::shared(), "live-asked", Plan::default());
    let courier = world.courier();
    wait_until("the first rules are in force", || {
        version(&courier) != Value::Null
    });
    let first = version(&courier);
    let reload = || run(world.folder(), &["reload", "--at", courier.address()]);
    let rule = world.folder().join("rules/order-completed.toml");
    let written = fs::read_to_string(&rule).unwrap();

    let same = reload();
    assert_eq!(same.code, Some(0), "{}", same.err);
    same.must_have(&["the same as before"]);

    fs::write(&rule, written.replace("| yuan", "| yaun")).unwrap();
    let bad = reload();
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    bad.must_have(&["did you mean `yuan`?"]);
    assert_eq!(version(&courier), first);

    fs::write(&rule, written.replace("已完成", "已支付")).unwrap();
    let good = reload();
    assert_eq!(good.code, Some(0), "{}", good.err);
    good.must_have(&["are in force, new: version"]);
    wait_until("the engine has them", || version(&courier) != first);
    courier.end_cleanly();
}

/// A mini program that comes while the service runs: its app, its templates, and a rule.
#[test]
fn a_new_mini_program_needs_no_restart() {
    let plan = Plan {
        n_apps: 2,
        app: "max_in_flight = 3",
        ..on_save()
    };
    let world = World::new(Kafka::shared(), "live-app", plan);
    let courier = world.courier();
    wait_until("the first rules are in force", || {
        version(&courier) != Value::Null
    });
    let first = version(&courier);

    // The rule is there before its app: it is refused until the rest has come.
    let rule = fs::read_to_string(world.folder().join("rules/order-completed.toml")).unwrap();
    let rule = rule
        .replace("\"shop\"", "\"club\"")
        .replace("已完成", "俱乐部");
    fs::write(world.folder().join("rules/club.toml"), rule).unwrap();
    wait_until("half of it is refused", || refused(&courier) != Value::Null);
    folder::add_templates(world.folder(), "club");
    let app = format!(
        "appid = \"{}\"\nsecret_file = \"{}\"\nbase_url = \"http://{}\"\n",
        folder::appid(1),
        world.folder().join("club.secret").display(),
        world.sandbox_address(),
    );
    fs::create_dir(world.folder().join("apps")).unwrap();
    fs::write(world.folder().join("apps/club.toml"), app).unwrap();
    fs::write(world.folder().join("club.secret"), "not the secret").unwrap();
    wait_until("the app and its rule are in force", || {
        version(&courier) != first
    });
    assert_eq!(refused(&courier), Value::Null);
    assert_eq!(
        courier.report()["reload"]["restart_needed"],
        serde_json::json!([])
    );

    // WeChat refuses the secret; the right one is taken up by being saved, and what waited goes out.
    world.publish(&[events::order(1)]);
    courier.wait_until_paused("app club", "account");
    save(&world.folder().join("club.secret"), folder::SECRET);
    wait_until("the other app is told", || {
        courier.log().contains("apps swapped")
    });
    done_with_a_resume(&world, &courier);
    wait_until("the new app sends", || is_sent(&world, "俱乐部"));
    courier.end_cleanly();
}

/// A pause for account trouble looks again a minute later: a person need not wait for it.
fn done_with_a_resume(world: &World, courier: &Courier) {
    let said = run(
        world.folder(),
        &[
            "rules",
            "resume",
            "--app",
            "club",
            "--at",
            courier.address(),
        ],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
}
