//! Partitions come and go. What has begun is finished, what nobody has seen anything of is left to the next owner.

use std::time::Duration;

use super::{Effect, Engine, Stage, ledger_of};
use crate::pipeline::admission::Ticket;
use crate::pipeline::moment::Moment;
use crate::pipeline::offsets::{Epoch, Ledger, Partition};

/// Names one request to give partitions back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandoverId(pub u64);

/// Partitions that are being given back.
pub(super) struct Handover {
    partitions: Vec<Partition>,
    /// When it ends, finished or not.
    pub(super) deadline: Duration,
}

impl Engine {
    pub(super) fn assigned(&mut self, partitions: Vec<(Partition, Epoch)>) {
        for (partition, epoch) in partitions {
            self.ledgers.insert(partition, Ledger::new(epoch));
        }
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
        self.drop_unbegun();
    }

    fn close(&mut self, now: Moment, partitions: Vec<Partition>, patience: Duration) -> Handover {
        for partition in &partitions {
            if let Some(ledger) = self.ledgers.get_mut(partition) {
                ledger.close();
            }
        }
        self.drop_unbegun();
        self.positions_may_have_moved(now);
        Handover {
            partitions,
            deadline: now.elapsed + patience,
        }
    }

    /// Drops every duty that its ledger has forgotten, but for calls under way and outcomes on their way.
    pub(super) fn drop_unbegun(&mut self) {
        for ledger in self
            .ledgers
            .values_mut()
            .filter(|ledger| ledger.is_closing())
        {
            ledger.close();
        }
        let ledgers = &mut self.ledgers;
        let forgotten = |ticket: &Ticket| {
            let duty = self.duties.get(ticket)?;
            let offset = duty.origin.record.offset;
            let kept = ledger_of(ledgers, &duty.origin).is_some_and(|ledger| ledger.keeps(offset));
            match &duty.stage {
                Stage::Waiting(_) | Stage::BackingOff(_) => (!kept).then_some(*ticket),
                Stage::Sending(_) | Stage::Publishing { .. } => None,
            }
        };
        let tickets: Vec<Ticket> = self.duties.keys().copied().collect();
        let gone: std::collections::BTreeSet<Ticket> =
            tickets.iter().filter_map(forgotten).collect();
        self.admission.forget(&|ticket| gone.contains(&ticket));
        for ticket in gone {
            if let Some(duty) = self.drop_duty(ticket)
                && let Stage::Waiting(delivery) | Stage::BackingOff(delivery) = duty.stage
            {
                self.admission
                    .let_go(ticket, &delivery.rule, &delivery.message);
            }
        }
    }

    pub(super) fn finish_handovers(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some(handover) = self.first_finished(now) {
            let Some(finished) = self.handovers.remove(&handover) else {
                return;
            };
            let mut positions = Vec::new();
            for partition in finished.partitions {
                if let Some(ledger) = self.ledgers.remove(&partition)
                    && let Some(position) = ledger.position()
                {
                    positions.push((partition, position));
                }
            }
            self.drop_unbegun();
            effects.push(Effect::Release {
                handover,
                positions,
            });
        }
        self.finish_drain(now, effects);
    }

    fn first_finished(&self, now: Moment) -> Option<HandoverId> {
        let finished = |(_, handover): &(&HandoverId, &Handover)| self.is_finished(now, handover);
        self.handovers.iter().find(finished).map(|(id, _)| *id)
    }

    fn is_finished(&self, now: Moment, handover: &Handover) -> bool {
        let settled = |partition| self.ledgers.get(partition).is_none_or(Ledger::is_settled);
        now.elapsed >= handover.deadline || handover.partitions.iter().all(settled)
    }

    fn finish_drain(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(draining) = &self.draining else {
            return;
        };
        let late = now.elapsed >= draining.deadline;
        // Calls and outcomes of partitions that were given away count too: they are still ours to finish.
        let all_done = self.is_finished(now, draining) && self.duties.is_empty();
        if !late && !all_done {
            return;
        }
        self.draining = None;
        for (partition, ledger) in &mut self.ledgers {
            if let Some(position) = ledger.moved_position() {
                let (partition, epoch) = (partition.clone(), ledger.epoch());
                effects.push(Effect::Commit {
                    partition,
                    epoch,
                    position,
                });
            }
        }
        effects.push(Effect::Drained {
            unfinished: self.duties.len(),
        });
    }
}
