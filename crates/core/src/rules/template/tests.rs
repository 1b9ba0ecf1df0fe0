//! What a template may give, what it may cost, and what its errors say.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::rules::context::{Belongings, EventValues, root};
use crate::testing;

fn values(data: serde_json::Value) -> Value {
    let event = testing::event("order.completed", data);
    root(
        &EventValues::of(&event).unwrap(),
        &Arc::new(Belongings {
            tables: Tables::new(),
            time_zone: TimeZone::UTC,
        }),
    )
}

fn rendered(template: &str, data: serde_json::Value) -> Result<String, Failure> {
    Text::compile("thing1", template, &Tables::new())
        .unwrap()
        .render(&values(data))
}

fn detail(template: &str, data: serde_json::Value) -> String {
    rendered(template, data).unwrap_err().detail
}

#[test]
fn only_text_and_numbers_become_text() {
    let data = json!({ "a": 1, "f": 2.50, "t": "x", "b": true, "l": [1], "o": {}, "n": null });
    for (template, expected) in [
        ("{{ data.a }}", "1"),
        ("{{ data.f }}", "2.5"),
        ("{{ data.a / 2 }}", "0.5"),
        ("{{ data.a * 4 / 2 }}", "2"),
        ("{{ data.t }}-{{ data.a }}", "x-1"),
    ] {
        assert_eq!(
            rendered(template, data.clone()).as_deref(),
            Ok(expected),
            "{template}"
        );
    }
    for (template, expected) in [
        ("{{ data.b }}", "found true or false"),
        ("{{ data.l }}", "found a list"),
        ("a {{ data.o }}", "found an object"),
    ] {
        let found = detail(template, data.clone());
        assert!(found.contains(expected), "{template}: {found}");
    }
}

#[test]
fn an_error_names_what_is_missing() {
    let data = json!({ "n": null, "u": {}, "l": [] });
    for (template, expected) in [
        ("{{ data.n }}", "`data.n` is null"),
        ("{{ data.openid }}", "`data.openid` is not in the event"),
        (
            "x {{ data.u.name | upper }}",
            "`data.u.name` is not in the event",
        ),
        ("{{ data.n.name }}", "null"),
        ("{{ data.l[0].name }}", "`data.l[0]` is not in the event"),
        ("{{ 'a' ~ data.n }}", "a value is null, in `'a' ~ data.n`"),
        (
            "{% if data.n %}x{% endif %}",
            "a value is null, in `if data.n`",
        ),
        ("{{ 'a' if data.l }}", "a value is null, in `'a' if data.l`"),
        ("{{ subject }}", "`subject` is null"),
    ] {
        let failure = rendered(template, data.clone()).unwrap_err();
        assert_eq!(failure.reason, Reason::ValueMissing, "{template}");
        assert!(
            failure.detail.contains(expected),
            "{template}: {}",
            failure.detail
        );
    }
}

#[test]
fn errors_do_not_show_values() {
    let data = json!({ "v": "13812345678", "n": 170_141_183_460_469_231_i64 });
    for template in [
        "{{ data.v + 1 }}",
        "{{ data.v | int(default=data) }}",
        "{{ data.v | round }}",
        "{{ data.n ** 9 }}",
        "{{ data.v.x.y }}",
        "{{ -data.v }}",
    ] {
        let Err(failure) = rendered(template, data.clone()) else {
            continue;
        };
        assert!(
            !failure.detail.contains("138") && !failure.detail.contains("1701"),
            "{template}: {}",
            failure.detail
        );
    }
}

#[test]
fn text_of_an_event_is_data() {
    let found = rendered(
        "{{ data.v }} {{ data.v | upper }}",
        json!({ "v": "{{ id }}{% for x in [1] %}" }),
    );
    assert_eq!(
        found.as_deref(),
        Ok("{{ id }}{% for x in [1] %} {{ ID }}{% FOR X IN [1] %}")
    );
}

#[test]
fn work_and_output_are_bounded() {
    for template in [
        "{{ 'x' * 1000000000 }}",
        "{{ ('x' * 1000) * 1000000 }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ range(1000000000) | list | length }}",
        "{{ '%1000000000d' | format(1) }}",
        "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ data.v | replace('', data.v) | replace('', data.v) | replace('', data.v) }}",
        "{{ 'x' | indent(1000000000, true) }}",
        "{{ 7 ** 7 ** 7 ** 7 }}",
        "{{ 'x' * 70000 }}",
        "{{ [1] | batch(1000000000, 'x') | list | length }}x{{ [1] | batch(1000000000, 'x') | first | length }}",
    ] {
        let failure = rendered(template, json!({ "v": "y".repeat(1000) })).unwrap_err();
        assert_eq!(
            failure.reason,
            Reason::RuleError,
            "{template}: {}",
            failure.detail
        );
    }
}

#[test]
fn mistakes_show_without_an_event() {
    let first = |template: &str| {
        Text::compile("thing1", template, &Tables::new())
            .unwrap_err()
            .remove(0)
    };
    for (template, message, help) in [
        (
            "{{ data.a | yuans }}",
            "the filter `yuans` is not known",
            "yuan",
        ),
        (
            "{{ data.a is defned }}",
            "the test `defned` is not known",
            "defined",
        ),
        (
            "{{ today() }}",
            "the function `today` is not known",
            "docs/rules.md",
        ),
        (
            "{{ openid }}",
            "the name `openid` is not known here",
            "data.openid",
        ),
        ("{{ dat.x }}", "the name `dat` is not known here", "`data`"),
        (
            "{{ data.a.upper() }}",
            "the method `upper` is not known",
            "| upper",
        ),
        (
            "{{ data.a | map('uper') }}",
            "the filter `uper` is not known",
            "upper",
        ),
        (
            "{{ debug() }}",
            "the function `debug` is not known",
            "docs/rules.md",
        ),
        ("{{ data.a | safe }}", "the filter `safe` is not known", ""),
    ] {
        let finding = first(template);
        assert_eq!(finding.message, message, "{template}");
        assert!(
            finding.help.unwrap_or_default().contains(help),
            "{template}"
        );
    }
    for template in [
        "{{ data.a",
        "{{ }}",
        "{% if data.a %}x",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% macro x() %}{% endmacro %}",
        "{{ 'a }}",
    ] {
        assert!(
            first(template).message.starts_with("not a template"),
            "{template}: {:?}",
            first(template)
        );
    }
    assert_eq!(first("a\nb\n{{ data.a | nope }}").line, 3);
}

#[test]
fn local_names_are_known() {
    let template = "{% set n = data.l | length %}{% for a, b in data.l %}{{ loop.index }}{{ a }}{{ b }}{{ n }}{% endfor %}";
    assert_eq!(
        rendered(template, json!({ "l": [["x", "y"]] })).as_deref(),
        Ok("1xy1")
    );
}

#[test]
fn conditions() {
    let holds = |source: &str, data: serde_json::Value| {
        Condition::compile(source, &Tables::new())
            .unwrap()
            .holds(&values(data))
            .map_err(|f| f.detail)
    };
    assert_eq!(
        holds(
            "data.a > 0 and type == 'order.completed'",
            json!({ "a": 1 })
        ),
        Ok(true)
    );
    assert_eq!(holds("data.a", json!({ "a": 0 })), Ok(false));
    assert_eq!(holds("data.a is not none", json!({ "a": null })), Ok(false));
    assert_eq!(
        holds("data.b > 0", json!({})),
        Err("`data.b` is not in the event".to_owned())
    );
    assert_eq!(
        holds("data.b", json!({ "b": null })),
        Err("`data.b` is null".to_owned())
    );
    assert!(
        Condition::compile("{{ data.a }}", &Tables::new()).unwrap_err()[0]
            .message
            .contains("without braces")
    );
    assert!(Condition::compile("data.a >", &Tables::new()).is_err());
    assert!(Condition::compile("data.a | nope", &Tables::new()).is_err());
}
