//! What all events come to, and what is wrong with them: each cause by itself, with how often and where first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::report::Event;
use wx_courier_core::model::outcome::Reason;

/// What all events come to.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) events: usize,
    /// Messages by status. An event without any counts as one.
    pub(super) messages: BTreeMap<String, usize>,
    /// How many of those that would be sent belong to an event that the rule lets expire by now.
    pub(super) too_old: usize,
    /// How many of them are hardly meant so, or may be refused all the same.
    pub(super) doubtful: usize,
    /// What is wrong, what is wrong most often first.
    pub(super) problems: Vec<Tally>,
}

/// How often one thing is wrong.
#[derive(Serialize)]
pub(super) struct Tally {
    pub(super) rule: Option<String>,
    /// The value at fault, if it is one.
    pub(super) name: Option<String>,
    /// Why it cannot be sent; or
    pub(super) reason: Option<Reason>,
    /// why it is hardly meant.
    pub(super) doubt: Option<String>,
    /// What was said of the first one. Of the others the same is said, but for numbers.
    pub(super) cause: Option<String>,
    pub(super) times: usize,
    /// The first event that has it.
    pub(super) first: String,
}

/// What stands against a message: the value at fault, if it is one, and why.
pub(super) struct Complaint<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) why: Why<'a>,
}

/// Why a value cannot be sent, or is hardly meant.
#[derive(Clone, Copy)]
pub(super) enum Why<'a> {
    Refused { reason: Reason, detail: &'a str },
    Doubted { doubt: &'a str },
}

impl Summary {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut messages = BTreeMap::new();
        let (mut too_old, mut doubtful) = (0, 0);
        let mut tallies = Tallies::default();
        for event in events {
            for preview in &event.messages {
                *messages.entry(preview.status.clone()).or_default() += 1;
                too_old += usize::from(preview.is_too_old);
                doubtful += usize::from(preview.body.is_some() && !preview.doubts.is_empty());
                for complaint in preview.complaints() {
                    tallies.add(event, preview.rule.as_deref(), &complaint);
                }
            }
        }
        Self {
            events: events.len(),
            messages,
            too_old,
            doubtful,
            problems: tallies.most_often_first(),
        }
    }
}

/// Complaints of one cause are one: what is said of them is the same, but for numbers, such as how long a value is.
#[derive(Default)]
struct Tallies {
    in_order: Vec<Tally>,
    places: BTreeMap<[String; 4], usize>,
}

impl Tallies {
    fn add(&mut self, event: &Event, rule: Option<&str>, complaint: &Complaint<'_>) {
        let (reason, doubt, cause) = match complaint.why {
            Why::Refused { reason, detail } => (Some(reason), None, Some(detail)),
            Why::Doubted { doubt } => (None, Some(doubt), None),
        };
        let word = reason.as_ref().map_or("", Reason::as_str);
        let said = of_any_event(cause.or(doubt).unwrap_or_default());
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let key = [text(rule), text(complaint.name), word.to_owned(), said];
        let next = self.in_order.len();
        let place = *self.places.entry(key).or_insert(next);
        if let Some(tally) = self.in_order.get_mut(place) {
            tally.times += 1;
            return;
        }
        let owned = |part: Option<&str>| part.map(str::to_owned);
        self.in_order.push(Tally {
            rule: owned(rule),
            name: owned(complaint.name),
            reason,
            doubt: owned(doubt),
            cause: owned(cause),
            times: 1,
            first: event.place.clone(),
        });
    }

    fn most_often_first(mut self) -> Vec<Tally> {
        self.in_order
            .sort_by_key(|tally| std::cmp::Reverse(tally.times));
        self.in_order
    }
}

/// A sentence without what differs from event to event: `#` for each number, and for a character that was found.
fn of_any_event(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut quoted = text.split('`').peekable();
    let mut is_quoted = false;
    while let Some(part) = quoted.next() {
        let is_closed = quoted.peek().is_some();
        if is_quoted && is_closed && part.chars().count() == 1 {
            plain.push('#');
        } else {
            for c in part.chars() {
                if !c.is_ascii_digit() {
                    plain.push(c);
                } else if !plain.ends_with('#') {
                    plain.push('#');
                }
            }
        }
        if is_closed {
            plain.push('`');
        }
        is_quoted = !is_quoted;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_event_to_event_makes_no_other_cause() {
        let same = [
            (
                "at most 20 characters fit, found 35",
                "at most 20 characters fit, found 7",
            ),
            (
                "no Han characters, found `订`",
                "no Han characters, found `单`",
            ),
        ];
        for (one, other) in same {
            assert_eq!(of_any_event(one), of_any_event(other));
        }
        let different = [("`data.a` is not there", "`data.b` is not there")];
        for (one, other) in different {
            assert_ne!(of_any_event(one), of_any_event(other));
        }
        assert_eq!(of_any_event("a `b 12"), "a `b #");
    }
}
