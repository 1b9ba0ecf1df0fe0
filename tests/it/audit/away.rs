//! Kafka is away, or has no audit topic: what stops something, lets it go on, or lies on disk anyway is done, and said to have no record. What cannot
//! be taken back is refused.

use std::fs;

use serde_json::{Value, json};

use super::{OPENID, RULE, SET, asks, by_command, done, hostile, in_folder, left, records};
use crate::commands::{Said, run};
use crate::grants_command::folder_with_state;
use crate::support::courier::Courier;
use crate::support::embedded;
use crate::support::events::order;
use crate::support::folder::replace_in;
use crate::support::kafka::Kafka;
use crate::support::wait_until;
use crate::support::world::{Plan, World, refuse};

const UNRECORDED: &str = "there is no audit record of it";

fn done_without_a_record(said: &Said) {
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&[UNRECORDED, "topics create"]);
}

fn refused(said: &Said) {
    assert_eq!(said.code, Some(1), "{}\n{}", said.out, said.err);
    said.must_have(&["could not be recorded", "nothing was done", "topics create"]);
}

/// What is done and what is not, without a record; and that the log has what has no record.
fn all_of_it(world: &World, courier: &Courier) {
    let pause = ["rules", "pause", "order-completed", "--why", "stop it"];
    done_without_a_record(&asks(world, courier, &pause));
    courier.wait_until_paused(RULE, "person");
    let log = courier.log();
    assert!(
        log.contains("no audit record") && log.contains("stop it"),
        "{log}"
    );

    world.rewrite("rules/order-completed.toml", "已完成", "已支付");
    done_without_a_record(&asks(world, courier, &["reload"]));

    let set = [&SET[..], &["--left", "3"]].concat();
    refused(&asks(world, courier, &set));
    assert_eq!(left(world, courier), 0);
    // A program's count does not hang on Kafka.
    let page = format!("PUT /grants?app=shop&openid={OPENID}&template=order_completed&left=4");
    assert_eq!(hostile::ask(courier, &page, &[]).0, 200);
    assert_eq!(left(world, courier), 4);

    done_without_a_record(&asks(
        world,
        courier,
        &["rules", "resume", "order-completed"],
    ));
    courier.wait_until_nothing_is_paused();

    for file in ["state.db", "state.db-wal"] {
        fs::remove_file(world.folder().join(file)).unwrap();
    }
    let loss = || courier.report()["state"]["loss"]["paused"].clone();
    wait_until("the loss is noticed", || loss() == true);
    refused(&asks(world, courier, &["state", "resume"]));
    assert_eq!(loss(), json!(true));
}

#[test]
fn an_incident_is_stopped_while_kafka_is_away() {
    let mut kafka = Kafka::start();
    let world = World::new(kafka.bootstrap(), "audit-away", Plan::default());
    let courier = world.courier();
    kafka.stop();
    all_of_it(&world, &courier);
    kafka.start_again();
    // With Kafka the records are there again, without a restart.
    let resume = ["state", "resume"];
    wait_until("it is recorded again", || {
        asks(&world, &courier, &resume).code == Some(0)
    });
    let mut audit = world.audit();
    audit.read_at_least(1);
    let found = super::in_order(audit.read_to_end());
    let last = found.last().unwrap();
    assert_eq!(last["what"], "state_resume");
    assert_eq!(last["who"], by_command());
    courier.end_cleanly();
}

#[test]
fn a_service_without_the_topic_runs_and_says_what_makes_it() {
    let world = World::new(Kafka::shared(), "audit-missing", Plan::default());
    let made = world.settings.audit_topic.as_str();
    let missing = format!("{made}-new");
    world.rewrite("courier.toml", made, &missing);
    let courier = world.courier();
    wait_until("it is said", || courier.log().contains("there is no audit"));
    assert!(courier.log().contains(&missing));
    let said = run(world.folder(), &["check", "--broker"]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    said.must_have(&[
        &format!("the topic {missing} does not exist"),
        "it is not recorded who pauses",
    ]);
    all_of_it(&world, &courier);

    let create = ["topics", "create", "--partitions", "4"];
    let said = run(world.folder(), &create);
    assert_eq!(said.code, Some(0), "{}", said.err);
    wait_until("it is recorded", || {
        asks(&world, &courier, &["state", "resume"]).code == Some(0)
    });
    let set = [&SET[..], &["--left", "3"]].concat();
    done(&asks(&world, &courier, &set), &[]);
    let mut audit = crate::support::topic::Reader::new(&world.brokers, &missing, world.partitions);
    let records = records(&mut audit, 2);
    assert_eq!(records[0]["what"], "state_resume");
    assert_eq!(records[1]["what"], "grants_set");
    courier.end_cleanly();
}

#[test]
fn a_replay_without_a_record_publishes_nothing() {
    let plan = Plan {
        sections: "[send]\nattempts = 1",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "audit-no-replay", plan);
    world.wechat.script(refuse(-1).times(1));
    let courier = world.courier();
    world.publish(&[order(1)]);
    world.dead_letters().read_at_least(1);
    courier.end_cleanly();
    let before = world.ends();
    let made = world.settings.audit_topic.as_str();
    world.rewrite("courier.toml", made, &format!("{made}-new"));
    refused(&in_folder(&world, &["replay", "--yes"]));
    assert_eq!(world.ends(), before);
    // Nothing is left that could be resumed.
    let files = fs::read_dir(world.folder().join("data"));
    assert!(files.map_or(0, Iterator::count) == 0);
}

#[test]
fn a_store_is_not_changed_by_a_command_that_reaches_no_broker() {
    let folder = folder_with_state();
    let settings = folder.path().join("courier.toml");
    let set = [&SET[..], &["--left", "3"]].concat();
    replace_in(&settings, embedded::shared(), "127.0.0.1:1");
    refused(&run(folder.path(), &set));
    let rows = format!("app,openid,template,left\nshop,{OPENID},order_completed,7\n");
    let file = folder.path().join("grants.csv");
    fs::write(&file, rows).unwrap();
    refused(&run(
        folder.path(),
        &["grants", "import", file.to_str().unwrap()],
    ));
    let show = [
        "grants", "show", "--app", "shop", "--openid", OPENID, "--format", "json",
    ];
    let shown: Value = run(folder.path(), &show).json();
    let templates = shown["templates"].as_array().unwrap();
    assert!(templates.iter().all(|line| line["left"] == 0), "{shown}");
}
