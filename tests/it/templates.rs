//! `templates pull`, `check --remote`, `quota` and `rid` as an operator meets them: the real binary against the sandbox.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wx_courier_sandbox::{App, Kind, Sandbox, Settings, Template};

use crate::commands::{Said, command};
use crate::support::embedded;
use crate::support::folder::{APPID, SECRET};

const PAID: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
const SENT: &str = "pVsEvYJLfQd3mKTq0aQvN2yWlR7c1xUoZ9hBt4gSe6k";

/// A sandbox that WeChat's side of a test lives in, and a folder that ours lives in.
pub(crate) struct Account {
    folder: TempDir,
    sandbox: Option<Sandbox>,
    runtime: Runtime,
}

impl Account {
    /// WeChat has these templates; ours has settings, no `templates.toml`, and one rule where a test writes it.
    pub(crate) fn with(templates: impl IntoIterator<Item = (&'static str, Template)>) -> Self {
        let runtime = Runtime::new().unwrap();
        let app = App {
            secret: SECRET.to_owned(),
            templates: templates
                .into_iter()
                .map(|(id, template)| (id.to_owned(), template))
                .collect(),
            daily_quota: Some(1000),
            ..App::default()
        };
        let settings = Settings {
            apps: [(APPID.to_owned(), app)].into(),
            ..Settings::default()
        };
        let sandbox = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Sandbox::start(listener, settings).unwrap()
        });
        let folder = tempfile::tempdir().unwrap();
        let courier = format!(
            "[kafka]\nbrokers = \"{}\"\ntopics = [\"orders\"]\n[state]\nurl = \"memory:\"\n[apps.shop]\nappid = \"{APPID}\"\nsecret = \"{SECRET}\"\nbase_url = \"{}\"\n",
            embedded::shared(),
            sandbox.base_url()
        );
        fs::write(folder.path().join("courier.toml"), courier).unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        Self {
            folder,
            sandbox: Some(sandbox),
            runtime,
        }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command where no user sits at a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        command(self.folder.path(), arguments)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
            .into()
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the API answers to a POST that another program makes with a token of its own.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let base_url = self.sandbox.as_ref().unwrap().base_url();
        let ask = async |path: String, body: &Value| -> Value {
            let request = reqwest::Client::new().post(format!("{base_url}{path}"));
            let response = request.body(body.to_string()).send().await.unwrap();
            serde_json::from_str(&response.text().await.unwrap()).unwrap()
        };
        self.runtime.block_on(async {
            let credentials =
                json!({ "grant_type": "client_credential", "appid": APPID, "secret": SECRET });
            let token = ask("/cgi-bin/stable_token".to_owned(), &credentials).await;
            let token = token["access_token"].as_str().unwrap();
            ask(format!("{path}?access_token={token}"), body).await
        })
    }

    /// WeChat is not to be reached any more.
    fn lose_wechat(&mut self) {
        let sandbox = self.sandbox.take().unwrap();
        self.runtime.block_on(sandbox.shutdown());
    }
}

pub(crate) fn template(title: &str, kind: Kind, params: &[(&str, &str)]) -> Template {
    Template {
        title: title.to_owned(),
        kind,
        params: params.iter().map(|(name, _)| (*name).to_owned()).collect(),
        labels: params
            .iter()
            .map(|(name, label)| ((*name).to_owned(), (*label).to_owned()))
            .collect(),
        ..Template::default()
    }
}

fn paid() -> Template {
    Template {
        enums: [(
            "enum_string3".to_owned(),
            vec!["已付款".to_owned(), "已退款".to_owned()],
        )]
        .into(),
        ..template(
            "付款通知",
            Kind::OneTime,
            &[
                ("time4", "时间"),
                ("thing1", "商品"),
                ("enum_string3", "状态"),
            ],
        )
    }
}

fn sent() -> Template {
    template("VIP发货通知", Kind::LongTerm, &[("thing2", "商品")])
}

const PULL: [&str; 2] = ["templates", "pull"];

#[test]
fn a_first_pull_writes_the_file_and_a_second_has_nothing_to_do() {
    let account = Account::with([(PAID, paid()), (SENT, sent())]);
    // No user can be asked.
    let said = account.run(&PULL);
    assert_eq!(said.code, Some(1));
    said.must_have(&[
        "+ shop.template_1: new, \"付款通知\"",
        "+ shop.vip: new, \"VIP发货通知\"",
        "rename [app.name] as you like",
        "+ enum_string3 = [\"已付款\", \"已退款\"]",
        "nothing was written: say --yes",
    ]);
    assert!(!account.path("templates.toml").exists());

    let said = account.run(&["templates", "pull", "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let text = account.read("templates.toml");
    // In WeChat's order, which is not that of the numbers.
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} not in {text}"))
    };
    assert!(
        at("time4") < at("thing1") && at("thing1") < at("enum_string3"),
        "{text}"
    );
    assert!(at("kind  = \"long-term\"") > at("[shop.vip]"), "{text}");

    let said = account.run(&PULL);
    assert_eq!(said.code, Some(0));
    said.must_have(&["templates.toml is up to date: nothing to write"]);
    let left: Vec<_> = fs::read_dir(account.folder()).unwrap().collect();
    assert_eq!(left.len(), 3, "nothing lies beside the file: {left:?}");
}

#[test]
fn what_ops_wrote_stays_and_what_is_gone_is_told() {
    let account = Account::with([(PAID, paid())]);
    let before = format!(
        "# ours\n[shop.bought]\nid = \"{PAID}\" # the main one\ntitle = \"旧\"\n\n[shop.old]\nid = \"{SENT}\"\n"
    );
    account.write("templates.toml", &before);
    let said = account.run(&["templates", "pull", "--yes", "--format", "json"]);
    assert_eq!(said.code, Some(0));
    let report = said.json();
    assert_eq!(report["written"], true);
    let changes: Vec<_> = report["changes"].as_array().unwrap().iter().collect();
    assert_eq!(changes.len(), 2, "{report:#}");
    assert_eq!(
        (&changes[0]["change"], &changes[0]["name"]),
        (&"updated".into(), &"bought".into())
    );
    assert_eq!(
        (&changes[1]["change"], &changes[1]["name"]),
        (&"gone".into(), &"old".into())
    );
    let text = account.read("templates.toml");
    for kept in [
        "# ours",
        "# the main one",
        "[shop.old]",
        "title = \"付款通知\"",
        "[shop.bought.params]",
    ] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }

    // It leaves the file only if that is asked for, and only if no rule uses it.
    let rule = "on = \"x\"\napp = \"shop\"\ntemplate = \"old\"\nto = \"{{ data.openid }}\"\n[params]\nthing2 = \"a\"\n";
    account.write("rules/r.toml", rule);
    let prune = ["templates", "pull", "--prune", "--yes"];
    account
        .run(&prune)
        .must_have(&["! shop.old: gone at WeChat; it stays in the file because rules use it"]);
    let bought = "on = \"x\"\napp = \"shop\"\ntemplate = \"bought\"\nto = \"{{ data.openid }}\"\n[params]\nthing1 = \"a\"\ntime4 = \"12:00\"\nenum_string3 = \"已付款\"\n";
    account.write("rules/r.toml", bought);
    account
        .run(&prune)
        .must_have(&["- shop.old: gone at WeChat, and no rule uses it"]);
    assert!(!account.read("templates.toml").contains("[shop.old]"));
}

#[test]
fn check_remote_finds_drift_and_says_where() {
    let mut account = Account::with([(PAID, paid())]);
    account.write(
        "rules/r.toml",
        "on = \"x\"\napp = \"shop\"\ntemplate = \"paid\"\nto = \"{{ data.openid }}\"\n[params]\nthing1 = \"a\"\ntime4 = \"12:00\"\nenum_string3 = \"已付款\"\n[[tests]]\nevent = { data = { openid = \"o1\" } }\n",
    );
    assert_eq!(account.run(&["templates", "pull", "--yes"]).code, Some(0));
    let pulled = account
        .read("templates.toml")
        .replace("shop.template_1", "shop.paid");
    account.write("templates.toml", &pulled);
    let said = account.run(&["check", "--remote"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.must_have(&["ok: 0 errors, 0 warnings"]);

    // A title misleads people only.
    account.write("templates.toml", &pulled.replace("付款通知", "付款"));
    let said = account.run(&["check", "--remote"]);
    assert_eq!(said.code, Some(0));
    said.must_have(&["warning: shop.paid: WeChat calls it \"付款通知\", here it is \"付款\""]);

    let changed = pulled
        .replace("one-time", "long-term")
        .replace("\"已退款\"", "\"已取消\"")
        + "[shop.gone]\nid = \"GONE\"\n";
    account.write("templates.toml", &changed);
    let said = account.run(&["check", "--remote"]);
    assert_eq!(said.code, Some(1));
    let line = |part: &str| changed.lines().position(|line| line == part).unwrap() + 1;
    let file = account.path("templates.toml");
    let place = |part: &str| format!("{}:{}: error: ", file.display(), line(part));
    said.must_have(&[
        &format!(
            "{}shop.paid: it is one-time at WeChat, long-term here",
            place("[shop.paid]")
        ),
        &format!(
            "{}shop.paid: WeChat does not take \"已取消\" for `enum_string3`",
            place("[shop.paid]")
        ),
        &format!(
            "{}shop.gone: WeChat has no template of this id",
            place("[shop.gone]")
        ),
        "help: `wx-courier templates pull` brings the file up to date",
    ]);
    // Without the flag the command does not ask WeChat.
    assert_eq!(account.run(&["check"]).code, Some(0));

    account.lose_wechat();
    let said = account.run(&["check", "--remote"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["error: apps.shop: WeChat did not tell its templates: there is no token"]);
    let said = account.run(&["templates", "pull", "--yes"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["error: app shop: there is no token"]);
    assert_eq!(account.read("templates.toml"), changed);
}

#[test]
fn a_file_with_mistakes_is_not_touched() {
    let account = Account::with([(PAID, paid())]);
    for (text, told) in [
        ("[shop.x]\nid = = 1\n", "this is not TOML"),
        ("[shop.x]\ntitle = \"x\"\n", "`id` is missing"),
    ] {
        account.write("templates.toml", text);
        let said = account.run(&["templates", "pull", "--yes"]);
        assert_eq!(said.code, Some(64));
        said.must_have(&["templates.toml", told]);
        assert_eq!(account.read("templates.toml"), text);
    }
}

#[test]
fn quota_is_shown_and_cleared_only_on_purpose() {
    let account = Account::with([]);
    let send = "/cgi-bin/message/subscribe/send";
    let said = account.run(&["quota", "--api", send]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&["a day", send, "1,000"]);
    let rows = account
        .run(&["quota", "--api", send, "--format", "json"])
        .json();
    assert_eq!(
        (&rows[0]["daily_limit"], &rows[0]["used"]),
        (&1000.into(), &0.into())
    );

    let said = account.run(&["quota", "clear", "--app", "shop", "--api", send]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["nothing was cleared: say --yes"]);
    for usage in [
        &["quota", "clear", "--app", "shop"][..],
        &["quota", "clear", "--app", "shop", "--all", "--api", send],
        &["quota", "clear", "--all"],
        &["quota", "--api", "subscribe/send"],
    ] {
        assert_eq!(account.run(usage).code, Some(2), "{usage:?}");
    }
    let said = account.run(&["quota", "--app", "club"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["the settings have no app club; there are: shop"]);
}

#[test]
fn clearing_sets_the_count_back_and_is_used_up_after_a_while() {
    let account = Account::with([(SENT, sent())]);
    let send = "/cgi-bin/message/subscribe/send";
    let message =
        json!({ "touser": "oUser1", "template_id": SENT, "data": { "thing2": { "value": "a" } } });
    assert_eq!(account.post(send, &message)["errcode"], 0);
    let used = || {
        account
            .run(&["quota", "--api", send, "--format", "json"])
            .json()[0]["used"]
            .clone()
    };
    assert_eq!(used(), 1);
    let said = account.run(&["quota", "clear", "--app", "shop", "--api", send, "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(used(), 0);
    let all = ["quota", "clear", "--app", "shop", "--all", "--yes"];
    for _ in 0..10 {
        assert_eq!(account.run(&all).code, Some(0));
    }
    let said = account.run(&all);
    assert_eq!(said.code, Some(1));
    said.must_have(&["errcode 48006", "help: clearing is used up for this month"]);
}

#[test]
fn a_request_id_is_explained_without_what_must_not_be_seen() {
    const OPENID: &str = "oABCDEFGHIJKLMNOPQRSTUVWX123";
    let account = Account::with([(SENT, sent())]);
    let message = json!({ "touser": OPENID, "template_id": SENT, "data": {} });
    let refused = account.post("/cgi-bin/message/subscribe/send", &message);
    let errmsg = refused["errmsg"].as_str().unwrap();
    // The whole errmsg will do: that is what people copy.
    let said = account.run(&["rid", errmsg]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "access_token=***",
        "oAB***123",
        "thing2.value is empty",
        "in China",
    ]);
    assert!(!said.out.contains(OPENID), "{}", said.out);
    let plain = account
        .run(&["rid", errmsg, "--plain", "--format", "json"])
        .json();
    let sent = plain["request_body"].as_str().unwrap();
    assert!(sent.contains(OPENID), "{sent}");
    assert!(
        plain["url"].as_str().unwrap().ends_with("access_token=***"),
        "{plain}"
    );

    let said = account.run(&["rid", "61725984-6126f6f9-040f19c4"]);
    assert_eq!(said.code, Some(1));
    said.must_have(&[
        "errcode 76001",
        "help: WeChat does not know this request id",
    ]);
    account
        .run(&["rid", "none"])
        .must_have(&["errcode 76002", "help: this is no request id"]);
}
