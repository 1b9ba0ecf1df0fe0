//! What a user may not do on the cluster is told, right by right.

use serde_json::Value;

use super::{check, each_has_one_outcome, login, refused_rights};
use crate::commands::{Said, command};
use crate::support::checks;
use crate::support::events::mixed;
use crate::support::kafka::Kafka;
use crate::support::kafka::door::{PASSWORD, Way};
use crate::support::world::{Plan, World};

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

#[test]
fn each_right_that_is_wanting_is_told_and_nothing_is_changed() {
    let (kafka, address) = Kafka::with_logins(Way::Plaintext, USERS);
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
    assert_eq!(broker["found"]["topics"][3]["state"], "hidden");
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
