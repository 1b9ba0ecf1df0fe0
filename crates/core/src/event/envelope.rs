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

/// The one that may leave no row.
const DELETED: &str = "d";

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
    /// The event is the JSON in this text, where this may stand around it.
    Text(Cow<'a, str>, Envelope),
    /// There is no event in it.
    NoEvent,
}

/// What stands around a plain event. One that is a text as a whole can be nothing but JSON that was written twice.
pub(super) fn layer_of<'a>(envelope: Envelope, found: &Found<'a>) -> Layer<'a> {
    match (found.whole().seen(), envelope) {
        (Seen::Text(text), envelope) => of_text(text, envelope),
        (Seen::Object, Envelope::Debezium) => of_row(found),
        (
            Seen::Object | Seen::Null | Seen::Bool | Seen::Number(_) | Seen::List,
            Envelope::None | Envelope::Debezium,
        ) => Layer::None,
    }
}

fn of_text(text: Cow<'_, str>, envelope: Envelope) -> Layer<'_> {
    if text.trim_start().starts_with('{') {
        Layer::Text(text, envelope)
    } else {
        Layer::None
    }
}

/// The row after a change. With its schema, the whole stands below `payload`; some connectors write rows as text. What does not look like a
/// change is taken for the row itself, which a transformation may have taken out: it must not be lost for a column `op`.
fn of_row<'a>(found: &Found<'a>) -> Layer<'a> {
    let change = Change::in_body(found);
    let Some(op) = change.op.and_then(Json::as_text) else {
        return Layer::None;
    };
    if !OPERATIONS.contains(&op.as_ref()) || !change.may_be(&op) {
        return Layer::None;
    }
    match change.after.map(|after| (after, after.seen())) {
        None | Some((_, Seen::Null)) => Layer::NoEvent,
        Some((after, Seen::Object)) => Layer::Object(after),
        // Nothing stands around a row, whatever its columns are called.
        Some((_, Seen::Text(text))) => of_text(text, Envelope::None),
        Some((_, Seen::Bool | Seen::Number(_) | Seen::List)) => Layer::None,
    }
}

/// What tells a change. All of it is from one level: a row with a column `payload` must not be half of an envelope.
struct Change<'a> {
    op: Option<Json<'a>>,
    before: Option<Json<'a>>,
    after: Option<Json<'a>>,
    source: Option<Json<'a>>,
}

impl<'a> Change<'a> {
    /// From the top if that has an `op`, else from below `payload`.
    fn in_body(found: &Found<'a>) -> Self {
        let payload = found.field("payload");
        let is_on_top = found.field("op").is_some();
        let [op, before, after, source] = ["op", "before", "after", "source"].map(|name| {
            if is_on_top {
                return found.field(name);
            }
            // One that is null is there, too.
            let fields = payload?.fields().filter(|(field, _)| field == name);
            fields.last().map(|(_, value)| value)
        });
        Self {
            op,
            before,
            after,
            source,
        }
    }

    /// Whether a change with this `op` looks like that. Where no row is left to be sent, only Debezium's own word on the origin tells it from a
    /// row: that is always there and an object, which no column is.
    fn may_be(&self, op: &str) -> bool {
        if op == DELETED {
            return self.before.is_some() || self.after.is_some();
        }
        let has_row = self.after.is_some_and(|after| !after.is_null());
        (has_row && !WITHOUT_ROW.contains(&op)) || self.source.is_some_and(Json::is_object)
    }
}
