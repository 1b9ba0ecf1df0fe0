//! What each of `WeChat`'s codes leads to. The edge's table gives a code its class; the table here says what is done about a class.

use crate::model::outcome::Reason;
use crate::schedule::pauses::Cause;
use crate::wechat::Class;

/// What is done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The message ends.
    End(Reason),
    /// Another attempt after a wait with full jitter.
    Retry(MaxAttempts),
    /// Another token, and one attempt that does not count.
    RenewToken,
    /// App, API or template are paused, and the message waits for the end of that.
    Pause(Cause),
}

/// How many attempts a retry gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxAttempts {
    /// All of the plan.
    Plan,
    /// Three at most: what is busy for all messages is soon over, and what is busy for one message alone stays so. A phone number with
    /// Han characters is reported to have earned -1 thousands of times in a day.
    Short,
}

/// The attempts of [`MaxAttempts::Short`].
pub(super) const SHORT_ATTEMPTS: u32 = 3;

impl Class {
    /// What is done about it.
    pub fn treatment(self) -> Treatment {
        match self {
            Self::NotSubscribed => Treatment::End(Reason::UserRefused),
            Self::UnknownRecipient => Treatment::End(Reason::RecipientUnknown),
            Self::WindowClosed => Treatment::End(Reason::WindowClosed),
            Self::WindowUsedUp => Treatment::End(Reason::WindowUsedUp),
            Self::BadParam => Treatment::End(Reason::ParamRefused),
            Self::UnknownMedia => Treatment::End(Reason::MediaUnknown),
            Self::BadContent => Treatment::End(Reason::ContentRefused),
            Self::UnknownPage => Treatment::End(Reason::PageUnknown),
            Self::UnknownTemplate | Self::Banned => Treatment::Pause(Cause::Template),
            Self::MinuteQuota => Treatment::Pause(Cause::MinuteQuota),
            Self::DailyQuota => Treatment::Pause(Cause::DailyQuota),
            Self::Api => Treatment::Pause(Cause::Api),
            Self::Account => Treatment::Pause(Cause::Account),
            Self::NotAuthorised => Treatment::End(Reason::AccountFault),
            Self::Bug => Treatment::End(Reason::RequestRefused),
            Self::Token => Treatment::RenewToken,
            Self::Concurrent => Treatment::Retry(MaxAttempts::Plan),
            Self::Busy | Self::Unlisted => Treatment::Retry(MaxAttempts::Short),
        }
    }

    /// What is done where there is no token to send with. The send API has said nothing.
    pub fn treatment_without_token(self) -> Treatment {
        match self {
            // A token endpoint that is busy says nothing about this message, so it gets all the attempts of the plan.
            Self::Busy | Self::Unlisted => Treatment::Retry(MaxAttempts::Plan),
            // Every token is refused, or the endpoint gives none, or none in this minute or today: the whole app's matter, and no question about
            // it can be asked.
            Self::Token | Self::MinuteQuota | Self::DailyQuota | Self::Api => {
                Treatment::Pause(Cause::Account)
            }
            // The same account; or what a token endpoint is not known to say.
            Self::Account
            | Self::NotAuthorised
            | Self::Bug
            | Self::Concurrent
            | Self::NotSubscribed
            | Self::UnknownRecipient
            | Self::WindowClosed
            | Self::WindowUsedUp
            | Self::BadParam
            | Self::UnknownMedia
            | Self::BadContent
            | Self::UnknownPage
            | Self::UnknownTemplate
            | Self::Banned => self.treatment(),
        }
    }

    /// At whose door it lies.
    pub fn blame(self) -> Blame {
        match self {
            Self::NotSubscribed
            | Self::UnknownRecipient
            | Self::WindowClosed
            | Self::WindowUsedUp
            | Self::BadContent => Blame::Message,
            Self::BadParam | Self::UnknownMedia | Self::UnknownPage => Blame::Rule,
            Self::UnknownTemplate => Blame::RuleAndTemplate,
            Self::Banned
            | Self::Token
            | Self::Busy
            | Self::Concurrent
            | Self::MinuteQuota
            | Self::DailyQuota
            | Self::Api
            | Self::Account
            | Self::NotAuthorised
            | Self::Bug
            | Self::Unlisted => Blame::Others,
        }
    }
}

/// Whose fault a refusal is, as far as its code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// This message's: its user's, or that of what upstream wrote.
    Message,
    /// The rule's, if there are many of them. `WeChat` has looked at the message itself, so neither account nor template is at fault.
    Rule,
    /// The same, or that of its template's id.
    RuleAndTemplate,
    /// None of ours: the account, the token, the quota, `WeChat` itself.
    Others,
}
