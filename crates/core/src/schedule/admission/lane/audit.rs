//! What a lane says of itself, to be compared with what else is known.

use std::sync::Arc;

use super::rule::InLine;
use super::{AppLane, AtGate};
use crate::model::Ticket;
use crate::state::Permit;

impl AppLane {
    /// All that wait in it.
    pub(in crate::schedule::admission) fn queued(&self) -> impl Iterator<Item = Ticket> {
        let rules = self.rules.values();
        rules.flat_map(|rule| rule.queue.iter().map(|waiting| waiting.ticket))
    }

    /// All that stand at its gate, each with its permit.
    pub(in crate::schedule::admission) fn at_gate(&self) -> impl Iterator<Item = (Ticket, Permit)> {
        let at_gate = self.at_gate.iter();
        at_gate.map(|at_gate| (at_gate.ticket, at_gate.permit))
    }

    /// Whether every rule with something to send is in line for it, and the gate was counted right.
    pub(in crate::schedule::admission) fn check_rules(&self) -> Result<(), String> {
        for (name, rule) in &self.rules {
            let is_in_line = match rule.place {
                InLine::Idle => rule.queue.is_empty(),
                InLine::Ready => self.ready.iter().any(|ready| ready == name),
                InLine::Blocked(at) => self.blocked.contains(&(at, Arc::clone(name))),
            };
            if !is_in_line {
                return Err(format!("rule {name} has its place in no line"));
            }
            let of_rule = |at_gate: &&AtGate| at_gate.cleared.rule.name == *name;
            if rule.n_at_gate != self.at_gate.iter().filter(of_rule).count() {
                return Err(format!("rule {name} counts {} at the gate", rule.n_at_gate));
            }
        }
        for (api, throttle) in &self.throttles {
            let of_api = |at_gate: &&AtGate| at_gate.cleared.rule.api() == *api;
            if throttle.n_at_gate != self.at_gate.iter().filter(of_api).count() {
                return Err(format!("{api:?} counts {} at the gate", throttle.n_at_gate));
            }
        }
        Ok(())
    }
}
