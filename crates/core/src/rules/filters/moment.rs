//! `datetime` and `date`: moments as people in the configured time zone write them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands named arguments over by value"
)]

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, State, Value};

use super::{kind_name, refuse};
use crate::model::moment_of_epoch;
use crate::rules::context::belongings;
use crate::rules::template::missing;

/// The tz database inside the binary: the core reads no files.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its name in the tz database.
pub(in crate::rules) fn time_zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// What a filter writes of a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Day and time of day.
    Minutes,
    /// The day.
    Day,
}

/// `datetime(tz=…, from=…)`: `2026年11月22日 16:30`.
pub(super) fn datetime(
    state: &State<'_, '_>,
    value: &Value,
    named: Kwargs,
) -> Result<String, Error> {
    let local = read_moment(("datetime", Shows::Minutes), value, &zones(state, &named)?)?;
    let (year, month, day) = (local.year(), local.month(), local.day());
    Ok(format!(
        "{year}年{month}月{day}日 {:02}:{:02}",
        local.hour(),
        local.minute()
    ))
}

/// `date(tz=…, from=…)`: `2026年11月22日`.
pub(super) fn date(state: &State<'_, '_>, value: &Value, named: Kwargs) -> Result<String, Error> {
    let local = read_moment(("date", Shows::Day), value, &zones(state, &named)?)?;
    Ok(format!(
        "{}年{}月{}日",
        local.year(),
        local.month(),
        local.day()
    ))
}

/// The zones of a moment.
struct Zones {
    /// The one of a text that names none.
    from: TimeZone,
    /// The one in which it is written.
    to: TimeZone,
}

fn zones(state: &State<'_, '_>, named: &Kwargs) -> Result<Zones, Error> {
    let (to, from) = (named.get("tz")?, named.get("from")?);
    named.assert_all_used()?;
    let zone = |name: Option<&str>| match name {
        Some(name) => {
            time_zone(name).ok_or_else(|| refuse(format!("the time zone `{name}` is not known")))
        }
        None => {
            Ok(belongings(state).map_or(TimeZone::UTC, |belongings| belongings.time_zone.clone()))
        }
    };
    Ok(Zones {
        from: zone(from)?,
        to: zone(to)?,
    })
}

fn read_moment(
    (filter, shows): (&str, Shows),
    value: &Value,
    zones: &Zones,
) -> Result<Zoned, Error> {
    const EXPECTED: &str = "expected a time such as 2026-11-22T16:30:00+08:00 or 2026-11-22 16:30:00, or an epoch number";
    if value.is_undefined() || value.is_none() {
        return Err(missing(value));
    }
    let moment = match value.as_str() {
        Some(text) => of_text(text, shows, zones),
        None if value.kind() == ValueKind::Number => moment_of_epoch(&value.to_string()),
        None => {
            return Err(refuse(format!(
                "`{filter}` {EXPECTED}, found {}",
                kind_name(value.kind())
            )));
        }
    };
    match moment {
        Some(moment) => Ok(moment.to_zoned(zones.to.clone())),
        None => Err(refuse(format!("`{filter}` {EXPECTED}"))),
    }
}

/// A text without a zone is a local time. A day alone has no time of day to be shown, and is the same day in every zone.
fn of_text(text: &str, shows: Shows, zones: &Zones) -> Option<Timestamp> {
    let number = text.strip_prefix('+').filter(|rest| !rest.starts_with('-'));
    let named = moment_of_epoch(number.unwrap_or(text)).or_else(|| text.parse().ok());
    // What stands in brackets is a zone, too, and one that was not understood.
    if named.is_some() || text.contains('[') {
        return named;
    }
    let (local, zone) = match shows {
        Shows::Minutes | Shows::Day if text.contains(['T', 't', ' ', ':']) => {
            (text.parse::<DateTime>().ok()?, &zones.from)
        }
        Shows::Minutes => return None,
        Shows::Day => (DateTime::from(text.parse::<Date>().ok()?), &zones.to),
    };
    let there = local.to_zoned(zone.clone()).ok()?;
    Some(there.timestamp())
}
