//! Who may be sent next: one message at a time to each recipient, no more than the limits allow, fair among rules.
//!
//! A message waits in the lane of its rule, inside the lane of its app. Everything that waits does so here or as a timer of the
//! engine; nothing holds a thread. What comes out is [`Cleared`], the only thing that can be sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::limits::{Limit, Rate};
use super::message::Message;
use super::moment::Moment;
use super::rules::Rule;

/// A message or other duty in the engine's hands, by a number that is never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What an app may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AppBounds {
    /// The app's own rate; `None` is no limit.
    pub rate: Option<Rate>,
    /// Calls under way at once.
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

/// A message that was validated, has its recipient to itself, and is counted under every limit. Only admission makes one.
#[derive(Clone, Debug)]
pub struct Cleared {
    rule: Arc<Rule>,
    message: Arc<Message>,
}

impl Cleared {
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
#[derive(Clone, Debug)]
pub enum Turn {
    /// It may be sent now.
    Send(Ticket, Cleared),
    /// Its turn came too late; it took nothing from any limit.
    Expired(Ticket),
}

/// Everything that waits for its turn.
pub struct Admission {
    apps: BTreeMap<Arc<str>, AppLane>,
    recipients: HashMap<Recipient, Line>,
}

/// An openid means something within its app only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Recipient {
    app: Arc<str>,
    message: RecipientOf,
}

/// Compares by the recipient inside a message, so that no openid has to be copied.
#[derive(Clone, Debug)]
struct RecipientOf(Arc<Message>);

impl PartialEq for RecipientOf {
    fn eq(&self, other: &Self) -> bool {
        self.0.recipient == other.0.recipient
    }
}

impl Eq for RecipientOf {}

impl std::hash::Hash for RecipientOf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.recipient.hash(state);
    }
}

impl Recipient {
    fn of(rule: &Rule, message: &Arc<Message>) -> Self {
        Self {
            app: Arc::clone(&rule.app),
            message: RecipientOf(Arc::clone(message)),
        }
    }
}

/// A recipient that somebody holds, and who comes after.
struct Line {
    holder: Ticket,
    parked: VecDeque<Waiting>,
}

struct AppLane {
    limit: Option<Limit>,
    max_in_flight: usize,
    in_flight: usize,
    rules: HashMap<Arc<str>, RuleLane>,
    /// Rules with something to send, in the order of their turns.
    ready: VecDeque<Arc<str>>,
    /// Rules with something to send whose own limit says when.
    blocked: BTreeSet<(Duration, Arc<str>)>,
}

struct RuleLane {
    limit: Option<Limit>,
    rate: Option<Rate>,
    queue: VecDeque<Waiting>,
    place: Place,
}

/// Where a rule stands in its app's lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Idle,
    Ready,
    Blocked,
}

impl Admission {
    /// Empty lanes for these apps.
    pub fn new(apps: impl IntoIterator<Item = (Arc<str>, AppBounds)>) -> Self {
        let lane = |(name, bounds): (Arc<str>, AppBounds)| {
            let lane = AppLane {
                limit: bounds.rate.map(Limit::new),
                max_in_flight: bounds.max_in_flight.max(1),
                in_flight: 0,
                rules: HashMap::new(),
                ready: VecDeque::new(),
                blocked: BTreeSet::new(),
            };
            (name, lane)
        };
        Self {
            apps: apps.into_iter().map(lane).collect(),
            recipients: HashMap::new(),
        }
    }

    /// Puts a message at the end of its rule's lane.
    pub fn enqueue(&mut self, waiting: Waiting) {
        if let Some(lane) = self.apps.get_mut(&waiting.rule.app) {
            lane.adopt_rate(&waiting.rule);
            lane.push(waiting, VecDeque::push_back);
        }
    }

    /// Puts a message back that had its turn before: it goes first.
    pub fn put_back(&mut self, waiting: Waiting) {
        if let Some(lane) = self.apps.get_mut(&waiting.rule.app) {
            lane.push(waiting, VecDeque::push_front);
        }
    }

    /// The next turn that can be had now.
    pub fn next_turn(&mut self, now: Moment) -> Option<Turn> {
        let recipients = &mut self.recipients;
        self.apps
            .values_mut()
            .find_map(|lane| lane.next_turn(recipients, now))
    }

    /// When a limit will have room for something that waits, if nothing else happens before. Right after
    /// [`Self::next_turn`] found nothing.
    pub fn wake_at(&self, now: Moment) -> Option<Duration> {
        self.apps
            .values()
            .filter_map(|lane| lane.wake_at(now))
            .min()
    }

    /// A call has come back.
    pub fn call_ended(&mut self, app: &str) {
        if let Some(lane) = self.apps.get_mut(app) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
    }

    /// A message will not be sent (again): the next one to the same recipient may have its turn.
    pub fn let_go(&mut self, ticket: Ticket, rule: &Rule, message: &Arc<Message>) {
        let recipient = Recipient::of(rule, message);
        let Some(line) = self.recipients.get_mut(&recipient) else {
            return;
        };
        if line.holder != ticket {
            return;
        }
        let Some(next) = line.parked.pop_front() else {
            self.recipients.remove(&recipient);
            return;
        };
        // The place stays taken, so that nobody overtakes those who are parked.
        line.holder = next.ticket;
        self.put_back(next);
    }

    /// Forgets waiting messages. Their recipients are let go by the caller, one by one.
    pub fn forget(&mut self, gone: &dyn Fn(Ticket) -> bool) {
        for lane in self.apps.values_mut() {
            for rule in lane.rules.values_mut() {
                rule.queue.retain(|waiting| !gone(waiting.ticket));
            }
        }
        for line in self.recipients.values_mut() {
            line.parked.retain(|waiting| !gone(waiting.ticket));
        }
    }

    /// Calls under way, over all apps.
    pub fn n_in_flight(&self) -> usize {
        self.apps.values().map(|lane| lane.in_flight).sum()
    }
}

impl AppLane {
    /// A newly read record brings the rule as it is now: another rate counts from here on, also for those who wait already.
    fn adopt_rate(&mut self, rule: &Rule) {
        let Some(lane) = self.rules.get_mut(&rule.name) else {
            return;
        };
        if lane.rate == rule.rate {
            return;
        }
        lane.rate = rule.rate;
        lane.limit = match (lane.limit.take(), rule.rate) {
            (Some(limit), Some(rate)) => Some(limit.at_rate(rate)),
            (None, Some(rate)) => Some(Limit::new(rate)),
            (_, None) => None,
        };
        if lane.place == Place::Blocked {
            // The moment it waits for was the old rate's.
            lane.place = Place::Idle;
            self.blocked.retain(|(_, name)| *name != rule.name);
        }
    }

    fn push(&mut self, waiting: Waiting, push: fn(&mut VecDeque<Waiting>, Waiting)) {
        let name = Arc::clone(&waiting.rule.name);
        let rate = waiting.rule.rate;
        let rule = self
            .rules
            .entry(Arc::clone(&name))
            .or_insert_with(|| RuleLane::new(rate));
        push(&mut rule.queue, waiting);
        if rule.place == Place::Idle {
            rule.place = Place::Ready;
            self.ready.push_back(name);
        }
    }

    fn next_turn(
        &mut self,
        recipients: &mut HashMap<Recipient, Line>,
        now: Moment,
    ) -> Option<Turn> {
        self.unblock(now);
        if self.in_flight >= self.max_in_flight || self.blocked_until(now).is_some() {
            return None;
        }
        while let Some(name) = self.ready.pop_front() {
            let Some(rule) = self.rules.get_mut(&name) else {
                continue;
            };
            rule.place = Place::Idle;
            let Some(front) = rule.queue.front() else {
                continue;
            };
            if front.expires_at_ms < now.unix_ms {
                let ticket = front.ticket;
                rule.queue.pop_front();
                self.stay_ready(name, VecDeque::push_front);
                return Some(Turn::Expired(ticket));
            }
            let recipient = Recipient::of(&front.rule, &front.message);
            if let Some(line) = recipients.get_mut(&recipient)
                && line.holder != front.ticket
            {
                line.parked.extend(rule.queue.pop_front());
                self.stay_ready(name, VecDeque::push_front);
                continue;
            }
            if let Some(at) = rule
                .limit
                .as_ref()
                .and_then(|limit| limit.ready_at(now.elapsed))
            {
                rule.place = Place::Blocked;
                self.blocked.insert((at, name));
                continue;
            }
            let Some(waiting) = rule.queue.pop_front() else {
                continue;
            };
            for limit in [&rule.limit, &self.limit].into_iter().flatten() {
                limit.take(now.elapsed);
            }
            recipients.entry(recipient).or_insert_with(|| Line {
                holder: waiting.ticket,
                parked: VecDeque::new(),
            });
            self.in_flight += 1;
            self.stay_ready(name, VecDeque::push_back);
            let cleared = Cleared {
                rule: waiting.rule,
                message: waiting.message,
            };
            return Some(Turn::Send(waiting.ticket, cleared));
        }
        None
    }

    fn stay_ready(&mut self, name: Arc<str>, push: fn(&mut VecDeque<Arc<str>>, Arc<str>)) {
        if let Some(rule) = self.rules.get_mut(&name)
            && !rule.queue.is_empty()
        {
            rule.place = Place::Ready;
            push(&mut self.ready, name);
        }
    }

    fn unblock(&mut self, now: Moment) {
        while let Some((at, _)) = self.blocked.first()
            && *at <= now.elapsed
            && let Some((_, name)) = self.blocked.pop_first()
        {
            if let Some(rule) = self.rules.get_mut(&name) {
                // Its messages may have been forgotten meanwhile.
                rule.place = Place::Idle;
            }
            self.stay_ready(name, VecDeque::push_back);
        }
    }

    fn blocked_until(&self, now: Moment) -> Option<Duration> {
        self.limit
            .as_ref()
            .and_then(|limit| limit.ready_at(now.elapsed))
    }

    fn wake_at(&self, now: Moment) -> Option<Duration> {
        if self.in_flight >= self.max_in_flight {
            return None;
        }
        let own = self.blocked_until(now);
        let own_matters = own.filter(|_| !self.ready.is_empty());
        let first_rule = self.blocked.first().map(|(at, _)| *at);
        [own_matters, first_rule].into_iter().flatten().min()
    }
}

impl RuleLane {
    fn new(rate: Option<Rate>) -> Self {
        Self {
            limit: rate.map(Limit::new),
            rate,
            queue: VecDeque::new(),
            place: Place::Idle,
        }
    }
}
