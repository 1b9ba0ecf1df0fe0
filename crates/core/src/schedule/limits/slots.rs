//! A promise that is too small to be divided: its instances take turns by the clock.
//!
//! Time is cut into slots, and in each one send may go, by one instance. Whose slot it is depends on the frame of the calendar in which
//! it begins: frames belong to the partitions in turn, the same for every limit, so that an instance that may send under the limit of an app may
//! also send under those of its rules.

use std::time::Duration;

use crate::model::{Moment, Rate};
use crate::schedule::share::Share;

/// By how much the clocks of two instances may differ before a second may hold a send too many.
pub const CLOCKS_MAY_DIFFER_BY: Duration = Duration::from_millis(100);

const FRAME_NS: u64 = 250_000_000;

const SECOND_NS: u64 = 1_000_000_000;

const SKEW_NS: u64 = 100_000_000;

/// How far it is looked ahead for a slot of ours; what waits asks again then.
const LOOK_AHEAD: u64 = 64;

/// A clock that was set back by no more slots than these is waited for; one that was set back further is believed.
const SET_BACK: u64 = 16;

/// The slots of one limit.
#[derive(Clone, Debug)]
pub(super) struct TimeSlots {
    share: Share,
    length_ns: u64,
    /// For how much of its beginning a slot is open.
    open_ns: u64,
    /// How much earlier than the clock says.
    lead_ns: u64,
    last_used: Option<u64>,
}

impl TimeSlots {
    /// Between the first and the last of `m` sends lie at least `m - 1` slots, less the opening and the difference of two clocks. The
    /// length is such that those of `allowed + 1` sends never fit into a second.
    pub(super) fn new(rate: Rate, allowed: u64, share: Share) -> Self {
        let between = Duration::try_from_secs_f64(1.0 / rate.per_second)
            .unwrap_or(Duration::MAX)
            .min(Duration::from_hours(24));
        let between_ns = u64::try_from(between.as_nanos()).unwrap_or(u64::MAX);
        let (length_ns, open_ns) = if allowed > 1 {
            // Always open: `allowed - 1` whole slots are longer than a second and the clocks' difference.
            let length_ns = between_ns.max((SECOND_NS + SKEW_NS).div_ceil(allowed - 1));
            (length_ns, length_ns)
        } else {
            let length_ns = between_ns.max(SECOND_NS + 3 * SKEW_NS);
            (length_ns, length_ns - SECOND_NS - SKEW_NS)
        };
        Self {
            share,
            length_ns,
            open_ns,
            lead_ns: 0,
            last_used: None,
        }
    }

    /// The same slots, opened `lead` earlier: for turns, whose claim takes time.
    pub(super) fn early_by(mut self, lead: Duration) -> Self {
        self.lead_ns = u64::try_from(lead.as_nanos()).unwrap_or(0);
        self
    }

    /// What was used stays used.
    pub(super) fn go_on_from(&mut self, before: &Self) {
        if self.length_ns == before.length_ns {
            self.last_used = before.last_used;
        }
    }

    fn calendar_ns(&self, now: Moment) -> u64 {
        let unix_ms = u64::try_from(now.unix_ms).unwrap_or(0);
        unix_ms.saturating_mul(1_000_000) + self.lead_ns
    }

    /// When the next send may go: `None` is now.
    pub(super) fn ready_at(&self, now: Moment) -> Option<Duration> {
        let calendar_ns = self.calendar_ns(now);
        let present = calendar_ns / self.length_ns;
        let is_open = calendar_ns - present * self.length_ns < self.open_ns;
        if is_open && self.may_use(present) {
            return None;
        }
        let ahead = present + 1..present + LOOK_AHEAD;
        let next = ahead.clone().find(|slot| self.may_use(*slot));
        let begins_ns = next.unwrap_or(ahead.end).saturating_mul(self.length_ns);
        // The calendar is told in whole milliseconds: without one more it would be asked just before.
        let wait = Duration::from_nanos(begins_ns.saturating_sub(calendar_ns));
        Some(now.elapsed + wait + Duration::from_millis(1))
    }

    /// Uses the present slot.
    pub(super) fn take(&mut self, now: Moment) {
        self.last_used = Some(self.calendar_ns(now) / self.length_ns);
    }

    fn may_use(&self, slot: u64) -> bool {
        let is_used = |last: u64| slot <= last && last - slot < SET_BACK;
        !self.last_used.is_some_and(is_used)
            && self
                .share
                .has(owner(slot * self.length_ns / FRAME_NS, self.share.n_all()))
    }
}

/// Whose frame it is. In a round every partition has one frame; rounds differ in their order, so that no limit whose slots come at equal
/// distances meets the same partitions for ever.
fn owner(frame: u64, n_partitions: u32) -> u32 {
    let n = u64::from(n_partitions.max(1));
    let (round, place) = (frame / n, frame % n);
    let noise = mixed(round);
    let step = (1 + noise % n..=2 * n).find(|step| are_coprime(*step, n));
    let owner = (place * step.unwrap_or(1) + (noise >> 32)) % n;
    u32::try_from(owner).unwrap_or(0)
}

fn are_coprime(one: u64, other: u64) -> bool {
    let (mut a, mut b) = (one, other);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// The same number in every instance, without a pattern (the finaliser of `SplitMix64`).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_partition_has_one_frame_in_a_round() {
        for n in [1, 2, 3, 12, 50, 97] {
            for round in 0..50 {
                let first = round * u64::from(n);
                let owners: BTreeSet<u32> = (first..first + u64::from(n))
                    .map(|frame| owner(frame, n))
                    .collect();
                assert_eq!(owners, (0..n).collect());
            }
        }
    }

    #[test]
    fn the_tolerance_is_what_is_said() {
        assert_eq!(CLOCKS_MAY_DIFFER_BY, Duration::from_nanos(SKEW_NS));
    }
}
