//! What each of `WeChat`'s codes leads to. The edge's table gives a code its class; the table here says what is done about a class.

use crate::pipeline::outcome::Reason;
use crate::pipeline::pauses::Cause;

/// What an errcode means for the message at hand. Closed: a code that is not in the table is `Unlisted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// This user has not subscribed, or the subscription is used up (43101).
    NotSubscribed,
    /// There is no such user in this app (40003).
    UnknownRecipient,
    /// The user has not written lately, so no customer-service message may answer him (45015).
    WindowClosed,
    /// The user has been answered as often as is allowed (45047).
    WindowUsedUp,
    /// A value breaks its rule (47003, 45002 to 45005).
    BadParam,
    /// The picture is not there (40007).
    UnknownMedia,
    /// A value holds a word that is not allowed (45168), or leads to a page that is not (40066).
    BadContent,
    /// The template id is not this app's (40037).
    UnknownTemplate,
    /// The page is not in the released version (41030, 40165).
    UnknownPage,
    /// The template, or the ability to send, is banned (43107, 43116).
    Banned,
    /// The token is not, or no longer, good (40001, 40014, 42001).
    Token,
    /// `WeChat` is busy (-1).
    Busy,
    /// Another send to the same user is under way (43108).
    Concurrent,
    /// Too many this minute (45011).
    MinuteQuota,
    /// Too many today (45009).
    DailyQuota,
    /// The account may not use this API: a missing permission, or a ban of the API (48001, 48004, 61007).
    Api,
    /// The account may not do anything: wrong secret, frozen, address not listed.
    Account,
    /// The user has not authorised this API for the app (50001): this message's matter, not the account's.
    NotAuthorised,
    /// The request itself is wrong, whatever the message: a fault of ours.
    Bug,
    /// Not in the table.
    Unlisted,
}

/// What is done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The message ends as `rejected`.
    Reject(Reason),
    /// The message ends as `failed`.
    GiveUp(Reason),
    /// Another attempt after a wait with full jitter.
    Retry(Patience),
    /// Another token, and one attempt that does not count.
    RenewToken,
    /// App, API or template are paused, and the message waits for the end of that.
    Pause(Cause),
}

/// How many attempts a retry gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// All of the plan.
    Plan,
    /// Three at most: what is busy for everybody is soon over, and what is busy for one message alone stays so. A phone number with
    /// Han characters is reported to have earned -1 thousands of times in a day.
    Short,
}

/// The attempts of [`Patience::Short`].
pub(super) const SHORT_ATTEMPTS: u32 = 3;

impl Class {
    /// What is done about it.
    pub fn treatment(self) -> Treatment {
        match self {
            Self::NotSubscribed => Treatment::Reject(Reason::UserRefused),
            Self::UnknownRecipient => Treatment::Reject(Reason::RecipientUnknown),
            Self::WindowClosed => Treatment::Reject(Reason::WindowClosed),
            Self::WindowUsedUp => Treatment::Reject(Reason::WindowUsedUp),
            Self::BadParam => Treatment::Reject(Reason::ParamRefused),
            Self::UnknownMedia => Treatment::Reject(Reason::MediaUnknown),
            Self::BadContent => Treatment::Reject(Reason::ContentRefused),
            Self::UnknownPage => Treatment::Reject(Reason::PageUnknown),
            Self::UnknownTemplate | Self::Banned => Treatment::Pause(Cause::Template),
            Self::MinuteQuota => Treatment::Pause(Cause::MinuteQuota),
            Self::DailyQuota => Treatment::Pause(Cause::DailyQuota),
            Self::Api => Treatment::Pause(Cause::Api),
            Self::Account => Treatment::Pause(Cause::Account),
            Self::NotAuthorised => Treatment::GiveUp(Reason::AccountFault),
            Self::Bug => Treatment::GiveUp(Reason::RequestRefused),
            Self::Token => Treatment::RenewToken,
            Self::Concurrent => Treatment::Retry(Patience::Plan),
            Self::Busy | Self::Unlisted => Treatment::Retry(Patience::Short),
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
    /// Nobody's here: the account, the token, the quota, `WeChat` itself.
    Others,
}
