//! An open loop: events are published at fixed times, whether the system keeps up or not, and latencies count from those times.

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use wx_courier_sandbox::{Handle, Latency as ApiLatency, LogNormal, Tail};

use crate::event::{large_order, now_ms, number_in, order_of_neighbour};
use crate::ground::{Cores, Ground};
use crate::life::{Life, Start};
use crate::meter::Meter;
use crate::plan::{Plan, Quick};
use crate::report::{Latency, Measured};
use crate::saturation::SLOW_MS;
use crate::system::{IN_FLIGHT, System};

/// How the API answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    AtOnce,
    Slow,
    /// As measured APIs do, and one answer in a hundred comes five seconds late.
    LogNormal,
}

impl Api {
    const ALL: [Self; 3] = [Self::AtOnce, Self::Slow, Self::LogNormal];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "0 ms",
            Self::Slow => "50 ms",
            Self::LogNormal => "lognormal",
        }
    }

    pub(crate) fn set(self, wechat: &Handle) {
        match self {
            Self::AtOnce => wechat.set_latency(ApiLatency::fixed(0)),
            Self::Slow => wechat.set_latency(ApiLatency::fixed(SLOW_MS)),
            Self::LogNormal => {
                let tail = Tail {
                    lognormal: Some(LogNormal {
                        median_ms: 40.0,
                        sigma: 0.6,
                    }),
                    slow_ratio: 0.01,
                    slow_ms: 5_000,
                };
                wechat.set_latency_with_tail(ApiLatency::default(), tail);
            }
        }
    }

    /// More than this cannot be under way at once for long, whatever the system. A log-normal answer takes 98 ms on average, and seven tenths
    /// of what that allows leave room for a run of slow ones.
    fn most_per_second(self) -> u32 {
        match self {
            Self::AtOnce | Self::Slow => u32::MAX,
            Self::LogNormal => IN_FLIGHT * 1_000 / 98 * 7 / 10,
        }
    }

    /// No answer takes longer.
    fn longest(self) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::Slow => Duration::from_millis(SLOW_MS),
            Self::LogNormal => Duration::from_secs(6),
        }
    }
}

/// A system that is this far behind its events at the end of a load did not keep up.
const BEHIND: Duration = Duration::from_secs(1);

/// How long what is left of a load may take.
const CLEAR: Duration = Duration::from_secs(30);

/// How many events there are for each large one.
const LARGE_EVERY: usize = 100;

/// When events should have been published.
pub(crate) struct Intended {
    pub(crate) numbers: Range<usize>,
    began_ms: f64,
    period_ms: f64,
}

impl Intended {
    pub(crate) fn at_ms(&self, n: usize) -> f64 {
        self.began_ms + self.period_ms * (n - self.numbers.start) as f64
    }
}

/// Publishes events at a rate for so long, beginning with this number.
pub(crate) fn offer(
    life: &mut Life<'_>,
    first: usize,
    per_second: u32,
    time: Duration,
) -> Result<Intended, String> {
    offer_beside(life, first, (per_second, Next::Nobody), time)
}

fn offer_beside(
    life: &mut Life<'_>,
    first: usize,
    (per_second, next_to): (u32, Next),
    time: Duration,
) -> Result<Intended, String> {
    let count = (time.as_secs_f64() * f64::from(per_second)).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "events of some seconds"
    )]
    let count = count as usize;
    let intended = Intended {
        numbers: first..first + count,
        began_ms: now_ms(),
        period_ms: 1_000.0 / f64::from(per_second),
    };
    for n in intended.numbers.clone() {
        let wait_ms = intended.at_ms(n) - now_ms();
        // A sleep takes a little longer than asked for; what became due meanwhile goes out together.
        if wait_ms > 0.0 {
            thread::sleep(Duration::from_secs_f64(wait_ms / 1_000.0));
            life.must_live()?;
        }
        life.ground.publish(&life.source, n);
        let beside = match next_to {
            Next::Neighbour => Some(order_of_neighbour(n)),
            Next::Large if n % LARGE_EVERY == 0 => Some(large_order(n)),
            Next::Nobody | Next::Large => None,
        };
        if let Some(event) = beside {
            life.ground.publish_this(&life.source, n, &event);
        }
    }
    life.ground.flush();
    Ok(intended)
}

/// A life with a topic of its own, awake and warm, and the number of its next event.
pub(crate) fn begin_live<'a>(
    ground: &'a Ground,
    system: System,
    start: &Start<'_>,
    warm_up: (u32, Duration),
) -> Result<(Life<'a>, usize), String> {
    let mut life = Life::begin(ground, system, start);
    let began = Instant::now();
    let mut next = 0;
    while life.n_done() == 0 {
        life.must_live()?;
        if began.elapsed() > Duration::from_mins(2) {
            return Err("it sent nothing within two minutes".to_owned());
        }
        ground.publish(&life.source, next);
        next += 1;
        thread::sleep(Duration::from_millis(100));
    }
    let (per_second, time) = warm_up;
    let warm = offer(&mut life, next, per_second, time)?;
    life.wait(CLEAR, |life| life.n_done() >= warm.numbers.end)?;
    Ok((life, warm.numbers.end))
}

/// All loads of a system, in one life.
pub(crate) fn measure(
    ground: &Ground,
    system: System,
    plan: &Plan,
    found: &mut Measured,
) -> Result<(), String> {
    let fast = found.saturation.as_ref().map(|it| it.per_second);
    let slow = found.slow.as_ref().map(|it| it.per_second);
    let Some((fast, slow)) = fast.zip(slow) else {
        return Err("latency needs saturation in the same run".to_owned());
    };
    ground.wechat.reset();
    Api::AtOnce.set(&ground.wechat);
    let start = Start::of("latency");
    let warm_up = (share_of(fast, 50), plan.warm_up(system));
    let (mut life, mut next) = begin_live(ground, system, &start, warm_up)?;
    'loads: for api in Api::ALL {
        for share_percent in [50, 80] {
            let saturation = if api == Api::AtOnce { fast } else { slow };
            let load = Load {
                api,
                share_percent,
                per_second: share_of(saturation, share_percent).min(api.most_per_second()),
                time: plan.load,
                next_to: Next::Nobody,
            };
            let latency = load.run(&mut life, plan, &mut next, &mut found.problems)?;
            found.latency.push(latency);
            let n_all = next;
            life.wait(CLEAR, |life| life.n_done() >= n_all)?;
            if life.n_done() < n_all {
                // What is left over would be a part of the next load.
                let (api, share) = (api.name(), share_percent);
                found.problems.push(format!(
                    "latency: no load was offered after {api}, {share} %, which was not over in time"
                ));
                break 'loads;
            }
            if plan.quick == Quick::Yes {
                break;
            }
        }
        if plan.quick == Quick::Yes {
            break;
        }
    }
    finish(&mut life, "latency", &mut found.problems);
    Ok(())
}

/// Ends a life and tells what was wrong with it.
pub(crate) fn finish(life: &mut Life<'_>, part: &str, problems: &mut Vec<String>) {
    let ended = life.end();
    let found = ended.into_iter().chain(life.check());
    problems.extend(found.map(|problem| format!("{part}: {problem}")));
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some thousands"
)]
fn share_of(per_second: f64, percent: u32) -> u32 {
    (per_second * f64::from(percent) / 100.0).max(1.0) as u32
}

/// 5,000 a second at 50 ms, on all processors.
pub(crate) fn measure_goal(
    ground: &Ground,
    system: System,
    plan: &Plan,
    found: &mut Measured,
) -> Result<(), String> {
    ground.wechat.reset();
    Api::Slow.set(&ground.wechat);
    let start = Start {
        cores: Cores::All,
        ..Start::of("goal")
    };
    let per_second = 5_000;
    let warm_up = (per_second, plan.warm_up(system));
    let (mut life, mut next) = begin_live(ground, system, &start, warm_up)?;
    let load = Load {
        api: Api::Slow,
        share_percent: 0,
        per_second,
        time: plan.load,
        next_to: Next::Nobody,
    };
    let goal = load.run(&mut life, plan, &mut next, &mut found.problems)?;
    found.goal = Some(goal);
    finish(&mut life, "goal", &mut found.problems);
    Ok(())
}

pub(crate) struct Load {
    pub(crate) api: Api,
    pub(crate) share_percent: u32,
    pub(crate) per_second: u32,
    pub(crate) time: Duration,
    pub(crate) next_to: Next,
}

/// What else is published.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    Nobody,
    /// As many events of another rule, one with each.
    Neighbour,
    /// A large event with each hundredth.
    Large,
}

impl Load {
    fn offer(&self, life: &mut Life<'_>, first: usize, time: Duration) -> Result<Intended, String> {
        offer_beside(life, first, (self.per_second, self.next_to), time)
    }

    pub(crate) fn run(
        &self,
        life: &mut Life<'_>,
        plan: &Plan,
        next: &mut usize,
        problems: &mut Vec<String>,
    ) -> Result<Latency, String> {
        let wechat = life.ground.wechat.clone();
        self.api.set(&wechat);
        let warm = self.offer(life, *next, plan.load_warm_up)?;
        let first_send = wechat.stats().accepted;
        let before = Meter::read(life);
        let intended = self.offer(life, warm.numbers.end, self.time)?;
        let after = Meter::read(life);
        *next = intended.numbers.end;
        let n_all = *next;
        let patience = CLEAR + self.api.longest();
        life.wait(patience, |life| life.n_done() >= n_all)?;
        let given_up_ms = now_ms();
        let held_ms = held_ms(&wechat, first_send, &intended);
        let seen = life.outcomes.seen();
        let mut late_ms = Vec::with_capacity(intended.numbers.len());
        let (mut n_missing, mut n_behind) = (0, 0);
        let end_ms = intended.at_ms(intended.numbers.end) + BEHIND.as_secs_f64() * 1e3;
        for n in intended.numbers.clone() {
            let Some(at_ms) = seen.at_ms(n) else {
                n_missing += 1;
                // It is at least so late.
                late_ms.push(given_up_ms - intended.at_ms(n));
                continue;
            };
            let own_ms = at_ms - held_ms.get(&n).copied().unwrap_or_default();
            n_behind += usize::from(own_ms > end_ms);
            late_ms.push((own_ms - intended.at_ms(n)).max(0.0));
        }
        late_ms.sort_by(f64::total_cmp);
        if n_missing > 0 {
            let (api, share) = (self.api.name(), self.share_percent);
            problems.push(format!(
                "latency, {api}, {share} %: {n_missing} events had no outcome after {patience:?}"
            ));
        }
        let percentile = |thousandths: usize| {
            let place = late_ms.len().saturating_sub(1) * thousandths / 1_000;
            late_ms.get(place).copied().unwrap_or_default()
        };
        let n_messages = intended.numbers.len();
        Ok(Latency {
            api: self.api.name().to_owned(),
            share_percent: self.share_percent,
            per_second: self.per_second,
            n_messages,
            p50_ms: percentile(500),
            p99_ms: percentile(990),
            p999_ms: percentile(999),
            max_ms: percentile(1_000),
            kept_up: n_missing == 0 && n_behind * 100 <= n_messages,
            cpu_us: before.cpu_us_to(&after, n_messages),
            bench_busy_percent: before.bench_percent_to(&after, life.ground.pinning),
        })
    }
}

/// How long the sandbox kept each answer back. A message that took several calls has the delay of the last.
fn held_ms(wechat: &Handle, first_send: u64, intended: &Intended) -> BTreeMap<usize, f64> {
    let sends = wechat.accepted_since(first_send, usize::MAX).into_iter();
    let held = sends.filter_map(|send| {
        let n = number_in(&send.openid).filter(|n| intended.numbers.contains(n))?;
        let answered_at_ms = send.answered_at_ms?;
        Some((n, answered_at_ms.saturating_sub(send.at_ms) as f64))
    });
    held.collect()
}
