//! `WeChat` has more types of params and kinds of templates than its pages list. What is not known here must not stand in the way of what is.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wx_courier_sandbox::Kind;

use crate::commands::{Said, run, run_with_input};
use crate::templates::{Account, template};

const COURIER: &str = "[kafka]\nbrokers = \"127.0.0.1:1\"\ntopics = [\"order-events\"]\n[apps.shop]\nappid = \"wx0123456789abcdef\"\nsecret = \"sandbox-secret\"\n";

/// A folder with one rule.
fn folder(templates: &str, rule: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    for (name, text) in [
        ("courier.toml", COURIER),
        ("templates.toml", templates),
        ("rules/r.toml", rule),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn preview(folder: &Path, event: &str) -> Said {
    run_with_input(folder, &["preview", "--event", "-"], event.as_bytes())
}

const VACCINE: &str = r#"
on       = "vaccine.due"
app      = "shop"
template = "vaccine"
to       = "{{ data.openid }}"
[params]
thing1        = "{{ data.vaccine }}"
thing2        = "{{ data.day }}"
short_thing12 = "{{ data.dose }}"
thing5        = "请带好接种本"

[[tests]]
event  = { data = { openid = "o1", vaccine = "乙肝疫苗", day = "2026年9月21日", dose = "第1剂" } }
expect = { short_thing12 = "第1剂" }
"#;

/// Template 6486 of `WeChat`'s library, as its console shows it.
#[test]
fn a_short_thing_is_sent() {
    let vaccine = folder("[shop.vaccine]\nid = \"TPL_VACCINE\"\n", VACCINE);
    let said = run(vaccine.path(), &["check"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.must_have(&["1 of 1 test passed", "ok: 0 errors, 0 warnings"]);
    let event = |dose: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"v1","source":"/t","type":"vaccine.due","data":{{"openid":"oTest0000000000000000000001","vaccine":"乙肝疫苗","day":"2026年9月21日","dose":"{dose}"}}}}"#
        )
    };
    let said = preview(vaccine.path(), &event("第1剂"));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.must_have(&["r: would_send", "\"short_thing12\":{\"value\":\"第1剂\"}"]);
    let said = preview(vaccine.path(), &event("第一剂（上臂三角肌）"));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(!said.out.contains("warning"), "{}", said.out);
    let said = preview(vaccine.path(), &event("第一剂（上臂三角肌）。"));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.must_have(&["warning: short_thing12: WeChat publishes no limit for this type, and 11"]);
}

#[test]
fn types_of_no_list_are_pulled_checked_and_sent() {
    let params = [
        ("thing1", "疫苗"),
        ("short_thing12", "剂次"),
        ("site01", "地点"),
    ];
    let account = Account::with([("VACCINE", template("接种提醒", Kind::OneTime, &params))]);
    let said = account.run(&["templates", "pull", "--yes"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let pulled = account.read("templates.toml");
    for (param, label) in params {
        let is_there =
            |line: &str| line.starts_with(param) && line.contains(&format!("\"{label}\""));
        assert!(pulled.lines().any(is_there), "{param} not in {pulled}");
    }
    account.write(
        "rules/r.toml",
        "on = \"x\"\napp = \"shop\"\ntemplate = \"template_1\"\nto = \"{{ data.openid }}\"\n[params]\nthing1 = \"a\"\nshort_thing12 = \"第1剂\"\nsite01 = \"{{ data.site }}\"\n[[tests]]\nevent = { data = { openid = \"o1\", site = \"三楼接种室，电梯左转，请提前十分钟到场候诊\" } }\n",
    );
    let said = account.run(&["check", "--remote"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.must_have(&[
        "warning: shop.template_1.params.site01: the type of `site01` is in no list",
        "ok: 0 errors, 1 warning",
    ]);
}
