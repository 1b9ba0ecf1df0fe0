//! The brokers that teams have: some refuse idempotent producers, some make no topics for clients, some want a login and give few rights.

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
        &format!("right     read {}: yes", world.source()),
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

const USERS: &[&str] = &[
    "whole",
    "no_read",
    "no_group",
    "no_outcomes",
    "no_letters",
    "no_describe",
    "no_configs",
    "no_create",
];

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
fn each_right_that_is_wanting_is_told_and_nothing_is_changed() {
    let (kafka, address) = Kafka::with_logins(USERS);
    let world = World::new(kafka.bootstrap(), "rights", Plan::default());
    let settings = &world.settings;
    let (source, group) = (world.source(), settings.kafka.group.as_str());
    let (outcomes, letters) = (
        settings.outcomes.topic.as_str(),
        settings.dead_letter_topic.as_str(),
    );
    kafka.rule(&[
        ["ALLOW", "User:*", "ALL", "TOPIC", "*"],
        ["ALLOW", "User:*", "ALL", "GROUP", "*"],
        ["ALLOW", "User:*", "ALL", "CLUSTER", "kafka-cluster"],
        ["DENY", "User:no_read", "READ", "TOPIC", source],
        ["DENY", "User:no_group", "READ", "GROUP", group],
        ["DENY", "User:no_outcomes", "WRITE", "TOPIC", outcomes],
        ["DENY", "User:no_letters", "WRITE", "TOPIC", letters],
        ["DENY", "User:no_describe", "DESCRIBE", "TOPIC", source],
        ["DENY", "User:no_configs", "DESCRIBE_CONFIGS", "TOPIC", "*"],
        [
            "DENY",
            "User:no_create",
            "CREATE",
            "CLUSTER",
            "kafka-cluster",
        ],
        ["DENY", "User:no_create", "CREATE", "TOPIC", "*"],
    ]);
    // A member of the group, and a record to read: neither is disturbed.
    let courier = world.courier_with(&login(&address, "whole", PASSWORD));
    let events = mixed(0..10);
    world.publish(&events);
    each_has_one_outcome(&world, &events);
    let ends = (world.ends(), world.outcomes().read_to_end().len());

    for (user, right, on) in [
        ("whole", "", ""),
        ("no_read", "read", source),
        ("no_group", "join", group),
        ("no_outcomes", "write", outcomes),
        ("no_letters", "write", letters),
    ] {
        let (said, broker) = check(world.folder(), &login(&address, user, PASSWORD));
        let expected: Vec<(String, String)> = (!right.is_empty())
            .then(|| (right.to_owned(), on.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(refused_rights(&broker), expected, "{user}: {}", said.out);
        let code = i32::from(!right.is_empty());
        assert_eq!(said.code, Some(code), "{user}: {}\n{}", said.out, said.err);
        assert_eq!(broker["login"]["name"], user);
    }
    let (said, broker) = check(world.folder(), &login(&address, "no_describe", PASSWORD));
    assert_eq!(said.code, Some(1), "{}", said.out);
    said.must_have(&[source, "does not let us see the topic"]);
    assert_eq!(broker["found"]["topics"][2]["state"], "hidden");
    let (said, broker) = check(world.folder(), &login(&address, "no_configs", PASSWORD));
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert_eq!(broker["found"]["topics"][0]["limits"], Value::Null);

    let after = (world.ends(), world.outcomes().read_to_end().len());
    assert_eq!(after, ends, "something was written");
    checks::everything_is_committed(&world);
    let log = courier.log();
    assert_eq!(log.matches("partitions assigned").count(), 1, "{log}");
    courier.end_cleanly();
    topics_that_may_not_be_made(&world, &address);
}

/// One by one: those that are there are no mistake, and the command goes on after a refusal.
fn topics_that_may_not_be_made(world: &World, address: &str) {
    let (source, letters) = (world.source(), &world.settings.dead_letter_topic);
    let (new_outcomes, new_source) = ("rights-new.outcomes", format!("{source}-new"));
    world.rewrite("courier.toml", &world.settings.outcomes.topic, new_outcomes);
    world.rewrite("courier.toml", source, &new_source);
    let create = |user: &str| {
        let output = command(world.folder(), &["topics", "create", "--sources"])
            .envs(login(address, user, PASSWORD))
            .output();
        Said::from(output.unwrap())
    };
    let said = create("no_create");
    assert_eq!(said.code, Some(1), "{}\n{}", said.out, said.err);
    said.must_have(&[
        &format!("{new_outcomes}: not created: "),
        &format!("{letters}: exists already"),
        &format!("{new_source}: not created: "),
        "topics create --print",
    ]);
    let (said, broker) = check(world.folder(), &login(address, "no_create", PASSWORD));
    assert_eq!(said.code, Some(1), "{}", said.out);
    let creation = &broker["found"]["topics"][0]["creation"];
    assert_eq!(creation["standing"], "refused", "{broker}");
    let said = create("whole");
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
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
fn a_broker_that_cannot_be_reached_is_told_with_its_cause() {
    let (kafka, address) = Kafka::with_logins(USERS);
    let world = World::new(kafka.bootstrap(), "causes", Plan::default());
    let whole = login(&address, "whole", PASSWORD);
    let wrong = login(&address, "whole", "wrong");
    let unknown = login("no-such-host.invalid:9092", "whole", PASSWORD);
    let closed = login("127.0.0.1:1", "whole", PASSWORD);
    let tls = ("WX_COURIER__KAFKA__OPTIONS__SECURITY__PROTOCOL", "SASL_SSL");
    let scram = (
        "WX_COURIER__KAFKA__OPTIONS__SASL__MECHANISM",
        "SCRAM-SHA-256",
    );
    let with = |more| [whole.as_slice(), &[more]].concat();
    for (variables, cause) in [
        (wrong.to_vec(), "credentials"),
        (unknown.to_vec(), "unknown_host"),
        (closed.to_vec(), "refused"),
        (with(tls), "protocol"),
        (with(scram), "mechanism"),
    ] {
        let (said, broker) = check(world.folder(), &variables);
        assert_eq!(said.code, Some(1), "{cause}: {}", said.out);
        assert_eq!(broker["unreachable"]["cause"], cause, "{broker}");
        assert!(!said.out.contains(PASSWORD), "{}", said.out);
    }

    // The password in a file, for the whole way.
    kafka.rule(&[
        ["ALLOW", "User:*", "ALL", "TOPIC", "*"],
        ["ALLOW", "User:*", "ALL", "GROUP", "*"],
    ]);
    let file = world.folder().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.display().to_string();
    let [brokers, protocol, mechanism, user, _] = whole;
    let of_file = ("WX_COURIER__KAFKA__PASSWORD_FILE", file.as_str());
    let courier = world.courier_with(&[brokers, protocol, mechanism, user, of_file]);
    let events = mixed(0..5);
    world.publish(&events);
    each_has_one_outcome(&world, &events);
    assert!(!courier.log().contains(PASSWORD));
    courier.end_cleanly();
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
