//! The lane of an app, and in it those of its rules.

mod audit;
mod rule;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ready::Ready;
use super::recipients::Recipients;
use super::throttle::Throttle;
use super::{AppBounds, Cleared, Departure, Turn, Waiting};
use crate::message::Api;
use crate::model::{Moment, Ticket};
use crate::rules::Rule;
use crate::schedule::limits::Pace;
use crate::schedule::pauses::{Pauses, Way};
use crate::schedule::share::Share;
use crate::state::Permit;
use rule::{InLine, RuleLane, expiry};

/// Everything of one app that waits.
pub(super) struct AppLane {
    pace: Pace,
    share: Share,
    max_in_flight: usize,
    /// Messages between their turn and the end of their call.
    pub(super) in_flight: usize,
    rules: BTreeMap<Arc<str>, RuleLane>,
    /// Rules with something to send.
    ready: Ready,
    /// Rules with something to send that look again at this time: their limit, a pause or an expiry says when.
    blocked: BTreeSet<(Duration, Arc<str>)>,
    /// Messages with a claim, in the order in which they got it.
    at_gate: VecDeque<AtGate>,
    /// What goes through each API, and what holds that back.
    throttles: BTreeMap<Api, Throttle>,
}

/// A message with a claim.
pub(super) struct AtGate {
    pub(super) ticket: Ticket,
    pub(super) cleared: Cleared,
    pub(super) permit: Permit,
}

impl AppLane {
    pub(super) fn new(bounds: AppBounds) -> Self {
        Self {
            pace: Pace::new(bounds.rate),
            share: Share::whole(),
            max_in_flight: bounds.max_in_flight.max(1),
            in_flight: 0,
            rules: BTreeMap::new(),
            ready: Ready::default(),
            blocked: BTreeSet::new(),
            at_gate: VecDeque::new(),
            throttles: BTreeMap::new(),
        }
    }

    /// Other bounds count from here on, also for messages that wait already. What is under way above them ends first.
    pub(super) fn change_bounds(&mut self, bounds: AppBounds) {
        self.max_in_flight = bounds.max_in_flight.max(1);
        if self.pace.rate() != bounds.rate {
            self.pace.change(bounds.rate);
            // The moments that rules wait for may have been the old rate's.
            self.look_again();
        }
    }

    /// A newly read record brings the rule as it is now: another rate counts from here on, also for messages that wait already, and another
    /// priority from the rule's next turn on.
    pub(super) fn adopt(&mut self, rule: &Rule) {
        let Some(lane) = self.rules.get_mut(&rule.name) else {
            return;
        };
        lane.priority = rule.priority;
        if lane.pace.rate() == rule.rate {
            return;
        }
        lane.pace.change(rule.rate);
        // The moment it waits for was the old rate's.
        self.look_again_at(&rule.name);
    }

    /// Another part of the fleet's rates counts from here on.
    pub(super) fn change_share(&mut self, share: &Share) {
        self.share = share.clone();
        self.pace.change_share(share);
        for rule in self.rules.values_mut() {
            rule.pace.change_share(share);
        }
        // The moments that rules wait for were the old share's.
        self.look_again();
    }

    fn look_again_at(&mut self, name: &Arc<str>) {
        let Some(rule) = self.rules.get_mut(name) else {
            return;
        };
        if let InLine::Blocked(at) = rule.place {
            rule.place = InLine::Idle;
            self.blocked.remove(&(at, Arc::clone(name)));
            self.stay_ready(Arc::clone(name), VecDeque::push_back);
        }
    }

    pub(super) fn push_back(&mut self, waiting: Waiting) {
        self.lane_of(&waiting).push_back(waiting);
    }

    pub(super) fn push_front(&mut self, waiting: Waiting) {
        // It may expire before the one for whose sake the rule is blocked until some time.
        self.look_again_at(&waiting.rule.name);
        self.lane_of(&waiting).push_front(waiting);
    }

    fn lane_of(&mut self, waiting: &Waiting) -> &mut VecDeque<Waiting> {
        let name = &waiting.rule.name;
        let rule = self
            .rules
            .entry(Arc::clone(name))
            .or_insert_with(|| RuleLane {
                pace: Pace::with_share(waiting.rule.rate, self.share.clone()),
                priority: waiting.rule.priority,
                queue: VecDeque::new(),
                place: InLine::Idle,
                n_at_gate: 0,
            });
        if rule.place == InLine::Idle {
            rule.place = InLine::Ready;
            self.ready.line(rule.priority).push_back(Arc::clone(name));
        }
        &mut rule.queue
    }

    pub(super) fn next_turn(
        &mut self,
        recipients: &mut Recipients,
        pauses: &mut Pauses,
        now: Moment,
    ) -> Option<Turn> {
        self.unblock(now);
        if self.waits(now) {
            return None;
        }
        while let Some(name) = self.next_ready(now) {
            let Some(rule) = self.rules.get_mut(&name) else {
                continue;
            };
            rule.place = InLine::Idle;
            let Some(front) = rule.queue.front() else {
                continue;
            };
            if front.expires_at_ms < now.unix_ms {
                let ticket = front.ticket;
                rule.queue.pop_front();
                self.stay_ready(name, VecDeque::push_front);
                return Some(Turn::Expired(ticket));
            }
            let wait = match pauses.way(now, &front.rule) {
                Way::Free => rule.turn_at(now),
                Way::Until(end) => Some(end.min(expiry(front, now))),
                Way::Closed => Some(expiry(front, now)),
            };
            if let Some(at) = wait {
                rule.place = InLine::Blocked(at);
                self.blocked.insert((at, name));
                continue;
            }
            let api = front.rule.api();
            let next = rule.queue.pop_front();
            let Some(waiting) = next.and_then(|next| recipients.take_or_park(next)) else {
                self.stay_ready(name, VecDeque::push_front);
                continue;
            };
            rule.pace.take_turn(now);
            self.ready.took_turn(rule.priority);
            self.pace.take_turn(now);
            self.throttle(api).take_turn(now);
            pauses.took_turn(now, waiting.ticket, &waiting.rule);
            self.in_flight += 1;
            self.stay_ready(name, VecDeque::push_back);
            return Some(Turn::Claim(waiting.ticket));
        }
        None
    }

    /// Whether nothing more of the app may begin now.
    pub(super) fn waits(&self, now: Moment) -> bool {
        self.in_flight >= self.max_in_flight
            || self.line_at_gate() >= self.pace.longest_line()
            || self.pace.turn_at(now).is_some()
    }

    /// Whether a limit holds this rule that does not hold all the others of its app.
    pub(super) fn rule_waits(&self, rule: &Rule, now: Moment) -> bool {
        let lane = self.rules.get(&rule.name);
        let of_api = self.throttles.get(&rule.api());
        lane.is_some_and(|lane| lane.turn_at(now).is_some())
            || of_api.is_some_and(|api| api.turn_at(now).is_some())
    }

    pub(super) fn take_last(
        &mut self,
        rule: &Rule,
        may: impl Fn(Ticket) -> bool,
    ) -> Option<Ticket> {
        let lane = self.rules.get_mut(&rule.name)?;
        let last = lane.queue.pop_back_if(|last| may(last.ticket))?;
        Some(last.ticket)
    }

    pub(super) fn come_to_gate(&mut self, comer: AtGate) {
        if let Some(rule) = self.rules.get_mut(&comer.cleared.rule.name) {
            rule.n_at_gate += 1;
        }
        self.throttle(comer.cleared.rule.api()).n_at_gate += 1;
        self.at_gate.push_back(comer);
    }

    pub(super) fn spoil_permits(&mut self) {
        for at_gate in &mut self.at_gate {
            at_gate.permit.spoil();
        }
    }

    /// What stands at the gate first goes first, unless the limit of its rule or API holds it alone.
    pub(super) fn next_departure(&mut self, now: Moment) -> Option<(Ticket, Departure)> {
        if self.at_gate.is_empty() || self.pace.departure_at(now).is_some() {
            return None;
        }
        let may_go = |at_gate: &AtGate| self.departs_at(at_gate, now).is_none();
        let index = self.at_gate.iter().position(may_go)?;
        let AtGate {
            ticket,
            cleared,
            permit,
        } = self.at_gate.remove(index)?;
        let is_fresh = permit.is_fresh(now);
        if let Some(lane) = self.rules.get_mut(&cleared.rule.name) {
            lane.n_at_gate = lane.n_at_gate.saturating_sub(1);
            if is_fresh {
                lane.pace.take_departure(now);
            }
        }
        let throttle = self.throttle(cleared.rule.api());
        throttle.n_at_gate = throttle.n_at_gate.saturating_sub(1);
        if !is_fresh {
            // Were it counted, a line that is longer than a claim stays fresh would ask again for ever, and none would go.
            return Some((ticket, Departure::Stale));
        }
        throttle.take_departure(now);
        self.pace.take_departure(now);
        Some((ticket, Departure::Call(cleared)))
    }

    pub(super) fn forget(&mut self, gone: &dyn Fn(Ticket) -> bool) {
        for rule in self.rules.values_mut() {
            rule.queue.retain(|waiting| !gone(waiting.ticket));
        }
    }

    /// Takes these messages from the gate.
    pub(super) fn leave_gate(&mut self, gone: &dyn Fn(Ticket) -> bool) -> Vec<Ticket> {
        let mut left = Vec::new();
        for at_gate in std::mem::take(&mut self.at_gate) {
            if !gone(at_gate.ticket) {
                self.at_gate.push_back(at_gate);
                continue;
            }
            let rule = &at_gate.cleared.rule;
            if let Some(lane) = self.rules.get_mut(&rule.name) {
                lane.n_at_gate = lane.n_at_gate.saturating_sub(1);
            }
            let throttle = self.throttle(rule.api());
            throttle.n_at_gate = throttle.n_at_gate.saturating_sub(1);
            left.push(at_gate.ticket);
        }
        left
    }

    pub(super) fn look_again(&mut self) {
        for (_, name) in std::mem::take(&mut self.blocked) {
            if let Some(rule) = self.rules.get_mut(&name) {
                rule.place = InLine::Idle;
            }
            self.stay_ready(name, VecDeque::push_back);
        }
    }

    pub(super) fn slow_down(&mut self, api: Api, now: Moment) {
        let promised = self.pace.own_rate();
        self.throttle(api).slow_down(now, promised);
    }

    fn throttle(&mut self, api: Api) -> &mut Throttle {
        self.throttles.entry(api).or_default()
    }

    /// How many at the gate the limit of the app alone lets go, or holds.
    fn line_at_gate(&self) -> usize {
        let slowed = self.throttles.values().filter(|api| api.is_slowed());
        let others: usize = slowed.map(|api| api.n_at_gate).sum();
        self.at_gate.len().saturating_sub(others)
    }

    /// The rule whose turn it is, among rules whose API may send now. Others keep their places.
    fn next_ready(&mut self, now: Moment) -> Option<Arc<str>> {
        let (rules, throttles) = (&self.rules, &self.throttles);
        self.ready
            .next(|name| held_until(rules, throttles, name, now).is_none())
    }

    fn stay_ready(&mut self, name: Arc<str>, push: fn(&mut VecDeque<Arc<str>>, Arc<str>)) {
        if let Some(rule) = self.rules.get_mut(&name)
            && !rule.queue.is_empty()
        {
            rule.place = InLine::Ready;
            push(self.ready.line(rule.priority), name);
        }
    }

    fn unblock(&mut self, now: Moment) {
        for throttle in self.throttles.values_mut() {
            throttle.end_if_due(now);
        }
        while let Some((at, _)) = self.blocked.first()
            && *at <= now.elapsed
            && let Some((_, name)) = self.blocked.pop_first()
        {
            if let Some(rule) = self.rules.get_mut(&name) {
                // Its messages may have been forgotten meanwhile.
                rule.place = InLine::Idle;
            }
            self.stay_ready(name, VecDeque::push_back);
        }
    }

    pub(super) fn wake_for_turn(&self, now: Moment) -> Option<Duration> {
        if self.in_flight >= self.max_in_flight || self.line_at_gate() >= self.pace.longest_line() {
            return None;
        }
        let own = self.pace.turn_at(now);
        let of_ready = self.ready.iter();
        let has_message = |name: &&Arc<str>| {
            let rule = self.rules.get(*name);
            rule.is_some_and(|rule| !rule.queue.is_empty())
        };
        let first_ready = of_ready
            .filter(has_message)
            .map(|name| {
                own.max(held_until(&self.rules, &self.throttles, name, now))
                    .unwrap_or(now.elapsed)
            })
            .min();
        let first_rule = self.blocked.first().map(|(at, _)| *at);
        [first_ready, first_rule].into_iter().flatten().min()
    }

    pub(super) fn wake_for_departure(&self, now: Moment) -> Option<Duration> {
        if self.at_gate.is_empty() {
            return None;
        }
        let own = self.pace.departure_at(now);
        let others = self.at_gate.iter();
        // Time has gone on since the gate was looked at: a limit that is free by now must not be waited for in vain.
        let others = others.map(|at_gate| own.max(self.departs_at(at_gate, now)));
        others.map(|at| at.unwrap_or(now.elapsed)).min()
    }

    /// When the limit of its rule and that of its API let a message at the gate go: `None` is now.
    fn departs_at(&self, at_gate: &AtGate, now: Moment) -> Option<Duration> {
        let rule = &at_gate.cleared.rule;
        let lane = self.rules.get(&rule.name);
        let of_rule = lane.and_then(|lane| lane.pace.departure_at(now));
        let throttle = self.throttles.get(&rule.api());
        of_rule.max(throttle.and_then(|throttle| throttle.departure_at(now)))
    }
}

/// Until when the API holds a rule back that has something to send.
fn held_until(
    rules: &BTreeMap<Arc<str>, RuleLane>,
    throttles: &BTreeMap<Api, Throttle>,
    name: &Arc<str>,
    now: Moment,
) -> Option<Duration> {
    // Hardly ever is an API slowed.
    if throttles.values().all(|api| !api.is_slowed()) {
        return None;
    }
    let next = rules.get(name)?.queue.front()?;
    throttles.get(&next.rule.api())?.turn_at(now)
}
