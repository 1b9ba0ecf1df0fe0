//! Commands that act themselves write down what they are about to do, and what came of it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wx_courier::edges::kafka::embedded::EmbeddedBroker;
use wx_courier_sandbox::Script;

use super::{OPENID, SET, by_command, in_folder, in_order, moment, records, text};
use crate::commands::run;
use crate::grants_command::folder_with_state;
use crate::support::embedded::{self, AUDIT_TOPIC};
use crate::support::events::order;
use crate::support::folder::replace_in;
use crate::support::kafka::Kafka;
use crate::support::topic::Reader;
use crate::support::world::{Plan, World, refuse};
use crate::templates::Account;

/// A broker of a test's own, in this process.
struct Broker(EmbeddedBroker);

impl Broker {
    fn start() -> Self {
        Self(EmbeddedBroker::start([AUDIT_TOPIC], 1).unwrap())
    }

    /// Puts it in the place of the one that the settings name.
    fn name_in(&self, folder: &Path) {
        let settings = folder.join("courier.toml");
        replace_in(&settings, embedded::shared(), &self.0.address());
    }

    fn records(&self) -> Vec<Value> {
        let mut reader = Reader::new(&self.0.address(), AUDIT_TOPIC, 1);
        in_order(reader.read_to_end())
    }
}

#[test]
fn grants_in_a_store_without_a_service_are_written_down_by_the_command() {
    let broker = Broker::start();
    let folder = folder_with_state();
    broker.name_in(folder.path());
    let set = [&SET[..], &["--left", "3", "--why", "a complaint"]].concat();
    let said = run(folder.path(), &set);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let rows = format!(
        "app,openid,template,left\nshop,{OPENID},order_completed,7\nshop,{OPENID}2,order_completed,1\n"
    );
    let file = folder.path().join("grants.csv");
    fs::write(&file, rows).unwrap();
    let import = ["grants", "import", file.to_str().unwrap()];
    let said = run(folder.path(), &import);
    assert_eq!(said.code, Some(0), "{}", said.err);

    let records = broker.records();
    let [one, begun, ended] = records.as_slice() else {
        panic!("{records:#?}");
    };
    assert_eq!(one["what"], "grants_set");
    assert_eq!(one["who"], by_command());
    assert_eq!(one["subject"], "user oAB***xyz of app shop");
    assert_eq!(
        (&one["before"]["left"], &one["after"]["left"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(one["why"], "a complaint");
    assert_eq!(begun["what"], "grants_import");
    assert_eq!(begun["after"]["counts"], 2);
    assert_eq!(ended["of"], begun["id"]);
    assert_eq!(ended["result"]["ended"], "done");
    assert_eq!(ended["after"], json!({ "set": 2 }));
}

#[test]
fn a_quota_is_cleared_only_with_a_record() {
    let broker = Broker::start();
    let account = Account::with([]);
    let send = "/cgi-bin/message/subscribe/send";
    let one = ["quota", "clear", "--app", "shop", "--api", send, "--yes"];
    let all = ["quota", "clear", "--app", "shop", "--all", "--yes"];
    let settings = account.path("courier.toml");
    replace_in(&settings, embedded::shared(), "127.0.0.1:1");
    let said = account.run(&one);
    assert_eq!(said.code, Some(1), "{}", said.out);
    said.must_have(&["could not be recorded", "nothing was done", "topics create"]);

    replace_in(&settings, "127.0.0.1:1", &broker.0.address());
    let said = account.run(&[&one[..], &["--why", "a loop"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    for _ in 0..10 {
        assert_eq!(account.run(&all).code, Some(0));
    }
    assert_eq!(account.run(&all).code, Some(1));

    let records = broker.records();
    assert_eq!(records.len(), 24, "{records:#?}");
    assert_eq!(records[0]["what"], "quota_clear");
    assert_eq!(records[0]["subject"], "app shop");
    assert_eq!(records[0]["who"], by_command());
    assert_eq!(records[0]["after"], json!({ "api": send }));
    assert_eq!(records[0]["why"], "a loop");
    assert_eq!(records[1]["of"], records[0]["id"]);
    assert_eq!(records[1]["result"]["ended"], "done");
    assert_eq!(records[2]["after"], json!({ "api": "every API" }));
    let [.., begun, refused] = records.as_slice() else {
        panic!("{records:#?}");
    };
    assert_eq!(refused["of"], begun["id"]);
    assert_eq!(refused["result"]["ended"], "failed");
    assert!(text(&refused["result"]["detail"]).contains("48006"));
}

#[test]
fn a_replay_is_written_down_before_its_first_record_and_at_its_end() {
    let plan = Plan {
        sections: "[send]\nattempts = 1",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "audit-replay", plan);
    let busy: Script = refuse(-1);
    world.wechat.script(busy.times(3));
    let courier = world.courier();
    let events: Vec<_> = (0..3).map(order).collect();
    world.publish(&events);
    world.dead_letters().read_at_least(3);
    let mut audit = world.audit();
    let replay = [
        "replay",
        "--rule",
        "order-completed",
        "--why",
        "WeChat was busy",
        "--format",
        "json",
    ];
    // What is only counted is no change, and neither is what is not wanted.
    let counted = in_folder(&world, &[&replay[..], &["--dry-run"]].concat());
    assert_eq!(counted.code, Some(0), "{}", counted.err);
    assert_eq!(in_folder(&world, &replay).code, Some(1));
    let said = in_folder(&world, &[&replay[..], &["--yes"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let run_id = said.json()["run"].clone();
    courier.end_cleanly();

    let records = records(&mut audit, 2);
    let [begun, ended] = records.as_slice() else {
        panic!("{records:#?}");
    };
    assert_eq!(begun["what"], "replay");
    assert_eq!(begun["subject"], "rule order-completed");
    assert_eq!(begun["who"], by_command());
    assert_eq!(begun["why"], "WeChat was busy");
    assert_eq!(begun["after"]["run"], run_id);
    assert_eq!(begun["after"]["from"], "dead-letters");
    assert_eq!(begun["after"]["records"], 3);
    assert_eq!(begun["after"]["messages"], 3);
    let selection = json!({ "rules": ["order-completed"] });
    assert_eq!(begun["after"]["selection"], selection);
    assert_eq!(ended["of"], begun["id"]);
    assert_eq!(ended["result"]["ended"], "done");
    assert_eq!(ended["after"]["republished"], 3);
    assert_eq!(ended["after"]["left"], 0);

    let mut source = Reader::new(&world.brokers, world.source(), world.partitions);
    let all = source.read_to_end();
    let replayed = all
        .iter()
        .filter(|record| !record.header("wx-courier-replay-of").is_empty());
    let first = replayed.map(moment).min().unwrap();
    assert!(text(&begun["at"]) <= first, "{begun:#} {first}");
    assert!(text(&ended["at"]) >= first, "{ended:#} {first}");
}
