//! What each filter gives, and what it says when it cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::rules::context::{Belongings, EventValues, root};
use crate::rules::template::Text;
use crate::testing;

/// What a template under this key gives for an event with this data.
fn rendered(key: &str, template: &str, data: serde_json::Value) -> Result<String, String> {
    let carriers = BTreeMap::from([
        ("SF".to_owned(), "顺丰速运".to_owned()),
        ("7".to_owned(), "七".to_owned()),
    ]);
    let tables = BTreeMap::from([("carriers".to_owned(), carriers)]);
    let text =
        Text::compile(key, template, &tables).map_err(|findings| findings[0].message.clone())?;
    let event = testing::event("t", data);
    let belongings = Arc::new(Belongings {
        tables,
        time_zone: time_zone("Asia/Shanghai").unwrap(),
    });
    text.render(&root(&EventValues::of(&event).unwrap(), &belongings))
        .map_err(|failure| failure.detail)
}

fn check(template: &str, value: serde_json::Value, expected: &str) {
    assert_eq!(
        rendered("thing1", template, json!({ "v": value })).as_deref(),
        Ok(expected),
        "{template}"
    );
}

fn check_error(template: &str, value: serde_json::Value, expected: &str) {
    let found = rendered("thing1", template, json!({ "v": value })).unwrap_err();
    assert!(found.contains(expected), "{template}: {found}");
}

#[test]
fn every_name_on_our_lists_is_known_to_the_engine() {
    // The tests that ask are taken out by `install`.
    let mut asking = Environment::new();
    install(&mut asking);
    asking.add_test("filter", |state: &State<'_, '_>, name: &str| {
        minijinja::tests::is_filter(state, name)
    });
    asking.add_test("test", |state: &State<'_, '_>, name: &str| {
        minijinja::tests::is_test(state, name)
    });
    let asked = |name: &str, what: &str| {
        asking
            .compile_expression_owned(format!("'{name}' is {what}"))
            .unwrap()
            .eval(())
            .unwrap()
            .is_true()
    };
    for name in FILTERS {
        assert!(asked(name, "filter"), "{name}");
    }
    for name in TESTS {
        assert!(asked(name, "test"), "{name}");
    }
    assert!(!asked("safe", "filter") && !asked("pprint", "filter"));
}

const MANUAL: &str = include_str!("../../../../../docs/rules.md");

#[test]
fn the_manual_names_everything_that_is_there() {
    for name in FILTERS.iter().chain(TESTS).chain(FUNCTIONS) {
        assert!(
            MANUAL.contains(&format!("`{name}`")) || MANUAL.contains(&format!("`{name}(")),
            "{name}"
        );
    }
}

#[test]
fn the_examples_of_the_manual_are_true() {
    let mut n_examples = 0;
    for row in MANUAL
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("`{{ '"))
    {
        let row = row.replace("\\|", "\u{1}");
        let cells: Vec<_> = row
            .split('|')
            .map(|cell| cell.replace('\u{1}', "|"))
            .collect();
        let between = |cell: &str| cell.split('`').nth(1).unwrap().to_owned();
        assert_eq!(
            rendered("thing2", &between(&cells[2]), json!({})).as_deref(),
            Ok(between(&cells[3]).as_str())
        );
        n_examples += 1;
    }
    assert!(n_examples >= 4, "found only {n_examples}");
}

#[test]
fn fit() {
    check(
        "{{ data.v | fit }}",
        json!("二十个汉字二十个汉字二十个汉字二十个汉字多"),
        "二十个汉字二十个汉字二十个汉字二十个汉字",
    );
    check("{{ data.v | fit(3) }}", json!("abcdef"), "abc");
    check(
        "{{ data.v | fit(limit=6, suffix='…') }}",
        json!("abcdef"),
        "abcde…",
    );
    check(
        "{{ data.v | fit(suffix=' 等2件') }}",
        json!("a\nb"),
        "a b 等2件",
    );
    check("{{ data.v | fit }}", json!(7), "7");
    check_error("{{ data.v | fit }}", json!(null), "null");
    check_error("{{ data.v | fit(length=3) }}", json!("a"), "length");
    let on = |key: &str| rendered(key, "{{ data.v | fit }}", json!({ "v": "x" })).unwrap_err();
    assert!(on("page").contains("needs a limit"), "{}", on("page"));
    assert!(on("amount1").contains("cannot be cut"), "{}", on("amount1"));
}

#[test]
fn yuan() {
    for (fen, expected) in [
        (json!(12850), "￥128.50"),
        (json!("12850"), "￥128.50"),
        (json!(0), "￥0.00"),
        (json!(5), "￥0.05"),
        (json!("007"), "￥0.07"),
    ] {
        check("{{ data.v | yuan }}", fen, expected);
    }
    check("{{ data.v | yuan(symbol='¥') }}", json!(100), "¥1.00");
    check_error(
        "{{ data.v | yuan }}",
        json!(128.5),
        "a number with a fraction",
    );
    check_error("{{ data.v | yuan }}", json!(-1), "below zero");
    check_error("{{ data.v | yuan }}", json!("12.5"), "no whole number");
    check_error("{{ data.v | yuan }}", json!(true), "true or false");
    check_error(
        "{{ data.missing | yuan }}",
        json!(1),
        "`data.missing` is not in the event",
    );
}

#[test]
fn fromjson() {
    check(
        "{{ (data.v | fromjson).a[0] }}",
        json!(r#" {"a":["茶"]} "#),
        "茶",
    );
    check("{{ data.v | fromjson }}", json!("12.5"), "12.5");
    check(
        "{{ (data.v | fromjson).a | default('-') }}",
        json!(r#"{"a":null}"#),
        "-",
    );
    for (value, expected) in [
        (json!("{"), "found other text"),
        (json!(""), "found other text"),
        (json!({ "a": 1 }), "found an object"),
        (json!(7), "found a number"),
        (json!(null), "null"),
        (json!("[".repeat(200)), "more levels"),
    ] {
        check_error("{{ data.v | fromjson }}", value, expected);
    }
    check_error(
        "{{ (data.v | fromjson).b }}",
        json!("{}"),
        "is not in the event",
    );
}

#[test]
fn moments() {
    for moment in [
        json!("2026-11-22T16:30:00+08:00"),
        json!("2026-11-22T08:30:00.123Z"),
        json!(1_795_336_200),
        json!(1_795_336_200_123_i64),
        json!("1795336200"),
        json!(1_795_336_200.5),
        json!("1795336200.123456789"),
        json!(1_795_336_200_123_456_i64),
        json!(1_795_336_200_123_456_789_i64),
        json!("2026-11-22 16:30:59"),
        json!("2026-11-22T16:30"),
        json!("20261122T163000"),
        json!("+1795336200"),
    ] {
        check(
            "{{ data.v | datetime }}",
            moment.clone(),
            "2026年11月22日 16:30",
        );
        check("{{ data.v | date }}", moment, "2026年11月22日");
    }
    check(
        "{{ data.v | datetime(tz='America/New_York') }}",
        json!(1_795_336_200),
        "2026年11月22日 03:30",
    );
    check("{{ data.v | date }}", json!(0), "1970年1月1日");
    check(
        "{{ data.v | datetime(from='UTC') }}",
        json!("2026-11-22 08:30:00"),
        "2026年11月22日 16:30",
    );
    check(
        "{{ data.v | date(tz='America/New_York', from='UTC') }}",
        json!("2026-11-22"),
        "2026年11月22日",
    );
    // Late in the day in one zone is another day in the next.
    check(
        "{{ data.v | date(from='UTC') }}",
        json!("20261122T200000"),
        "2026年11月23日",
    );
    for no_moment in [
        "2026-11-22",
        "16:30",
        "2026-11-22T16:30[Asia/Shanghai]",
        "+-1",
        "",
    ] {
        check_error(
            "{{ data.v | datetime }}",
            json!(no_moment),
            "expected a time",
        );
    }
    check_error(
        "{{ data.v | date }}",
        json!("22.11.2026"),
        "expected a time",
    );
    check_error("{{ data.v | datetime }}", json!("1.5 s"), "expected a time");
    check_error(
        "{{ data.v | datetime(tz='Mars/Olympus') }}",
        json!(0),
        "time zone is not known",
    );
    check_error(
        "{{ data.v | datetime(tz=data.v) }}",
        json!("2026-11-22T16:30:00Z"),
        "is not known",
    );
}

#[test]
fn mask() {
    check("{{ data.v | mask }}", json!("13812345678"), "138****5678");
    check(
        "{{ data.v | mask(start=1, end=0) }}",
        json!("张三丰"),
        "张**",
    );
    check("{{ data.v | mask }}", json!("1234567"), "1***");
    check(
        "{{ data.v | mask }}",
        json!(13_812_345_678_i64),
        "138****5678",
    );
}

#[test]
fn phone() {
    check(
        "{{ data.v | phone }}",
        json!("＋86 （0571） 8888-6666"),
        "+86(0571)8888-6666",
    );
    check_error("{{ data.v | phone }}", json!("转8001"), "found `转`");
    check_error("{{ data.v | phone }}", json!("86+1"), "found `+`");
}

#[test]
fn default() {
    check("{{ data.v | default('x') }}", json!(null), "x");
    check("{{ data.w | default('x') }}", json!(null), "x");
    check("{{ data.v | default('x') }}", json!(""), "");
    check("{{ data.v | default('x', true) }}", json!(""), "x");
    check("{{ data.v | default('x') }}", json!(0), "0");
}

#[test]
fn lookup() {
    check("{{ data.v | lookup('carriers') }}", json!("SF"), "顺丰速运");
    check("{{ data.v | lookup('carriers') }}", json!(7), "七");
    check(
        "{{ data.v | lookup('carriers', default='其他') }}",
        json!("UPS"),
        "其他",
    );
    check(
        "{{ data.v | lookup('carriers', default='其他') }}",
        json!(null),
        "其他",
    );
    check_error(
        "{{ data.v | lookup('carriers') }}",
        json!("UPS"),
        "no entry `UPS`",
    );
    check_error(
        "{{ data.v | lookup('carrier') }}",
        json!("UPS"),
        "there is no table `carrier`",
    );
    check_error(
        "{{ data.v | lookup(data.v) }}",
        json!("UPS"),
        "there is no table `UPS`",
    );
}

#[test]
fn urlencode() {
    check(
        "{{ data.v | urlencode }}",
        json!("a b/单&c=1~"),
        "a%20b%2F%E5%8D%95%26c%3D1~",
    );
}

#[test]
fn none_means_null_and_missing() {
    check(
        "{{ 'yes' if data.v is none else 'no' }}",
        json!(null),
        "yes",
    );
    check("{{ 'yes' if data.w is none else 'no' }}", json!(1), "yes");
    check("{{ 'yes' if data.v is none else 'no' }}", json!(0), "no");
}
