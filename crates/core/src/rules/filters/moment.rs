//! `datetime` and `date`: moments as people in the configured time zone write them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands named arguments over by value"
)]

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use minijinja::value::Kwargs;
use minijinja::{Error, State, Value};

use super::{kind_name, refuse};
use crate::rules::context::belongings;
use crate::rules::template::missing;

/// Epoch numbers below this are seconds, from it on milliseconds: as seconds it is the year 5138, as milliseconds March 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The tz database inside the binary: the core reads no files.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its name in the tz database.
pub(in crate::rules) fn time_zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// `datetime(tz=…)`: `2026年11月22日 16:30`.
pub(super) fn datetime(
    state: &State<'_, '_>,
    value: &Value,
    named: Kwargs,
) -> Result<String, Error> {
    let local = read_moment("datetime", value)?.to_zoned(zone(state, &named)?);
    let (year, month, day) = (local.year(), local.month(), local.day());
    Ok(format!(
        "{year}年{month}月{day}日 {:02}:{:02}",
        local.hour(),
        local.minute()
    ))
}

/// `date(tz=…)`: `2026年11月22日`.
pub(super) fn date(state: &State<'_, '_>, value: &Value, named: Kwargs) -> Result<String, Error> {
    let local = read_moment("date", value)?.to_zoned(zone(state, &named)?);
    Ok(format!(
        "{}年{}月{}日",
        local.year(),
        local.month(),
        local.day()
    ))
}

fn zone(state: &State<'_, '_>, named: &Kwargs) -> Result<TimeZone, Error> {
    let name = named.get::<Option<&str>>("tz")?;
    named.assert_all_used()?;
    match name {
        Some(name) => {
            time_zone(name).ok_or_else(|| refuse(format!("the time zone `{name}` is not known")))
        }
        None => {
            Ok(belongings(state).map_or(TimeZone::UTC, |belongings| belongings.time_zone.clone()))
        }
    }
}

fn read_moment(filter: &str, value: &Value) -> Result<Timestamp, Error> {
    const EXPECTED: &str =
        "expected a time such as 2026-11-22T16:30:00+08:00, or epoch seconds or milliseconds";
    if value.is_undefined() || value.is_none() {
        return Err(missing(value));
    }
    let moment = match value.as_str() {
        Some(text) => match text.parse() {
            Ok(epoch) => read_epoch(epoch),
            Err(_) => text.parse().ok(),
        },
        None if value.is_integer() => value.as_i64().and_then(read_epoch),
        None => {
            return Err(refuse(format!(
                "`{filter}` {EXPECTED}, found {}",
                kind_name(value.kind())
            )));
        }
    };
    moment.ok_or_else(|| {
        refuse(format!(
            "`{filter}` {EXPECTED}; a text without a time zone does not name a moment"
        ))
    })
}

fn read_epoch(number: i64) -> Option<Timestamp> {
    let in_seconds = number.unsigned_abs() < MILLISECONDS_FROM.unsigned_abs();
    if in_seconds {
        Timestamp::from_second(number).ok()
    } else {
        Timestamp::from_millisecond(number).ok()
    }
}
