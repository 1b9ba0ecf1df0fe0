//! The commands as a user or a script meets them: output, and exit codes that are part of the contract.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::folder::{Rules, copy_sample, replace_in, sample_folder};
use crate::support::kafka::{Kafka, free_port};
use crate::support::world::{Plan, World};

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Panics unless standard output and error together have each of these texts.
    pub(crate) fn must_have(&self, texts: &[&str]) {
        for text in texts {
            let found = self.out.contains(text) || self.err.contains(text);
            assert!(found, "{text:?} not in:\n{}\n{}", self.out, self.err);
        }
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wx-courier"));
    command.args(arguments).arg("--config").arg(folder);
    command.env_clear();
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Said {
    command(folder, arguments).output().unwrap().into()
}

pub(crate) fn run_with_input(folder: &Path, arguments: &[&str], input: &[u8]) -> Said {
    let mut child = command(folder, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().into()
}

/// The sample configuration in a folder where it may be broken.
pub(crate) fn copied_sample() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_sample(folder.path(), Rules::Sample);
    for file in ["courier.toml", "samples.toml"] {
        fs::copy(sample_folder().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// `file:line` of a text that a broken file has.
pub(crate) fn place_of(path: &Path, text: &str) -> String {
    let content = fs::read_to_string(path).unwrap();
    let line = content.lines().position(|line| line.contains(text));
    format!("{}:{}", path.display(), line.unwrap() + 1)
}

#[test]
fn check_finds_nothing_wrong_with_the_sample() {
    let said = run(&sample_folder(), &["check"]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    said.must_have(&[
        "3 rules",
        "10 of 10 tests passed",
        "ok: 0 errors, 0 warnings",
    ]);
    let said = run(&sample_folder(), &["check", "--format", "json"]).json();
    assert_eq!(said["ok"], true);
    assert_eq!(said["problems"], json!([]));
    assert!(!said.to_string().contains("sandbox-secret"));
}

#[test]
fn check_tells_where_a_rule_is_broken_and_what_helps() {
    let folder = copied_sample();
    let rule = folder.path().join("rules/order-completed.toml");
    replace_in(&rule, "data.amount_fen | yuan", "data.amount_fen | yaun");
    let place = place_of(&rule, "yaun");
    let said = run(folder.path(), &["check"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&[
        "error",
        &place,
        "yaun",
        "amount3",
        "help: did you mean `yuan`?",
        "not ok",
    ]);
    let said = run(folder.path(), &["check", "--format", "json"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.json()["ok"], false);
    assert_eq!(said.json()["rules_version"], Value::Null);
}

#[test]
fn check_tells_no_version_of_rules_whose_settings_have_an_error() {
    let folder = copied_sample();
    let good = run(folder.path(), &["check", "--format", "json"]).json();
    assert!(good["rules_version"].is_string(), "{good}");
    let settings = folder.path().join("courier.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}\n[send]\nattempts = 0\n")).unwrap();
    let json = run(folder.path(), &["check", "--format", "json"]).json();
    assert_eq!(json["rules_version"], Value::Null, "{json}");
    assert_eq!(
        (&json["rules"], &json["tests"]),
        (&good["rules"], &good["tests"])
    );
    let said = run(folder.path(), &["check"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["rules; ", " passed"]);
    assert!(!said.out.contains("version"), "{}", said.out);
}

#[test]
fn check_runs_the_tests_of_rules() {
    let folder = copied_sample();
    let rule = folder.path().join("rules/order-completed.toml");
    replace_in(&rule, "thing2 = \"拿铁 等1件\"", "thing2 = \"拿铁 等2件\"");
    let said = run(folder.path(), &["check"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["9 of 10 tests passed", "one coffee", "thing2", "拿铁 等1件"]);
}

#[test]
fn a_bad_setting_is_told_with_its_place_and_stops_every_command() {
    let folder = copied_sample();
    let settings = folder.path().join("courier.toml");
    replace_in(&settings, "per_second = 200", "per_secnod = 200");
    replace_in(
        &settings,
        "# [http]\n# listen = \"127.0.0.1:8080\"",
        "[http]\nlisten = \"8080\"",
    );
    let places = [
        place_of(&settings, "per_secnod"),
        place_of(&settings, "listen = "),
    ];
    let texts = [
        &places[0],
        &places[1],
        "per_second",
        "help:",
        "127.0.0.1:8080",
    ];
    let said = run(folder.path(), &["check"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&texts);
    for arguments in [
        &["run"][..],
        &["sandbox"],
        &["topics", "create"],
        &["demo", "--once"],
    ] {
        let said = run(folder.path(), arguments);
        assert_eq!(said.code, Some(64), "{arguments:?}: {}", said.err);
        said.must_have(&texts);
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_bad_configuration() {
    let nowhere = Path::new("/nowhere/config");
    assert_eq!(run(nowhere, &["run"]).code, Some(64));
    let said = run(nowhere, &["check"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["/nowhere/config/courier.toml", "help:"]);
}

#[test]
fn ready_says_what_the_page_says() {
    for (status, body, code) in [
        ("200 OK", "ready", 0),
        ("503 Service Unavailable", "not ready: waiting for Kafka", 1),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let page = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let said = run(&sample_folder(), &["ready", "--at", &address]);
        assert_eq!(said.code, Some(code), "{}", said.err);
        said.must_have(&[body]);
        assert!(page.join().unwrap().starts_with("GET /readyz "));
    }
    let closed = free_port().unwrap();
    let said = run(
        &sample_folder(),
        &["ready", "--at", &format!("127.0.0.1:{closed}")],
    );
    assert_eq!(said.code, Some(1));
    said.must_have(&["no service answers at 127.0.0.1:"]);
}

#[test]
fn a_file_in_another_encoding_is_told_which() {
    let folder = copied_sample();
    let rule = folder.path().join("rules/order-completed.toml");
    // The Chinese characters for an order, as an editor on Windows may save them.
    fs::write(&rule, b"# \xb6\xa9\xb5\xa5\non = \"order.completed\"\n").unwrap();
    let said = run(folder.path(), &["check"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&[
        "order-completed.toml: error",
        "it is not text in UTF-8, and looks like GBK: save it as UTF-8",
    ]);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for arguments in [&["bogus"][..], &["preview"], &["run", "--no-such-flag"]] {
        let said = run(&sample_folder(), arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert!(said.err.contains("Usage"), "{}", said.err);
    }
}

#[test]
fn the_demo_ends_as_its_samples_say() {
    let said = run(&sample_folder(), &["demo", "--once"]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);

    // The same must be able to fail: a sample that expects what will not happen.
    let folder = copied_sample();
    let samples = folder.path().join("samples.toml");
    replace_in(
        &samples,
        "reason = \"user_refused\"",
        "reason = \"expired\"",
    );
    let said = run(folder.path(), &["demo", "--once"]);
    assert_eq!(said.code, Some(1), "{}\n{}", said.out, said.err);
}

#[test]
fn the_demo_needs_no_checkout_and_no_samples() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wx-courier"))
        .args(["demo", "--once"])
        .current_dir(empty.path())
        .env_clear()
        .output();
    let said = Said::from(output.unwrap());
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&[
        "the sample that the program brings along",
        "every sample ended as the sample file says",
    ]);
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);

    let own = copied_sample();
    fs::remove_file(own.path().join("samples.toml")).unwrap();
    let said = run(own.path(), &["demo", "--once"]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&["There is no samples.toml in the folder"]);
}

#[test]
fn topics_are_missed_by_run_and_made_by_the_command_it_names() {
    let world = World::new(Kafka::shared(), "topics", Plan::default());
    let settings = world.folder().join("courier.toml");
    let (source, outcomes) = (world.source(), &world.settings.outcomes.topic);
    let (new_source, new_outcomes) = (format!("{source}-new"), format!("{outcomes}-new"));
    replace_in(&settings, source, &new_source);
    replace_in(&settings, outcomes, &new_outcomes);

    let said = run(world.folder(), &["run"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let create = "`wx-courier topics create`";
    let create_sources = "`wx-courier topics create --sources`";
    said.must_have(&[&new_source, &new_outcomes, create, create_sources]);

    let arguments = ["topics", "create", "--replication", "1", "--format", "json"];
    let said = run(world.folder(), &arguments);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let dead_letters = &world.settings.dead_letter_topic;
    let audit = &world.settings.audit_topic;
    let expected = json!([
        { "topic": new_outcomes, "created": true },
        { "topic": dead_letters, "created": false },
        { "topic": audit, "created": false },
    ]);
    assert_eq!(said.json(), expected);
    let said = run(world.folder(), &["topics", "create", "--sources"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[&format!("{new_source}: created"), "exists already"]);

    world.courier().end_cleanly();
}
