//! Partitions come and go. What has begun is finished, what nobody has seen anything of is left to the next owner.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Effect, Engine, Stage, ledger_of};
use crate::flow::offsets::Ledger;
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
        self.shares.forget(&self.ledgers);
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

    /// Drops every message that its ledger has forgotten, but for those on their way to `WeChat` or to their outcome.
    pub(super) fn drop_forgotten(&mut self) {
        self.shares.forget(&self.ledgers);
        let mut forgotten = BTreeSet::new();
        for (ticket, duty) in &self.duties {
            let waits = matches!(
                duty.stage,
                Stage::Unaddressed(_)
                    | Stage::Waiting(_)
                    | Stage::BackingOff(_)
                    | Stage::Unsettled(_)
            );
            let ledger = ledger_of(&mut self.ledgers, &duty.origin);
            if waits && ledger.is_none_or(|ledger| !ledger.keeps(duty.origin.record.offset)) {
                forgotten.insert(*ticket);
            }
        }
        if forgotten.is_empty() {
            return;
        }
        self.admission.forget(&|ticket| forgotten.contains(&ticket));
        for ticket in forgotten {
            self.abandon(ticket);
        }
    }

    /// Ends a message here without an outcome: whoever has the partition next reads its record again.
    pub(super) fn abandon(&mut self, ticket: Ticket) {
        if let Some(duty) = self.drop_duty(ticket)
            && let Stage::Waiting(delivery) | Stage::BackingOff(delivery) = duty.stage
        {
            self.let_go(ticket, &delivery);
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
        let all_done = self.is_finished(now, draining) && self.duties.is_empty();
        if !self.drain_is_late(now) && !all_done {
            return;
        }
        self.draining = None;
        self.report_positions(effects);
        effects.push(Effect::Drained {
            unfinished: self.duties.len() + self.n_aside(),
        });
    }
}
