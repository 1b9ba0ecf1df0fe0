//! What ties an outcome to its record. None of it is published.

use super::Outcome;
use crate::model::{digest, is_digest};

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

/// What a stamp is made of: a record, and what was read in it.
#[derive(Clone, Copy, Debug)]
pub struct Stamped<'a> {
    /// The time of the record, in Unix milliseconds, if Kafka says one.
    pub timestamp_ms: Option<i64>,
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

/// How many letters say that the event's other attributes are the same.
const OF_EVENT: usize = 4;

/// A short digest of a record and its event. A topic that is deleted and made anew has other records in the same places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Of the record's time and the event's id.
    identity: [u8; OF_IDENTITY],
    /// Of the event's type, source and time. They differ between two readings of one record if the settings of `[events]` were changed.
    event: [u8; OF_EVENT],
}

impl Stamp {
    /// The stamp of a record.
    pub fn of(record: &Stamped<'_>) -> Self {
        let has_time = [u8::from(record.timestamp_ms.is_some())];
        let at_ms = record.timestamp_ms.unwrap_or_default().to_be_bytes();
        let kind_bytes = record.kind.len().to_string();
        Self {
            identity: digest(&[&has_time, &at_ms, record.id.as_bytes()]),
            event: digest(&[
                &record.time_ms.to_be_bytes(),
                kind_bytes.as_bytes(),
                b"|",
                record.kind.as_bytes(),
                record.source.as_bytes(),
            ]),
        }
    }

    /// Whether both are of one record, be it that it was read under different settings. Equal stamps say more: the event's attributes are the
    /// same too.
    pub fn is_of_same_record(self, other: Self) -> bool {
        self.identity == other.identity
    }

    /// The stamp as text: 12 letters.
    pub fn to_text(self) -> String {
        let letters = self.identity.iter().chain(&self.event);
        letters.map(|letter| char::from(*letter)).collect()
    }

    /// Reads the text of a stamp; `None` if it is none.
    pub fn of_text(text: &str) -> Option<Self> {
        let (identity, event) = text.as_bytes().split_first_chunk()?;
        let stamp = Self {
            identity: *identity,
            event: event.try_into().ok()?,
        };
        is_digest(text.as_bytes()).then_some(stamp)
    }
}

impl Outcome {
    /// Whether a store need not keep what the record tells.
    pub fn record_tells_event(&self) -> bool {
        self.record.is_some_and(|record| match record.event {
            EventFields::OfRecord | EventFields::LeftOut => true,
            EventFields::Kept => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Stamped<'static> = Stamped {
        timestamp_ms: Some(1_795_336_200_000),
        id: "01J9Z8Y7X6W5V4U3T2S1R0Q9P8",
        kind: "order.completed",
        source: "/shop/orders",
        time_ms: 1_795_336_199_000,
    };

    #[test]
    fn a_stamp_is_the_same_in_every_version() {
        // Stores keep it: what changes it changes every record's.
        let stamp = Stamp::of(&RECORD);
        assert_eq!(stamp.to_text(), "nUUeDsIHrJU9");
        assert_eq!(Stamp::of_text(&stamp.to_text()), Some(stamp));
        for junk in ["", "nUUe", "12345678+234", "1234567890123"] {
            assert_eq!(Stamp::of_text(junk), None, "{junk}");
        }
    }

    #[test]
    fn another_record_and_another_reading_are_told_apart() {
        let stamp = Stamp::of(&RECORD);
        let others = [
            Stamped {
                timestamp_ms: None,
                ..RECORD
            },
            Stamped {
                timestamp_ms: Some(0),
                ..RECORD
            },
            Stamped { id: "02", ..RECORD },
        ];
        for other in others.map(|other| Stamp::of(&other)) {
            assert!(!stamp.is_of_same_record(other));
            assert_ne!(stamp, other);
        }
        let readings = [
            Stamped {
                kind: "order",
                source: ".completed/shop/orders",
                ..RECORD
            },
            Stamped {
                source: "/shop",
                ..RECORD
            },
            Stamped {
                time_ms: 0,
                ..RECORD
            },
        ];
        for reading in readings.map(|reading| Stamp::of(&reading)) {
            assert!(stamp.is_of_same_record(reading));
            assert_ne!(stamp, reading);
        }
        assert_ne!(
            Stamp::of(&Stamped {
                timestamp_ms: None,
                ..RECORD
            }),
            Stamp::of(&Stamped {
                timestamp_ms: Some(0),
                ..RECORD
            })
        );
    }
}
