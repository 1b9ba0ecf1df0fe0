//! The same texts are sound as for `serde_json`, and the same is found in them.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::Pointer;
use crate::event::json::view::Seen;

fn is_sound(text: &str) -> bool {
    survey(text, &mut []).is_ok()
}

fn written(text: &str) -> impl Strategy<Value = String> + use<> {
    proptest::string::string_regex(text).unwrap()
}

/// JSON as any producer may write it: with spaces, escapes, names that come again, numbers of any length.
pub(crate) fn json_text() -> impl Strategy<Value = String> {
    let text = || {
        written(
            r#""([a-c/~ \u{e9}\u{1f600}]|\\[nt"\\/bfr]|\\u00[46][1-3]|\\ud83d\\ude0[0-9]){0,4}""#,
        )
    };
    let number = written(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?");
    let leaf = prop_oneof![text(), number, written("true|false|null")];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let space = || written(r"[ \n\t\r]{0,2}");
        let list = proptest::collection::vec((space(), inner.clone()), 0..5);
        let fields = proptest::collection::vec((space(), text(), space(), inner), 0..5);
        prop_oneof![
            (list, space()).prop_map(|(parts, end)| {
                let parts: Vec<_> = parts
                    .iter()
                    .map(|(space, part)| format!("{space}{part}"))
                    .collect();
                format!("[{}{end}]", parts.join(","))
            }),
            (fields, space()).prop_map(|(fields, end)| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(before, name, behind, value)| {
                        format!("{before}{name}{behind}:{behind}{value}")
                    })
                    .collect();
                format!("{{{}{end}}}", fields.join(","))
            }),
        ]
    })
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "1 2",
        "[1 2]",
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "nulls",
        "'a'",
        "\"a",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "]",
        "}",
        "[}",
        "{]",
        "[1}",
        "\u{feff}1",
        "1\u{a0}",
        "\"\\",
    ] {
        assert!(!is_sound(text), "{text:?}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text:?}");
    }
    assert_eq!(survey("[1, x]", &mut []), Err(Fault::Syntax(4)));
}

#[test]
fn what_is_made_of_a_text_is_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(is_sound(&nested(MOST_LEVELS)));
    assert_eq!(
        survey(&nested(MOST_LEVELS + 1), &mut []),
        Err(Fault::TooDeep)
    );
    let objects = format!("{}1{}", "{\"a\":".repeat(128), "}".repeat(128));
    assert_eq!(survey(&objects, &mut []), Err(Fault::TooDeep));
    let list = |n_numbers: usize| format!("[0{}]", ",0".repeat(n_numbers - 1));
    assert!(is_sound(&list(MOST_VALUES - 1)));
    assert_eq!(survey(&list(MOST_VALUES), &mut []), Err(Fault::TooMany));
    let fields = format!("{{\"\":0{}}}", ",\"\":0".repeat(MOST_VALUES / 2));
    assert_eq!(survey(&fields, &mut []), Err(Fault::TooMany));
}

#[test]
fn a_survey_finds_fields_of_the_outermost_object() {
    let text = r#" {"a":{"b":1},"\u0062":[2, {"a":3}] ,"c":"x","a":{ "a":4 }} "#;
    let wanted = |name| Wanted { name, at: None };
    let mut fields = ["a", "b", "c", "d"].map(wanted);
    let found = survey(text, &mut fields).unwrap();
    assert_eq!(text.get(found.whole), Some(text.trim()));
    let counts = Counts {
        values: 17,
        containers: 5,
    };
    assert_eq!(found.counts, counts);
    let places = fields.map(|field| field.at.and_then(|at| text.get(at)));
    let expected = [
        Some(r#"{ "a":4 }"#),
        Some(r#"[2, {"a":3}]"#),
        Some("\"x\""),
        None,
    ];
    assert_eq!(places, expected);
}

#[test]
fn texts_are_read_with_their_escapes() {
    for (quoted_text, expected) in [
        (r#""""#, ""),
        (r#""ab""#, "ab"),
        (r#""\"""#, "\""),
        (r#""a\\""#, "a\\"),
        (r#""\u0061\n\u00e9x\ud83d\ude00""#, "a\néx😀"),
    ] {
        assert_eq!(text_of(quoted_text), expected);
        let behind = format!("{quoted_text},\"more\"");
        assert_eq!(quoted(behind.as_bytes()), quoted_text);
        assert!(
            letters(behind.as_bytes()).eq(expected.bytes()),
            "{quoted_text}"
        );
    }
}

#[test]
fn texts_are_compared_by_what_they_say() {
    let texts = [
        r#""""#,
        r#""\u0061""#,
        r#""a""#,
        r#""ab""#,
        r#""a\u0062c""#,
        r#""\u00e9""#,
        r#""é""#,
        r#""\"""#,
        r#""\\x""#,
        r#""a\"""#,
    ];
    for one in texts {
        for other in texts {
            let expected = text_of(one).cmp(&text_of(other));
            let (behind_one, behind_other) = (format!("{one}:1"), format!("{other},\"x\""));
            assert_eq!(
                compare(behind_one.as_bytes(), behind_other.as_bytes()),
                expected,
                "{one} {other}"
            );
        }
    }
}

/// What a full reading finds, as a view of the text sees it.
fn same(json: Json<'_>, value: &Value) -> bool {
    match (json.seen(), value) {
        (Seen::Null, Value::Null) | (Seen::Bool, Value::Bool(_)) => true,
        (Seen::Number(seen), Value::Number(_)) => {
            serde_json::from_str::<Value>(seen).unwrap() == *value
        }
        (Seen::Text(seen), Value::String(text)) => seen == *text,
        (Seen::List, Value::Array(parts)) => {
            let at = |index: usize| json.find(&Pointer::new(&format!("/{index}")).unwrap());
            let is_same = |(index, part)| match at(index) {
                Some(found) => same(found, part),
                None => part.is_null(),
            };
            parts.iter().enumerate().all(is_same) && at(parts.len()).is_none()
        }
        (Seen::Object, Value::Object(fields)) => {
            let last: std::collections::BTreeMap<_, _> = json.fields().collect();
            last.len() == fields.len()
                && last.iter().all(|(name, found)| {
                    fields
                        .get(name.as_ref())
                        .is_some_and(|value| same(*found, value))
                })
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn a_view_sees_what_a_full_reading_finds(text in json_text()) {
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(is_sound(&text));
        prop_assert!(same(Json::of(text.trim()), &value), "{}", text);
    }

    /// Sound or not is the same, also for texts that were broken.
    #[test]
    fn broken_texts_are_broken_for_both(
        text in json_text(),
        at in any::<proptest::sample::Index>(),
        with in written(r#"[\[\]{},:"0-9a-fA-FuU\\ .eE+\-\u{0}]{0,2}"#),
        n_cut in 0..3_usize,
    ) {
        let mut letters: Vec<char> = text.chars().collect();
        let from = at.index(letters.len() + 1);
        let to = (from + n_cut).min(letters.len());
        letters.splice(from..to, with.chars());
        let text: String = letters.into_iter().collect();
        prop_assert_eq!(is_sound(&text), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn pointers_lead_where_they_lead_in_a_full_reading(
        text in json_text(),
        pointer in written(r"(/([a-c]|[a-c]{2}|~0|~1|0|1|01|\+1|)){0,3}"),
    ) {
        let value: Value = serde_json::from_str(&text).unwrap();
        let expected = value.pointer(&pointer).filter(|found| !found.is_null());
        let found = Json::of(text.trim()).find(&Pointer::new(&pointer).unwrap());
        let is_same = match (found, expected) {
            (Some(found), Some(value)) => same(found, value),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        prop_assert!(is_same, "{} in {}", pointer, text);
    }
}
