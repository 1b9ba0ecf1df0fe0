//! What `WeChat`'s codes mean, without what is done about them.

/// What an errcode means for the message at hand. Closed: a code that is not in the table is `Unlisted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// This user has not subscribed, or the subscription is used up (43101).
    NotSubscribed,
    /// There is no such user in this app (40003).
    UnknownRecipient,
    /// The user has not written lately, so no customer-service message may answer them (45015).
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
