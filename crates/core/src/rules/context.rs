//! What a template can see: the event's attributes and data, the record around it, and, under a name that no template can write, the
//! rule's own things.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;
use minijinja::Value;
use minijinja::value::{DynObject, Object};

use super::carried;
use super::tree::Tree;
use crate::event::{Carrier, Event, Opened, Unreadable};

/// Every name at the top of a template.
pub(super) const NAMES: [&str; 11] = [
    "data",
    "ext",
    "headers",
    "id",
    "key",
    "record_time",
    "source",
    "subject",
    "time",
    "topic",
    "type",
];

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

/// An event as templates see it: made once, shared by all rules that want the event.
#[derive(Debug)]
pub(super) struct EventValues {
    data: Value,
    id: Value,
    kind: Value,
    source: Value,
    subject: Value,
    time: Value,
    carrier: Carrier,
    /// These are made once, where a rule asks for one of them: templates may ask often, and texts be long.
    extensions: OnceLock<Value>,
    headers: OnceLock<Value>,
    key: OnceLock<Value>,
    hint: Option<Cow<'static, str>>,
}

impl EventValues {
    /// Opens the event's data. That may show that it cannot be read.
    pub(super) fn of(event: &Event) -> Result<Arc<Self>, Unreadable> {
        let Opened { data, hint } = event.data.open()?;
        Ok(Arc::new(Self {
            data: Tree::value_of(&data),
            id: Value::from(event.id.as_str()),
            kind: Value::from(event.kind.as_str()),
            source: Value::from(event.source.as_str()),
            subject: event
                .subject
                .as_deref()
                .map_or(Value::UNDEFINED, Value::from),
            time: Value::from(event.time.as_str()),
            carrier: event.carrier.clone(),
            extensions: OnceLock::new(),
            headers: OnceLock::new(),
            key: OnceLock::new(),
            hint,
        }))
    }

    /// What a person should know who looks for a value that is not there.
    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn made(&self, place: &OnceLock<Value>, make: fn(&Carrier) -> Value) -> Value {
        place.get_or_init(|| make(&self.carrier)).clone()
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
        let event = &self.event;
        Some(match key {
            "data" => event.data.clone(),
            "ext" => event.made(&event.extensions, carried::extensions),
            "headers" => event.made(&event.headers, carried::headers),
            "id" => event.id.clone(),
            "key" => event.made(&event.key, carried::key),
            "record_time" => carried::record_time(&event.carrier),
            "source" => event.source.clone(),
            "subject" => event.subject.clone(),
            "time" => event.time.clone(),
            "topic" => Value::from(event.carrier.topic()),
            "type" => event.kind.clone(),
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
