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
    /// The word in an answer of `wx.requestSubscribeMessage` or in a callback. `Some(None)` is a word that says nothing of the user's will:
    /// `ban` (the platform's ban) and `filter` (a template of the same title). `None` is no such word at all.
    pub fn parse(text: &str) -> Option<Option<Self>> {
        match text {
            "accept" | "acceptWithAudio" | "acceptWithAlert" => Some(Some(Self::Accept)),
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
