//! Who may use the console: the real process, and what people, programs and attackers send it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::commands::{Said, command, run};
use crate::grants_command::folder;
use crate::support::{LIMIT, send_signal, wait_until};

/// A running `wx-courier console`.
struct Site {
    child: Child,
    folder: TempDir,
    address: String,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (said, value) = line.split_once(": ")?;
            said.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The status, and the word of a refusal.
    fn refusal(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let word = body["error"].as_str().unwrap_or_default();
        (self.status, word.to_owned())
    }

    /// What a browser sends back: `cookie: name=value`.
    fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").unwrap();
        format!("cookie: {}", cookie.split(';').next().unwrap())
    }

    /// The token against forgery, as a form of the page holds it.
    fn forgery(&self) -> &str {
        let (_, after) = self.body.split_once("name=\"forgery\" value=\"").unwrap();
        after.split('"').next().unwrap()
    }
}

const HTML: &str = "accept: text/html";
const FORM: &str = "content-type: application/x-www-form-urlencoded";

impl Site {
    /// With these lines behind `[console] listen`.
    fn start(more: &str) -> Self {
        Self::start_in(folder(), more)
    }

    fn start_in(folder: TempDir, more: &str) -> Self {
        let file = folder.path().join("courier.toml");
        let text = fs::read_to_string(&file).unwrap();
        let whole = format!(
            "{text}\n[console]\nlisten = \"127.0.0.1:0\"\nhistory = \"data/c.sqlite\"\n{more}"
        );
        fs::write(&file, whole).unwrap();
        let log = folder.path().join("console.log");
        let mut command = command(folder.path(), &["console"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut site = Self {
            child,
            folder,
            address: String::new(),
        };
        wait_until("the console says where it listens", || {
            let log = fs::read_to_string(&log).unwrap();
            let ended = site.child.try_wait().unwrap();
            assert_eq!(ended, None, "{log}");
            let line = log
                .lines()
                .find(|line| line.contains("the console is there"));
            let listens = line.and_then(|line| line.split_once("listen=")?.1.split(' ').next());
            listens.unwrap_or_default().clone_into(&mut site.address);
            !site.address.is_empty()
        });
        site
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("console.log")).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// `headers` may name another host.
    fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = self.connect();
        let is_named = headers.iter().any(|header| header.starts_with("host:"));
        let host = format!("host: {}", self.address);
        let own = (!is_named).then_some(host.as_str());
        let mut request = format!(
            "{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in headers.iter().copied().chain(own) {
            request.extend([header, "\r\n"]);
        }
        stream
            .write_all(format!("{request}\r\n{body}").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn origin(&self) -> String {
        format!("origin: http://{}", self.address)
    }

    fn sign_in(&self, token: &str) -> Answer {
        let body = format!("token={token}");
        self.ask("POST /sign-in", &[HTML, FORM, &self.origin()], &body)
    }

    /// The cookie of a new session, and its token against forgery.
    fn browser(&self, token: &str) -> (String, String) {
        let cookie = self.sign_in(token).cookie();
        let page = self.ask("GET /en/", &[HTML, &cookie], "");
        assert_eq!(page.status, 200, "{}", page.body);
        let forgery = page.forgery().to_owned();
        (cookie, forgery)
    }

    /// Asks the process to end, and gives its folder back.
    fn end(mut self) -> TempDir {
        assert!(send_signal("TERM", self.child.id()));
        let mut status = None;
        wait_until("the console has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0), "{}", self.log());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// The memory that the process has, in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ended = self.child.kill().is_ok();
        let _waited_for = self.child.wait().is_ok();
    }
}

/// A token as the command makes it, and the lines for the settings.
fn token(name: &str, role: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["console", "token", name, "--role", role]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let (before, lines) = said.out.split_once("[console.users.").unwrap();
    let token = before.lines().find(|line| line.starts_with("  "));
    let token = token.unwrap().trim().to_owned();
    assert!(token.len() >= 43 && !lines.contains(&token), "{}", said.out);
    (token, format!("[console.users.{lines}"))
}

/// What a command says that is to end by itself.
fn console(folder: &TempDir, arguments: &[&str]) -> Said {
    run(folder.path(), &[&["console"], arguments].concat())
}

#[test]
fn on_another_address_it_does_not_start_without_somebody_who_may() {
    let folder = folder();
    let said = console(&folder, &["--listen", "0.0.0.0:0"]);
    assert_eq!(said.code, Some(64), "{}", said.err);
    said.must_have(&[
        "flag --listen: error: console.listen: other machines can connect here, and nothing says who may",
        "`wx-courier console token NAME`",
        "[console.proxy]",
    ]);
    let file = folder.path().join("courier.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[console]\nlisten = \"[::]:0\"\n")).unwrap();
    let said = console(&folder, &[]);
    assert_eq!(said.code, Some(64), "{}", said.err);
    said.must_have(&["courier.toml:", "other machines can connect here"]);
    // One that is taken is named, and who has it most likely.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(&file, text).unwrap();
    let said = console(&folder, &["--listen", &address]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&[&address, "another process listens there"]);
}

#[test]
fn a_token_of_the_command_lets_in_until_its_user_signs_out_or_leaves() {
    let (token, lines) = token("wang", "edit");
    let site = Site::start(&lines);
    assert!(!site.log().contains(&token));
    let answer = site.ask("GET /", &[HTML, "sec-fetch-site: none"], "");
    let way = (answer.status, answer.header("location"));
    assert_eq!(way, (303, Some("/sign-in")));
    let wrong = site.sign_in("wrong");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let (cookie, forgery) = site.browser(&token);
    let page = site.ask("GET /en/", &[HTML, &cookie], "");
    assert!(page.body.contains("<strong>wang</strong>"), "{}", page.body);
    let origin = site.origin();
    let headers = [cookie.as_str(), FORM, &origin];
    let body = format!("forgery={forgery}");
    assert_eq!(site.ask("POST /sign-out", &headers, &body).status, 303);
    assert_eq!(
        site.ask("GET /en/", &[&cookie], "").refusal(),
        (401, "sign_in_first".to_owned())
    );
    let (cookie, _) = site.browser(&token);
    let log = site.log();
    assert!(log.contains("signed in to the console") && log.contains("signed out of the console"));
    assert!(!log.contains(&token) && !log.contains(&cookie), "{log}");

    // The settings do without this user from now on.
    let folder = site.end();
    let file = folder.path().join("courier.toml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("\n[console]").unwrap();
    fs::write(&file, before).unwrap();
    let (_, others) = self::token("li", "view");
    let site = Site::start_in(folder, &others);
    assert_eq!(site.ask("GET /en/", &[&cookie], "").status, 401);
    assert_eq!(site.sign_in(&token).status, 401);
}

#[test]
fn nothing_is_changed_but_by_who_may_from_a_page_of_ours() {
    let (edit, of_edit) = token("wang", "edit");
    let (view, of_view) = token("li", "view");
    let site = Site::start(&format!("{of_edit}{of_view}"));
    let (wang, forgery) = site.browser(&edit);
    let (li, of_li) = site.browser(&view);
    let (wang, li, origin) = (wang.as_str(), li.as_str(), site.origin());
    let origin = origin.as_str();
    let right = format!("forgery={forgery}");
    let other = format!("forgery={of_li}");
    let header = format!("x-wx-courier-forgery: {forgery}");
    // The page has no POST: who gets that far is let through.
    let let_through = (405, "");
    for (headers, body, expected) in [
        (&[wang, FORM, origin][..], right.as_str(), let_through),
        (
            &[wang, FORM, "sec-fetch-site: same-origin"],
            &right,
            let_through,
        ),
        (&[wang, origin, &header], "", let_through),
        (&[FORM, origin], &right, (401, "sign_in_first")),
        (&[wang, FORM], &right, (403, "origin_missing")),
        (
            &[wang, FORM, "origin: https://evil.example"],
            &right,
            (403, "foreign_page"),
        ),
        (&[wang, FORM, "origin: null"], &right, (403, "foreign_page")),
        (
            &[wang, FORM, origin, "sec-fetch-site: cross-site"],
            &right,
            (403, "foreign_page"),
        ),
        (&[wang, FORM, origin], "", (403, "forgery_token")),
        (&[wang, FORM, origin], &other, (403, "forgery_token")),
        (&[li, FORM, origin], &other, (403, "view_only")),
        (
            &[wang, FORM, origin, "host: rebound.example"],
            &right,
            (421, "host_not_known"),
        ),
    ] {
        let refusal = site.ask("POST /en/", headers, body).refusal();
        assert_eq!(
            refusal,
            (expected.0, expected.1.to_owned()),
            "{headers:?} {body}"
        );
    }
    for (line, host, status) in [
        ("GET /en/", "host: rebound.example:8070", 421),
        ("GET /sign-in", "host: rebound.example", 421),
        ("GET /nowhere", "host: rebound.example", 421),
        ("GET /en/", "host: localhost", 200),
        ("GET /healthz", "host: rebound.example", 200),
    ] {
        assert_eq!(
            site.ask(line, &[host, wang], "").status,
            status,
            "{line} {host}"
        );
    }
}

#[test]
fn a_name_in_a_header_counts_from_the_proxy_alone() {
    let (_, user) = token("li", "view");
    let of = |from: &str| {
        format!(
            "{user}[console.proxy]\nheader = \"x-user\"\nfrom = [\"{from}\"]\nedit = [\"wang\"]\n"
        )
    };
    let site = Site::start(&of("10.9.9.9"));
    let named = "x-user: wang";
    let refused = site.ask("GET /en/", &[named], "").refusal();
    assert_eq!(refused, (403, "name_from_elsewhere".to_owned()));
    drop(site);
    let site = Site::start(&of("127.0.0.1"));
    let page = site.ask("GET /en/", &[HTML, named, "x-forwarded-proto: https"], "");
    assert!(page.body.contains("<strong>wang</strong>"), "{}", page.body);
    assert!(!page.body.contains("view only"), "{}", page.body);
    assert!(page.header("set-cookie").unwrap().contains("; Secure"));
    let two = site.ask("GET /en/", &[named, "x-user: li"], "").refusal();
    assert_eq!(two, (400, "name_unfit".to_owned()));
}

#[test]
fn on_this_machine_it_asks_for_no_token_and_for_all_else() {
    let site = Site::start("");
    let page = site.ask("GET /en/", &[HTML], "");
    assert!(page.body.contains("Signed in as"), "{}", page.body);
    assert!(!page.body.contains("view only"), "{}", page.body);
    let (cookie, body) = (page.cookie(), format!("forgery={}", page.forgery()));
    let origin = site.origin();
    let sent = |headers: &[&str], body: &str| site.ask("POST /en/", headers, body).status;
    assert_eq!(sent(&[&cookie, FORM, &origin], &body), 405);
    assert_eq!(sent(&[&cookie, FORM, &origin], ""), 403);
    assert_eq!(sent(&[FORM, &origin], &body), 403);
    assert_eq!(
        sent(&[&cookie, FORM, "origin: http://127.0.0.1:1"], &body),
        403
    );
    // A proxy on this machine brings others.
    let proxied = site
        .ask("GET /en/", &["x-forwarded-for: 203.0.113.7"], "")
        .refusal();
    assert_eq!(proxied, (403, "proxy_not_known".to_owned()));
    let nowhere = site.ask("GET /nowhere", &[], "");
    assert_eq!(nowhere.status, 404);
    let policy = nowhere.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'"),
        "{policy}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(nowhere.header(name), Some(value));
    }
    let folder = site.end();
    assert!(folder.path().join("data").is_dir());
}

/// Sends the same request many times on one connection, and gives how often each status was the answer.
fn repeat(site: &Site, request: &str, times: usize) -> Vec<String> {
    let mut lines = BufReader::new(site.connect());
    let mut statuses = Vec::new();
    for _ in 0..times {
        lines.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 && line != "\r\n" {
            if let Some(status) = line.strip_prefix("HTTP/1.1 ") {
                statuses.push(status.trim().to_owned());
            }
            if let Some(said) = line.strip_prefix("content-length: ") {
                length = said.trim().parse().unwrap();
            }
            line.clear();
        }
        lines.read_exact(&mut vec![0; length]).unwrap();
    }
    statuses
}

/// Far more than what is allowed to be kept, and far less than what thousands would leave.
const ROOM_KIB: u64 = 16 * 1024;

#[test]
fn thousands_of_tries_and_sessions_stay_bounded_and_cost_nobody_else() {
    let (token, lines) = token("wang", "edit");
    let site = Site::start(&lines);
    let (cookie, _) = site.browser(&token);
    let before = site.memory();
    let wrong = format!(
        "POST /sign-in HTTP/1.1\r\nhost: {}\r\norigin: http://{0}\r\n{FORM}\r\ncontent-length: 7\r\n\r\ntoken=x",
        site.address
    );
    let statuses = repeat(&site, &wrong, 3_000);
    let refused = statuses
        .iter()
        .filter(|status| status.starts_with("401"))
        .count();
    let slowed = statuses
        .iter()
        .filter(|status| status.starts_with("429"))
        .count();
    assert_eq!(refused + slowed, 3_000, "{statuses:?}");
    assert!((5..50).contains(&refused), "{refused}");
    assert_eq!(site.ask("GET /en/", &[&cookie], "").status, 200);
    assert!(site.log().matches("a wrong token was shown").count() < 50);
    let grown = site.memory().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB");

    let site = Site::start("");
    let page = site.ask("GET /en/", &[HTML], "");
    let (cookie, forgery) = (page.cookie(), page.forgery().to_owned());
    assert_eq!(
        site.ask("GET /en/", &[HTML, &cookie], "").forgery(),
        forgery
    );
    let before = site.memory();
    let anew = format!(
        "GET /en/ HTTP/1.1\r\nhost: {}\r\n{HTML}\r\n\r\n",
        site.address
    );
    let statuses = repeat(&site, &anew, 5_000);
    assert!(statuses.iter().all(|status| status == "200 OK"));
    let grown = site.memory().saturating_sub(before);
    assert!(grown < ROOM_KIB, "{grown} KiB");
    // The browser that works in its session has it still.
    assert_eq!(
        site.ask("GET /en/", &[HTML, &cookie], "").forgery(),
        forgery
    );
}

#[test]
fn slow_and_half_requests_hold_no_seat_for_others() {
    let (_, lines) = token("wang", "edit");
    let site = Site::start(&lines);
    let slow_body = format!(
        "POST /sign-in HTTP/1.1\r\nhost: {}\r\norigin: http://{0}\r\n{FORM}\r\ncontent-length: 100\r\n\r\ntoken",
        site.address
    );
    let half_head = "GET / HTTP/1.1\r\nhost: x\r\nx: ";
    let mut held = Vec::new();
    for _ in 0..350 {
        for begun in [slow_body.as_str(), half_head] {
            let mut stream = site.connect();
            // Some are closed already.
            let _sent = stream.write_all(begun.as_bytes()).is_ok();
            held.push(stream);
        }
    }
    // Where all seats are held by requests under way, nobody is answered.
    assert_eq!(site.ask("GET /healthz", &[], "").body, "ok\n");
    site.end();
    drop(held);
}
