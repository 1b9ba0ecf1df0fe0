//! Texts that are numbers in truth: times, hashes, random ids, numbers of messages. Each is packed only if it comes out again as it was.

use jiff::Timestamp;

use wx_courier_core::model::{hex, rfc3339_ms};

/// Unix milliseconds of a time as outcomes write it.
pub(super) fn canonical_ms(text: &str) -> Option<i64> {
    // `2026-11-22T15:54:31.397Z`
    const LENGTH: usize = 24;
    if text.len() != LENGTH {
        return None;
    }
    let ms = text.parse::<Timestamp>().ok()?.as_millisecond();
    (rfc3339_ms(ms) == text).then_some(ms)
}

/// A number in digits, without leading noughts.
pub(super) fn digits_of(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}

const HASH: usize = 16;

/// 128 bits as 32 hexadecimal digits.
pub(super) fn hash_of(text: &str) -> Option<[u8; HASH]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * HASH {
        return None;
    }
    let mut hash = [0; HASH];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(hash)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

pub(super) fn hash_text(hash: [u8; HASH]) -> String {
    hex(hash)
}

/// Where a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// A UUID in small letters.
pub(super) fn uuid_of(text: &str) -> Option<[u8; HASH]> {
    if text.len() != 2 * HASH + DASHES.len() {
        return None;
    }
    let mut digits = String::with_capacity(2 * HASH);
    for (at, c) in text.char_indices() {
        match (DASHES.contains(&at), c) {
            (true, '-') => {}
            (true, _) => return None,
            (false, c) => digits.push(c),
        }
    }
    hash_of(&digits)
}

pub(super) fn uuid_text(uuid: [u8; HASH]) -> String {
    let mut text = hex(uuid);
    for at in DASHES {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let uuid = "0190c2e4-7a3b-7def-8123-456789abcdef";
        assert_eq!(uuid_text(uuid_of(uuid).unwrap()), uuid);
        let hash = "721a2b5c35a41a280dc15f2f5d5fa0c6";
        assert_eq!(hash_text(hash_of(hash).unwrap()), hash);
        assert_eq!(
            digits_of("4012345678901234567"),
            Some(4_012_345_678_901_234_567)
        );
        assert_eq!(digits_of("0"), Some(0));
        assert_eq!(
            canonical_ms("2026-11-29T22:40:00.001Z"),
            Some(1_795_992_000_001)
        );
    }

    #[test]
    fn what_would_come_out_otherwise_is_not_packed() {
        for text in [
            "0190C2E4-7a3b-7def-8123-456789abcdef",
            "0190c2e4_7a3b-7def-8123-456789abcdef",
            "订单订单订单订单订单订单",
        ] {
            assert_eq!(uuid_of(text), None, "{text}");
        }
        for text in [
            "721A2b5c35a41a280dc15f2f5d5fa0c6",
            "721a",
            "订单订单订单订单订单xx",
        ] {
            assert_eq!(hash_of(text), None, "{text}");
        }
        for text in ["", "01", "-1", "+1", "18446744073709551616", "1 "] {
            assert_eq!(digits_of(text), None, "{text}");
        }
        for text in [
            "2026-11-29T22:40:00.0010Z",
            "2026-11-29T22:40:00Z",
            "2026-11-29t22:40:00.001Z",
            "",
        ] {
            assert_eq!(canonical_ms(text), None, "{text}");
        }
    }
}
