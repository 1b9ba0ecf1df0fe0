//! A small Kafka, a small WeChat and a few members of a group, all in simulated time, all from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use wx_courier::document::Problems;
use wx_courier::pipeline::admission::{AppBounds, Ticket};
use wx_courier::pipeline::catalog::Catalog;
use wx_courier::pipeline::delivery::{Answer, Class, Refusal, RetryPlan};
use wx_courier::pipeline::engine::{Effect, Engine, HandoverId, Input, Setup, Unmatched};
use wx_courier::pipeline::event::{Decoding, Record};
use wx_courier::pipeline::limits::Rate;
use wx_courier::pipeline::moment::Moment;
use wx_courier::pipeline::offsets::{Epoch, Partition};
use wx_courier::pipeline::outcome::{Outcome, RecipientStyle};
use wx_courier::pipeline::rules::{RuleSet, RuleSource, Surroundings};

use super::checks;

/// Simulated milliseconds of trouble; afterwards everything works and everything must end.
const TROUBLE_MS: u64 = 60_000;
/// By then everything must have ended.
const END_MS: u64 = 2_000_000;
/// The calendar's time at the beginning of every world.
const BEGAN_UNIX_MS: i64 = 1_795_000_000_000;
pub(super) const APP_RATE: u32 = 40;
pub(super) const APP_BURST: u32 = 5;
pub(super) const SLOW_RATE: u32 = 4;
pub(super) const MAX_MESSAGES: usize = 40;

const SLOW_RULE: &str = r#"
on = ["slow", "both"]
app = "shop"
template = "note"
to = "{{ data.to }}"
rate = { per_second = 4 }
in_doubt = "leave"
expires_after = "20s"
[params]
thing1 = "{{ data.text }}"
"#;
const QUICK_RULE: &str = r#"
on = ["quick", "both"]
app = "shop"
template = "note"
to = "{{ data.to }}"
expires_after = "1h"
[params]
thing1 = "{{ data.text }}"
"#;

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
    random: fastrand::Rng,
    now_ms: u64,
    rules: Arc<RuleSet>,
    pub(super) log: BTreeMap<Partition, Vec<Record>>,
    pub(super) committed: BTreeMap<Partition, i64>,
    owners: BTreeMap<Partition, Owner>,
    members: Vec<Member>,
    agenda: BTreeMap<(u64, u64), Happening>,
    next_number: u64,
    /// Acknowledged outcomes, in order.
    pub(super) outcomes: Vec<Arc<Outcome>>,
    pub(super) acknowledged: BTreeSet<String>,
    pub(super) calls: Vec<Call>,
    /// Worlds without crashes and lost partitions hold stronger invariants.
    pub(super) is_gentle: bool,
    pub(super) seen: Seen,
    trace: VecDeque<String>,
    trace_lines: usize,
    trace_hash: u64,
}

struct Owner {
    member: usize,
    epoch: Epoch,
}

struct Member {
    engine: Option<Engine>,
    /// Which life of the process; answers to an earlier one go nowhere.
    incarnation: u64,
    began_ms: u64,
    reading: BTreeMap<Partition, Reading>,
    handovers: BTreeMap<HandoverId, Vec<Partition>>,
    is_paused: bool,
    sending: BTreeSet<String>,
    woken_at: Option<u64>,
}

struct Reading {
    epoch: Epoch,
    next: usize,
    /// Between the request to give it back and the release nothing is read.
    is_revoked: bool,
}

enum Happening {
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
            rules: rules(),
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
                records.push(self.record(&partition, offset));
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

    fn record(&mut self, partition: &Partition, offset: i64) -> Record {
        let kind = ["slow", "quick", "quick", "quick", "both", "nobody"][self.random.usize(..6)];
        let to = format!("o{}", self.random.u8(..6));
        let text = if self.random.u8(..12) == 0 {
            ""
        } else {
            "好的"
        };
        let value = match self.random.u8(..15) {
            0 => None,
            1 => Some("not json".to_owned()),
            _ => Some(format!(
                r#"{{"type":"{kind}","to":"{to}","text":"{text}"}}"#
            )),
        };
        Record {
            topic: Arc::clone(&partition.topic),
            partition: partition.number,
            offset,
            key: None,
            headers: Vec::new(),
            value: value.map(String::into_bytes),
            timestamp_ms: Some(BEGAN_UNIX_MS),
        }
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

    fn plan(&mut self, at_ms: u64, happening: Happening) {
        let number = self.number();
        self.agenda.insert((at_ms, number), happening);
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn soon(&mut self, most_ms: u64) -> u64 {
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

    fn note(&mut self, line: String) {
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
                return self.published(member, incarnation, ticket, outcome);
            }
            Happening::Crash(member) => self.crash(member),
            Happening::Restart(member) => return self.restart(member),
            Happening::Move => return self.move_partition(),
            Happening::Lose => return self.lose_partition(),
            Happening::Drain(member) => {
                if self.members[member].engine.is_some() {
                    self.seen.drains += 1;
                    self.note(format!("member {member} is asked to end"));
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
            self.note(format!("member {member} reads {}", record.position()));
            self.step(member, Input::Record { epoch, record })?;
        }
        Ok(())
    }

    fn step(&mut self, member: usize, input: Input) -> Result<(), String> {
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
                self.note(format!("member {member} has drained, {unfinished} open"));
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
        self.note(format!(
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
        outcome: Option<Arc<Outcome>>,
    ) -> Result<(), String> {
        let is_alive = self.members[member].incarnation == incarnation;
        if let Some(outcome) = &outcome {
            // The broker has it, whether or not the one who sent it lives to hear so.
            self.note(format!(
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

    fn commit(&mut self, partition: &Partition, position: i64) -> Result<(), String> {
        let before = self.committed.get(partition).copied().unwrap_or(0);
        if position < before {
            return Err(format!(
                "{partition} would be committed back from {before} to {position}"
            ));
        }
        self.note(format!("commit {partition} {position}"));
        checks::committed_owes_nothing(self, partition, before..position)?;
        self.committed.insert(partition.clone(), position);
        Ok(())
    }

    fn crash(&mut self, member: usize) {
        if self.members[member].engine.is_none() {
            return;
        }
        self.seen.crashes += 1;
        self.note(format!("member {member} crashes"));
        self.end(member);
    }

    /// The process is gone; another one starts later. Its partitions have no owner until the group notices.
    fn end(&mut self, member: usize) {
        let gone = &mut self.members[member];
        gone.engine = None;
        gone.incarnation += 1;
        gone.reading.clear();
        gone.handovers.clear();
        gone.sending.clear();
        gone.is_paused = false;
        gone.woken_at = None;
        self.owners.retain(|_, owner| owner.member != member);
        let at = self.soon(5_000);
        self.plan(at, Happening::Restart(member));
    }

    fn restart(&mut self, member: usize) -> Result<(), String> {
        if self.members[member].engine.is_some() {
            return Ok(());
        }
        self.members[member].began_ms = self.now_ms;
        self.members[member].engine = Some(engine(&self.rules, self.random.u64(..)));
        self.note(format!("member {member} starts"));
        let at = self.soon(100);
        self.plan(at, Happening::Read(member));
        let unowned: Vec<Partition> = self
            .log
            .keys()
            .filter(|partition| !self.owners.contains_key(partition))
            .cloned()
            .collect();
        for partition in unowned {
            let is_being_revoked = self
                .members
                .iter()
                .any(|other| other.reading.contains_key(&partition));
            if !is_being_revoked {
                self.assign(member, partition)?;
            }
        }
        Ok(())
    }

    fn assign(&mut self, member: usize, partition: Partition) -> Result<(), String> {
        let epoch = Epoch(self.number());
        let committed = self.committed.get(&partition).copied().unwrap_or(0);
        let next = self.log[&partition]
            .iter()
            .take_while(|record| record.offset < committed)
            .count();
        self.note(format!("member {member} gets {partition} from {committed}"));
        self.owners
            .insert(partition.clone(), Owner { member, epoch });
        let reading = Reading {
            epoch,
            next,
            is_revoked: false,
        };
        self.members[member]
            .reading
            .insert(partition.clone(), reading);
        self.step(member, Input::Assigned(vec![(partition, epoch)]))
    }

    fn some_owned(&mut self) -> Option<(Partition, usize)> {
        let owned: Vec<_> = self
            .owners
            .iter()
            .map(|(partition, owner)| (partition.clone(), owner.member))
            .collect();
        if owned.is_empty() {
            return None;
        }
        Some(owned[self.random.usize(..owned.len())].clone())
    }

    fn some_alive(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.members.len())
            .filter(|member| self.members[*member].engine.is_some())
            .collect();
        if alive.is_empty() {
            return None;
        }
        Some(alive[self.random.usize(..alive.len())])
    }

    /// The group asks for a partition back; whoever is alive gets it after its release.
    fn move_partition(&mut self) -> Result<(), String> {
        let Some((partition, member)) = self.some_owned() else {
            return Ok(());
        };
        let Some(reading) = self.members[member].reading.get_mut(&partition) else {
            return Ok(());
        };
        if reading.is_revoked {
            return Ok(());
        }
        reading.is_revoked = true;
        self.seen.rebalances += 1;
        self.note(format!("{partition} is revoked from member {member}"));
        let handover = HandoverId(self.number());
        let patience = self.patience();
        let partitions = vec![partition];
        let handovers = &mut self.members[member].handovers;
        handovers.insert(handover, partitions.clone());
        self.step(
            member,
            Input::Revoked {
                handover,
                partitions,
                patience,
            },
        )
    }

    /// How long letting go may take. In a gentle world there is always time enough to finish.
    fn patience(&mut self) -> Duration {
        if self.is_gentle {
            return Duration::from_millis(END_MS);
        }
        Duration::from_millis(self.random.u64(1..5_000))
    }

    fn release(
        &mut self,
        member: usize,
        handover: HandoverId,
        positions: Vec<(Partition, i64)>,
    ) -> Result<(), String> {
        for (partition, position) in positions {
            if self
                .owners
                .get(&partition)
                .is_some_and(|owner| owner.member == member)
            {
                self.commit(&partition, position)?;
            }
        }
        let revoked = self.members[member].handovers.remove(&handover);
        for partition in revoked.unwrap_or_default() {
            // It may have been lost while it was being given back.
            if self.members[member].reading.remove(&partition).is_none() {
                continue;
            }
            self.owners.remove(&partition);
            if let Some(next) = self.some_alive() {
                self.assign(next, partition)?;
            }
        }
        Ok(())
    }

    /// The group has thrown a member out: its partition has a new owner before it knows.
    fn lose_partition(&mut self) -> Result<(), String> {
        let Some((partition, member)) = self.some_owned() else {
            return Ok(());
        };
        self.seen.lost += 1;
        self.note(format!("member {member} loses {partition}"));
        self.members[member].reading.remove(&partition);
        self.owners.remove(&partition);
        if let Some(next) = self.some_alive() {
            self.assign(next, partition.clone())?;
            if next == member {
                return Ok(());
            }
        }
        self.step(member, Input::Lost(vec![partition]))
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

fn engine(rules: &Arc<RuleSet>, seed: u64) -> Engine {
    let rate = |per_second: u32, burst| Rate {
        per_second: f64::from(per_second),
        burst: NonZeroU32::new(burst).unwrap(),
    };
    let bounds = AppBounds {
        rate: Some(rate(APP_RATE, APP_BURST)),
        max_in_flight: 8,
    };
    let setup = Setup {
        decoding: Decoding::default(),
        apps: BTreeMap::from([(Arc::from("shop"), bounds)]),
        retry: RetryPlan::default(),
        max_messages: MAX_MESSAGES,
        max_bytes: 1_000_000,
        recipient_style: RecipientStyle::Masked,
        unmatched: Unmatched::Count,
        seed,
    };
    Engine::new(setup, Arc::clone(rules))
}

fn rules() -> Arc<RuleSet> {
    let mut problems = Problems::default();
    let catalog =
        Catalog::read(&mut problems, "templates.toml", "[shop.note]\nid = \"T\"\n").unwrap();
    let source = |name: &str, text: &str| RuleSource {
        file: format!("{name}.toml"),
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let sources = [source("slow", SLOW_RULE), source("quick", QUICK_RULE)];
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        time_zone: jiff::tz::TimeZone::UTC,
    };
    let rules = RuleSet::compile(&mut problems, &sources, &around);
    Arc::new(rules.unwrap_or_else(|| panic!("{problems}")))
}
