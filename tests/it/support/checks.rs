//! What has to hold in every journey, told in terms of messages.

use std::collections::BTreeMap;

use serde_json::Value;
use wx_courier_sandbox::Handle;

use super::courier::Courier;
use super::events::{Event, mark_of};
use super::schema;
use super::topic::{Published, Reader};
use super::wait_until;
use super::world::World;

/// The sample rule with `in_doubt = "leave"`.
pub(crate) const LEAVING_RULE: &str = "shipment-arrived";

/// Waits for the outcomes of all events, ends the service, and holds what a run without a crash must hold: each message sent once, one
/// outcome each, everything committed. Gives the outcomes for what a journey looks at besides.
pub(crate) fn end_with_each_sent_once(
    world: &World,
    courier: Courier,
    outcomes: &mut Reader,
    events: &[Event],
) -> BTreeMap<String, Value> {
    outcomes.read_at_least(events.len());
    courier.end_cleanly();
    let found = distinct(outcomes.read_to_end());
    each_was_sent(&found, events);
    each_was_accepted_once(&world.wechat, events);
    everything_is_committed(world);
    found
}

/// Outcomes by their `id`, of which each may be there once.
pub(crate) fn distinct(outcomes: &[Published]) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for published in outcomes {
        let outcome = read(published);
        let id = text(&outcome, "id").to_owned();
        let earlier = found.insert(id, outcome);
        assert!(
            earlier.is_none(),
            "two outcomes of one message, the first is {earlier:#?}"
        );
    }
    found
}

/// So many of these outcomes have this status and reason.
pub(crate) fn has_ended<'a>(
    outcomes: impl IntoIterator<Item = &'a Value>,
    count: usize,
    (status, reason): (&str, &str),
) {
    let outcomes: Vec<&Value> = outcomes.into_iter().collect();
    let is_meant = |outcome: &&&Value| outcome["status"] == status && outcome["reason"] == reason;
    let found = outcomes.iter().filter(is_meant).count();
    assert_eq!(found, count, "{status}/{reason} in {outcomes:#?}");
}

/// The outcomes of this event's message.
pub(crate) fn of_message<'a>(
    outcomes: &'a BTreeMap<String, Value>,
    event: &Event,
) -> Vec<&'a Value> {
    let outcomes = outcomes.values();
    outcomes
        .filter(|outcome| outcome["message_id"] == event.message_id)
        .collect()
}

/// These outcomes are of so many records of one message: it was sent once, and the others name the one that was.
pub(crate) fn one_is_sent_and_the_others_repeat_it<'a>(
    outcomes: impl IntoIterator<Item = &'a Value>,
    n_records: usize,
) {
    let (sent, others): (Vec<&Value>, Vec<&Value>) = outcomes
        .into_iter()
        .partition(|outcome| outcome["status"] == "sent");
    assert_eq!(sent.len(), 1, "{sent:#?} {others:#?}");
    has_ended(
        others.iter().copied(),
        n_records - 1,
        ("skipped", "duplicate"),
    );
    assert_eq!(others.len(), n_records - 1, "{others:#?}");
    for other in others {
        assert_eq!(other["duplicate_of"], sent[0]["id"], "{other:#}");
    }
}

/// Outcomes by their `id`, where a crash may have repeated one: then the last word must be the first one.
pub(crate) fn distinct_after_a_crash(outcomes: &[Published]) -> BTreeMap<String, Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for published in outcomes {
        let outcome = read(published);
        let id = text(&outcome, "id").to_owned();
        if let Some(earlier) = found.get(&id) {
            assert_eq!(*earlier, outcome, "the outcome of {id} has changed");
        }
        found.insert(id, outcome);
    }
    found
}

/// An outcome, after a look at what every one of them has to keep: the schema, and the message id as the key.
pub(crate) fn read(published: &Published) -> Value {
    let outcome = published.json();
    schema::must_fit(&outcome);
    assert_eq!(published.key_text(), text(&outcome, "message_id"));
    outcome
}

/// Every event has one outcome, it says `sent`, and there is no other outcome.
pub(crate) fn each_was_sent(outcomes: &BTreeMap<String, Value>, events: &[Event]) {
    each_ended(outcomes, events, |_, status| status == "sent");
}

/// The same after a process has died: of what it was sending nothing is known, and the rule that leaves such messages says so.
pub(crate) fn each_was_sent_or_left(outcomes: &BTreeMap<String, Value>, events: &[Event]) {
    each_ended(outcomes, events, |event, status| {
        status == "sent" || (status == "unknown" && event.rule == LEAVING_RULE)
    });
}

/// The sandbox took no message twice that its rule leaves in doubt, and none at all more than twice. Gives how many it took twice.
pub(crate) fn accepted_twice(wechat: &Handle, events: &[Event]) -> usize {
    let accepted = accepted_by_mark(wechat);
    for event in events.iter().filter(|event| event.rule == LEAVING_RULE) {
        let times = accepted.get(&event.mark).copied().unwrap_or(0);
        assert!(times <= 1, "{} was taken {times} times", event.message_id);
    }
    let most = accepted.values().max().copied().unwrap_or(0);
    assert!(most <= 2, "a message was taken {most} times");
    accepted.values().filter(|times| **times == 2).count()
}

fn each_ended(
    outcomes: &BTreeMap<String, Value>,
    events: &[Event],
    is_right: impl Fn(&Event, &str) -> bool,
) {
    let mut by_message: BTreeMap<&str, &Value> = BTreeMap::new();
    for outcome in outcomes.values() {
        let earlier = by_message.insert(text(outcome, "message_id"), outcome);
        assert!(earlier.is_none(), "one message, two outcomes: {outcome:#}");
    }
    for event in events {
        let outcome = by_message.remove(event.message_id.as_str());
        let outcome = outcome.unwrap_or_else(|| panic!("{} has no outcome", event.message_id));
        assert!(is_right(event, text(outcome, "status")), "{outcome:#}");
    }
    assert!(
        by_message.is_empty(),
        "outcomes of nothing: {:?}",
        by_message.keys()
    );
}

/// The sandbox took each of these messages once, and no other.
pub(crate) fn each_was_accepted_once(wechat: &Handle, events: &[Event]) {
    let mut accepted = accepted_by_mark(wechat);
    for event in events {
        let times = accepted.remove(&event.mark).unwrap_or(0);
        assert_eq!(times, 1, "sends of {} that WeChat took", event.message_id);
    }
    assert!(
        accepted.is_empty(),
        "WeChat took what nobody published: {accepted:?}"
    );
}

/// How often the sandbox took each message.
pub(crate) fn accepted_by_mark(wechat: &Handle) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for accepted in wechat.accepted() {
        *times.entry(mark_of(&accepted).to_owned()).or_insert(0) += 1;
    }
    times
}

/// Waits until everything published is committed by a service that runs on: at its end it leaves what needed no send to the next run.
pub(crate) fn wait_until_everything_is_committed(world: &World) {
    wait_until("everything is committed", || {
        let committed = world.committed();
        let ends = world.ends().into_iter();
        ends.map(|(partition, end)| (committed[&partition].unwrap_or(0), end))
            .all(|(found, end)| found == end)
    });
}

/// Everything published is committed.
pub(crate) fn everything_is_committed(world: &World) {
    let committed = world.committed();
    for (partition, end) in world.ends() {
        // A partition that never had a record has nothing to commit.
        let found = committed[&partition].unwrap_or(0);
        assert_eq!(
            found, end,
            "committed of partition {partition}: {committed:?}"
        );
    }
}

/// A field that every outcome has.
pub(crate) fn text<'a>(outcome: &'a Value, field: &str) -> &'a str {
    let found = outcome[field].as_str();
    found.unwrap_or_else(|| panic!("no text in {field} of {outcome:#}"))
}
