//! The filters of rules: our own, and which of `MiniJinja`'s are there besides.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands named arguments over by value"
)]

mod fit;
mod moment;

use std::sync::Arc;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::context::belongings;
use super::template::{missing, text_of};
use super::tree::Tree;
use crate::event::Data;
use crate::event::json::Fault;

pub(super) use fit::{fit_or_tell, is_lone_suffix, leave_whole};
pub(super) use moment::time_zone;

/// Every filter that a template may use.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "date",
    "datetime",
    "default",
    "dictsort",
    "first",
    "fit",
    "float",
    "format",
    "fromjson",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lookup",
    "lower",
    "map",
    "mask",
    "max",
    "min",
    "phone",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "yuan",
    "zip",
];

/// Every test that a template may use after `is`.
pub(super) const TESTS: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Every function that a template may call.
pub(super) const FUNCTIONS: &[&str] = &["dict", "namespace", "range"];

/// Puts our filters in, and takes those out that write what is not meant for people.
pub(super) fn install(engine: &mut Environment<'_>) {
    for name in ["safe", "escape", "e", "d", "pprint"] {
        engine.remove_filter(name);
    }
    for name in ["safe", "escaped", "filter", "test"] {
        engine.remove_test(name);
    }
    engine.remove_global("debug");
    engine.add_filter("date", moment::date);
    engine.add_filter("datetime", moment::datetime);
    engine.add_filter("default", default);
    engine.add_filter("fit", fit::fit);
    engine.add_filter("fromjson", fromjson);
    engine.add_filter("lookup", lookup);
    engine.add_filter("mask", mask);
    engine.add_filter("phone", phone);
    engine.add_filter("urlencode", urlencode);
    engine.add_filter("yuan", yuan);
    // `null` arrives as undefined, see `context`; a template that asks for none means both.
    engine.add_test("none", |value: &Value| {
        value.is_none() || value.is_undefined()
    });
}

/// What a value is, for a sentence like "expected text, found a list".
pub(super) fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Undefined | ValueKind::None => "null",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        ValueKind::Bytes | ValueKind::Plain | ValueKind::Invalid | _ => "something else",
    }
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// `yuan(symbol='￥')`: whole fen to yuan, `12850` → `￥128.50`.
fn yuan(value: &Value, named: Kwargs) -> Result<String, Error> {
    let symbol = named.get::<Option<String>>("symbol")?;
    named.assert_all_used()?;
    if value.is_undefined() || value.is_none() {
        return Err(missing(value));
    }
    let digits = match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_integer() => value.to_string(),
        None if value.is_number() => {
            return Err(refuse(
                "`yuan` expected whole fen such as 12850, found a number with a fraction",
            ));
        }
        None => {
            return Err(refuse(format!(
                "`yuan` expected whole fen such as 12850, found {}",
                kind_name(value.kind())
            )));
        }
    };
    if digits.starts_with('-') {
        return Err(refuse(
            "`yuan` expected whole fen such as 12850, found a number below zero",
        ));
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse(
            "`yuan` expected whole fen such as 12850, found text that is no whole number",
        ));
    }
    let padded = format!("{:0>3}", digits.trim_start_matches('0'));
    let (whole, cents) = padded
        .split_at_checked(padded.len() - 2)
        .unwrap_or(("0", "00"));
    Ok(format!(
        "{}{whole}.{cents}",
        symbol.as_deref().unwrap_or("￥")
    ))
}

/// `fromjson`: what the JSON in a text says.
fn fromjson(value: &Value) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        if value.is_undefined() || value.is_none() {
            return Err(missing(value));
        }
        return Err(refuse(format!(
            "`fromjson` expected text that holds JSON, found {}",
            kind_name(value.kind())
        )));
    };
    match Data::of_json(Arc::from(text)) {
        Ok(data) => Ok(Tree::value_of(&data)),
        Err(Fault::Syntax(_)) => Err(refuse(
            "`fromjson` expected text that holds JSON, found other text",
        )),
        Err(Fault::TooDeep | Fault::TooMany) => Err(refuse(
            "`fromjson` found more levels or values than an event may have",
        )),
    }
}

/// `mask(start=3, end=4)`: keeps both ends; of a text that is too short for that, only the first character.
fn mask(value: &Value, named: Kwargs) -> Result<String, Error> {
    let start = named.get::<Option<usize>>("start")?.unwrap_or(3);
    let end = named.get::<Option<usize>>("end")?.unwrap_or(4);
    named.assert_all_used()?;
    let text: Vec<char> = text_of(value)?.chars().collect();
    let n_hidden = text.len().saturating_sub(start.saturating_add(end));
    if n_hidden == 0 {
        return Ok(text
            .first()
            .map(|first| format!("{first}***"))
            .unwrap_or_default());
    }
    let shown = |(at, c): (usize, &char)| {
        if at < start || at >= start + n_hidden {
            *c
        } else {
            '*'
        }
    };
    Ok(text.iter().enumerate().map(shown).collect())
}

/// `phone`: digits, `+`, `-` and parentheses, in half width and without spaces.
fn phone(value: &Value) -> Result<String, Error> {
    let mut number = String::new();
    for c in text_of(value)?.chars().filter(|c| !c.is_whitespace()) {
        // The full-width forms lie in the order of ASCII.
        let narrow = match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
            _ => c,
        };
        let fits = narrow.is_ascii_digit()
            || matches!(narrow, '-' | '(' | ')')
            || (narrow == '+' && number.is_empty());
        if !fits {
            return Err(refuse(format!(
                "`phone` expected digits, `+`, `-` and parentheses, found `{c}`"
            )));
        }
        number.push(narrow);
    }
    Ok(number)
}

/// `default(other)`: in place of what is undefined or null; with `true` as second argument also of what is empty, zero or false.
fn default(value: &Value, other: Option<Value>, empty_too: Option<bool>) -> Value {
    let absent =
        value.is_undefined() || value.is_none() || (empty_too == Some(true) && !value.is_true());
    if absent {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
}

/// `lookup('table', default=…)`: the entry of a table of the rule.
fn lookup(
    state: &State<'_, '_>,
    value: &Value,
    table: &str,
    named: Kwargs,
) -> Result<Value, Error> {
    const SHOWN: usize = 32;
    let other = named.get::<Option<Value>>("default")?;
    named.assert_all_used()?;
    if let (Some(other), true) = (&other, value.is_undefined() || value.is_none()) {
        return Ok(other.clone());
    }
    let key = text_of(value)?;
    let belongings = belongings(state);
    let Some(entries) = belongings
        .as_ref()
        .and_then(|belongings| belongings.tables.get(table))
    else {
        return Err(refuse(format!("there is no table `{table}`")));
    };
    match (entries.get(&key), other) {
        (Some(entry), _) => Ok(Value::from(entry.as_str())),
        (None, Some(other)) => Ok(other),
        (None, None) => {
            let shown: String = key.chars().take(SHOWN).collect();
            Err(refuse(format!(
                "the table `{table}` has no entry `{shown}`, and `lookup` has no default"
            )))
        }
    }
}

/// `urlencode`: for values in the query of a page.
fn urlencode(value: &Value) -> Result<String, Error> {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let mut encoded = String::new();
    for byte in text_of(value)?.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend(
                [byte >> 4, byte & 15]
                    .into_iter()
                    .filter_map(|half| HEX.get(usize::from(half))),
            );
        }
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests;
