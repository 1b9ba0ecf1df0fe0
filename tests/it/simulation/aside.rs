//! Records that an engine has set aside, and reads again.

use std::sync::Arc;

use wx_courier_core::flow::Input;
use wx_courier_core::model::{Partition, Record, Ticket};

use super::former::ordinary;
use super::mutant::Mutant;
use super::setting::Retention;
use super::world::{Happening, MAX_MESSAGES, TROUBLE_MS, World};

impl World {
    /// Answers come in the order of the questions, as from one thread.
    pub(super) fn want_again(
        &mut self,
        member: usize,
        ticket: Ticket,
        partition: &Partition,
        offset: i64,
    ) -> Result<(), String> {
        self.seen.set_aside += 1;
        self.window_holds(member)?;
        if self.is_broken(Mutant::ForgetsWhatIsAside) && self.random.u8(..20) == 0 {
            return Ok(());
        }
        let at = self
            .mostly_soon(20, 3_000)
            .max(self.members[member].read_again_ms);
        self.members[member].read_again_ms = at;
        let incarnation = self.members[member].incarnation;
        let place = (partition.clone(), offset);
        self.plan(at, Happening::ReadAgain(member, incarnation, ticket, place));
        Ok(())
    }

    pub(super) fn read_again(
        &mut self,
        member: usize,
        incarnation: u64,
        ticket: Ticket,
        (partition, offset): (Partition, i64),
    ) -> Result<(), String> {
        if self.members[member].incarnation != incarnation {
            return Ok(());
        }
        let found = self.log[&partition]
            .iter()
            .find(|record| record.offset == offset);
        let Some(record) = found.cloned() else {
            return Err(format!(
                "{partition}/{offset} is read again and never was there"
            ));
        };
        let is_gone = self.is_gone(&partition, offset)
            || (self.now_ms < TROUBLE_MS && self.random.u8(..40) == 0 && self.may_go(&record));
        if is_gone {
            self.gone.insert((partition, offset));
            self.seen.gone += 1;
        }
        self.note(|| {
            format!(
                "member {member} reads {} again, gone: {is_gone}",
                record.position()
            )
        });
        let record = (!is_gone).then_some(record);
        self.step(member, Input::ReadAgain { ticket, record })
    }

    pub(super) fn is_gone(&self, partition: &Partition, offset: i64) -> bool {
        self.gone.contains(&(partition.clone(), offset))
    }

    /// Records that a process has claims for when it ends, or is stopped, may be gone before any process reads them again.
    pub(super) fn sweep_claimed_by(&mut self, member: usize) {
        if self.retention == Retention::Long || self.now_ms > TROUBLE_MS {
            return;
        }
        let process = self.process_of(member);
        let claimed = self.claimed_for.iter();
        let claimed = claimed.filter(|(holder, id)| {
            holder.process == process
                && self.granted.contains_key(holder)
                && !self.settled.contains_key(id.as_ref())
        });
        let ids: Vec<Arc<str>> = claimed.map(|(_, id)| Arc::clone(id)).collect();
        for id in ids {
            if let Some((partition, offset)) = place_of(&id) {
                self.delete(partition, offset);
            }
        }
    }

    /// Retention deletes from the beginning, whatever has become of it.
    pub(super) fn sweep(&mut self) {
        let partitions: Vec<Partition> = self.log.keys().cloned().collect();
        let partition = partitions[self.random.usize(..partitions.len())].clone();
        let n_deleted = self.random.usize(..self.log[&partition].len());
        let deleted = self.log[&partition].iter().take(n_deleted);
        let offsets: Vec<i64> = deleted.map(|record| record.offset).collect();
        for offset in offsets {
            self.delete(partition.clone(), offset);
        }
    }

    /// The end of a partition stays.
    fn delete(&mut self, partition: Partition, offset: i64) {
        let last = self.log[&partition].last();
        if last.is_none_or(|last| last.offset == offset) {
            return;
        }
        self.note(|| format!("{partition}/{offset} is deleted"));
        if self.gone.insert((partition, offset)) {
            self.seen.swept += 1;
        }
    }

    /// Whether the record that this is an outcome of is gone.
    pub(super) fn is_of_gone(&self, outcome_id: &str) -> bool {
        place_of(outcome_id).is_some_and(|place| self.gone.contains(&place))
    }

    /// Long retention does not delete what a process has begun with, nor the end of a partition.
    fn may_go(&self, record: &Record) -> bool {
        let position = record.position();
        let mut of_topic = self.log.values();
        let is_last =
            of_topic.any(|records| records.last().map(Record::position) == Some(position.clone()));
        let is_of = |id: &str| {
            let id = ordinary(id);
            id.rsplit_once('/').is_some_and(|(of, _)| of == position) || id == position
        };
        if self.retention == Retention::Short {
            return !is_last;
        }
        !is_last
            && !self.acknowledged.keys().any(|id| is_of(id))
            && !self.claimed_for.values().any(|id| is_of(id))
            && !self.settled.keys().any(|id| is_of(id))
    }

    /// What is read again has a place in the window before it is asked for.
    fn window_holds(&self, member: usize) -> Result<(), String> {
        let Some(engine) = &self.members[member].engine else {
            return Ok(());
        };
        let status = engine.status();
        let n_in_window = status.in_hand() + status.reading_again;
        if n_in_window > MAX_MESSAGES {
            return Err(format!(
                "member {member} has {n_in_window} messages in its window and reads more again"
            ));
        }
        Ok(())
    }
}

/// Where the record of an outcome lies: `topic/partition/offset/rule`.
fn place_of(outcome_id: &str) -> Option<(Partition, i64)> {
    let mut parts = ordinary(outcome_id).split('/');
    let partition = Partition {
        topic: Arc::from(parts.next()?),
        number: parts.next()?.parse().ok()?,
    };
    Some((partition, parts.next()?.parse().ok()?))
}
