//! A small Kafka, a small store, a small WeChat and a few members of a group, all in simulated time, all from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use wx_courier_core::flow::attempt::SendAnswer;
use wx_courier_core::flow::{Engine, HandoverId, Input};
use wx_courier_core::grants::Report;
use wx_courier_core::holds::Holds;
use wx_courier_core::message::Api;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::model::{Epoch, Holder, Partition, Record, Ticket};
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::pauses::Subject;
use wx_courier_core::state::MemoryStore;
use wx_courier_core::wechat::logins::ExchangeAnswer;

use super::digest::{Digest, WorldDigest};
use super::holds::{Persons, Stopping};
use super::logins::Logins;
use super::mutant::Mutant;
use super::seen::Seen;
use super::setting::{Retention, Trade};
use super::standstill::{Clocks, Stopped};
use super::store::Questions;
use super::trace::Trace;
use super::users::{Act, Told, Users};
use super::{checks, setting};

/// Simulated milliseconds of trouble; afterwards everything works and everything must end.
pub(super) const TROUBLE_MS: u64 = 60_000;
/// By then everything must have ended.
pub(super) const END_MS: u64 = 3_000_000;
/// When everything is committed, processes that have lost a partition may still have something in hand; that must end, too.
const CODA_MS: u64 = 60_000;
/// Longer than an engine leaves another record's claim alone.
pub(super) const LONG_FREEZE_MS: u64 = 630_000;
/// The calendar's time at the beginning of every world.
pub(super) const BEGAN_UNIX_MS: i64 = 1_795_000_000_000;
pub(super) const APP_RATE: u32 = 40;
pub(super) const APP_BURST: u32 = 5;
pub(super) const SLOW_RATE: u32 = 4;
pub(super) const MAX_MESSAGES: usize = 40;

/// What is left of a world that held.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) trace_hash: Option<u64>,
    pub(crate) digest: Option<WorldDigest>,
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
    /// Records that were deleted.
    pub(super) gone: BTreeSet<(Partition, i64)>,
    pub(super) owners: BTreeMap<Partition, Owner>,
    /// Members that have lost a partition and do not know it yet.
    pub(super) unheard: BTreeSet<(usize, Partition)>,
    pub(super) members: Vec<Member>,
    /// Boxed, because entries are moved about all the time.
    pub(super) agenda: BTreeMap<(u64, u64), Box<Happening>>,
    pub(super) next_number: u64,
    /// Acknowledged outcomes, in order.
    pub(super) outcomes: Vec<Arc<Outcome>>,
    /// By id.
    pub(super) acknowledged: BTreeMap<String, Arc<Outcome>>,
    pub(super) calls: Vec<Call>,
    /// What is durable, whichever process lives.
    pub(super) store: MemoryStore,
    pub(super) store_is_down_until_ms: u64,
    /// Which holder the store has granted which message.
    pub(super) granted: BTreeMap<Holder, Arc<str>>,
    /// For which record that was.
    pub(super) claimed_for: BTreeMap<Holder, Arc<str>>,
    /// Claims that were in doubt, and that others went on with.
    pub(super) taken_over: BTreeSet<Holder>,
    /// By id, the outcomes that the store has.
    pub(super) settled: BTreeMap<String, Arc<Outcome>>,
    /// By id, those that it has from before the topic began anew.
    pub(super) former: BTreeMap<String, Arc<Outcome>>,
    pub(super) trade: Trade,
    pub(super) retention: Retention,
    /// Until when `WeChat` often says that an app sends too much.
    pub(super) is_busy_until_ms: u64,
    /// Whether `WeChat` says how much quota is left: of some accounts it never does, and not all of its refusals arrive.
    pub(super) tells_quota: bool,
    pub(super) users: Users,
    pub(super) logins: Logins,
    pub(super) persons: Persons,
    /// Until when every message of the rule `quick` is refused.
    pub(super) quick_is_bad_until_ms: u64,
    pub(super) mutant: Option<Mutant>,
    /// Worlds without crashes and lost partitions hold stronger invariants.
    pub(super) is_gentle: bool,
    pub(super) seen: Seen,
    pub(super) digest: Digest,
    trace: Trace,
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
    /// What it has heard of the store's holds.
    pub(super) heard_holds: Option<Arc<Holds>>,
    /// How many of its own the store has taken, and when it takes the last one.
    pub(super) n_kept: u64,
    pub(super) keeps_until_ms: u64,
    /// What it has paused until a person, or a change.
    pub(super) stopped: BTreeSet<Subject>,
    pub(super) reading: BTreeMap<Partition, Reading>,
    pub(super) handovers: BTreeMap<HandoverId, Vec<Partition>>,
    pub(super) is_paused: bool,
    /// When the last record is read that is to be read again.
    pub(super) read_again_ms: u64,
    pub(super) sending: BTreeSet<String>,
    pub(super) questions: Questions,
    pub(super) woken_at: Option<u64>,
    /// The process was stopped, and goes on at this time as if nothing had happened; 0 while it runs.
    pub(super) frozen_until_ms: u64,
    pub(super) clocks: Clocks,
    /// What it would have been told meanwhile.
    pub(super) unread: VecDeque<Input>,
}

impl Member {
    pub(super) fn new() -> Self {
        Self {
            engine: None,
            incarnation: 0,
            began_ms: 0,
            heard_holds: None,
            n_kept: 0,
            keeps_until_ms: 0,
            stopped: BTreeSet::new(),
            reading: BTreeMap::new(),
            handovers: BTreeMap::new(),
            is_paused: false,
            read_again_ms: 0,
            sending: BTreeSet::new(),
            questions: Questions::default(),
            woken_at: None,
            frozen_until_ms: 0,
            clocks: Clocks::default(),
            unread: VecDeque::new(),
        }
    }

    /// Until it has gone on it reads nothing, however late it is: what came before would be read afterwards.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen_until_ms > 0
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
    Answered(usize, u64, Ticket, SendAnswer, String),
    ReadAgain(usize, u64, Ticket, (Partition, i64)),
    Exchanged(usize, u64, Ticket, ExchangeAnswer),
    Published(usize, u64, Ticket, Option<Arc<Outcome>>),
    /// A user does something.
    Act(String, Act),
    /// Upstream publishes an event.
    Upstream(String),
    /// A source tells the store what a user answered, as a handler of HTTP does.
    Tell(Report),
    /// The store takes up what a member asked.
    Serve(usize, u64),
    /// What it said arrives.
    Served(usize, u64),
    StoreGoes,
    QuotaAnswered(usize, u64, (Arc<str>, Api), Option<i64>),
    RulesChange,
    /// One member reads the new rules.
    HearsOfRules(usize, u64),
    /// An operator lets every rule go on that a breaker has paused.
    Resume,
    /// Something about what is stopped until a person, or a change.
    Stopping(Stopping),
    /// The oldest records of some partition are deleted.
    Sweep,
    Crash(usize),
    Freeze(usize, Stopped),
    Thaw(usize, u64),
    /// A calendar that was behind is put right.
    CalendarBelieved(usize, u64),
    Restart(usize),
    Move,
    Lose,
    HearsOfLoss(usize, Partition),
    Drain(usize),
}

impl World {
    /// Plays a world to its end. The error says which invariant broke, and when.
    pub(crate) fn play(seed: u64) -> Result<Played, String> {
        Self::new(seed).end_of(seed)
    }

    /// The same, slower: the error also says what happened just before, in so many lines.
    pub(crate) fn play_traced(seed: u64, n_lines: usize) -> Result<Played, String> {
        let mut world = Self::new(seed);
        world.trace = Trace::keeping(n_lines);
        world.end_of(seed)
    }

    /// The same, with a digest of all that its engines wanted.
    pub(crate) fn play_digested(seed: u64) -> Result<Played, String> {
        let mut world = Self::new(seed);
        world.digest = Digest::taken();
        world.end_of(seed)
    }

    /// The same with engines that are broken in one way.
    pub(crate) fn play_broken(seed: u64, mutant: Mutant) -> Result<Played, String> {
        let mut world = Self::new(seed);
        world.mutant = Some(mutant);
        world.end_of(seed)
    }

    fn end_of(mut self, seed: u64) -> Result<Played, String> {
        self.set_up();
        let result = self.run().and_then(|()| checks::at_the_end(&mut self));
        match result {
            Ok(()) => Ok(Played {
                trace_hash: self.trace.hash(),
                digest: self.digest.finished(),
                seen: self.seen,
            }),
            Err(broken) => Err(format!(
                "seed {seed} at {} ms: {broken}\n{}",
                self.now_ms,
                self.trace.shown(&self.members)
            )),
        }
    }

    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let is_gentle = random.u8(..3) == 0;
        let told = if is_gentle && random.bool() {
            Told::Exactly
        } else {
            Told::Roughly
        };
        let trade = if random.u8(..12) == 0 {
            Trade::Logins
        } else {
            Trade::Mixed
        };
        let retention = match (is_gentle, random.u8(..6)) {
            (false, 0 | 1) => Retention::Short,
            _ => Retention::Long,
        };
        // Not drawn: worlds in which it does not matter stay as they were.
        let tells_quota = !seed.is_multiple_of(3);
        Self {
            is_gentle,
            random,
            now_ms: 0,
            rules: setting::rules(setting::Edition::First),
            log: BTreeMap::new(),
            committed: BTreeMap::new(),
            gone: BTreeSet::new(),
            owners: BTreeMap::new(),
            unheard: BTreeSet::new(),
            members: Vec::new(),
            agenda: BTreeMap::new(),
            next_number: 1,
            outcomes: Vec::new(),
            acknowledged: BTreeMap::new(),
            calls: Vec::new(),
            store: MemoryStore::new(100_000),
            store_is_down_until_ms: 0,
            granted: BTreeMap::new(),
            claimed_for: BTreeMap::new(),
            taken_over: BTreeSet::new(),
            settled: BTreeMap::new(),
            former: BTreeMap::new(),
            trade,
            retention,
            is_busy_until_ms: 0,
            tells_quota,
            users: Users::new(told),
            logins: Logins::default(),
            persons: Persons::new(seed),
            quick_is_bad_until_ms: 0,
            mutant: None,
            seen: Seen::default(),
            digest: Digest::Off,
            trace: Trace::Off,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let mut done_at = None;
        while let Some(((at, _), happening)) = self.agenda.pop_first() {
            if done_at.is_none() && at > TROUBLE_MS && self.has_nothing_to_wait_for() {
                done_at = Some(at);
            }
            if let Some(done_at) = done_at
                && at > done_at + CODA_MS
            {
                let ended = checks::nobody_has_anything_in_hand(self);
                if ended.is_ok() || at > done_at + CODA_MS + self.longest_wait_ms() {
                    return ended;
                }
            }
            if at > END_MS {
                return Ok(());
            }
            self.now_ms = at;
            self.happen(*happening)?;
        }
        Ok(())
    }

    /// What came too late may have to wait until another record's claim is given up.
    fn longest_wait_ms(&self) -> u64 {
        match self.retention {
            Retention::Long => 0,
            Retention::Short => 2 * LONG_FREEZE_MS,
        }
    }

    /// A process that is still stopped has something to say when it goes on.
    fn has_nothing_to_wait_for(&self) -> bool {
        checks::everything_is_committed(self) && !self.members.iter().any(Member::is_frozen)
    }

    pub(super) fn plan(&mut self, at_ms: u64, happening: Happening) {
        let number = self.number();
        self.agenda.insert((at_ms, number), Box::new(happening));
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

    /// For the trace; without one the line is not even made.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        self.trace.add(self.now_ms, line);
    }
}
