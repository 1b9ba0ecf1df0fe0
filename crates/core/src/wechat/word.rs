//! What a user says to a request for permission.

/// What the user said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// One message more.
    Accept,
    /// No message at all.
    Reject,
}

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The user's will.
    Will(Word),
    /// Nothing of the user's will: `ban` (the platform's ban) and `filter` (a template of the same title).
    NoWill,
    /// It is not known.
    Unknown,
}

impl Meaning {
    /// Of the word in an answer of `wx.requestSubscribeMessage` or in a callback, in any case.
    ///
    /// Every word that begins with `accept` is a yes. `WeChat` says how the message is shown in the rest of it, and makes new ones:
    /// `acceptWithAudio` and `acceptWithAlert` are in its documents, `acceptWithForcePush` is on no page. (`WeChat`: wx.getSetting,
    /// `subscriptionsSetting`; its staff in the developers' community, 2024-05-20.)
    pub fn of(text: &str) -> Self {
        const YES: &[u8] = b"accept";
        let begins = text.as_bytes().get(..YES.len());
        if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(YES)) {
            return Self::Will(Word::Accept);
        }
        match text.to_ascii_lowercase().as_str() {
            "reject" => Self::Will(Word::Reject),
            "ban" | "filter" => Self::NoWill,
            _ => Self::Unknown,
        }
    }
}

impl Word {
    /// A word for stores and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_begins_with_accept_is_a_yes() {
        for yes in [
            "accept",
            "acceptWithAudio",
            "acceptWithAlert",
            "acceptWithForcePush",
            "acceptWithWhatComesNext",
            "ACCEPT",
            "AcceptWithForcePush",
        ] {
            assert_eq!(Meaning::of(yes), Meaning::Will(Word::Accept), "{yes}");
        }
        for no in ["reject", "Reject", "REJECT"] {
            assert_eq!(Meaning::of(no), Meaning::Will(Word::Reject), "{no}");
        }
        for neither in ["ban", "BAN", "filter", "Filter"] {
            assert_eq!(Meaning::of(neither), Meaning::NoWill, "{neither}");
        }
        for unknown in ["", "accep", "perhaps", "unaccept", "accepé", "rejected"] {
            assert_eq!(Meaning::of(unknown), Meaning::Unknown, "{unknown}");
        }
    }
}
