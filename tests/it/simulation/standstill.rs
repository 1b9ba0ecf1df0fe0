//! A machine that stands still with all its clocks: a virtual machine that is suspended, a process that is checkpointed.
//!
//! When it goes on, neither clock of the process tells how long that was. Then the calendar of the machine is put right, and for the process
//! that is a jump: it hears of it before all that it finds, and goes by a calendar that is behind until the new one is believed.

use wx_courier_core::calendar::BELIEVED_AFTER;
use wx_courier_core::flow::Input;
use wx_courier_core::state::Request;

use super::mutant::Mutant;
use super::setting::Retention;
use super::world::{Happening, TROUBLE_MS, World};

/// A machine stands still for longer than its claims are left alone.
pub(super) const STANDSTILL_MS: u64 = 10_000;

/// What is stopped for a while.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stopped {
    /// A process. Its clocks go on.
    Process,
    /// The machine, and its clocks with it.
    Machine,
}

/// The clocks of a member, against those of the world.
#[derive(Default)]
pub(super) struct Clocks {
    /// How long they will have stood still when the member goes on.
    stand_still_ms: u64,
    /// By how much its calendar is behind.
    calendar_behind_ms: u64,
}

impl World {
    /// The calendar as a member goes by it, in milliseconds since the world began.
    pub(super) fn calendar_ms(&self, member: usize) -> u64 {
        self.now_ms - self.members[member].clocks.calendar_behind_ms
    }

    /// Now and then a machine stands still when a claim has just been asked for: that is when its process may go on with what is not its own any
    /// more. In worlds of short retention processes are stopped for longer, and that is trouble enough.
    pub(super) fn may_stand_still(&mut self, member: usize, request: &Request) {
        let is_rough =
            !self.is_gentle && self.retention == Retention::Long && self.now_ms < TROUBLE_MS;
        if is_rough && matches!(request, Request::Claim(_)) && self.random.u8(..100) == 0 {
            let stands_still = Happening::Freeze(member, Stopped::Machine);
            self.plan(self.now_ms, stands_still);
        }
    }

    /// A member is stopped, and it is known until when.
    pub(super) fn stop_clocks(&mut self, member: usize, stopped: Stopped) {
        let stopped_for_ms = self.members[member].frozen_until_ms - self.now_ms;
        self.members[member].clocks.stand_still_ms = match stopped {
            Stopped::Process => 0,
            Stopped::Machine => stopped_for_ms,
        };
    }

    /// A member goes on.
    pub(super) fn start_clocks(&mut self, member: usize) {
        let stood_still_ms = std::mem::take(&mut self.members[member].clocks.stand_still_ms);
        if stood_still_ms == 0 {
            return;
        }
        self.seen.standstills += 1;
        self.members[member].began_ms += stood_still_ms;
        self.members[member].clocks.calendar_behind_ms += stood_still_ms;
        let behind_ms = self.members[member].clocks.calendar_behind_ms;
        let system_ahead_ms = i64::try_from(behind_ms).unwrap();
        if !self.is_broken(Mutant::SpoilsNothing) {
            let unread = &mut self.members[member].unread;
            unread.push_front(Input::CalendarJumped { system_ahead_ms });
        }
        let after_ms = u64::try_from(BELIEVED_AFTER.as_millis()).unwrap();
        let incarnation = self.members[member].incarnation;
        let believed = Happening::CalendarBelieved(member, incarnation);
        self.plan(self.now_ms + after_ms, believed);
    }

    pub(super) fn calendar_is_believed(
        &mut self,
        member: usize,
        incarnation: u64,
    ) -> Result<(), String> {
        if self.members[member].incarnation != incarnation {
            return Ok(());
        }
        // With it that of another standstill since.
        self.members[member].clocks.calendar_behind_ms = 0;
        let system_ahead_ms = 0;
        self.step(member, Input::CalendarJumped { system_ahead_ms })
    }
}
