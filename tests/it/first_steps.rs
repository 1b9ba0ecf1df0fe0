//! From an empty folder to a message, as the README tells it: `init`, a rule from an event, `run`, an outcome, a change that is saved.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use wx_courier::edges::kafka::test_client::Upstream;

use crate::commands::{Said, copied_sample, run, run_with_input};
use crate::support::courier::Courier;
use crate::support::kafka::{Kafka, free_port};
use crate::support::pages::{self, Page, words_of};
use crate::support::topic::Reader;
use crate::support::wait_until;

const N_PARTITIONS: i32 = 3;

/// The commands, the event and the template of the README's section.
struct Steps {
    /// The words of each command of ours, in their order.
    commands: Vec<Vec<String>>,
    event: String,
    template: String,
}

impl Steps {
    fn of(page: &Page, heading: &str) -> Self {
        let (_, after) = page.text.split_once(&format!("## {heading}\n")).unwrap();
        let (text, _) = after.split_once("\n## ").unwrap();
        let section = Page {
            path: page.path.clone(),
            text: text.to_owned(),
        };
        let lines = section.command_lines().into_iter();
        let blocks = section.blocks();
        let template = blocks.iter().find(|block| block.kind == "toml").unwrap();
        let shells = blocks.iter().filter(|block| block.kind == "sh");
        let mut lines_of_shells = shells.flat_map(|block| block.text.lines());
        let echo = lines_of_shells
            .find(|line| line.starts_with("echo "))
            .unwrap();
        Self {
            commands: lines.map(|line| line.words).collect(),
            event: words_of(echo)[0][1].clone(),
            template: template.text.clone(),
        }
    }
}

/// An empty folder in which a person works, with a Kafka and a sandbox of its own ports and names.
struct Desk {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Desk {
    fn new(name: &str, sandbox: &str) -> Self {
        let variables = [
            ("WX_COURIER__APPS__SHOP__SECRET", "any text"),
            (
                "WX_COURIER__APPS__SHOP__BASE_URL",
                &format!("http://{sandbox}"),
            ),
            ("WX_COURIER__OUTCOMES__TOPIC", &format!("{name}.outcomes")),
            (
                "WX_COURIER__DEAD_LETTERS__TOPIC",
                &format!("{name}.letters"),
            ),
            ("WX_COURIER__HTTP__LISTEN", "127.0.0.1:0"),
        ];
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    fn path(&self, place: &str) -> std::path::PathBuf {
        self.folder.path().join(place)
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wx-courier"));
        command
            .args(&words[1..])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn must_do(&self, words: &[String]) -> Said {
        let said: Said = self.command(words).output().unwrap().into();
        assert_eq!(said.code, Some(0), "{words:?}\n{}\n{}", said.out, said.err);
        said
    }
}

/// A command that goes on until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _has_ended = self.0.kill().is_err();
        let _was_waited_for = self.0.wait().is_err();
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn publish(topic: &str, event: &str) {
    let upstream = Upstream::new(Kafka::shared()).unwrap();
    upstream.publish(topic, "k", &[], event.as_bytes()).unwrap();
    upstream.flush().unwrap();
}

/// What the sandbox took, as its own page tells it.
fn accepted(sandbox: &str, text: &str) -> bool {
    let mut stream = std::net::TcpStream::connect(sandbox).unwrap();
    let request = format!("GET /sandbox/log HTTP/1.0\r\nhost: {sandbox}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    answer.contains(text)
}

/// A person who does what the page says, one command after the other.
struct Walk {
    name: String,
    topic: String,
    sandbox: String,
    desk: Desk,
    event: String,
    template: String,
    outcomes: Reader,
    courier: Option<Courier>,
    running: Vec<Running>,
}

impl Walk {
    fn new(event: &str, template: &str) -> Self {
        let name = format!("first-steps-{:08x}", fastrand::u32(..));
        let sandbox = format!("127.0.0.1:{}", free_port().unwrap());
        let desk = Desk::new(&name, &sandbox);
        fs::write(desk.path("event.json"), format!("{event}\n")).unwrap();
        Self {
            topic: format!("{name}.events"),
            outcomes: Reader::new(Kafka::shared(), &format!("{name}.outcomes"), N_PARTITIONS),
            name,
            sandbox,
            desk,
            event: event.to_owned(),
            template: template.to_owned(),
            courier: None,
            running: Vec::new(),
        }
    }

    fn take(&mut self, mut step: Vec<String>) {
        let called: Vec<&str> = step.iter().map(String::as_str).collect();
        match called.as_slice() {
            [_, "init"] => {
                // The rest of the world has other addresses here.
                let flags = [
                    "--brokers",
                    Kafka::shared(),
                    "--topic",
                    &self.topic,
                    "--group",
                    &self.name,
                ];
                step.extend(flags.map(str::to_owned));
                self.desk
                    .must_do(&step)
                    .must_have(&["config/rules/order-completed.toml", "next:"]);
                let templates = self.desk.path("config/templates.toml");
                let text = fs::read_to_string(&templates).unwrap();
                fs::write(templates, format!("{text}\n{}", self.template)).unwrap();
            }
            [_, "sandbox"] => self.start_sandbox(step),
            [_, "run"] => self.start_service(),
            [_, "explain", _] => {
                publish(&self.topic, &self.event);
                self.outcomes.read_at_least(1);
                self.desk
                    .must_do(&step)
                    .must_have(&["booking-confirmed", "sent", "B1001"]);
            }
            [_, "topics", ..] => {
                step.extend(["--partitions".to_owned(), N_PARTITIONS.to_string()]);
                self.desk.must_do(&step);
            }
            [_, "completions", _] | [_, "man", ..] => {}
            [_, "check"] | [_, "rules", "new", ..] => {
                let said = self.desk.must_do(&step);
                assert!(!said.out.contains("TODO"), "{}", said.out);
            }
            other => panic!("{other:?} is not tried"),
        }
    }

    fn start_sandbox(&mut self, mut step: Vec<String>) {
        step.extend(["--listen".to_owned(), self.sandbox.clone()]);
        let child = self.desk.command(&step).stdout(Stdio::null()).spawn();
        self.running.push(Running(child.unwrap()));
        let ready = words(&format!("wx-courier ready --at {}", self.sandbox));
        wait_until("the sandbox answers", || {
            self.desk.command(&ready).output().unwrap().status.success()
        });
    }

    fn start_service(&mut self) {
        let variables = self.desk.variables.iter();
        let variables: Vec<(&str, &str)> = variables
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let binary = Path::new(env!("CARGO_BIN_EXE_wx-courier"));
        let (config, log) = (self.desk.path("config"), self.desk.path("log"));
        let mut courier = Courier::start_with(binary, &config, log, &variables);
        courier.wait_until_ready();
        self.courier = Some(courier);
    }
}

#[test]
fn what_the_readme_says_leads_from_an_empty_folder_to_a_changed_message() {
    let steps = Steps::of(&pages::page("README.md"), "From an empty folder");
    let chinese = Steps::of(&pages::page("README.zh-CN.md"), "从空目录开始");
    assert_eq!(steps.commands, chinese.commands);
    assert_eq!(
        (&steps.event, &steps.template),
        (&chinese.event, &chinese.template)
    );
    let mut walk = Walk::new(&steps.event, &steps.template);
    for step in steps.commands {
        walk.take(step);
    }
    let first: Value = walk.outcomes.seen[0].json();
    assert_eq!(first["rule"], "booking-confirmed", "{first}");
    assert_eq!(first["status"], "sent", "{first}");
    assert!(accepted(&walk.sandbox, "2026年11月22日 16:30"));

    let courier = walk.courier.take().unwrap();
    let version = || courier.engine()["rules_version"].clone();
    let before = version();
    let rule = walk.desk.path("config/rules/booking-confirmed.toml");
    // As an editor saves: all of it at once.
    let written = fs::read_to_string(&rule).unwrap();
    let changed = written
        .replace(
            "\"{{ data.service.name | fit }}\"",
            "\"预约的{{ data.service.name | fit(16) }}\"",
        )
        .replace("thing2 = \"精洗\"", "thing2 = \"预约的精洗\"");
    assert_ne!(changed, written);
    fs::write(&rule, changed).unwrap();
    wait_until("what was saved is in force", || version() != before);
    let next = steps
        .event
        .replace("B1001", "B1002")
        .replace("\"b-1\"", "\"b-2\"");
    publish(&walk.topic, &next);
    walk.outcomes.read_at_least(2);
    assert!(accepted(&walk.sandbox, "预约的精洗"));
    courier.end_cleanly();
}

#[test]
fn init_writes_what_passes_check_and_nothing_over_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let config = path("config");
    let arguments = [
        "init",
        "--brokers",
        "kafka-1:9092,kafka-2:9092",
        "--topic",
        "events.of-shop",
        "--group",
        "g",
        "--app",
        "my_shop",
        "--appid",
        "wxabcdef0123456789",
        "--secret-file",
        "secrets/shop",
        "--event",
        "订单.\"Paid\"",
    ];
    let said = run(&config, &arguments);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "rules/paid.toml is written",
        &format!("cat > {}", config.join("secrets/shop").display()),
        "next:",
    ]);
    let check = run(&config, &["check", "--settings"]);
    assert_eq!(check.code, Some(0), "{}", check.out);
    check.must_have(&[
        "kafka-1:9092,kafka-2:9092",
        "1 of 1 test passed",
        "ok: 0 errors, 1 warning",
    ]);
    let written = fs::read_to_string(config.join("courier.toml")).unwrap();
    assert!(
        written.contains("secret_file = \"secrets/shop\"") && !written.contains("secret ="),
        "{written}"
    );

    // Once more, and with a single file of it.
    let again = run(&config, &arguments);
    assert_eq!(again.code, Some(1));
    again.must_have(&["courier.toml is there already", "nothing was changed"]);
    assert_eq!(
        fs::read_to_string(config.join("courier.toml")).unwrap(),
        written
    );
    fs::create_dir_all(path("other/rules")).unwrap();
    fs::write(path("other/rules/mine.toml"), "").unwrap();
    let beside = run(&config, &["init", path("other").to_str().unwrap(), "--yes"]);
    assert_eq!(beside.code, Some(1));
    beside.must_have(&["other/rules is there already"]);
    assert!(!path("other/courier.toml").exists());

    let wrong = run(&path("third"), &["init", "--appid", "gh_0123456789ab"]);
    assert_eq!(wrong.code, Some(1));
    wrong.must_have(&["third/courier.toml", "original id", "nothing was written"]);
    assert!(!path("third").exists());
    for flags in [["--app", "My-Shop"], ["--event", "order.*"]] {
        let refused = run(&path("third"), &["init", flags[0], flags[1]]);
        assert_eq!(refused.code, Some(2), "{flags:?}: {}", refused.err);
    }
}

#[test]
fn what_a_proposal_leaves_open_fails_the_check_until_it_is_written() {
    let folder = copied_sample();
    let event = r#"{"id":"c1","type":"class.changed","openid":"oUser0000001","course":{"title":"少儿自由泳"},"teacher":"王芳"}"#;
    let new_by = |template: &str, event: &str, more: &[&str]| {
        let arguments = ["rules", "new", "--template", template, "--event", "-"];
        run_with_input(
            folder.path(),
            &[&arguments, more].concat(),
            event.as_bytes(),
        )
    };
    let new = |more: &[&str]| new_by("class_starting", event, more);
    let said = new(&["shop/changed"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "rules/shop/changed.toml is written",
        "少儿自由泳",
        "to be looked at:",
        "date2 (上课时间): the time of the event: is it this one?",
        "still to be written",
        "thing5 (温馨提示): no field of the sample fits; it takes a text of at most 20 characters",
    ]);
    let check = run(folder.path(), &["check"]);
    assert_eq!(check.code, Some(1));
    check.must_have(&[
        "rule shop/changed: params.thing4: this is still to be written: it says TODO",
        "2 errors",
    ]);
    let rule = folder.path().join("rules/shop/changed.toml");
    let written = fs::read_to_string(&rule).unwrap();
    // A person writes it, and the test of the sample holds.
    fs::write(&rule, written.replace("{{ TODO }}", "请提前到场")).unwrap();
    let check = run(folder.path(), &["check"]);
    assert_eq!(check.code, Some(0), "{}", check.out);
    check.must_have(&["4 rules", "11 of 11 tests passed"]);

    let again = new(&["shop/changed"]);
    assert_eq!(again.code, Some(1));
    again.must_have(&["changed.toml is there already: nothing was changed"]);
    for (name, told) in [
        ("Shop", "no name of a rule"),
        ("../up", "no name of a rule"),
        ("/a", "no name of a rule"),
    ] {
        let said = new(&[name]);
        assert_eq!(said.code, Some(1), "{name}");
        said.must_have(&[told]);
    }
    let said = new_by("clas_starting", event, &[]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["no template clas_starting; did you mean `class_starting`?"]);
    let said = new_by("class_starting", r#"{"a": 1}"#, &[]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["the sample is no event"]);
}

#[test]
fn every_command_has_a_manual_page_with_its_examples_and_shells_complete_it() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let said = run(folder.path(), &["man", "--to", pages.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let page = fs::read_to_string(pages.join("wx-courier-rules-new.1")).unwrap();
    for text in [
        ".SH EXAMPLES",
        "rules new \\-\\-template order_completed",
        ".SH \"EXIT STATUS\"",
        "\"wx\\-courier 0",
    ] {
        assert!(
            page.contains(text) || page.contains(&text.replace("\\-", "-")),
            "{text} not in\n{page}"
        );
    }
    let root = fs::read_to_string(pages.join("wx-courier.1")).unwrap();
    assert!(root.contains("wx\\-courier\\-rules(1)"), "{root}");
    let one = run(folder.path(), &["man", "rules", "new"]);
    assert_eq!(one.out.trim_end(), page.trim_end());
    let unknown = run(folder.path(), &["man", "rulez"]);
    assert_eq!(unknown.code, Some(1));
    unknown.must_have(&["no command rulez; did you mean `rules`?"]);
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]);
        assert_eq!(script.code, Some(0), "{}", script.err);
        for word in ["wx-courier", "secret-file", "explain"] {
            assert!(script.out.contains(word), "{shell}: {word}");
        }
    }
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let script = run(folder.path(), &["completions", "bash"]).out;
    bash.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(bash.wait().unwrap().success());
}
