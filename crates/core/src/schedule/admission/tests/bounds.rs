//! Apps that come, and apps that may do more or less than before.

use super::*;

fn change(bench: &mut Bench, app: &str, rate: Option<Rate>, max_in_flight: usize) {
    let bounds = AppBounds {
        rate,
        max_in_flight,
    };
    bench.admission.change_apps([(Arc::from(app), bounds)]);
}

#[test]
fn another_rate_counts_at_once_for_what_waits() {
    let mut bench = bench(Some(rate(0.01, 1)), 100, &[("a", "shop", "")]);
    for _ in 0..5 {
        bench.add("a");
    }
    assert_eq!(bench.turns(0).len(), 1);
    assert_eq!(bench.turns(1_000).len(), 0);
    change(&mut bench, "shop", None, 100);
    assert_eq!(bench.turns(1_000).len(), 4);
}

#[test]
fn fewer_calls_at_once_wait_for_the_end_of_those_under_way() {
    let mut bench = bench(None, 3, &[("a", "shop", "")]);
    for _ in 0..6 {
        bench.add("a");
    }
    assert_eq!(bench.turns(0).len(), 3);
    change(&mut bench, "shop", None, 1);
    bench.admission.release_slot("shop");
    bench.admission.release_slot("shop");
    assert_eq!(bench.turns(0).len(), 0);
    bench.admission.release_slot("shop");
    assert_eq!(bench.turns(0).len(), 1);
    change(&mut bench, "shop", None, 2);
    assert_eq!(bench.turns(0).len(), 1);
}

/// The whole rate of a new app would be sent by each instance, if it did not know its share.
#[test]
fn an_app_that_comes_has_the_share_of_this_instance() {
    let mut bench = bench(None, 100, &[("a", "club", "")]);
    bench.admission.change_share(&Share::nothing());
    change(&mut bench, "club", Some(rate(1.0, 1)), 100);
    bench.add("a");
    assert_eq!(bench.turns(0).len(), 0);
    bench.admission.change_share(&Share::whole());
    assert_eq!(bench.turns(60_000).len(), 1);
    // An app that is not named keeps its bounds.
    change(&mut bench, "mall", None, 1);
    bench.add("a");
    assert_eq!(bench.turns(60_000).len(), 0);
}
