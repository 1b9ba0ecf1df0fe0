//! Brokers with a login: by plain text and by TLS, and why none of them answers.

use super::{
    check, each_has_one_outcome, login, password_file, producer_of, refused_rights, rights_of_run,
    secured, text,
};
use crate::support::certificate::Certificate;
use crate::support::events::mixed;
use crate::support::kafka::Kafka;
use crate::support::kafka::door::{PASSWORD, Way};
use crate::support::wait_until;
use crate::support::world::{Plan, World};

const USERS: &[&str] = &["shop"];

#[test]
fn a_broker_that_cannot_be_reached_is_told_with_its_cause() {
    let (kafka, address) = Kafka::with_logins(Way::Plaintext, USERS);
    let world = World::new(kafka.bootstrap(), "causes", Plan::default());
    let shop = login(&address, "shop", PASSWORD);
    let wrong = login(&address, "shop", "wrong");
    let unknown = login("no-such-host.invalid:9092", "shop", PASSWORD);
    let closed = login("127.0.0.1:1", "shop", PASSWORD);
    let tls = ("WX_COURIER__KAFKA__OPTIONS__SECURITY__PROTOCOL", "SASL_SSL");
    let scram = (
        "WX_COURIER__KAFKA__OPTIONS__SASL__MECHANISM",
        "SCRAM-SHA-256",
    );
    let with = |more| [shop.as_slice(), &[more]].concat();
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
    let file = password_file(&world, PASSWORD);
    let [brokers, protocol, mechanism, user, _] = shop;
    let of_file = ("WX_COURIER__KAFKA__PASSWORD_FILE", file.as_str());
    let courier = world.courier_with(&[brokers, protocol, mechanism, user, of_file]);
    let events = mixed(0..5);
    world.publish(&events);
    each_has_one_outcome(&world, &events);
    assert!(!courier.log().contains(PASSWORD));
    courier.end_cleanly();
}

#[test]
fn a_rented_cluster_is_served_by_tls_and_scram_with_the_rights_of_the_manual() {
    let (kafka, address) = Kafka::with_logins(Way::Tls, USERS);
    let world = World::new(kafka.bootstrap(), "rented", Plan::default());
    let (file, authority) = (password_file(&world, PASSWORD), text(&kafka.authority()));
    let variables = secured(&address, &file, &authority);
    kafka.rule(&rights_of_run(&world));
    let courier = world.courier_with(&variables);
    let events = mixed(0..10);
    world.publish(&events);
    each_has_one_outcome(&world, &events);
    assert_eq!(producer_of(&courier)["mode"], "idempotent");
    assert!(!courier.log().contains(PASSWORD));
    courier.end_cleanly();
    let (said, broker) = check(world.folder(), &variables);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    assert!(refused_rights(&broker).is_empty(), "{broker}");

    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Certificate::make(elsewhere.path()).unwrap();
    let stranger = text(&stranger.authority);
    let cause = |variables: &[(&str, &str)]| {
        let (_, broker) = check(world.folder(), variables);
        broker["unreachable"]["cause"].clone()
    };
    assert_eq!(cause(&secured(&address, &file, &stranger)), "certificate");
    // What is changed on a cluster does not count everywhere at once.
    kafka.set_password("shop", "battery-staple");
    wait_until("the old password is wrong", || {
        cause(&variables) == "credentials"
    });
    password_file(&world, "battery-staple");
    let letters = world.settings.dead_letter_topic.as_str();
    kafka.unrule(&[["ALLOW", "User:shop", "WRITE", "TOPIC", letters]]);
    let refused = [("write".to_owned(), letters.to_owned())];
    wait_until("one right is refused", || {
        let (_, broker) = check(world.folder(), &variables);
        broker["found"].is_object() && refused_rights(&broker) == refused
    });
}
