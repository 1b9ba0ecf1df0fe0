//! What happens to a ledger, thing by thing.

mod left;

use super::*;
use crate::grants::Key;

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn report(word: Word, source: Source, at_ms: i64) -> Report {
    Report {
        key: Key {
            app: Arc::from("shop"),
            openid: Arc::from("o1"),
            template_id: Arc::from("T1"),
        },
        id: Arc::from("1"),
        source,
        word,
        at_ms,
        now_ms: NOW_MS,
    }
}

fn accept(ledger: &mut Ledger, source: Source, at_ms: i64) -> Counted {
    ledger.hear(&report(Word::Accept, source, at_ms))
}

fn reject(ledger: &mut Ledger, at_ms: i64) {
    let counted = ledger.hear(&report(Word::Reject, Source::Callback, at_ms));
    assert_eq!(counted, Counted::New);
}

const SKIP: Need = Need::Grant(Without::Skip);

fn reserve(ledger: &mut Ledger, message_id: &str) -> Result<Reservation, Lack> {
    ledger.reserve(&Arc::from(message_id), &SKIP, NOW_MS)
}

/// A ledger with so many accepts, all of the same moment and source.
fn with(n_accepts: u64) -> Ledger {
    let mut ledger = Ledger::default();
    for _ in 0..n_accepts {
        assert_eq!(accept(&mut ledger, Source::Event, NOW_MS), Counted::New);
    }
    ledger
}

/// Granted, reserved, used, left.
fn numbers(ledger: &Ledger) -> [u64; 4] {
    let Balance {
        granted,
        reserved,
        used,
        left,
    } = ledger.balance();
    [granted, reserved, used, left]
}

#[test]
fn an_accept_is_one_message() {
    let mut ledger = with(2);
    assert_eq!(reserve(&mut ledger, "m1"), Ok(Reservation::Made));
    assert_eq!(numbers(&ledger), [2, 1, 0, 1]);
    ledger.use_up("m1", NOW_MS);
    assert_eq!(numbers(&ledger), [2, 0, 1, 1]);
    assert_eq!(reserve(&mut ledger, "m2"), Ok(Reservation::Made));
    assert_eq!(reserve(&mut ledger, "m3"), Err(Lack::Grant));
    assert_eq!(numbers(&ledger), [2, 1, 1, 0]);
    ledger.give_back("m2");
    assert_eq!(reserve(&mut ledger, "m3"), Ok(Reservation::Made));
}

#[test]
fn who_asks_again_has_the_same_and_only_one() {
    let mut ledger = with(1);
    for _ in 0..3 {
        assert_eq!(reserve(&mut ledger, "m1"), Ok(Reservation::Made));
    }
    assert_eq!(numbers(&ledger), [1, 1, 0, 0]);
}

#[test]
fn a_message_that_is_sent_without_a_grant_was_allowed_all_the_same() {
    let mut ledger = Ledger::default();
    let reservation = ledger.reserve(&Arc::from("m1"), &Need::Grant(Without::Send), NOW_MS);
    assert_eq!(reservation, Ok(Reservation::Missing));
    assert_eq!(numbers(&ledger), [0, 0, 0, 0]);
    ledger.use_up("m1", NOW_MS);
    assert_eq!(numbers(&ledger), [1, 0, 1, 0]);
    // An accept that comes in afterwards is one message more.
    accept(&mut ledger, Source::Event, NOW_MS);
    assert_eq!(numbers(&ledger), [2, 0, 1, 1]);
}

#[test]
fn what_another_source_tells_within_a_minute_is_the_same_accept() {
    for (by_ms, counted) in [
        (0, Counted::Known),
        (SAME_ACCEPT_MS, Counted::Known),
        (-SAME_ACCEPT_MS, Counted::Known),
        (SAME_ACCEPT_MS + 1, Counted::New),
        (-SAME_ACCEPT_MS - 1, Counted::New),
    ] {
        let mut ledger = Ledger::default();
        let first = NOW_MS - HOUR_MS;
        accept(&mut ledger, Source::Event, first);
        let told = accept(&mut ledger, Source::Callback, first + by_ms);
        assert_eq!(told, counted, "{by_ms} ms later");
    }
}

#[test]
fn an_accept_that_one_source_tells_twice_is_two_and_the_others_tell_of_both() {
    let mut ledger = with(2);
    for source in [Source::Callback, Source::MiniProgram] {
        assert_eq!(accept(&mut ledger, source, NOW_MS), Counted::Known);
        assert_eq!(accept(&mut ledger, source, NOW_MS), Counted::Known);
    }
    assert_eq!(numbers(&ledger), [2, 0, 0, 2]);
    assert_eq!(accept(&mut ledger, Source::Callback, NOW_MS), Counted::New);
}

#[test]
fn the_oldest_that_fits_is_taken() {
    let mut ledger = Ledger::default();
    accept(&mut ledger, Source::Event, NOW_MS);
    accept(&mut ledger, Source::Event, NOW_MS + SAME_ACCEPT_MS);
    // This fits both; then there is one left for what fits only the second.
    let between_ms = NOW_MS + SAME_ACCEPT_MS / 2;
    assert_eq!(
        accept(&mut ledger, Source::Callback, between_ms),
        Counted::Known
    );
    let later_ms = NOW_MS + 2 * SAME_ACCEPT_MS;
    assert_eq!(
        accept(&mut ledger, Source::Callback, later_ms),
        Counted::Known
    );
    assert_eq!(numbers(&ledger)[0], 2);
}

#[test]
fn so_many_accepts_are_kept_for_other_sources_and_the_rest_still_counts() {
    let n_most = MOST_RECENT as u64;
    let mut ledger = with(n_most + 1);
    for _ in 0..n_most {
        assert_eq!(
            accept(&mut ledger, Source::Callback, NOW_MS),
            Counted::Known
        );
    }
    assert_eq!(accept(&mut ledger, Source::Callback, NOW_MS), Counted::New);
    assert_eq!(numbers(&ledger)[0], n_most + 2);
}

#[test]
fn a_reject_leaves_nothing_but_what_was_accepted_later() {
    let mut ledger = with(3);
    reject(&mut ledger, NOW_MS);
    assert_eq!(numbers(&ledger), [0, 0, 0, 0]);
    // It comes late: the user has changed their mind since.
    let mut ledger = Ledger::default();
    for at_ms in [NOW_MS - 2, NOW_MS - 1, NOW_MS] {
        accept(&mut ledger, Source::Event, at_ms);
    }
    reject(&mut ledger, NOW_MS - 1);
    assert_eq!(numbers(&ledger), [1, 0, 0, 1]);
}

/// Which reports belong to the same accept is a guess, and may be a wrong one: three accepts, of which the last one was after 43101.
#[test]
fn what_was_accepted_later_is_counted_by_what_was_told_of_it() {
    let mut ledger = Ledger::default();
    let [first, second, third] = [NOW_MS - 3_000, NOW_MS - 2_000, NOW_MS];
    for (source, at_ms) in [
        (Source::MiniProgram, first),
        // Taken for the first one, whose own event has not come yet.
        (Source::Event, second),
        (Source::MiniProgram, third),
        // Taken for the third one.
        (Source::Event, first),
        (Source::Event, third),
    ] {
        accept(&mut ledger, source, at_ms);
    }
    assert_eq!(numbers(&ledger), [3, 0, 0, 3]);
    let stored = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&stored).unwrap(), ledger);
    ledger.reject(NOW_MS - 1_000);
    assert_eq!(numbers(&ledger), [1, 0, 0, 1]);
}

#[test]
fn accepts_of_different_minutes_are_counted_each_whatever_source_told_of_them() {
    let mut ledger = Ledger::default();
    accept(&mut ledger, Source::MiniProgram, NOW_MS - HOUR_MS);
    accept(&mut ledger, Source::Event, NOW_MS);
    ledger.reject(NOW_MS - 2 * HOUR_MS);
    assert_eq!(numbers(&ledger), [2, 0, 0, 2]);
}

#[test]
fn an_older_version_kept_no_times_of_the_other_sources() {
    let stored = format!(
        r#"{{"granted":1,"used":0,"recent":[{{"at_ms":{NOW_MS},"told_by":["event","callback"]}}]}}"#
    );
    let mut ledger: Ledger = serde_json::from_str(&stored).unwrap();
    let told = accept(&mut ledger, Source::MiniProgram, NOW_MS - 5);
    assert_eq!(told, Counted::Known);
    let recent: Vec<i64> = ledger.recent[0].told().map(|(at_ms, _)| at_ms).collect();
    assert_eq!(recent, [NOW_MS, NOW_MS, NOW_MS - 5]);
}

#[test]
fn a_reject_gives_nothing_that_was_not_left() {
    let mut ledger = with(2);
    reserve(&mut ledger, "m1").unwrap();
    ledger.use_up("m1", NOW_MS);
    reserve(&mut ledger, "m2").unwrap();
    ledger.reject(NOW_MS - 1);
    assert_eq!(numbers(&ledger), [2, 1, 1, 0]);
}

#[test]
fn messages_under_way_keep_what_is_set_aside_through_a_reject_and_a_set() {
    let mut ledger = with(3);
    reserve(&mut ledger, "m1").unwrap();
    ledger.reject(NOW_MS);
    assert_eq!(numbers(&ledger), [1, 1, 0, 0]);
    ledger.set(5, 0);
    assert_eq!(numbers(&ledger), [6, 1, 0, 5]);
    ledger.use_up("m1", NOW_MS);
    assert_eq!(numbers(&ledger), [6, 0, 1, 5]);
    ledger.set(0, 0);
    assert_eq!(numbers(&ledger), [1, 0, 1, 0]);
}

#[test]
fn what_was_reserved_a_day_ago_is_no_messages_any_more() {
    let mut ledger = with(1);
    reserve(&mut ledger, "m1").unwrap();
    ledger.tidy(NOW_MS + RESERVED_FOR_MS);
    assert_eq!(numbers(&ledger), [1, 1, 0, 0]);
    ledger.tidy(NOW_MS + RESERVED_FOR_MS + 1);
    assert_eq!(numbers(&ledger), [1, 0, 0, 1]);
    // Asked for again meanwhile, it is as new.
    let mut ledger = with(1);
    reserve(&mut ledger, "m1").unwrap();
    let later_ms = NOW_MS + 2 * HOUR_MS;
    ledger.reserve(&Arc::from("m1"), &SKIP, later_ms).unwrap();
    ledger.tidy(later_ms + RESERVED_FOR_MS);
    assert_eq!(numbers(&ledger), [1, 1, 0, 0]);
}

#[test]
fn an_accept_of_a_day_ago_is_counted_and_not_told_by_others_any_more() {
    let mut ledger = with(1);
    ledger.tidy(NOW_MS + RECENT_FOR_MS);
    assert_eq!(
        accept(&mut ledger, Source::Callback, NOW_MS),
        Counted::Known
    );
    ledger.tidy(NOW_MS + RECENT_FOR_MS + 1);
    assert_eq!(
        accept(&mut ledger, Source::MiniProgram, NOW_MS),
        Counted::New
    );
    assert_eq!(numbers(&ledger)[0], 2);
}

#[test]
fn a_ledger_is_the_same_after_a_store_has_kept_it() {
    let mut ledger = with(3);
    accept(&mut ledger, Source::MiniProgram, NOW_MS);
    reserve(&mut ledger, "m1").unwrap();
    ledger.use_up("m1", NOW_MS);
    reserve(&mut ledger, "m \"2\"").unwrap();
    let json = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&json).unwrap(), ledger);
    assert_eq!(
        serde_json::to_string(&with(1)).unwrap(),
        "{\"granted\":1,\"used\":0,\"recent\":[{\"at_ms\":1800000000000,\"told_by\":[\"event\"]}]}"
    );
}

/// One message is under way, and the user has allowed so many more.
fn under_way(left: u64) -> (Ledger, Arc<str>) {
    let message_id = Arc::from("m");
    let mut ledger = Ledger::default();
    ledger.set(left + 1, 0);
    ledger.reserve(&message_id, &SKIP, NOW_MS).unwrap();
    (ledger, message_id)
}

#[test]
fn what_was_set_aside_comes_back() {
    let (mut ledger, message_id) = under_way(1);
    ledger.give_back(&message_id);
    assert_eq!(ledger.balance().left, 2);
}

#[test]
fn what_was_taken_back_in_mid_flight_does_not_come_back() {
    let (mut ledger, message_id) = under_way(1);
    ledger.reject(NOW_MS + 1);
    assert_eq!(ledger.balance().left, 0);
    ledger.give_back(&message_id);
    assert_eq!(ledger.balance(), Balance::default());
}

#[test]
fn what_was_taken_back_in_mid_flight_can_be_used_once() {
    let (mut ledger, message_id) = under_way(1);
    ledger.reject(NOW_MS + 1);
    ledger.set(2, 0);
    ledger.use_up(&message_id, NOW_MS);
    assert_eq!((ledger.balance().used, ledger.balance().left), (1, 2));
}

#[test]
fn a_reject_that_is_told_late_leaves_what_was_set_aside_since() {
    let (mut ledger, message_id) = under_way(0);
    ledger.reject(NOW_MS - 1);
    ledger.give_back(&message_id);
    assert_eq!(ledger.balance().left, 1);
}

#[test]
fn what_was_reserved_for_a_message_that_is_gone_is_let_go() {
    let (mut ledger, _) = under_way(0);
    ledger.tidy(NOW_MS + RESERVED_FOR_MS + 1);
    assert_eq!((ledger.balance().reserved, ledger.balance().left), (0, 1));
}

#[test]
fn what_was_before_the_count_was_known_changes_nothing_whenever_it_is_told() {
    let mut ledger = with(1);
    reject(&mut ledger, NOW_MS - HOUR_MS);
    assert_eq!(numbers(&ledger), [1, 0, 0, 1], "it was accepted after that");
    let late = NOW_MS - 2 * HOUR_MS;
    assert_eq!(
        accept(&mut ledger, Source::MiniProgram, late),
        Counted::Known
    );
    assert_eq!(numbers(&ledger), [1, 0, 0, 1]);
    ledger.set(5, NOW_MS);
    reject(&mut ledger, NOW_MS - WHOLE_SECOND_MS);
    assert_eq!(numbers(&ledger), [5, 0, 0, 5]);
    assert_eq!(
        accept(&mut ledger, Source::Event, NOW_MS - HOUR_MS / 2),
        Counted::Known
    );
    // A callback that names the second in which the user accepted, right after the count was set.
    assert_eq!(
        accept(&mut ledger, Source::Callback, NOW_MS - 999),
        Counted::Known,
        "the event told of it"
    );
    assert_eq!(
        accept(&mut ledger, Source::Callback, NOW_MS - 998),
        Counted::New
    );
}

#[test]
fn a_clock_that_is_ahead_makes_no_accept_that_cannot_be_taken_back() {
    let mut ledger = Ledger::default();
    let ahead = NOW_MS + 8 * HOUR_MS;
    assert_eq!(accept(&mut ledger, Source::Event, ahead), Counted::New);
    assert_eq!(
        accept(&mut ledger, Source::Callback, NOW_MS - 1_000),
        Counted::Known
    );
    ledger.reject(NOW_MS);
    assert_eq!(numbers(&ledger), [0, 0, 0, 0]);
}
