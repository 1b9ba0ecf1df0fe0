//! The last second's sends.

use std::collections::VecDeque;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// When sends went, as far as it still counts.
#[derive(Clone, Debug, Default)]
pub(super) struct LastSecond {
    sends: VecDeque<Duration>,
}

impl LastSecond {
    /// When the next send may go, if no second is to hold more than so many: `None` is now.
    pub(super) fn room_at(&self, elapsed: Duration, most: usize) -> Option<Duration> {
        let gone = self.sends.partition_point(|at| *at + SECOND <= elapsed);
        let counted = self.sends.len() - gone;
        // This one has to be over before there is room.
        let in_the_way = gone + counted.checked_sub(most)?;
        let at = self.sends.get(in_the_way);
        Some(at.map_or(elapsed + SECOND, |at| *at + SECOND))
    }

    /// Counts a send.
    pub(super) fn took(&mut self, elapsed: Duration) {
        while let Some(first) = self.sends.front()
            && *first + SECOND <= elapsed
        {
            self.sends.pop_front();
        }
        self.sends.push_back(elapsed);
    }
}
