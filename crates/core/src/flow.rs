//! One input in, effects out: the whole service as a value.
//!
//! The engine owns every message between the moment its record was read and the moment the broker acknowledged its outcome. It has no
//! clock, no IO and no randomness of its own, so a crash, a rebalance in the middle of a send or a storm of refused tokens can be
//! played from a seed. `service` carries the effects out and brings the answers back.
//!
//! A message goes through stages: it waits for its turn, asks the store for its claim, stands at the gate until the limits let it go, is
//! sent, and when it has ended the store is told before the outcome is published. After every input the same upkeep runs: whoever has a
//! turn gets it, positions that moved are reported, reading is paused or resumed, and hand-overs that are finished are answered.

mod addressing;
mod ages;
mod claiming;
pub mod delivery;
mod doubt;
mod duty;
mod exchanges;
mod granting;
mod handover;
mod intake;
pub mod offsets;
mod pausing;
mod port;
mod publishing;
mod report;
mod settle;
mod sharing;
mod status;
mod unreadable;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use handover::HandoverId;
pub use port::{Effect, Input, Setup, Unmatched};
pub use publishing::Unpublished;
pub use status::{PartitionStatus, PauseStatus, ShareStatus, Status};

use crate::flow::offsets::Ledger;
use crate::model::{Holder, Moment, Partition, Ticket};
use crate::rules::RuleSet;
use crate::schedule::admission::{Admission, Waiting};
use crate::schedule::pauses::{Breakers, Outages, Pauses};
use crate::schedule::share::Share;
use ages::Ages;
use duty::{Delivery, Duty, Origin, Rejoins, Stage, expires_at_ms};
use exchanges::Exchanges;
use handover::Handover;
use sharing::Sharing;
use window::{Shares, Window};

/// The engine.
pub struct Engine {
    setup: Setup,
    rules: Arc<RuleSet>,
    ledgers: BTreeMap<Partition, Ledger>,
    duties: BTreeMap<Ticket, Duty>,
    shares: Shares,
    admission: Admission,
    pauses: Pauses,
    breakers: Breakers,
    outages: Outages,
    ages: Ages,
    store: Store,
    /// Since when the store has answered.
    has_store_since: Duration,
    timers: BTreeSet<(Duration, Ticket)>,
    exchanges: Exchanges,
    handovers: BTreeMap<HandoverId, Handover>,
    sharing: Sharing,
    draining: Option<Handover>,
    /// When moved positions are reported next; `None` while none has moved.
    commit_at: Option<Duration>,
    paused: bool,
    bytes: usize,
    next_ticket: u64,
    jitter: fastrand::Rng,
    totals: status::Totals,
}

/// Positions are reported together, this long after the first one moved: a commit per record would cost more than it saves.
const COMMIT_EVERY: Duration = Duration::from_millis(100);

/// Records that have ended behind one that has not are kept track of until it has: one message that waits for hours must not grow the
/// ledger without end. An entry takes some 24 bytes, and a message that is set aside 16.
const OPEN_RECORDS_A_MESSAGE: usize = 20;

/// What is known of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Up,
    Down,
}

impl Engine {
    /// An engine with nothing in hand.
    pub fn new(setup: Setup, rules: Arc<RuleSet>) -> Self {
        let apps = setup
            .apps
            .iter()
            .map(|(name, bounds)| (Arc::clone(name), *bounds));
        let mut admission = Admission::new(apps);
        admission.change_share(&Share::nothing());
        Self {
            admission,
            pauses: Pauses::default(),
            breakers: Breakers::new(setup.breaker),
            outages: Outages::default(),
            ages: Ages::default(),
            store: Store::Up,
            has_store_since: Duration::ZERO,
            jitter: fastrand::Rng::with_seed(setup.seed),
            setup,
            rules,
            ledgers: BTreeMap::new(),
            duties: BTreeMap::new(),
            shares: Shares::default(),
            timers: BTreeSet::new(),
            exchanges: Exchanges::default(),
            handovers: BTreeMap::new(),
            sharing: Sharing::new(),
            draining: None,
            commit_at: None,
            paused: false,
            bytes: 0,
            next_ticket: 0,
            totals: status::Totals::default(),
        }
    }

    /// Takes one input in and adds what is to be done to `effects`.
    pub fn step(&mut self, now: Moment, input: Input, effects: &mut Vec<Effect>) {
        self.round(now, [input], effects);
    }

    /// Takes what came in together, in its order, and looks once at what follows from it all: that look costs more than most inputs.
    pub fn round(
        &mut self,
        now: Moment,
        inputs: impl IntoIterator<Item = Input>,
        effects: &mut Vec<Effect>,
    ) {
        for input in inputs {
            self.hear(now, input, effects);
        }
        self.upkeep(now, effects);
    }

    fn hear(&mut self, now: Moment, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Record { epoch, record } => self.take_record(now, epoch, record, effects),
            Input::ReadAgain { ticket, record } => self.read_again(now, ticket, record, effects),
            Input::TopicsCounted(layout) => self.sharing.topics_counted(layout),
            Input::Assigned(partitions) => self.assigned(now, partitions),
            Input::Revoked {
                handover,
                partitions,
                patience,
            } => self.revoked(now, handover, partitions, patience),
            Input::Lost(partitions) => self.lost(&partitions),
            Input::Stored { ticket, answer } => self.stored(now, ticket, &answer, effects),
            Input::StoreDown => self.store = Store::Down,
            Input::StoreBack => self.store_is_back(now),
            Input::SendFinished {
                ticket,
                answer,
                api_ms,
            } => self.send_finished(now, ticket, &answer, api_ms, effects),
            Input::Exchanged { ticket, answer } => self.exchanged(now, ticket, &answer, effects),
            Input::Published { ticket } => self.published(now, ticket, effects),
            Input::PublishFailed { ticket, why } => self.publish_failed(now, ticket, why),
            Input::RulesChanged(rules) => self.rules_changed(now, rules, effects),
            Input::ResumeRule(rule) => self.resume_rule(&rule, effects),
            Input::QuotaAnswered { app, api, left } => {
                self.quota_answered(now, (&app, api), left, effects);
            }
            Input::Drain { patience } => self.drain(now, patience),
            Input::CalendarJumped => self.calendar_jumped(now),
            Input::Tick => {}
        }
    }

    /// When [`Input::Tick`] is due, if nothing else happens before.
    pub fn wake_at(&self, now: Moment) -> Option<Duration> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let deadline = self
            .handovers
            .values()
            .chain(&self.draining)
            .map(|handover| handover.deadline)
            .min();
        let pause = self.pauses.wake_at();
        // Nobody gets a turn while the store is down, however long he has waited.
        let turn = match self.store {
            Store::Up => self.admission.wake_for_turn(now),
            Store::Down => None,
        };
        let departure = self.admission.wake_for_departure(now);
        let share = self.sharing.wake_at();
        [
            timer,
            deadline,
            self.commit_at,
            pause,
            share,
            turn,
            departure,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The order matters: what a hand-over lets go may be sent next, and nothing is begun when its time is up. A drain ends last, since
    /// nothing is carried out after it.
    fn upkeep(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if !self.shares.forgotten.is_empty() {
            let tickets = std::mem::take(&mut self.shares.forgotten);
            effects.push(Effect::ForgetReads { tickets });
        }
        self.ring_timers(now, effects);
        self.end_pauses(now, effects);
        self.finish_handovers(now, effects);
        self.make_room(now);
        self.take_share(now, effects);
        if !self.drain_is_late(now) {
            self.begin_exchanges(now, effects);
            self.give_turns(now, effects);
            self.let_depart(now, effects);
            // Whoever has gone leaves his place.
            self.give_turns(now, effects);
        }
        if self.commit_at.is_some_and(|at| at <= now.elapsed) {
            self.report_positions(effects);
        }
        self.ask_again(now, effects);
        self.pause_or_resume(now, effects);
        self.finish_drain(now, effects);
    }

    fn ring_timers(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some((at, _)) = self.timers.first()
            && *at <= now.elapsed
            && let Some((_, ticket)) = self.timers.pop_first()
        {
            let Some(duty) = self.duties.get_mut(&ticket) else {
                continue;
            };
            match &duty.stage {
                Stage::BackingOff(delivery) => {
                    let delivery = delivery.clone();
                    duty.stage = Stage::Waiting(delivery.clone());
                    self.come_back(ticket, &delivery);
                }
                Stage::Unsettled(settlement) => {
                    let settlement = settlement.clone();
                    self.ask_to_settle(now, ticket, settlement, effects);
                }
                Stage::Publishing(publishing) => {
                    let outcome = Arc::clone(&publishing.outcome);
                    self.publish(ticket, outcome, effects);
                }
                Stage::Unaddressed(letter) => {
                    let letter = letter.clone();
                    self.recall(now, ticket, letter, effects);
                }
                Stage::Reporting
                | Stage::Recalling(_)
                | Stage::Exchanging(_)
                | Stage::Keeping(..)
                | Stage::Waiting(_)
                | Stage::Claiming(_)
                | Stage::AtGate(_)
                | Stage::Sending(_)
                | Stage::Settling(_) => {}
            }
        }
    }

    /// Puts a message back that had its turn. It keeps its recipient, so that nothing overtakes it, unless a pause holds it: that may last,
    /// and is no matter of the recipient's other messages.
    fn come_back(&mut self, ticket: Ticket, delivery: &Delivery) {
        if self.pauses.holds(&delivery.rule) {
            self.let_go(ticket, delivery);
        }
        match delivery.rejoins {
            Rejoins::First => self.wait(ticket, delivery, Admission::put_back),
            Rejoins::Last => self.wait(ticket, delivery, Admission::enqueue),
        }
    }

    /// The recipient of this message is free for the next one.
    fn let_go(&mut self, ticket: Ticket, delivery: &Delivery) {
        self.admission
            .let_go(&self.pauses, ticket, &delivery.rule, &delivery.message);
    }

    fn wait(&mut self, ticket: Ticket, delivery: &Delivery, put: fn(&mut Admission, Waiting)) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        let waiting = Waiting {
            ticket,
            rule: Arc::clone(&delivery.rule),
            message: Arc::clone(&delivery.message),
            expires_at_ms: expires_at_ms(&duty.origin, &delivery.rule),
        };
        put(&mut self.admission, waiting);
    }

    fn new_ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }

    fn new_holder(&mut self) -> Holder {
        Holder {
            process: self.setup.process,
            ticket: self.new_ticket(),
        }
    }

    fn report_positions(&mut self, effects: &mut Vec<Effect>) {
        self.commit_at = None;
        for (partition, ledger) in &mut self.ledgers {
            if let Some(position) = ledger.moved_position() {
                let (partition, epoch) = (partition.clone(), ledger.epoch());
                effects.push(Effect::Commit {
                    partition,
                    epoch,
                    position,
                });
            }
        }
    }

    fn positions_may_have_moved(&mut self, now: Moment) {
        self.commit_at.get_or_insert(now.elapsed + COMMIT_EVERY);
    }

    /// Reading pauses at the bound and goes on at half of it: each resumption costs a fetch, so it should bring something.
    fn pause_or_resume(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Window { messages, bytes } = self.in_window();
        let open_records: usize = self.ledgers.values().map(Ledger::n_open).sum();
        // Several rules may have set the same record aside.
        let remembered = open_records.max(self.n_aside());
        let most_open = self
            .setup
            .max_messages
            .saturating_mul(OPEN_RECORDS_A_MESSAGE);
        let full = self.store == Store::Down
            || messages >= self.setup.max_messages
            || bytes >= self.setup.max_bytes
            || remembered >= most_open;
        let roomy = !full
            && self.paused
            && remembered <= most_open / 2
            && self.flows_below_half(now, messages, bytes);
        if full && !self.paused {
            self.paused = true;
            effects.push(Effect::Pause);
        } else if roomy && self.paused && self.draining.is_none() {
            self.paused = false;
            effects.push(Effect::Resume);
        }
    }

    /// Half of what is not held by those who wait: they may hold more than half of the window for hours.
    fn flows_below_half(&self, now: Moment, messages: usize, bytes: usize) -> bool {
        let (max_messages, max_bytes) = (self.setup.max_messages, self.setup.max_bytes);
        if messages <= max_messages / 2 && bytes <= max_bytes / 2 {
            return true;
        }
        let waiting = self.held_by_waiting(now);
        let below_half = |all: usize, waiting: usize, max: usize| {
            all.saturating_sub(waiting) <= max.saturating_sub(waiting) / 2
        };
        below_half(messages, waiting.messages, max_messages)
            && below_half(bytes, waiting.bytes, max_bytes)
    }
}

/// The ledger of a duty's own assignment; `None` once the partition has been given away, even if it came back since.
fn ledger_of<'a>(
    ledgers: &'a mut BTreeMap<Partition, Ledger>,
    origin: &Origin,
) -> Option<&'a mut Ledger> {
    let ledger = ledgers.get_mut(&origin.partition)?;
    (ledger.epoch() == origin.epoch).then_some(ledger)
}

#[cfg(test)]
mod tests;
