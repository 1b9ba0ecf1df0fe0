//! A small Kafka, a small WeChat and a few members of a group, all in simulated time, all from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use wx_courier::pipeline::admission::Ticket;
use wx_courier::pipeline::delivery::{Answer, Class, Refusal};
use wx_courier::pipeline::engine::{Effect, Engine, HandoverId, Input};
use wx_courier::pipeline::event::Record;
use wx_courier::pipeline::moment::Moment;
use wx_courier::pipeline::offsets::{Epoch, Partition};
use wx_courier::pipeline::outcome::Outcome;
use wx_courier::pipeline::rules::RuleSet;

use super::checks;
use super::setting;

/// Simulated milliseconds of trouble; afterwards everything works and everything must end.
const TROUBLE_MS: u64 = 60_000;
/// By then everything must have ended.
pub(super) const END_MS: u64 = 2_000_000;
/// The calendar's time at the beginning of every world.
pub(super) const BEGAN_UNIX_MS: i64 = 1_795_000_000_000;
pub(super) const APP_RATE: u32 = 40;
pub(super) const APP_BURST: u32 = 5;
pub(super) const SLOW_RATE: u32 = 4;
pub(super) const MAX_MESSAGES: usize = 40;

/// What a world saw, to prove that it was rough.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sends: u64,
    pub(crate) retries: u64,
    pub(crate) in_doubt: u64,
    pub(crate) crashes: u64,
    pub(crate) rebalances: u64,
    pub(crate) lost: u64,
    pub(crate) publish_failures: u64,
    pub(crate) pauses: u64,
    pub(crate) expired: u64,
    pub(crate) drains: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.sends += other.sends;
        self.retries += other.retries;
        self.in_doubt += other.in_doubt;
        self.crashes += other.crashes;
        self.rebalances += other.rebalances;
        self.lost += other.lost;
        self.publish_failures += other.publish_failures;
        self.pauses += other.pauses;
        self.expired += other.expired;
        self.drains += other.drains;
    }
}

/// What is left of a world that held.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) trace_hash: u64,
    pub(crate) seen: Seen,
}

/// A call that `WeChat` got.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) at_ms: u64,
    member: usize,
    incarnation: u64,
    pub(super) rule: Arc<str>,
    pub(super) outcome_id: String,
    pub(super) was_delivered: bool,
    pub(super) was_in_doubt: bool,
}

impl Call {
    /// Which process made the call.
    pub(super) fn process(&self) -> (usize, u64) {
        (self.member, self.incarnation)
    }
}

/// The whole world.
pub(crate) struct World {
    pub(super) random: fastrand::Rng,
    pub(super) now_ms: u64,
    pub(super) rules: Arc<RuleSet>,
    pub(super) log: BTreeMap<Partition, Vec<Record>>,
    pub(super) committed: BTreeMap<Partition, i64>,
    pub(super) owners: BTreeMap<Partition, Owner>,
    pub(super) members: Vec<Member>,
    pub(super) agenda: BTreeMap<(u64, u64), Happening>,
    pub(super) next_number: u64,
    /// Acknowledged outcomes, in order.
    pub(super) outcomes: Vec<Arc<Outcome>>,
    pub(super) acknowledged: BTreeSet<String>,
    pub(super) calls: Vec<Call>,
    /// Worlds without crashes and lost partitions hold stronger invariants.
    pub(super) is_gentle: bool,
    pub(super) seen: Seen,
    pub(super) trace: VecDeque<String>,
    pub(super) trace_lines: usize,
    pub(super) trace_hash: u64,
}

pub(super) struct Owner {
    pub(super) member: usize,
    pub(super) epoch: Epoch,
}

pub(super) struct Member {
    pub(super) engine: Option<Engine>,
    /// Which life of the process; answers to an earlier one go nowhere.
    pub(super) incarnation: u64,
    pub(super) began_ms: u64,
    pub(super) reading: BTreeMap<Partition, Reading>,
    pub(super) handovers: BTreeMap<HandoverId, Vec<Partition>>,
    pub(super) is_paused: bool,
    pub(super) sending: BTreeSet<String>,
    pub(super) woken_at: Option<u64>,
}

pub(super) struct Reading {
    pub(super) epoch: Epoch,
    pub(super) next: usize,
    /// Between the request to give it back and the release nothing is read.
    pub(super) is_revoked: bool,
}

pub(super) enum Happening {
    Read(usize),
    Wake(usize, u64),
    Answered(usize, u64, Ticket, Answer, String),
    Published(usize, u64, Ticket, Option<Arc<Outcome>>),
    Crash(usize),
    Restart(usize),
    Move,
    Lose,
    Drain(usize),
}

impl World {
    /// Plays a world to its end. The error says which invariant broke, when, and what happened just before.
    pub(crate) fn play(seed: u64) -> Result<Played, String> {
        Self::play_showing(seed, 80)
    }

    /// The same, with so many lines of what happened.
    pub(crate) fn play_showing(seed: u64, trace_lines: usize) -> Result<Played, String> {
        let mut world = Self::new(seed);
        world.trace_lines = trace_lines;
        world.set_up();
        let result = world.run().and_then(|()| checks::at_the_end(&world));
        match result {
            Ok(()) => Ok(Played {
                trace_hash: world.trace_hash,
                seen: world.seen,
            }),
            Err(broken) => {
                let trace: Vec<_> = world.trace.iter().map(String::as_str).collect();
                Err(format!(
                    "seed {seed} at {} ms: {broken}\n{}",
                    world.now_ms,
                    trace.join("\n")
                ))
            }
        }
    }

    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let is_gentle = random.u8(..3) == 0;
        Self {
            is_gentle,
            random,
            now_ms: 0,
            rules: setting::rules(),
            log: BTreeMap::new(),
            committed: BTreeMap::new(),
            owners: BTreeMap::new(),
            members: Vec::new(),
            agenda: BTreeMap::new(),
            next_number: 1,
            outcomes: Vec::new(),
            acknowledged: BTreeSet::new(),
            calls: Vec::new(),
            seen: Seen::default(),
            trace: VecDeque::new(),
            trace_lines: 0,
            trace_hash: 0,
        }
    }

    fn set_up(&mut self) {
        for number in 0..self.random.i32(1..=4) {
            let partition = Partition {
                topic: Arc::from("events"),
                number,
            };
            let mut offset = 0;
            let n_records = self.random.usize(5..60);
            let mut records = Vec::new();
            for _ in 0..n_records {
                // Compaction and transaction markers leave gaps.
                offset += if self.random.u8(..10) == 0 { 3 } else { 1 };
                records.push(setting::record(&mut self.random, &partition, offset));
            }
            self.log.insert(partition, records);
        }
        for member in 0..self.random.usize(1..=3) {
            self.members.push(Member {
                engine: None,
                incarnation: 0,
                began_ms: 0,
                reading: BTreeMap::new(),
                handovers: BTreeMap::new(),
                is_paused: false,
                sending: BTreeSet::new(),
                woken_at: None,
            });
            self.plan(0, Happening::Restart(member));
        }
        for _ in 0..self.random.usize(0..6) {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::Move);
        }
        let n_crashes = if self.is_gentle {
            0
        } else {
            self.random.usize(0..4)
        };
        for _ in 0..n_crashes {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Crash(member));
            let lost_at = self.random.u64(1..TROUBLE_MS);
            self.plan(lost_at, Happening::Lose);
        }
        if self.random.bool() {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Drain(member));
        }
    }

    fn some_member(&mut self) -> usize {
        self.random.usize(..self.members.len())
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(((at, _), happening)) = self.agenda.pop_first() {
            let is_over = at > TROUBLE_MS && checks::everything_is_committed(self);
            if is_over || at > END_MS {
                return Ok(());
            }
            self.now_ms = at;
            self.happen(happening)?;
        }
        Ok(())
    }

    pub(super) fn plan(&mut self, at_ms: u64, happening: Happening) {
        let number = self.number();
        self.agenda.insert((at_ms, number), happening);
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn soon(&mut self, most_ms: u64) -> u64 {
        self.now_ms + self.random.u64(1..=most_ms)
    }

    /// Soon, but now and then much later: answers overtake each other.
    fn mostly_soon(&mut self, usual_ms: u64, slow_ms: u64) -> u64 {
        let most_ms = if self.random.u8(..10) == 0 {
            slow_ms
        } else {
            usual_ms
        };
        self.soon(most_ms)
    }

    pub(super) fn note(&mut self, line: &str) {
        for byte in line.bytes() {
            self.trace_hash = self
                .trace_hash
                .rotate_left(5)
                .wrapping_mul(0x0100_0000_01b3)
                ^ u64::from(byte);
        }
        if self.trace.len() >= self.trace_lines {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{:>8} {line}", self.now_ms));
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Read(member) => return self.read(member),
            Happening::Wake(member, incarnation) => {
                if self.members[member].incarnation == incarnation {
                    self.members[member].woken_at = None;
                    return self.step(member, Input::Tick);
                }
            }
            Happening::Answered(member, incarnation, ticket, answer, to) => {
                if self.members[member].incarnation == incarnation {
                    self.members[member].sending.remove(&to);
                    let input = Input::SendFinished {
                        ticket,
                        answer,
                        api_ms: 5,
                    };
                    return self.step(member, input);
                }
            }
            Happening::Published(member, incarnation, ticket, outcome) => {
                return self.published(member, incarnation, ticket, outcome.as_ref());
            }
            Happening::Crash(member) => self.crash(member),
            Happening::Restart(member) => return self.restart(member),
            Happening::Move => return self.move_partition(),
            Happening::Lose => return self.lose_partition(),
            Happening::Drain(member) => {
                if self.members[member].engine.is_some() {
                    self.seen.drains += 1;
                    self.note(&format!("member {member} is asked to end"));
                    let patience = self.patience();
                    return self.step(member, Input::Drain { patience });
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, member: usize) -> Result<(), String> {
        if self.members[member].engine.is_none() {
            return Ok(());
        }
        let at = self.soon(if self.now_ms < TROUBLE_MS { 400 } else { 50 });
        self.plan(at, Happening::Read(member));
        if self.members[member].is_paused {
            return Ok(());
        }
        let readable: Vec<Partition> = self.members[member]
            .reading
            .iter()
            .filter(|(partition, reading)| {
                !reading.is_revoked && reading.next < self.log[*partition].len()
            })
            .map(|(partition, _)| partition.clone())
            .collect();
        if readable.is_empty() {
            return Ok(());
        }
        for _ in 0..self.random.usize(1..=8) {
            let partition = &readable[self.random.usize(..readable.len())];
            let Some(reading) = self.members[member].reading.get_mut(partition) else {
                break;
            };
            let Some(record) = self.log[partition].get(reading.next).cloned() else {
                continue;
            };
            reading.next += 1;
            if self.random.u8(..25) == 0 {
                // A partition that was resumed can deliver again what was read before.
                reading.next = reading.next.saturating_sub(self.random.usize(1..4));
            }
            let epoch = reading.epoch;
            self.note(&format!("member {member} reads {}", record.position()));
            self.step(member, Input::Record { epoch, record })?;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, member: usize, input: Input) -> Result<(), String> {
        let now = self.moment(member);
        let mut effects = Vec::new();
        let Some(engine) = self.members[member].engine.as_mut() else {
            return Ok(());
        };
        engine.step(now, input, &mut effects);
        for effect in effects {
            self.carry_out(member, effect)?;
        }
        let Some(wake) = self.members[member]
            .engine
            .as_ref()
            .and_then(|engine| engine.wake_at(now))
        else {
            return Ok(());
        };
        let began_ms = self.members[member].began_ms;
        let wake_ms = began_ms + u64::try_from(wake.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let wake_ms = wake_ms.max(self.now_ms + 1);
        if self.members[member]
            .woken_at
            .is_none_or(|planned| wake_ms < planned)
        {
            self.members[member].woken_at = Some(wake_ms);
            let incarnation = self.members[member].incarnation;
            self.plan(wake_ms, Happening::Wake(member, incarnation));
        }
        Ok(())
    }

    fn moment(&self, member: usize) -> Moment {
        Moment {
            elapsed: Duration::from_millis(self.now_ms - self.members[member].began_ms),
            unix_ms: BEGAN_UNIX_MS + i64::try_from(self.now_ms).unwrap_or(i64::MAX),
        }
    }

    fn carry_out(&mut self, member: usize, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Send { ticket, cleared } => {
                let message = cleared.message();
                let to = message.recipient.clone();
                if !self.members[member].sending.insert(to.clone()) {
                    return Err(format!("two messages to {to} are in flight at once"));
                }
                self.call(
                    member,
                    ticket,
                    to,
                    &cleared.rule().name.clone(),
                    &message.message_id.clone(),
                );
            }
            Effect::Publish {
                ticket,
                outcome,
                dead_letter,
            } => {
                if dead_letter.is_some() != outcome.wants_dead_letter() {
                    return Err(format!("{} has the wrong dead letter", outcome.id));
                }
                let fails = self.now_ms < TROUBLE_MS && self.random.u8(..20) == 0;
                let at = self.mostly_soon(30, 3_000);
                let outcome = (!fails).then_some(outcome);
                let incarnation = self.members[member].incarnation;
                self.plan(
                    at,
                    Happening::Published(member, incarnation, ticket, outcome),
                );
            }
            Effect::Settled { .. } => {}
            Effect::Commit {
                partition,
                epoch,
                position,
            } => {
                let owner = self.owners.get(&partition);
                if owner.is_some_and(|owner| owner.member == member && owner.epoch == epoch) {
                    self.commit(&partition, position)?;
                }
            }
            Effect::Pause => {
                self.seen.pauses += 1;
                self.members[member].is_paused = true;
            }
            Effect::Resume => self.members[member].is_paused = false,
            Effect::Release {
                handover,
                positions,
            } => self.release(member, handover, positions)?,
            Effect::Drained { unfinished } => {
                self.note(&format!("member {member} has drained, {unfinished} open"));
                if self.is_gentle && unfinished > 0 {
                    return Err(format!("a patient drain left {unfinished} messages open"));
                }
                self.end(member);
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        member: usize,
        ticket: Ticket,
        to: String,
        rule: &Arc<str>,
        message_id: &str,
    ) {
        self.seen.sends += 1;
        let is_trouble = self.now_ms < TROUBLE_MS;
        let (answer, was_delivered) = match self.random.u8(..if is_trouble { 40 } else { 1 }) {
            1 => (refused(-1, Class::Busy), false),
            2 => (refused(42001, Class::Token), false),
            3 => (refused(43101, Class::NotSubscribed), false),
            4 => (refused(47003, Class::BadParam), false),
            5 => (
                Answer::Unreachable {
                    detail: "down".to_owned(),
                },
                false,
            ),
            6 => (
                Answer::Garbled {
                    detail: "HTTP 502".to_owned(),
                },
                false,
            ),
            7 => (
                Answer::InDoubt {
                    detail: "timeout".to_owned(),
                },
                self.random.bool(),
            ),
            _ => (Answer::Accepted { msgid: None }, true),
        };
        let was_in_doubt = matches!(answer, Answer::InDoubt { .. });
        self.seen.in_doubt += u64::from(was_in_doubt);
        // The event's id is the record's position, so the message id names record and rule.
        let position = message_id.rsplit('|').next().unwrap_or_default();
        let incarnation = self.members[member].incarnation;
        self.calls.push(Call {
            at_ms: self.now_ms,
            member,
            incarnation,
            rule: Arc::clone(rule),
            outcome_id: format!("{position}/{rule}"),
            was_delivered,
            was_in_doubt,
        });
        self.note(&format!(
            "member {member} sends {message_id} to {to}: {answer:?}"
        ));
        let at = self.mostly_soon(80, 5_000);
        self.plan(
            at,
            Happening::Answered(member, incarnation, ticket, answer, to),
        );
    }

    fn published(
        &mut self,
        member: usize,
        incarnation: u64,
        ticket: Ticket,
        outcome: Option<&Arc<Outcome>>,
    ) -> Result<(), String> {
        let is_alive = self.members[member].incarnation == incarnation;
        if let Some(outcome) = outcome {
            // The broker has it, whether or not the one who sent it lives to hear so.
            self.note(&format!(
                "outcome {} {}",
                outcome.id,
                outcome.status.as_str()
            ));
            self.seen.expired += u64::from(outcome.status.as_str() == "expired");
            self.seen.retries += u64::from(outcome.attempts > 1);
            self.acknowledged.insert(outcome.id.clone());
            self.outcomes.push(Arc::clone(outcome));
        }
        if !is_alive {
            return Ok(());
        }
        if outcome.is_some() {
            return self.step(member, Input::Published { ticket });
        }
        self.seen.publish_failures += 1;
        self.step(member, Input::PublishFailed { ticket })
    }
}

fn refused(errcode: i64, class: Class) -> Answer {
    Answer::Refused(Refusal {
        errcode,
        errmsg: String::new(),
        rid: None,
        param: None,
        class,
    })
}
