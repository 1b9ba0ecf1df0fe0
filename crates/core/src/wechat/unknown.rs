//! What `WeChat` says and this version does not know. `WeChat`'s lists are open: its pages name fewer words, events and codes than it uses.

use serde::Serialize;

/// What is not known. Closed: these are the places where a list of `WeChat`'s is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownKind {
    /// A user's answer about a template: in an event, in a report of the mini program, or `SubscribeStatusString` of a callback.
    Word,
    /// `Event` of a callback.
    Event,
    /// `MsgType` of a callback.
    MessageType,
    /// A field of a callback that is not there, or has another form.
    Field,
    /// The name of a function that an app may not use any more (`banned_function_names`).
    Function,
    /// The type of a punishment, or of what is threatened with (`event_type`, `warned_type`).
    Punishment,
    /// A code of what a user takes back (`RevokeInfo`).
    RevokeCode,
    /// `ErrorCode` and `ErrorStatus` of a message that was not delivered.
    SentStatus,
    /// The errcode of a send.
    SendErrcode,
    /// The errcode of an exchange of a login code.
    LoginErrcode,
    /// The errcode of a question for an access token.
    TokenErrcode,
    /// The errcode of any other question: for templates, quotas, request ids.
    InquiryErrcode,
}

impl UnknownKind {
    /// Its word in metrics and in `/status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Event => "event",
            Self::MessageType => "message_type",
            Self::Field => "field",
            Self::Function => "function",
            Self::Punishment => "punishment",
            Self::RevokeCode => "revoke_code",
            Self::SentStatus => "sent_status",
            Self::SendErrcode => "send_errcode",
            Self::LoginErrcode => "login_errcode",
            Self::TokenErrcode => "token_errcode",
            Self::InquiryErrcode => "inquiry_errcode",
        }
    }

    /// What became of it, for a person.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Word => {
                "the answer about this template is not counted; the other answers of the report are"
            }
            Self::Event | Self::MessageType => {
                "the push is answered with success, and nothing is made of it"
            }
            Self::Field => "the item is left out; the other items of the push are read",
            Self::Function | Self::Punishment => {
                "the punishment is told in the log and in /status, and nothing is paused for it: what WeChat then refuses pauses itself"
            }
            Self::RevokeCode => "everything that is kept for the user counts as taken back",
            Self::SentStatus => "the receipt says undelivered, with code and status as they are",
            Self::SendErrcode => {
                "the send is tried again as often as the settings say, then failed"
            }
            Self::LoginErrcode => "the login code is tried again for as long as it lives",
            Self::TokenErrcode => "the question for a token is asked again",
            Self::InquiryErrcode => "the question has no answer",
        }
    }
}

/// One thing that is not known, by its name as `WeChat` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What it is.
    pub kind: UnknownKind,
    /// Its name, as it came: it may be long, and hold anything.
    pub name: String,
}

/// The name of all that has no name of its own in metrics and in `/status`.
pub const OTHER: &str = "other";

/// Room for every name that `WeChat` has used so far.
const LONGEST_NAME_BYTES: usize = 64;

/// An openid of `WeChat`'s.
const OPENID_LETTERS: usize = 28;

impl Unknown {
    /// Something that is not known.
    pub fn new(kind: UnknownKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    /// The name, if it may stand in a log line and in a metric; else `other`. A word may come from a client, or from a field of an event that
    /// the settings name wrongly: one that could be a user's openid, number or text is not shown.
    pub fn shown(&self) -> &str {
        let name = self.name.trim();
        let is_sign = |sign: char| match self.kind {
            UnknownKind::Word => sign.is_ascii_alphabetic() || sign == '_',
            UnknownKind::Event
            | UnknownKind::MessageType
            | UnknownKind::Field
            | UnknownKind::Function
            | UnknownKind::Punishment
            | UnknownKind::RevokeCode
            | UnknownKind::SentStatus
            | UnknownKind::SendErrcode
            | UnknownKind::LoginErrcode
            | UnknownKind::TokenErrcode
            | UnknownKind::InquiryErrcode => {
                sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.' | ':' | ' ')
            }
        };
        let could_be_openid = |part: &str| part.len() == OPENID_LETTERS && part.starts_with('o');
        let is_shown = (1..=LONGEST_NAME_BYTES).contains(&name.len())
            && name.chars().all(is_sign)
            && !name.split([' ', ':', '.']).any(could_be_openid);
        if is_shown { name } else { OTHER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: UnknownKind, name: &str) -> String {
        Unknown::new(kind, name).shown().to_owned()
    }

    #[test]
    fn names_of_wechat_are_shown() {
        for (kind, name) in [
            (UnknownKind::Word, "perhaps"),
            (UnknownKind::Event, "wxa_media_check"),
            (UnknownKind::SentStatus, "-1 system failed"),
            (UnknownKind::SentStatus, "2 系统故障"),
            (UnknownKind::SendErrcode, "-12345"),
        ] {
            assert_eq!(shown(kind, name), name);
        }
    }

    #[test]
    fn what_could_be_a_users_or_is_no_name_is_not() {
        for (kind, name) in [
            (UnknownKind::Word, ""),
            (UnknownKind::Word, "oFixture00000000000000000001"),
            (UnknownKind::Word, "oFixtureWithoutAnyDigitsInIt"),
            (UnknownKind::Word, "13800138000"),
            (UnknownKind::Word, "李明"),
            (
                UnknownKind::SentStatus,
                "2 user oFixture00000000000000000001",
            ),
            (UnknownKind::Event, "a\nb"),
            (UnknownKind::Event, &"x".repeat(65)),
        ] {
            assert_eq!(shown(kind, name), OTHER, "{name}");
        }
    }
}
