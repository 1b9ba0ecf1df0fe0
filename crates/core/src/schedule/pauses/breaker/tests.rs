//! What is a burst, and what is not.

use std::time::Duration;

use super::super::answers::{LATELY, MOST_PARTIES};
use super::*;

fn at(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        unix_ms: 0,
    }
}

fn breakers() -> Breakers {
    Breakers::new(Threshold {
        count: 3,
        ratio: 0.5,
    })
}

fn user(n: usize) -> Party {
    Party::of(&format!("o{n}"), None)
}

fn refuse(breakers: &mut Breakers, n: usize, seconds: u64, version: &str) -> Option<Burst> {
    breakers.note_refused(at(seconds), &Arc::from("r"), user(n), &Arc::from(version))
}

#[test]
fn few_refusals_are_no_burst_even_if_there_is_nothing_else() {
    let mut breakers = breakers();
    assert_eq!(refuse(&mut breakers, 1, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 2, 1, "1"), None);
    assert!(refuse(&mut breakers, 3, 2, "1").is_some());
}

#[test]
fn refusals_of_one_user_are_no_burst_however_many() {
    let mut breakers = breakers();
    for n in 0..2 * MOST_PARTIES {
        let seconds = n as u64 / 10;
        assert_eq!(refuse(&mut breakers, 1, seconds, "1"), None);
    }
    assert_eq!(refuse(&mut breakers, 2, 200, "1"), None);
    assert!(refuse(&mut breakers, 3, 200, "1").is_some());
}

#[test]
fn good_answers_of_one_user_hide_no_burst() {
    let mut breakers = breakers();
    refuse(&mut breakers, 1, 0, "1");
    for _ in 0..2 * MOST_PARTIES {
        breakers.note_good(at(0), "r", || user(9));
    }
    refuse(&mut breakers, 2, 0, "1");
    let burst = refuse(&mut breakers, 3, 0, "1").unwrap();
    assert_eq!((burst.refused, burst.answered), (3, 4));
}

#[test]
fn the_latest_answer_of_a_user_counts() {
    let mut breakers = breakers();
    refuse(&mut breakers, 1, 0, "1");
    refuse(&mut breakers, 2, 0, "1");
    breakers.note_good(at(0), "r", || user(1));
    assert_eq!(refuse(&mut breakers, 3, 0, "1"), None);
    assert!(refuse(&mut breakers, 1, 0, "1").is_some());
}

#[test]
fn many_refusals_among_more_good_answers_are_no_burst() {
    let mut breakers = breakers();
    assert_eq!(refuse(&mut breakers, 0, 0, "1"), None);
    for n in 10..15 {
        breakers.note_good(at(0), "r", || user(n));
    }
    for n in 1..4 {
        assert_eq!(refuse(&mut breakers, n, 1, "1"), None);
    }
    let burst = refuse(&mut breakers, 4, 1, "1").unwrap();
    assert_eq!((burst.refused, burst.answered), (5, 10));
}

#[test]
fn old_answers_are_forgotten() {
    let mut breakers = breakers();
    let later = LATELY.as_secs() + 1;
    assert_eq!(refuse(&mut breakers, 1, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 2, 1, "1"), None);
    assert_eq!(refuse(&mut breakers, 3, later, "1"), None);
    let burst = refuse(&mut breakers, 4, later, "1").unwrap();
    assert_eq!(
        burst.refused, 3,
        "the one that is five minutes old still counts"
    );
}

#[test]
fn a_burst_names_the_version_that_it_began_in() {
    let mut breakers = breakers();
    let later = LATELY.as_secs() + 1;
    assert_eq!(refuse(&mut breakers, 1, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 9, later, "2"), None);
    breakers.note_good(at(later), "r", || user(0));
    assert_eq!(refuse(&mut breakers, 2, later + 1, "3"), None);
    let burst = refuse(&mut breakers, 3, later + 1, "3").unwrap();
    assert_eq!(burst.began_in.as_ref(), "2");
}

#[test]
fn counting_begins_anew_after_a_burst_and_after_a_change() {
    let mut breakers = breakers();
    refuse(&mut breakers, 1, 0, "1");
    refuse(&mut breakers, 2, 0, "1");
    assert!(refuse(&mut breakers, 3, 0, "1").is_some());
    assert_eq!(refuse(&mut breakers, 4, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 5, 0, "1"), None);
    breakers.forget("r");
    assert_eq!(refuse(&mut breakers, 6, 0, "2"), None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut breakers = Breakers::new(Threshold {
        count: usize::MAX,
        ratio: 1.0,
    });
    for n in 0..3 * MOST_PARTIES {
        assert_eq!(refuse(&mut breakers, n, 0, "1"), None);
    }
    assert_eq!(breakers.rules["r"].n_answered(), MOST_PARTIES);
    assert_eq!(breakers.rules["r"].n_refused(), MOST_PARTIES);
    for n in 0..MOST_PARTIES {
        breakers.note_good(at(1), "r", || user(10 * MOST_PARTIES + n));
    }
    assert!(
        breakers.rules.is_empty(),
        "a rule that is refused no more is forgotten"
    );
}
