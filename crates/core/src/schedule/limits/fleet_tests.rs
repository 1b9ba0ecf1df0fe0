//! Several instances share a promise: rebalances, clocks that differ, and arrivals of every kind.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

const SECOND_US: u64 = 1_000_000;
/// The calendar at the beginning.
const BEGAN_UNIX_MS: i64 = 1_795_000_000_000;
/// As the engine has it.
const COUNTS_AFTER_US: u64 = SECOND_US;

struct Instance {
    pace: Pace,
    /// Partitions that count, and from when on those count that do not yet.
    mine: BTreeMap<u32, u64>,
    /// How far its calendar is from the true one.
    skew_ms: i64,
    sent: u32,
}

impl Instance {
    fn moment(&self, now_us: u64) -> Moment {
        Moment {
            elapsed: Duration::from_micros(now_us),
            unix_ms: BEGAN_UNIX_MS + i64::try_from(now_us / 1_000).unwrap() + self.skew_ms,
        }
    }

    fn take_share(&mut self, now_us: u64, n_all: u32) {
        let counting = self.mine.iter().filter(|(_, from)| **from <= now_us);
        let share = Share::of(counting.map(|(index, _)| *index), n_all);
        if self.pace.share != share {
            self.pace.change_share(&share);
        }
    }

    /// Sends whatever may be sent.
    fn send(&mut self, now_us: u64, most: u32, sends: &mut Vec<u64>) {
        let now = self.moment(now_us);
        for _ in 0..most {
            if self.pace.departure_at(now).is_some() {
                return;
            }
            self.pace.take_departure(now);
            self.sent += 1;
            sends.push(now_us);
        }
    }
}

struct Fleet {
    instances: Vec<Instance>,
    n_all: u32,
    sends: Vec<u64>,
    random: fastrand::Rng,
}

impl Fleet {
    fn new(seed: u64, rate: Rate, n_all: u32, n_instances: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let half = i64::try_from(CLOCKS_MAY_DIFFER_BY.as_millis() / 2).unwrap() - 1;
        let instances = (0..n_instances)
            .map(|_| Instance {
                pace: Pace::with_share(Some(rate), Share::nothing()),
                mine: BTreeMap::new(),
                skew_ms: random.i64(-half..=half),
                sent: 0,
            })
            .collect();
        let mut fleet = Self {
            instances,
            n_all,
            sends: Vec::new(),
            random,
        };
        for index in 0..n_all {
            let owner = fleet.random.usize(..n_instances);
            fleet.instances[owner].mine.insert(index, COUNTS_AFTER_US);
        }
        fleet
    }

    /// One partition goes: the loser has less at once, the winner has more after a second.
    fn rebalance(&mut self, now_us: u64) {
        let index = self.random.u32(..self.n_all);
        for instance in &mut self.instances {
            instance.mine.remove(&index);
            instance.take_share(now_us, self.n_all);
        }
        let winner = self.random.usize(..self.instances.len());
        self.instances[winner]
            .mine
            .insert(index, now_us + COUNTS_AFTER_US);
    }

    fn step(&mut self, now_us: u64, most: impl Fn(&mut fastrand::Rng) -> u32) {
        let first = self.random.usize(..self.instances.len());
        for offset in 0..self.instances.len() {
            let n = (first + offset) % self.instances.len();
            let most = most(&mut self.random);
            self.instances[n].take_share(now_us, self.n_all);
            self.instances[n].send(now_us, most, &mut self.sends);
        }
    }

    /// When the first of them may send again.
    fn wakes_at(&self, now_us: u64) -> u64 {
        let instances = self.instances.iter();
        let wakes = instances.filter_map(|instance| {
            let at = instance.pace.departure_at(instance.moment(now_us))?;
            u64::try_from(at.as_nanos().div_ceil(1_000)).ok()
        });
        wakes.min().unwrap_or(now_us + 1)
    }

    fn fullest_second(&self) -> usize {
        let mut fullest = 0;
        let mut first = 0;
        for (last, at) in self.sends.iter().enumerate() {
            while self.sends[first] + SECOND_US <= *at {
                first += 1;
            }
            fullest = fullest.max(last + 1 - first);
        }
        fullest
    }
}

fn rate(per_second: f64, burst: u32) -> Rate {
    Rate {
        per_second,
        burst: NonZeroU32::new(burst).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever comes when, and whichever instance has which partitions: no second of the fleet holds more than rate + burst sends.
    #[test]
    fn no_second_of_the_fleet_holds_more_than_rate_and_burst(
        tenths in prop_oneof![1_u32..30, 1_u32..300, 1_u32..5_000],
        burst in prop_oneof![Just(1_u32), 1_u32..8, 1_u32..60],
        n_all in 1_u32..40,
        n_instances in 1_usize..6,
        every_us in prop_oneof![1_000_u64..3_000, 5_000_u64..90_000],
        rebalance_in in 20_u32..400,
        seed: u64,
    ) {
        let rate = rate(f64::from(tenths) / 10.0, burst);
        let mut fleet = Fleet::new(seed, rate, n_all, n_instances);
        let mut now_us = 0;
        while now_us < 20 * SECOND_US {
            now_us += fleet.random.u64(1..every_us * 2);
            if fleet.random.u32(..rebalance_in) == 0 {
                fleet.rebalance(now_us);
            }
            fleet.step(now_us, |random| if random.u8(..3) == 0 { 100 } else { random.u32(..2) });
        }
        let fullest = fleet.fullest_second();
        let fullest = f64::from(u32::try_from(fullest).unwrap());
        prop_assert!(fullest <= rate.per_second + f64::from(burst) + 1e-6, "{fullest}");
    }

    /// An instance that has something to send gets what its partitions are worth.
    #[test]
    fn no_instance_gets_much_less_than_its_share(
        tenths in prop_oneof![3_u32..100, 100_u32..5_000],
        burst in prop_oneof![Just(1_u32), 1_u32..20],
        n_all in 1_u32..24,
        n_instances in 1_usize..6,
        seed: u64,
    ) {
        let rate = rate(f64::from(tenths) / 10.0, burst);
        let mut fleet = Fleet::new(seed, rate, n_all, n_instances);
        // Long enough for some rounds of turns by the clock, however slow.
        let seconds: u32 = if tenths < 100 { 600 } else { 60 };
        let mut now_us = 2 * COUNTS_AFTER_US;
        let end_us = now_us + u64::from(seconds) * SECOND_US;
        while now_us < end_us {
            fleet.step(now_us, |_| 10_000);
            now_us = fleet.wakes_at(now_us).max(now_us + 1);
        }
        // The time does not begin and end with a round of frames.
        let a_round = 0.25 * f64::from(n_all);
        for instance in &fleet.instances {
            let wanted = rate.per_second * instance.pace.share.fraction() * f64::from(seconds);
            // Slow limits meet partitions at random, and so do the ends of the time. Turns by the clock leave room for its error.
            let kept = if tenths < 100 { 0.5 * wanted - 3.0 * wanted.sqrt() } else { (0.87 - a_round / f64::from(seconds)) * wanted - 6.0 };
            prop_assert!(
                f64::from(instance.sent) >= kept,
                "{} of {wanted} at {rate:?} with {:?}", instance.sent, instance.pace.share
            );
        }
    }
}

#[test]
fn an_instance_that_has_everything_keeps_the_pace_of_one_that_is_alone() {
    let rate = rate(5.0, 3);
    let mut alone = Pace::new(Some(rate));
    let mut with_twelve = Pace::with_share(Some(rate), Share::of(0..12, 12));
    for ms in 0..3_000 {
        let now = Moment {
            elapsed: Duration::from_millis(ms),
            unix_ms: BEGAN_UNIX_MS + i64::try_from(ms).unwrap(),
        };
        assert_eq!(alone.departure_at(now), with_twelve.departure_at(now));
        if alone.departure_at(now).is_none() {
            alone.take_departure(now);
            with_twelve.take_departure(now);
        }
    }
}

#[test]
fn an_app_and_its_rule_have_their_slots_together() {
    let share = Share::of(0..1, 12);
    let mut app = Pace::with_share(Some(rate(5.0, 1)), share.clone());
    let mut rule = Pace::with_share(Some(rate(1.0, 1)), share);
    let mut sent = 0;
    for ms in 0..600_000_u64 {
        let now = Moment {
            elapsed: Duration::from_millis(ms),
            unix_ms: BEGAN_UNIX_MS + i64::try_from(ms).unwrap(),
        };
        if app.departure_at(now).is_none() && rule.departure_at(now).is_none() {
            app.take_departure(now);
            rule.take_departure(now);
            sent += 1;
        }
    }
    // A twelfth of one a second for 600 s is 50.
    assert!(sent >= 25, "{sent}");
}
