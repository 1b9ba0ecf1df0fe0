//! The examples of WeChat's own page, and what may be wrong with them.

use serde_json::json;

use super::super::{Notice, Push, read as read_push};
use super::*;

const PUSHED_S: i64 = 1_699_791_600;
const SINCE_MS: i64 = 1_699_791_599_000;

/// As the page shows it, for this type and detail.
fn pushed(event_type: &Value, detail: &Value) -> Value {
    json!({
        "ToUserName": "gh_1d6c1222test",
        "FromUserName": "oyeHc4gSrT2S8jG2Ll1ZS16rwqQk",
        "CreateTime": PUSHED_S,
        "MsgType": "event",
        "Event": "wxa_punish_event",
        "punish_id": "13577492",
        "appid": "wx54a8eaa26606test",
        "punish_time": 1_699_791_599,
        "illegal_reason": "存在诱导分享行为",
        "illegal_content": ["违规内容测试"],
        "detail": detail,
        "rule_url": "https://developers.weixin.qq.com/miniprogram/product/index.html",
        "rule_name": "《微信小程序平台运营规范》5.行为规范-5.1滥用分享行为",
        "adjust_guide_url": "https://mp.weixin.qq.com/s/73rLZmwPeQ87Q89DYQcfkw",
        "event_type": event_type,
    })
}

fn read_json(push: &Value) -> (Punishment, Vec<Unknown>) {
    let Push {
        notice, unknown, ..
    } = read_push(push.to_string().as_bytes()).unwrap();
    let Notice::Punished(punishment) = notice else {
        panic!("{notice:?}");
    };
    (punishment, unknown)
}

/// The measure of a push with this detail, and what is not known of it.
fn told(event_type: u64, detail: &Value) -> (Measure, Vec<Unknown>) {
    let (punishment, unknown) = read_json(&pushed(&json!(event_type), detail));
    assert_eq!(punishment.id, "13577492");
    assert_eq!(punishment.reason, "存在诱导分享行为");
    (punishment.measure, unknown)
}

fn banned(name: &str, function: Function, term: Term) -> BannedFunction {
    BannedFunction {
        name: name.to_owned(),
        function,
        term,
    }
}

fn lacks(field: &str) -> Unknown {
    Unknown::new(UnknownKind::Field, field)
}

fn days(days: i64) -> Term {
    Term::Until(SINCE_MS + days * DAY_MS)
}

#[test]
fn every_example_of_the_page_is_read() {
    let warning = |threat, deadline_s: i64| {
        Measure::Warning(Warning {
            threat,
            deadline_ms: Some(deadline_s * 1000),
        })
    };
    let names = vec!["分享朋友圈".to_owned(), "客服消息接口".to_owned()];
    for (event_type, detail, expected) in [
        (
            1,
            r#"{"warned_type":1,"rectify_deadline":1699796571,"warned_function_names":[],"warned_ban_days":[3]}"#,
            warning(Threat::Account, 1_699_796_571),
        ),
        (
            1,
            r#"{"warned_type":2,"rectify_deadline":1699796571,"warned_function_names":["分享朋友圈","客服消息接口"],"warned_ban_days":[1,1]}"#,
            warning(Threat::Functions(names), 1_699_796_571),
        ),
        (
            1,
            r#"{"warned_type":3,"rectify_deadline":1699796571,"warned_function_names":[],"warned_ban_days":[1]}"#,
            warning(Threat::TakenDown, 1_699_796_571),
        ),
        (
            2,
            r#"{"banned_days":[1,2],"banned_function_names":["分享朋友圈","客服消息接口"]}"#,
            Measure::Functions(vec![
                banned("分享朋友圈", Function::Other, days(1)),
                banned("客服消息接口", Function::CustomerMessages, days(2)),
            ]),
        ),
        (3, r#"{"suspended_days":1}"#, Measure::TakenDown(days(1))),
        (4, r#"{"banned_days":3}"#, Measure::Account(days(3))),
        (10, r#"{"path":"pages/fengjin/fengjin"}"#, Measure::Page),
        (5, r#"{"path":"pages/fengjin/fengjin"}"#, Measure::Page),
    ] {
        assert_eq!(
            told(event_type, &json!(detail)),
            (expected, vec![]),
            "{detail}"
        );
    }
}

#[test]
fn xml_says_the_same() {
    let xml = r#"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>
        <CreateTime>1699791600</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[wxa_punish_event]]></Event>
        <punish_id><![CDATA[7]]></punish_id><punish_time>1699791599</punish_time>
        <illegal_content><![CDATA[a]]></illegal_content><illegal_content><![CDATA[b]]></illegal_content>
        <detail><![CDATA[{"banned_days":[0],"banned_function_names":["订阅消息接口"]}]]></detail><event_type>2</event_type></xml>"#;
    let push = read_push(xml.as_bytes()).unwrap();
    let expected = Punishment {
        id: "7".to_owned(),
        reason: String::new(),
        measure: Measure::Functions(vec![banned(
            "订阅消息接口",
            Function::SubscribeMessages,
            Term::Forever,
        )]),
    };
    assert_eq!(push.notice, Notice::Punished(expected));
    assert_eq!((push.notice.as_str(), push.unknown), ("punished", vec![]));
}

#[test]
fn what_is_not_told_costs_only_itself() {
    let function = |name| Unknown::new(UnknownKind::Function, name);
    // Numbers as text, one of a list that is too short, one for all, a name that is none.
    let (measure, unknown) = told(
        2,
        &json!(r#"{"banned_days":["7"],"banned_function_names":["订阅消息","支付"]}"#),
    );
    let expected = vec![
        banned("订阅消息", Function::SubscribeMessages, days(7)),
        banned("支付", Function::Other, Term::Untold),
    ];
    assert_eq!(measure, Measure::Functions(expected));
    assert_eq!(unknown, [function("支付"), lacks("banned_days")]);
    let (measure, unknown) = told(
        2,
        &json!({ "banned_days": 2, "banned_function_names": [7, null, "模板消息"] }),
    );
    let expected = vec![
        banned("7", Function::Other, days(2)),
        banned("", Function::Other, days(2)),
        banned("模板消息", Function::SubscribeMessages, days(2)),
    ];
    assert_eq!(measure, Measure::Functions(expected));
    assert_eq!(unknown, [lacks("banned_function_names"), function("7")]);
    let (measure, unknown) = told(2, &json!("no JSON"));
    assert_eq!(measure, Measure::Functions(vec![]));
    assert_eq!(unknown, [lacks("banned_function_names")]);
    let (measure, unknown) = told(4, &json!({ "banned_days": -1 }));
    assert_eq!(measure, Measure::Account(Term::Untold));
    assert_eq!(unknown, [lacks("banned_days")]);
    let (measure, unknown) = told(
        1,
        &json!({ "warned_type": 9, "rectify_deadline": 1_699_796_571_000_i64 }),
    );
    let warning = Warning {
        threat: Threat::Unlisted,
        deadline_ms: None,
    };
    assert_eq!(measure, Measure::Warning(warning));
    let strange = Unknown::new(UnknownKind::Punishment, "warned_type 9");
    assert_eq!(unknown, [strange, lacks("rectify_deadline")]);
    let (measure, unknown) = told(11, &Value::Null);
    assert_eq!(measure, Measure::Unlisted);
    assert_eq!(unknown, [Unknown::new(UnknownKind::Punishment, "11")]);
}

#[test]
fn an_event_with_nothing_but_its_name_is_still_told() {
    let mut push = pushed(&Value::Null, &Value::Null);
    for field in [
        "punish_id",
        "punish_time",
        "illegal_reason",
        "detail",
        "event_type",
    ] {
        push.as_object_mut().unwrap().remove(field);
    }
    let (punishment, unknown) = read_json(&push);
    let expected = Punishment {
        id: String::new(),
        reason: String::new(),
        measure: Measure::Unlisted,
    };
    assert_eq!(punishment, expected);
    assert_eq!(unknown, [lacks("punish_time"), lacks("event_type")]);
    // Days are counted from the push then.
    push["event_type"] = json!("4");
    push["detail"] = json!("{\"banned_days\":\"1\"}");
    let (punishment, _) = read_json(&push);
    let until = Term::Until(PUSHED_S * 1000 + DAY_MS);
    assert_eq!(punishment.measure, Measure::Account(until));
}

#[test]
fn a_long_text_is_cut() {
    let mut push = pushed(&json!(10), &json!("{}"));
    push["illegal_reason"] = json!("违".repeat(LONGEST_TEXT + 1));
    let (punishment, _) = read_json(&push);
    assert_eq!(punishment.reason, "违".repeat(LONGEST_TEXT));
}
