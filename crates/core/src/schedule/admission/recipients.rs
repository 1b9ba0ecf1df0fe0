//! One message at a time to each user of an app: `WeChat` refuses a second call while one is under way (43108).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Waiting;
use crate::message::Message;
use crate::model::Ticket;
use crate::rules::Rule;

/// Which message holds which recipient, and which messages come after.
#[derive(Default)]
pub(super) struct Recipients {
    lines: HashMap<Recipient, Line>,
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

/// A recipient that a message holds, and what comes after.
struct Line {
    holder: Ticket,
    parked: VecDeque<Waiting>,
}

impl Recipients {
    /// Takes the recipient for a message, which comes back with it; or puts the message in line behind the one that holds its recipient.
    pub(super) fn take_or_park(&mut self, waiting: Waiting) -> Option<Waiting> {
        let recipient = Recipient::of(&waiting.rule, &waiting.message);
        let line = self.lines.entry(recipient).or_insert_with(|| Line {
            holder: waiting.ticket,
            parked: VecDeque::new(),
        });
        if line.holder != waiting.ticket {
            line.parked.push_back(waiting);
            return None;
        }
        Some(waiting)
    }

    /// Gives a recipient up; the next in line holds it from now on, so that nothing overtakes those that are parked.
    pub(super) fn release_recipient(
        &mut self,
        ticket: Ticket,
        rule: &Rule,
        message: &Arc<Message>,
    ) -> Option<Waiting> {
        let Entry::Occupied(mut line) = self.lines.entry(Recipient::of(rule, message)) else {
            return None;
        };
        if line.get().holder != ticket {
            return None;
        }
        let Some(next) = line.get_mut().parked.pop_front() else {
            line.remove();
            return None;
        };
        line.get_mut().holder = next.ticket;
        Some(next)
    }

    /// The message that holds each recipient, and the messages that are parked behind it.
    pub(super) fn lines(&self) -> impl Iterator<Item = (Ticket, impl Iterator<Item = Ticket>)> {
        let lines = self.lines.values();
        lines.map(|line| {
            (
                line.holder,
                line.parked.iter().map(|waiting| waiting.ticket),
            )
        })
    }

    pub(super) fn forget(&mut self, gone: &dyn Fn(Ticket) -> bool) {
        for line in self.lines.values_mut() {
            line.parked.retain(|waiting| !gone(waiting.ticket));
        }
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
