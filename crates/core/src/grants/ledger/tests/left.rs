//! What is left of a user who has left the app.

use super::*;

#[test]
fn a_user_who_has_left_leaves_nothing_but_the_moment() {
    let left_ms = NOW_MS - HOUR_MS;
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        accept(&mut ledger, Source::Event, left_ms);
    }
    reserve(&mut ledger, "m1").unwrap();
    ledger.use_up("m1", NOW_MS);
    ledger.clear(left_ms);
    assert_eq!(numbers(&ledger), [0; 4]);
    assert!(ledger.recent.is_empty());
    let after = ledger.clone();
    ledger.clear(left_ms);
    assert_eq!(ledger, after, "told again, it changes nothing");
    // Another source tells of one of these accepts, hours later.
    let late = accept(&mut ledger, Source::MiniProgram, left_ms - HOUR_MS);
    assert_eq!(late, Counted::Known);
    // The user comes back.
    let again = accept(&mut ledger, Source::MiniProgram, NOW_MS);
    assert_eq!(again, Counted::New);
    assert_eq!(numbers(&ledger), [1, 0, 0, 1]);
    ledger.clear(left_ms);
    assert_eq!(numbers(&ledger), [1, 0, 0, 1], "what came after stays");
}

#[test]
fn messages_under_way_end_as_ever_after_their_user_has_left() {
    for is_sent in [true, false] {
        let mut ledger = with(3);
        reserve(&mut ledger, "m1").unwrap();
        ledger.clear(NOW_MS);
        assert_eq!(numbers(&ledger), [1, 1, 0, 0]);
        if is_sent {
            ledger.use_up("m1", NOW_MS);
        } else {
            ledger.give_back("m1");
        }
        let sent = u64::from(is_sent);
        assert_eq!(numbers(&ledger), [sent, 0, sent, 0], "nothing comes back");
        assert_eq!(reserve(&mut ledger, "m2"), Err(Lack::Grant));
    }
}

#[test]
fn what_was_known_later_is_not_cleared() {
    let mut ledger = with(1);
    reserve(&mut ledger, "m1").unwrap();
    ledger.use_up("m1", NOW_MS);
    ledger.set(2, NOW_MS);
    ledger.clear(NOW_MS - HOUR_MS);
    assert_eq!(numbers(&ledger), [2, 0, 0, 2]);
}
