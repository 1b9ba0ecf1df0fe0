//! What stands around a plain event in its value.

use std::borrow::Cow;

use super::found::Found;
use super::json::{Json, Seen};

/// What stands around plain events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// Nothing: the value is the event.
    #[default]
    None,
    /// Debezium's word on a changed row: the event is the row as it is now. Where there is none, nothing has happened that a rule could want.
    Debezium,
}

/// Fields that tell Debezium's envelope.
const OF_DEBEZIUM: [&str; 4] = ["op", "before", "after", "payload"];

/// What `op` says: a row was created, read, updated or deleted, the table was emptied, or something was said beside all tables.
const OPERATIONS: [&str; 6] = ["c", "r", "u", "d", "t", "m"];

/// Those that come without a row.
const WITHOUT_ROW: [&str; 2] = ["t", "m"];

impl Envelope {
    /// The fields that tell it.
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Debezium => &OF_DEBEZIUM,
        }
    }
}

/// What stands around an event.
pub(super) enum Layer<'a> {
    /// Nothing.
    None,
    /// The event is this object.
    Object(Json<'a>),
    /// The event is the JSON in this text.
    Text(Cow<'a, str>),
    /// There is no event in it.
    NoEvent,
}

/// What stands around a plain event. One that is a text as a whole can be nothing but JSON that was written twice.
pub(super) fn layer_of<'a>(envelope: Envelope, found: &Found<'a>) -> Layer<'a> {
    match (found.whole().seen(), envelope) {
        (Seen::Text(text), _) => of_text(text),
        (Seen::Object, Envelope::Debezium) => of_row(found),
        (
            Seen::Object | Seen::Null | Seen::Bool | Seen::Number(_) | Seen::List,
            Envelope::None | Envelope::Debezium,
        ) => Layer::None,
    }
}

fn of_text(text: Cow<'_, str>) -> Layer<'_> {
    if text.trim_start().starts_with('{') {
        Layer::Text(text)
    } else {
        Layer::None
    }
}

/// The row after a change. With its schema, the whole stands below `payload`; some connectors write rows as text. What does not look like a
/// change is taken for the row itself, which a transformation may have taken out: it must not be lost for a column `op`.
fn of_row<'a>(found: &Found<'a>) -> Layer<'a> {
    let [op, before, after] = ["op", "before", "after"].map(|name| {
        // One that is null is there, too.
        let below = |payload: Json<'a>| {
            let fields = payload.fields().filter(|(field, _)| field == name);
            fields.last().map(|(_, value)| value)
        };
        found
            .field(name)
            .or_else(|| found.field("payload").and_then(below))
    });
    let Some(op) = op.and_then(Json::as_text) else {
        return Layer::None;
    };
    let has_row = before.is_some() || after.is_some();
    if !OPERATIONS.contains(&op.as_ref()) || !(has_row || WITHOUT_ROW.contains(&op.as_ref())) {
        return Layer::None;
    }
    match after.map(|after| (after, after.seen())) {
        None | Some((_, Seen::Null)) => Layer::NoEvent,
        Some((after, Seen::Object)) => Layer::Object(after),
        Some((_, Seen::Text(text))) => of_text(text),
        Some((_, Seen::Bool | Seen::Number(_) | Seen::List)) => Layer::None,
    }
}
