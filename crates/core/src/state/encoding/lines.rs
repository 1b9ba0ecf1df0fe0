//! The lines of an outcome's text.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::outcome::{EventFields, OfRecord, Stamp};
use crate::model::rfc3339_ms;

/// What the text begins with.
const VERSION: &str = "3";

/// What the text of the version before begins with. Of what that left out, nothing is left to the record.
const BEFORE: &str = "2";

/// Before a moment that is no number.
const AS_IT_IS: char = '\'';

/// The form of a text that is no JSON.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// It begins with [`VERSION`].
    Newest,
    /// It begins with [`BEFORE`].
    Before,
}

/// The text while it is written.
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn new() -> Self {
        Self(VERSION.to_owned())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn put(&mut self, letter: char, value: &str) {
        self.0.push('\n');
        self.0.push(letter);
        let mut rest = value;
        let is_escaped = |byte| matches!(byte, b'\n' | b'\\');
        while let Some(at) = rest.bytes().position(is_escaped) {
            let (plain, behind) = rest.split_at(at);
            self.0.push_str(plain);
            let (escaped, behind) = behind.split_at(1);
            self.0
                .push_str(if escaped == "\n" { "\\n" } else { "\\\\" });
            rest = behind;
        }
        self.0.push_str(rest);
    }

    pub(super) fn put_optional(&mut self, letter: char, value: Option<&str>) {
        if let Some(value) = value {
            self.put(letter, value);
        }
    }

    /// Nothing is what is read where there is no line.
    pub(super) fn put_text(&mut self, letter: char, value: &str) {
        self.put_unless(letter, value, "");
    }

    /// The usual value is what is read where there is no line.
    pub(super) fn put_unless(&mut self, letter: char, value: &str, usual: &str) {
        if value != usual {
            self.put(letter, value);
        }
    }

    /// Zero is what is read where there is no line.
    pub(super) fn put_number(&mut self, letter: char, value: u64) {
        if value > 0 {
            self.put(letter, &value.to_string());
        }
    }

    /// Gives the moment, if it is one that is written as we write moments.
    pub(super) fn put_moment(
        &mut self,
        letter: char,
        value: &str,
        from_ms: Option<i64>,
    ) -> Option<i64> {
        let at_ms = unix_ms(value);
        match at_ms {
            Some(at_ms) => self.put(letter, &(at_ms - from_ms.unwrap_or(0)).to_string()),
            None => self.put(letter, &format!("{AS_IT_IS}{value}")),
        }
        at_ms
    }
}

fn unix_ms(text: &str) -> Option<i64> {
    let at: Timestamp = text.parse().ok()?;
    let at_ms = at.as_millisecond();
    (rfc3339_ms(at_ms) == text).then_some(at_ms)
}

/// The text while it is read.
pub(super) struct Fields(BTreeMap<char, String>);

impl Fields {
    /// Whether all of it was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn read(text: &str) -> Option<(Form, Self)> {
        let mut lines = text.split('\n');
        let form = match lines.next()? {
            VERSION => Form::Newest,
            BEFORE => Form::Before,
            _ => return None,
        };
        let mut fields = BTreeMap::new();
        for line in lines {
            let mut parts = line.chars();
            let letter = parts.next()?;
            let mut value = String::with_capacity(line.len());
            while let Some(part) = parts.next() {
                value.push(match part {
                    '\\' => match parts.next()? {
                        'n' => '\n',
                        '\\' => '\\',
                        _ => return None,
                    },
                    other => other,
                });
            }
            if fields.insert(letter, value).is_some() {
                return None;
            }
        }
        Some((form, Self(fields)))
    }

    /// The outer value is `None` if there is something else than one stamp.
    #[expect(clippy::option_option, reason = "the outer one is for `?`")]
    pub(super) fn record(&mut self) -> Option<Option<OfRecord>> {
        let (text, event) = match (self.take('f'), self.take('F')) {
            (None, None) => return Some(None),
            (Some(text), None) => (text, EventFields::LeftOut),
            (None, Some(text)) => (text, EventFields::Kept),
            (Some(_), Some(_)) => return None,
        };
        let stamp = Stamp::of_text(&text)?;
        Some(Some(OfRecord { stamp, event }))
    }

    pub(super) fn take(&mut self, letter: char) -> Option<String> {
        self.0.remove(&letter)
    }

    pub(super) fn shared(&mut self, letter: char) -> Option<Arc<str>> {
        self.take(letter).map(Arc::from)
    }

    /// The outer value is `None` if there is something else than a number.
    #[expect(clippy::option_option, reason = "the outer one is for `?`")]
    pub(super) fn optional(&mut self, letter: char) -> Option<Option<i64>> {
        match self.take(letter) {
            Some(digits) => digits.parse().ok().map(Some),
            None => Some(None),
        }
    }

    pub(super) fn number<T: std::str::FromStr + Default>(&mut self, letter: char) -> Option<T> {
        self.number_or(letter, T::default())
    }

    pub(super) fn number_or<T: std::str::FromStr>(&mut self, letter: char, usual: T) -> Option<T> {
        match self.take(letter) {
            Some(digits) => digits.parse().ok(),
            None => Some(usual),
        }
    }

    /// A moment as text, and in milliseconds if it was written as a number.
    pub(super) fn moment(
        &mut self,
        letter: char,
        from_ms: Option<i64>,
    ) -> Option<(Option<String>, Option<i64>)> {
        let Some(value) = self.take(letter) else {
            return Some((None, None));
        };
        if let Some(text) = value.strip_prefix(AS_IT_IS) {
            return Some((Some(text.to_owned()), None));
        }
        let by_ms: i64 = value.parse().ok()?;
        let at_ms = by_ms.checked_add(from_ms.unwrap_or(0))?;
        // A moment that no calendar holds was never written.
        Timestamp::from_millisecond(at_ms).ok()?;
        Some((Some(rfc3339_ms(at_ms)), Some(at_ms)))
    }
}
