//! Forced refreshes that help, that do not, and that are used up.

use super::*;

const S: Duration = Duration::from_secs(1);
const MIN: Duration = Duration::from_mins(1);

/// When refreshes were asked for, each as early as it may be, and each cured or in vain. Counted from the first.
fn course(n: usize, cures: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut forcing = Forcing::new();
    let began = Instant::now();
    let mut now = began;
    let mut asked = Vec::new();
    for nth in 0..n {
        now = forcing.earliest().unwrap_or(now).max(now);
        assert!(forcing.may(now));
        forcing.asked(now, 1);
        asked.push(now - began);
        assert!(!forcing.may(now + APART - S), "{nth}");
        if cures(nth) {
            forcing.accepted(2);
        }
    }
    asked
}

#[test]
fn what_cured_may_be_used_every_thirty_seconds_but_for_the_reserve() {
    let asked = course(A_DAY - RESERVE + 1, |_| true);
    let (last, first) = asked.split_last().unwrap();
    let expected: Vec<Duration> = (0..15).map(|nth| nth * 30 * S).collect();
    assert_eq!(first, expected);
    assert_eq!(*last, DAY);
}

#[test]
fn what_did_not_cure_is_not_repeated_at_once() {
    let asked = course(7, |_| false);
    let expected = [0, 5, 15, 35, 75, 155, 235].map(|minutes| minutes * MIN);
    assert_eq!(asked, expected);
    let asked = course(4, |nth| nth == 1);
    let expected = [0, 10, 11, 21].map(|halves| halves * 30 * S);
    assert_eq!(asked, expected);
}

#[test]
fn a_send_with_the_token_that_was_refused_is_no_cure() {
    let mut forcing = Forcing::new();
    let now = Instant::now();
    forcing.asked(now, 1);
    forcing.accepted(1);
    assert!(!forcing.may(now + 30 * S));
    forcing.accepted(2);
    assert!(forcing.may(now + 30 * S));
}

#[test]
fn later_incidents_find_the_reserve() {
    let mut forcing = Forcing::new();
    let mut now = Instant::now();
    for nth in 0.. {
        if !forcing.may(now) {
            assert_eq!(nth, A_DAY - RESERVE);
            break;
        }
        forcing.asked(now, 1);
        forcing.accepted(2);
        now += APART;
    }
    for _ in 0..RESERVE {
        forcing.incident_is_over();
        assert!(forcing.may(now));
        forcing.asked(now, 1);
        forcing.accepted(2);
        now += APART;
        assert!(!forcing.may(now), "the incident had its own");
    }
    forcing.incident_is_over();
    assert!(!forcing.may(now + DAY / 2));
    assert!(forcing.may(now + DAY));
}

#[test]
fn whatever_happens_wechats_limits_are_kept_and_there_is_a_next_time() {
    for seed in 0..50 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut forcing = Forcing::new();
        let mut now = Instant::now();
        let mut asked: Vec<Instant> = Vec::new();
        for _ in 0..2000 {
            now += S * random.u32(0..600);
            if forcing.may(now) {
                forcing.asked(now, 1);
                asked.push(now);
            }
            match random.u8(0..4) {
                0 => forcing.accepted(1),
                1 => forcing.accepted(2),
                2 => forcing.incident_is_over(),
                _ => {}
            }
            let earliest = forcing.earliest().unwrap_or(now);
            assert!(earliest <= now + DAY, "seed {seed}");
            assert!(forcing.may(earliest), "seed {seed}");
        }
        assert!(asked.len() > 3 * A_DAY, "seed {seed}: {}", asked.len());
        for pair in asked.windows(2) {
            assert!(pair[1] - pair[0] >= APART, "seed {seed}");
        }
        for day in asked.windows(A_DAY + 1) {
            assert!(day[A_DAY] - day[0] >= DAY, "seed {seed}");
        }
    }
}
