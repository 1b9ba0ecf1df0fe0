//! Times as people and other programs read them.

use std::iter::repeat;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Unix milliseconds as RFC 3339 text in UTC, with milliseconds. A moment that no calendar holds becomes the epoch.
pub fn rfc3339_ms(unix_ms: i64) -> String {
    const IN_MS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    IN_MS.timestamp_to_string(&moment)
}

/// Below which number seconds, milliseconds and microseconds are meant, and how many of them make a second. What is above is nanoseconds.
///
/// 10^11 seconds lie beyond the year 5000, 10^11 milliseconds in 1973. Milliseconds and microseconds reach to the end of the calendar, since
/// "never" is often written as a day of the year 9999; what is above lies in 1978 or later in the next unit. So no real event is on the wrong
/// side.
const UNITS: [(i128, i128); 3] = [
    (100_000_000_000, 1),
    (253_402_300_800_000, 1_000),
    (253_402_300_800_000_000, 1_000_000),
];

/// Nanoseconds in a second.
const NANOSECONDS: i128 = 1_000_000_000;

/// A number is counted in billionths of its unit, which has so many digits behind its point.
const FRACTION_DIGITS: i32 = 9;
const BILLIONTHS: i128 = 1_000_000_000;

/// No epoch number of a calendar's has more digits, those of its fraction included.
const MOST_DIGITS: usize = 31;

/// The moment that an epoch number means: seconds, milliseconds, microseconds or nanoseconds, whichever its size says, with a fraction or an
/// exponent if it has one (`1795992000.123456789`, `1.795992E9`). `None` if it is no number, or one that no calendar holds.
pub fn moment_of_epoch(number: &str) -> Option<Timestamp> {
    let (sign, unsigned) = match number.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, number),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.chars().chain(fraction.chars());
    if whole.is_empty() || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = exponent.parse().ok()?;
    let n_whole = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let n_digits = usize::try_from(n_whole.checked_add(FRACTION_DIGITS)?.max(0)).ok()?;
    if n_digits > MOST_DIGITS {
        return None;
    }
    let counted: String = digits().chain(repeat('0')).take(n_digits).collect();
    let counted: i128 = match counted.as_str() {
        "" => 0,
        counted => counted.parse().ok()?,
    };
    let unit = UNITS.iter().find(|(below, _)| counted < below * BILLIONTHS);
    let per_second = unit.map_or(NANOSECONDS, |(_, per_second)| *per_second);
    // A billionth of a second is a nanosecond.
    Timestamp::from_nanosecond(sign * (counted / per_second)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: &str, expected: &str) {
        let moment = moment_of_epoch(number).map(|moment| moment.to_string());
        assert_eq!(moment.as_deref(), Some(expected), "{number}");
    }

    #[test]
    fn the_size_of_an_epoch_number_says_its_unit() {
        for number in [
            "1795992000",
            "1795992000000",
            "1795992000000000",
            "1795992000000000000",
            "1795992000.000",
            "1.795992E9",
            "1.795992e+12",
            "17959920000e-1",
        ] {
            check(number, "2026-11-29T22:40:00Z");
        }
        check("0", "1970-01-01T00:00:00Z");
        check("-1.5", "1969-12-31T23:59:58.5Z");
        check("1e-12", "1970-01-01T00:00:00Z");
        check("99999999999", "5138-11-16T09:46:39Z");
        check("100000000000", "1973-03-03T09:46:40Z");
        check("100000000000000", "5138-11-16T09:46:40Z");
        check("253370764800000", "9999-01-01T00:00:00Z");
        check("253370764800000000", "9999-01-01T00:00:00Z");
        check("253402300800000", "1978-01-11T21:31:40.8Z");
        check("253402300800000000", "1978-01-11T21:31:40.8Z");
    }

    #[test]
    fn fractions_are_kept() {
        check("1795992000.123456789", "2026-11-29T22:40:00.123456789Z");
        check("1795992000.1234567891", "2026-11-29T22:40:00.123456789Z");
        check("1795992000123.5", "2026-11-29T22:40:00.1235Z");
        check("1795992000123456", "2026-11-29T22:40:00.123456Z");
    }

    #[test]
    fn what_is_no_epoch_number_is_no_moment() {
        for text in [
            "",
            "-",
            ".5",
            "1e",
            "1e99999999999",
            "1 ",
            "+1",
            "0x10",
            "2026-11-22",
            // The last hours of 9999 are beyond what can be written in every zone.
            "253402271999000",
            "9223372036854775807000",
            "1e30",
            "1e2147483647",
        ] {
            assert_eq!(moment_of_epoch(text), None, "{text}");
        }
    }
}
