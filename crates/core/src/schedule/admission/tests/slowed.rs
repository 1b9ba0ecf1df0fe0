//! What follows from a 45011: less through the API that was told off, and as much as before through the other.

use super::*;

#[test]
fn an_app_that_was_told_off_sends_less_for_ten_minutes() {
    let mut bench = bench(Some(rate(100.0, 50)), 10_000, &[("a", "shop", "")]);
    for _ in 0..300 {
        bench.add("a");
    }
    bench.admission.slow_down("shop", Api::Subscribe, at_ms(0));
    assert_eq!(bench.turns(1).len(), 1, "no burst either");
    let a_second_later: usize = (1..=1_000).map(|ms| bench.turns(1 + ms).len()).sum();
    assert_eq!(
        a_second_later, 40,
        "half of its limit, since it sent less than that, and a fifth off"
    );
    let forgiven = "it is forgiven: its burst, and one for what it may have been late";
    assert_eq!(bench.turns(601_000).len(), 51, "{forgiven}");
}

#[test]
fn what_was_sent_before_the_turn_of_the_minute_counts() {
    let mut bench = bench(None, 100_000, &[("a", "shop", "")]);
    // The minute turns at 60 s: the beginning of the tests is a whole minute.
    for _ in 0..1_200 {
        let message = bench.add("a");
        bench.grant(&message, 59_000);
    }
    assert_eq!(calls(&bench.departures(59_000)), 1_200);
    bench.turns(59_000);
    bench
        .admission
        .slow_down("shop", Api::Subscribe, at_ms(60_100));
    for _ in 0..100 {
        bench.add("a");
    }
    let in_a_second: usize = (1..=1_000).map(|ms| bench.turns(61_000 + ms).len()).sum();
    assert_eq!(in_a_second, 16, "20 a second, and a fifth off");
}

#[test]
fn an_api_that_was_told_off_leaves_the_other_alone() {
    let chats = [("c", "shop"), ("d", "shop")];
    let rules = testing::rules_and_customers(&[("a", "shop", "")], &chats);
    let mut bench = bench_of(None, 100_000, rules);
    let at_gate = bench.add("c");
    bench.turns(0);
    bench.admission.slow_down("shop", Api::Customer, at_ms(0));
    for _ in 0..200 {
        bench.add("a");
        bench.add("c");
        bench.add("d");
    }
    let turns = bench.turns(0);
    assert_eq!(turns.len(), 201, "all cards, and one of the others");
    let wake = bench.admission.wake_for_turn(at_ms(0));
    assert_eq!(wake, Some(Duration::from_secs(1)), "the slowest pace");
    // The rules that are slowed take turns, and those at the gate go no faster.
    let mut by_rule = BTreeMap::new();
    for second in 1..=10 {
        for turn in bench.turns(second * 1_000) {
            let Turn::Claim(ticket) = turn else {
                panic!("{turn:?}")
            };
            // Added in the order a, c, d after the first.
            *by_rule.entry((ticket.0 - 2) % 3).or_insert(0) += 1;
        }
    }
    assert_eq!(by_rule, BTreeMap::from([(1, 5), (2, 5)]));
    for _ in 0..3 {
        bench.grant(&at_gate, 10_000);
    }
    assert_eq!(calls(&bench.departures(10_000)), 1);
    let wake = bench.admission.wake_for_departure(at_ms(10_000));
    assert_eq!(wake, Some(Duration::from_secs(11)));
}

/// The answer to an earlier call comes when our partitions are gone; then they come back.
#[test]
fn an_app_that_is_told_off_while_it_has_no_share_goes_on_when_it_has_one() {
    let mut bench = bench(Some(rate(100.0, 50)), 10_000, &[("a", "shop", "")]);
    let partition = crate::model::Partition {
        topic: Arc::from("events"),
        number: 0,
    };
    let layout = crate::schedule::share::Layout::new([(Arc::from("events"), 1)]);
    for _ in 0..3 {
        bench.add("a");
    }
    bench.admission.change_share(&layout.share_of([]));
    bench.admission.slow_down("shop", Api::Subscribe, at_ms(0));
    bench.admission.change_share(&layout.share_of([&partition]));
    assert_eq!(bench.turns(1).len(), 1);
    let wake = bench.admission.wake_for_turn(at_ms(1));
    assert_eq!(wake, Some(Duration::from_millis(1_001)), "the slowest pace");
}
