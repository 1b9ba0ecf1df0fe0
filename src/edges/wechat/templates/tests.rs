//! Answers in the shapes that are documented and were seen.

use serde_json::json;

use super::*;

fn check_one(entry: &Value) -> Result<Listed, String> {
    listed_in(entry)
}

#[test]
fn a_template_is_read_line_by_line() {
    let entry = json!({
        "priTmplId": "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU",
        "title": "会议提醒",
        "content": "会议时间:{{date2.DATA}}\n会议地点：{{thing1.DATA}}\n 状态 :{{enum_string3.DATA}}\n",
        "example": "会议时间:2026年11月22日 15:01\n会议地点：A 座\n",
        "type": 2,
        "keywordEnumValueList": [
            { "keywordCode": "enum_string3.DATA", "enumValueList": ["开始", "取消"] },
        ],
    });
    let param = |name: &str, label: &str, example: Option<&str>| ListedParam {
        name: name.to_owned(),
        label: label.to_owned(),
        example: example.map(str::to_owned),
    };
    let listed = check_one(&entry).unwrap();
    assert_eq!(
        listed.params,
        [
            param("date2", "会议时间", Some("2026年11月22日 15:01")),
            param("thing1", "会议地点", Some("A 座")),
            param("enum_string3", "状态", None),
        ]
    );
    assert_eq!(
        (listed.title.as_str(), listed.kind),
        ("会议提醒", Some(TemplateKind::OneTime))
    );
    assert_eq!(listed.enums["enum_string3"], ["开始", "取消"]);
}

#[test]
fn examples_of_two_params_with_one_label_stay_apart() {
    let entry = json!({
        "priTmplId": "A", "title": "", "type": "3",
        "content": "备注:{{thing1.DATA}}\n备注:{{thing2.DATA}}",
        "example": "备注:一\r\n备注:二\r\n",
    });
    let listed = check_one(&entry).unwrap();
    let examples: Vec<_> = listed
        .params
        .iter()
        .map(|param| param.example.as_deref())
        .collect();
    assert_eq!(examples, [Some("一"), Some("二")]);
    assert_eq!(listed.kind, Some(TemplateKind::LongTerm));
}

#[test]
fn what_cannot_be_read_is_told_and_the_others_are_read() {
    let entry =
        |content: &str| json!({ "priTmplId": "A", "title": "x", "content": content, "type": 2 });
    for (content, why) in [
        ("{{}}", "its content has {{}}, which is no {{thing1.DATA}}"),
        ("plain text", "its content names no param"),
        (
            "a:{{thing1.DATA",
            "its content has an open {{ without its }}",
        ),
        (
            "a:{{thing1}}",
            "its content has {{thing1}}, which is no {{thing1.DATA}}",
        ),
        (
            "a:{{thing1.DATA}}b:{{thing1.DATA}}",
            "its content has thing1 twice",
        ),
    ] {
        assert_eq!(check_one(&entry(content)).unwrap_err(), why);
    }
    let mut bad_enums = entry("a:{{enum_string1.DATA}}");
    bad_enums["keywordEnumValueList"] = json!([{ "keywordCode": "enum_string1.DATA" }]);
    let good = entry("a:{{thing1.DATA}}");
    let answer = json!({ "errcode": 0, "data": [bad_enums, good, { "title": "no id" }] });
    let listing = listing_in(&answer).unwrap();
    assert_eq!(listing.templates.len(), 1);
    let whys: Vec<_> = listing
        .unreadable
        .iter()
        .map(|entry| entry.why.as_str())
        .collect();
    assert_eq!(
        whys,
        [
            "an entry of its keywordEnumValueList cannot be read",
            "it has no priTmplId"
        ]
    );
}

#[test]
fn a_template_without_a_value_is_a_service_card() {
    for content in ["", " \n"] {
        let entry = json!({ "priTmplId": "A", "title": "点餐进度", "content": content, "type": 2 });
        let listed = check_one(&entry).unwrap();
        assert_eq!(listed.kind, Some(TemplateKind::ServiceCard));
        assert!(listed.params.is_empty());
    }
    let by_tid =
        json!({ "priTmplId": "A", "content": "a:{{thing1.DATA}}", "type": 2, "tid": 10_000_001 });
    let listed = check_one(&by_tid).unwrap();
    assert_eq!(listed.kind, Some(TemplateKind::ServiceCard));
    let another =
        json!({ "priTmplId": "A", "content": "a:{{thing1.DATA}}", "type": 2, "tid": "6486" });
    let listed = check_one(&another).unwrap();
    assert_eq!(listed.kind, Some(TemplateKind::OneTime));
    // Nothing is concluded from an answer in another shape.
    let no_content = json!({ "priTmplId": "A", "type": 2 });
    assert_eq!(check_one(&no_content).unwrap_err(), "it has no content");
}

#[test]
fn a_type_that_is_not_known_is_kept_as_it_was_written() {
    let with = |kind: Value| {
        let entry = json!({ "priTmplId": "A", "content": "a:{{site01.DATA}}", "type": kind });
        let listed = check_one(&entry).unwrap();
        assert_eq!(listed.kind, None);
        listed.other_type
    };
    assert_eq!(with(json!(4)).as_deref(), Some("4"));
    assert_eq!(with(json!("limited")).as_deref(), Some("\"limited\""));
    assert_eq!(with(Value::Null), None);
}

#[test]
fn an_account_may_have_no_templates() {
    for answer in [json!({ "errcode": 0, "data": [] }), json!({ "errcode": 0 })] {
        assert_eq!(listing_in(&answer), Some(Listing::default()));
    }
    assert_eq!(listing_in(&json!({})), None);
    assert_eq!(listing_in(&json!({ "errcode": 0, "data": {} })), None);
}
