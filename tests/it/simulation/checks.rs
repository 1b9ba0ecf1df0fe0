//! What must hold in every world.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use wx_courier_core::model::outcome::{Outcome, Reason, Status};
use wx_courier_core::model::{Partition, Record};

use super::denials::denies;
use super::ledgers;
use super::world::{APP_BURST, APP_RATE, SLOW_RATE, World};

/// Nothing is committed past a record that still owes an acknowledged outcome.
pub(super) fn committed_owes_nothing(
    world: &World,
    partition: &Partition,
    offsets: Range<i64>,
) -> Result<(), String> {
    let passed = world.log[partition]
        .iter()
        .filter(|record| offsets.contains(&record.offset));
    for record in passed {
        owes_nothing(world, record).map_err(|id| {
            format!(
                "{partition} is committed to {}, but {id} is owed",
                offsets.end
            )
        })?;
    }
    Ok(())
}

/// Whether there is nothing left to wait for.
pub(super) fn everything_is_committed(world: &World) -> bool {
    world.log.iter().all(|(partition, records)| {
        let end = records.last().map_or(0, |record| record.offset + 1);
        world.committed.get(partition).copied().unwrap_or(0) == end
    })
}

/// When everything has had its time.
pub(super) fn at_the_end(world: &mut World) -> Result<(), String> {
    every_record_has_ended(world)?;
    ledgers::are_right(world)?;
    world.users_are_forgotten()
}

fn every_record_has_ended(world: &World) -> Result<(), String> {
    for (partition, records) in &world.log {
        for record in records {
            owes_nothing(world, record).map_err(|id| format!("{id} never got its outcome"))?;
        }
        let end = records.last().map_or(0, |record| record.offset + 1);
        let committed = world.committed.get(partition).copied().unwrap_or(0);
        if committed != end {
            return Err(format!(
                "{partition} ends at {end}, but {committed} is committed"
            ));
        }
    }
    nothing_unexpected(world)?;
    nothing_is_published_that_is_not_known(world)?;
    limits_hold(world)?;
    every_second_delivery_was_in_doubt(world)?;
    one_record_has_the_message(world)?;
    nothing_delivered_is_denied(world)?;
    if world.is_gentle {
        each_outcome_came_once(world)?;
        every_doubt_has_a_reason(world)?;
    }
    Ok(())
}

/// A while after everything was committed: what members had in hand of partitions that they lost has ended as well.
pub(super) fn nobody_has_anything_in_hand(world: &World) -> Result<(), String> {
    for (number, member) in world.members.iter().enumerate() {
        let Some(engine) = &member.engine else {
            continue;
        };
        let status = engine.status();
        let n_in_hand =
            status.in_hand() + status.reading_again + status.set_aside.values().sum::<usize>();
        if n_in_hand > 0 || status.bytes_in_hand > 0 {
            return Err(format!("member {number} never ends this: {status:?}"));
        }
    }
    Ok(())
}

/// No outcome says that the user has nothing when the user has, or may have, the message.
fn nothing_delivered_is_denied(world: &World) -> Result<(), String> {
    for call in world.calls.iter().filter(|call| call.was_delivered) {
        let outcome = call.outcome_id.as_deref();
        let outcome = outcome.and_then(|id| world.acknowledged.get(id));
        if let Some(outcome) = outcome
            && denies(outcome.reason)
        {
            return Err(format!(
                "{} is {}, but was delivered at {} ms",
                outcome.id,
                outcome.status.as_str(),
                call.at_ms
            ));
        }
    }
    Ok(())
}

/// Where no process dies, only a call whose answer is in doubt makes a message so.
fn every_doubt_has_a_reason(world: &World) -> Result<(), String> {
    let doubtful: BTreeSet<&str> = world
        .calls
        .iter()
        .filter(|call| call.was_in_doubt)
        .filter_map(|call| call.outcome_id.as_deref())
        .collect();
    let unfounded = world
        .acknowledged
        .values()
        .find(|outcome| outcome.status == Status::Unknown && !doubtful.contains(&*outcome.id));
    unfounded.map_or(Ok(()), |outcome| {
        Err(format!(
            "{} is unknown, and everybody knows how its calls ended",
            outcome.id
        ))
    })
}

/// What is in a record, if it is an event.
fn event_in(record: &Record) -> Option<serde_json::Value> {
    serde_json::from_slice(record.value.as_deref()?).ok()
}

/// The ids of the outcomes that a record owes, from the world's own point of view.
fn owed(record: &Record, event: Option<&serde_json::Value>) -> Vec<String> {
    let position = record.position();
    if record.value.is_none() {
        return Vec::new();
    }
    let Some(event) = event else {
        return vec![position];
    };
    let rules: &[&str] = match event["type"].as_str() {
        Some("slow") => &["slow"],
        Some("quick") => &["quick"],
        Some("chat") => &["chat"],
        Some("both") => &["chat", "quick", "slow"],
        Some("code") => &["code"],
        Some("pass" | "answer") if event["pays"] == true => &["pass"],
        _ => &[],
    };
    let mut owed: Vec<String> = rules
        .iter()
        .map(|rule| format!("{position}/{rule}"))
        .collect();
    if event["answer"] == "perhaps" {
        owed.push(position);
    }
    owed
}

/// The ids that the outcomes of a record have where no other record lay in its place before.
pub(super) fn ordinary_ids(record: &Record) -> Vec<String> {
    owed(record, event_in(record).as_ref())
}

/// The same, wherever it lies.
fn owed_here(world: &World, record: &Record) -> Vec<String> {
    let ordinary = ordinary_ids(record).into_iter();
    ordinary.map(|id| world.own_id(record, id)).collect()
}

/// What the store has to know before the record may be committed.
fn tells_unnoted(world: &World, event: Option<&serde_json::Value>) -> Option<String> {
    let event = event?;
    let tells = event["type"] == "answer" && event["answer"] != "perhaps";
    let id = event["id"].as_str()?;
    (tells && !world.users.is_noted(id)).then(|| format!("the note of {id}"))
}

fn owes_nothing(world: &World, record: &Record) -> Result<(), String> {
    let partition = Partition {
        topic: Arc::clone(&record.topic),
        number: record.partition,
    };
    if world.is_gone(&partition, record.offset) {
        // If the process died before the outcome came, no other process can take the record over.
        return Ok(());
    }
    let event = event_in(record);
    let mut owed = owed_here(world, record).into_iter();
    match owed.find(|id| !world.acknowledged.contains_key(id)) {
        Some(id) => Err(id),
        None => tells_unnoted(world, event.as_ref()).map_or(Ok(()), Err),
    }
}

fn nothing_unexpected(world: &World) -> Result<(), String> {
    let records = world.log.values().flatten();
    let all: BTreeSet<String> = records
        .flat_map(|record| owed_here(world, record))
        .collect();
    let unexpected = world.acknowledged.keys().find(|id| !all.contains(*id));
    unexpected.map_or(Ok(()), |id| Err(format!("nobody is owed the outcome {id}")))
}

fn nothing_is_published_that_is_not_known(world: &World) -> Result<(), String> {
    let is_known = |(id, outcome): &(&String, &Arc<Outcome>)| {
        let settled = world.settled.get(*id);
        settled.is_some_and(|settled| settled.status == outcome.status)
    };
    let unknown = world.acknowledged.iter().find(|entry| !is_known(entry));
    unknown.map_or(Ok(()), |(id, _)| {
        Err(format!("{id} was published, and is not what the store has"))
    })
}

/// The limits are the fleet's. Where partitions were lost unnoticed, the process that lost them goes on as their owner until it hears of
/// it: there each process keeps the limits.
fn limits_hold(world: &World) -> Result<(), String> {
    let mut by_limit: BTreeMap<(u64, &str), Vec<u64>> = BTreeMap::new();
    for call in &world.calls {
        let whose = if world.is_gentle {
            0
        } else {
            call.holder.process
        };
        by_limit.entry((whose, "app")).or_default().push(call.at_ms);
        if call.rule.as_ref() == "slow" {
            let calls = by_limit.entry((whose, "slow")).or_default();
            calls.push(call.at_ms);
        }
    }
    for ((_, limit), times) in by_limit {
        let allowed = if limit == "slow" {
            SLOW_RATE + 1
        } else {
            APP_RATE + APP_BURST
        };
        for (index, first) in times.iter().enumerate() {
            let n_sends = times[index..]
                .iter()
                .take_while(|at| **at < first + 1_000)
                .count();
            if n_sends > allowed as usize {
                return Err(format!(
                    "{n_sends} sends under the limit {limit} within a second from {first} ms, {allowed} are allowed"
                ));
            }
        }
    }
    Ok(())
}

/// A message is delivered again only if no process could know that it had been: its call was not answered, or the process that made
/// the call ended before the store heard of it. And never, where the rule says that it is to be left.
fn every_second_delivery_was_in_doubt(world: &World) -> Result<(), String> {
    let mut last: BTreeMap<&str, &super::world::Call> = BTreeMap::new();
    for call in world.calls.iter().filter(|call| call.was_delivered) {
        if let Some(before) = last.insert(&call.message_id, call) {
            let was_in_doubt = before.was_in_doubt || world.taken_over.contains(&before.holder);
            if matches!(call.rule.as_ref(), "slow" | "code") || !was_in_doubt {
                return Err(format!(
                    "{} was delivered at {} ms by {} and at {} ms by {}",
                    call.message_id, before.at_ms, before.holder, call.at_ms, call.holder
                ));
            }
        }
    }
    Ok(())
}

/// Of several records that bring the same message, one has sent it, and the others say which. A record that is gone may have sent it, and
/// the store alone knows.
fn one_record_has_the_message(world: &World) -> Result<(), String> {
    let mut sender: BTreeMap<&str, &str> = BTreeMap::new();
    for outcome in world.settled.values() {
        if matches!(outcome.status, Status::Sent | Status::Unknown)
            && let Some(other) = sender.insert(&outcome.message_id, &outcome.id)
        {
            return Err(format!(
                "{} and {} have sent the same message",
                other, outcome.id
            ));
        }
    }
    for outcome in world.acknowledged.values() {
        if outcome.reason == Reason::Duplicate
            && outcome.duplicate_of.as_deref() != sender.get(outcome.message_id.as_str()).copied()
        {
            return Err(format!(
                "{} is a duplicate of {:?}, which has not sent the message",
                outcome.id, outcome.duplicate_of
            ));
        }
    }
    let mut delivered: BTreeSet<&str> = BTreeSet::new();
    for call in world.calls.iter().filter(|call| call.was_delivered) {
        delivered.insert(&call.message_id);
    }
    let not_sent = sender.iter().find(|(message_id, id)| {
        world.settled[**id].status == Status::Sent && !delivered.contains(*message_id)
    });
    not_sent.map_or(Ok(()), |(_, id)| {
        Err(format!("{id} says sent, and was not delivered"))
    })
}

/// Without crashes and lost partitions, what was sent is told once. Other outcomes may lie in the tail of a partition that is given back.
fn each_outcome_came_once(world: &World) -> Result<(), String> {
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    let sent = |outcome: &&Arc<Outcome>| outcome.status == Status::Sent;
    for outcome in world.outcomes.iter().filter(sent) {
        *outcomes.entry(&outcome.id).or_default() += 1;
    }
    let repeated = outcomes.iter().find(|(_, times)| **times > 1);
    repeated.map_or(Ok(()), |(id, times)| {
        Err(format!("the outcome {id} was published {times} times"))
    })
}
