//! Which reasons say that the user has nothing. The world has a list of its own: what the engine makes of a reason is what is judged here.

use wx_courier_core::model::outcome::Reason;

/// Whether this would be wrong of a message that was delivered at any time.
pub(super) fn denies(reason: Reason) -> bool {
    match reason {
        // Where no call is made at all, none can have delivered the message.
        Reason::UserRefused
        | Reason::WindowClosed
        | Reason::WindowUsedUp
        | Reason::NoGrant
        | Reason::TooSoon
        | Reason::Expired
        | Reason::AttemptsUsed
        | Reason::Internal
        | Reason::LoginCodeExpired
        | Reason::LoginCodeUsed
        | Reason::UserBlocked
        | Reason::RecordTooLarge
        | Reason::NotJson
        | Reason::FormatUnsupported
        | Reason::EventMalformed
        | Reason::TypeMissing
        | Reason::RuleError
        | Reason::ValueMissing
        | Reason::RecipientMalformed
        | Reason::PageMalformed
        | Reason::ParamEmpty
        | Reason::ParamTooLong
        | Reason::ParamMalformed
        | Reason::ParamNotListed
        | Reason::GrantMalformed
        | Reason::RuleGone
        | Reason::NoRule => true,
        // The last seven are about the message itself: in earnest no earlier call of it was delivered. Here the answers are drawn by lot. And of a
        // record that is gone the message id is not known, so the claim of a process that died, and may have delivered it, is not found.
        Reason::RecordGone
        | Reason::Ok
        | Reason::Duplicate
        | Reason::InDoubt
        | Reason::StateUnreadable
        | Reason::RecipientUnknown
        | Reason::ParamRefused
        | Reason::ContentRefused
        | Reason::PageUnknown
        | Reason::MediaUnknown
        | Reason::AccountFault
        | Reason::RequestRefused => false,
        Reason::Unlisted(word) => panic!("the engine has made up {word:?}"),
    }
}
