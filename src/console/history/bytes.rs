//! Numbers and texts as bytes: small numbers take one.

/// What is written.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            let [low, ..] = number.to_le_bytes();
            self.0.push(low | 0x80);
            number >>= 7;
        }
        let [low, ..] = number.to_le_bytes();
        self.0.push(low);
    }

    /// The sign in the lowest bit, so that small negative numbers are short too.
    pub(super) fn signed(&mut self, number: i64) {
        let folded = (number << 1) ^ (number >> 63);
        self.number(u64::from_ne_bytes(folded.to_ne_bytes()));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.bytes(text.as_bytes());
    }

    /// A text that may be none.
    pub(super) fn optional(&mut self, text: Option<&str>) {
        match text {
            None => self.number(0),
            Some(text) => {
                self.number(1);
                self.text(text);
            }
        }
    }
}

/// What is left to be read. Every reading gives `None` where the bytes are not what was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (read, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(read)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let folded = self.number()?;
        let magnitude = i64::from_ne_bytes((folded >> 1).to_ne_bytes());
        Some(if folded & 1 == 0 {
            magnitude
        } else {
            !magnitude
        })
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    /// A text that may be none: the outer `None` is what cannot be read.
    pub(super) fn optional(&mut self) -> Option<Option<&'a str>> {
        match self.number()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, signed: i64, text: String, optional: Option<String>) {
            let mut writer = Writer::default();
            writer.number(number);
            writer.signed(signed);
            writer.text(&text);
            writer.optional(optional.as_deref());
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.signed(), Some(signed));
            prop_assert_eq!(reader.text(), Some(text.as_str()));
            prop_assert_eq!(reader.optional(), Some(optional.as_deref()));
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn what_was_not_written_is_no_panic(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.text().is_some() {}
            let mut reader = Reader(&bytes);
            while reader.signed().is_some() {}
        }
    }

    #[test]
    fn small_numbers_are_short() {
        for (number, length) in [(0, 1), (-1, 1), (63, 1), (-64, 1), (64, 2), (i64::MIN, 10)] {
            let mut writer = Writer::default();
            writer.signed(number);
            assert_eq!(writer.0.len(), length, "{number}");
            assert_eq!(Reader(&writer.0).signed(), Some(number));
        }
    }
}
