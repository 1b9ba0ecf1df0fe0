//! The calendar of the machine, as the service watches it.

use crate::edges::clock::Clock;
use wx_courier_core::flow::Input;

/// What the engine has heard of the calendar.
pub(super) struct Watch {
    breaks: u64,
}

impl Watch {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            breaks: clock.status().breaks,
        }
    }

    /// What the engine has not heard of yet. Another task may have noticed it.
    pub(super) fn news(&mut self, clock: &Clock) -> Option<Input> {
        let status = clock.status();
        let is_news = status.breaks != self.breaks;
        self.breaks = status.breaks;
        let system_ahead_ms = status.system_ahead_ms;
        is_news.then_some(Input::CalendarJumped { system_ahead_ms })
    }
}
