//! `wx-courier grants`, with the service's pages and without a service.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use wx_courier::config::{OnLoss, Secret, Sources, State, StateUrl, load};
use wx_courier::edges::audit::AuditClient;
use wx_courier::edges::clock::Clock;
use wx_courier::edges::holds;
use wx_courier::edges::http;
use wx_courier::edges::http::access::Access;
use wx_courier::edges::http::audit::Auditor;
use wx_courier::edges::listener::Bound;
use wx_courier::edges::store::Store;
use wx_courier::telemetry::Metrics;

use crate::commands::{Said, command, run};
use crate::support::folder::{Rules, add_templates, copy_sample, replace_in, sample_folder};
use crate::support::redis::Redis;
use crate::support::{LIMIT, embedded, kafka};

const OPENID: &str = "oABCD1234567890xyz";
const ORDER_ID: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";

/// The sample configuration, with a state file of its own, for a service on a port where no process listens.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_sample(folder.path(), Rules::Sample);
    let settings = folder.path().join("courier.toml");
    fs::copy(sample_folder().join("courier.toml"), &settings).unwrap();
    let listen = format!("127.0.0.1:{}", kafka::free_port().unwrap());
    replace_in(
        &settings,
        "# [http]\n# listen = \"127.0.0.1:8080\"",
        &format!("[http]\nlisten = \"{listen}\""),
    );
    let file = folder.path().join("state.db");
    // Where a command writes down what it sets.
    embedded::name_in(folder.path(), embedded::shared());
    let state = format!("[state]\nurl = \"sqlite:{}\"\n", file.display());
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{state}{text}")).unwrap();
    folder
}

/// The same, with a state file that a service has left.
pub(crate) fn folder_with_state() -> TempDir {
    let folder = folder();
    let (answers, _said) = mpsc::unbounded_channel();
    let url = StateUrl::Sqlite(folder.path().join("state.db"));
    let remember = Duration::from_hours(1);
    let store = Store::start(
        &State {
            url,
            remember,
            on_loss: OnLoss::Pause,
            left_behind: None,
        },
        "g",
        answers,
    )
    .unwrap();
    store.close(LIMIT);
    folder
}

fn grants(folder: &Path, arguments: &[&str]) -> Said {
    run(folder, &[&["grants"], arguments].concat())
}

fn show(folder: &Path, more: &[&str]) -> Value {
    let arguments = [
        "show", "--app", "shop", "--openid", OPENID, "--format", "json",
    ];
    let said = grants(folder, &[&arguments, more].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.json()
}

fn set(folder: &Path, left: &str, more: &[&str]) -> Said {
    let arguments = ["set", "--app", "shop", "--openid", OPENID];
    let what = ["--template", "order_completed", "--left", left];
    grants(folder, &[&arguments[..], &what[..], more].concat())
}

fn import_input(folder: &Path, input: &str) -> Said {
    let mut child = command(folder, &["grants", "import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap().into()
}

/// The pages of a service, in this process, on the address that the folder's settings name.
struct Pages {
    runtime: Runtime,
    store: Option<Store>,
}

impl Pages {
    fn open(folder: &Path, url: StateUrl) -> Self {
        let sources = Sources {
            folder: folder.to_owned(),
            working_folder: folder.to_owned(),
            environment: std::collections::BTreeMap::new(),
            flags: Vec::new(),
        };
        let loaded = load(&sources);
        let (answers, _said) = mpsc::unbounded_channel();
        let remember = Duration::from_hours(1);
        let store = Store::start(
            &State {
                url,
                remember,
                on_loss: OnLoss::Pause,
                left_behind: None,
            },
            "g",
            answers,
        )
        .unwrap();
        let rules = watch::Sender::new(loaded.rules.unwrap()).subscribe();
        let runtime = Runtime::new().unwrap();
        let settings = loaded.settings.unwrap();
        runtime.block_on(async {
            let bound = Bound {
                socket: TcpListener::bind(settings.http.listen).await.unwrap(),
                seats: 8,
            };
            let access = Access::new(&settings.http);
            let metrics: Arc<Metrics> = Metrics::new().unwrap();
            let holds = holds::open(store.client(), Clock::start(), &StateUrl::Memory);
            let client = AuditClient::of_command(&settings);
            let style = settings.outcomes.recipient;
            let auditor = Auditor::new(Arc::new(client), style, access.has_token());
            http::open(
                bound,
                &access,
                metrics,
                rules,
                (store.client(), holds.client, &StateUrl::Memory),
                auditor,
                Clock::start(),
            );
        });
        Self {
            runtime,
            store: Some(store),
        }
    }

    fn close(mut self) {
        if let Some(store) = self.store.take() {
            store.close(LIMIT);
        }
        self.runtime.shutdown_background();
    }
}

#[test]
fn a_store_without_a_service_is_asked_itself() {
    let folder = folder_with_state();
    let said = set(folder.path(), "3", &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "no service answers at 127.0.0.1:",
        "app shop, user oAB***xyz",
    ]);
    assert!(!said.out.contains(OPENID) && !said.err.contains(OPENID));
    let all = show(folder.path(), &["--plain"]);
    let line = |template: &str, id: &str, n: u64| json!({ "template": template, "template_id": id, "granted": n, "reserved": 0, "used": 0, "left": n });
    // The long-term template needs none.
    let parcel_id = "pVsEvYJLfQd3mKTq0aQvN2yWlR7c1xUoZ9hBt4gSe6k";
    let templates = [
        line("order_completed", ORDER_ID, 3),
        line("shipment_arrived", parcel_id, 0),
    ];
    let expected = json!({ "app": "shop", "openid": OPENID, "templates": templates });
    assert_eq!(all, expected);
    // Setting again changes nothing, and sets what is less.
    set(folder.path(), "3", &[]);
    set(folder.path(), "1", &[]);
    let one = show(folder.path(), &["--template", ORDER_ID]);
    assert_eq!(
        one["templates"],
        json!([line("order_completed", ORDER_ID, 1)])
    );
    assert_eq!(one["openid"], "oAB***xyz");
}

#[test]
fn a_count_that_nothing_uses_is_set_and_said_to_be_unused() {
    let folder = folder_with_state();
    let unused = "warning: nothing uses this count: grants are off for the template order_completed of the app shop";
    let said = set(folder.path(), "3", &["--format", "json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[unused, "help: say grants = \"advise\""]);
    assert_eq!(said.json()["templates"][0]["left"], 3);

    let line = format!("shop,{OPENID},order_completed,2\n");
    let said = import_input(folder.path(), &format!("app,openid,template,left\n{line}"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[unused]);
    let said = grants(
        folder.path(),
        &["show", "--app", "shop", "--openid", OPENID],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "grants are off for the template order_completed of the app shop: nothing is counted",
    ]);

    // Whatever is used is set without a word.
    for (file, old, new) in [
        (
            "templates.toml",
            "[shop.order_completed]\n",
            "[shop.order_completed]\ngrants = \"enforce\"\n",
        ),
        (
            "courier.toml",
            "[apps.shop]\n",
            "[apps.shop]\ngrants = \"advise\"\n",
        ),
    ] {
        let folder = folder_with_state();
        replace_in(&folder.path().join(file), old, new);
        let said = set(folder.path(), "3", &[]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(!said.err.contains("nothing uses"), "{}", said.err);
    }
}

#[test]
fn a_list_in_another_encoding_is_told_which() {
    let folder = folder();
    let import = |bytes: &[u8]| {
        let file = folder.path().join("grants.csv");
        fs::write(&file, bytes).unwrap();
        grants(folder.path(), &["import", file.to_str().unwrap()])
    };
    let head = b"openid,template,left\n";
    // The Chinese characters for tea and order, as a spreadsheet on Windows saves them.
    let said = import(&[&head[..], b"\xb2\xe8,\xb6\xa9\xb5\xa5,2\n"].concat());
    assert_eq!(said.code, Some(1));
    said.must_have(&["grants.csv:2: expected text in UTF-8, and this looks like GBK"]);
    let wide: Vec<u8> = head.iter().flat_map(|byte| [*byte, 0]).collect();
    let said = import(&[&b"\xff\xfe"[..], &wide].concat());
    assert_eq!(said.code, Some(1));
    said.must_have(&["grants.csv:1: ", "this looks like UTF-16"]);
}

/// A program of a user without any rights here, as a service in a container often is.
#[test]
fn a_state_file_that_belongs_to_another_user_is_a_matter_of_rights() {
    let folder = folder_with_state();
    let file = folder.path().join("state.db");
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    // In the folder, since the user may not be able to reach the place of the build.
    let program = folder.path().join("wx-courier");
    let built = Path::new(env!("CARGO_BIN_EXE_wx-courier"));
    if fs::hard_link(built, &program).is_err() {
        fs::copy(built, &program).unwrap();
    }
    mode(&file, if is_root { 0o600 } else { 0o400 });
    mode(folder.path(), 0o755);
    let as_that_user = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.arg("grants").args(arguments).arg("--config");
        command.arg(folder.path()).env_clear();
        if is_root {
            command.uid(65534);
        }
        Said::from(command.output().unwrap())
    };
    let said = as_that_user(&["show", "--app", "shop", "--openid", OPENID]);
    assert_eq!(said.code, Some(1), "{}\n{}", said.out, said.err);
    let rights = "permission denied: the user that runs wx-courier";
    said.must_have(&[
        &format!("state.db cannot be opened as the state file: {rights}"),
        "`ls -la ",
    ]);

    // Nor is a new one made in a folder where the user may make nothing.
    fs::remove_file(&file).unwrap();
    let list = folder.path().join("grants.csv");
    fs::write(
        &list,
        format!("openid,template,left\n{OPENID},order_completed,1\n"),
    )
    .unwrap();
    mode(folder.path(), 0o555);
    let said = as_that_user(&["import", list.to_str().unwrap()]);
    mode(folder.path(), 0o755);
    assert_eq!(said.code, Some(1), "{}\n{}", said.out, said.err);
    said.must_have(&[&format!("state.db cannot be made: {rights}")]);
}

#[test]
fn only_an_import_makes_a_state_file() {
    let folder = folder();
    let file = folder.path().join("state.db");
    let path = file.display().to_string();
    let shown = grants(
        folder.path(),
        &["show", "--app", "shop", "--openid", OPENID],
    );
    for said in [shown, set(folder.path(), "3", &[])] {
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        said.must_have(&["no service answers at", "there is no state file", &path]);
        assert!(!file.exists());
    }
    let input = format!("openid,template,left\n{OPENID},order_completed,7\n");
    let said = import_input(folder.path(), &input);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "1 set\n"));
    said.must_have(&["there is no state file", &path, "a new one is made"]);
    assert_eq!(show(folder.path(), &[])["templates"][0]["left"], 7);
}

#[test]
fn a_table_is_for_people() {
    let folder = folder_with_state();
    set(folder.path(), "12", &[]);
    let said = grants(
        folder.path(),
        &["show", "--app", "shop", "--openid", OPENID],
    );
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        lines,
        [
            "app shop, user oAB***xyz",
            "template          granted  reserved  used  left",
            "order_completed        12         0     0    12",
            "shipment_arrived        0         0     0     0",
        ]
    );
}

#[test]
fn memory_is_only_reached_through_the_service() {
    let folder = folder();
    let settings = folder.path().join("courier.toml");
    let file = folder.path().join("state.db");
    replace_in(&settings, &format!("sqlite:{}", file.display()), "memory:");
    replace_in(
        &settings,
        "[apps.shop]\n",
        "[apps.shop]\ngrants = \"advise\"\n",
    );
    let said = set(folder.path(), "3", &[]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["no service answers at", "memory:", "--at"]);
    let pages = Pages::open(folder.path(), StateUrl::Memory);
    let said = set(folder.path(), "3", &[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(show(folder.path(), &[])["templates"][0]["left"], 3);
    let said = import_input(
        folder.path(),
        &format!("openid,template,left\n{OPENID},order_completed,7\n"),
    );
    assert_eq!((said.code, said.out.as_str()), (Some(0), "1 set\n"));
    assert_eq!(show(folder.path(), &[])["templates"][0]["left"], 7);
    pages.close();
}

#[test]
fn what_is_not_there_is_an_error_that_helps() {
    let folder = folder();
    let said = |arguments: &[&str]| {
        let said = grants(folder.path(), &[&["show"], arguments].concat());
        assert_eq!(said.code, Some(1), "{arguments:?}");
        said.err
    };
    let template = said(&[
        "--app",
        "shop",
        "--openid",
        OPENID,
        "--template",
        "order_complete",
    ]);
    assert!(
        template.contains("did you mean `order_completed`?"),
        "{template}"
    );
    let app = said(&["--app", "shopp", "--openid", OPENID]);
    assert!(app.contains("an app `shopp`"), "{app}");
    let openid = said(&["--app", "shop", "--openid", "o 1"]);
    assert!(openid.contains("expected an openid"), "{openid}");
    let kind = said(&[
        "--app",
        "shop",
        "--openid",
        OPENID,
        "--template",
        "class_starting",
    ]);
    assert!(kind.contains("long-term"), "{kind}");
    let at = said(&["--app", "shop", "--openid", OPENID, "--at", "127.0.0.1:9"]);
    assert!(at.contains("no service answers at 127.0.0.1:9"), "{at}");
    assert!(
        !folder.path().join("state.db").exists(),
        "no store is opened for that"
    );
}

#[test]
fn pages_answer_with_the_right_status() {
    let folder = folder();
    let mut redis = Redis::start();
    let pages = Pages::open(folder.path(), StateUrl::Redis(Secret::new(redis.url())));
    let sources = fs::read_to_string(folder.path().join("courier.toml")).unwrap();
    let listen = sources.split("listen = \"").nth(1).unwrap();
    let page = format!("http://{}/grants", listen.split('"').next().unwrap());
    pages.runtime.block_on(async {
        let mark = [("x-wx-courier".parse().unwrap(), "1".parse().unwrap())];
        let http = reqwest::Client::builder()
            .no_proxy()
            .default_headers(mark.into_iter().collect())
            .build()
            .unwrap();
        let query = |more: &str| format!("{page}?app=shop&openid={OPENID}{more}");
        let status = async |request: reqwest::RequestBuilder| {
            request.send().await.unwrap().status().as_u16()
        };
        let put = http.put(query("&template=order_completed&left=2"));
        let answer = put.send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("\"left\":2"), "{answer}");
        let get = http.get(query("&template=order_completed"));
        assert_eq!(get.send().await.unwrap().text().await.unwrap(), answer);
        let asked = http.put(query("&template=order_completed&left=-1"));
        assert_eq!(status(asked).await, 400);
        assert_eq!(status(http.get(query("&template=ordr"))).await, 404);
        assert_eq!(status(http.get(query("&templat=order_completed"))).await, 400);
        assert_eq!(status(http.get(query("&template=class_starting"))).await, 400);
        let row = |template: &str| json!({ "app": "shop", "openid": OPENID, "template": template, "left": 9 });
        let post = |rows: &[Value]| {
            http.post(&page)
                .header("content-type", "application/json")
                .body(serde_json::to_vec(rows).unwrap())
        };
        // One bad row, and nothing is set.
        assert_eq!(status(post(&[row("order_completed"), row("ordr")])).await, 404);
        let get = http.get(query("&template=order_completed"));
        assert_eq!(get.send().await.unwrap().text().await.unwrap(), answer);
        let too_many: Vec<Value> = (0..=http::grants::MOST_ROWS)
            .map(|_| row("order_completed"))
            .collect();
        assert_eq!(status(post(&too_many)).await, 413);
        redis.kill();
        assert_eq!(status(http.get(query(""))).await, 503);
        redis.start_again();
        assert_eq!(status(http.get(query(""))).await, 200);
    });
    pages.close();
}

#[test]
fn an_import_is_checked_before_anything_is_set() {
    let folder = folder_with_state();
    let file = folder.path().join("grants.csv");
    let bad = format!(
        "app,openid,template,left\n\
         shop,{OPENID},order_completed,4\n\
         shop,{OPENID},order_complete,4\n\
         shop,o 1,order_completed,many\n\
         shop,{OPENID}\n\
         shop,{OPENID},{ORDER_ID},5\n\
         cafe,{OPENID},order_completed,1\n"
    );
    fs::write(&file, bad).unwrap();
    let path = file.to_str().unwrap();
    let said = grants(folder.path(), &["import", path]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    said.must_have(&[
        &format!("{path}:3: "),
        "did you mean `order_completed`?",
        &format!("{path}:4: expected an openid: letters, digits, `-` and `_`; left: expected a whole number"),
        &format!("{path}:5: expected 4 columns as in the first line, found 2"),
        &format!("{path}:6: line 2 has the same user and template already"),
        &format!("{path}:7: templates.toml has no template of an app `cafe`"),
        "nothing was set",
    ]);
    assert!(!said.err.contains(OPENID));
    assert_eq!(said.err.lines().count(), 6, "{}", said.err);
    assert_eq!(show(folder.path(), &[])["templates"][0]["left"], 0);
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let folder = folder_with_state();
    let file = folder.path().join("grants.csv");
    let path = file.to_str().unwrap();
    for end in ["\n", "\r\n"] {
        let lines = [
            "app,openid,template,left",
            "",
            "shop,o1,order_completed,4",
            "",
            "",
            "shop,o2,order_completed,many",
            "shop,o1,order_completed,5",
        ];
        fs::write(&file, lines.join(end)).unwrap();
        let said = grants(folder.path(), &["import", path]);
        said.must_have(&[
            &format!("{path}:6: left: expected a whole number"),
            &format!("{path}:7: line 3 has the same user and template already"),
        ]);
    }
}

#[test]
fn many_are_imported_and_a_second_time_changes_nothing() {
    const N_USERS: usize = 1_700;
    let folder = folder();
    let rows: Vec<String> = (0..N_USERS)
        .map(|user| {
            format!(
                "\"oABCD12345678{user:05}\", order_completed ,{}\r\n",
                user % 5
            )
        })
        .collect();
    // As a spreadsheet writes it.
    let input = format!("\u{feff}openid,template,left\r\n{}\r\n", rows.concat());
    for _ in 0..2 {
        let said = import_input(folder.path(), &input);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(0), "1700 set\n"),
            "{}",
            said.err
        );
        let last = format!("oABCD12345678{:05}", N_USERS - 1);
        let arguments = [
            "show", "--app", "shop", "--openid", &last, "--format", "json",
        ];
        let shown = grants(folder.path(), &arguments).json();
        assert_eq!(shown["templates"][0]["left"], (N_USERS - 1) % 5);
    }
}

#[test]
fn the_first_line_has_to_name_the_columns() {
    let folder = folder();
    let refused = |input: &str, why: &str| {
        let said = import_input(folder.path(), input);
        assert_eq!(said.code, Some(1), "{input}");
        said.must_have(&["error: standard input", why, "nothing was set"]);
        assert!(!said.err.contains(OPENID), "{}", said.err);
    };
    refused(
        &format!("{OPENID},order_completed,4\n"),
        "the one of column 1 is none of them",
    );
    refused("openid,template\n", "there is no `left`");
    refused("openid,template,left,left\n", "there are two `left`");
    refused("openid,template,left\n", "nothing after the first line");
    add_templates(folder.path(), "cafe");
    refused("openid,template,left\n", "there is no `app`");
}
