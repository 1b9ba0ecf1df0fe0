//! What a reason means: the status that it belongs to, and whether a message that ended so may still have reached its user.

use super::{Outcome, Reason, Status};

impl Reason {
    /// The one status that it belongs to: here a message ends by its reason alone. A word of a later version ends none here, and stands for both.
    pub fn status(self) -> Status {
        match self {
            Self::Ok => Status::Sent,
            Self::UserRefused
            | Self::RecipientUnknown
            | Self::LoginCodeExpired
            | Self::LoginCodeUsed
            | Self::UserBlocked
            | Self::ParamRefused
            | Self::ContentRefused
            | Self::PageUnknown
            | Self::MediaUnknown
            | Self::WindowClosed
            | Self::WindowUsedUp => Status::Rejected,
            Self::RecordTooLarge
            | Self::NotJson
            | Self::FormatUnsupported
            | Self::EventMalformed
            | Self::TypeMissing
            | Self::RuleError
            | Self::ValueMissing
            | Self::RecipientMalformed
            | Self::PageMalformed
            | Self::ParamEmpty
            | Self::ParamTooLong
            | Self::ParamMalformed
            | Self::ParamNotListed
            | Self::GrantMalformed => Status::Invalid,
            Self::NoGrant | Self::TooSoon | Self::RuleGone | Self::Duplicate => Status::Skipped,
            Self::Expired => Status::Expired,
            Self::AttemptsUsed
            | Self::RecordGone
            | Self::AccountFault
            | Self::RequestRefused
            | Self::Internal => Status::Failed,
            Self::InDoubt | Self::StateUnreadable => Status::Unknown,
            Self::NoRule => Status::Unmatched,
            Self::Unlisted(word) => Status::Unlisted(word),
        }
    }

    /// Whether it says that the message did not reach its user, and an earlier attempt may have reached the user all the same. The reason is
    /// the user's permission or window, which that attempt may have used up; or there was no further attempt.
    pub fn denies_delivery(self) -> bool {
        match self {
            Self::UserRefused
            | Self::WindowClosed
            | Self::WindowUsedUp
            | Self::NoGrant
            | Self::TooSoon
            | Self::Expired
            | Self::AttemptsUsed
            | Self::Internal => true,
            // For one of four causes. WeChat has looked at the same request, and takes none like it; there was no call; it is said already that
            // the message was sent or may have been; or a later version has decided.
            Self::RecipientUnknown
            | Self::ParamRefused
            | Self::ContentRefused
            | Self::PageUnknown
            | Self::MediaUnknown
            | Self::AccountFault
            | Self::RequestRefused
            | Self::LoginCodeExpired
            | Self::LoginCodeUsed
            | Self::UserBlocked
            | Self::RecordTooLarge
            | Self::NotJson
            | Self::FormatUnsupported
            | Self::EventMalformed
            | Self::TypeMissing
            | Self::RuleError
            | Self::ValueMissing
            | Self::RecipientMalformed
            | Self::PageMalformed
            | Self::ParamEmpty
            | Self::ParamTooLong
            | Self::ParamMalformed
            | Self::ParamNotListed
            | Self::GrantMalformed
            | Self::RecordGone
            | Self::RuleGone
            | Self::NoRule
            | Self::Ok
            | Self::Duplicate
            | Self::InDoubt
            | Self::StateUnreadable
            | Self::Unlisted(_) => false,
        }
    }
}

impl Outcome {
    /// Ends it for another reason.
    pub(crate) fn end_as(&mut self, reason: Reason) {
        (self.status, self.reason) = (reason.status(), reason);
    }
}
