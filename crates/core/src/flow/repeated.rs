//! An outcome that the store has kept, told once more. The store leaves out what the record tells; here the record is at hand.

use std::sync::Arc;

use super::message::Origin;
use crate::event::{Event, Glimpse};
use crate::message::usual_message_id;
use crate::model::outcome::{EventFields, EventRead, OfRecord, Outcome, Stamp, bounds};
use crate::model::rfc3339_ms;

/// What ties a new outcome to its record; `None` where nothing is known of the record but its place.
pub(super) fn of_record(origin: &Origin) -> Option<OfRecord> {
    Some(OfRecord {
        stamp: stamp(origin)?,
        event: match origin.event {
            Some(_) => EventFields::OfRecord,
            // What could be read of a record that is no event is in no event: the outcome keeps it.
            None => EventFields::Kept,
        },
    })
}

fn stamp(origin: &Origin) -> Option<Stamp> {
    let event = origin.event.as_deref().map(|event| EventRead {
        id: &event.id,
        kind: &event.kind,
        source: &event.source,
        time_ms: event.time_ms,
    });
    Some(Stamp::of(origin.identity()?, event.as_ref()))
}

/// What is said where even the ids that only this record can have are another record's.
pub(super) const OTHER_AGAIN: &str = "another record under its own id";

/// The store knows another record in the place of this one, which has the ordinary ids: this one's message takes ids of its own, the same ones
/// each time that the record is read. The message id changes only where the event's id was the record's place. Says whether they have changed.
pub(super) fn take_own_ids(
    origin: &Origin,
    (outcome_id, message_id): (&mut Arc<str>, &mut Arc<str>),
) -> bool {
    let Some(identity) = origin.identity() else {
        return false;
    };
    let end = format!("~{}", identity.as_text());
    if outcome_id.ends_with(&end) {
        return false;
    }
    let own = |id: &str| Arc::from(bounds::id(format!("{id}{end}")));
    if is_named_by_place(origin) && message_id.contains(&origin.record.position()) {
        *message_id = own(message_id);
    }
    *outcome_id = own(outcome_id);
    true
}

/// Whether the record is no event, or one without an id: its place stands for it.
pub(super) fn is_named_by_place(origin: &Origin) -> bool {
    let event = origin.event.as_deref();
    event.is_none_or(|event| event.id == origin.record.position())
}

/// The same for an outcome.
pub(super) fn take_own_ids_of_outcome(origin: &Origin, outcome: &mut Outcome) -> bool {
    let mut ids: (Arc<str>, Arc<str>) = (
        Arc::from(outcome.id.as_str()),
        Arc::from(outcome.message_id.as_str()),
    );
    let have_changed = take_own_ids(origin, (&mut ids.0, &mut ids.1));
    outcome.id = ids.0.to_string();
    outcome.message_id = ids.1.to_string();
    have_changed
}

/// Puts the event's attributes into an outcome.
pub(crate) fn name_event(outcome: &mut Outcome, event: &Event) {
    outcome.event_id = Some(bounds::attribute(&event.id));
    outcome.event_type = Some(bounds::attribute(&event.kind));
    outcome.event_source = Some(bounds::attribute(&event.source));
    outcome.event_time = Some(rfc3339_ms(event.time_ms));
}

/// Puts in what could be read of an event that is none. Its place stands for the record all the same.
pub(super) fn name_glimpse(outcome: &mut Outcome, glimpse: &Glimpse) {
    let attribute = |text: &Option<String>| text.as_deref().map(bounds::attribute);
    outcome.event_id = attribute(&glimpse.id);
    outcome.event_type = attribute(&glimpse.kind);
    outcome.event_source = attribute(&glimpse.source);
    outcome.event_time = glimpse.time_ms.map(rfc3339_ms);
}

/// Puts in what the store has left out, so that the outcome is what it was when it was published first. Where the record in this place is
/// another one by now, was read under other settings, or is gone, its fields would be wrong: the outcome goes without them, and its own id
/// stands for the message id.
pub(super) fn complete(outcome: &mut Arc<Outcome>, origin: &Origin) {
    put_in_left_out(outcome, origin);
    put_in_business_key(outcome, origin);
}

/// No store keeps the key: the record tells it, each time that the outcome is published.
fn put_in_business_key(outcome: &mut Arc<Outcome>, origin: &Origin) {
    let Some((event, keys)) = origin
        .event
        .as_deref()
        .and_then(|event| Some((event, event.keys.as_ref()?)))
    else {
        return;
    };
    let is_of_record = outcome
        .record
        .is_none_or(|of| stamp(origin) == Some(of.stamp));
    let key = is_of_record
        .then(|| keys.shown(event, outcome.recipient.as_deref()))
        .flatten();
    if outcome.business_key != key {
        Arc::make_mut(outcome).business_key = key;
    }
}

fn put_in_left_out(outcome: &mut Arc<Outcome>, origin: &Origin) {
    let Some(of) = outcome.record.filter(|of| of.event == EventFields::LeftOut) else {
        return;
    };
    let outcome = Arc::make_mut(outcome);
    let event = origin.event.as_deref();
    let event = event.filter(|_| stamp(origin) == Some(of.stamp));
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
