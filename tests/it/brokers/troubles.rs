//! What keeps the service from the cluster is named: in `/readyz`, in `/status`, and in a few lines of the log, at the start and later.

use serde_json::Value;

use super::{each_has_one_outcome, login, password_file, rights_of_run, secured, text};
use crate::support::certificate::Certificate;
use crate::support::courier::Courier;
use crate::support::events::{Event, mixed};
use crate::support::kafka::Kafka;
use crate::support::kafka::door::{PASSWORD, Way};
use crate::support::wait_until;
use crate::support::world::{Plan, World};

const USERS: &[&str] = &["shop"];

fn troubles(courier: &Courier) -> Vec<Value> {
    let troubles = courier.report()["cluster"]["troubles"].clone();
    troubles.as_array().cloned().unwrap_or_default()
}

/// Waits until `/readyz` answers 503 with all of these words.
fn wait_until_not_ready(courier: &Courier, words: &[&str]) {
    wait_until(&format!("/readyz says {words:?}"), || {
        let answer = courier.get("/readyz");
        answer.is_some_and(|(status, body)| {
            status == "503" && words.iter().all(|word| body.contains(word))
        })
    });
}

/// Lines of the log that have these words.
fn lines(courier: &Courier, words: &str) -> usize {
    let log = courier.log();
    log.lines().filter(|line| line.contains(words)).count()
}

#[test]
fn why_no_broker_can_be_reached_is_named_at_the_start() {
    let (kafka, address) = Kafka::with_logins(Way::Plaintext, USERS);
    let world = World::new(kafka.bootstrap(), "start-causes", Plan::default());
    let right = login(&address, "shop", PASSWORD);
    let with = |name, value| [right.as_slice(), &[(name, value)]].concat();
    let (nowhere, closed) = ("no-such-host.invalid:9092", "127.0.0.1:1");
    let protocol = "WX_COURIER__KAFKA__OPTIONS__SECURITY__PROTOCOL";
    let mechanism = "WX_COURIER__KAFKA__OPTIONS__SASL__MECHANISM";
    for (variables, cause, broker) in [
        (
            login(&address, "shop", "wrong").to_vec(),
            "credentials",
            address.as_str(),
        ),
        (
            login(nowhere, "shop", PASSWORD).to_vec(),
            "unknown_host",
            nowhere,
        ),
        (login(closed, "shop", PASSWORD).to_vec(), "refused", closed),
        (with(protocol, "SASL_SSL"), "protocol", &address),
        (with(protocol, "PLAINTEXT"), "closed", &address),
        (with(mechanism, "SCRAM-SHA-256"), "mechanism", &address),
    ] {
        let courier = world.courier_at_once(&variables);
        wait_until_not_ready(&courier, &["waiting for Kafka", broker, cause]);
        let report = courier.report();
        assert_eq!(report["cluster"]["reached"], false, "{report}");
        let troubles = troubles(&courier);
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert_eq!(troubles[0]["about"], "broker");
        assert_eq!(troubles[0]["address"], broker);
        assert_eq!(troubles[0]["cause"], cause);
        let words = format!("the broker {broker} cannot be reached ({cause})");
        wait_until("the log says so, once", || lines(&courier, &words) == 1);
        let log = courier.log();
        assert!(!log.contains(PASSWORD), "{log}");
        courier.kill();
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_named() {
    let (kafka, address) = Kafka::with_logins(Way::Tls, USERS);
    let world = World::new(kafka.bootstrap(), "strange-certificate", Plan::default());
    let file = password_file(&world, PASSWORD);
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = text(&Certificate::make(elsewhere.path()).unwrap().authority);
    let courier = world.courier_at_once(&secured(&address, &file, &stranger));
    wait_until_not_ready(&courier, &["waiting for Kafka", &address, "(certificate)"]);
    assert_eq!(troubles(&courier)[0]["cause"], "certificate");
    courier.kill();
}

#[test]
fn rights_that_are_given_late_are_waited_for_and_named() {
    let (kafka, address) = Kafka::with_logins(Way::Tls, USERS);
    let world = World::new(kafka.bootstrap(), "late-rights", Plan::default());
    let (file, authority) = (password_file(&world, PASSWORD), text(&kafka.authority()));
    let events = mixed(0..10);
    world.publish(&events);
    let mut courier = world.courier_at_once(&secured(&address, &file, &authority));
    let group = world.settings.kafka.group.as_str();
    wait_until_not_ready(
        &courier,
        &[
            "waiting for Kafka",
            "does not let us see the topic",
            "Describe on the topic",
        ],
    );
    let (of_group, others): (Vec<_>, Vec<_>) = rights_of_run(&world)
        .into_iter()
        .partition(|[_, _, _, kind, _]| *kind == "GROUP");
    kafka.rule(&others);
    let joins = format!("join the group {group}");
    wait_until_not_ready(&courier, &[&joins, "Read on the group"]);
    let found = troubles(&courier);
    let named = found.iter().find(|trouble| trouble["right"] == "join");
    assert_eq!(named.unwrap()["on"], group, "{found:?}");
    kafka.rule(&of_group);
    courier.wait_until_ready();
    each_has_one_outcome(&world, &events);
    assert_eq!(lines(&courier, "over: the cluster did not let us join"), 1);
    assert_eq!(troubles(&courier), Vec::<Value>::new());
    courier.end_cleanly();
}

#[test]
fn rights_that_are_taken_away_are_named_and_waited_for() {
    let (kafka, address) = Kafka::with_logins(Way::Tls, USERS);
    let world = World::new(kafka.bootstrap(), "taken-rights", Plan::default());
    let (file, authority) = (password_file(&world, PASSWORD), text(&kafka.authority()));
    kafka.rule(&rights_of_run(&world));
    let mut courier = world.courier_with(&secured(&address, &file, &authority));
    let mut events = mixed(0..10);
    world.publish(&events);
    each_has_one_outcome(&world, &events);

    let settings = &world.settings;
    let (source, group) = (world.source(), settings.kafka.group.as_str());
    let outcomes = settings.outcomes.topic.as_str();
    let allow = |operation, kind, name| ["ALLOW", "User:shop", operation, kind, name];
    let reads = allow("READ", "TOPIC", source);
    for (rules, deed) in [
        (vec![reads], format!("read the topic {source}")),
        (
            vec![allow("READ", "GROUP", group)],
            format!("join the group {group}"),
        ),
        (
            vec![allow("WRITE", "TOPIC", outcomes)],
            format!("write to the topic {outcomes}"),
        ),
        (
            vec![reads, allow("DESCRIBE", "TOPIC", source)],
            format!("see the topic {source}"),
        ),
    ] {
        let begins = format!("the cluster does not let us {deed}");
        let ends = format!("over: the cluster did not let us {deed}");
        let (began, ended) = (lines(&courier, &begins), lines(&courier, &ends));
        kafka.unrule(&rules);
        let more = mixed(events.len()..events.len() + 10);
        world.publish(&more);
        events.extend(more);
        wait_until_not_ready(&courier, &[&deed, "the user of [kafka.options] needs"]);
        wait_until("the log says so, once", || {
            lines(&courier, &begins) == began + 1
        });
        kafka.rule(&rules);
        courier.wait_until_ready();
        each_has_one_outcome(&world, &events);
        wait_until("the log says that it is over, once", || {
            lines(&courier, &ends) == ended + 1
        });
    }
    assert_eq!(troubles(&courier), Vec::<Value>::new());
    courier.end_cleanly();
}

#[test]
fn a_broker_that_goes_away_is_one_line_and_one_when_it_is_back() {
    let mut kafka = Kafka::start();
    let world = World::new(kafka.bootstrap(), "goes-away", Plan::default());
    let mut courier = world.courier();
    let before = mixed(0..10);
    world.publish(&before);
    each_has_one_outcome(&world, &before);
    kafka.kill();
    let broker = kafka.bootstrap().to_owned();
    wait_until_not_ready(&courier, &["no broker answers", &broker, "refused"]);
    let begins = format!("the broker {broker} cannot be reached (refused)");
    // Each client of the service tries again and again, and says so.
    wait_until("some tries have failed", || {
        troubles(&courier)
            .iter()
            .any(|trouble| trouble["failures"].as_u64() > Some(5))
    });
    let log = courier.log();
    assert_eq!(lines(&courier, &begins), 1, "{log}");
    let of_broker = lines(&courier, &broker);
    assert!(of_broker <= 3, "{of_broker} lines: {log}");
    kafka.start_again();
    courier.wait_until_ready();
    let back = format!("over: the broker {broker} could not be reached");
    wait_until("the log says that it is back", || {
        lines(&courier, &back) == 1
    });
    let after = mixed(10..20);
    world.publish(&after);
    let events: Vec<Event> = before.iter().chain(&after).cloned().collect();
    each_has_one_outcome(&world, &events);
    courier.end_cleanly();
}
