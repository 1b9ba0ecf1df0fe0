//! Text between its quotes, and what its escapes stand for.

use std::borrow::Cow;
use std::cmp::Ordering;

/// The character of an escape, and the bytes that the escape has; `rest` begins behind the backslash.
pub(super) fn escape(rest: &[u8]) -> Option<(char, usize)> {
    let character = match rest.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return None,
    };
    Some((character, 1))
}

/// `uXXXX`, or two of them that are one character. Half of such a pair is none.
fn unicode(rest: &[u8]) -> Option<(char, usize)> {
    let unit = hexadecimal(rest.get(1..5)?)?;
    if !(0xD800..0xDC00).contains(&unit) {
        return Some((char::from_u32(unit)?, 5));
    }
    let second = rest.get(5..)?.strip_prefix(b"\\u")?;
    let low = hexadecimal(second.get(..4)?)?;
    if !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    Some((char::from_u32(code)?, 11))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number * 16 + char::from(*digit).to_digit(16)?)
    })
}

/// What a text with its quotes says; it is sound.
pub(crate) fn text_of(quoted: &str) -> Cow<'_, str> {
    let inside = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default();
    let Some((mut plain, mut rest)) = inside.split_once('\\') else {
        return Cow::Borrowed(inside);
    };
    let mut text = String::new();
    loop {
        text.push_str(plain);
        let Some((character, n_bytes)) = escape(rest.as_bytes()) else {
            return Cow::Owned(text);
        };
        text.push(character);
        let behind = rest.get(n_bytes..).unwrap_or_default();
        let Some(parts) = behind.split_once('\\') else {
            text.push_str(behind);
            return Cow::Owned(text);
        };
        (plain, rest) = parts;
    }
}

/// The text that begins at the start of `bytes`, with its quotes; it is sound.
pub(crate) fn quoted(bytes: &[u8]) -> &str {
    let mut end = 1;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(n_plain) if rest.get(n_plain) == Some(&b'\\') => end += n_plain + 2,
            Some(n_plain) => {
                end += n_plain + 1;
                break;
            }
            None => break,
        }
    }
    let found = bytes.get(..end).unwrap_or_default();
    std::str::from_utf8(found).unwrap_or_default()
}

/// Compares what two texts say that begin at the starts of these bytes. Neither is read further than to where they differ.
pub(crate) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let is_plain = |byte: u8| !matches!(byte, b'"' | b'\\');
    let (one, other) = (
        one.get(1..).unwrap_or_default(),
        other.get(1..).unwrap_or_default(),
    );
    let pairs = one.iter().zip(other);
    let n_same = pairs.take_while(|(one, other)| one == other && is_plain(**one));
    let n_same = n_same.count();
    match (one.get(n_same), other.get(n_same)) {
        (Some(one), Some(other)) if is_plain(*one) && is_plain(*other) => one.cmp(other),
        _ => {
            let rest = |text| letters_behind(text, n_same);
            rest(one).cmp(rest(other))
        }
    }
}

/// The bytes that the text at the start of `bytes` says, one after another.
pub(crate) fn letters(bytes: &[u8]) -> impl Iterator<Item = u8> {
    letters_behind(bytes, 1)
}

fn letters_behind(bytes: &[u8], start: usize) -> impl Iterator<Item = u8> {
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut escaped = [0; 4];
    let mut pending = 0..0;
    std::iter::from_fn(move || {
        if let Some(index) = pending.next() {
            return escaped.get(index).copied();
        }
        let (first, behind) = rest.split_first()?;
        match first {
            b'"' => None,
            b'\\' => {
                let (character, n_bytes) = escape(behind)?;
                rest = behind.get(n_bytes..).unwrap_or_default();
                pending = 1..character.encode_utf8(&mut escaped).len();
                Some(escaped[0])
            }
            plain => {
                rest = behind;
                Some(*plain)
            }
        }
    })
}
