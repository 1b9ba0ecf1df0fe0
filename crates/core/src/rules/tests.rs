//! The set as a whole: its index, its version, and that it is all or nothing. What single rules do is in `tests/cases`.

mod version;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::event::{Decoded, Decoding, RunId, Wish, decode};
use crate::message::{Content, sent_first};
use crate::model::Record;
use crate::model::outcome::Reason;
use crate::testing;

const TEMPLATES: &str = "[shop.done]\nid = \"x\"\nparams = { thing1 = \"商品\" }\n[shop.card]\nid = \"y\"\nparams = { thing9 = \"商品\", time4 = \"时间\", amount6 = \"金额\" }\n[shop.bare]\nid = \"z\"";

fn compile(rules: &[(&str, &str)]) -> Result<RuleSet, String> {
    compile_with(rules, TEMPLATES, &Policies::default(), TimeZone::UTC)
}

fn compile_with(
    rules: &[(&str, &str)],
    templates: &str,
    policies: &Policies,
    time_zone: TimeZone,
) -> Result<RuleSet, String> {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", templates).unwrap();
    let apps = BTreeSet::from(["shop".to_owned()]);
    let around = Surroundings {
        apps: &apps,
        catalog: &catalog,
        policies,
        time_zone,
    };
    let source = |(name, text): &(&str, &str)| RuleSource {
        file: format!("rules/{name}.toml"),
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    let sources: Vec<_> = rules.iter().map(source).collect();
    RuleSet::compile(&mut problems, &sources, &around).ok_or_else(|| problems.to_string())
}

fn rule(on: &str) -> String {
    format!(
        "on = {on}\napp = \"shop\"\ntemplate = \"done\"\nto = \"{{{{ data.openid }}}}\"\n[params]\nthing1 = \"茶\"\n[[tests]]\nevent = {{ type = \"a\", data = {{ openid = \"o1\" }} }}"
    )
}

fn event(kind: &str) -> Event {
    testing::event(kind, json!({ "openid": "o1" }))
}

fn planned(set: &RuleSet, kind: &str) -> Vec<String> {
    set.plan(&event(kind))
        .iter()
        .map(|planned| planned.rule.name.to_string())
        .collect()
}

#[test]
fn an_event_meets_its_rules_in_the_order_of_their_names() {
    let rules = [
        ("z/exact", rule("\"a\"")),
        ("m", rule("\"a*\"")),
        ("list", rule("[\"a\", \"a\", \"a.*\"]")),
        ("other", rule("\"b\"")),
    ];
    let rules: Vec<_> = rules
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let set = compile(&rules).unwrap();
    assert_eq!(planned(&set, "a"), ["list", "m", "z/exact"]);
    assert_eq!(planned(&set, "a.b"), ["list", "m"]);
    assert_eq!(planned(&set, "b"), ["other"]);
    assert_eq!(planned(&set, "c"), Vec::<String>::new());
}

#[test]
fn a_replayed_event_meets_the_rules_that_are_meant_and_is_sent_again_only_on_purpose() {
    let both = rule("\"a\"");
    let set = compile(&[("one", &both), ("two", &both)]).unwrap();
    let ids = |wish| {
        let event = Event { wish, ..event("a") };
        let planned = set.plan(&event);
        let ids = planned.into_iter().map(|planned| planned.message_id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(Wish::default()), ["one|s|e1", "two|s|e1"]);
    let mut wish = Wish {
        rules: vec!["two".into(), "gone".into()],
        again: None,
    };
    assert_eq!(ids(wish.clone()), ["two|s|e1"]);
    wish.again = Some(RunId::new(0, 7));
    let again = ids(wish);
    assert_eq!(again, ["two|s|e1#again-19700101T000000Z-000007"]);
    assert_eq!(sent_first(&again[0]), "two|s|e1");
    for other in ["two|s|e1", "two|s|e1#again-", "two|s|#again-yesterday"] {
        assert_eq!(sent_first(other), other);
    }
}

#[test]
fn one_bad_rule_stops_the_whole_set_and_every_mistake_is_told() {
    let good = rule("\"a\"");
    let problems = compile(&[
        ("good", &good),
        ("bad", "on = 1"),
        ("worse", "on = "),
        ("Not_Lower", &good),
    ])
    .unwrap_err();
    for expected in [
        "rules/bad.toml:1: error: rule bad: on: expected",
        "rules/worse.toml:1: error: rule worse: this is not TOML",
        "rule Not_Lower: the name of a rule",
    ] {
        assert!(
            problems.contains(expected),
            "{expected}\nnot in\n{problems}"
        );
    }
}

#[test]
fn a_rate_is_a_table() {
    let with = |rate: &str| compile(&[("r", &format!("rate = {rate}\n{}", rule("\"a\"")))]);
    let rate = with("{ per_second = 0.5, burst = 3 }").unwrap().rules()[0]
        .rate
        .unwrap();
    assert_eq!(
        (rate.per_second.to_string(), rate.burst.get()),
        ("0.5".to_owned(), 3)
    );
    assert_eq!(
        with("{ per_second = 50 }").unwrap().rules()[0]
            .rate
            .unwrap()
            .burst
            .get(),
        1
    );
    assert!(
        with("{ burst = 1 }")
            .unwrap_err()
            .contains("`per_second` is missing")
    );
    assert!(
        with("{ per_second = 0 }")
            .unwrap_err()
            .contains("above zero")
    );
    assert!(
        with("{ per_second = 1, burst = 0 }")
            .unwrap_err()
            .contains("out of range")
    );
}

#[test]
fn a_failing_test_says_what_it_found() {
    let text = format!(
        "{}\nexpect = {{ thing1 = \"咖啡\" }}\nexpect_to = \"o2\"",
        rule("\"a\"")
    );
    let set = compile(&[("r", &text)]).unwrap();
    let results = set.run_tests();
    assert_eq!(
        results[0].failures,
        [
            "thing1: expected \"咖啡\", found \"茶\"",
            "to: expected \"o2\", found \"o1\""
        ]
    );
    let problem = results[0].problems().next().unwrap().to_string();
    assert_eq!(
        problem,
        "rules/r.toml:7: error: rule r: tests[0]: test \"1\" failed: thing1: expected \"咖啡\", found \"茶\""
    );
}

#[test]
fn a_test_may_say_what_is_around_its_event() {
    let text = rule("\"a\"")
        .replace(
            "\"茶\"",
            "\"{{ ext.tenant }}{{ ext.n }}{{ headers['X-User'] }}{{ key }}{{ topic }}{{ record_time }}\"",
        )
        .replace(
            "data = {",
            "ext = { tenant = \"cn\", n = 7 }, headers = { x-user = \"u\" }, key = \"k\", topic = \"o\", record_time = \"2026-11-22T16:30:00+08:00\", data = {",
        );
    let text =
        format!("overflow = \"trim\"\n{text}\nexpect = {{ thing1 = \"cn7uko2026-11-22T08:\" }}");
    let results = compile(&[("r", &text)]).unwrap().run_tests();
    assert_eq!(results[0].failures, Vec::<String>::new());
}

#[test]
fn data_that_cannot_be_read_ends_every_rule_and_a_hint_follows_what_is_missing() {
    let set = compile(&[("one", &rule("\"a\"")), ("two", &rule("\"a\""))]).unwrap();
    let details = |data: &str| {
        let value = format!(r#"{{"specversion":"1.0","id":"e1","source":"s","type":"a",{data}}}"#);
        let record = Record {
            value: Some(value.into_bytes()),
            ..a_record()
        };
        let Decoded::Event(event) = decode(&Decoding::default(), &Arc::new(record), 0) else {
            panic!("an event");
        };
        let planned = set.plan(&event);
        let ids = planned.iter().map(|planned| planned.message_id.as_str());
        assert_eq!(ids.collect::<Vec<_>>(), ["one|s|e1", "two|s|e1"]);
        let rejections = planned
            .into_iter()
            .map(|planned| planned.result.unwrap_err());
        let reasons: Vec<_> = rejections
            .map(|rejection| (rejection.reason, rejection.detail))
            .collect();
        assert_eq!(reasons[0], reasons[1]);
        reasons[0].clone()
    };
    let (reason, detail) = details(r#""data_base64":"?""#);
    assert_eq!(
        (reason, detail.as_str()),
        (Reason::EventMalformed, "`data_base64` is not base64")
    );
    let (reason, detail) = details(r#""datacontenttype":"image/png","data_base64":"AP8=""#);
    assert_eq!(reason, Reason::ValueMissing);
    assert!(
        detail.contains("`data.openid` is null; the event's data is image/png"),
        "{detail}"
    );
}

fn decoded(record: Record) -> Event {
    match decode(&Decoding::default(), &Arc::new(record), 0) {
        Decoded::Event(event) => *event,
        other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
    }
}

fn headed(headers: &[(&str, &[u8])]) -> Record {
    let own = |(name, value): &(&str, &[u8])| ((*name).to_owned(), Some(value.to_vec()));
    Record {
        headers: headers.iter().map(own).collect(),
        value: Some(br#"{"openid":"o1"}"#.to_vec()),
        ..a_record()
    }
}

#[test]
fn a_record_that_was_published_again_has_the_message_id_of_the_first_time() {
    let dedupe = "dedupe = \"{{ headers | length }}{{ headers['wx-courier-replay-of'] | default('no') }}{{ id }}\"\n";
    let set = compile(&[("r", &format!("{dedupe}{}", rule("\"a\"")))]).unwrap();
    let id = |record| set.plan(&decoded(record))[0].message_id.clone();
    let first = headed(&[("ce_type", b"a"), ("x", b"1")]);
    let wish = Wish {
        rules: vec!["r".into()],
        again: None,
    };
    let again = crate::event::republished(first.clone(), &wish);
    assert!(again.headers.len() > first.headers.len());
    assert_eq!(id(first), "r|orders|2noorders/0/0");
    assert_eq!(id(again), "r|orders|2noorders/0/0");
}

#[test]
fn of_headers_with_one_name_the_first_counts() {
    let dedupe = "dedupe = \"{{ headers.X }}{{ headers.x }}{{ ext.n }}{{ headers.gbk | default('no') }}{% for name in headers %}{{ name }}{% endfor %}\"\n";
    let set = compile(&[("r", &format!("{dedupe}{}", rule("\"a\"")))]).unwrap();
    let record = headed(&[
        ("ce_type", b"a"),
        ("x", b"1"),
        ("X", b"2"),
        ("ce_n", b"3"),
        ("CE_N", b"4"),
        ("gbk", b"\xb2\xe8"),
    ]);
    let planned = set.plan(&decoded(record));
    assert_eq!(planned[0].message_id, "r|orders|113noce_typexXce_nCE_Ngbk");
}

#[test]
fn what_a_record_says_is_copied_once_however_often_it_is_named() {
    let long = [b'x'; 1000];
    let record = Record {
        key: Some(long.to_vec()),
        ..headed(&[("ce_type", b"a"), ("x", &long)])
    };
    let values = EventValues::of(&decoded(record)).unwrap();
    let belongings = Arc::new(Belongings {
        tables: BTreeMap::default(),
        time_zone: TimeZone::UTC,
    });
    let said = || {
        let root = context::root(&values, &belongings);
        let header = root.get_attr("headers").unwrap().get_attr("x").unwrap();
        [root.get_attr("key").unwrap(), header]
    };
    for (one, other) in said().iter().zip(&said()) {
        let lies_at = |value: &minijinja::Value| value.as_str().unwrap().as_ptr();
        assert_eq!(lies_at(one), lies_at(other));
    }
}

fn a_record() -> Record {
    Record {
        topic: Arc::from("orders"),
        partition: 0,
        offset: 0,
        key: None,
        headers: Vec::new(),
        value: None,
        timestamp_ms: Some(0),
    }
}

#[test]
fn params_come_in_the_order_of_the_card() {
    let order_of = |template: &str| {
        let text = rule("\"a\"")
            .replace("\"done\"", &format!("\"{template}\""))
            .replace(
                "thing1 = \"茶\"",
                "amount6 = \"￥1\"\nthing9 = \"茶\"\ntime4 = \"15:01\"",
            );
        let set = compile(&[("r", &text)]).unwrap();
        let planned = set.plan(&event("a"));
        let made = planned[0].result.as_ref().unwrap();
        let Content::Subscribe(card) = &made.shown().content else {
            panic!("no card: {made:?}");
        };
        let names = card.params.iter().map(|(name, _)| name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(order_of("card"), ["thing9", "time4", "amount6"]);
    // Where the catalog does not say it, by their numbers.
    assert_eq!(order_of("bare"), ["time4", "amount6", "thing9"]);
}
