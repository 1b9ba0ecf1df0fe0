//! Every index against the states that it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::InFlight;
use crate::flow::Engine;
use crate::flow::message::State;
use crate::flow::offsets::is_open;
use crate::flow::window::WindowQuota;
use crate::model::{Epoch, Partition, Ticket};
use crate::schedule::admission::Places;

impl Engine {
    /// Compares all that is known twice: states with lanes, gate, recipients, slots and times; what is in hand with the window and with
    /// what each partition owes. Costs a walk over everything, so the simulation does it after every round, and a debug build now and then.
    ///
    /// # Errors
    ///
    /// Says what contradicts what.
    pub fn check(&self) -> Result<(), String> {
        self.in_flight.check()?;
        let mut held = WindowQuota::default();
        for (rule, bytes) in self.in_flight.quotas().chain(self.spill.quotas()) {
            held.take(rule, bytes);
        }
        let (of_rules, of_apps) = held.amounts();
        let (rules_now, apps_now) = self.in_flight.window_quota.amounts();
        same("quota of rules", &rules_now, &of_rules)?;
        same("quota of apps", &apps_now, &of_apps)?;
        self.check_exchanges()?;
        self.check_pauses()?;
        self.check_partitions()
    }

    /// What waits behind a pause keeps its recipient from nothing else.
    fn check_pauses(&self) -> Result<(), String> {
        let places = self.in_flight.admission.places()?;
        for (ticket, _, state) in self.in_flight.iter() {
            if let State::Waiting(delivery) = state
                && places.holders.contains(&ticket)
                && self.pauses.is_paused(&delivery.rule)
            {
                return Err(format!(
                    "{ticket:?} holds its recipient through a pause of {}",
                    delivery.rule.name
                ));
            }
        }
        Ok(())
    }

    fn check_exchanges(&self) -> Result<(), String> {
        let mut exchanging = BTreeSet::new();
        for (ticket, _, state) in self.in_flight.iter() {
            if matches!(state, State::Exchanging(_)) {
                exchanging.insert(ticket);
            }
        }
        same(
            "exchanges",
            &self.exchanges.under_way().collect(),
            &exchanging,
        )
    }

    /// What each open record owes is in hand or spilled; and what rests, or is spilled, belongs to an open record.
    fn check_partitions(&self) -> Result<(), String> {
        let mut owed: BTreeMap<(&Partition, Epoch, i64), usize> = BTreeMap::new();
        for (ticket, origin, state) in self.in_flight.iter() {
            let place = origin.place();
            *owed.entry(place).or_default() += 1;
            if state.rests() && !is_open(&self.partitions, place) {
                return Err(format!("{ticket:?} rests, and its record is not open"));
            }
        }
        for place in self.spill.records() {
            *owed.entry(place).or_default() += 1;
            if !is_open(&self.partitions, place) {
                return Err(format!("{}/{} is spilled, and not open", place.0, place.2));
            }
        }
        for (partition, tracker) in &self.partitions {
            for (offset, n_owed) in tracker.owed() {
                let place = (partition, tracker.epoch(), offset);
                let in_hand = owed.get(&place).copied().unwrap_or_default();
                if in_hand != n_owed {
                    return Err(format!(
                        "{partition}/{offset} owes {n_owed}, and {in_hand} are in hand or spilled"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl InFlight {
    fn check(&self) -> Result<(), String> {
        let mut places = Places::default();
        let mut may_hold = BTreeSet::new();
        let mut due: BTreeSet<(Duration, Ticket)> = BTreeSet::new();
        let mut awaiting: BTreeMap<Arc<str>, BTreeMap<u64, Ticket>> = BTreeMap::new();
        let mut bytes = 0;
        for (ticket, item) in &self.items {
            let Some(state) = &item.state else {
                return Err(format!("{ticket:?} is lent after the round"));
            };
            bytes += item.bytes;
            if let Some(at) = state.due() {
                due.insert((at, *ticket));
            }
            if let Some(delivery) = state.delivery() {
                may_hold.insert(*ticket);
                if state.slot().is_some() {
                    places.holders.insert(*ticket);
                    let app = Arc::clone(&delivery.rule.app);
                    *places.slots.entry(app).or_default() += 1;
                }
            }
            if let State::Waiting(_) = state {
                places.waiting.insert(*ticket);
            }
            if let State::AtGate { permit, .. } = state {
                places.at_gate.insert(*ticket, *permit);
            }
            if let State::AwaitingExchange { pending, place, .. } = state {
                let line = awaiting.entry(Arc::clone(&pending.rule.app));
                line.or_default().insert(*place, *ticket);
            }
        }
        let now = self.admission.places()?;
        same("those that wait", &now.waiting, &places.waiting)?;
        same("those at the gate", &now.at_gate, &places.at_gate)?;
        same("slots", &now.slots, &places.slots)?;
        same("times", &self.due, &due)?;
        same(
            "those before an exchange",
            &self.awaiting_exchange,
            &awaiting,
        )?;
        same("bytes", &self.bytes, &bytes)?;
        if let Some(ticket) = places.holders.difference(&now.holders).next() {
            return Err(format!("{ticket:?} is on its way without its recipient"));
        }
        if let Some(ticket) = now.holders.difference(&may_hold).next() {
            return Err(format!("{ticket:?} holds a recipient and needs none"));
        }
        Ok(())
    }

    fn quotas(&self) -> impl Iterator<Item = (&Arc<crate::rules::Rule>, usize)> {
        let items = self.items.values();
        items.filter_map(|item| Some((item.quota_of.as_ref()?, item.bytes)))
    }
}

fn same<T: Debug + PartialEq>(what: &str, index: &T, states: &T) -> Result<(), String> {
    if index == states {
        return Ok(());
    }
    Err(format!(
        "{what}: the index has {index:?}, the states say {states:?}"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::flow::in_flight::NewItem;
    use crate::flow::message::Origin;
    use crate::grants::{self, Report, Source};
    use crate::model::{Moment, Record};
    use crate::schedule::admission::{Admission, AppBounds};
    use crate::schedule::pauses::Pauses;
    use crate::wechat::Word;

    fn origin() -> Arc<Origin> {
        let topic: Arc<str> = Arc::from("events");
        Arc::new(Origin {
            partition: Partition {
                topic: Arc::clone(&topic),
                number: 0,
            },
            epoch: Epoch(1),
            record: Arc::new(Record {
                topic,
                partition: 0,
                offset: 1,
                key: None,
                headers: Vec::new(),
                value: None,
                timestamp_ms: None,
            }),
            event: None,
            rules_version: Arc::from("1"),
            received: Moment {
                elapsed: Duration::ZERO,
                unix_ms: 0,
            },
            identity: OnceLock::new(),
        })
    }

    /// What puts an index wrong.
    type Fault = fn(&mut InFlight);

    /// One report in hand.
    fn in_hand() -> InFlight {
        let bounds = AppBounds {
            rate: None,
            max_in_flight: 1,
        };
        let mut in_flight = InFlight::new(Admission::new([(Arc::from("shop"), bounds)]));
        let report = Report {
            key: grants::Key {
                app: Arc::from("shop"),
                openid: Arc::from("o1"),
                template_id: Arc::from("T1"),
            },
            id: Arc::from("e1"),
            source: Source::Event,
            word: Word::Accept,
            at_ms: 0,
            now_ms: 0,
        };
        let again_at = None;
        let new = NewItem {
            origin: origin(),
            bytes: 10,
            quota_of: None,
            state: State::Reporting { report, again_at },
        };
        in_flight.insert(Ticket(1), new, &mut Pauses::default());
        in_flight
    }

    #[test]
    fn what_was_entered_agrees() {
        assert_eq!(in_hand().check(), Ok(()));
    }

    #[test]
    fn an_index_that_came_apart_is_noticed() {
        let faults: [(&str, Fault); 5] = [
            ("times", |it| {
                it.due.insert((Duration::ZERO, Ticket(1)));
            }),
            ("those before an exchange", |it| {
                let line = BTreeMap::from([(1, Ticket(1))]);
                it.awaiting_exchange.insert(Arc::from("shop"), line);
            }),
            ("bytes", |it| it.bytes += 1),
            ("is lent", |it| {
                drop(it.lend(Ticket(1)));
            }),
            ("bytes", |it| {
                it.items.clear();
            }),
        ];
        for (said, fault) in faults {
            let mut in_flight = in_hand();
            fault(&mut in_flight);
            let why = in_flight.check().unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}
