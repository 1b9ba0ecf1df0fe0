//! Redis with users and passwords, and over TLS.

use std::io::Read as _;

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::support::certificate::Certificate;

const PASSWORD: &str = "p%C3%A4ss%2Fw%40rd";

/// What the manual asks for, and nothing more.
const COURIER: &str =
    "courier on >päss/w@rd ~wx-courier:* +evalsha +script|load +get +set +del +ping";

#[test]
fn a_user_with_few_rights_is_enough() {
    let nobody_else = ["--user", "default", "off", "--user"];
    let options: Vec<&str> = nobody_else.into_iter().chain(COURIER.split(' ')).collect();
    let redis = Redis::start_with(&options);
    let url =
        |password: &str| redis_url(&format!("redis://courier:{password}@{}", redis.address()));
    let mut desk = Desk::open(url(PASSWORD), "g");
    desk.ask(1, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (1, CLAIMED));
    desk.ask(2, &sent(1, 1));
    let (ticket, answer) = desk.hear_answer();
    assert!(ticket == 2 && is_settled(&answer), "{answer:?}");
    // Whatever else is asked needs no more rights. A store that is refused says that it is down, and answers nothing.
    let mut runner = TestRunner::deterministic();
    for _ in 0..50 {
        for request in any_play().new_tree(&mut runner).unwrap().current().concat() {
            desk.ask(3, &request);
            if !matches!(request, Request::Release { .. }) {
                desk.hear_answer().1.unwrap();
            }
        }
    }
    desk.close();
    let mut desk = Desk::open(url("not-the-secret"), "g");
    let why = desk.hear_down();
    assert!(!why.contains("not-the-secret"), "{why}");
    desk.store.close(Duration::from_millis(100));
}

#[test]
fn tls_is_spoken_to_servers_with_a_certificate_that_the_system_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let made = Certificate::make(folder.path()).unwrap();
    let authority = made.authority.to_str().unwrap().to_owned();
    let port = [
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-auth-clients",
        "no",
    ];
    let files = [
        "--tls-cert-file",
        "{folder}/server.pem",
        "--tls-key-file",
        "{folder}/server.key",
        "--tls-ca-cert-file",
        "{folder}/ca.pem",
    ];
    let redis = Redis::start_in(folder, &[port, files].concat());
    let url = redis.url().replace("redis://", "rediss://");
    let trust = BTreeMap::from([("SSL_CERT_FILE", authority)]);
    assert_eq!(said_by_child(&url, &trust), "granted");
    // Without that trust nothing is sent.
    let said = said_by_child(&url, &BTreeMap::new());
    assert!(
        said.starts_with("down: ") && said.contains("certificate"),
        "{said}"
    );
}

fn said_by_child(url: &str, environment: &BTreeMap<&str, String>) -> String {
    let mut asker = child("store::secured::child_that_asks_once", url, environment);
    let mut said = String::new();
    asker
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(asker.wait().unwrap().success(), "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("said "));
    line.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
#[ignore = "a part of tls_is_spoken_to_servers_with_a_certificate_that_the_system_trusts, which runs it"]
fn child_that_asks_once() {
    let Some(url) = subject_of_child() else {
        return;
    };
    let mut desk = Desk::open(redis_url(&url), "g");
    desk.ask(1, &claim(1, 1));
    match desk.hear() {
        Stored::Answer { answer, .. } => {
            assert_eq!(answer, CLAIMED);
            println!("\nsaid granted");
        }
        Stored::Down { why } => println!("\nsaid down: {why}"),
        Stored::Back => panic!("it was never down"),
    }
    desk.store.close(Duration::from_millis(100));
}
