//! The brokers that teams have: some refuse idempotent producers, some make no topics for clients, some want a login and give few rights.

mod doors;
mod rights;
mod troubles;

use std::fs;
use std::path::Path;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use crate::commands::{Said, command, run};
use crate::support::events::{Event, mixed};
use crate::support::kafka::Kafka;
use crate::support::kafka::door::PASSWORD;
use crate::support::kafka::proxy::{GuardedKafka, Ids};
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

fn each_has_one_outcome(world: &World, events: &[Event]) {
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(events.len());
    checks::wait_until_everything_is_committed(world);
    let found = checks::distinct(outcomes.read_to_end());
    checks::each_was_sent(&found, events);
    checks::each_was_accepted_once(&world.wechat, events);
}

fn producer_of(courier: &crate::support::courier::Courier) -> Value {
    courier.report()["producer"].clone()
}

#[test]
fn a_cluster_that_refuses_idempotent_producers_gets_a_plain_one() {
    let kafka = GuardedKafka::start(Ids::Given);
    let world = World::new(&kafka.bootstrap(), "refuses-ids", Plan::default());
    let events = mixed(0..30);
    // The test's own producer is idempotent, and keeps its id.
    world.publish(&events);
    kafka.answer_with(Ids::Refused);
    let courier = world.courier();
    each_has_one_outcome(&world, &events);
    let producer = producer_of(&courier);
    assert_eq!(producer["mode"], "plain", "{producer}");
    let why = producer["why"].as_str().unwrap();
    assert!(why.contains("refuses idempotent producers"), "{why}");
    assert!(courier.log().contains("the producer of outcomes is chosen"));
    courier.end_cleanly();

    let insists = command(world.folder(), &["run"])
        .env("WX_COURIER__KAFKA__PRODUCER", "idempotent")
        .output();
    let said = Said::from(insists.unwrap());
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["cannot be had", "producer = \"auto\" or \"plain\""]);
}

#[test]
fn an_outage_makes_no_plain_producer_and_a_later_refusal_does() {
    let kafka = GuardedKafka::start(Ids::Given);
    let world = World::new(&kafka.bootstrap(), "refuses-later", Plan::default());
    let events = mixed(0..30);
    let (before, after) = events.split_at(10);
    world.publish(before);
    kafka.answer_with(Ids::CutOff);
    let courier = world.courier();
    let producer = producer_of(&courier);
    assert_eq!(producer["mode"], "idempotent", "{producer}");
    let why = producer["why"].as_str().unwrap();
    assert!(why.contains("has not said"), "{why}");

    kafka.answer_with(Ids::Refused);
    world.publish(after);
    each_has_one_outcome(&world, &events);
    wait_until("/status tells of the plain producer", || {
        producer_of(&courier)["mode"] == "plain"
    });
    assert!(courier.measures("wx_courier_producer_replacements_total 1"));
    courier.end_cleanly();
}

#[test]
fn a_cluster_that_gives_ids_gets_an_idempotent_producer() {
    let kafka = GuardedKafka::start(Ids::Given);
    let world = World::new(&kafka.bootstrap(), "gives-ids", Plan::default());
    let courier = world.courier();
    assert_eq!(producer_of(&courier)["mode"], "idempotent");
    let (said, broker) = check(world.folder(), &[]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    assert_eq!(broker["found"]["idempotence"]["standing"], "allowed");
    kafka.answer_with(Ids::Refused);
    let said = run(world.folder(), &["check", "--broker"]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&[
        "login     none",
        "4 partitions, each on 1 broker; max.message.bytes 2097152, cleanup.policy delete",
        &format!("right     read the topic {}: yes", world.source()),
        "producer  plain, as the cluster refuses idempotent ones",
        "clock     not known",
        "cloud     not known by its names",
    ]);
    println!("{}", said.out);
    // The one that has its id keeps it.
    let events = mixed(0..10);
    world.publish(&events);
    each_has_one_outcome(&world, &events);
    assert_eq!(producer_of(&courier)["mode"], "idempotent");
    courier.end_cleanly();
}

/// What `check --broker` says.
fn check(folder: &Path, variables: &[(&str, &str)]) -> (Said, Value) {
    let output = command(folder, &["check", "--broker", "--format", "json"])
        .envs(variables.iter().copied())
        .output();
    let said = Said::from(output.unwrap());
    let broker = said.json()["broker"].clone();
    (said, broker)
}

fn login<'a>(address: &'a str, user: &'a str, password: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("WX_COURIER__KAFKA__BROKERS", address),
        (
            "WX_COURIER__KAFKA__OPTIONS__SECURITY__PROTOCOL",
            "SASL_PLAINTEXT",
        ),
        ("WX_COURIER__KAFKA__OPTIONS__SASL__MECHANISM", "PLAIN"),
        ("WX_COURIER__KAFKA__OPTIONS__SASL__USERNAME", user),
        ("WX_COURIER__KAFKA__PASSWORD", password),
    ]
}

/// Writes the password as people do, with a line end.
fn password_file(world: &World, password: &str) -> String {
    let file = world.folder().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    file.display().to_string()
}

/// The variables of a user who comes by TLS and SCRAM, with the password in a file, and trusts this authority.
fn secured<'a>(
    address: &'a str,
    password_file: &'a str,
    authority: &'a str,
) -> [(&'a str, &'a str); 6] {
    let [brokers, _, _, user, _] = login(address, "shop", PASSWORD);
    [
        brokers,
        ("WX_COURIER__KAFKA__OPTIONS__SECURITY__PROTOCOL", "SASL_SSL"),
        (
            "WX_COURIER__KAFKA__OPTIONS__SASL__MECHANISM",
            "SCRAM-SHA-256",
        ),
        user,
        ("WX_COURIER__KAFKA__PASSWORD_FILE", password_file),
        ("WX_COURIER__KAFKA__OPTIONS__SSL__CA__LOCATION", authority),
    ]
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What `settings.md` asks for, without what it says can be left out.
fn rights_of_run(world: &World) -> Vec<[&str; 5]> {
    let settings = &world.settings;
    let (outcomes, letters) = (&settings.outcomes.topic, &settings.dead_letter_topic);
    let audit = &settings.audit_topic;
    let allow = |operation, kind, name| ["ALLOW", "User:shop", operation, kind, name];
    vec![
        allow("READ", "TOPIC", world.source()),
        allow("DESCRIBE", "TOPIC", world.source()),
        allow("READ", "GROUP", &settings.kafka.group),
        allow("WRITE", "TOPIC", outcomes),
        allow("DESCRIBE", "TOPIC", outcomes),
        allow("WRITE", "TOPIC", letters),
        allow("DESCRIBE", "TOPIC", letters),
        allow("WRITE", "TOPIC", audit),
        allow("DESCRIBE", "TOPIC", audit),
    ]
}

/// The right that is refused, and what it is on; the others are allowed.
fn refused_rights(broker: &Value) -> Vec<(String, String)> {
    let rights = broker["found"]["rights"].as_array().unwrap();
    let refused = rights.iter().filter(|right| {
        let standing = right["standing"].as_str().unwrap();
        assert!(standing == "allowed" || standing == "refused", "{right}");
        standing == "refused"
    });
    let text = |right: &Value, field: &str| right[field].as_str().unwrap().to_owned();
    refused
        .map(|right| (text(right, "right"), text(right, "on")))
        .collect()
}

#[test]
fn what_to_make_in_a_console_is_printed_without_a_broker() {
    let world = World::new(Kafka::shared(), "print", Plan::default());
    world.rewrite("courier.toml", &world.brokers, "no-such-host.invalid:9092");
    let said = run(
        world.folder(),
        &["topics", "create", "--print", "--sources"],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        world.source(),
        &world.settings.outcomes.topic,
        "partitions: 12",
        "max.message.bytes: 2097152",
        "retention.ms",
    ]);
}

#[test]
fn records_that_were_deleted_before_they_were_read_are_counted() {
    let plan = Plan {
        partitions: 1,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "deleted", plan);
    let events = mixed(0..20);
    let (read, rest) = events.split_at(5);
    let (deleted, kept) = rest.split_at(8);
    let courier = world.courier();
    world.publish(read);
    each_has_one_outcome(&world, read);
    courier.end_cleanly();

    world.publish(deleted);
    let end = *world.ends().values().next().unwrap();
    delete_before(&world, end);
    world.publish(kept);
    let courier = world.courier();
    let counted = format!(
        "wx_courier_records_deleted_unread_total{{topic=\"{}\"}} 8",
        world.source()
    );
    wait_until("the deleted records are counted", || {
        courier.measures(&counted)
    });
    let sent: Vec<Event> = read.iter().chain(kept).cloned().collect();
    each_has_one_outcome(&world, &sent);
    let log = courier.log();
    assert!(
        log.contains("records were deleted before they were read"),
        "{log}"
    );
    assert!(log.contains("n_records=8"), "{log}");
    courier.end_cleanly();
}

/// Deletes what lies before this offset of the first partition, as retention does.
fn delete_before(world: &World, offset: i64) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &world.brokers);
    let admin: AdminClient<DefaultClientContext> = client.create().unwrap();
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset(world.source(), 0, Offset::Offset(offset))
        .unwrap();
    let options = AdminOptions::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&before, &options));
    deleted.unwrap();
}
