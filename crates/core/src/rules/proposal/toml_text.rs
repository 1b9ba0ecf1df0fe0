//! What is written into a rule file: texts, and a sample event as one line of TOML.

use serde_json::Value;

/// A text in quotes, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            c if c.is_control() => {
                let number = u32::from(c);
                written.extend(format!("\\u{number:04X}").chars());
            }
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

/// A value in one line. What is null is left out: a rule sees no difference. A number with more digits than TOML has is a text.
pub(super) fn inline(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => {
            let text = number.to_string();
            let is_whole = text.parse::<i64>().is_ok();
            let is_float = text.contains('.')
                && !text.contains(['e', 'E'])
                && text
                    .parse::<f64>()
                    .is_ok_and(|float| float.to_string() == text.trim_end_matches('0'));
            if is_whole || is_float {
                text
            } else {
                quoted(&text)
            }
        }
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().filter_map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .filter_map(|(name, value)| Some(format!("{} = {}", key(name), inline(value)?)))
                .collect();
            if fields.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", fields.join(", "))
            }
        }
    })
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare {
        name.to_owned()
    } else {
        quoted(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line_that_says_the_same() {
        let event = json!({
            "订单号": "SO\"1\\\n", "n": 12, "price": 12.5, "vip": true, "no": null,
            "items": [{ "name": "拿铁" }, {}], "long": serde_json::from_str::<Value>("123456789012345678901234567890").unwrap(),
        });
        let line = inline(&event).unwrap();
        assert!(!line.contains('\n'), "{line}");
        let read: toml::Table = format!("x = {line}").parse().unwrap();
        let read = &read["x"];
        assert_eq!(read["订单号"].as_str(), Some("SO\"1\\\n"));
        assert_eq!(read["n"].as_integer(), Some(12));
        assert_eq!(read["price"].as_float(), Some(12.5));
        assert_eq!(read["items"][0]["name"].as_str(), Some("拿铁"));
        assert_eq!(
            read["long"].as_str(),
            Some("123456789012345678901234567890")
        );
        assert!(read.get("no").is_none());
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_it_was(text in any::<String>()) {
            let read: toml::Table = format!("x = {}", quoted(&text)).parse().unwrap();
            prop_assert_eq!(read["x"].as_str(), Some(text.as_str()));
        }
    }
}
