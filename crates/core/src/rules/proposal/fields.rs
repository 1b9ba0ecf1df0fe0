//! The values of a sample event that a rule could read, with the expressions that lead to them.

use serde_json::Value;

use super::words::{Concept, Meaning};

/// More values than that are not looked at: a person to whom a rule is proposed sees the rest.
const MOST_FIELDS: usize = 500;
/// Deeper ones are not looked at.
const MOST_LEVELS: usize = 8;

/// What a field holds in the sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    /// Text that is not empty.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// How many elements a list has: the expression counts them.
    Length,
}

/// A value that a rule could read.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The expression: `data.items[0].name`.
    pub(super) path: String,
    /// Its own name, and the names that lead to it, for the comment: `items.name`.
    pub(super) named: String,
    /// Its name as it is written.
    pub(super) name: String,
    pub(super) own: Meaning,
    /// What the names above it say, from the nearest one on.
    pub(super) above: Meaning,
    pub(super) held: Held,
    /// The list that it is in the first element of.
    pub(super) list: Option<String>,
    /// How many names lead to it.
    pub(super) depth: usize,
}

/// Every field of the data, in the order of their names.
pub(super) fn fields(data: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    let top = Way {
        path: "data".to_owned(),
        names: Vec::new(),
        list: None,
    };
    walk(data, &top, &mut found);
    found
}

/// How a value is reached.
struct Way {
    path: String,
    names: Vec<String>,
    list: Option<String>,
}

fn walk(value: &Value, way: &Way, found: &mut Vec<Field>) {
    if found.len() >= MOST_FIELDS || way.names.len() > MOST_LEVELS {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.extend(field(way, Held::Number(number.to_string()))),
        Value::String(text) if text.trim().is_empty() => {}
        Value::String(text) => found.extend(field(way, Held::Text(text.clone()))),
        Value::Array(elements) => {
            let Some(first) = elements.first() else {
                return;
            };
            found.extend(field(way, Held::Length).map(|field| Field {
                path: format!("{} | length", way.path),
                own: Meaning {
                    concepts: [Concept::Count].into(),
                    ..Meaning::default()
                },
                above: field.own,
                ..field
            }));
            let below = Way {
                path: format!("{}[0]", way.path),
                names: way.names.clone(),
                list: Some(way.path.clone()),
            };
            walk(first, &below, found);
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let Some(step) = step(name) else { continue };
                let mut names = way.names.clone();
                names.push(name.clone());
                let below = Way {
                    path: format!("{}{step}", way.path),
                    names,
                    list: way.list.clone(),
                };
                walk(value, &below, found);
            }
        }
    }
}

fn field(way: &Way, held: Held) -> Option<Field> {
    let (name, above) = way.names.split_last()?;
    let mut of_above = Meaning::default();
    for name in above.iter().rev() {
        of_above = Meaning::of(name);
        if !of_above.is_plain() {
            break;
        }
    }
    Some(Field {
        path: way.path.clone(),
        named: way.names.join("."),
        name: name.clone(),
        own: Meaning::of(name),
        above: of_above,
        held,
        list: way.list.clone(),
        depth: way.names.len(),
    })
}

/// A step of an expression; none for a name that cannot be written in one.
fn step(name: &str) -> Option<String> {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_word {
        return Some(format!(".{name}"));
    }
    let is_writable = !name.is_empty()
        && !name.contains(['\'', '"', '\\', '{', '}', '%', '#'])
        && !name.chars().any(char::is_control);
    is_writable.then(|| format!("['{name}']"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_value_has_an_expression_that_leads_to_it() {
        let data = json!({
            "order-no": "SO1",
            "订单号": "SO2",
            "items": [{ "name": "拿铁", "tags": ["hot"] }, { "name": "可颂" }],
            "user": { "openid": "o1", "vip": true, "nick": null },
            "it's": 1,
            "empty": "",
        });
        let found: Vec<String> = fields(&data).into_iter().map(|field| field.path).collect();
        assert_eq!(
            found,
            [
                "data.items | length",
                "data.items[0].name",
                "data.items[0].tags | length",
                "data.items[0].tags[0]",
                "data['order-no']",
                "data.user.openid",
                "data['订单号']",
            ]
        );
    }

    #[test]
    fn what_lies_in_something_is_known_by_it() {
        let data =
            json!({ "items": [{ "name": "拿铁" }], "station": { "info": { "name": "南门" } } });
        let fields = fields(&data);
        let of = |path: &str| fields.iter().find(|field| field.path == path).unwrap();
        let name = of("data.items[0].name");
        assert!(name.own.is_plain());
        assert_eq!(name.above.concepts, [Concept::Goods].into());
        assert_eq!(name.list.as_deref(), Some("data.items"));
        let place = of("data.station.info.name");
        assert_eq!(place.above.concepts, [Concept::Place].into());
        assert_eq!(place.named, "station.info.name");
    }

    #[test]
    fn a_deep_or_endless_event_is_looked_at_in_part() {
        let mut deep = json!("x");
        for _ in 0..50 {
            deep = json!({ "a": deep });
        }
        assert!(fields(&deep).is_empty());
        let many: serde_json::Map<String, Value> =
            (0..2000).map(|n| (format!("f{n}"), json!(n))).collect();
        assert_eq!(fields(&Value::Object(many)).len(), MOST_FIELDS);
    }
}
