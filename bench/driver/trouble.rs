//! A limit, an API that is away, one that does not answer, and a crash.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use wx_courier_sandbox::{Answer, Fate, Latency as ApiLatency, Script};

use crate::event::{now_ms, number_in};
use crate::ground::Ground;
use crate::life::{Life, Start};
use crate::load::{Api, Intended, begin_live, finish, offer};
use crate::plan::{Plan, Quick};
use crate::report::{Crash, Limit, Measured, Recovery, Stall};
use crate::saturation::{BACKLOG, SLOW_MS};
use crate::system::System;

const SECOND: Duration = Duration::from_secs(1);

/// Before parts that ask for little speed.
const WARM_UP: Duration = Duration::from_secs(3);

/// The limit, and what is offered beside it.
const RATE: u32 = 500;
const OFFERED: u32 = 800;

/// Before the limit counts: connections, a token, and the burst that a limiter may have saved up.
const LIMIT_SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn limit(
    ground: &Ground,
    system: System,
    plan: &Plan,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    let start = Start {
        rate: Some(RATE),
        ..Start::of("limit")
    };
    let (mut life, next) = begin_live(ground, system, &start, (RATE / 2, WARM_UP))?;
    let settle = offer(&mut life, next, OFFERED, LIMIT_SETTLE)?;
    let from_ms = now_ms();
    offer(&mut life, settle.numbers.end, OFFERED, plan.load)?;
    let to_ms = now_ms();
    let sends = ground.wechat.accepted();
    let mut times: Vec<f64> = sends.iter().map(|send| send.at_ms as f64).collect();
    times.retain(|at_ms| *at_ms >= from_ms && *at_ms < to_ms);
    times.sort_by(f64::total_cmp);
    let mut first = 0;
    let most_in_a_second = (0..times.len())
        .map(|last| {
            while times[last] - times[first] >= 1_000.0 {
                first += 1;
            }
            last + 1 - first
        })
        .max();
    let allowed = f64::from(RATE) * (to_ms - from_ms) / 1_000.0;
    found.limit = Some(Limit {
        per_second: RATE,
        offered_per_second: OFFERED,
        seconds: plan.load.as_secs(),
        n_sends: times.len(),
        achieved_percent: 100.0 * times.len() as f64 / allowed,
        most_in_a_second: most_in_a_second.unwrap_or_default(),
    });
    // What is left of the queue is not this part's business, as long as nothing is lost.
    finish(&mut life, "limit", &mut found.problems);
    Ok(())
}

/// Events a second around the outage.
const CALM: u32 = 200;
/// Before the outage.
const BEFORE: Duration = Duration::from_secs(3);
/// How long a system is watched after the API's return.
const WATCHED_SECONDS: u32 = 90;
/// Latency that counts as normal again.
const NORMAL_MS: f64 = 500.0;

pub(crate) fn recovery(
    ground: &Ground,
    system: System,
    plan: &Plan,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    Api::Slow.set(&ground.wechat);
    let start = Start::of("recovery");
    let (mut life, next) = begin_live(ground, system, &start, (CALM, WARM_UP))?;
    let calm = offer(&mut life, next, CALM, BEFORE)?;
    ground.wechat.script(Script::every_send(Answer::Http {
        status: 502,
        body: "<html>502 Bad Gateway</html>".to_owned(),
        fate: Fate::Lost,
    }));
    let outage = offer(&mut life, calm.numbers.end, CALM, plan.outage)?;
    ground.wechat.clear_scripts();
    let back_ms = now_ms();
    let mut after: Vec<Intended> = Vec::new();
    let mut seconds = None;
    for _ in 0..WATCHED_SECONDS {
        let first = after.last().map_or(outage.numbers.end, |it| it.numbers.end);
        after.push(offer(&mut life, first, CALM, SECOND)?);
        seconds = normal_again(&life, &outage, &after).map(|at_ms| (at_ms - back_ms) / 1e3);
        if seconds.is_some() {
            break;
        }
    }
    let watched_seconds = (now_ms() - back_ms) / 1_000.0;
    let n_events = after.last().map_or(0, |it| it.numbers.end);
    life.wait(SECOND, |life| life.n_done() >= n_events)?;
    let ended = life.end();
    let mut problems: Vec<String> = ended.into_iter().chain(life.check()).collect();
    // These are figures here, not failures.
    problems.retain(|problem| !problem.contains("outcomes say") && !problem.contains("no outcome"));
    found.problems.extend(
        problems
            .iter()
            .map(|problem| format!("recovery: {problem}")),
    );
    let seen = life.outcomes.seen();
    found.recovery = Some(Recovery {
        outage_seconds: plan.outage.as_secs(),
        per_second: CALM,
        seconds,
        watched_seconds,
        n_without_outcome: n_events - seen.n_events.min(n_events),
        n_given_up: seen.others.values().sum(),
        n_sent_twice: sent_twice(ground),
    });
    Ok(())
}

/// When the events of the outage were done and later ones came in time, if a second's worth of those did.
fn normal_again(life: &Life<'_>, outage: &Intended, after: &[Intended]) -> Option<f64> {
    let seen = life.outcomes.seen();
    let outage = outage.numbers.clone().map(|n| seen.at_ms(n));
    let done_ms = outage
        .collect::<Option<Vec<f64>>>()?
        .into_iter()
        .fold(0.0, f64::max);
    let mut normal_since = None;
    let mut n_normal = 0;
    for intended in after {
        for n in intended.numbers.clone() {
            let at_ms = seen.at_ms(n).unwrap_or(f64::MAX);
            if at_ms - intended.at_ms(n) <= NORMAL_MS {
                normal_since.get_or_insert_with(|| intended.at_ms(n));
                n_normal += 1;
            } else if at_ms < f64::MAX || n_normal < CALM {
                (normal_since, n_normal) = (None, 0);
            }
        }
    }
    (n_normal >= CALM).then(|| normal_since.unwrap_or(0.0).max(done_ms))
}

/// Messages that the API took more than once.
fn sent_twice(ground: &Ground) -> usize {
    let mut sends: BTreeMap<usize, usize> = BTreeMap::new();
    for send in ground.wechat.accepted() {
        let n = number_in(&send.openid).unwrap_or_default();
        *sends.entry(n).or_default() += 1;
    }
    sends.values().filter(|count| **count > 1).count()
}

/// Longer than every system waits for an answer.
const STALLED_MS: u64 = 60_000;

pub(crate) fn stall(
    ground: &Ground,
    system: System,
    plan: &Plan,
    n_events: usize,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    ground.wechat.set_latency(ApiLatency::fixed(0));
    let start = Start {
        backlog: Some(BACKLOG),
        ..Start::of("stall")
    };
    let mut life = Life::begin(ground, system, &start);
    life.wake()?;
    ground.wechat.set_latency(ApiLatency::fixed(STALLED_MS));
    let sampler = life.sample_memory();
    for _ in 0..plan.stall.as_secs() {
        thread::sleep(SECOND);
        life.must_live()?;
    }
    found.stall = sampler.end().map(|resident| Stall {
        n_events,
        seconds: resident.by_second.len(),
        resident,
    });
    // Its calls are still under way, and what it would make of them is not measured here: it is killed.
    Ok(())
}

/// How long a system works before it is killed, and after it has come back.
fn stretch(plan: &Plan) -> Duration {
    match plan.quick {
        Quick::No => Duration::from_secs(5),
        Quick::Yes => SECOND,
    }
}

pub(crate) fn crash(
    ground: &Ground,
    system: System,
    plan: &Plan,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    ground.wechat.set_latency(ApiLatency::fixed(SLOW_MS));
    let start = Start {
        backlog: Some(BACKLOG),
        ..Start::of("crash")
    };
    let mut life = Life::begin(ground, system, &start);
    life.wake()?;
    thread::sleep(stretch(plan));
    life.crash()?;
    let n_at_crash = life.n_done();
    life.wake()?;
    thread::sleep(stretch(plan));
    let problem = life.end();
    let problems: Vec<String> = problem.into_iter().chain(life.check()).collect();
    let resumed = life.n_done() - n_at_crash;
    if resumed == 0 {
        let nothing = "crash: nothing went through after the new start";
        found.problems.push(nothing.to_owned());
    }
    let problems = problems.into_iter();
    // Repeated and missing outcomes are the figures of this part.
    let others = problems.filter(|it| !it.contains("came twice") && !it.contains("no outcome"));
    let others = others.map(|problem| format!("crash: {problem}"));
    found.problems.extend(others);
    let committed: Vec<usize> = life.committed().collect();
    let seen = life.outcomes.seen();
    let lost = committed.iter().filter(|n| seen.at_ms(**n).is_none());
    let stats = ground.wechat.stats();
    found.crash = Some(Crash {
        sends: usize::try_from(stats.accepted).unwrap_or(usize::MAX),
        sent_twice: sent_twice(ground),
        lost: lost.count(),
        resumed,
    });
    Ok(())
}
