//! Every message that the engine has in hand, by its ticket, and every index of them.
//!
//! A message changes its state in one way only: [`InFlight::lend`], then [`InFlight::enter`] or [`InFlight::end`]. `lend` takes it out of the
//! times that are due and of the line before exchanges; a message that waits, or stands at the gate, has been taken out of its line by
//! admission before. `enter` frees its slot and its recipient where the next state has none, and puts it into the indexes of that state.
//! `end` gives back its place in the window as well.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::message::{Delivery, Origin, PendingRecipient, Rejoins, Slot, State, expires_at_ms};
use super::window::WindowQuota;
use crate::message::Message;
use crate::model::{Holder, Moment, Ticket};
use crate::rules::Rule;
use crate::schedule::admission::{Admission, Waiting};
use crate::schedule::pauses::Pauses;

/// What a record owes: one outcome, and before it perhaps a message; or that the store notes what it tells of a user.
pub(super) struct WorkItem {
    pub(super) origin: Arc<Origin>,
    bytes: usize,
    /// The rule in whose share of the window it counts.
    quota_of: Option<Arc<Rule>>,
    /// Another holder's claim that it has met, and since when.
    met: Option<Met>,
    /// `None` while it is lent.
    state: Option<State>,
}

/// A claim of another holder, and since when it is known.
#[derive(Clone, Copy)]
pub(super) struct Met {
    pub(super) holder: Holder,
    pub(super) since: Duration,
}

/// A message that has left its state. It has to [become](InFlight::enter) another one, or to [end](InFlight::end).
#[must_use]
pub(super) struct Lent {
    pub(super) ticket: Ticket,
    pub(super) origin: Arc<Origin>,
    pub(super) met: Option<Met>,
    /// Where the state before may have held a recipient.
    addressed: Option<(Arc<Rule>, Arc<Message>)>,
    /// With the app whose slot it is.
    slot: Option<(Slot, Arc<str>)>,
}

impl Lent {
    /// With its turn the message has got one of the `max_in_flight` of its app.
    pub(super) fn takes_slot(&mut self, app: &Arc<str>) {
        self.slot = Some((Slot::BeforeCall, Arc::clone(app)));
    }
}

/// A message that is new in hand.
pub(super) struct NewItem {
    pub(super) origin: Arc<Origin>,
    pub(super) bytes: usize,
    pub(super) quota_of: Option<Arc<Rule>>,
    pub(super) state: State,
}

pub(super) struct InFlight {
    items: BTreeMap<Ticket, WorkItem>,
    /// Those that wait for their turn, or at the gate.
    pub(super) admission: Admission,
    /// Those that wait for a time.
    due: BTreeSet<(Duration, Ticket)>,
    /// Those that wait for an exchange of their login code, in the line of their app.
    awaiting_exchange: BTreeMap<Arc<str>, BTreeMap<u64, Ticket>>,
    next_exchange_number: u64,
    /// What they hold of the window.
    pub(super) window_quota: WindowQuota,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(admission: Admission) -> Self {
        Self {
            items: BTreeMap::new(),
            admission,
            due: BTreeSet::new(),
            awaiting_exchange: BTreeMap::new(),
            next_exchange_number: 0,
            window_quota: WindowQuota::default(),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What they take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them, in the order of their tickets; those that are lent have no state.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ticket, &Origin, &State)> {
        let items = self.items.iter();
        items.filter_map(|(ticket, item)| Some((*ticket, &*item.origin, item.state.as_ref()?)))
    }

    /// Takes a message in hand.
    pub(super) fn insert(&mut self, ticket: Ticket, new: NewItem, pauses: &mut Pauses) {
        let NewItem {
            origin,
            bytes,
            quota_of,
            state,
        } = new;
        self.bytes += bytes;
        if let Some(rule) = &quota_of {
            self.window_quota.take(rule, bytes);
        }
        let item = WorkItem {
            origin: Arc::clone(&origin),
            bytes,
            quota_of,
            met: None,
            state: None,
        };
        self.items.insert(ticket, item);
        let lent = Lent {
            ticket,
            origin,
            met: None,
            addressed: None,
            slot: None,
        };
        self.enter(lent, state, pauses);
    }

    /// Takes a message out of its state; `None` if it is not in hand (any more).
    pub(super) fn lend(&mut self, ticket: Ticket) -> Option<(Lent, State)> {
        let item = self.items.get_mut(&ticket)?;
        let state = item.state.take()?;
        let lent = Lent {
            ticket,
            origin: Arc::clone(&item.origin),
            met: item.met,
            addressed: state
                .delivery()
                .map(|delivery| (Arc::clone(&delivery.rule), Arc::clone(&delivery.message))),
            slot: state.slot().zip(
                state
                    .delivery()
                    .map(|delivery| Arc::clone(&delivery.rule.app)),
            ),
        };
        if let Some(at) = state.due() {
            self.due.remove(&(at, ticket));
        }
        if let State::AwaitingExchange { pending, place, .. } = &state
            && let Some(line) = self.awaiting_exchange.get_mut(&pending.rule.app)
        {
            line.remove(place);
            if line.is_empty() {
                self.awaiting_exchange.remove(&pending.rule.app);
            }
        }
        Some((lent, state))
    }

    /// The next state of a message that was lent.
    pub(super) fn enter(&mut self, mut lent: Lent, state: State, pauses: &mut Pauses) {
        if state.slot().is_none() {
            self.release_slot(&lent, pauses);
        }
        if state.delivery().is_none() {
            self.release_recipient(&mut lent, pauses);
        }
        let ticket = lent.ticket;
        if let Some(at) = state.due() {
            self.due.insert((at, ticket));
        }
        match &state {
            State::Waiting(delivery) => self.enter_lane(&mut lent, delivery, pauses),
            State::AtGate { delivery, permit } => {
                let (rule, message) = (&delivery.rule, &delivery.message);
                self.admission.come_to_gate(ticket, rule, message, *permit);
            }
            State::AwaitingExchange { pending, place, .. } => {
                let app = Arc::clone(&pending.rule.app);
                let line = self.awaiting_exchange.entry(app).or_default();
                line.insert(*place, ticket);
            }
            State::Reporting { .. }
            | State::Recalling(_)
            | State::Exchanging(_)
            | State::ExchangeBackoff { .. }
            | State::Keeping { .. }
            | State::Claiming { .. }
            | State::Sending(_)
            | State::Backoff { .. }
            | State::Settling(_)
            | State::Unsettled { .. }
            | State::Publishing(_) => {}
        }
        let item = self.items.get_mut(&ticket);
        debug_assert!(item.is_some(), "{ticket:?} was lent, so it is in hand");
        if let Some(item) = item {
            item.origin = lent.origin;
            item.met = lent.met;
            item.state = Some(state);
        }
    }

    /// A message is not in hand any more.
    pub(super) fn end(&mut self, mut lent: Lent, pauses: &mut Pauses) {
        self.release_slot(&lent, pauses);
        self.release_recipient(&mut lent, pauses);
        let item = self.items.remove(&lent.ticket);
        debug_assert!(
            item.is_some(),
            "{:?} was lent, so it is in hand",
            lent.ticket
        );
        let Some(item) = item else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(item.bytes);
        if let Some(rule) = &item.quota_of {
            self.window_quota.give_back(rule, item.bytes);
        }
    }

    /// Ends messages that rest, in the order of their tickets.
    pub(super) fn drop_all(&mut self, tickets: &BTreeSet<Ticket>, pauses: &mut Pauses) {
        self.admission.forget(&|ticket| tickets.contains(&ticket));
        for ticket in tickets {
            if let Some((lent, _)) = self.lend(*ticket) {
                self.end(lent, pauses);
            }
        }
    }

    /// A message comes into its lane. It keeps its recipient, so that nothing overtakes it, unless a pause holds it: that may last, and is no
    /// matter of the recipient's other messages.
    fn enter_lane(&mut self, lent: &mut Lent, delivery: &Delivery, pauses: &Pauses) {
        if pauses.is_paused(&delivery.rule) {
            self.release_recipient(lent, pauses);
        }
        let waiting = Waiting {
            ticket: lent.ticket,
            rule: Arc::clone(&delivery.rule),
            message: Arc::clone(&delivery.message),
            expires_at_ms: expires_at_ms(&lent.origin, &delivery.rule),
        };
        match delivery.rejoins {
            Rejoins::First => self.admission.put_back(waiting),
            Rejoins::Last => self.admission.enqueue(waiting),
        }
    }

    /// A pause has begun: what waits behind it keeps its recipient from other rules' messages no longer. It may have come into its lane, with its
    /// recipient, before.
    pub(super) fn release_recipients_behind(&mut self, pauses: &Pauses) {
        for (ticket, item) in &self.items {
            if let Some(State::Waiting(delivery)) = &item.state
                && pauses.is_paused(&delivery.rule)
            {
                let (rule, message) = (&delivery.rule, &delivery.message);
                self.admission
                    .release_recipient(pauses, *ticket, rule, message);
            }
        }
    }

    /// The recipient of a message is free for the next one. A second time this does nothing.
    pub(super) fn release_recipient(&mut self, lent: &mut Lent, pauses: &Pauses) {
        if let Some((rule, message)) = lent.addressed.take() {
            self.admission
                .release_recipient(pauses, lent.ticket, &rule, &message);
        }
    }

    /// A message that was let through on trial, and whose call was not made, has tried nothing: another one may be the trial, at once.
    fn release_slot(&mut self, lent: &Lent, pauses: &mut Pauses) {
        let Some((slot, app)) = &lent.slot else {
            return;
        };
        self.admission.release_slot(app);
        if *slot == Slot::BeforeCall && pauses.tried_nothing(lent.ticket) {
            self.admission.look_again();
        }
    }

    /// A place behind all that wait for an exchange.
    pub(super) fn next_exchange_number(&mut self) -> u64 {
        self.next_exchange_number += 1;
        self.next_exchange_number
    }

    /// The message that waits for an exchange with this ticket.
    pub(super) fn pending(&self, ticket: Ticket) -> Option<&PendingRecipient> {
        match &self.items.get(&ticket)?.state {
            Some(State::AwaitingExchange { pending, .. }) => Some(pending),
            _ => None,
        }
    }

    /// The messages of these apps that wait for an exchange, in line.
    pub(super) fn awaiting_exchange(&self, of: impl Fn(&Arc<str>) -> bool) -> Vec<Ticket> {
        let lines = self.awaiting_exchange.iter().filter(|(app, _)| of(app));
        let mut places: Vec<(u64, Ticket)> = lines
            .flat_map(|(_, line)| line.iter().map(|(place, ticket)| (*place, *ticket)))
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(_, ticket)| ticket).collect()
    }

    /// The apps of all messages that wait for an exchange.
    pub(super) fn apps_awaiting_exchange(&self) -> impl Iterator<Item = &Arc<str>> {
        self.awaiting_exchange.keys()
    }

    /// Takes the first one that is due by now.
    pub(super) fn next_due(&mut self, now: Moment) -> Option<Ticket> {
        let (at, _) = self.due.first()?;
        if *at > now.elapsed {
            return None;
        }
        self.due.pop_first().map(|(_, ticket)| ticket)
    }

    /// When the next one is due.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The machine may have stood still without either clock telling: no call is begun on a claim that was asked for before.
    pub(super) fn spoil_permits(&mut self) {
        self.admission.spoil_permits();
        for item in self.items.values_mut() {
            if let Some(state) = &mut item.state {
                state.spoil();
            }
        }
    }

    /// Takes the last message out of a rule's lane and out of hand, if it may go. Says where it came from.
    pub(super) fn take_last(
        &mut self,
        rule: &Rule,
        may_go: impl Fn(&Origin, &Delivery, Option<&Arc<Rule>>) -> bool,
        pauses: &mut Pauses,
    ) -> Option<Arc<Origin>> {
        let items = &self.items;
        let may = |ticket: Ticket| {
            let Some(item) = items.get(&ticket) else {
                return false;
            };
            match &item.state {
                Some(State::Waiting(delivery)) => {
                    may_go(&item.origin, delivery, item.quota_of.as_ref())
                }
                _ => false,
            }
        };
        let ticket = self.admission.take_last(rule, may)?;
        let (lent, _) = self.lend(ticket)?;
        let origin = Arc::clone(&lent.origin);
        self.end(lent, pauses);
        Some(origin)
    }
}
