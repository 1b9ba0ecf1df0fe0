//! Templates find in the tree what is in the event.

use minijinja::Value;
use minijinja::value::ValueKind;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::json::tests::json_text;
use crate::rules::number;

fn value(json: serde_json::Value) -> Value {
    Tree::value_of(&Data::from(json))
}

#[test]
fn null_is_the_same_as_missing() {
    let value = value(json!({ "a": null, "b": [1, null], "c": {}, "d": [] }));
    assert!(value.get_attr("a").unwrap().is_undefined());
    assert_eq!(value.get_attr("b").unwrap().len(), Some(2));
    assert_eq!(value.len(), Some(4));
    assert_eq!(value.get_attr("c").unwrap().kind(), ValueKind::Map);
    assert_eq!(value.get_attr("d").unwrap().kind(), ValueKind::Seq);
    assert!(!value.get_attr("d").unwrap().is_true());
}

#[test]
fn fields_are_sorted_by_their_names() {
    let value = value(json!({ "b": 1, "a": 2, "é": 3, "": 4, "ab": 5 }));
    let names: Vec<String> = value
        .try_iter()
        .unwrap()
        .map(|name| name.to_string())
        .collect();
    assert_eq!(names, ["", "a", "ab", "b", "é"]);
    assert!(value.get_attr("c").unwrap().is_undefined());
}

#[test]
fn long_texts_and_names_are_made_once() {
    let long = "x".repeat(LONG_BYTES);
    let digits = "9".repeat(LONG_BYTES);
    let data = format!(r#"{{"{long}":"{long}","n":{digits},"\u0061":"\u0062"}}"#);
    let value = Tree::value_of(&Data::written(&data));
    let (one, two) = (
        value.get_attr(&long).unwrap(),
        value.get_attr(&long).unwrap(),
    );
    assert_eq!(one.as_str(), Some(long.as_str()));
    assert!(std::ptr::eq(one.as_str().unwrap(), two.as_str().unwrap()));
    assert_eq!(value.get_attr("n").unwrap().as_str(), Some(digits.as_str()));
    assert_eq!(value.get_attr("a").unwrap().as_str(), Some("b"));
}

fn same(found: &Value, json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Null => found.is_undefined(),
        serde_json::Value::Bool(answer) => *found == Value::from(*answer),
        // A power of ten may be written in several ways.
        serde_json::Value::Number(_) if found.as_str().is_some() => {
            serde_json::from_str::<serde_json::Value>(found.as_str().unwrap()).unwrap() == *json
        }
        serde_json::Value::Number(digits) => *found == number::to_value(digits.as_str()),
        serde_json::Value::String(text) => found.as_str() == Some(text),
        serde_json::Value::Array(parts) => {
            let item = |index: usize| found.get_item_by_index(index).unwrap();
            found.len() == Some(parts.len())
                && parts
                    .iter()
                    .enumerate()
                    .all(|(index, part)| same(&item(index), part))
        }
        serde_json::Value::Object(fields) => {
            let names = found.try_iter().unwrap();
            found.kind() == ValueKind::Map
                && names.eq(fields.keys().map(|name| Value::from(name.as_str())))
                && fields
                    .iter()
                    .all(|(name, value)| same(&found.get_attr(name).unwrap(), value))
        }
    }
}

proptest! {
    #[test]
    fn templates_find_what_a_full_reading_finds(text in json_text()) {
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&Tree::value_of(&Data::written(&text)), &json), "{}", text);
    }
}
