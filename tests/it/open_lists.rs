//! `WeChat` has more types of params and kinds of templates than its pages list. What is not known here must not stand in the way of what is.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use wx_courier_core::wechat::params::{ParamKind, normalise};
use wx_courier_sandbox::{Kind, Template};

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

const COUPON: &str = r#"
on = "coupon.rewarded"
app = "shop"
template = "coupon"
to = "{{ data.openid }}"
[params]
thing1 = "{{ data.name | fit }}"
time2 = "{{ data.from | date }}~{{ data.to | date }}"
thing3 = "对方已领取，回赠您一张同款券"
[[tests]]
event = { data = { openid = "o1", name = "免费打蜡券", from = "2026-08-15T00:00:00+08:00", to = "2027-04-30T23:59:59+08:00" } }
expect = { time2 = "2026年8月15日~2027年4月30日" }
"#;

/// Three programs send dates without a time of day in a `time` param, one of them in production.
#[test]
fn a_time_may_be_a_range_of_dates() {
    let templates = "[shop.coupon]\nid = \"TPL_COUPON\"\ntitle = \"优惠券领取成功提醒\"\nkind = \"one-time\"\nparams = { thing1 = \"优惠券名称\", time2 = \"有效期\", thing3 = \"备注\" }\n";
    let coupon = folder(templates, COUPON);
    let said = run(coupon.path(), &["check"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    said.must_have(&[
        "warning: rule r: tests[0]: test \"1\": time2: WeChat's table asks for a time of day here",
        "1 of 1 test passed",
        "ok: 0 errors, 1 warning",
    ]);
    let wide = folder(templates, &COUPON.replace("}}~{{", "}}～{{"));
    let said = run(wide.path(), &["check"]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    said.must_have(&["param_malformed", "found the full-width `～`"]);
}

/// They share no code, and read the same table.
#[test]
fn the_sandbox_takes_what_we_send() {
    let account = Account::with([("T", Template::default())]);
    for (param, value, is_taken) in [
        ("time1", "2026年8月15日", true),
        ("time1", "2026年8月15日~2027年4月30日", true),
        ("time1", "2026年8月15日～2027年4月30日", false),
        ("time1", "22:00~24:00", true),
        ("time1", "5:01", true),
        ("time1", "2026年8月15日15:01", true),
        ("time1", "24:01", false),
        ("time1", "下午", false),
        ("date1", "2026年8月15日 24:00", true),
        ("date1", "15:01", false),
        ("number1", "-5", true),
        ("number1", "5-", false),
        ("number1", "1,280", false),
        ("amount1", "￥128.50", true),
        ("amount1", "128.50", true),
        ("amount1", "128.50元", true),
        ("amount1", "฿100", true),
        ("amount1", "100万元", false),
        ("amount1", "￥1,280", false),
        ("amount1", "-1", false),
        ("phone_number1", "（010）1234", true),
        ("phone_number1", "请致电", false),
        ("short_thing12", "第一剂（上臂三角肌），左侧", true),
        ("site01", "三楼接种室，电梯左转，请提前十分钟到场候诊", true),
        ("site01", " ", false),
    ] {
        let kind = ParamKind::of(param).unwrap();
        let ours = kind.check(&normalise(value));
        assert_eq!(ours.is_ok(), is_taken, "{param} {value}: {ours:?}");
        let data = json!({ param: { "value": value } });
        let body = json!({ "touser": "o1", "template_id": "T", "data": data });
        let answer = account.post("/cgi-bin/message/subscribe/send", &body);
        let expected = if is_taken { 0 } else { 47003 };
        assert_eq!(answer["errcode"], expected, "{param} {value}: {answer}");
    }
}

#[test]
fn a_service_card_is_marked_and_no_rule_may_name_it() {
    let card = Template {
        title: "课程进度".to_owned(),
        kind: Kind::ServiceCard,
        ..Template::default()
    };
    let account = Account::with([("CARD", card)]);
    let said = account.run(&["templates", "pull", "--yes"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let pulled = account.read("templates.toml");
    assert!(pulled.contains("kind  = \"service-card\""), "{pulled}");
    let rule = "on = \"x\"\napp = \"shop\"\ntemplate = \"template_1\"\nto = \"{{ data.openid }}\"\n[params]\nthing1 = \"a\"\n";
    account.write("rules/r.toml", rule);
    let refused = account.run(&["check"]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.err);
    refused.must_have(&[
        "r.toml:3: error: rule r: template: the template \"template_1\" is a service card: WeChat takes none at message/subscribe/send",
    ]);
    // Where the file does not say it, WeChat does.
    account.write("templates.toml", "[shop.template_1]\nid = \"CARD\"\n");
    assert_eq!(account.run(&["check"]).code, Some(0));
    let said = account.run(&["check", "--remote"]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    said.must_have(&["error: shop.template_1: it is a service card at WeChat"]);
    let data = json!({ "thing1": { "value": "a" } });
    let body = json!({ "touser": "o1", "template_id": "CARD", "data": data });
    let answer = account.post("/cgi-bin/message/subscribe/send", &body);
    assert_eq!(answer["errcode"], 40037);
}
