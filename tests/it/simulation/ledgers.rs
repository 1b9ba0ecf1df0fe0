//! What must hold of users' grants when everything has ended.

use std::collections::BTreeMap;

use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::{Outcome, Reason, Status};
use wx_courier_core::state::counts_as_sent;

use super::setting::{self, NOTE_TEMPLATE, PASS_TEMPLATE};
use super::users::key;
use super::world::World;

pub(super) fn are_right(world: &mut World) -> Result<(), String> {
    malformed_answers_say_so(world)?;
    let used = used(world);
    let users = (0..3).map(|number| (setting::user(number), PASS_TEMPLATE));
    let others = (0..6).map(|number| (format!("o{number}"), NOTE_TEMPLATE));
    for (user, template_id) in users.chain(others) {
        let balance = world.balance(&key(&user, template_id));
        // What was set aside for a record that is gone comes back after a day.
        let n_left_behind = world.n_left_behind(&user, template_id);
        if balance.reserved != n_left_behind {
            return Err(format!(
                "everything has ended, and {user} has something set aside: {balance:?}; for records that are gone: {n_left_behind}"
            ));
        }
        let n_used = used.get(&(user.clone(), template_id)).copied().unwrap_or(0);
        if balance.used != n_used {
            return Err(format!(
                "{n_used} messages were sent to {user}, or may have been, and the ledger says {balance:?}"
            ));
        }
    }
    for number in 0..3 {
        world.ledger_is_right(&setting::user(number))?;
    }
    Ok(())
}

/// What was sent, or may have been, by user and template.
fn used(world: &World) -> BTreeMap<(String, &'static str), u64> {
    let mut used = BTreeMap::new();
    for (_, record) in world
        .log
        .iter()
        .flat_map(|(partition, records)| records.iter().map(move |record| (partition, record)))
    {
        let Some(to) = recipient(record) else {
            continue;
        };
        for (rule, template_id) in [
            ("slow", NOTE_TEMPLATE),
            ("quick", NOTE_TEMPLATE),
            ("pass", PASS_TEMPLATE),
        ] {
            // The process may have died before the outcome was published, and the record may be gone since.
            let id = world.own_id(record, record.outcome_id(rule));
            let outcome = world.settled.get(&id);
            if outcome.is_some_and(|outcome| counts_as_sent(outcome.status)) {
                *used.entry((to.clone(), template_id)).or_default() += 1;
            }
        }
    }
    used
}

fn recipient(record: &Record) -> Option<String> {
    let event: serde_json::Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
    event["to"].as_str().map(str::to_owned)
}

/// An outcome of a record as such, whose event can be read, is about the answer that it should have told.
fn malformed_answers_say_so(world: &World) -> Result<(), String> {
    let is_wrong = |outcome: &&std::sync::Arc<Outcome>| {
        let is_of_answer = outcome.rule.is_none() && outcome.event_id.is_some();
        let says_so = (outcome.status, outcome.reason) == (Status::Invalid, Reason::GrantMalformed);
        is_of_answer != says_so
    };
    let wrong = world.acknowledged.values().find(is_wrong);
    wrong.map_or(Ok(()), |outcome| {
        Err(format!("{} is {:?}", outcome.id, outcome.reason))
    })
}
