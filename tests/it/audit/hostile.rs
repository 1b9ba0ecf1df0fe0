//! What a request says of who asks, and why, is a text like any other: it forges no record, and garbage is refused.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::records;
use crate::support::courier::Courier;
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};

/// The status, and what a refusal says.
pub(super) fn ask(courier: &Courier, line: &str, headers: &[&str]) -> (u16, String) {
    let mut stream = TcpStream::connect(courier.address()).unwrap();
    let mut request = format!(
        "{line} HTTP/1.1\r\nhost: {}\r\nx-wx-courier: 1\r\ncontent-length: 0\r\nconnection: close\r\n",
        courier.address()
    );
    for header in headers {
        request.extend([header, "\r\n"]);
    }
    request += "\r\n";
    // A service that has heard enough closes while it is still written to.
    let _written = stream.write_all(request.as_bytes()).is_ok();
    let mut answer = Vec::new();
    let _read = stream.read_to_end(&mut answer).is_ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let refusal: Value = serde_json::from_str(body).unwrap_or_default();
    let said = refusal["message"].as_str().unwrap_or(body).to_owned();
    (status, said)
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

const PAUSE: &str = "POST /pause?rule=order-completed";

#[test]
fn nobody_writes_another_record_than_the_own_one() {
    let world = World::new(Kafka::shared(), "audit-hostile", Plan::default());
    let courier = world.courier();
    let mut audit = world.audit();
    let huge = format!("x-wx-courier-actor: {}@host", "x".repeat(60_000));
    let long = format!("x-wx-courier-actor: {}@host", "x".repeat(10_000));
    let huge_why = format!("x-wx-courier-why: {}", "x".repeat(10_000));
    for (header, status, words) in [
        (long.as_str(), 400, "NAME@HOST"),
        ("x-wx-courier-actor: alice", 400, "NAME@HOST"),
        ("x-wx-courier-actor: alice%0Aroot@host", 400, "NAME@HOST"),
        ("x-wx-courier-actor: alice@host%00", 400, "NAME@HOST"),
        (
            "x-wx-courier-actor: eve%E2%80%AEecila@host",
            400,
            "NAME@HOST",
        ),
        (
            "x-wx-courier-actor: alice@host;via=signal",
            400,
            "NAME@HOST",
        ),
        ("x-wx-courier-why: one%0Atwo", 400, "one line"),
        (&huge_why, 400, "one line"),
    ] {
        let (found, said) = ask(&courier, PAUSE, &[header]);
        assert_eq!(found, status, "{header:.100}: {said}");
        assert!(said.contains(words), "{header:.100}: {said}");
    }
    // The connection may be gone before the answer is read.
    let (status, said) = ask(&courier, PAUSE, &[&huge]);
    assert!(status == 431 || status == 0, "{status}: {said}");
    let (status, said) = ask(&courier, &format!("{PAUSE}&why=one%0Atwo"), &[]);
    assert_eq!(status, 400, "{said}");
    assert_eq!(courier.engine()["pauses"], json!([]), "nothing was done");

    // What is one line is kept as it is, and is no more than a text.
    let forged = r#"","who":{"name":"root"},"x":"<script>alert(1)</script>"#;
    let why = format!("x-wx-courier-why: {}", encoded(forged));
    let actor = "x-wx-courier-actor: %E7%8E%8B%E8%8A%B3@ops-1;via=console";
    let (status, said) = ask(&courier, PAUSE, &[actor, &why]);
    assert_eq!(status, 200, "{said}");
    let whole = "长".repeat(500);
    let in_query = format!("{PAUSE}&why={}", encoded(&whole));
    let (status, said) = ask(&courier, &in_query, &[]);
    assert_eq!(status, 200, "{said}");

    let records = records(&mut audit, 2);
    let who = json!({ "name": "王芳", "host": "ops-1", "via": "console" });
    assert_eq!(records[0]["who"], who);
    assert_eq!(records[0]["why"], forged);
    assert_eq!(records[1]["why"], whole.as_str());
    assert_eq!(records[1]["who"]["name"], "unknown");
    courier.end_cleanly();
}
