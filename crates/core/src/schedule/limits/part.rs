//! What of a promise one instance of a fleet may use.
//!
//! A promise of `rate` and `burst` allows `allowed = floor(rate + burst)` sends in any second. If that is enough for all partitions, each
//! has a whole number of them, and an instance those of its partitions; the numbers add up to `allowed` exactly. If it is not, whole numbers
//! would leave partitions with nothing or with far too little, and instances take turns by the clock.

use std::num::NonZeroU32;

use super::slots::TimeSlots;
use crate::model::Rate;
use crate::schedule::share::Share;

/// The part of a promise.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Nothing may be sent.
    Nothing,
    /// A pace of its own, and never more than so many in a second.
    Rate {
        /// The share of the rate and of the burst.
        pace: Rate,
        /// In any second.
        most: usize,
    },
    /// One send in each slot that is ours.
    TimeSlots {
        /// When.
        slots: TimeSlots,
        /// In any second, all instances together.
        most: usize,
    },
}

/// How much of its rate a partition may lose because sends are whole.
const MUST_KEEP: f64 = 0.9;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and bursts are positive, and the cast saturates"
)]
pub(super) fn part_of(rate: Rate, share: &Share) -> Part {
    let n_all = u64::from(share.n_all());
    // Sums of fractions such as 0.7 + 0.3 must not end just below the whole.
    let allowed = (rate.per_second + f64::from(rate.burst.get()) + 1e-9).floor() as u64;
    let allowed = allowed.min(u64::from(u32::MAX));
    if share.n_mine() == 0 {
        return Part::Nothing;
    }
    let least = u32::try_from(allowed / n_all).unwrap_or(u32::MAX);
    let wanted = rate.per_second / f64::from(share.n_all());
    if !share.is_whole() && (least == 0 || f64::from(least) < wanted * MUST_KEEP) {
        let slots = TimeSlots::new(rate, allowed, share.clone());
        return Part::TimeSlots {
            slots,
            most: usize::try_from(allowed).unwrap_or(usize::MAX),
        };
    }
    let up_to = |index: u64| index * allowed / n_all;
    let of_partition = |index: &u32| up_to(u64::from(*index) + 1) - up_to(u64::from(*index));
    let most: u64 = share.mine().iter().map(of_partition).sum();
    let burst = (f64::from(rate.burst.get()) * share.fraction()).floor() as u32;
    Part::Rate {
        pace: Rate {
            per_second: rate.per_second * share.fraction(),
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
        },
        most: usize::try_from(most).unwrap_or(usize::MAX),
    }
}
