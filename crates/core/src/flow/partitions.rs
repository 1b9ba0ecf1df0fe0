//! Partitions come and go. What has begun is finished, what nobody has seen anything of is left to the next owner.

use std::collections::BTreeSet;
use std::time::Duration;

use super::engine::ledger_of;
use super::message::Origin;
use super::{Effect, Engine};
use crate::flow::offsets::{Closed, Ledger};
use crate::model::{Epoch, Moment, Partition, Ticket};

/// Names one request to give partitions back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandoverId(pub u64);

/// Partitions that are being given back.
pub(super) struct Handover {
    /// In the assignments that they were asked back from: a newer one is nobody's business here.
    partitions: Vec<(Partition, Epoch)>,
    /// When it ends, finished or not.
    pub(super) deadline: Duration,
}

impl Engine {
    pub(super) fn assigned(&mut self, now: Moment, partitions: Vec<(Partition, Epoch)>) {
        for (partition, epoch) in partitions {
            self.sharing.came(now, &partition, epoch);
            let mut ledger = Ledger::new(epoch);
            if self.draining.is_some() {
                ledger.close();
            }
            self.ledgers.insert(partition, ledger);
        }
        self.spill.forget(&self.ledgers, &mut self.in_flight.quota);
    }

    pub(super) fn revoked(
        &mut self,
        now: Moment,
        handover: HandoverId,
        partitions: Vec<Partition>,
        patience: Duration,
    ) {
        let begun = self.close(now, partitions, patience);
        self.handovers.insert(handover, begun);
    }

    pub(super) fn drain(&mut self, now: Moment, patience: Duration) {
        if self.draining.is_none() {
            let partitions = self.ledgers.keys().cloned().collect();
            self.draining = Some(self.close(now, partitions, patience));
        }
    }

    /// The partitions have another owner already. Calls that are under way end as they may; their outcomes are published, and move
    /// nothing.
    pub(super) fn lost(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.ledgers.remove(partition);
        }
        self.sharing.went();
        self.drop_forgotten();
    }

    fn close(&mut self, now: Moment, partitions: Vec<Partition>, patience: Duration) -> Handover {
        let mut closed = Vec::new();
        for partition in partitions {
            if let Some(ledger) = self.ledgers.get_mut(&partition) {
                ledger.close();
                closed.push((partition, ledger.epoch()));
            }
        }
        self.drop_forgotten();
        self.positions_may_have_moved(now);
        Handover {
            partitions: closed,
            deadline: now.elapsed.saturating_add(patience),
        }
    }

    /// Drops every message at rest that its ledger has forgotten.
    pub(super) fn drop_forgotten(&mut self) {
        self.spill.forget(&self.ledgers, &mut self.in_flight.quota);
        let mut forgotten = BTreeSet::new();
        for (ticket, origin, state) in self.in_flight.iter() {
            let ledger = self.ledgers.get(&origin.partition);
            let is_kept = ledger.is_some_and(|ledger| {
                ledger.epoch() == origin.epoch && ledger.keeps(origin.record.offset)
            });
            if state.rests() && !is_kept {
                forgotten.insert(ticket);
            }
        }
        if !forgotten.is_empty() {
            self.in_flight.drop_all(&forgotten, &self.pauses);
        }
    }

    /// A message at rest need not be waited for where its partition is given back, nor be kept where it is gone: the next owner reads its record
    /// again.
    pub(super) fn drop_if_revoked(&mut self, ticket: Ticket, origin: &Origin) {
        if ledger_of(&mut self.ledgers, origin).is_none() {
            let gone = BTreeSet::from([ticket]);
            self.in_flight.drop_all(&gone, &self.pauses);
        } else {
            self.close_again(origin);
        }
    }

    /// Whether a record is its next owner's.
    pub(super) fn is_revoked(&mut self, origin: &Origin) -> bool {
        self.close_again(origin);
        let ledger = ledger_of(&mut self.ledgers, origin);
        ledger.is_none_or(|ledger| !ledger.keeps(origin.record.offset))
    }

    /// A partition is being given back, and less of it has begun than was thought: a message, or a question about it, has come to nothing.
    fn close_again(&mut self, origin: &Origin) {
        let Some(ledger) = ledger_of(&mut self.ledgers, origin) else {
            return;
        };
        if !ledger.is_closing() {
            return;
        }
        let closed = ledger.close();
        if closed == Closed::Shorter || !ledger.keeps(origin.record.offset) {
            self.drop_forgotten();
        }
    }

    pub(super) fn finish_handovers(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some(handover) = self.first_finished(now) {
            let Some(finished) = self.handovers.remove(&handover) else {
                return;
            };
            let mut positions = Vec::new();
            for (partition, epoch) in finished.partitions {
                let ledger = self.ledgers.get(&partition);
                if ledger.is_none_or(|ledger| ledger.epoch() != epoch) {
                    continue;
                }
                if let Some(position) = self
                    .ledgers
                    .remove(&partition)
                    .and_then(|ledger| ledger.position())
                {
                    positions.push((partition, position));
                }
            }
            self.sharing.went();
            self.drop_forgotten();
            effects.push(Effect::Release {
                handover,
                positions,
            });
        }
    }

    fn first_finished(&self, now: Moment) -> Option<HandoverId> {
        let finished = |(_, handover): &(&HandoverId, &Handover)| self.is_finished(now, handover);
        self.handovers.iter().find(finished).map(|(id, _)| *id)
    }

    fn is_finished(&self, now: Moment, handover: &Handover) -> bool {
        let settled = |(partition, epoch): &(Partition, Epoch)| {
            let ledger = self.ledgers.get(partition);
            ledger.is_none_or(|ledger| ledger.epoch() != *epoch || ledger.is_settled())
        };
        now.elapsed >= handover.deadline || handover.partitions.iter().all(settled)
    }

    pub(super) fn drain_is_late(&self, now: Moment) -> bool {
        let draining = self.draining.as_ref();
        draining.is_some_and(|draining| now.elapsed >= draining.deadline)
    }

    pub(super) fn finish_drain(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(draining) = &self.draining else {
            return;
        };
        // Calls and outcomes of partitions that were given away count too: they are still ours to finish.
        let all_done = self.is_finished(now, draining) && self.in_flight.is_empty();
        if !self.drain_is_late(now) && !all_done {
            return;
        }
        self.draining = None;
        self.report_positions(effects);
        effects.push(Effect::Drained {
            unfinished: self.in_flight.len() + self.n_aside(),
        });
    }
}
