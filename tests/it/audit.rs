//! Who has changed something is on the audit topic before it is done; and what becomes of it where that cannot be written.

mod away;
mod commands;
mod hostile;

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use serde_json::{Value, json};
use wx_courier_core::model::rfc3339_ms;

use crate::commands::{Said, command, run};
use crate::support::courier::Courier;
use crate::support::kafka::Kafka;
use crate::support::schema;
use crate::support::topic::{Published, Reader};
use crate::support::wait_until;
use crate::support::world::{Plan, World};

const OPENID: &str = "oABCD1234567890xyz";
const RULE: &str = "rule order-completed";

/// The user of the system who runs these tests, as the password file has it.
fn own_name() -> String {
    let uid = fs::metadata("/proc/self").unwrap().uid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<&str>>());
    let own = fields.into_iter().find(|fields| fields[2] == uid);
    own.map_or_else(|| format!("uid {uid}"), |fields| fields[0].to_owned())
}

fn own_host() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    host.trim().to_owned()
}

/// Who a record says, if a command of these tests was it.
fn by_command() -> Value {
    json!({ "name": own_name(), "host": own_host(), "via": "command" })
}

/// The records in the order in which they were made. Each is what the schema says, has the key and the headers that it should, and names no user.
fn in_order(published: &[Published]) -> Vec<Value> {
    let mut records: Vec<Value> = published.iter().map(sound).collect();
    records.sort_by_key(|record| record["id"].as_str().unwrap().to_owned());
    records
}

fn sound(published: &Published) -> Value {
    let record = published.json();
    schema::audit_must_fit(&record);
    assert_eq!(record["subject"], published.key_text());
    for (header, expected) in [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", text(&record["id"])),
        ("ce_time", text(&record["at"])),
        (
            "ce_type",
            format!("wx-courier.audit.{}", text(&record["what"])),
        ),
        (
            "ce_source",
            format!("/wx-courier/{}", text(&record["group"])),
        ),
    ] {
        assert_eq!(published.header(header), expected, "{header}");
    }
    let whole = String::from_utf8_lossy(published.value.as_deref().unwrap()).into_owned();
    assert!(!whole.contains(OPENID), "{whole}");
    record
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// All records, once there are so many.
fn records(reader: &mut Reader, count: usize) -> Vec<Value> {
    reader.read_at_least(count);
    let records = in_order(reader.read_to_end());
    assert_eq!(records.len(), count, "{records:#?}");
    records
}

fn asks(world: &World, courier: &Courier, arguments: &[&str]) -> Said {
    let at = ["--at", courier.address()];
    run(world.folder(), &[arguments, &at].concat())
}

fn done(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(words);
    assert!(!said.out.contains("no audit record"), "{}", said.out);
}

#[test]
fn who_stops_a_rule_and_lets_it_go_on_is_written_first() {
    let world = World::new(Kafka::shared(), "audit-pause", Plan::default());
    let courier = world.courier();
    let mut audit = world.audit();
    let pause = ["rules", "pause", "order-completed", "--why", "文案错了"];
    done(&asks(&world, &courier, &pause), &["is paused"]);
    let held = courier.wait_until_paused(RULE, "person");
    let resume = ["rules", "resume", "order-completed", "--why", "mended"];
    done(&asks(&world, &courier, &resume), &["goes on"]);
    let again = asks(&world, &courier, &resume);
    assert_eq!(again.code, Some(1), "{}", again.out);
    // By a program, which does not say who it is.
    assert_eq!(courier.post("/pause?app=shop"), "200");

    let records = records(&mut audit, 5);
    let group = &world.settings.kafka.group;
    let [paused, resumed, once_more, unchanged, by_program] = records.as_slice() else {
        panic!("{records:#?}");
    };
    assert_eq!(paused["what"], "pause");
    assert_eq!(paused["group"], group.as_str());
    assert_eq!(paused["who"], by_command());
    assert_eq!(paused["subject"], RULE);
    assert_eq!(paused["before"], json!({ "paused": false }));
    assert_eq!(paused["after"], json!({ "paused": true }));
    assert_eq!(paused["why"], "文案错了");
    assert!(
        text(&paused["at"]) <= text(&held["since"]),
        "{paused} {held}"
    );

    assert_eq!(resumed["what"], "resume");
    assert_eq!(resumed["who"], by_command());
    assert_eq!(resumed["before"]["cause"], "person");
    assert_eq!(resumed["before"]["detail"], "文案错了");
    assert_eq!(resumed["before"]["since"], held["since"]);
    assert_eq!(resumed["after"], json!({ "paused": false }));
    assert_eq!(resumed["why"], "mended");

    assert_eq!(once_more["before"], json!({ "paused": false }));
    assert_eq!(unchanged["of"], once_more["id"]);
    assert_eq!(unchanged["result"]["ended"], "unchanged");

    let nameless = json!({ "name": "unknown", "host": "127.0.0.1", "via": "request" });
    assert_eq!(by_program["who"], nameless);
    assert_eq!(by_program["subject"], "app shop");
    courier.end_cleanly();
}

fn in_force_since(courier: &Courier) -> String {
    text(&courier.report()["reload"]["in_force_since"])
}

#[test]
fn other_rules_are_written_down_before_they_are_in_force_whoever_brings_them() {
    let world = World::new(Kafka::shared(), "audit-reload", Plan::default());
    let courier = world.courier();
    let mut audit = world.audit();
    let rule = "rules/order-completed.toml";
    let reload = ["reload", "--why", "another text"];
    // What changes nothing is no change.
    done(&asks(&world, &courier, &reload), &["the same as before"]);
    let versions = || courier.engine()["rules_version"].clone();
    let first = versions();
    world.rewrite(rule, "已完成", "已支付");
    done(&asks(&world, &courier, &reload), &["are in force, new"]);
    let by_command_since = in_force_since(&courier);
    wait_until("other rules are in force", || versions() != first);
    let second = versions();
    fs::remove_file(world.folder().join("rules/shipment-arrived.toml")).unwrap();
    courier.reload();
    let by_signal_since = in_force_since(&courier);
    // What is refused changes nothing either.
    world.rewrite(rule, "thing2", "thing9");
    let refused = asks(&world, &courier, &reload);
    assert_eq!(refused.code, Some(1), "{}", refused.out);
    world.rewrite(rule, "thing9", "thing2");
    courier.end_cleanly();

    let on_save = [("WX_COURIER__RULES__RELOAD", "on_save")];
    let courier = world.courier_with(&on_save);
    world.rewrite(rule, "已支付", "支付了");
    let records = records(&mut audit, 3);
    wait_until("what was saved is in force", || {
        courier.report()["reload"]["rules_version"] == records[2]["after"]["rules_version"]
    });
    let saved_since = in_force_since(&courier);

    let expected = [
        ("command", by_command_since, json!(["order-completed"])),
        ("signal", by_signal_since, Value::Null),
        ("saved_file", saved_since, json!(["order-completed"])),
    ];
    for (record, (via, since, changed)) in records.iter().zip(expected) {
        assert_eq!(record["what"], "reload");
        assert_eq!(record["subject"], "configuration");
        assert_eq!(record["who"]["via"], via);
        assert_eq!(record["who"]["name"], own_name().as_str());
        assert_eq!(record["after"]["rules_changed"], changed, "{record:#}");
        assert_eq!(record["after"]["changed"], json!(["rules"]));
        assert!(text(&record["at"]) <= since, "{record:#} {since}");
    }
    assert_eq!(records[0]["why"], "another text");
    assert_eq!(records[0]["before"]["rules_version"], first);
    assert_eq!(records[0]["after"]["rules_version"], second);
    assert_eq!(records[1]["before"]["rules_version"], second);
    let removed = json!(["shipment-arrived"]);
    assert_eq!(records[1]["after"]["rules_removed"], removed);
    courier.end_cleanly();
}

const SET: [&str; 8] = [
    "grants",
    "set",
    "--app",
    "shop",
    "--openid",
    OPENID,
    "--template",
    "order_completed",
];

fn left(world: &World, courier: &Courier) -> Value {
    let show = [
        "grants",
        "show",
        "--app",
        "shop",
        "--openid",
        OPENID,
        "--template",
        "order_completed",
        "--format",
        "json",
    ];
    let said = asks(world, courier, &show);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.json()["templates"][0]["left"].clone()
}

#[test]
fn who_sets_a_users_grants_is_written_and_a_program_is_not_held_up() {
    let plan = Plan {
        outcomes: "recipient = \"plain\"",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "audit-grants", plan);
    let courier = world.courier();
    let mut audit = world.audit();
    for count in ["3", "5"] {
        let set = [&SET[..], &["--left", count, "--why", "a complaint"]].concat();
        done(&asks(&world, &courier, &set), &[]);
    }
    let rows = format!(
        "app,openid,template,left\nshop,{OPENID},order_completed,2\nshop,{OPENID},shipment_arrived,1\n"
    );
    fs::write(world.folder().join("grants.csv"), rows).unwrap();
    let file = world.folder().join("grants.csv");
    let import = ["grants", "import", file.to_str().unwrap()];
    let said = asks(&world, &courier, &import);
    assert_eq!(said.code, Some(0), "{}", said.err);

    // The backend of a mini program: no record of it is waited for.
    let page = format!("/grants?app=shop&openid={OPENID}&template=order_completed&left=9");
    let (status, _) = hostile::ask(&courier, &format!("PUT {page}"), &[]);
    assert_eq!(status, 200);
    assert_eq!(left(&world, &courier), 9);

    let records = records(&mut audit, 3);
    for (record, (before, after)) in records.iter().zip([(0, 3), (3, 5)]) {
        assert_eq!(record["what"], "grants_set");
        assert_eq!(record["who"], by_command());
        // Outcomes show users as they are here; the audit does not.
        assert_eq!(record["subject"], "user oAB***xyz of app shop");
        assert_eq!(record["before"]["left"], before);
        assert_eq!(record["after"]["left"], after);
        assert_eq!(record["after"]["template"], "order_completed");
        assert_eq!(record["why"], "a complaint");
    }
    assert_eq!(records[2]["what"], "grants_import");
    assert_eq!(records[2]["subject"], "app shop");
    assert_eq!(records[2]["after"]["counts"], 2);
    assert_eq!(records[2]["after"]["left_in_all"], 3);
    courier.end_cleanly();
}

#[test]
fn who_goes_on_without_a_lost_state_is_written_first() {
    let world = World::new(Kafka::shared(), "audit-state", Plan::default());
    let courier = world.courier();
    let mut audit = world.audit();
    let resume = ["state", "resume", "--why", "restored elsewhere"];
    let said = asks(&world, &courier, &resume);
    assert_eq!(said.code, Some(1), "{}", said.out);
    said.must_have(&["no state is lost here"]);
    for file in ["state.db", "state.db-wal"] {
        fs::remove_file(world.folder().join(file)).unwrap();
    }
    let is_paused = || courier.report()["state"]["loss"]["paused"] == true;
    wait_until("the loss is noticed", is_paused);
    done(&asks(&world, &courier, &resume), &["goes on without"]);
    wait_until("it goes on", || !is_paused());
    let records = records(&mut audit, 1);
    assert_eq!(records[0]["what"], "state_resume");
    assert_eq!(records[0]["subject"], "state");
    assert_eq!(records[0]["who"], by_command());
    assert_eq!(records[0]["before"]["paused"], true);
    assert!(text(&records[0]["before"]["lost"]).contains("deleted"));
    assert_eq!(records[0]["why"], "restored elsewhere");
    courier.end_cleanly();
}

/// A moment of Kafka's as records say it.
fn moment(published: &Published) -> String {
    rfc3339_ms(published.at_ms)
}

/// A command in the folder of the world.
fn in_folder(world: &World, arguments: &[&str]) -> Said {
    let mut command = command(world.folder(), arguments);
    command.current_dir(world.folder());
    command.stdin(std::process::Stdio::null());
    command.output().unwrap().into()
}
