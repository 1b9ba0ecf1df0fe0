//! What is a burst, and what is not.

use super::*;

fn at(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        unix_ms: 0,
    }
}

fn breakers() -> Breakers {
    Breakers::new(BreakerPlan {
        count: 3,
        ratio: 0.5,
    })
}

fn refuse(breakers: &mut Breakers, seconds: u64, version: &str) -> Option<Burst> {
    breakers.note_refused(at(seconds), &Arc::from("r"), &Arc::from(version))
}

#[test]
fn few_refusals_are_no_burst_even_if_there_is_nothing_else() {
    let mut breakers = breakers();
    assert_eq!(refuse(&mut breakers, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 1, "1"), None);
    assert!(refuse(&mut breakers, 2, "1").is_some());
}

#[test]
fn many_refusals_among_more_good_answers_are_no_burst() {
    let mut breakers = breakers();
    assert_eq!(refuse(&mut breakers, 0, "1"), None);
    for _ in 0..5 {
        breakers.note_good(at(0), "r");
    }
    for _ in 0..3 {
        assert_eq!(refuse(&mut breakers, 1, "1"), None);
    }
    let burst = refuse(&mut breakers, 1, "1").unwrap();
    assert_eq!((burst.refused, burst.answered), (5, 10));
}

#[test]
fn old_answers_are_forgotten() {
    let mut breakers = breakers();
    assert_eq!(refuse(&mut breakers, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 1, "1"), None);
    assert_eq!(refuse(&mut breakers, LATELY.as_secs() + 1, "1"), None);
    let burst = refuse(&mut breakers, LATELY.as_secs() + 1, "1").unwrap();
    assert_eq!(
        burst.refused, 3,
        "the one that is five minutes old still counts"
    );
}

#[test]
fn a_burst_names_the_version_that_it_began_in() {
    let mut breakers = breakers();
    assert_eq!(refuse(&mut breakers, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, LATELY.as_secs() + 1, "2"), None);
    breakers.note_good(at(LATELY.as_secs() + 1), "r");
    assert_eq!(refuse(&mut breakers, LATELY.as_secs() + 2, "3"), None);
    let burst = refuse(&mut breakers, LATELY.as_secs() + 2, "3").unwrap();
    assert_eq!(burst.began_in.as_ref(), "2");
}

#[test]
fn counting_begins_anew_after_a_burst_and_after_a_change() {
    let mut breakers = breakers();
    refuse(&mut breakers, 0, "1");
    refuse(&mut breakers, 0, "1");
    assert!(refuse(&mut breakers, 0, "1").is_some());
    assert_eq!(refuse(&mut breakers, 0, "1"), None);
    assert_eq!(refuse(&mut breakers, 0, "1"), None);
    breakers.forget("r");
    assert_eq!(refuse(&mut breakers, 0, "2"), None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut breakers = Breakers::new(BreakerPlan {
        count: usize::MAX,
        ratio: 1.0,
    });
    for _ in 0..3 * LOOK_BACK {
        assert_eq!(refuse(&mut breakers, 0, "1"), None);
    }
    assert_eq!(breakers.rules["r"].latest.len(), LOOK_BACK);
    assert_eq!(breakers.rules["r"].n_refused, LOOK_BACK);
    for _ in 0..LOOK_BACK {
        breakers.note_good(at(1), "r");
    }
    assert!(
        breakers.rules.is_empty(),
        "a rule that is refused no more is forgotten"
    );
}
