//! Dates and times of day as `WeChat` takes them in `time` and `date` params.
//!
//! The table asks for a time of day in a `time`. Programs that are in use send dates alone and ranges of them, and nobody has seen `WeChat`
//! refuse one, nor `24:00`: both pass. The full-width `～` was refused (47003).
//!
//! `15:01`, `15:01:30`, `2019年10月1日`, `2019年10月`, `10月1日`, the same with `-`, `/` or `.`, a time after a date, and two of them
//! joined by a half-width `~`. `WeChat`: subscribe/send, parameter table.

use super::Violation;
use crate::model::outcome::Reason;

/// What one end of a range says.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    date: bool,
    time: bool,
    /// The time of day is 24:00.
    end_of_day: bool,
}

/// Why a `time` that passes may be refused all the same.
pub(super) fn doubt_time(value: &str) -> Option<String> {
    let ends = read_range(value)?;
    if ends.iter().all(|end| end.time) {
        return doubt_date(value);
    }
    Some("WeChat's table asks for a time of day here; other programs send dates alone, and what WeChat says to them is not known".to_owned())
}

/// Why a `date` that passes may be refused all the same.
pub(super) fn doubt_date(value: &str) -> Option<String> {
    let ends = read_range(value)?;
    let is_doubtful = ends.iter().any(|end| end.end_of_day);
    is_doubtful.then(|| {
        "it is not known whether WeChat takes 24:00: 00:00 of the day after is the same moment"
            .to_owned()
    })
}

/// A `time` param: every end has a time of day, or a date.
pub(super) fn check_time(value: &str) -> Result<(), Violation> {
    if read_range(value).is_some() {
        return Ok(());
    }
    Err(malformed(
        value,
        "a time such as 15:01 or 2019年10月1日 15:01",
    ))
}

/// A `date` param: the first end has a date; the other may be a mere time of day, if the first has one too.
pub(super) fn check_date(value: &str) -> Result<(), Violation> {
    let fits = match read_range(value).as_deref() {
        Some([only]) => only.date,
        Some([first, last]) => first.date && (last.date || first.time),
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(malformed(
            value,
            "a date such as 2019年10月1日 or 2019年10月1日 15:01",
        ))
    }
}

fn malformed(value: &str, expected: &str) -> Violation {
    let detail = match value.chars().find(|c| matches!(c, '～' | '：')) {
        Some(wide) => format!("expected {expected}, found the full-width `{wide}`"),
        None => format!("expected {expected}"),
    };
    Violation {
        reason: Reason::ParamMalformed,
        detail,
    }
}

fn read_range(value: &str) -> Option<Vec<Moment>> {
    let ends: Option<Vec<_>> = value.split('~').map(read_moment).collect();
    ends.filter(|ends| ends.len() <= 2)
}

fn read_moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    // The time of day is the run of digits and colons at the end, if there is a colon in it.
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
    let clock = text.strip_prefix(before)?;
    let (date, clock) = if clock.contains(':') {
        (before.trim_end(), Some(clock))
    } else {
        (text, None)
    };
    if clock.is_some_and(|clock| !is_clock(clock)) {
        return None;
    }
    if !date.is_empty()
        && !is_han_date(date)
        && !['-', '/', '.']
            .iter()
            .any(|separator| is_plain_date(date, *separator))
    {
        return None;
    }
    Some(Moment {
        date: !date.is_empty(),
        time: clock.is_some(),
        end_of_day: clock.is_some_and(|clock| clock.starts_with("24")),
    })
    .filter(|moment| moment.date || moment.time)
}

fn is_clock(text: &str) -> bool {
    if matches!(text, "24:00" | "24:00:00") {
        return true;
    }
    let mut parts = text.split(':');
    let hour = parts.next().is_some_and(|hour| is_between(hour, 1, 0, 23));
    let minute = parts
        .next()
        .is_some_and(|minute| is_between(minute, 2, 0, 59));
    let second = parts
        .next()
        .is_none_or(|second| is_between(second, 2, 0, 59));
    hour && minute && second && parts.next().is_none()
}

fn is_han_date(text: &str) -> bool {
    let (year, rest) = match text.split_once('年') {
        Some((year, rest)) => (Some(year), rest),
        None => (None, text),
    };
    let Some((month, day)) = rest.split_once('月') else {
        return false;
    };
    let day_fits = match day.strip_suffix('日') {
        Some(day) => is_day(day),
        None => day.is_empty() && year.is_some(),
    };
    year.is_none_or(is_year) && is_month(month) && day_fits
}

fn is_plain_date(text: &str, separator: char) -> bool {
    let parts: Vec<_> = text.split(separator).collect();
    match parts.as_slice() {
        [year, month, day] => is_year(year) && is_month(month) && is_day(day),
        [first, second] => {
            (is_year(first) && is_month(second)) || (is_month(first) && is_day(second))
        }
        _ => false,
    }
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_month(text: &str) -> bool {
    is_between(text, 1, 1, 12)
}

fn is_day(text: &str) -> bool {
    is_between(text, 1, 1, 31)
}

/// A number of `digits` to two digits between two bounds, both included.
fn is_between(text: &str, digits: usize, least: u8, most: u8) -> bool {
    (digits..=2).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text
            .parse()
            .is_ok_and(|number: u8| (least..=most).contains(&number))
}
