//! Signatures and encryption of pushes. WeChat: message push, secure mode.

use aes::Aes256;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::Encryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use sha1::{Digest, Sha1};

/// WeChat: PKCS#7 with blocks of 32 bytes, twice those of the cipher.
const BLOCK: usize = 32;
/// The characters of an `EncodingAESKey`.
pub(super) const KEY_LENGTH: usize = 43;

/// 43 characters hold two bits more than 32 bytes, and WeChat does not clear them.
const KEY_ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The key of an `EncodingAESKey`. It has no debug form.
#[derive(Clone, Copy)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// Nothing if it is not 43 characters of base64.
    pub(super) fn parse(encoding_aes_key: &str) -> Option<Self> {
        if encoding_aes_key.len() != KEY_LENGTH {
            return None;
        }
        let bytes = KEY_ENGINE.decode(format!("{encoding_aes_key}=")).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// A message for the app, with 16 random bytes before it.
    pub(super) fn encrypt(&self, random: &str, message: &str, appid: &str) -> String {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let mut frame = Vec::with_capacity(20 + message.len() + appid.len() + BLOCK);
        frame.extend_from_slice(random.as_bytes());
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(message.as_bytes());
        frame.extend_from_slice(appid.as_bytes());
        let padding = BLOCK - frame.len() % BLOCK;
        let byte = u8::try_from(padding).unwrap_or_default();
        frame.resize(frame.len() + padding, byte);
        let n_bytes = frame.len();
        let (iv, _) = self.0.split_at(16);
        // Neither can fail: the key has 32 bytes, the start 16, and the frame is a multiple of the cipher's block.
        if let Ok(cipher) = Encryptor::<Aes256>::new_from_slices(&self.0, iv) {
            let encrypted = cipher.encrypt_padded::<NoPadding>(&mut frame, n_bytes);
            return encrypted.map_or_else(|_| String::new(), |bytes| STANDARD.encode(bytes));
        }
        String::new()
    }
}

/// The hex SHA-1 of the parts, sorted and joined. WeChat: `signature` of token, timestamp and nonce; `msg_signature` of these and
/// `Encrypt`.
pub(crate) fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    let mut hasher = Sha1::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut hex = String::with_capacity(40);
    for byte in digest {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    hex
}

#[cfg(test)]
pub(crate) mod tests {
    use cbc::Decryptor;
    use cbc::cipher::BlockModeDecrypt;

    use super::*;

    /// Random bytes, message and appid of an encrypted frame.
    pub(crate) fn decrypt(encoding_aes_key: &str, encrypted: &str) -> (String, String, String) {
        let key = Key::parse(encoding_aes_key).unwrap().0;
        let mut frame = STANDARD.decode(encrypted).unwrap();
        let cipher = Decryptor::<Aes256>::new_from_slices(&key, &key[..16]).unwrap();
        let frame = cipher.decrypt_padded::<NoPadding>(&mut frame).unwrap();
        let padding = usize::from(*frame.last().unwrap());
        assert!((1..=32).contains(&padding));
        let (frame, pad) = frame.split_at(frame.len() - padding);
        assert!(pad.iter().all(|byte| usize::from(*byte) == padding));
        let length = u32::from_be_bytes(frame[16..20].try_into().unwrap()) as usize;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            text(&frame[..16]),
            text(&frame[20..20 + length]),
            text(&frame[20 + length..]),
        )
    }

    const TOKEN: &str = "AAAAA";
    const APPID: &str = "wxba5fad812f8e6fb9";

    fn key() -> String {
        "A".repeat(KEY_LENGTH)
    }

    // WeChat: message push, the examples of the page.
    const ENCRYPT: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
    const MESSAGE: &str = r#"{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}"#;
    const REPLY: &str =
        "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";

    #[test]
    fn signatures_are_those_of_the_manual() {
        assert_eq!(
            signature(&[TOKEN, "1714036504", "1514711492"]),
            "f464b24fc39322e44b38aa78f5edd27bd1441696"
        );
        assert_eq!(
            signature(&[TOKEN, "1714037059", "486452656"]),
            "899cf89e464efb63f54ddac96b0a0a235f53aa78"
        );
        assert_eq!(
            signature(&[TOKEN, "1714112445", "415670741"]),
            "6c5c811b55cc85e0e1b54100749188c20beb3f5d"
        );
        assert_eq!(
            signature(&[TOKEN, "1714112445", "415670741", ENCRYPT]),
            "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
        );
        assert_eq!(
            signature(&[TOKEN, "1713424427", "415670741", REPLY]),
            "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
        );
    }

    #[test]
    fn encryption_is_that_of_the_manual() {
        let key = Key::parse(&key()).unwrap();
        assert_eq!(key.encrypt("a8eedb185eb2fecf", MESSAGE, APPID), ENCRYPT);
        let reply = r#"{"demo_resp":"good luck"}"#;
        assert_eq!(key.encrypt("707722b803182950", reply, APPID), REPLY);
    }

    #[test]
    fn what_is_encrypted_can_be_read_again() {
        let key = Key::parse(&key()).unwrap();
        for length in 0..70 {
            let message = "拿".repeat(length);
            let encrypted = key.encrypt("0123456789abcdef", &message, APPID);
            let (random, read, appid) = decrypt(&self::key(), &encrypted);
            assert_eq!(
                (random.as_str(), appid.as_str()),
                ("0123456789abcdef", APPID)
            );
            assert_eq!(read, message);
        }
    }

    #[test]
    fn a_key_may_have_bits_to_spare() {
        assert!(Key::parse(&format!("{}B", "A".repeat(42))).is_some());
        for odd in ["", "AAAA", &"A".repeat(44), &"_".repeat(43)] {
            assert!(Key::parse(odd).is_none(), "{odd}");
        }
    }
}
