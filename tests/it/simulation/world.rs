//! A small Kafka, a small store, a small WeChat and a few members of a group, all in simulated time, all from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use wx_courier::pipeline::admission::Ticket;
use wx_courier::pipeline::claims::{Book, Holder};
use wx_courier::pipeline::delivery::Answer;
use wx_courier::pipeline::engine::{Engine, HandoverId, Input};
use wx_courier::pipeline::event::Record;
use wx_courier::pipeline::message::Api;
use wx_courier::pipeline::moment::Moment;
use wx_courier::pipeline::offsets::{Epoch, Partition};
use wx_courier::pipeline::outcome::Outcome;
use wx_courier::pipeline::rules::RuleSet;

use super::mutant::Mutant;
use super::store::Questions;
use super::{checks, setting};

/// Simulated milliseconds of trouble; afterwards everything works and everything must end.
pub(super) const TROUBLE_MS: u64 = 60_000;
/// By then everything must have ended.
pub(super) const END_MS: u64 = 2_000_000;
/// When everything is committed, those who have lost a partition may still have something in hand; that must end, too.
const CODA_MS: u64 = 60_000;
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
    pub(crate) store_outages: u64,
    pub(crate) claims_in_doubt: u64,
    pub(crate) duplicates: u64,
    pub(crate) unknown: u64,
    pub(crate) pauses_of_apps: u64,
    pub(crate) bursts: u64,
    pub(crate) rule_changes: u64,
    pub(crate) deaths_in_mid_step: u64,
    pub(crate) freezes: u64,
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
        self.store_outages += other.store_outages;
        self.claims_in_doubt += other.claims_in_doubt;
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        self.pauses_of_apps += other.pauses_of_apps;
        self.bursts += other.bursts;
        self.rule_changes += other.rule_changes;
        self.deaths_in_mid_step += other.deaths_in_mid_step;
        self.freezes += other.freezes;
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
    pub(super) holder: Holder,
    pub(super) rule: Arc<str>,
    pub(super) message_id: Arc<str>,
    /// Of the record whose claim it was.
    pub(super) outcome_id: Option<Arc<str>>,
    pub(super) was_delivered: bool,
    pub(super) was_in_doubt: bool,
}

/// The whole world.
pub(crate) struct World {
    pub(super) random: fastrand::Rng,
    pub(super) now_ms: u64,
    pub(super) rules: Arc<RuleSet>,
    pub(super) log: BTreeMap<Partition, Vec<Record>>,
    pub(super) committed: BTreeMap<Partition, i64>,
    pub(super) owners: BTreeMap<Partition, Owner>,
    /// Members that have lost a partition and do not know it yet.
    pub(super) unheard: BTreeSet<(usize, Partition)>,
    pub(super) members: Vec<Member>,
    pub(super) agenda: BTreeMap<(u64, u64), Happening>,
    pub(super) next_number: u64,
    /// Acknowledged outcomes, in order.
    pub(super) outcomes: Vec<Arc<Outcome>>,
    /// By id.
    pub(super) acknowledged: BTreeMap<String, Arc<Outcome>>,
    pub(super) calls: Vec<Call>,
    /// What is durable, whoever lives.
    pub(super) store: Book,
    pub(super) store_is_down_until_ms: u64,
    /// Whom the store has granted which message.
    pub(super) granted: BTreeMap<Holder, Arc<str>>,
    /// For which record that was.
    pub(super) claimed_for: BTreeMap<Holder, Arc<str>>,
    /// Claims that were in doubt, and that others went on with.
    pub(super) taken_over: BTreeSet<Holder>,
    /// Until when every message of the rule `quick` is refused.
    pub(super) quick_is_bad_until_ms: u64,
    pub(super) mutant: Option<Mutant>,
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
    pub(super) questions: Questions,
    pub(super) woken_at: Option<u64>,
    /// The process was stopped, and goes on at this time as if nothing had happened.
    pub(super) frozen_until_ms: u64,
    /// What it would have been told meanwhile.
    pub(super) unread: VecDeque<Input>,
}

impl Member {
    fn new() -> Self {
        Self {
            engine: None,
            incarnation: 0,
            began_ms: 0,
            reading: BTreeMap::new(),
            handovers: BTreeMap::new(),
            is_paused: false,
            sending: BTreeSet::new(),
            questions: Questions::default(),
            woken_at: None,
            frozen_until_ms: 0,
            unread: VecDeque::new(),
        }
    }
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
    /// The store takes up what a member asked.
    Serve(usize, u64),
    /// What it said arrives.
    Served(usize, u64),
    StoreGoes,
    QuotaAnswered(usize, u64, (Arc<str>, Api), Option<i64>),
    RulesChange,
    /// Somebody lets every rule go on that a breaker has paused.
    Resume,
    Crash(usize),
    Freeze(usize),
    Thaw(usize, u64),
    Restart(usize),
    Move,
    Lose,
    HearsOfLoss(usize, Partition),
    Drain(usize),
}

impl World {
    /// Plays a world to its end. The error says which invariant broke, when, and what happened just before.
    pub(crate) fn play(seed: u64) -> Result<Played, String> {
        Self::play_showing(seed, 80)
    }

    /// The same with engines that are broken in one way.
    pub(crate) fn play_broken(seed: u64, mutant: Mutant) -> Result<Played, String> {
        let mut world = Self::new(seed);
        world.mutant = Some(mutant);
        world.end_of(seed)
    }

    /// The same, with so many lines of what happened.
    pub(crate) fn play_showing(seed: u64, trace_lines: usize) -> Result<Played, String> {
        let mut world = Self::new(seed);
        world.trace_lines = trace_lines;
        world.end_of(seed)
    }

    fn end_of(mut self, seed: u64) -> Result<Played, String> {
        self.set_up();
        let result = self.run().and_then(|()| checks::at_the_end(&self));
        match result {
            Ok(()) => Ok(Played {
                trace_hash: self.trace_hash,
                seen: self.seen,
            }),
            Err(broken) => {
                let trace: Vec<_> = self.trace.iter().map(String::as_str).collect();
                Err(format!(
                    "seed {seed} at {} ms: {broken}\n{}",
                    self.now_ms,
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
            rules: setting::rules(1),
            log: BTreeMap::new(),
            committed: BTreeMap::new(),
            owners: BTreeMap::new(),
            unheard: BTreeSet::new(),
            members: Vec::new(),
            agenda: BTreeMap::new(),
            next_number: 1,
            outcomes: Vec::new(),
            acknowledged: BTreeMap::new(),
            calls: Vec::new(),
            store: Book::new(100_000),
            store_is_down_until_ms: 0,
            granted: BTreeMap::new(),
            claimed_for: BTreeMap::new(),
            taken_over: BTreeSet::new(),
            quick_is_bad_until_ms: 0,
            mutant: None,
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
            let mut records: Vec<Record> = Vec::new();
            for _ in 0..n_records {
                // Compaction and transaction markers leave gaps.
                offset += if self.random.u8(..10) == 0 { 3 } else { 1 };
                let mut record = setting::record(&mut self.random, &partition, offset);
                if self.random.u8(..6) == 0
                    && let Some(earlier) = self.some_record(&records)
                {
                    // Upstream publishes at least once.
                    record.value = earlier.value;
                }
                records.push(record);
            }
            self.log.insert(partition, records);
        }
        for member in 0..self.random.usize(1..=4) {
            self.members.push(Member::new());
            self.plan(0, Happening::Restart(member));
        }
        for _ in 0..self.random.usize(0..6) {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::Move);
        }
        for _ in 0..self.random.usize(0..3) {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::StoreGoes);
        }
        if self.random.u8(..4) == 0 {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::RulesChange);
        }
        if self.random.u8(..4) == 0 {
            self.quick_is_bad_until_ms = self.random.u64(1..TROUBLE_MS);
        }
        // A member that starts later may hear of a burst that was answered before.
        for at in [0, 10_000, 60_000] {
            self.plan(TROUBLE_MS + at, Happening::Resume);
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
        for _ in 0..n_crashes {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Freeze(member));
        }
        if self.random.bool() {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Drain(member));
        }
    }

    fn some_record(&mut self, here: &[Record]) -> Option<Record> {
        let all: Vec<&Record> = self.log.values().flatten().chain(here).collect();
        if all.is_empty() {
            return None;
        }
        Some(all[self.random.usize(..all.len())].clone())
    }

    fn some_member(&mut self) -> usize {
        self.random.usize(..self.members.len())
    }

    fn run(&mut self) -> Result<(), String> {
        let mut done_at = None;
        while let Some(((at, _), happening)) = self.agenda.pop_first() {
            if done_at.is_none() && at > TROUBLE_MS && checks::everything_is_committed(self) {
                done_at = Some(at);
            }
            if done_at.is_some_and(|done_at| at > done_at + CODA_MS) {
                return checks::nobody_has_anything_in_hand(self);
            }
            if at > END_MS {
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
    pub(super) fn mostly_soon(&mut self, usual_ms: u64, slow_ms: u64) -> u64 {
        let most_ms = if self.random.u8(..10) == 0 {
            slow_ms
        } else {
            usual_ms
        };
        self.soon(most_ms)
    }

    pub(super) fn is_broken(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(super) fn process_of(&self, member: usize) -> u64 {
        setting::process(member, self.members[member].incarnation)
    }

    fn rules_change(&mut self) -> Result<(), String> {
        self.seen.rule_changes += 1;
        self.rules = setting::rules(2);
        for member in 0..self.members.len() {
            self.step(member, Input::RulesChanged(Arc::clone(&self.rules)))?;
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), String> {
        for member in 0..self.members.len() {
            for rule in ["slow", "quick"] {
                self.step(member, Input::ResumeRule(Arc::from(rule)))?;
            }
        }
        Ok(())
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
            Happening::Serve(member, incarnation) => self.serve(member, incarnation)?,
            Happening::Served(member, incarnation) => return self.served(member, incarnation),
            Happening::StoreGoes => self.store_goes(),
            Happening::QuotaAnswered(member, incarnation, (app, api), left) => {
                if self.members[member].incarnation == incarnation {
                    return self.step(member, Input::QuotaAnswered { app, api, left });
                }
            }
            Happening::RulesChange => return self.rules_change(),
            Happening::Resume => return self.resume(),
            Happening::Crash(member) => self.crash(member),
            Happening::Freeze(member) => return self.freeze(member),
            Happening::Thaw(member, incarnation) => return self.thaw(member, incarnation),
            Happening::Restart(member) => return self.restart(member),
            Happening::Move => return self.move_partition(),
            Happening::Lose => return self.lose_partition(),
            Happening::HearsOfLoss(member, partition) => {
                return self.hear_of_loss(member, partition);
            }
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
        let at = self.soon(if self.now_ms < TROUBLE_MS { 400 } else { 100 });
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
            if self.is_broken(Mutant::LosesARecord) && self.random.u8(..20) == 0 {
                continue;
            }
            self.step(member, Input::Record { epoch, record })?;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, member: usize, input: Input) -> Result<(), String> {
        if self.now_ms < self.members[member].frozen_until_ms {
            self.members[member].unread.push_back(input);
            return Ok(());
        }
        let now = self.moment(member);
        let mut effects = Vec::new();
        let Some(engine) = self.members[member].engine.as_mut() else {
            return Ok(());
        };
        engine.step(now, input, &mut effects);
        let incarnation = self.members[member].incarnation;
        for effect in effects {
            let dies = !self.is_gentle && self.now_ms < TROUBLE_MS && self.random.u16(..3_000) == 0;
            if dies {
                self.seen.deaths_in_mid_step += 1;
                self.crash(member);
            }
            if self.members[member].incarnation != incarnation {
                // Whatever else it meant to do is not done.
                return Ok(());
            }
            self.carry_out(member, effect)?;
        }
        let Some(wake) = self.members[member]
            .engine
            .as_ref()
            .and_then(|engine| engine.wake_at(now))
        else {
            return Ok(());
        };
        if wake <= now.elapsed {
            return Err(format!(
                "member {member} wants to be woken at {wake:?}, which is over: it would never sleep"
            ));
        }
        let began_ms = self.members[member].began_ms;
        let wake_ms = began_ms + u64::try_from(wake.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let wake_ms = wake_ms.max(self.now_ms + 1);
        if self.members[member]
            .woken_at
            .is_none_or(|planned| wake_ms < planned)
        {
            self.members[member].woken_at = Some(wake_ms);
            if self.is_broken(Mutant::LosesATimer) && self.random.u8(..20) == 0 {
                return Ok(());
            }
            let incarnation = self.members[member].incarnation;
            self.plan(wake_ms, Happening::Wake(member, incarnation));
        }
        Ok(())
    }

    fn moment(&self, member: usize) -> Moment {
        let elapsed_ms = self.now_ms - self.members[member].began_ms;
        let pace = if self.is_broken(Mutant::CountsTooFast) {
            2
        } else {
            1
        };
        if self.is_broken(Mutant::StopsTheCalendar) {
            return Moment {
                elapsed: Duration::from_millis(elapsed_ms),
                unix_ms: BEGAN_UNIX_MS,
            };
        }
        Moment {
            elapsed: Duration::from_millis(elapsed_ms * pace),
            unix_ms: BEGAN_UNIX_MS + i64::try_from(self.now_ms).unwrap_or(i64::MAX),
        }
    }
}
