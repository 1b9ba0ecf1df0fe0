//! What ties an outcome to its record. None of it is published.

use super::Outcome;
use crate::model::{Digester, Record, digest, is_digest};

/// The record that an outcome is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfRecord {
    /// Tells it from any other record in the same place.
    pub stamp: Stamp,
    /// What is here of its event.
    pub event: EventFields,
}

/// The fields of an outcome that its record tells: `event_id`, `event_type`, `event_source` and `event_time`, and the message id where these
/// and the rule make it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFields {
    /// They are here. A store need not keep them: the record is at hand where the outcome is published again.
    OfRecord,
    /// They are here, and a store keeps them: they are needed where no record is at hand.
    Kept,
    /// A store has left them out. The message id is empty if that was left out too.
    LeftOut,
}

/// What was read in a record, as far as an outcome tells it.
#[derive(Clone, Copy, Debug)]
pub struct EventRead<'a> {
    /// The event's id.
    pub id: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// Its source.
    pub source: &'a str,
    /// Its time, in Unix milliseconds.
    pub time_ms: i64,
}

/// How many letters say which record it is: 48 bits. Two records are compared, never many.
const OF_IDENTITY: usize = 8;

/// How many letters say that the event's attributes are the same.
const OF_EVENT: usize = 4;

/// Tells a record from any other one in the same place: a topic that is deleted and made anew, or another cluster, has other records there. A
/// digest of what Kafka delivered, whatever the settings make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity([u8; OF_IDENTITY]);

impl Identity {
    /// The identity of a record: its time, key, headers and value. `None` where nothing is known of the record but its place.
    pub fn of(record: &Record) -> Option<Self> {
        let Record {
            topic: _,
            partition: _,
            offset: _,
            key,
            headers,
            value,
            timestamp_ms,
        } = record;
        if timestamp_ms.is_none() && key.is_none() && headers.is_empty() && value.is_none() {
            return None;
        }
        let at_ms = timestamp_ms.map(i64::to_be_bytes);
        let mut digest = Digester::default();
        let first = [
            at_ms.as_ref().map(<[u8; 8]>::as_slice),
            key.as_deref(),
            value.as_deref(),
        ];
        for part in first {
            add_part(&mut digest, part);
        }
        for (name, value) in headers {
            add_part(&mut digest, Some(name.as_bytes()));
            add_part(&mut digest, value.as_deref());
        }
        Some(Self(digest.letters()))
    }

    /// As letters, for an id.
    pub fn as_text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Reads the letters; `None` if they are none.
    pub fn of_text(text: &str) -> Option<Self> {
        let identity = text.as_bytes().try_into().ok()?;
        is_digest(text.as_bytes()).then_some(Self(identity))
    }
}

/// Before each part stands whether it is there, and its length: no two lists of parts give the same bytes.
fn add_part(digest: &mut Digester, part: Option<&[u8]>) {
    let length = part.map_or(0, <[u8]>::len) as u64;
    digest.add(&[u8::from(part.is_some())]);
    digest.add(&length.to_be_bytes());
    digest.add(part.unwrap_or_default());
}

/// Which record it was, and what was read in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which record.
    pub identity: Identity,
    /// Of the event's id, type, source and time. They differ between two readings of one record if the settings of `[events]` were changed.
    event: [u8; OF_EVENT],
}

impl Stamp {
    /// The stamp of a record, and of what was read in it; `None` where it is no event.
    pub fn of(identity: Identity, event: Option<&EventRead<'_>>) -> Self {
        let event = match event {
            Some(event) => {
                let lengths = format!("{}|{}|", event.id.len(), event.kind.len());
                digest(&[
                    &event.time_ms.to_be_bytes(),
                    lengths.as_bytes(),
                    event.id.as_bytes(),
                    event.kind.as_bytes(),
                    event.source.as_bytes(),
                ])
            }
            None => digest(&[]),
        };
        Self { identity, event }
    }

    /// The stamp as text: 12 letters.
    pub fn to_text(self) -> String {
        let letters = self.identity.0.iter().chain(&self.event);
        letters.map(|letter| char::from(*letter)).collect()
    }

    /// Reads the text of a stamp; `None` if it is none.
    pub fn of_text(text: &str) -> Option<Self> {
        let (identity, event) = text.as_bytes().split_first_chunk()?;
        let stamp = Self {
            identity: Identity(*identity),
            event: event.try_into().ok()?,
        };
        is_digest(text.as_bytes()).then_some(stamp)
    }
}

impl Outcome {
    /// Which record it is of, if that is known.
    pub fn identity(&self) -> Option<Identity> {
        self.record.map(|record| record.stamp.identity)
    }

    /// Whether a store need not keep what the record tells.
    pub fn record_tells_event(&self) -> bool {
        self.record.is_some_and(|record| match record.event {
            EventFields::OfRecord | EventFields::LeftOut => true,
            EventFields::Kept => false,
        })
    }
}

/// Whether these are two records, as far as both are known: what is known of no record may be of either.
pub fn are_two_records(one: Option<Identity>, other: Option<Identity>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const EVENT: EventRead<'static> = EventRead {
        id: "01J9Z8Y7X6W5V4U3T2S1R0Q9P8",
        kind: "order.completed",
        source: "/shop/orders",
        time_ms: 1_795_336_199_000,
    };

    fn record() -> Record {
        Record {
            topic: Arc::from("orders"),
            partition: 0,
            offset: 5,
            key: Some(b"k".to_vec()),
            headers: vec![("a".to_owned(), Some(b"b".to_vec()))],
            value: Some(b"{}".to_vec()),
            timestamp_ms: Some(1_795_336_200_000),
        }
    }

    fn identity(record: &Record) -> Identity {
        Identity::of(record).unwrap()
    }

    #[test]
    fn a_stamp_is_the_same_in_every_version() {
        // Stores keep it: what changes it changes every record's.
        let stamp = Stamp::of(identity(&record()), Some(&EVENT));
        assert_eq!(stamp.to_text(), "cc0CuzdOKXyQ");
        assert_eq!(
            Stamp::of(identity(&record()), None).to_text(),
            "cc0CuzdO47DE"
        );
        assert_eq!(Stamp::of_text(&stamp.to_text()), Some(stamp));
        for junk in ["", "nUUe", "12345678+234", "1234567890123"] {
            assert_eq!(Stamp::of_text(junk), None, "{junk}");
        }
        let of = stamp.identity;
        assert_eq!(Identity::of_text(of.as_text()), Some(of));
    }

    #[test]
    fn another_record_is_told_apart_wherever_both_lie() {
        type Change = fn(&mut Record);
        let changes: [Change; 8] = [
            |record| record.timestamp_ms = None,
            |record| record.timestamp_ms = Some(0),
            |record| record.key = None,
            |record| record.value = None,
            |record| record.value = Some(b"{}b".to_vec()),
            |record| record.headers.clear(),
            |record| record.headers = vec![("ab".to_owned(), Some(Vec::new()))],
            |record| record.headers = vec![("a".to_owned(), None)],
        ];
        for change in changes {
            let mut other = record();
            change(&mut other);
            assert_ne!(identity(&other), identity(&record()), "{other:?}");
        }
        let mut elsewhere = record();
        elsewhere.offset = 6;
        assert_eq!(identity(&elsewhere), identity(&record()));
    }

    #[test]
    fn of_a_record_that_is_gone_nothing_is_known() {
        let gone = Record {
            key: None,
            headers: Vec::new(),
            value: None,
            timestamp_ms: None,
            ..record()
        };
        assert_eq!(Identity::of(&gone), None);
        let known = Identity::of(&record());
        assert!(!are_two_records(None, known) && !are_two_records(known, known));
    }

    #[test]
    fn another_reading_is_told_apart() {
        let stamp = |event: &EventRead<'_>| Stamp::of(identity(&record()), Some(event));
        let readings = [
            EventRead {
                kind: "order",
                source: ".completed/shop/orders",
                ..EVENT
            },
            EventRead {
                source: "/shop",
                ..EVENT
            },
            EventRead { id: "02", ..EVENT },
            EventRead {
                time_ms: 0,
                ..EVENT
            },
        ];
        for reading in readings {
            assert_ne!(stamp(&reading), stamp(&EVENT));
        }
    }
}
