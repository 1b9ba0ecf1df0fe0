//! Which clients may ask on the private listener: pages of strangers may not, and what changes something needs more than a connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::commands::{Said, command};
use crate::grants_command::folder;
use crate::support::folder::replace_in;
use crate::support::wait_until;

const TOKEN: &str = "a-token-of-32-letters-0123456789";
const OPENID: &str = "oABCD1234567890xyz";

/// The service, without a Kafka that answers: its pages are there from the start.
struct Pages {
    child: Child,
    folder: TempDir,
    address: String,
    token: Option<&'static str>,
}

impl Pages {
    fn start(more: &str, token: Option<&'static str>) -> Self {
        let folder = folder();
        let file = folder.path().join("courier.toml");
        replace_in(&file, "[http]\n", &format!("[http]\n{more}"));
        let text = std::fs::read_to_string(&file).unwrap();
        let (_, address) = text.split_once("listen = \"").unwrap();
        let address = address.split('"').next().unwrap().to_owned();
        let mut command = with_token(folder.path(), &["run"], token);
        command.env("WX_COURIER__KAFKA__BROKERS", "127.0.0.1:1");
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        wait_until("the pages are served", || {
            TcpStream::connect(&address).is_ok()
        });
        Self {
            child,
            folder,
            address,
            token,
        }
    }

    /// The status, and the word of a refusal.
    fn ask(&self, line: &str, headers: &[&str]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        for header in headers {
            request.extend([header, "\r\n"]);
        }
        request += "\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let word = body["error"].as_str().unwrap_or_default();
        (status, word.to_owned())
    }

    fn command(&self, arguments: &[&str]) -> Said {
        let mut command = with_token(self.folder.path(), arguments, self.token);
        command.output().unwrap().into()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ended = self.child.kill().is_ok();
        let _waited_for = self.child.wait().is_ok();
    }
}

fn with_token(folder: &Path, arguments: &[&str], token: Option<&str>) -> std::process::Command {
    let mut command = command(folder, arguments);
    if let Some(token) = token {
        command.env("WX_COURIER__HTTP__TOKEN", token);
    }
    command
}

const GRANT: &str = "/grants?app=shop&openid=oABCD1234567890xyz&template=order_completed";

const MESSAGE: &str = "GET /messages?outcome_id=order-events/1/7/order-completed";

#[test]
fn pages_of_strangers_change_nothing_and_read_nothing() {
    let pages = Pages::start("hosts = [\"courier.internal\"]\n", None);
    let ours = format!("host: {}", pages.address);
    let ours = ours.as_str();
    let rebound = "host: rebound.example:8080";
    let foreign = "origin: https://evil.example";
    let cross_site = "sec-fetch-site: cross-site";
    let mark = "x-wx-courier: 1";
    let get = format!("GET {GRANT}");
    let put = format!("PUT {GRANT}&left=3");
    let resume = "POST /resume?rule=order-completed";
    let pause = "POST /pause?rule=order-completed";
    let refused = |word: &str| (403, word.to_owned());
    let done = |status: u16| (status, String::new());
    let not_paused = || (404, "not_found".to_owned());
    for (line, headers, expected) in [
        // What probes ask for needs nothing.
        ("GET /healthz", &[rebound][..], done(200)),
        ("GET /readyz", &[], done(503)),
        ("GET /metrics", &[ours], done(200)),
        ("GET /metrics", &["host: 10.2.3.4:8080"], done(200)),
        ("GET /metrics", &[], done(200)),
        // A name that was pointed at us.
        ("GET /metrics", &[rebound], refused("host_not_known")),
        ("GET /status", &[rebound], refused("host_not_known")),
        ("GET /status", &["host: courier.internal"], done(200)),
        (&get, &[rebound], refused("host_not_known")),
        (&put, &[rebound, mark], refused("host_not_known")),
        (resume, &[rebound, mark], refused("host_not_known")),
        (pause, &[rebound, mark], refused("host_not_known")),
        ("GET /rules", &[rebound], refused("host_not_known")),
        ("GET /rules", &["host: courier.internal"], done(200)),
        (MESSAGE, &[rebound], refused("host_not_known")),
        (MESSAGE, &[ours], done(200)),
        ("GET /messages", &[ours], (400, "bad_request".to_owned())),
        // A page in a browser that can reach us.
        (MESSAGE, &[ours, foreign], refused("foreign_page")),
        (&get, &[ours, foreign], refused("foreign_page")),
        (&put, &[ours, foreign, mark], refused("foreign_page")),
        (resume, &[ours, cross_site], refused("foreign_page")),
        (resume, &[ours], refused("header_required")),
        (pause, &[ours, cross_site], refused("foreign_page")),
        (pause, &[ours], refused("header_required")),
        (&put, &[ours], refused("header_required")),
        // Ourselves.
        (&put, &[ours, mark], done(200)),
        (&get, &[ours], done(200)),
        (resume, &[ours, mark], not_paused()),
    ] {
        assert_eq!(pages.ask(line, headers), expected, "{line} {headers:?}");
    }
    let said = pages.command(&["rules", "resume", "order-completed"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["the rule order-completed is not paused; nothing is"]);
    let port = pages.address.rsplit_once(':').unwrap().1;
    let named = format!("localhost:{port}");
    let user = ["grants", "show", "--app", "shop", "--openid", OPENID];
    let said = pages.command(&[&user[..], &["--at", &named]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_token_is_asked_for_and_commands_have_it() {
    let mut pages = Pages::start("", Some(TOKEN));
    let ours = format!("host: {}", pages.address);
    let ours = ours.as_str();
    let right = format!("authorization: Bearer {TOKEN}");
    let right = right.as_str();
    let wrong = "authorization: Bearer a-token-of-32-letters-012345678X";
    let mark = "x-wx-courier: 1";
    let get = format!("GET {GRANT}");
    let put = format!("PUT {GRANT}&left=3");
    let missing = (401, "token_required".to_owned());
    for (line, headers, expected) in [
        ("GET /healthz", &[ours][..], 200),
        ("GET /metrics", &[ours], 200),
        ("GET /status", &[ours], 200),
        (&put, &[ours, right], 200),
        (&get, &[ours, right], 200),
        (MESSAGE, &[ours, right], 200),
        (&get, &["host: wx-courier-0.wx-courier:8080", right], 200),
    ] {
        assert_eq!(pages.ask(line, headers).0, expected, "{line} {headers:?}");
    }
    for (line, headers) in [
        (get.as_str(), &[ours][..]),
        (MESSAGE, &[ours]),
        (&get, &[ours, wrong]),
        (&put, &[ours, mark]),
        (&put, &[ours, mark, wrong]),
        ("POST /resume?rule=order-completed", &[ours, mark]),
        ("POST /pause?rule=order-completed", &[ours, mark]),
    ] {
        assert_eq!(pages.ask(line, headers), missing, "{line} {headers:?}");
    }
    let user = ["--app", "shop", "--openid", OPENID];
    let of = ["--template", "order_completed", "--left", "5"];
    // The token has let it in: it is refused because the service has no Kafka for the record of it.
    let said = pages.command(&[&["grants", "set"], &user[..], &of].concat());
    assert_eq!(said.code, Some(1), "{}", said.out);
    said.must_have(&["answers 503", "could not be recorded"]);
    let show = [&["grants", "show"], &user[..]].concat();
    let said = pages.command(&show);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = pages.command(&["rules", "resume", "order-completed"]);
    said.must_have(&["the rule order-completed is not paused; nothing is"]);
    // A command that does not know it is told what is missing.
    pages.token = None;
    let said = pages.command(&show);
    assert_eq!(said.code, Some(1), "{}", said.out);
    said.must_have(&["answers 401", "[http] token"]);
}

#[test]
fn check_says_what_is_wrong_with_a_listener_for_others() {
    let folder = folder();
    let file = folder.path().join("courier.toml");
    let check = |listen: &str, token: Option<&str>| -> Said {
        let mut command = with_token(folder.path(), &["check"], token);
        command.env("WX_COURIER__HTTP__LISTEN", listen);
        command.output().unwrap().into()
    };
    let said = check("0.0.0.0:8080", None);
    assert_eq!(said.code, Some(0), "{}", said.out);
    said.must_have(&["other machines can connect here", "WX_COURIER__HTTP__TOKEN"]);
    for (listen, token) in [("0.0.0.0:8080", Some(TOKEN)), ("[::1]:8080", None)] {
        let said = check(listen, token);
        said.must_have(&["ok: 0 errors, 0 warnings"]);
        assert!(!said.out.contains(TOKEN));
    }
    let said = check("0.0.0.0:8080", Some("short"));
    assert_eq!(said.code, Some(1));
    said.must_have(&["the token has 5 bytes"]);
    assert!(!said.out.contains("short\""), "{}", said.out);
    let said = check("0.0.0.0:8080", Some("a token with some spaces"));
    assert_eq!(said.code, Some(1));
    replace_in(&file, "[http]\n", "[http]\nhosts = [\"http://x\"]\n");
    let said = check("127.0.0.1:8080", None);
    said.must_have(&["\"http://x\" is not the name of a host"]);
}
