//! Values that pass, and of which it is not known whether `WeChat` takes them.
//!
//! They are sent: only what `WeChat` is known to refuse is refused here. A person who writes a rule is told all the same.

use super::formats::is_currency_symbol;
use super::{ParamKind, length, moment};

/// No limit of `short_thing` is published. Of three programs that send it, two cut at 5 and one at 10.
pub(super) const SURE_SHORT_THING: usize = 10;

impl ParamKind {
    /// Why `WeChat` may refuse a value that [`check`](Self::check) lets pass, in a sentence; `None` if nothing is known against it.
    pub fn doubt(self, value: &str) -> Option<String> {
        match self {
            Self::ShortThing => {
                let found = length(value);
                (found > SURE_SHORT_THING).then(|| {
                    format!(
                        "WeChat publishes no limit for this type, and {found} characters may be too many: other programs send at most {SURE_SHORT_THING}"
                    )
                })
            }
            Self::Time => moment::doubt_time(value),
            Self::Date => moment::doubt_date(value),
            Self::Number => value.starts_with('-').then(|| {
                "WeChat's table has only digits and a decimal point: whether it takes a number below zero is not known"
                    .to_owned()
            }),
            Self::Amount => (!value.starts_with(is_currency_symbol)).then(|| {
                "WeChat's table asks for one currency symbol, such as ￥128.50: whether it takes an amount without one is not known"
                    .to_owned()
            }),
            Self::PhoneNumber => value.chars().find(|c| !c.is_ascii()).map(|wide| {
                format!("it is not known whether WeChat takes `{wide}` here: the filter `phone` writes full-width symbols in half width")
            }),
            Self::Thing
            | Self::Letter
            | Self::Symbol
            | Self::CharacterString
            | Self::CarNumber
            | Self::Name
            | Self::Phrase
            | Self::Enum
            | Self::Const
            | Self::Unlisted => None,
        }
    }
}
