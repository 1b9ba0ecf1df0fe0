//! An outcome that the store has kept, told once more. The store leaves out what the record tells; here the record is at hand.

use std::sync::Arc;

use super::message::Origin;
use crate::event::Event;
use crate::message::usual_message_id;
use crate::model::outcome::{EventFields, OfRecord, Outcome, Stamp, Stamped, bounds};
use crate::model::{Record, rfc3339_ms};

/// What ties a new outcome to its record; `None` where no event could be made of it: then the record tells nothing, and nothing is left out.
pub(super) fn of_record(origin: &Origin) -> Option<OfRecord> {
    let event = origin.event.as_deref()?;
    Some(OfRecord {
        stamp: stamp(&origin.record, event),
        event: EventFields::OfRecord,
    })
}

fn stamp(record: &Record, event: &Event) -> Stamp {
    Stamp::of(&Stamped {
        timestamp_ms: record.timestamp_ms,
        id: &event.id,
        kind: &event.kind,
        source: &event.source,
        time_ms: event.time_ms,
    })
}

/// Puts the event's attributes into an outcome.
pub(super) fn name_event(outcome: &mut Outcome, event: &Event) {
    outcome.event_id = Some(bounds::attribute(&event.id));
    outcome.event_type = Some(bounds::attribute(&event.kind));
    outcome.event_source = Some(bounds::attribute(&event.source));
    outcome.event_time = Some(rfc3339_ms(event.time_ms));
}

/// Puts in what the store has left out, so that the outcome is what it was when it was published first. Where the record in this place is
/// another one by now, was read under other settings, or is gone, its fields would be wrong: the outcome goes without them, and its own id
/// stands for the message id.
pub(super) fn complete(outcome: &mut Arc<Outcome>, origin: &Origin) {
    let Some(of) = outcome.record.filter(|of| of.event == EventFields::LeftOut) else {
        return;
    };
    let outcome = Arc::make_mut(outcome);
    let event = origin.event.as_deref();
    let event = event.filter(|event| stamp(&origin.record, event) == of.stamp);
    if let Some(event) = event {
        name_event(outcome, event);
        let stamp = of.stamp;
        outcome.record = Some(OfRecord {
            stamp,
            event: EventFields::OfRecord,
        });
    }
    if outcome.message_id.is_empty() {
        outcome.message_id = usual_message_id(outcome).unwrap_or_else(|| outcome.id.clone());
    }
}

#[cfg(test)]
mod tests;
