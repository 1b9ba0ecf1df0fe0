//! Partitions come and go. What has begun is finished, what has not begun is left to the next owner.

use std::collections::BTreeSet;
use std::time::Duration;

use super::engine::tracker_of;
use super::message::Origin;
use super::{Effect, Engine};
use crate::flow::offsets::{Closed, OffsetTracker, is_open};
use crate::model::{Epoch, Moment, Partition, Ticket};

/// Names one request to give partitions back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandoverId(pub u64);

/// Partitions that are being given back.
pub(super) struct Handover {
    /// In the assignments that they were asked back from: a newer one is no business of this request.
    partitions: Vec<(Partition, Epoch)>,
    /// When it ends, finished or not.
    pub(super) deadline: Duration,
}

impl Engine {
    pub(super) fn assigned(&mut self, now: Moment, partitions: Vec<(Partition, Epoch)>) {
        for (partition, epoch) in partitions {
            self.rate_share.came(now, &partition, epoch);
            let mut tracker = OffsetTracker::new(epoch);
            if self.draining.is_some() {
                tracker.close();
            }
            self.partitions.insert(partition, tracker);
        }
        // What rests from an assignment before is read again in this one.
        self.drop_forgotten();
    }

    pub(super) fn revoked(
        &mut self,
        now: Moment,
        handover: HandoverId,
        partitions: Vec<Partition>,
        timeout: Duration,
    ) {
        let begun = self.close(now, partitions, timeout);
        self.handovers.insert(handover, begun);
    }

    pub(super) fn drain(&mut self, now: Moment, timeout: Duration) {
        if self.draining.is_none() {
            let partitions = self.partitions.keys().cloned().collect();
            self.draining = Some(self.close(now, partitions, timeout));
        }
    }

    /// The partitions have another owner already. Calls that are under way end as they may; their outcomes are published, and move
    /// nothing.
    pub(super) fn lost(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.partitions.remove(partition);
        }
        self.rate_share.went();
        self.drop_forgotten();
    }

    fn close(&mut self, now: Moment, partitions: Vec<Partition>, timeout: Duration) -> Handover {
        let mut closed = Vec::new();
        for partition in partitions {
            if let Some(tracker) = self.partitions.get_mut(&partition) {
                tracker.close();
                closed.push((partition, tracker.epoch()));
            }
        }
        self.drop_forgotten();
        self.positions_may_have_moved(now);
        Handover {
            partitions: closed,
            deadline: now.elapsed.saturating_add(timeout),
        }
    }

    /// Drops every message at rest that its tracker has forgotten.
    pub(super) fn drop_forgotten(&mut self) {
        self.spill
            .forget(&self.partitions, &mut self.in_flight.window_quota);
        let mut forgotten = BTreeSet::new();
        for (ticket, origin, state) in self.in_flight.iter() {
            if state.rests() && !is_open(&self.partitions, origin.place()) {
                forgotten.insert(ticket);
            }
        }
        if !forgotten.is_empty() {
            self.in_flight.drop_all(&forgotten, &mut self.pauses);
        }
    }

    /// A message at rest need not be waited for where its partition is given back, nor be kept where it is gone: the next owner reads its record
    /// again.
    pub(super) fn drop_if_revoked(&mut self, ticket: Ticket, origin: &Origin) {
        if tracker_of(&mut self.partitions, origin).is_none() {
            let gone = BTreeSet::from([ticket]);
            self.in_flight.drop_all(&gone, &mut self.pauses);
        } else {
            self.close_again(origin);
        }
    }

    /// Whether a record is its next owner's.
    pub(super) fn is_revoked(&mut self, origin: &Origin) -> bool {
        self.close_again(origin);
        !is_open(&self.partitions, origin.place())
    }

    /// A partition is being given back, and less of it has begun than was thought: a message, or a question about it, has come to nothing.
    fn close_again(&mut self, origin: &Origin) {
        let Some(tracker) = tracker_of(&mut self.partitions, origin) else {
            return;
        };
        if !tracker.is_closing() {
            return;
        }
        let closed = tracker.close();
        if closed == Closed::Shorter || !tracker.keeps(origin.record.offset) {
            self.drop_forgotten();
        }
    }

    /// What is begun now has to end here, or the record would be begun with again by the partition's next owner.
    pub(super) fn mark_irrevocable(&mut self, origin: &Origin, effects: &mut Vec<Effect>) {
        let tracker = tracker_of(&mut self.partitions, origin);
        let is_kept = tracker.is_some_and(|tracker| tracker.mark_irrevocable(origin.record.offset));
        if !is_kept {
            self.fault(
                origin,
                "it is begun with, and its record is not open",
                effects,
            );
        }
    }

    /// What was begun with a message has reached no user: its record may be read again without harm.
    pub(super) fn clear_irrevocable(&mut self, origin: &Origin) {
        if let Some(tracker) = tracker_of(&mut self.partitions, origin) {
            tracker.clear_irrevocable(origin.record.offset);
        }
    }

    /// What a record owed is done: an outcome is acknowledged, or what it told is noted.
    pub(super) fn acknowledge(&mut self, now: Moment, origin: &Origin, effects: &mut Vec<Effect>) {
        // Once the partition is gone its next owner counts.
        let tracker = tracker_of(&mut self.partitions, origin);
        let was_owed = tracker.is_none_or(|tracker| tracker.acknowledge(origin.record.offset));
        if !was_owed {
            self.fault(origin, "more is acknowledged than its record owed", effects);
        }
        self.positions_may_have_moved(now);
    }

    pub(super) fn finish_handovers(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some(handover) = self.first_finished(now) {
            let Some(finished) = self.handovers.remove(&handover) else {
                return;
            };
            let mut positions = Vec::new();
            for (partition, epoch) in finished.partitions {
                let tracker = self.partitions.get(&partition);
                if tracker.is_none_or(|tracker| tracker.epoch() != epoch) {
                    continue;
                }
                if let Some(position) = self
                    .partitions
                    .remove(&partition)
                    .and_then(|tracker| tracker.position())
                {
                    positions.push((partition, position));
                }
            }
            self.rate_share.went();
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
            let tracker = self.partitions.get(partition);
            tracker.is_none_or(|tracker| tracker.epoch() != *epoch || tracker.has_ended())
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
            unfinished: self.in_flight.len() + self.n_spilled(),
        });
    }
}
