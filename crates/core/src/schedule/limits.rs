//! A promise of so many sends a second, kept on the engine's own clock.
//!
//! The arithmetic is governor's GCRA: at rate `r` and burst `b` no window of one second, wherever it begins, holds more than `r + b`
//! admitted sends. Governor consumes as it checks; a message that needs room under two limits at once must be able to ask both
//! before it takes from either, so the cell here can be asked without being changed.
//!
//! The promise is the whole fleet's, and an instance keeps its part of it: decision 0016 has the reasons.

mod part;
mod slots;
mod window;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::model::Moment;
use crate::model::Rate;
use crate::schedule::share::Share;
use part::{Part, part_of};
pub use slots::CLOCKS_MAY_DIFFER_BY;
use slots::TimeSlots;
use window::LastSecond;

/// A send that is due goes some tenths of a millisecond later, or some milliseconds on a busy machine, and at 500 a second a limit that
/// never looks back loses a twentieth of what it allows. So much of that may be made up for at once; what a second may hold stays the same.
const CATCH_UP: Duration = Duration::from_millis(10);

impl Rate {
    /// The same rate, with an allowance to make up for what was late.
    fn catching_up(self) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive, and the cast saturates"
        )]
        let late = (self.per_second * CATCH_UP.as_secs_f64()).floor() as u32;
        Self {
            burst: self.burst.saturating_add(late),
            ..self
        }
    }
}

/// One limit, with its state.
pub struct Limit {
    cell: Cell,
    limiter: RateLimiter<NotKeyed, Cell, Cell, NoOpMiddleware<Nanos>>,
}

impl Limit {
    /// A limit that has admitted nothing yet.
    pub fn new(rate: Rate) -> Self {
        Self::over(Cell::default(), rate)
    }

    /// The same limit at another rate: what was admitted before still counts.
    #[must_use]
    pub fn at_rate(self, rate: Rate) -> Self {
        Self::over(self.cell, rate)
    }

    fn over(cell: Cell, rate: Rate) -> Self {
        // A day between two sends is as good as never, and with the largest burst governor's arithmetic stays within its 584 years.
        let period = Duration::try_from_secs_f64(1.0 / rate.per_second).unwrap_or(Duration::MAX);
        let period = period.clamp(Duration::from_nanos(1), Duration::from_hours(24));
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        // Governor counts from the time at which it is made: that is to be the engine's own beginning.
        cell.0.now.store(0, Ordering::Relaxed);
        let limiter = RateLimiter::new(quota.allow_burst(rate.burst), cell.clone(), cell.clone());
        Self { cell, limiter }
    }

    /// When the next send may go: `None` is now. Nothing is taken.
    pub fn ready_at(&self, elapsed: Duration) -> Option<Duration> {
        self.cell.0.only_looking.store(true, Ordering::Relaxed);
        self.ask(elapsed)
    }

    /// Takes one send's room. Only for a limit that has just said it is ready.
    pub fn take(&self, elapsed: Duration) {
        self.cell.0.only_looking.store(false, Ordering::Relaxed);
        let refused = self.ask(elapsed);
        debug_assert!(
            refused.is_none(),
            "a limit was taken from before it was ready"
        );
    }

    fn ask(&self, elapsed: Duration) -> Option<Duration> {
        let now = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.cell.0.now.store(now, Ordering::Relaxed);
        match self.limiter.check() {
            Ok(()) => None,
            Err(not_until) => Some(Duration::from_nanos(not_until.earliest_possible().as_u64())),
        }
    }
}

/// One promise, kept twice: when a message gets its turn, so that no more than may soon be sent ask for their claims, and when it is
/// sent, so that claims which come late and all at once do not make a burst of calls.
pub struct Pace {
    rate: Option<Rate>,
    share: Share,
    limits: Option<Limits>,
}

/// What keeps our part of a promise.
struct Limits {
    turns: Limit,
    departures: Limit,
    /// The calls of the last second: whatever the part has become since, they count.
    window: LastSecond,
    part: Part,
    /// For turns, where the part is one of time.
    turn_slots: Option<TimeSlots>,
}

/// An instance without a part of a promise asks again then; usually it is told before.
const NO_PART: Duration = Duration::from_mins(1);

/// A turn is given so long before a slot begins: its claim should be there when it does.
const LEAD: Duration = Duration::from_millis(100);

impl Limits {
    fn new(rate: Rate, share: &Share) -> Self {
        let unused = Self {
            turns: Limit::new(rate),
            departures: Limit::new(rate),
            window: LastSecond::default(),
            part: Part::Nothing,
            turn_slots: None,
        };
        unused.at(rate, share)
    }

    fn at(self, rate: Rate, share: &Share) -> Self {
        let mut part = part_of(rate, share);
        let mut turn_slots = None;
        if let Part::TimeSlots { slots, .. } = &mut part {
            let mut early = slots.clone().early_by(LEAD);
            if let Some(before) = &self.turn_slots {
                early.go_on_from(before);
            }
            turn_slots = Some(early);
            if let Part::TimeSlots { slots: before, .. } = &self.part {
                slots.go_on_from(before);
            }
        }
        let pace = match part {
            Part::Rate { pace, .. } => pace.catching_up(),
            Part::Nothing | Part::TimeSlots { .. } => rate,
        };
        Self {
            turns: self.turns.at_rate(pace),
            departures: self.departures.at_rate(pace),
            window: self.window,
            part,
            turn_slots,
        }
    }
}

impl Pace {
    /// A pace for an instance that is alone; without a rate it holds nothing back.
    pub fn new(rate: Option<Rate>) -> Self {
        Self::with_share(rate, Share::whole())
    }

    /// The pace of an instance that has this share of everything.
    pub fn with_share(rate: Option<Rate>, share: Share) -> Self {
        Self {
            rate,
            limits: rate.map(|rate| Limits::new(rate, &share)),
            share,
        }
    }

    /// The rate in force, of all instances together.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// What of the rate is ours.
    pub fn own_rate(&self) -> Option<Rate> {
        self.rate.map(|rate| Rate {
            per_second: rate.per_second * self.share.fraction(),
            ..rate
        })
    }

    /// Another rate from now on: what was admitted before still counts.
    pub fn change(&mut self, rate: Option<Rate>) {
        self.limits = match (self.limits.take(), rate) {
            (Some(limits), Some(rate)) => Some(limits.at(rate, &self.share)),
            (None, Some(rate)) => Some(Limits::new(rate, &self.share)),
            (_, None) => None,
        };
        self.rate = rate;
    }

    /// Another share from now on: what was admitted before still counts.
    pub fn change_share(&mut self, share: &Share) {
        self.share = share.clone();
        self.change(self.rate);
    }

    /// How many may stand in line for their call before further turns make no sense: what goes within half a second. A longer line, left
    /// by a store that stood still, would never get shorter, since as many come as go.
    pub fn longest_line(&self) -> usize {
        let Some(limits) = &self.limits else {
            return usize::MAX;
        };
        let (per_second, burst) = match &limits.part {
            Part::Nothing => return 0,
            Part::Rate { pace, .. } => (pace.per_second, pace.burst.get()),
            // All slots of a moment are one instance's.
            Part::TimeSlots { .. } => (self.rate.map_or(0.0, |rate| rate.per_second), 1),
        };
        let burst = usize::try_from(burst).unwrap_or(usize::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive, and the cast saturates"
        )]
        let in_half_a_second = (per_second / 2.0).ceil() as usize;
        burst.saturating_add(in_half_a_second)
    }

    /// When the next turn may be given: `None` is now.
    pub fn turn_at(&self, now: Moment) -> Option<Duration> {
        let limits = self.limits.as_ref()?;
        match (&limits.part, &limits.turn_slots) {
            (Part::Nothing, _) => Some(now.elapsed + NO_PART),
            (_, Some(slots)) => slots.ready_at(now),
            _ => limits.turns.ready_at(now.elapsed),
        }
    }

    /// Takes a turn's room.
    pub fn take_turn(&mut self, now: Moment) {
        let Some(limits) = &mut self.limits else {
            return;
        };
        match &mut limits.turn_slots {
            Some(slots) => slots.take(now),
            None => limits.turns.take(now.elapsed),
        }
    }

    /// When the next call may be made: `None` is now.
    pub fn departure_at(&self, now: Moment) -> Option<Duration> {
        let limits = self.limits.as_ref()?;
        let (own, most) = match &limits.part {
            Part::Nothing => return Some(now.elapsed + NO_PART),
            Part::Rate { most, .. } => (limits.departures.ready_at(now.elapsed), *most),
            Part::TimeSlots { slots, most } => (slots.ready_at(now), *most),
        };
        own.max(limits.window.room_at(now.elapsed, most))
    }

    /// Takes a call's room.
    pub fn take_departure(&mut self, now: Moment) {
        let Some(limits) = &mut self.limits else {
            return;
        };
        match &mut limits.part {
            Part::TimeSlots { slots, .. } => slots.take(now),
            Part::Rate { .. } | Part::Nothing => limits.departures.take(now.elapsed),
        }
        limits.window.took(now.elapsed);
    }
}

/// What governor calls its clock and its state store: the engine's time goes in, the next theoretical arrival stays, and a look
/// leaves it as it was. One owner uses it; the atomics only make it `Send`.
#[derive(Clone, Default)]
struct Cell(Arc<CellState>);

#[derive(Default)]
struct CellState {
    now: AtomicU64,
    only_looking: AtomicBool,
    /// Nanoseconds; 0 before the first send.
    next_arrival: AtomicU64,
}

impl Clock for Cell {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.now.load(Ordering::Relaxed))
    }
}

impl StateStore for Cell {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let before = self.0.next_arrival.load(Ordering::Relaxed);
        let (answer, after) = measure((before > 0).then(|| Nanos::new(before)))?;
        if !self.0.only_looking.load(Ordering::Relaxed) {
            self.0.next_arrival.store(after.as_u64(), Ordering::Relaxed);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod fleet_tests;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: f64, burst: u32) -> Rate {
        Rate {
            per_second,
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    #[test]
    fn looking_takes_nothing() {
        let limit = Limit::new(rate(1.0, 1));
        let now = Duration::from_secs(5);
        assert_eq!(limit.ready_at(now), None);
        assert_eq!(limit.ready_at(now), None);
        limit.take(now);
        assert_eq!(limit.ready_at(now), Some(Duration::from_secs(6)));
    }

    #[test]
    fn another_rate_forgets_nothing() {
        let limit = Limit::new(rate(1.0, 1));
        limit.take(Duration::from_secs(5));
        let limit = limit.at_rate(rate(10.0, 1));
        assert_eq!(
            limit.ready_at(Duration::from_secs(5)),
            Some(Duration::from_secs(6))
        );
        limit.take(Duration::from_secs(6));
        assert_eq!(
            limit.ready_at(Duration::from_secs(6)),
            Some(Duration::from_millis(6_100))
        );
    }

    /// Sends of an instance that has always something to send, and is late by so much each time.
    fn sends_of_late(pace: &mut Pace, late: Duration, seconds: u64) -> Vec<Duration> {
        let mut elapsed = Duration::ZERO;
        let mut sends = Vec::new();
        while elapsed < Duration::from_secs(seconds) {
            let now = Moment {
                elapsed,
                unix_ms: 0,
            };
            if let Some(at) = pace.departure_at(now) {
                elapsed = at + late;
            } else {
                pace.take_departure(now);
                sends.push(elapsed);
            }
        }
        sends
    }

    #[test]
    fn who_is_woken_late_loses_nothing_and_no_second_holds_more() {
        for late_us in [60, 500, 3_000] {
            let mut pace = Pace::new(Some(rate(500.0, 1)));
            let late = Duration::from_micros(late_us);
            let sends = sends_of_late(&mut pace, late, 10);
            assert!(sends.len() > 4_950, "{} with {late:?}", sends.len());
            for (index, first) in sends.iter().enumerate() {
                let second = sends[index..]
                    .iter()
                    .take_while(|at| **at < *first + Duration::from_secs(1));
                assert!(second.count() <= 501);
            }
        }
    }

    #[test]
    fn fractions_of_a_send_a_second_are_kept() {
        let limit = Limit::new(rate(0.25, 1));
        limit.take(Duration::ZERO);
        assert_eq!(
            limit.ready_at(Duration::from_secs(1)),
            Some(Duration::from_secs(4))
        );
    }

    proptest! {
        /// However the asking is spread, no window of one second admits more than rate + burst.
        #[test]
        fn no_window_holds_more_than_rate_and_burst(
            per_second in 1_u32..300,
            burst in 1_u32..20,
            steps in proptest::collection::vec(0_u64..40_000, 200..2_000),
        ) {
            let limit = Limit::new(rate(f64::from(per_second), burst));
            let mut now = Duration::ZERO;
            let mut admitted: Vec<Duration> = Vec::new();
            for step in steps {
                now += Duration::from_micros(step);
                while limit.ready_at(now).is_none() {
                    limit.take(now);
                    admitted.push(now);
                }
            }
            let allowed = (per_second + burst) as usize;
            for (index, first) in admitted.iter().enumerate() {
                let window = admitted[index..].iter().take_while(|at| **at < *first + Duration::from_secs(1));
                prop_assert!(window.count() <= allowed);
            }
        }
    }
}
