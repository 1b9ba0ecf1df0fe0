//! What is published while there is trouble, and what shall come of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::events::{self, Event};
use crate::support::oracle::{InDoubt, Memory, Owed};
use crate::support::topic::Published;
use crate::support::world::World;

/// The header that names a record's number. The service does not look at it.
const NUMBER: &str = "number";

/// Users who have not subscribed.
pub(super) const N_REFUSED_USERS: usize = 50;

/// A user who has not subscribed.
pub(super) fn refused_user(n: usize) -> String {
    format!("oNope{n:04}_M2pxb1Q9zNjWe")
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It becomes a message that the API takes, unless there is trouble.
    Good,
    /// It becomes a message that the API refuses.
    Refused,
    /// It is an event that no message can be made of.
    Invalid,
    /// It is no event.
    Undecodable,
    /// No rule wants it.
    Unmatched,
}

struct Planned {
    kind: Kind,
    /// Nothing for what is no event.
    event: Option<Event>,
}

/// Publishes, and remembers what.
pub(super) struct Load {
    random: fastrand::Rng,
    published: Vec<Planned>,
    n_owing: usize,
}

impl Load {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            published: Vec::new(),
            n_owing: 0,
        }
    }

    /// Records so far.
    pub(super) fn len(&self) -> usize {
        self.published.len()
    }

    /// Records so far that owe an outcome.
    pub(super) fn n_owing(&self) -> usize {
        self.n_owing
    }

    /// Hands one more record to the producer.
    pub(super) fn publish_one(&mut self, world: &World) {
        let number = self.published.len();
        let planned = self.plan(number);
        let text = number.to_string();
        let headers = [(NUMBER, text.as_str())];
        match &planned.event {
            Some(event) => {
                // A record that comes again lies in the same partition, or in any.
                let key = match self.random.usize(0..2) {
                    0 => event.openid.clone(),
                    _ => text.clone(),
                };
                world.hand_over(&key, &headers, &event.structured());
            }
            None => world.hand_over(&text, &headers, &[0xff, 0xfe, b'{']),
        }
        self.n_owing += usize::from(planned.kind != Kind::Unmatched);
        self.published.push(planned);
    }

    fn plan(&mut self, number: usize) -> Planned {
        let good = |event| Planned {
            kind: Kind::Good,
            event: Some(event),
        };
        match self.random.u32(0..100) {
            0..6 => match self.again(number) {
                Some(planned) => planned,
                None => good(events::order(number)),
            },
            6..9 => {
                let user = refused_user(self.random.usize(0..N_REFUSED_USERS));
                Planned {
                    kind: Kind::Refused,
                    event: Some(events::order_of(number, &user)),
                }
            }
            9..11 => {
                let mut event = events::order(number);
                event.data["openid"] = Value::Null;
                Planned {
                    kind: Kind::Invalid,
                    event: Some(event),
                }
            }
            11 => Planned {
                kind: Kind::Undecodable,
                event: None,
            },
            12 => {
                let mut event = events::order(number);
                event.kind = "coupon.issued";
                Planned {
                    kind: Kind::Unmatched,
                    event: Some(event),
                }
            }
            13..43 => good(events::order(number)),
            43..73 => good(events::shipment(number)),
            _ => good(events::class(number)),
        }
    }

    /// A record with a message that was there before: one of the last ones, or any.
    fn again(&mut self, number: usize) -> Option<Planned> {
        let n_back = match self.random.usize(0..3) {
            0 => self.published.len(),
            1 => 100,
            _ => 5,
        };
        let first = self.published.len().saturating_sub(n_back);
        let earlier = self.published.get(first..)?;
        let earlier = earlier.get(self.random.usize(0..earlier.len().max(1)))?;
        let (Kind::Good | Kind::Refused, Some(event)) = (earlier.kind, &earlier.event) else {
            return None;
        };
        let (kind, mut event) = (earlier.kind, event.clone());
        if event.rule == "shipment-arrived" && self.random.bool() {
            // The same arrival, reported as a new event: the rule's `dedupe` makes it the same message.
            event.id = format!("event-{number}");
        }
        let event = Some(event);
        Some(Planned { kind, event })
    }

    /// What the records on the source topic owe. Panics unless they are what was published, each once.
    pub(super) fn owed(
        &self,
        world: &World,
        records: &[Published],
        memory: Memory,
        in_doubt: impl Fn(&str) -> InDoubt,
    ) -> Vec<Owed> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for planned in &self.published {
            if let Some(event) = &planned.event {
                *times.entry(&event.message_id).or_default() += 1;
            }
        }
        let mut is_there = vec![false; self.published.len()];
        let mut owed = Vec::new();
        for record in records {
            let number: usize = record
                .header(NUMBER)
                .parse()
                .expect("a record has a number");
            assert!(!is_there[number], "record {number} was published twice");
            is_there[number] = true;
            let (partition, offset) = (record.partition, record.offset);
            let place = format!("{}/{partition}/{offset}", world.source());
            let planned = &self.published[number];
            let Some(event) = &planned.event else {
                owed.push(owed_by_undecodable(place));
                continue;
            };
            let sent = matches!(planned.kind, Kind::Good | Kind::Refused);
            let has_twins = times[event.message_id.as_str()] > 1;
            owed.extend(ends(planned.kind, memory, has_twins).map(|ends| Owed {
                outcome_id: format!("{place}/{}", event.rule),
                message_id: event.message_id.clone(),
                rule: event.rule.to_owned(),
                mark: sent.then(|| event.mark.clone()),
                in_doubt: in_doubt(event.rule),
                ends,
            }));
        }
        let n_missing = is_there.iter().filter(|is_there| !**is_there).count();
        assert_eq!(n_missing, 0, "records that are not on the source topic");
        owed
    }
}

fn owed_by_undecodable(place: String) -> Owed {
    Owed {
        message_id: place.clone(),
        outcome_id: place,
        rule: String::new(),
        mark: None,
        in_doubt: InDoubt::Leave,
        ends: &["invalid"],
    }
}

/// The statuses that a record's message may end in; nothing if it owes none.
fn ends(kind: Kind, memory: Memory, has_twins: bool) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Good if has_twins && memory == Memory::Durable => {
            Some(&["sent", "failed", "unknown", "skipped"])
        }
        Kind::Good => Some(&["sent", "failed", "unknown"]),
        // A refusal whose answer was too late leaves a doubt behind.
        Kind::Refused if has_twins && memory == Memory::Durable => {
            Some(&["rejected", "failed", "unknown", "skipped"])
        }
        Kind::Refused => Some(&["rejected", "failed", "unknown"]),
        Kind::Invalid | Kind::Undecodable => Some(&["invalid"]),
        Kind::Unmatched => None,
    }
}
