//! How a page is looked at: by whom, in which language, where and when.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};
use maud::{Markup, html};

use crate::console::words::{Both, Language, Words};

/// The colours of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the viewer's system has it.
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Its word in the cookie and on the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads that word; anything else is the system's.
    pub fn of(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// What a viewer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Look at everything.
    View,
    /// And pause, resume and replay.
    Edit,
}

/// How a page is looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// The language.
    pub language: Language,
    /// The colours.
    pub theme: Theme,
    /// The viewer's time zone.
    pub zone: TimeZone,
    /// Who looks.
    pub name: Arc<str>,
    /// What that person may do.
    pub may: May,
    /// What a form sends along to show that it is one of our own pages.
    pub forgery: Arc<str>,
    /// The address behind the language, with its query: `outcomes?status=failed`.
    pub address: String,
    /// The present, in Unix milliseconds.
    pub now_ms: i64,
}

impl Look {
    /// The texts.
    pub fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// A text in the language of the page.
    pub fn say(&self, both: Both) -> &'static str {
        both.in_language(self.language)
    }

    /// The address of a page in this language.
    pub fn link(&self, address: &str) -> String {
        format!("/{}/{address}", self.language.path())
    }

    /// A moment in the viewer's zone, to the second; UTC when the pointer rests on it.
    pub fn moment(&self, ms: i64) -> Markup {
        self.time(ms, self.short_format(ms))
    }

    /// A moment in the viewer's zone, to the millisecond.
    pub fn exact_moment(&self, ms: i64) -> Markup {
        self.time(ms, "%Y-%m-%d %H:%M:%S%.3f")
    }

    /// A moment as text, for charts.
    pub fn clock(&self, ms: i64, format: &str) -> String {
        written(ms, &self.zone, format)
    }

    /// How long ago, in words.
    pub fn ago(&self, ms: i64) -> String {
        let length = self.length(self.now_ms.saturating_sub(ms).max(0));
        crate::console::words::fill(self.words().ago, &[&length])
    }

    /// A length of time as people say it: the two largest units of it.
    pub fn length(&self, ms: i64) -> String {
        let words = self.words();
        let seconds = ms / 1_000;
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        let unit = |number: i64, unit: &str| format!("{number}{unit}");
        match (days, hours, minutes) {
            (0, 0, 0) if ms < 1_000 => unit(ms, words.unit_ms),
            (0, 0, 0) => unit(seconds, words.unit_s),
            (0, 0, minutes) => format!(
                "{}{}",
                unit(minutes, words.unit_min),
                if minutes < 10 && seconds % 60 > 0 {
                    format!(" {}", unit(seconds % 60, words.unit_s))
                } else {
                    String::new()
                }
            ),
            (0, hours, minutes) => {
                format!(
                    "{} {}",
                    unit(hours, words.unit_h),
                    unit(minutes, words.unit_min)
                )
            }
            (days, hours, _) => {
                format!("{} {}", unit(days, words.unit_d), unit(hours, words.unit_h))
            }
        }
    }

    /// Today's moments need no date, this year's no year.
    fn short_format(&self, ms: i64) -> &'static str {
        let day = |ms| written(ms, &self.zone, "%Y-%m-%d");
        let (then, now) = (day(ms), day(self.now_ms));
        if then == now {
            "%H:%M:%S"
        } else if then.get(..4) == now.get(..4) {
            "%m-%d %H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M:%S"
        }
    }

    fn time(&self, ms: i64, format: &str) -> Markup {
        let utc = written(ms, &TimeZone::UTC, "%Y-%m-%d %H:%M:%S%.3f UTC");
        html! {
            time datetime=(written(ms, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%S%.3fZ")) title=(utc) { (written(ms, &self.zone, format)) }
        }
    }
}

/// A time that no calendar has is written as a number.
fn written(ms: i64, zone: &TimeZone, format: &str) -> String {
    let zoned = Timestamp::from_millisecond(ms).map(|time| time.to_zoned(zone.clone()));
    let text = zoned.and_then(|zoned| strtime::format(format, &zoned));
    text.unwrap_or_else(|_| ms.to_string())
}

/// RFC 3339 as Unix milliseconds.
pub fn unix_ms(text: &str) -> Option<i64> {
    let time = text.parse::<Timestamp>().ok()?;
    Some(time.as_millisecond())
}

/// A number as people write it: `1,234,567`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole, in percent: `0.3 %`, `12 %`, `<0.1 %`.
pub fn percent(part: u64, of: u64) -> String {
    if of == 0 || part == 0 {
        return "0%".to_owned();
    }
    let per_mille = u128::from(part) * 1_000 / u128::from(of);
    match per_mille {
        0 => "<0.1%".to_owned(),
        1..100 => format!("{}.{}%", per_mille / 10, per_mille % 10),
        _ => format!("{}%", per_mille / 10),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn look(language: Language) -> Look {
        Look {
            language,
            theme: Theme::System,
            zone: TimeZone::get("Asia/Shanghai").unwrap(),
            name: "ops".into(),
            may: May::Edit,
            forgery: "f".into(),
            address: String::new(),
            now_ms: 1_796_025_600_000,
        }
    }

    #[test]
    fn times_are_the_viewers_and_utc_is_a_hover_away() {
        let look = look(Language::English);
        let shown = look.moment(look.now_ms - 3_600_000).into_string();
        assert!(shown.contains(">15:00:00<"), "{shown}");
        assert!(
            shown.contains("title=\"2026-11-30 07:00:00.000 UTC\""),
            "{shown}"
        );
        let earlier = look.moment(look.now_ms - 86_400_000).into_string();
        assert!(earlier.contains(">11-29 16:00:00<"), "{earlier}");
        assert!(
            look.moment(i64::MAX)
                .into_string()
                .contains(&i64::MAX.to_string())
        );
    }

    #[test]
    fn lengths_numbers_and_parts_are_written_as_people_write_them() {
        let look = look(Language::English);
        for (ms, text) in [
            (7, "7 ms"),
            (12_300, "12 s"),
            (61_000, "1 min 1 s"),
            (900_000, "15 min"),
            (3_600_000 * 5 + 60_000, "5 h 1 min"),
            (86_400_000 * 3, "3 d 0 h"),
        ] {
            assert_eq!(look.length(ms), text);
        }
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(999), "999");
        let parts = [(0, 5), (1, 10_000), (1, 400), (1, 8), (8, 8)];
        let parts = parts.map(|(part, of)| percent(part, of));
        assert_eq!(parts, ["0%", "<0.1%", "0.2%", "12%", "100%"]);
    }
}
