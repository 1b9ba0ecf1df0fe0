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
        let breaks = clock.status().breaks;
        let is_news = breaks != self.breaks;
        self.breaks = breaks;
        is_news.then_some(Input::CalendarJumped)
    }
}
