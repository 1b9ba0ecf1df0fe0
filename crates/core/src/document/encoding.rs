//! What encoding a text has that is no UTF-8: editors and spreadsheets on Windows write others.

/// The encoding that these bytes look like, if they are not UTF-8.
pub fn other_encoding(bytes: &[u8]) -> Option<&'static str> {
    let has_mark = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if has_mark || is_utf_16(bytes) {
        return Some("UTF-16");
    }
    let is_utf_8 = std::str::from_utf8(bytes).is_ok();
    (!is_utf_8 && is_gbk(bytes)).then_some("GBK")
}

/// Whether the first two characters are of ASCII, with a zero byte each.
pub(crate) fn is_utf_16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0, 1..=0x7f, 0, 1..=0x7f, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..]
    )
}

/// Whether everything beyond ASCII are pairs of bytes as GBK has them, or fours as GB 18030 has them.
pub(crate) fn is_gbk(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return true,
            [..=0x7f, rest @ ..]
            | [0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe, rest @ ..]
            | [
                0x81..=0xfe,
                b'0'..=b'9',
                0x81..=0xfe,
                b'0'..=b'9',
                rest @ ..,
            ] => rest,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(other_encoding("订单 = 1".as_bytes()), None);
        assert_eq!(other_encoding(b"\xff\xfea\0=\0"), Some("UTF-16"));
        assert_eq!(other_encoding(b"a\0=\0"), Some("UTF-16"));
        assert_eq!(other_encoding(b"# \xb2\xe8\n"), Some("GBK"));
        assert_eq!(other_encoding(b"\xff"), None);
    }
}
