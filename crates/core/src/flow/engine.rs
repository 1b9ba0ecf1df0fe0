//! One round: inputs in their order, then one look at what follows from them.
//!
//! After every round the same upkeep runs: what is due happens, what has a turn gets it, positions that moved are reported, reading is paused
//! or resumed, and hand-overs that are finished are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ages::CalendarTrust;
use super::comparing::Comparisons;
use super::exchanges::Exchanges;
use super::in_flight::InFlight;
use super::message::Origin;
use super::offsets::OffsetTracker;
use super::partitions::{Handover, HandoverId};
use super::rate_share::RateShare;
use super::status;
use super::transition::Happened;
use super::unmatched::UnmatchedTypes;
use super::window::{Amount, Spill};
use super::{Effect, Input, Setup};
use crate::model::outcome::RecipientHasher;
use crate::model::{Holder, Moment, Partition, Ticket};
use crate::rules::RuleSet;
use crate::schedule::admission::Admission;
use crate::schedule::pauses::{Breakers, Outages, Pauses, Waves};
use crate::schedule::punishments::Punishments;
use crate::schedule::share::Share;

/// The engine.
pub struct Engine {
    pub(super) setup: Setup,
    pub(super) rules: Arc<RuleSet>,
    pub(super) hasher: Option<RecipientHasher>,
    pub(super) partitions: BTreeMap<Partition, OffsetTracker>,
    pub(super) in_flight: InFlight,
    pub(super) gate: Gate,
    pub(super) spill: Spill,
    pub(super) pauses: Pauses,
    pub(super) breakers: Breakers,
    pub(super) waves: Waves,
    pub(super) outages: Outages,
    pub(super) comparisons: Comparisons,
    pub(super) punishments: Punishments,
    pub(super) store: StoreHealth,
    /// Since when the store has answered.
    pub(super) has_store_since: Duration,
    pub(super) calendar: CalendarTrust,
    pub(super) exchanges: Exchanges,
    pub(super) handovers: BTreeMap<HandoverId, Handover>,
    pub(super) rate_share: RateShare,
    pub(super) draining: Option<Handover>,
    /// When moved positions are reported next; `None` while none has moved.
    report_positions_at: Option<Duration>,
    pub(super) reading_paused: bool,
    next_ticket: u64,
    n_rounds: u64,
    pub(super) jitter: fastrand::Rng,
    pub(super) totals: status::Totals,
    pub(super) unmatched_types: UnmatchedTypes,
}

/// Positions are reported together, this long after the first one moved: a commit per record would cost more than it saves.
const REPORT_POSITIONS_EVERY: Duration = Duration::from_millis(100);

/// Records that have ended behind one that has not are kept track of until it has: one message that waits for hours must not grow the
/// tracker without end. An entry takes some 24 bytes, and a message that is spilled 32.
const OPEN_RECORDS_A_MESSAGE: usize = 20;

/// A debug build compares all indexes after so many rounds: the comparison walks over everything in hand.
const CHECK_EVERY: u64 = 256;

/// What may stand at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// What may go as soon as the limits let it.
    Sound,
    /// Also what a pause that has begun stops.
    ToBeCleared,
}

/// What is known of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreHealth {
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
            in_flight: InFlight::new(admission),
            gate: Gate::Sound,
            spill: Spill::default(),
            pauses: Pauses::new(setup.unheard),
            breakers: Breakers::new(setup.breaker),
            waves: Waves::new(setup.refusal_wave),
            outages: Outages::default(),
            comparisons: Comparisons::default(),
            punishments: Punishments::default(),
            store: StoreHealth::Up,
            has_store_since: Duration::ZERO,
            calendar: CalendarTrust::default(),
            jitter: fastrand::Rng::with_seed(setup.seed),
            hasher: setup.recipient_key.as_ref().and_then(RecipientHasher::new),
            setup,
            rules,
            partitions: BTreeMap::new(),
            exchanges: Exchanges::default(),
            handovers: BTreeMap::new(),
            rate_share: RateShare::new(),
            draining: None,
            report_positions_at: None,
            reading_paused: false,
            next_ticket: 0,
            n_rounds: 0,
            totals: status::Totals::default(),
            unmatched_types: UnmatchedTypes::default(),
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
        self.n_rounds = self.n_rounds.wrapping_add(1);
        if cfg!(debug_assertions) && self.n_rounds.is_multiple_of(CHECK_EVERY) {
            let checked = self.check();
            debug_assert!(checked.is_ok(), "{checked:?}");
        }
    }

    fn hear(&mut self, now: Moment, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Record { epoch, record } => self.take_record(now, epoch, record, effects),
            Input::ReadAgain { ticket, record } => self.read_again(now, ticket, record, effects),
            Input::TopicsCounted(layout) => self.rate_share.topics_counted(layout),
            Input::Assigned(partitions) => self.assigned(now, partitions),
            Input::Revoked {
                handover,
                partitions,
                timeout,
            } => self.revoked(now, handover, partitions, timeout),
            Input::Lost(partitions) => self.lost(&partitions),
            Input::StoreAnswered { ticket, answer } => {
                self.transition(now, ticket, Happened::StoreAnswered(&answer), effects);
            }
            Input::StoreDown => self.store = StoreHealth::Down,
            Input::StoreBack => self.store_is_back(now),
            Input::SendFinished {
                ticket,
                answer,
                api_ms,
            } => self.transition(
                now,
                ticket,
                Happened::SendFinished(&answer, api_ms),
                effects,
            ),
            Input::ExchangeFinished { ticket, answer } => {
                self.exchanges.ended(now, ticket, &answer);
                self.transition(now, ticket, Happened::ExchangeFinished(&answer), effects);
            }
            Input::Published { ticket } => {
                self.transition(now, ticket, Happened::Published, effects);
            }
            Input::PublishFailed { ticket, why } => {
                self.transition(now, ticket, Happened::PublishFailed(why), effects);
            }
            Input::AppsChanged(apps) => self.in_flight.admission.change_apps(apps),
            Input::RulesChanged(rules) => self.rules_changed(now, rules, effects),
            Input::Held { holds, n_kept } => self.hear_holds((&holds, n_kept), effects),
            Input::Resume(what) => self.resume(&what, effects),
            Input::RecipientKey(key) => self.hasher = RecipientHasher::new(&key),
            Input::QuotaAnswered { app, api, left } => {
                self.quota_answered(now, (&app, api), left, effects);
            }
            Input::TemplateDiffers(differs) => self.template_differs(now, differs, effects),
            Input::Punished { app, punishment } => {
                self.punished(now, &app, &punishment, effects);
            }
            Input::Drain { timeout } => self.drain(now, timeout),
            Input::CalendarJumped { system_ahead_ms } => {
                self.calendar_jumped(now, system_ahead_ms);
            }
            Input::Tick => {}
        }
    }

    /// When [`Input::Tick`] is due, if nothing else happens before.
    pub fn wake_at(&self, now: Moment) -> Option<Duration> {
        let timer = self.in_flight.wake_at();
        let deadline = self
            .handovers
            .values()
            .chain(&self.draining)
            .map(|handover| handover.deadline)
            .min();
        let pause = self.pauses.wake_at();
        let punishment = self.punishments.wake_at();
        // No message gets a turn while the store is down, however long it has waited.
        let turn = match self.store {
            StoreHealth::Up => self.in_flight.admission.wake_for_turn(now),
            StoreHealth::Down => None,
        };
        let exchange = match self.store {
            StoreHealth::Up => self.wake_for_exchange(now),
            StoreHealth::Down => None,
        };
        let departure = self.in_flight.admission.wake_for_departure(now);
        let share = self.rate_share.wake_at();
        [
            timer,
            deadline,
            self.report_positions_at,
            pause,
            punishment,
            share,
            turn,
            exchange,
            departure,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The order matters: what a hand-over lets go may be sent next, and nothing is begun when its time is up. A drain ends last, since
    /// nothing is carried out after it.
    fn upkeep(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let tickets = std::mem::take(&mut self.spill.forgotten);
        if !tickets.is_empty() {
            effects.push(Effect::ForgetReads { tickets });
        }
        while let Some(ticket) = self.in_flight.next_due(now) {
            self.transition(now, ticket, Happened::Due, effects);
        }
        self.end_pauses(now, effects);
        self.punishments.end_due(now);
        self.finish_handovers(now, effects);
        self.make_room(now);
        self.take_share(now, effects);
        if !self.drain_is_late(now) {
            self.begin_exchanges(now, effects);
            self.clear_gate_of_stopped(now, effects);
            self.give_turns(now, effects);
            self.let_depart(now, effects);
            // What has gone through the gate leaves its place.
            self.give_turns(now, effects);
        }
        if self.report_positions_at.is_some_and(|at| at <= now.elapsed) {
            self.report_positions(effects);
        }
        self.reread(now, effects);
        self.pause_or_resume(now, effects);
        self.finish_drain(now, effects);
    }

    pub(super) fn new_ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }

    pub(super) fn new_holder(&mut self) -> Holder {
        Holder {
            process: self.setup.process,
            ticket: self.new_ticket(),
        }
    }

    pub(super) fn report_positions(&mut self, effects: &mut Vec<Effect>) {
        self.report_positions_at = None;
        for (partition, tracker) in &mut self.partitions {
            if let Some(position) = tracker.moved_position() {
                let (partition, epoch) = (partition.clone(), tracker.epoch());
                effects.push(Effect::StoreOffset {
                    partition,
                    epoch,
                    position,
                });
            }
        }
    }

    pub(super) fn positions_may_have_moved(&mut self, now: Moment) {
        self.report_positions_at
            .get_or_insert(now.elapsed + REPORT_POSITIONS_EVERY);
    }

    /// Reading pauses at the bound and goes on at half of it: each resumption costs a fetch, so it should bring something.
    fn pause_or_resume(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Amount { messages, bytes } = self.in_window();
        let open_records: usize = self.partitions.values().map(OffsetTracker::n_open).sum();
        // Several rules may have spilled the same record.
        let remembered = open_records.max(self.n_spilled());
        let most_open = self
            .setup
            .max_messages
            .saturating_mul(OPEN_RECORDS_A_MESSAGE);
        let full = self.store == StoreHealth::Down
            || messages >= self.setup.max_messages
            || bytes >= self.setup.max_bytes
            || remembered >= most_open;
        let roomy = !full
            && self.reading_paused
            && remembered <= most_open / 2
            && self.flows_below_half(now, messages, bytes);
        if full && !self.reading_paused {
            self.reading_paused = true;
            effects.push(Effect::PauseReading);
        } else if roomy && self.reading_paused && self.draining.is_none() {
            self.reading_paused = false;
            effects.push(Effect::ResumeReading);
        }
    }

    /// Whether less than half of the window is used, waiting rules left out: they may hold more than half of it for hours.
    fn flows_below_half(&self, now: Moment, messages: usize, bytes: usize) -> bool {
        let (max_messages, max_bytes) = (self.setup.max_messages, self.setup.max_bytes);
        if messages <= max_messages / 2 && bytes <= max_bytes / 2 {
            return true;
        }
        let waiting = self.used_by_waiting(now);
        let below_half = |all: usize, waiting: usize, max: usize| {
            all.saturating_sub(waiting) <= max.saturating_sub(waiting) / 2
        };
        below_half(messages, waiting.messages, max_messages)
            && below_half(bytes, waiting.bytes, max_bytes)
    }
}

/// The tracker of a message's own assignment; `None` once the partition has been given away, even if it came back since.
pub(super) fn tracker_of<'a>(
    trackers: &'a mut BTreeMap<Partition, OffsetTracker>,
    origin: &Origin,
) -> Option<&'a mut OffsetTracker> {
    let tracker = trackers.get_mut(&origin.partition)?;
    (tracker.epoch() == origin.epoch).then_some(tracker)
}
