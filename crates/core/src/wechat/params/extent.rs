//! How long a value is, as `WeChat` counts for its type, and how long it may be: for people who look at one.

use super::formats::{MOST_DIGITS_OF_AMOUNT, MOST_DIGITS_OF_NUMBER, n_digits};
use super::{ParamKind, length};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Characters, of which most emoji count as two.
    Characters,
    /// Digits: nothing else of the value counts.
    Digits,
    /// Bytes of UTF-8.
    Bytes,
}

impl Unit {
    /// The word for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Digits => "digits",
            Self::Bytes => "bytes",
        }
    }
}

/// The length of a value beside the most that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How long it is.
    pub length: usize,
    /// The most that fits; `None` where no figure is known.
    pub limit: Option<usize>,
    /// What is counted.
    pub unit: Unit,
}

impl Extent {
    /// The bytes of a text, of which this many fit.
    pub fn of_bytes(text: &str, limit: usize) -> Self {
        Self {
            length: text.len(),
            limit: Some(limit),
            unit: Unit::Bytes,
        }
    }
}

impl ParamKind {
    /// The length of a normalised value, and the most that fits: what [`check`](Self::check) goes by.
    pub fn extent(self, value: &str) -> Extent {
        let digits = |limit| Extent {
            length: n_digits(value),
            limit: Some(limit),
            unit: Unit::Digits,
        };
        match self {
            Self::Number => digits(MOST_DIGITS_OF_NUMBER),
            Self::Amount => digits(MOST_DIGITS_OF_AMOUNT),
            Self::Thing
            | Self::Letter
            | Self::Symbol
            | Self::CharacterString
            | Self::Time
            | Self::Date
            | Self::PhoneNumber
            | Self::CarNumber
            | Self::Name
            | Self::Phrase
            | Self::Enum
            | Self::Const
            | Self::ShortThing
            | Self::Unlisted => Extent {
                length: length(value),
                limit: self.limit_of(value),
                unit: Unit::Characters,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Reason;

    /// A value is refused as too long exactly where its extent says so.
    #[test]
    fn what_is_longer_than_its_limit_is_refused() {
        for (param, one, most) in [
            ("thing1", "汉", 20),
            ("name1", "汉", 10),
            ("name1", "x", 20),
            ("letter1", "x", 32),
            ("symbol1", "#", 5),
            ("character_string1", "x", 32),
            ("phrase1", "汉", 5),
            ("phone_number1", "1", 17),
            ("number1", "1", 32),
            ("amount1", "1", 10),
        ] {
            let kind = ParamKind::of(param).unwrap();
            for n in [most, most + 1] {
                let value = one.repeat(n);
                let Extent { length, limit, .. } = kind.extent(&value);
                assert_eq!((length, limit), (n, Some(most)), "{param} {value}");
                let found = kind.check(&value).err().map(|violation| violation.reason);
                let expected = (n > most).then_some(Reason::ParamTooLong);
                assert_eq!(found, expected, "{param} {value}");
            }
        }
        let amount = ParamKind::Amount.extent("￥128.50");
        assert_eq!((amount.length, amount.unit), (5, Unit::Digits));
        assert_eq!(ParamKind::Unlisted.extent("x").limit, None);
    }
}
