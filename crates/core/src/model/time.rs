//! Times as people and other programs read them.

use jiff::Timestamp;

/// Unix milliseconds as RFC 3339 text in UTC, with milliseconds. A moment that no calendar holds becomes the epoch.
pub fn rfc3339_ms(unix_ms: i64) -> String {
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    format!("{moment:.3}")
}
