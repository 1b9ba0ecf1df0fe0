//! The types of template params: what `WeChat` takes for each, and how a value is made to fit.
//!
//! `WeChat` publishes the limits as a table of prefixes (subscribe/send, parameter table) but no exact grammar. Where the table
//! leaves something open, a value passes here: a refusal by `WeChat` still ends in an outcome, while a refusal of ours would
//! keep a value from being sent that was fine. The table is not complete, and `WeChat` adds types to it: a type that is not listed is
//! text.

mod doubt;
mod extent;
mod formats;
mod invisible;
mod moment;

use unicode_segmentation::UnicodeSegmentation;

use crate::document::nearest;
use crate::model::outcome::Reason;
pub use extent::{Extent, Unit};
pub(crate) use formats::is_currency_symbol;
use formats::{check_amount, check_number, check_plate};
pub(crate) use invisible::{is_invisible, without_invisible};

/// The type of a param: the prefix of its name. `WeChat`: subscribe/send, parameter table; for `short_thing` the template library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParamKind {
    /// `thing`: any text, at most 20 characters.
    Thing,
    /// `number`: at most 32 digits with at most one decimal point.
    Number,
    /// `letter`: Latin letters, at most 32.
    Letter,
    /// `symbol`: neither Han, letters nor digits, at most 5.
    Symbol,
    /// `character_string`: digits, Latin letters and symbols, at most 32; no Han.
    CharacterString,
    /// `time`: a time of day, with or without a date before it; `~` joins a range. A date alone passes, too.
    Time,
    /// `date`: a date, with or without a time of day after it; `~` joins a range.
    Date,
    /// `amount`: a currency symbol, at most 10 digits with or without a decimal point, `元` at the end if wanted.
    Amount,
    /// `phone_number`: digits and symbols, at most 17.
    PhoneNumber,
    /// `car_number`: a plate of at most 8, whose first and last may be Han.
    CarNumber,
    /// `name`: at most 10 where it has Han in it, else at most 20.
    Name,
    /// `phrase`: at most 5 Han characters.
    Phrase,
    /// `enum_string`: one entry of the list that the template carries.
    Enum,
    /// `const`: fixed text of the template.
    Const,
    /// `short_thing`: a few words. It is in templates of the library and in no published table: its limit is not known.
    ShortThing,
    /// Any other prefix, such as `site` in `WeChat`'s own example of a request: text, of which no limit is known.
    Unlisted,
}

/// Why a value cannot be sent as a param.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The stable code.
    pub reason: Reason,
    /// What was expected and what was found, for a person. Never the whole value: it may be personal.
    pub detail: String,
}

impl Violation {
    fn malformed(expected: &str, value: &str, allowed: impl Fn(char) -> bool) -> Self {
        let detail = match value.chars().find(|c| !allowed(*c)) {
            Some(found) => format!("expected {expected}, found `{found}`"),
            None => format!("expected {expected}"),
        };
        Self {
            reason: Reason::ParamMalformed,
            detail,
        }
    }
}

impl ParamKind {
    /// The type that the name of a param says: a prefix and at least one digit, as in `thing1`. `None` for what is no such name.
    pub fn of(param_name: &str) -> Option<Self> {
        let prefix = prefix_of(param_name);
        if prefix.len() == param_name.len() {
            return None;
        }
        match PREFIXES.iter().find(|(known, _)| *known == prefix) {
            Some((_, kind)) => Some(*kind),
            None => is_word(prefix).then_some(Self::Unlisted),
        }
    }

    /// Every prefix that names a type.
    pub fn prefixes() -> impl Iterator<Item = &'static str> {
        PREFIXES.iter().map(|(prefix, _)| *prefix)
    }

    /// The name of a listed type that was perhaps meant by this name of a param: `thing1` for `thng1`.
    pub fn nearest_name(param_name: &str) -> Option<String> {
        let prefix = prefix_of(param_name);
        let number = param_name
            .strip_prefix(prefix)
            .filter(|number| !number.is_empty());
        let near = nearest(prefix, &Self::prefixes().collect::<Vec<_>>())?;
        Some(format!("{near}{}", number.unwrap_or("1")))
    }

    /// The most characters (UTF-16 units) that a value of this type may have, where `WeChat` names a figure.
    /// A `name` with Han in it may have half of its figure.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::Thing | Self::Name => Some(20),
            Self::Letter | Self::CharacterString => Some(32),
            Self::Symbol | Self::Phrase => Some(5),
            Self::PhoneNumber => Some(17),
            Self::CarNumber => Some(8),
            Self::Number
            | Self::Time
            | Self::Date
            | Self::Amount
            | Self::Enum
            | Self::Const
            | Self::ShortThing
            | Self::Unlisted => None,
        }
    }

    /// The limit that holds for this value.
    fn limit_of(self, value: &str) -> Option<usize> {
        if self == Self::Name && value.chars().any(is_han) {
            Some(10)
        } else {
            self.limit()
        }
    }

    /// Where this value is cut if it shall fit: at its limit, or where nobody knows one but others cut.
    fn room_for(self, value: &str) -> Option<usize> {
        if self == Self::ShortThing {
            Some(doubt::SURE_SHORT_THING)
        } else {
            self.limit_of(value)
        }
    }

    /// Whether a value is longer than [`trim`](Self::trim) would leave it.
    pub fn is_too_long(self, value: &str) -> bool {
        self.room_for(value)
            .is_some_and(|room| length(value) > room)
    }

    /// Checks a normalised value.
    pub fn check(self, value: &str) -> Result<(), Violation> {
        if value.trim().is_empty() {
            return Err(Violation {
                reason: Reason::ParamEmpty,
                detail: "the value is empty".to_owned(),
            });
        }
        if let Some(limit) = self.limit_of(value) {
            let found = length(value);
            if found > limit {
                return Err(Violation {
                    reason: Reason::ParamTooLong,
                    detail: format!("at most {limit} characters fit, found {found}"),
                });
            }
        }
        let allowed: fn(char) -> bool = match self {
            Self::Thing
            | Self::Name
            | Self::Enum
            | Self::Const
            | Self::ShortThing
            | Self::Unlisted => return Ok(()),
            Self::Number => return check_number(value),
            Self::Amount => return check_amount(value),
            Self::Time => return moment::check_time(value),
            Self::Date => return moment::check_date(value),
            Self::CarNumber => return check_plate(value),
            Self::Letter => |c| c.is_ascii_alphabetic(),
            Self::Symbol => |c| !c.is_alphanumeric() && !c.is_whitespace(),
            Self::CharacterString => |c| c.is_ascii() || !c.is_alphanumeric(),
            Self::PhoneNumber => |c| c.is_ascii_digit() || !c.is_alphanumeric(),
            Self::Phrase => is_han,
        };
        if value.chars().all(allowed) {
            Ok(())
        } else {
            Err(Violation::malformed(self.alphabet(), value, allowed))
        }
    }

    fn alphabet(self) -> &'static str {
        match self {
            Self::Letter => "only the letters A to Z",
            Self::Symbol => "only symbols",
            Self::CharacterString => "only digits, letters and symbols, no Han characters",
            Self::PhoneNumber => "only digits and symbols",
            Self::Phrase => "only Han characters",
            Self::Thing
            | Self::Number
            | Self::Time
            | Self::Date
            | Self::Amount
            | Self::CarNumber
            | Self::Name
            | Self::Enum
            | Self::Const
            | Self::ShortThing
            | Self::Unlisted => "text",
        }
    }

    /// Whether a value of this type may be cut: a shorter name is still a name, a shorter amount is another amount.
    pub fn can_trim(self) -> bool {
        match self {
            Self::Thing
            | Self::Letter
            | Self::Symbol
            | Self::CharacterString
            | Self::Name
            | Self::Phrase
            | Self::ShortThing
            | Self::Unlisted => true,
            Self::Number
            | Self::Time
            | Self::Date
            | Self::Amount
            | Self::PhoneNumber
            | Self::CarNumber
            | Self::Enum
            | Self::Const => false,
        }
    }

    /// Cuts a value so that it fits together with `suffix`, which is always appended and kept whole. Where no limit is known, nothing is cut.
    pub fn trim(self, value: &str, suffix: &str) -> String {
        let whole = format!("{value}{suffix}");
        match self.room_for(&whole) {
            Some(limit) => cut(value, suffix, limit),
            None => whole,
        }
    }
}

fn prefix_of(param_name: &str) -> &str {
    param_name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Whether it may stand before the digits in the name of a param.
fn is_word(prefix: &str) -> bool {
    prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const PREFIXES: [(&str, ParamKind); 16] = [
    ("thing", ParamKind::Thing),
    ("number", ParamKind::Number),
    ("letter", ParamKind::Letter),
    ("symbol", ParamKind::Symbol),
    ("character_string", ParamKind::CharacterString),
    ("time", ParamKind::Time),
    ("date", ParamKind::Date),
    ("amount", ParamKind::Amount),
    ("phone_number", ParamKind::PhoneNumber),
    ("car_number", ParamKind::CarNumber),
    ("name", ParamKind::Name),
    ("phrase", ParamKind::Phrase),
    ("enum_string", ParamKind::Enum),
    ("enum", ParamKind::Enum),
    ("const", ParamKind::Const),
    ("short_thing", ParamKind::ShortThing),
];

/// One space for every control character and line break, none at the ends, and nothing that shows nothing: what is measured and sent.
pub fn normalise(value: &str) -> String {
    let visible = |c: char| {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            c
        }
    };
    let value = value.trim();
    if value.chars().all(|c| visible(c) == c && !is_invisible(c)) {
        return value.to_owned();
    }
    let spaced: String = without_invisible(value).chars().map(visible).collect();
    spaced.trim().to_owned()
}

/// How `WeChat` counts characters, on the safe side: UTF-16 units, so that an emoji counts two.
pub fn length(value: &str) -> usize {
    value.chars().map(char::len_utf16).sum()
}

/// Cuts `value` so that it is at most `limit` long together with `suffix`. What a person sees as one character stays whole.
/// A suffix that is longer than the limit is cut itself.
pub fn cut(value: &str, suffix: &str, limit: usize) -> String {
    let Some(room) = limit.checked_sub(length(suffix)) else {
        return cut(suffix, "", limit);
    };
    if length(value) <= room {
        return format!("{value}{suffix}");
    }
    let mut kept = String::new();
    let mut used = 0;
    for grapheme in value.graphemes(true) {
        used += length(grapheme);
        if used > room {
            break;
        }
        kept.push_str(grapheme);
    }
    kept.truncate(kept.trim_end().len());
    kept.push_str(suffix);
    kept
}

/// Whether a character is Han: the Unified Ideographs with their extensions and compatibility forms, `々` and `〇`.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}' | '々' | '〇')
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
