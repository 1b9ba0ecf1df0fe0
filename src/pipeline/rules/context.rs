//! What a template can see: the event's attributes and data, and, under a name that no template can write, the rule's own things.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::Value;
use minijinja::value::{DynObject, Enumerator, Object};
use serde_json::Number;

use crate::pipeline::event::Event;

/// Every name at the top of a template.
pub(super) const NAMES: [&str; 6] = ["data", "id", "source", "subject", "time", "type"];

/// Where filters find [`Belongings`]: a name with a space in it cannot be written in a template.
const BELONGINGS: &str = "the rule";

/// What filters need to know of the rule that they work for.
#[derive(Debug)]
pub(super) struct Belongings {
    /// The tables for `lookup`.
    pub(super) tables: BTreeMap<String, BTreeMap<String, String>>,
    /// The zone in which times are written.
    pub(super) time_zone: TimeZone,
}

impl Object for Belongings {}

/// The rule's things, as a filter finds them.
pub(super) fn belongings(state: &minijinja::State<'_, '_>) -> Option<Arc<Belongings>> {
    state.lookup(BELONGINGS)?.downcast_object::<Belongings>()
}

/// An event in the engine's own values: made once, shared by all rules that want the event.
#[derive(Debug)]
pub(super) struct EventValues {
    data: Value,
    id: Value,
    kind: Value,
    source: Value,
    subject: Value,
    time: Value,
}

impl EventValues {
    pub(super) fn of(event: &Event) -> Arc<Self> {
        Arc::new(Self {
            data: to_value(&event.data),
            id: Value::from(event.id.as_str()),
            kind: Value::from(event.kind.as_str()),
            source: Value::from(event.source.as_str()),
            subject: event
                .subject
                .as_deref()
                .map_or(Value::UNDEFINED, Value::from),
            time: Value::from(event.time.as_str()),
        })
    }
}

/// The top of a template's names.
#[derive(Debug)]
struct Root {
    event: Arc<EventValues>,
    belongings: Arc<Belongings>,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(match key {
            "data" => self.event.data.clone(),
            "id" => self.event.id.clone(),
            "source" => self.event.source.clone(),
            "subject" => self.event.subject.clone(),
            "time" => self.event.time.clone(),
            "type" => self.event.kind.clone(),
            BELONGINGS => Value::from_dyn_object(DynObject::from(Arc::clone(&self.belongings))),
            _ => return None,
        })
    }
}

/// The names that the templates of one rule see while it works on one event.
pub(super) fn root(event: &Arc<EventValues>, belongings: &Arc<Belongings>) -> Value {
    Value::from_object(Root {
        event: Arc::clone(event),
        belongings: Arc::clone(belongings),
    })
}

/// An object of the event: its keys are sorted, as `serde_json` keeps them.
#[derive(Debug)]
struct Fields(Vec<(Value, Value)>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let place = self
            .0
            .binary_search_by(|(known, _)| known.as_str().unwrap_or_default().cmp(key))
            .ok()?;
        self.0.get(place).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(key, _)| key.clone()).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// JSON → the engine's values. `null` is the same as a field that is not there: the engine would print it as a word, and an
/// undefined value is refused wherever it is used.
fn to_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::UNDEFINED,
        serde_json::Value::Bool(answer) => Value::from(*answer),
        serde_json::Value::Number(number) => number_to_value(number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(to_value).collect(),
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| (Value::from(key.as_str()), to_value(value)))
                .collect();
            // Sorted already, unless somebody turns on serde_json's `preserve_order`; then it costs a pass.
            fields.sort_by(|(left, _), (right, _)| left.as_str().cmp(&right.as_str()));
            Value::from_object(Fields(fields))
        }
    }
}

/// A number that the engine cannot hold with every digit becomes text, so that an id of 40 digits stays that id.
fn number_to_value(number: &Number) -> Value {
    let text = number.as_str();
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Value::from(whole);
    }
    if let Ok(whole) = text.parse::<i128>() {
        return Value::from(whole);
    }
    match text.parse::<f64>() {
        Ok(float) if digits(&format!("{float:e}")) == digits(text) => Value::from(float),
        _ => Value::from(text),
    }
}

/// The digits of a number without zeros at either end, its power of ten, and its sign: what two spellings must share.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let from_first = all.trim_start_matches('0');
    let significant = from_first.trim_end_matches('0').to_owned();
    let dropped = i64::try_from(from_first.len() - significant.len()).ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    let power = exponent
        .checked_add(dropped)?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?;
    if significant.is_empty() {
        Some((negative, significant, 0))
    } else {
        Some((negative, significant, power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        let value = |text: &str| to_value(&serde_json::from_str(text).unwrap());
        for whole in [
            "0",
            "-7",
            "9223372036854775808",
            "18446744073709551616",
            "-170141183460469231731687303715884105728",
        ] {
            assert!(value(whole).is_integer(), "{whole}");
            assert_eq!(value(whole).to_string(), whole);
        }
        for float in ["0.1", "12.30", "1e3", "-2.5E-3", "0.0"] {
            assert!(value(float).is_number(), "{float}");
        }
        for text in [
            "0.1234567890123456789",
            "123456789012345678901234567890123456789012345",
            "1e+999",
        ] {
            assert_eq!(value(text).as_str(), Some(text));
        }
    }

    #[test]
    fn null_is_the_same_as_missing() {
        let value = to_value(&serde_json::json!({ "a": null, "b": [1, null] }));
        assert!(value.get_attr("a").unwrap().is_undefined());
        assert_eq!(value.get_attr("b").unwrap().len(), Some(2));
        assert_eq!(value.len(), Some(2));
    }
}
