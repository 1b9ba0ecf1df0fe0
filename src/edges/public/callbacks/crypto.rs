//! Signatures and secrecy of pushes, as `WeChat`'s message push describes them.

use std::fmt;

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use wx_courier_core::model::hex;

/// `EncodingAESKey` is base64 without its `=`, drawn letter by letter: the last letter may say two bits more than the key has, which a
/// strict decoder refuses.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `EncodingAESKey` has 43 letters.
pub(super) const KEY_LETTERS: usize = 43;

/// The block of AES, in bytes.
const BLOCK: usize = 16;

/// `WeChat` pads to 32 bytes, twice the block of the cipher: the padding is 1 to 32 bytes.
const LONGEST_PADDING: usize = 32;

/// Whether `given` is the signature of these texts: hex SHA-1 of all of them, sorted and joined. It takes as long wherever they differ.
pub(super) fn is_signature_of(given: &str, parts: &[&str]) -> bool {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let expected = hex(Sha1::digest(sorted.concat().as_bytes()));
    bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

/// The key of an app's callbacks.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct AesKey {
    key: [u8; 32],
    iv: [u8; BLOCK],
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(hidden)")
    }
}

/// Why a body could not be decrypted. It says no more than that: nothing of the body, nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecryptError {
    /// Not base64, or not whole blocks.
    #[error("it is not base64 of whole blocks")]
    Encoding,
    /// The key is another one, or the body is damaged.
    #[error("its padding is wrong: is `aes_key` that of the console?")]
    Padding,
    /// The length inside is longer than what is there.
    #[error("its length does not fit")]
    Length,
    /// It is meant for another app.
    #[error("it names another appid")]
    AppId,
}

impl AesKey {
    /// Reads `EncodingAESKey`. `None` unless it is 43 letters of base64.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != KEY_LETTERS {
            return None;
        }
        let key: [u8; 32] = LENIENT.decode(text).ok()?.try_into().ok()?;
        let iv = *key.first_chunk()?;
        Some(Self { key, iv })
    }

    /// Decrypts `Encrypt`. The frame inside is 16 random bytes, the length of the message in four, the message, and the appid, which must
    /// be ours.
    pub(super) fn decrypt(&self, encrypted: &str, appid: &str) -> Result<Vec<u8>, DecryptError> {
        let mut frame = LENIENT
            .decode(encrypted.trim())
            .map_err(|_| DecryptError::Encoding)?;
        let (blocks, rest) = Array::slice_as_chunks_mut(&mut frame);
        if blocks.is_empty() || !rest.is_empty() {
            return Err(DecryptError::Encoding);
        }
        let (key, iv) = (self.key.into(), self.iv.into());
        cbc::Decryptor::<Aes256>::new(&key, &iv).decrypt_blocks(blocks);
        let framed = without_padding(&frame).ok_or(DecryptError::Padding)?;
        let (length, rest) = framed
            .get(BLOCK..)
            .and_then(|framed| framed.split_first_chunk::<4>())
            .ok_or(DecryptError::Length)?;
        let length =
            usize::try_from(u32::from_be_bytes(*length)).map_err(|_| DecryptError::Length)?;
        let (message, of) = rest.split_at_checked(length).ok_or(DecryptError::Length)?;
        if of != appid.as_bytes() {
            return Err(DecryptError::AppId);
        }
        Ok(message.to_vec())
    }
}

/// PKCS#7 with blocks of 32 bytes.
fn without_padding(frame: &[u8]) -> Option<&[u8]> {
    let n_padding = usize::from(*frame.last()?);
    if !(1..=LONGEST_PADDING).contains(&n_padding) {
        return None;
    }
    let (framed, padding) = frame.split_at_checked(frame.len().checked_sub(n_padding)?)?;
    let is_right = padding.iter().all(|byte| usize::from(*byte) == n_padding);
    is_right.then_some(framed)
}

#[cfg(test)]
mod tests;
