//! The forms of a `time` and a `date` value, read piece by piece.
//!
//! WeChat: `message/subscribe/send`, the rows `time` and `date` of the table of param types. A range has two ends joined
//! by a half-width `~`.

/// A 24-hour clock, with a date before it if wanted, or a range of such. Dates alone are sent by programs in use, and
/// nobody has seen WeChat refuse them.
pub(super) fn is_time(value: &str) -> bool {
    each_end(value, |end| {
        is_clock(end) || is_day(end) || is_date_and_clock(end)
    })
}

/// A date, with a 24-hour clock after it if wanted, or a range of such.
pub(super) fn is_date(value: &str) -> bool {
    each_end(value, |end| is_day(end) || is_date_and_clock(end))
}

fn each_end(value: &str, is_end: impl Fn(&str) -> bool) -> bool {
    match value.split_once('~') {
        Some((from, to)) => is_end(from) && is_end(to),
        None => is_end(value),
    }
}

/// The clock begins after a space, or right after `日`.
fn is_date_and_clock(text: &str) -> bool {
    let after_day = text.rfind(['日', '月']).map(|at| at + '日'.len_utf8());
    let parts = text
        .split_once(' ')
        .or_else(|| text.split_at_checked(after_day?));
    parts.is_some_and(|(day, clock)| is_day(day) && is_clock(clock))
}

/// `HH:MM` or `HH:MM:SS`; an hour before ten may have one digit, and the day may end at 24:00.
fn is_clock(text: &str) -> bool {
    if text == "24:00" || text == "24:00:00" {
        return true;
    }
    let mut fields = text.split(':');
    let mut field = |shortest: usize, below: u32| {
        fields.next().map(|field| {
            (shortest..=2).contains(&field.len())
                && number(field).is_some_and(|number| number < below)
        })
    };
    let hours_and_minutes = field(1, 24) == Some(true) && field(2, 60) == Some(true);
    hours_and_minutes && field(2, 60) != Some(false) && fields.next().is_none()
}

/// `y年m月d日`, `y年m月`, `m月d日`, or the same with one of `-`, `/` and `.` between the numbers.
fn is_day(text: &str) -> bool {
    if text.contains(['年', '月', '日']) {
        return is_han_day(text);
    }
    ['-', '/', '.']
        .into_iter()
        .filter(|separator| text.contains(*separator))
        .any(|separator| {
            let fields: Vec<&str> = text.split(separator).collect();
            match fields.as_slice() {
                [year, month, day] => exists(Some(year), month, Some(day)),
                [year, month] if year.len() == 4 => exists(Some(year), month, None),
                [month, day] => exists(None, month, Some(day)),
                _ => false,
            }
        })
}

fn is_han_day(text: &str) -> bool {
    let (year, rest) = match text.split_once('年') {
        Some((year, rest)) => (Some(year), rest),
        None => (None, text),
    };
    let Some((month, rest)) = rest.split_once('月') else {
        return false;
    };
    if rest.is_empty() {
        return year.is_some() && exists(year, month, None);
    }
    rest.strip_suffix('日')
        .is_some_and(|day| exists(year, month, Some(day)))
}

/// Whether the calendar has this day. Without a year, February has 29.
fn exists(year: Option<&str>, month: &str, day: Option<&str>) -> bool {
    let year = match year {
        Some(year) if year.len() == 4 => number(year),
        Some(_) => None,
        None => Some(2000),
    };
    let short = |field: &str| {
        if field.len() <= 2 {
            number(field)
        } else {
            None
        }
    };
    let (Some(year), Some(month)) = (year, short(month)) else {
        return false;
    };
    let n_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return false,
    };
    day.is_none_or(|day| short(day).is_some_and(|day| (1..=n_days).contains(&day)))
}

/// Digits only, which `parse` alone does not promise: it takes a sign.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
