//! What a user says to a request for permission.

/// What the user said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// One message more.
    Accept,
    /// No message at all.
    Reject,
}

impl Word {
    /// The word in an answer of `wx.requestSubscribeMessage` or in a callback, in any case. `Some(None)` is a word that says nothing of the
    /// user's will: `ban` (the platform's ban) and `filter` (a template of the same title). `None` is a word that is not known.
    ///
    /// Every word that begins with `accept` is a yes. `WeChat` says how the message is shown in the rest of it, and makes new ones:
    /// `acceptWithAudio` and `acceptWithAlert` are in its documents, `acceptWithForcePush` is on no page. (`WeChat`: wx.getSetting,
    /// `subscriptionsSetting`; its staff in the developers' community, 2024-05-20.)
    pub fn parse(text: &str) -> Option<Option<Self>> {
        const YES: &[u8] = b"accept";
        let begins = text.as_bytes().get(..YES.len());
        if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(YES)) {
            return Some(Some(Self::Accept));
        }
        match text.to_ascii_lowercase().as_str() {
            "reject" => Some(Some(Self::Reject)),
            "ban" | "filter" => Some(None),
            _ => None,
        }
    }

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
            assert_eq!(Word::parse(yes), Some(Some(Word::Accept)), "{yes}");
        }
        for no in ["reject", "Reject", "REJECT"] {
            assert_eq!(Word::parse(no), Some(Some(Word::Reject)), "{no}");
        }
        for neither in ["ban", "BAN", "filter", "Filter"] {
            assert_eq!(Word::parse(neither), Some(None), "{neither}");
        }
        for unknown in ["", "accep", "perhaps", "unaccept", "accepé", "rejected"] {
            assert_eq!(Word::parse(unknown), None, "{unknown}");
        }
    }
}
