//! What a template sees of the record around an event: its headers, its key and the event's other attributes. Nothing is made before a
//! template asks.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::tree::plain_value;
use crate::event::{Attribute, Carrier};
use crate::model::rfc3339_ms;

/// `headers`: by name, in any case. A template may name one at every step, so that each is copied only once.
#[derive(Debug)]
struct Headers {
    carrier: Carrier,
    /// The names, in their order.
    names: OnceLock<Vec<Value>>,
    /// For each header in its order what it says, if it is text in UTF-8.
    values: Vec<OnceLock<Option<Value>>>,
}

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let mut headers = self.carrier.headers().zip(&self.values);
        let ((_, text), value) = headers.find(|((name, _), _)| name.eq_ignore_ascii_case(key))?;
        let made = || std::str::from_utf8(text?).ok().map(Value::from);
        value.get_or_init(made).clone()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = || self.carrier.headers().map(|(name, _)| Value::from(name));
        Enumerator::Values(self.names.get_or_init(|| names().collect()).clone())
    }
}

pub(super) fn headers(carrier: &Carrier) -> Value {
    Value::from_object(Headers {
        carrier: carrier.clone(),
        names: OnceLock::new(),
        values: carrier.headers().map(|_| OnceLock::new()).collect(),
    })
}

/// `ext`: every attribute of the event by its name.
pub(super) fn extensions(carrier: &Carrier) -> Value {
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    carrier.each_attribute(|name, attribute| {
        let name = name.into_owned();
        match attribute {
            Attribute::Text(text) => {
                attributes.entry(name).or_insert_with(|| Value::from(text));
            }
            Attribute::Json(json) => {
                attributes.insert(name, plain_value(json.as_written().as_bytes()));
            }
        }
    });
    Value::from(attributes)
}

/// `key`, if the record has one that is text.
pub(super) fn key(carrier: &Carrier) -> Value {
    carrier.key().map_or(Value::UNDEFINED, Value::from)
}

/// `record_time`, as `time` is written.
pub(super) fn record_time(carrier: &Carrier) -> Value {
    let time_ms = carrier.record_time_ms();
    time_ms.map_or(Value::UNDEFINED, |time_ms| Value::from(rfc3339_ms(time_ms)))
}
