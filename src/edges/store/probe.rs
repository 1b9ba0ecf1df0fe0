//! Whether a store works for messages in general, asked where it does not for a certain one: a damaged entry costs one message, a store that
//! is damaged where every message needs it must not cost them all.

use std::sync::Arc;

use anyhow::anyhow;

use super::failure::Failure;
use wx_courier_core::model::{Holder, Ticket};
use wx_courier_core::state::{Answer, Claim, ClaimAnswer, OnUnreadable, Reply, Request};

/// Requests for a message that no process knows. They leave nothing behind.
pub(super) fn requests() -> [Request; 2] {
    let name: Arc<str> = Arc::from(format!("probe|{:016x}", fastrand::u64(..)));
    let holder = Holder {
        process: fastrand::u64(..),
        ticket: Ticket(0),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the claim goes in the batch that makes it: its age is never looked at"
    )]
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let claim = Claim {
        message_id: Arc::clone(&name),
        outcome_id: Arc::clone(&name),
        record: None,
        holder,
        takes_over: None,
        grant: None,
        on_unreadable: OnUnreadable::Fail,
        since_ms: now_ms,
        now_ms,
    };
    let release = Request::Release {
        message_id: name,
        holder,
        grant: None,
    };
    [Request::Claim(claim), release]
}

/// Whether the answers are what they have to be.
pub(super) fn judge(answers: &[Reply]) -> Result<(), Failure> {
    if let [
        Ok(Answer::Claim(ClaimAnswer::Claimed(_))),
        Ok(Answer::Released),
    ] = answers
    {
        return Ok(());
    }
    let error = anyhow!("the claim of a new message is not made");
    Err(Failure::Fault { row: None, error })
}
