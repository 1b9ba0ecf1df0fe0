//! Bytes in hexadecimal digits.

/// Two digits for each byte, in small letters.
pub fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    let halves = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .filter_map(|half| char::from_digit(u32::from(half), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(hex([0, 10, 0x7F, 0xFF]), "000a7fff");
        assert_eq!(hex([]), "");
    }
}
