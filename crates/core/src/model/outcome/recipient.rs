//! How users appear in outcomes, and how they can be counted there without being known.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize, Serializer};
use sha2::Sha256;

use super::sha256;
use crate::model::hex;

/// What stands in a mask for what is not shown. No openid has it.
const HIDDEN: &str = "***";

/// Whether a recipient as it is shown is masked: several users may look like this.
pub fn is_masked(shown: &str) -> bool {
    shown.contains(HIDDEN)
}

/// How the recipient appears in outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientStyle {
    /// The first and last three characters.
    Masked,
    /// The whole openid.
    Plain,
    /// SHA-256, so that outcomes of one user can be joined without naming the user.
    Hashed,
}

impl RecipientStyle {
    /// An openid in this style.
    pub fn show(self, openid: &str) -> String {
        match self {
            Self::Plain => openid.to_owned(),
            Self::Hashed => sha256(openid),
            Self::Masked => {
                const SHOWN: usize = 3;
                let length = openid.chars().count();
                if length < 4 * SHOWN {
                    return HIDDEN.to_owned();
                }
                let behind = |n_chars| {
                    let next = openid.char_indices().nth(n_chars);
                    next.map_or(openid.len(), |(at, _)| at)
                };
                let (first, _) = openid.split_at(behind(SHOWN));
                let (_, last) = openid.split_at(behind(length - SHOWN));
                [first, HIDDEN, last].concat()
            }
        }
    }
}

/// The secret by which recipients are hashed: the text itself is the key. It has no readable `Debug`, and is in no outcome.
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientKey(Arc<str>);

impl RecipientKey {
    /// Takes the key in.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for hashes and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecipientKey(hidden)")
    }
}

/// Hashes recipients by one key.
#[derive(Clone)]
pub struct RecipientHasher {
    /// It has taken the key in, which costs as much as a hash.
    ready: Hmac<Sha256>,
}

/// How much of HMAC-SHA-256 an outcome tells: 128 bits. Among a thousand million users two have the same with a chance of one to 10^20.
const HASH_BYTES: usize = 16;

impl RecipientHasher {
    /// Makes ready for this key; `None` if it cannot be one, and HMAC takes any text.
    pub fn new(key: &RecipientKey) -> Option<Self> {
        let ready = Hmac::new_from_slice(key.expose().as_bytes()).ok()?;
        Some(Self { ready })
    }

    /// The hash of a user of an app, by the app's name in the settings: of `app/openid`, the first 128 bits, in 32 hexadecimal digits.
    pub fn hash(&self, app: &str, openid: &str) -> Arc<str> {
        let mut hmac = self.ready.clone();
        hmac.update(app.as_bytes());
        hmac.update(b"/");
        hmac.update(openid.as_bytes());
        let hash = hmac.finalize().into_bytes();
        Arc::from(hex(hash.into_iter().take(HASH_BYTES)))
    }
}

/// A recipient's hash in an outcome, and what tells the recipient when the outcome has to be published again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientHash {
    /// The record: the hash is made anew, and a store that writes outcomes down leaves it out.
    OfRecord(Arc<str>),
    /// Nothing does, since the recipient was named by a login code, which works once, or the rule does not come to a recipient any more: a store
    /// keeps the hash.
    Kept(Arc<str>),
}

impl RecipientHash {
    /// The same hash, for a store to keep.
    #[must_use]
    pub fn kept(self) -> Self {
        match self {
            Self::OfRecord(hash) | Self::Kept(hash) => Self::Kept(hash),
        }
    }

    /// The hash.
    pub fn as_str(&self) -> &str {
        match self {
            Self::OfRecord(hash) | Self::Kept(hash) => hash,
        }
    }
}

impl Serialize for RecipientHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RecipientHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|hash| Self::Kept(Arc::from(hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_what_other_programs_make_of_key_app_and_openid() {
        let key = RecipientKey::new("0123456789abcdef");
        let hasher = RecipientHasher::new(&key).unwrap();
        // printf %s shop/oABCD1234567890xyz | openssl dgst -sha256 -hmac 0123456789abcdef | tail -c 65 | cut -c 1-32
        assert_eq!(
            &*hasher.hash("shop", "oABCD1234567890xyz"),
            "721a2b5c35a41a280dc15f2f5d5fa0c6"
        );
        let other = RecipientHasher::new(&RecipientKey::new("0123456789abcdeF")).unwrap();
        let made = [
            hasher.hash("shop", "oABCD1234567890xyz"),
            hasher.hash("shop", "oABCD1234567890xyZ"),
            hasher.hash("club", "oABCD1234567890xyz"),
            other.hash("shop", "oABCD1234567890xyz"),
        ];
        let different: std::collections::BTreeSet<_> = made.iter().collect();
        assert_eq!(different.len(), made.len(), "{made:?}");
        assert!(!format!("{key:?}").contains("0123"));
    }
}
