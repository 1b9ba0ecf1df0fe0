//! Values that pass, and of which it is not known whether `WeChat` takes them.
//!
//! They are sent: only what `WeChat` is known to refuse is refused here. A person who writes a rule is told all the same.

use super::{ParamKind, length};

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
            Self::Thing
            | Self::Number
            | Self::Letter
            | Self::Symbol
            | Self::CharacterString
            | Self::Time
            | Self::Date
            | Self::Amount
            | Self::PhoneNumber
            | Self::CarNumber
            | Self::Name
            | Self::Phrase
            | Self::Enum
            | Self::Const
            | Self::Unlisted => None,
        }
    }
}
