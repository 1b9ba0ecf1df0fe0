//! Short digests: they stand for long texts where only equality counts.

use sha2::{Digest as _, Sha256};

/// base64url (RFC 4648).
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many bits a letter tells.
const BITS: usize = 6;

/// The value of the last letter.
const LAST_VALUE: u16 = 63;

/// The first `N` characters of the SHA-256 of these parts together, in base64url: 6 bits each, at most 42. It is the same on every machine and in
/// every version, because stores keep it.
pub fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut digest = Digester::default();
    for part in parts {
        digest.add(part);
    }
    digest.letters()
}

/// A [`digest`] whose parts come one after another.
#[derive(Default)]
pub struct Digester(Sha256);

impl Digester {
    /// The next part.
    pub fn add(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The digest of all of them.
    pub fn letters<const N: usize>(self) -> [u8; N] {
        let hash = self.0.finalize();
        let byte = |n: usize| hash.get(n).copied().unwrap_or_default();
        std::array::from_fn(|letter| {
            let first = letter * BITS;
            // Its bits lie in two bytes, at most.
            let pair = u16::from_be_bytes([byte(first / 8), byte(first / 8 + 1)]);
            let value = pair >> (16 - BITS - first % 8) & LAST_VALUE;
            LETTERS.get(usize::from(value)).copied().unwrap_or_default()
        })
    }
}

/// Whether this may be the letters of a digest.
pub fn is_digest(letters: &[u8]) -> bool {
    letters.iter().all(|letter| LETTERS.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_what_other_programs_give() {
        // printf %s abc | openssl dgst -sha256 -binary | basenc --base64url
        assert_eq!(
            &digest::<42>(&[b"a", b"bc"]),
            b"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa"
        );
        assert_eq!(&digest::<4>(&[b"abc"]), b"ungW");
        assert!(is_digest(&digest::<16>(&[b"x"])));
        assert!(!is_digest(b"a+b"));
    }
}
