//! What a store keeps of an outcome, and its record, make the whole outcome.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{BusinessKeys, Decoded, Decoding, Pointer, decode};
use crate::flow::report;
use crate::model::outcome::{Reason, RecipientStyle};
use crate::model::{Epoch, Moment, Partition, Record};
use crate::state::encoding::{outcome_of_text, outcome_to_text};

const RECEIVED: Moment = Moment {
    elapsed: Duration::from_secs(9),
    unix_ms: 1_795_336_200_120,
};

/// A record as it is read, and what was read in it.
fn origin(event: &serde_json::Value, timestamp_ms: Option<i64>) -> Origin {
    origin_by(&Decoding::default(), event, timestamp_ms)
}

fn origin_by(decoding: &Decoding, event: &serde_json::Value, timestamp_ms: Option<i64>) -> Origin {
    let topic: Arc<str> = Arc::from("events");
    let record = Arc::new(Record {
        topic: Arc::clone(&topic),
        partition: 3,
        offset: 12,
        key: None,
        headers: Vec::new(),
        value: Some(event.to_string().into_bytes()),
        timestamp_ms,
    });
    let event = match decode(decoding, &record, RECEIVED.unix_ms) {
        Decoded::Event(event) => Some(Arc::from(event)),
        Decoded::Tombstone | Decoded::Undecodable(_) => None,
    };
    Origin {
        partition: Partition { topic, number: 3 },
        epoch: Epoch(1),
        record,
        event,
        rules_version: Arc::from("3f2a9c41d07b"),
        received: RECEIVED,
        identity: OnceLock::new(),
    }
}

/// What a store gives back of an outcome.
fn kept(outcome: &Outcome) -> Arc<Outcome> {
    let text = outcome_to_text(outcome).unwrap();
    Arc::new(outcome_of_text(&outcome.id, &text).unwrap())
}

/// How a message of the record ended, under this message id; none is what a rule gives by itself.
fn end(origin: &Origin, reason: Reason, once: Option<&str>) -> Outcome {
    let settled = Moment {
        elapsed: RECEIVED.elapsed + Duration::from_millis(80),
        unix_ms: RECEIVED.unix_ms + 80,
    };
    let mut outcome = report::outcome(settled, origin, reason);
    outcome.id = origin.record.outcome_id("order-completed");
    outcome.rule = Some(Arc::from("order-completed"));
    let usual = usual_message_id(&outcome).unwrap_or_else(|| outcome.id.clone());
    outcome.message_id = once.map_or(usual, str::to_owned);
    outcome.api_ms = 68;
    outcome.waited_ms -= 68;
    outcome.bound();
    outcome
}

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9./|%_-]{1,40}",
        "[a-z|\"\\\\\u{1}]{1,5}".prop_map(|text| text.repeat(150)),
        "\\PC{1,6}",
    ]
}

proptest! {
    #[test]
    fn what_is_published_again_is_what_was_published_first(
        [id, kind, source] in [attribute(), attribute(), attribute()],
        has in any::<[bool; 3]>(),
        time in prop_oneof![Just(json!("2026-11-22T08:30:00.000Z")), Just(json!(1_795_336_200)), Just(json!(null))],
        timestamp_ms in prop::option::of(0..1_795_336_200_000_i64),
        once in prop::option::of("[a-z|#]{1,9}"),
        how in prop_oneof![
            Just(Reason::Ok), Just(Reason::UserRefused), Just(Reason::NoRule),
        ],
    ) {
        let mut event = json!({"type": kind, "id": id, "source": source, "time": time});
        for (is_there, name) in has.into_iter().zip(["id", "source", "time"]) {
            if !is_there {
                event[name].take();
            }
        }
        let origin = origin(&event, timestamp_ms);
        let first = end(&origin, how, once.as_deref());
        let mut again = kept(&first);
        complete(&mut again, &origin);
        prop_assert_eq!(&*again, &first);
        // What is at hand already stays.
        complete(&mut again, &origin);
        prop_assert_eq!(&*again, &first);
    }
}

fn an_event(id: &str) -> serde_json::Value {
    json!({"type": "order.completed", "id": id, "source": "/shop/orders", "time": "2026-11-22T08:30:00Z"})
}

#[test]
fn a_business_key_is_told_by_the_record_and_kept_by_no_store() {
    let places = vec![Pointer::new("/data/order_no").unwrap()];
    let keys = BusinessKeys::new(places, RecipientStyle::Masked);
    let decoding = Decoding {
        keys: Some(Arc::new(keys)),
        ..Decoding::default()
    };
    let event = json!({"type": "order.completed", "id": "1", "order_no": "SO20261122001"});
    let ours = origin_by(&decoding, &event, Some(5));
    let settled = Arc::new(end(&ours, Reason::Ok, None));
    let mut first = Arc::clone(&settled);
    complete(&mut first, &ours);
    assert_eq!(first.business_key.as_deref(), Some("SO20261122001"));
    // One whose event is kept, for a receipt, is kept without its key as well.
    for event in [EventFields::OfRecord, EventFields::Kept] {
        let mut outcome = Outcome::clone(&first);
        outcome.record.as_mut().unwrap().event = event;
        let text = outcome_to_text(&outcome).unwrap();
        assert!(!text.contains("SO20261122001"), "{text}");
        let mut again = kept(&outcome);
        complete(&mut again, &ours);
        assert_eq!(again.business_key, first.business_key);
    }
    let foreign = origin_by(&decoding, &event, Some(6));
    let mut of_foreign = kept(&settled);
    complete(&mut of_foreign, &foreign);
    assert_eq!(of_foreign.business_key, None);
}

#[test]
fn a_foreign_record_gives_nothing_to_an_outcome() {
    let ours = origin(&an_event("1"), Some(5));
    let first = end(&ours, Reason::Ok, None);
    assert_eq!(first.message_id, "order-completed|/shop/orders|1");
    let mut without = first.clone();
    without.event_id = None;
    without.event_type = None;
    without.event_source = None;
    without.event_time = None;
    without.message_id.clone_from(&first.id);
    let text = serde_json::to_value(&without).unwrap();
    let foreign = [
        origin(&an_event("2"), Some(5)),
        origin(&an_event("1"), Some(6)),
        // It is gone, or cannot be read any more.
        origin(&json!("none"), Some(5)),
    ];
    for foreign in foreign {
        let mut again = kept(&first);
        complete(&mut again, &foreign);
        assert_eq!(serde_json::to_value(&*again).unwrap(), text);
    }
    let mut once = kept(&end(&ours, Reason::Ok, Some("r|s|dedupe")));
    complete(&mut once, &origin(&an_event("2"), Some(5)));
    assert_eq!(once.message_id, "r|s|dedupe");
}

#[test]
fn a_record_that_was_no_event_leaves_its_outcome_whole() {
    let origin = origin(&json!("none"), Some(5));
    let first = end(&origin, Reason::EventMalformed, None);
    assert_eq!(*kept(&first), first);
}
