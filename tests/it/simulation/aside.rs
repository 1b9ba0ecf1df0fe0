//! Records that an engine has set aside, and reads again.

use wx_courier::pipeline::admission::Ticket;
use wx_courier::pipeline::engine::Input;
use wx_courier::pipeline::event::Record;
use wx_courier::pipeline::offsets::Partition;

use super::mutant::Mutant;
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
        self.note(&format!(
            "member {member} reads {} again, gone: {is_gone}",
            record.position()
        ));
        let record = (!is_gone).then_some(record);
        self.step(member, Input::ReadAgain { ticket, record })
    }

    pub(super) fn is_gone(&self, partition: &Partition, offset: i64) -> bool {
        self.gone.contains(&(partition.clone(), offset))
    }

    /// Retention does not delete what somebody has begun with, nor the end of a partition.
    fn may_go(&self, record: &Record) -> bool {
        let position = record.position();
        let mut of_topic = self.log.values();
        let is_last =
            of_topic.any(|records| records.last().map(Record::position) == Some(position.clone()));
        let is_of =
            |id: &str| id.rsplit_once('/').is_some_and(|(of, _)| of == position) || id == position;
        !is_last
            && !self.acknowledged.keys().any(|id| is_of(id))
            && !self.claimed_for.values().any(|id| is_of(id))
            && !self.settled.iter().any(|id| is_of(id))
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
