//! Fields of an outcome that came after its letters were closed.
//!
//! A letter that a version does not know makes the text unreadable to it: the message would be in doubt after a roll-back. A field under `z` is
//! read by any version, which publishes it as it was. So a field of [`Outcome`](crate::model::outcome::Outcome) that is new goes there, by
//! the name that it has on the wire: [`put_named`] when the text is written, [`take_named`] when it is read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Puts a field among those that are written under `z`; one that is missing has no place there.
pub(super) fn put_named<T: Serialize>(
    more: &mut BTreeMap<String, Value>,
    name: &str,
    value: Option<&T>,
) -> serde_json::Result<()> {
    if let Some(value) = value {
        more.insert(name.to_owned(), serde_json::to_value(value)?);
    }
    Ok(())
}

/// Takes a field from those that were read under `z`. The outer value is `None` if there is something else than such a field.
#[expect(clippy::option_option, reason = "the outer one is for `?`")]
pub(super) fn take_named<T: DeserializeOwned>(
    more: &mut BTreeMap<String, Value>,
    name: &str,
) -> Option<Option<T>> {
    match more.remove(name) {
        Some(value) => serde_json::from_value(value).ok().map(Some),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::encoding::{outcome_of_text, outcome_to_text};

    const ID: &str = "order-events/1/7/order-completed";

    /// Every letter that there is, with a value that fits it. The list does not change any more, neither grows nor shrinks: versions that
    /// have it are about.
    const LETTERS: [(char, &str); 31] = [
        ('s', "failed"),
        ('r', "attempts_used"),
        ('d', "given up"),
        ('T', "other-events"),
        ('P', "2"),
        ('O', "8"),
        ('R', "other-rule"),
        ('f', "0123456789ab"),
        ('F', "0123456789ab"),
        ('M', "whole message id"),
        ('m', "rest of a message id"),
        ('e', "e2"),
        ('k', "order.completed"),
        ('o', "/shop/orders"),
        ('w', "1795336200000"),
        ('D', "order-events/1/6/order-completed"),
        ('v', "3f2a9c41d07b"),
        ('a', "shop"),
        ('t', "order_completed"),
        ('i', "T1"),
        ('u', "oBi***001"),
        ('c', "-1"),
        ('g', "system error"),
        ('q', "rid"),
        ('n', "2862830402153865217"),
        ('p', "thing1"),
        ('A', "3"),
        ('x', "1795336200120"),
        ('y', "80"),
        ('W', "12"),
        ('I', "68"),
    ];

    /// The letter of all fields that have none of their own.
    const OF_MORE: char = 'z';

    /// The shortest text with this line that can be read, if it can.
    fn with_line(letter: char, value: &str) -> String {
        let needs = match letter {
            'e' => "",
            'P' | 'O' | 'R' => "\ne1\nTevents",
            _ => "\ne1",
        };
        format!("3{needs}\n{letter}{value}")
    }

    #[test]
    fn the_letters_are_closed() {
        for (letter, value) in LETTERS {
            let text = with_line(letter, value);
            assert!(outcome_of_text(ID, &text).is_some(), "{letter} is gone");
        }
        assert!(outcome_of_text(ID, &with_line(OF_MORE, "{}")).is_some());
        let is_free =
            |letter: &char| *letter != OF_MORE && LETTERS.iter().all(|(known, _)| known != letter);
        for letter in ('!'..='~').filter(is_free) {
            for value in ["1", "0123456789ab", "sent", "{}"] {
                let text = with_line(letter, value);
                let read = outcome_of_text(ID, &text);
                assert_eq!(read, None, "{letter}: a new field goes by its name under z");
            }
        }
    }

    #[test]
    fn a_field_by_its_name_is_read_by_the_version_before_and_by_its_own() {
        let mut outcome = outcome_of_text(ID, &with_line('n', "7")).unwrap();
        put_named(&mut outcome.more, "shown_at", Some(&17)).unwrap();
        put_named(&mut outcome.more, "hidden_at", None::<&i64>).unwrap();
        let text = outcome_to_text(&outcome).unwrap();
        assert!(text.ends_with("\nz{\"shown_at\":17}"), "{text}");

        let mut read = outcome_of_text(ID, &text).unwrap();
        assert_eq!(read, outcome, "without its name the field is kept as it is");
        assert_eq!(take_named(&mut read.more, "shown_at"), Some(Some(17)));
        assert_eq!(take_named::<i64>(&mut read.more, "hidden_at"), Some(None));
        read.more.insert("shown_at".to_owned(), Value::from("soon"));
        assert_eq!(take_named::<i64>(&mut read.more, "shown_at"), None);
    }
}
