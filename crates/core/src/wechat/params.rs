//! The types of template params: what `WeChat` takes for each, and how a value is made to fit.
//!
//! `WeChat` publishes the limits as a table of prefixes (subscribe/send, parameter table) but no exact grammar. Where the table
//! leaves something open, a value passes here: a refusal by `WeChat` still ends in an outcome, while a refusal of ours would
//! keep a value from being sent that was fine.

mod invisible;
mod moment;

use unicode_segmentation::UnicodeSegmentation;

use crate::model::outcome::Reason;
pub(crate) use invisible::{is_invisible, without_invisible};

/// The type of a param: the prefix of its name. `WeChat`: subscribe/send, parameter table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParamKind {
    /// `thing`: any text, at most 20 characters.
    Thing,
    /// `number`: digits with at most one decimal point, at most 32.
    Number,
    /// `letter`: Latin letters, at most 32.
    Letter,
    /// `symbol`: neither Han, letters nor digits, at most 5.
    Symbol,
    /// `character_string`: digits, Latin letters and symbols, at most 32; no Han.
    CharacterString,
    /// `time`: a time of day, with or without a date before it; `~` joins a range.
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
    /// The type that the name of a param says: a known prefix and at least one digit, as in `thing1`.
    pub fn of(param_name: &str) -> Option<Self> {
        let prefix = param_name.trim_end_matches(|c: char| c.is_ascii_digit());
        if prefix.len() == param_name.len() {
            return None;
        }
        PREFIXES
            .iter()
            .find(|(known, _)| *known == prefix)
            .map(|(_, kind)| *kind)
    }

    /// Every prefix that names a type.
    pub fn prefixes() -> impl Iterator<Item = &'static str> {
        PREFIXES.iter().map(|(prefix, _)| *prefix)
    }

    /// The most characters (UTF-16 units) that a value of this type may have, where `WeChat` names a figure.
    /// A `name` with Han in it may have half of its figure.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::Thing | Self::Name => Some(20),
            Self::Number | Self::Letter | Self::CharacterString => Some(32),
            Self::Symbol | Self::Phrase => Some(5),
            Self::PhoneNumber => Some(17),
            Self::CarNumber => Some(8),
            Self::Time | Self::Date | Self::Amount | Self::Enum | Self::Const => None,
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
            Self::Thing | Self::Name | Self::Enum | Self::Const => return Ok(()),
            Self::Number => return check_number(value),
            Self::Amount => return check_amount(value),
            Self::Time => return moment::check_time(value),
            Self::Date => return moment::check_date(value),
            Self::CarNumber => return check_plate(value),
            Self::Letter => |c| c.is_ascii_alphabetic(),
            Self::Symbol => |c| !c.is_alphanumeric() && !c.is_whitespace(),
            Self::CharacterString => |c| c.is_ascii() || !c.is_alphanumeric(),
            Self::PhoneNumber => {
                |c| c.is_ascii_digit() || (c.is_ascii() && !c.is_ascii_alphabetic())
            }
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
            | Self::Const => "text",
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
            | Self::Phrase => true,
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

    /// Cuts a value so that it fits together with `suffix`, which is always appended and kept whole.
    pub fn trim(self, value: &str, suffix: &str) -> String {
        let whole = format!("{value}{suffix}");
        match self.limit_of(&whole) {
            Some(limit) => cut(value, suffix, limit),
            None => whole,
        }
    }
}

const PREFIXES: [(&str, ParamKind); 15] = [
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

fn check_number(value: &str) -> Result<(), Violation> {
    if is_decimal(value) {
        return Ok(());
    }
    Err(Violation::malformed(
        "only digits with at most one decimal point",
        value,
        |c| c.is_ascii_digit() || c == '.',
    ))
}

fn is_decimal(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

const CURRENCY_SYMBOLS: &str = "￥¥$＄€£￡₩￦₽₹฿₫₱₪₺₦₴";

fn check_amount(value: &str) -> Result<(), Violation> {
    const EXPECTED: &str = "one currency symbol and at most 10 digits, such as ￥128.50";
    let number = value
        .strip_prefix(|c| CURRENCY_SYMBOLS.contains(c))
        .unwrap_or(value);
    let number = number.strip_suffix('元').unwrap_or(number);
    if !is_decimal(number) {
        return Err(Violation::malformed(EXPECTED, number, |c| {
            c.is_ascii_digit() || c == '.'
        }));
    }
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits > 10 {
        return Err(Violation {
            reason: Reason::ParamTooLong,
            detail: format!("expected {EXPECTED}, found {digits} digits"),
        });
    }
    Ok(())
}

fn check_plate(value: &str) -> Result<(), Violation> {
    let last = value.chars().count().saturating_sub(1);
    let fits = |(at, c): (usize, char)| {
        c.is_ascii_alphanumeric() || (is_han(c) && (at == 0 || at == last))
    };
    if value.chars().enumerate().all(fits) {
        return Ok(());
    }
    let expected = "letters and digits, with Han characters only first and last";
    Err(Violation::malformed(expected, value, |c| {
        c.is_ascii_alphanumeric() || is_han(c)
    }))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
