//! Words that this version does not know: what a later version wrote is kept as it is, and can be published again.

use std::fmt;

use serde::de::value::{Error as NotListed, StrDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer as _};
use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

use super::{Reason, Status};

/// A status or reason that a later version wrote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unlisted {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Twice as long as any word of ours.
const LONGEST: usize = 40;

impl Unlisted {
    /// Takes a word in: `a` to `z`, digits and `_`, since it becomes a header and a label. `None` if it is no such word.
    pub fn new(word: &str) -> Option<Self> {
        let is_of_a_word =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if word.is_empty() || !word.bytes().all(is_of_a_word) {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes
            .get_mut(..word.len())?
            .copy_from_slice(word.as_bytes());
        let length = word.len();
        Some(Self { bytes, length })
    }

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        let word = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(word).unwrap_or_default()
    }
}

impl fmt::Debug for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Unlisted> for Status {
    fn from(word: Unlisted) -> Self {
        Self::Unlisted(word)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<Unlisted> for Reason {
    fn from(word: Unlisted) -> Self {
        Self::Unlisted(word)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Reads a word of a list that is closed for what we write, and open for what we read.
pub fn read_word<T: DeserializeOwned + From<Unlisted>>(word: &str) -> Option<T> {
    let listed: StrDeserializer<'_, NotListed> = word.into_deserializer();
    T::deserialize(listed)
        .ok()
        .or_else(|| Unlisted::new(word).map(T::from))
}

/// The same for a field.
pub(crate) fn open<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + From<Unlisted>,
{
    let word = String::deserialize(deserializer)?;
    read_word(&word).ok_or_else(|| D::Error::custom("expected a word in small letters"))
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn an_outcome_of_a_later_version_is_written_again_as_it_was() {
        let text = concat!(
            r#"{"id":"t/0/1/r","message_id":"m","status":"postponed","reason":"of_tomorrow","detail":"","rules_version":"1","#,
            r#""topic":"t","partition":0,"offset":1,"attempts":0,"received_at":"","settled_at":"","waited_ms":0,"api_ms":0,"#,
            r#""due_at":"2027-01-01T00:00:00.000Z","waits":{"for":["quiet",1,null]}}"#
        );
        let outcome: Outcome = serde_json::from_str(text).unwrap();
        assert_eq!(outcome.status.as_str(), "postponed");
        assert_eq!(outcome.reason.as_str(), "of_tomorrow");
        assert_eq!(serde_json::to_string(&outcome).unwrap(), text);
    }

    #[test]
    fn what_is_no_word_is_not_taken_for_one() {
        for junk in [
            "",
            "Of Tomorrow",
            "x\r\ny",
            "morgen_früh",
            &"x".repeat(LONGEST + 1),
        ] {
            assert_eq!(read_word::<Reason>(junk), None, "{junk}");
        }
        assert_eq!(read_word("sent"), Some(Status::Sent));
        assert_eq!(read_word("in_doubt"), Some(Reason::InDoubt));
        let longest = "y".repeat(LONGEST);
        assert_eq!(read_word::<Reason>(&longest).unwrap().as_str(), longest);
    }
}
