//! A rule beside others: what large events cost it, and the queue of a rule that waits.

use std::fs;
use std::time::Duration;

use crate::event::{LARGE, NEIGHBOUR, order_of_neighbour};
use crate::ground::Ground;
use crate::life::{Life, Start};
use crate::load::{Api, Load, Next, begin_live};
use crate::plan::{Plan, Quick};
use crate::report::{Fairness, Measured};
use crate::system::System;

/// Events a second of each rule.
const PER_SECOND: u32 = 400;
/// Of the neighbour's events, 20,000.
const MIXED: Duration = Duration::from_secs(50);
const ALONE: Duration = Duration::from_secs(20);
/// How long the neighbour's rule may take to be read and to send for the first time.
const NEIGHBOUR_SENDS: Duration = Duration::from_secs(20);

pub(crate) fn measure(
    ground: &Ground,
    system: System,
    plan: &Plan,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    let start = Start::of("fairness");
    let warm_up = (PER_SECOND, plan.warm_up(system));
    let (mut life, mut next) = begin_live(ground, system, &start, warm_up)?;
    let (alone_time, mixed_time) = match plan.quick {
        Quick::No => (ALONE, MIXED),
        Quick::Yes => (plan.load, plan.load),
    };
    let mut run = |life: &mut Life<'_>, time, next_to| {
        let load = Load {
            api: Api::AtOnce,
            share_percent: 0,
            per_second: PER_SECOND,
            time,
            next_to,
        };
        load.run(life, plan, &mut next, &mut found.problems)
    };
    let alone = run(&mut life, alone_time, Next::Nobody)?;
    look_at_large(&mut life);
    let large = run(&mut life, alone_time, Next::Large)?;
    move_in(&mut life)?;
    let mixed = run(&mut life, mixed_time, Next::Neighbour)?;
    found.fairness = Some(Fairness {
        alone,
        large: Some(large),
        mixed,
    });
    // The neighbour's queue would take hours.
    Ok(())
}

/// Gives the system a rule that looks into every large event, and makes nothing of it.
fn look_at_large(life: &mut Life<'_>) {
    let rules = life.folder.join("rules");
    let rule = fs::read_to_string(rules.join("order-completed.toml")).expect("the bench wrote it");
    let rule = rule
        .replace("\"order.completed\"", &format!("\"{LARGE}\""))
        .replace("data.amount_fen > 0", "data.amount_fen < 0");
    fs::write(rules.join("large.toml"), rule).expect("a file can be written");
    life.read_rules_again();
}

/// Gives the system a second rule, of one message a second, and waits until that has sent something.
fn move_in(life: &mut Life<'_>) -> Result<(), String> {
    let rules = life.folder.join("rules");
    let rule = fs::read_to_string(rules.join("order-completed.toml")).expect("the bench wrote it");
    let rule = rule
        .replace("\"order.completed\"", &format!("\"{NEIGHBOUR}\""))
        .replace("\n[params]", "\nrate = { per_second = 1 }\n\n[params]");
    fs::write(rules.join("neighbour.toml"), rule).expect("a file can be written");
    life.read_rules_again();
    let began = life.outcomes.seen().n_strange;
    let source = life.source.clone();
    let is_there = life.wait(NEIGHBOUR_SENDS, |life| {
        life.ground.publish_this(&source, 0, &order_of_neighbour(0));
        life.outcomes.seen().n_strange > began
    })?;
    if is_there {
        Ok(())
    } else {
        Err(format!(
            "the second rule sent nothing within {NEIGHBOUR_SENDS:?}"
        ))
    }
}
