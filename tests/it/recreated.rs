//! A source topic that is deleted and made anew while the store still remembers.

use std::collections::BTreeSet;

use crate::support::checks::{self, text};
use crate::support::events::{Event, order};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};

#[test]
fn events_in_the_places_of_others_are_sent_and_have_outcomes_of_their_own() {
    let plan = Plan {
        partitions: 1,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "recreated", plan);
    let mut outcomes = world.outcomes();
    let before: Vec<Event> = (1..=2).map(order).collect();
    let after: Vec<Event> = (11..=13).map(order).collect();

    let courier = world.courier();
    world.publish(&before);
    outcomes.read_distinct(2);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();

    world.make_source_anew();
    let courier = world.courier();
    world.publish(&after);
    outcomes.read_distinct(5);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();

    let found = checks::distinct(outcomes.read_to_end());
    let all: Vec<Event> = before.into_iter().chain(after).collect();
    checks::each_was_accepted_once(&world.wechat, &all);
    assert_eq!(found.len(), all.len());
    let mut places = BTreeSet::new();
    for event in &all {
        let outcome = found.values().find(|found| found["event_id"] == *event.id);
        let outcome = outcome.unwrap_or_else(|| panic!("{} has no outcome", event.id));
        assert_eq!(text(outcome, "status"), "sent");
        let (place, own) = match text(outcome, "id").split_once('~') {
            Some((place, _)) => (place, true),
            None => (text(outcome, "id"), false),
        };
        places.insert((place.to_owned(), own));
    }
    let of = |offset: usize, own| {
        (
            format!("{}/0/{offset}/order-completed", world.source()),
            own,
        )
    };
    let expected = [
        of(0, false),
        of(0, true),
        of(1, false),
        of(1, true),
        of(2, false),
    ];
    assert_eq!(places, BTreeSet::from(expected));
}
