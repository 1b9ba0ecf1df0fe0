//! Where every message stands, to be compared with what else is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Admission;
use super::lane::AppLane;
use crate::model::Ticket;
use crate::state::Permit;

/// Where every message stands that waits here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// In a lane, or behind the holder of their recipient.
    pub waiting: BTreeSet<Ticket>,
    /// At the gate, each with its permit.
    pub at_gate: BTreeMap<Ticket, Permit>,
    /// Those that hold a recipient.
    pub holders: BTreeSet<Ticket>,
    /// How many slots of each app are taken; apps without any are left out.
    pub slots: BTreeMap<Arc<str>, usize>,
}

impl Admission {
    /// All places. The error says which two of them contradict each other.
    pub fn places(&self) -> Result<Places, String> {
        let mut places = Places::default();
        for (app, lane) in &self.apps {
            lane.add_places(&mut places)
                .map_err(|why| format!("app {app}: {why}"))?;
            if lane.in_flight > 0 {
                places.slots.insert(Arc::clone(app), lane.in_flight);
            }
        }
        for (holder, parked) in self.recipients.lines() {
            if !places.holders.insert(holder) {
                return Err(format!("{holder:?} holds two recipients"));
            }
            for ticket in parked {
                if !places.waiting.insert(ticket) {
                    return Err(format!("{ticket:?} waits twice"));
                }
            }
        }
        Ok(places)
    }
}

impl AppLane {
    fn add_places(&self, places: &mut Places) -> Result<(), String> {
        self.check_rules()?;
        for ticket in self.queued() {
            if !places.waiting.insert(ticket) {
                return Err(format!("{ticket:?} waits twice"));
            }
        }
        for (ticket, permit) in self.at_gate() {
            if places.at_gate.insert(ticket, permit).is_some() {
                return Err(format!("{ticket:?} is at the gate twice"));
            }
        }
        Ok(())
    }
}
