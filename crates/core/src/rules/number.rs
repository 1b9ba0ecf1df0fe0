//! Numbers of an event in the engine's own form, with every digit.

use minijinja::Value;

/// A fraction with so many digits at most is the same after a way through binary.
const EXACT_DIGITS: usize = 15;

/// The number that stands at the start of these bytes.
pub(super) fn at_start(bytes: &[u8]) -> &str {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let n_bytes = bytes.iter().take_while(is_part).count();
    let found = bytes.get(..n_bytes).unwrap_or_default();
    std::str::from_utf8(found).unwrap_or_default()
}

/// A number that the engine cannot hold with every digit becomes text, so that an id of 40 digits stays that id.
pub(super) fn to_value(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Value::from(whole);
    }
    if let Ok(whole) = text.parse::<i128>() {
        return Value::from(whole);
    }
    let is_short = text.len() <= EXACT_DIGITS && !text.contains(['e', 'E']);
    match text.parse::<f64>() {
        Ok(float) if is_short || digits(&format!("{float:e}")) == digits(text) => {
            Value::from(float)
        }
        _ => Value::from(text),
    }
}

/// The digits of a number without zeros at either end, its power of ten, and its sign: what two spellings must share.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let from_first = all.trim_start_matches('0');
    let significant = from_first.trim_end_matches('0').to_owned();
    let dropped = i64::try_from(from_first.len() - significant.len()).ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    let power = exponent
        .checked_add(dropped)?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?;
    if significant.is_empty() {
        Some((negative, significant, 0))
    } else {
        Some((negative, significant, power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        for whole in [
            "0",
            "-7",
            "9223372036854775808",
            "18446744073709551616",
            "-170141183460469231731687303715884105728",
        ] {
            assert!(to_value(whole).is_integer(), "{whole}");
            assert_eq!(to_value(whole).to_string(), whole);
        }
        for float in ["0.1", "12.30", "1e3", "-2.5E-3", "0.0", "99999999999999.9"] {
            assert!(to_value(float).is_number(), "{float}");
        }
        for text in [
            "0.1234567890123456789",
            "123456789012345678901234567890123456789012345",
            "1e+999",
        ] {
            assert_eq!(to_value(text).as_str(), Some(text));
        }
    }

    #[test]
    fn a_number_ends_where_something_else_begins() {
        for (bytes, number) in [
            ("12,", "12"),
            ("-1.5e+7]", "-1.5e+7"),
            ("0", "0"),
            ("3 ", "3"),
        ] {
            assert_eq!(at_start(bytes.as_bytes()), number);
        }
    }
}
