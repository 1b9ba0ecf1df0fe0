//! Which message may be sent next: one message at a time to each recipient, no more than the limits allow, nothing of what is paused, fair among
//! rules.
//!
//! A message waits in the lane of its rule, inside the lane of its app. Everything that waits does so here or as a timer of the
//! engine; nothing holds a thread. A turn lets a message ask for its claim. With the claim it comes back to the gate, which keeps the
//! promise of the limits at the very moment of the call: a claim may take its time, and calls that it held up must not go out at once.
//! What passes the gate is [`Cleared`], the only thing that can be sent.

mod lane;
mod places;
mod ready;
mod recipients;
mod throttle;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{Api, Message};
use crate::model::Ticket;
use crate::model::{Holder, Moment, Rate};
use crate::rules::Rule;
use crate::schedule::pauses::{Pauses, Way};
use crate::schedule::share::Share;
use crate::state::Permit;
use lane::{AppLane, AtGate};
pub use places::Places;
use recipients::Recipients;

/// What an app may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AppBounds {
    /// The app's own rate; `None` is no limit.
    pub rate: Option<Rate>,
    /// Messages between their turn and the end of their call, at once.
    pub max_in_flight: usize,
}

/// A message that waits for its turn.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Whose turn it is.
    pub ticket: Ticket,
    /// The rule that made it.
    pub rule: Arc<Rule>,
    /// The message.
    pub message: Arc<Message>,
    /// After this moment (Unix milliseconds) it is not sent any more.
    pub expires_at_ms: i64,
}

/// A message that was validated, is claimed, and has its recipient to itself. Only the gate makes one; it leaves the gate only when it is counted
/// under every limit.
#[derive(Clone, Debug)]
pub struct Cleared {
    rule: Arc<Rule>,
    message: Arc<Message>,
    holder: Holder,
}

impl Cleared {
    /// The holder of its claim.
    pub fn holder(&self) -> Holder {
        self.holder
    }

    /// The rule that made it.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The message.
    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }
}

/// What became of the message whose turn it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may ask for its claim, and go on to the gate with it.
    Claim(Ticket),
    /// Its turn came too late; it took nothing from any limit.
    Expired(Ticket),
}

/// What becomes of the message that is first at the gate.
#[derive(Clone, Debug)]
pub enum Departure {
    /// Its call is made at once.
    Call(Cleared),
    /// It stood here too long and has to ask for its claim again; it took nothing from any limit.
    Stale,
}

/// Everything that waits for its turn or at the gate.
pub struct Admission {
    apps: BTreeMap<Arc<str>, AppLane>,
    /// The part of every rate that is this instance's; none was told before.
    share: Option<Share>,
    recipients: Recipients,
}

impl Admission {
    /// Empty lanes for these apps.
    pub fn new(apps: impl IntoIterator<Item = (Arc<str>, AppBounds)>) -> Self {
        Self {
            apps: apps
                .into_iter()
                .map(|(name, bounds)| (name, AppLane::new(bounds)))
                .collect(),
            share: None,
            recipients: Recipients::default(),
        }
    }

    /// Apps have come, or have other bounds. The others keep theirs.
    pub fn change_apps(&mut self, apps: impl IntoIterator<Item = (Arc<str>, AppBounds)>) {
        for (name, bounds) in apps {
            match self.apps.entry(name) {
                Entry::Occupied(mut lane) => lane.get_mut().change_bounds(bounds),
                Entry::Vacant(place) => {
                    let lane = place.insert(AppLane::new(bounds));
                    if let Some(share) = &self.share {
                        lane.change_share(share);
                    }
                }
            }
        }
    }

    /// From here on this instance keeps another part of every rate.
    pub fn change_share(&mut self, share: &Share) {
        self.share = Some(share.clone());
        for lane in self.apps.values_mut() {
            lane.change_share(share);
        }
    }

    /// Takes messages from the gate that are not to be sent, and names them. Each is still counted as on its way.
    pub fn leave_gate(&mut self, gone: &dyn Fn(Ticket) -> bool) -> Vec<Ticket> {
        let lanes = self.apps.values_mut();
        lanes.flat_map(|lane| lane.leave_gate(gone)).collect()
    }

    /// A rule was changed: what it says of its rate and priority counts for messages that wait already.
    pub fn adopt(&mut self, rule: &Rule) {
        self.lane_of(rule).adopt(rule);
    }

    /// Puts a message at the end of its rule's lane.
    pub fn enqueue(&mut self, waiting: Waiting) {
        let lane = self.lane_of(&waiting.rule);
        lane.adopt(&waiting.rule);
        lane.push_back(waiting);
    }

    /// Puts a message back that had its turn before: it goes first.
    pub fn put_back(&mut self, waiting: Waiting) {
        self.lane_of(&waiting.rule).push_front(waiting);
    }

    /// Rules name apps of the settings only. A message of another one would go by itself, and end for want of a token, rather than wait for
    /// ever.
    fn lane_of(&mut self, rule: &Rule) -> &mut AppLane {
        let lane = self.apps.entry(Arc::clone(&rule.app));
        lane.or_insert_with(|| {
            debug_assert!(false, "rule {} names an app without bounds", rule.name);
            AppLane::new(AppBounds {
                rate: None,
                max_in_flight: 1,
            })
        })
    }

    /// The next turn that can be had now.
    pub fn next_turn(&mut self, now: Moment, pauses: &mut Pauses) -> Option<Turn> {
        let recipients = &mut self.recipients;
        self.apps
            .values_mut()
            .find_map(|lane| lane.next_turn(recipients, pauses, now))
    }

    /// A message comes to the gate with its claim.
    pub fn come_to_gate(
        &mut self,
        ticket: Ticket,
        rule: &Arc<Rule>,
        message: &Arc<Message>,
        permit: Permit,
    ) {
        let cleared = Cleared {
            rule: Arc::clone(rule),
            message: Arc::clone(message),
            holder: permit.claim().holder,
        };
        self.lane_of(rule).come_to_gate(AtGate {
            ticket,
            cleared,
            permit,
        });
    }

    /// The claims of all messages at the gate have to be asked for again.
    pub fn spoil_permits(&mut self) {
        self.apps.values_mut().for_each(AppLane::spoil_permits);
    }

    /// The next message that may pass the gate now.
    pub fn next_departure(&mut self, now: Moment) -> Option<(Ticket, Departure)> {
        self.apps
            .values_mut()
            .find_map(|lane| lane.next_departure(now))
    }

    /// When a limit will have room for something that waits, or a pause or an expiry ends its waiting, if nothing else happens before.
    /// Right after [`Self::next_turn`] found nothing.
    pub fn wake_for_turn(&self, now: Moment) -> Option<Duration> {
        let lanes = self.apps.values();
        lanes.filter_map(|lane| lane.wake_for_turn(now)).min()
    }

    /// When a limit will let the next message go that stands at the gate. Right after [`Self::next_departure`] found nothing.
    pub fn wake_for_departure(&self, now: Moment) -> Option<Duration> {
        let lanes = self.apps.values();
        lanes.filter_map(|lane| lane.wake_for_departure(now)).min()
    }

    /// A message that had a turn is not on its way any more: its call has ended, or it is not to be made.
    pub fn release_slot(&mut self, app: &str) {
        if let Some(lane) = self.apps.get_mut(app) {
            debug_assert!(lane.in_flight > 0, "a slot of {app} is given back twice");
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
    }

    /// Takes the last message of a rule's lane out, if it `may` go.
    pub fn take_last(&mut self, rule: &Rule, may: impl Fn(Ticket) -> bool) -> Option<Ticket> {
        self.apps.get_mut(&rule.app)?.take_last(rule, may)
    }

    /// Whether a rule waits for its own limit, for a pause, or for an API that was slowed down.
    pub fn rule_waits(&self, pauses: &Pauses, rule: &Rule, now: Moment) -> bool {
        let lane = self.apps.get(&rule.app);
        pauses.way(now, rule) != Way::Free || lane.is_some_and(|lane| lane.rule_waits(rule, now))
    }

    /// Whether an app waits for its own limit, or for the end of calls.
    pub fn app_waits(&self, app: &str, now: Moment) -> bool {
        let lane = self.apps.get(app);
        lane.is_some_and(|lane| lane.waits(now))
    }

    /// A message will not be sent (again), or not soon: the next one to the same recipient may have its turn. One that a pause holds does
    /// not keep the recipient from those behind it.
    pub fn release_recipient(
        &mut self,
        pauses: &Pauses,
        ticket: Ticket,
        rule: &Rule,
        message: &Arc<Message>,
    ) {
        let mut leaving = ticket;
        let mut held = Vec::new();
        while let Some(next) = self.recipients.release_recipient(leaving, rule, message) {
            leaving = next.ticket;
            if pauses.is_paused(&next.rule) {
                held.push(next);
            } else {
                self.put_back(next);
                break;
            }
        }
        // Each goes before the others of its lane: the first of them comes last.
        for waiting in held.into_iter().rev() {
            self.put_back(waiting);
        }
    }

    /// Forgets messages that wait. Their recipients are let go by the caller, one by one.
    pub fn forget(&mut self, gone: &dyn Fn(Ticket) -> bool) {
        for lane in self.apps.values_mut() {
            lane.forget(gone);
        }
        self.recipients.forget(gone);
    }

    /// A pause has ended, or another one has taken its place: what waited for its end looks again.
    pub fn look_again(&mut self) {
        for lane in self.apps.values_mut() {
            lane.look_again();
        }
    }

    /// `WeChat` says that an app sends too much through an API in a minute (45011): less of that for a while.
    pub fn slow_down(&mut self, app: &str, api: Api, now: Moment) {
        if let Some(lane) = self.apps.get_mut(app) {
            lane.slow_down(api, now);
        }
    }
}

#[cfg(test)]
mod tests;
