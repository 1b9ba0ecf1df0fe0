//! What the present rule, at this moment, would make of a message.

use std::time::Duration;

use super::Present;
use crate::rules::Planned;

impl Present {
    /// The word for a message against which nothing stands.
    pub const WOULD_SEND: &'static str = "would_send";

    /// The word for a message that is too old by now.
    pub const TOO_OLD: &'static str = "too_old";

    /// By what the rule has planned of an event of this age.
    pub(super) fn of(planned: &Planned, age_ms: i64) -> Self {
        let allowed = planned.rule.expires_after;
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or_default());
        match &planned.result {
            Err(rejection) => Self {
                status: rejection.reason.status().as_str().to_owned(),
                reason: Some(rejection.reason),
                detail: Some(rejection.detail.clone()),
            },
            Ok(_) if age > allowed => Self {
                status: Self::TOO_OLD.to_owned(),
                reason: None,
                detail: Some(format!(
                    "the event is {} s old, and the rule's expires_after allows {} s",
                    age.as_secs(),
                    allowed.as_secs()
                )),
            },
            Ok(_) => Self {
                status: Self::WOULD_SEND.to_owned(),
                reason: None,
                detail: None,
            },
        }
    }
}
