//! What a template sees of the record around an event: its headers, its key and the event's other attributes. Nothing is made before a
//! template asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::tree::plain_value;
use crate::event::{Attribute, Carrier};
use crate::model::rfc3339_ms;

/// `headers`: by name, in any case.
#[derive(Debug)]
struct Headers(Carrier);

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.header(key).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.header_names().map(Value::from).collect())
    }
}

pub(super) fn headers(carrier: &Carrier) -> Value {
    Value::from_object(Headers(carrier.clone()))
}

/// `ext`: every attribute of the event by its name.
pub(super) fn extensions(carrier: &Carrier) -> Value {
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    carrier.each_attribute(|name, attribute| {
        let value = match attribute {
            Attribute::Text(text) => Value::from(text),
            Attribute::Json(json) => plain_value(json.as_written().as_bytes()),
        };
        attributes.insert(name.into_owned(), value);
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
