//! When 43101 is doubted, and for how long.

use super::*;

const COUNT: usize = 3;

fn at(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        unix_ms: 0,
    }
}

fn user(n: usize) -> Party {
    Party::of(&format!("o{n}"), None)
}

/// The waves of one rule.
struct Bench(Waves);

impl Bench {
    fn new() -> Self {
        Self(Waves::new(Threshold {
            count: COUNT,
            ratio: 0.5,
        }))
    }

    fn refuse(&mut self, seconds: u64, n: usize) -> Option<Wave> {
        self.0.note_refused(at(seconds), &Arc::from("r"), user(n))
    }

    fn accept(&mut self, seconds: u64, n: usize) -> bool {
        self.0.note_accepted(at(seconds), &Arc::from("r"), user(n))
    }

    fn is_doubted(&self, seconds: u64) -> bool {
        self.0.is_doubted(at(seconds), "r")
    }

    fn in_a_wave() -> Self {
        let mut bench = Self::new();
        let begun = (0..COUNT).filter_map(|n| bench.refuse(0, n)).count();
        assert_eq!(begun, 1);
        bench
    }
}

#[test]
fn a_wave_begins_with_the_refusal_that_is_one_too_many() {
    let mut bench = Bench::new();
    assert_eq!(bench.refuse(0, 1), None);
    assert_eq!(bench.refuse(0, 2), None);
    assert!(!bench.is_doubted(0));
    let (refused, answered) = (3, 3);
    assert_eq!(bench.refuse(0, 3), Some(Wave { refused, answered }));
    assert!(bench.is_doubted(0));
    assert_eq!(bench.refuse(0, 4), None, "it has begun already");
    assert!(!bench.0.is_doubted(at(0), "another"));
}

#[test]
fn one_user_is_no_wave_nor_are_few_among_many() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        assert_eq!(bench.refuse(0, 1), None);
    }
    assert!(!bench.accept(0, 1));
    for (seconds, n) in (1..).zip(0..900) {
        match n % 3 {
            0 => assert_eq!(bench.refuse(seconds, n), None, "a third: {n}"),
            _ => assert!(!bench.accept(seconds, n)),
        }
    }
    assert!(!bench.is_doubted(900));
}

#[test]
fn what_was_accepted_before_the_first_refusal_counts_too() {
    let mut bench = Bench::new();
    for (seconds, n) in (0..10).zip(100..) {
        assert!(!bench.accept(seconds, n));
    }
    assert_eq!(bench.refuse(10, 1), None);
    assert_eq!(bench.refuse(11, 2), None);
    let (refused, answered) = (3, 6);
    let wave = Some(Wave { refused, answered });
    assert_eq!(bench.refuse(12, 3), wave, "three of the latest six");
}

#[test]
fn a_busy_rule_notices_a_wave_as_soon_as_a_quiet_one() {
    let mut bench = Bench::new();
    for n in 0..5_000 {
        assert!(!bench.accept(0, 100 + n));
    }
    let mut refusals = (1..).zip(0..50);
    let begun = refusals.position(|(seconds, n)| bench.refuse(seconds, n).is_some());
    assert_eq!(begun, Some(COUNT - 1));
}

#[test]
fn refusals_of_long_ago_make_no_wave() {
    let mut bench = Bench::new();
    for n in 0..10 {
        let seconds = u64::try_from(n).unwrap() * 160;
        assert_eq!(bench.refuse(seconds, n), None, "{n}");
    }
}

#[test]
fn a_wave_lasts_through_rare_answers_until_most_are_accepted() {
    let mut bench = Bench::in_a_wave();
    let mut seconds = 0;
    for n in 10..13 {
        seconds += 600;
        assert!(!bench.accept(seconds, n), "half of them are refused still");
        assert!(bench.is_doubted(seconds));
    }
    assert!(bench.accept(seconds, 13), "it is over");
    assert!(!bench.is_doubted(seconds));
    assert_eq!(bench.refuse(seconds, 20), None, "counting begins anew");
}

#[test]
fn the_users_who_were_refused_may_end_it_themselves() {
    let mut bench = Bench::in_a_wave();
    assert!(!bench.accept(1, 0));
    assert!(bench.accept(1, 1));
}

#[test]
fn after_an_hour_wechat_is_believed_until_there_was_a_calm() {
    let mut bench = Bench::in_a_wave();
    let hour = BELIEVED_AFTER.as_secs();
    assert_eq!(bench.refuse(hour - 1, 10), None);
    assert!(bench.is_doubted(hour - 1));
    assert!(!bench.is_doubted(hour));
    for n in 20..40 {
        assert_eq!(bench.refuse(hour + 1, n), None);
        assert!(!bench.is_doubted(hour + 1));
    }
    // The end of the doubt was told when the hour was over.
    for n in 40..100 {
        assert!(!bench.accept(hour + 2, n));
    }
    let begun = (0..50)
        .filter_map(|n| bench.refuse(hour + 1_000, n))
        .count();
    assert_eq!(begun, 1, "and another one can begin");
}

#[test]
fn an_old_wave_without_new_refusals_is_over() {
    let mut bench = Bench::in_a_wave();
    let later = 3 * BELIEVED_AFTER.as_secs();
    let begun = (0..COUNT).filter_map(|n| bench.refuse(later, n)).count();
    assert_eq!(begun, 1, "this is another one");
    bench.0.forget("r");
    assert!(bench.0.rules.is_empty());
}
