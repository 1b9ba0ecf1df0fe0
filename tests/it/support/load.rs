//! A steady load: there is always something to do in every partition, and never much more.
//!
//! What lies on a topic beforehand is fetched partition by partition, so that all calls under way belong to one or two of them. Under
//! load they belong to all, which is what a rebalance or a shutdown has to cope with.

use super::events::{Event, mixed};
use super::wait_until;
use super::world::World;

/// Events that were published and that the sandbox has not accepted yet.
const BACKLOG: usize = 120;

/// Publishes as fast as the service works.
pub(crate) struct Load<'a> {
    world: &'a World,
    /// Everything published so far.
    pub(crate) events: Vec<Event>,
}

impl<'a> Load<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self {
            world,
            events: Vec::new(),
        }
    }

    /// Keeps the load up until the condition holds.
    pub(crate) fn keep_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        wait_until(what, || {
            self.keep_up();
            holds()
        });
    }

    /// Publishes this many events at once.
    pub(crate) fn publish(&mut self, count: usize) {
        let begin = self.events.len();
        for event in mixed(begin..begin + count) {
            self.world
                .hand_over(&event.openid, &[], &event.structured());
            self.events.push(event);
        }
    }

    fn keep_up(&mut self) {
        let accepted = self.world.wechat.stats().accepted;
        let accepted = usize::try_from(accepted).unwrap_or(usize::MAX);
        let wanted = accepted.saturating_add(BACKLOG);
        self.publish(wanted.saturating_sub(self.events.len()));
    }
}
