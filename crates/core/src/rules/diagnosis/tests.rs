//! Every mistake at once, where it stands, and the same verdict as the service's.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::*;
use crate::catalog::{Catalog, Policies};
use crate::document::Problems;
use crate::model::outcome::Reason;
use crate::rules::{RuleSource, Surroundings};
use crate::testing::event;

const CARD: &str = r#"on = "a"
app = "shop"
template = "card"
to = "{{ data.openid }}"
page = "pages/a?id={{ data.no | urlencode }}"
dedupe = "{{ data.no }}"
when = "data.n > 0"
overflow = { thing2 = "trim" }
[params]
character_string1 = "{{ data.no }}"
thing2 = "{{ data.goods }}"
thing3 = """
{{ data.shop | fit(suffix='店') }}"""
amount4 = "{{ data.fen | yuan }}"
"#;

const LINK: &str = r#"on = "b"
app = "shop"
kind = "customer"
to = { js_code = "{{ data.code }}" }
[message]
link = { title = "{{ data.title }}", description = "好", url = "https://example.com/{{ data.no | urlencode }}", thumb_url = "{{ data.thumb }}" }
"#;

fn rules() -> RuleSet {
    rules_of(CARD, LINK)
}

fn rules_of(card: &str, link: &str) -> RuleSet {
    let mut problems = Problems::default();
    let templates = "[shop.card]\nid = \"x\"\nparams = { character_string1 = \"单号\", thing2 = \"商品\", thing3 = \"门店\", amount4 = \"金额\" }";
    let catalog = Catalog::read(&mut problems, "templates.toml", templates).unwrap();
    let source = |(name, text): (&str, &str)| RuleSource {
        file: format!("rules/{name}.toml"),
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: TimeZone::UTC,
    };
    let sources = [("card", card), ("link", link)].map(source);
    RuleSet::compile(&mut problems, &sources, &around).unwrap_or_else(|| panic!("{problems}"))
}

/// A line for each value: its place, its name, and what is found.
fn lines(diagnosis: &Diagnosis) -> Vec<String> {
    let line = |value: &RuleValue| {
        let place = value.place.as_ref().map(ToString::to_string);
        let found = &value.found;
        let why = found.rejection.as_ref().map(|found| found.reason.as_str());
        format!(
            "{} {}={:?} {}",
            place.unwrap_or_default(),
            value.key,
            found.value.as_deref().unwrap_or_default(),
            why.unwrap_or("ok"),
        )
    };
    diagnosis.values.iter().map(line).collect()
}

#[test]
fn every_value_is_shown_with_its_place_also_behind_one_that_fails() {
    let data =
        json!({ "openid": "张三", "no": "单号", "n": 1, "goods": "茶".repeat(30), "fen": "x" });
    let found = rules().diagnose(&event("a", data));
    assert_eq!(found.len(), 1);
    assert_eq!(
        lines(&found[0]),
        [
            "rules/card.toml:6 dedupe=\"单号\" ok".to_owned(),
            "rules/card.toml:4 to=\"张三\" recipient_malformed".to_owned(),
            "rules/card.toml:5 page=\"pages/a?id=%E5%8D%95%E5%8F%B7\" ok".to_owned(),
            "rules/card.toml:10 params.character_string1=\"单号\" param_malformed".to_owned(),
            format!(
                "rules/card.toml:11 params.thing2=\"{}\" ok",
                "茶".repeat(20)
            ),
            "rules/card.toml:12 params.thing3=\"\" value_missing".to_owned(),
            "rules/card.toml:14 params.amount4=\"\" rule_error".to_owned(),
        ]
    );
    let extent = found[0].values[4].found.extent.unwrap();
    assert_eq!((extent.length, extent.limit), (20, Some(20)));
    let reasons: Vec<_> = found[0].faults().iter().map(|it| it.reason).collect();
    // The service renders everything before it checks anything: that is what the outcome would tell.
    assert_eq!(
        reasons,
        [
            Reason::ValueMissing,
            Reason::RecipientMalformed,
            Reason::ParamMalformed,
            Reason::RuleError
        ]
    );
}

#[test]
fn a_when_that_fails_is_told_with_the_rest() {
    let data = json!({ "openid": "o1", "no": "1", "goods": "茶", "shop": "店", "fen": 1 });
    let found = rules().diagnose(&event("a", data));
    assert_eq!(
        lines(&found[0])[0],
        "rules/card.toml:7 when=\"\" value_missing"
    );
    assert_eq!(found[0].faults().len(), 1);
    let unwanted = json!({ "n": 0 });
    assert!(rules().diagnose(&event("a", unwanted)).is_empty());
}

#[test]
fn fields_of_a_customer_message_are_shown_and_a_login_code_is_not() {
    let data = json!({ "code": "secret-code", "title": "", "no": 7, "thumb": "ftp://x" });
    let found = rules().diagnose(&event("b", data));
    assert_eq!(
        lines(&found[0]),
        [
            "rules/link.toml:4 to.js_code=\"\" ok",
            "rules/link.toml:6 message.link.title=\"\" param_empty",
            "rules/link.toml:6 message.link.description=\"好\" ok",
            "rules/link.toml:6 message.link.url=\"https://example.com/7\" ok",
            "rules/link.toml:6 message.link.thumb_url=\"ftp://x\" param_malformed",
        ]
    );
}

#[test]
fn a_value_that_is_a_login_code_is_not_shown() {
    let data = json!({ "code": " secret-code", "title": "secret-code", "no": "secret-code", "thumb": "https://x" });
    let found = rules().diagnose(&event("b", data));
    let shown = format!("{:?}", found[0].values);
    assert!(!shown.contains("secret"), "{shown}");
    assert!(found[0].faults().is_empty(), "{:?}", found[0].faults());
}

#[test]
fn a_condition_that_looks_at_a_login_code_does_not_show_it() {
    let link = LINK.replace("[message]", "when = \"data.code != ''\"\n[message]");
    let data = json!({ "code": "secret-code" });
    let found = rules_of(CARD, &link).consider(&event("b", data));
    let value = &found[0].parts[0].values[0];
    assert_eq!(
        (value.name.as_str(), value.value.as_deref()),
        ("data.code", Some("(hidden)"))
    );
    assert!(!format!("{:?}", found[0].parts).contains("secret"));
}

#[test]
fn a_value_that_was_cut_is_shown_whole_as_well() {
    let long = "茶".repeat(30);
    let data = json!({ "openid": "o1", "no": "1", "n": 1, "goods": long, "shop": long, "fen": 1 });
    let found = rules().diagnose(&event("a", data));
    let whole = |key: &str| {
        let mut values = found[0].values.iter();
        let value = values.find(|value| value.key == key).unwrap();
        let (now, whole) = (&value.found.value, &value.found.whole);
        (now.clone().unwrap(), whole.clone())
    };
    // One by `overflow`, one by `fit`, whose suffix stays.
    assert_eq!(
        whole("params.thing2"),
        ("茶".repeat(20), Some(long.clone()))
    );
    let (fitted, before) = whole("params.thing3");
    assert_eq!(fitted, "茶".repeat(19) + "店");
    assert_eq!(before, Some(long + "店"));
    assert_eq!(whole("params.amount4"), ("￥0.01".to_owned(), None));
}

#[test]
fn what_is_hardly_meant_is_told_of_values_that_fit() {
    let data = json!({ "openid": "o1", "no": "null", "n": 1, "goods": "{ data.goods }", "shop": " ", "fen": 1 });
    let found = rules().diagnose(&event("a", data));
    assert!(found[0].faults().is_empty());
    let doubts: Vec<_> = found[0].doubts().collect();
    assert_eq!(
        doubts,
        [
            ("page", "the customer would see `null`"),
            ("character_string1", "the customer would see `null`"),
            (
                "thing2",
                "`{ data.goods }` is sent as it stands here: no value takes its place"
            ),
            (
                "thing3",
                "the suffix of `fit` stands alone: the text before it is empty"
            ),
        ]
    );
}

/// Whatever an event lacks or has wrong: there is a fault exactly where the service makes no message, and a message has the values shown.
#[test]
fn the_verdict_is_the_services_own() {
    let rules = rules();
    let good = json!({ "openid": "o1", "no": "1", "n": 1, "goods": "茶", "shop": "店", "fen": 1, "code": "c", "title": "好", "thumb": "https://x" });
    let wrong = [
        Json::Null,
        json!(""),
        json!("汉 字"),
        json!([]),
        json!("x".repeat(3000)),
        json!(-1),
    ];
    let mut n_valid = 0;
    for kind in ["a", "b"] {
        for key in good.as_object().unwrap().keys() {
            for value in wrong.iter().chain([&good[key]]) {
                let mut data = good.clone();
                data[key] = value.clone();
                let event = event(kind, data);
                let planned = rules.plan(&event);
                let found = rules.diagnose(&event);
                assert_eq!(planned.len(), found.len(), "{key} {value}");
                for (planned, found) in planned.iter().zip(&found) {
                    assert_eq!(planned.result, found.planned.result);
                    assert_eq!(planned.result.is_ok(), found.faults().is_empty());
                    let has_fault = |value: &RuleValue| value.found.rejection.is_some();
                    assert_eq!(planned.result.is_err(), found.values.iter().any(has_fault));
                    let Ok(made) = &planned.result else { continue };
                    n_valid += 1;
                    for (name, value) in made.shown().content.values() {
                        let mut shown = found.values.iter();
                        let shown = shown.find(|shown| shown.name == name).unwrap();
                        assert_eq!(shown.found.value.as_deref(), Some(value));
                    }
                }
            }
        }
    }
    assert!(n_valid > 20, "{n_valid}");
}
