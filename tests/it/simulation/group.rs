//! The group of a world: which member has which partition, and how that changes.

use std::sync::Arc;
use std::time::Duration;

use wx_courier_core::flow::{HandoverId, Input};
use wx_courier_core::model::{Epoch, Partition};
use wx_courier_core::schedule::share::Layout;

use super::checks;
use super::mutant::Mutant;
use super::setting::{Retention, engine};
use super::standstill::{Clocks, STANDSTILL_MS, Stopped};
use super::world::{END_MS, Happening, LONG_FREEZE_MS, Owner, Reading, World};

/// Inputs that a member takes in together at most.
const MOST_IN_A_ROUND: usize = 20;

impl World {
    pub(super) fn commit(&mut self, partition: &Partition, position: i64) -> Result<(), String> {
        let before = self.committed.get(partition).copied().unwrap_or(0);
        if position < before {
            return Err(format!(
                "{partition} would be committed back from {before} to {position}"
            ));
        }
        self.note(|| format!("commit {partition} {position}"));
        checks::committed_owes_nothing(self, partition, before..position)?;
        self.committed.insert(partition.clone(), position);
        Ok(())
    }

    pub(super) fn crash(&mut self, member: usize) {
        if self.members[member].engine.is_none() {
            return;
        }
        self.seen.crashes += 1;
        self.note(|| format!("member {member} crashes"));
        self.sweep_claimed_by(member);
        self.end(member);
    }

    /// The process is stopped for a while, by itself or with its machine, and the group may give its partitions away.
    pub(super) fn freeze(&mut self, member: usize, stopped: Stopped) -> Result<(), String> {
        if self.members[member].engine.is_none() || self.members[member].is_frozen() {
            return Ok(());
        }
        self.seen.freezes += 1;
        // Now and then for so long that others give its claims up.
        let is_long = self.retention == Retention::Short && self.random.bool();
        let at_least_ms = match (stopped, is_long) {
            (_, true) => LONG_FREEZE_MS,
            (Stopped::Machine, false) => STANDSTILL_MS,
            (Stopped::Process, false) => 0,
        };
        let until_ms = self.soon(20_000) + at_least_ms;
        self.members[member].frozen_until_ms = until_ms;
        self.stop_clocks(member, stopped);
        self.note(|| format!("member {member} is stopped until {until_ms} ms: {stopped:?}"));
        let incarnation = self.members[member].incarnation;
        self.plan(until_ms, Happening::Thaw(member, incarnation));
        let owned: Vec<Partition> = self.members[member].reading.keys().cloned().collect();
        for partition in owned {
            if is_long || self.random.bool() {
                self.lose(partition, member)?;
            }
        }
        self.sweep_claimed_by(member);
        Ok(())
    }

    /// It goes on, and finds everything at once, in rounds.
    pub(super) fn thaw(&mut self, member: usize, incarnation: u64) -> Result<(), String> {
        if self.members[member].incarnation == incarnation {
            self.members[member].frozen_until_ms = 0;
            self.start_clocks(member);
        }
        while self.members[member].incarnation == incarnation
            && !self.members[member].unread.is_empty()
        {
            let most = self.members[member].unread.len().min(MOST_IN_A_ROUND);
            let n_inputs = self.random.usize(1..=most);
            let inputs = self.members[member].unread.drain(..n_inputs).collect();
            self.round(member, inputs)?;
        }
        Ok(())
    }

    /// The process is gone; another one starts later. Its partitions have no owner until the group notices.
    pub(super) fn end(&mut self, member: usize) {
        if let Err(broken) = self.leave_questions(member) {
            self.note(|| broken);
        }
        let gone = &mut self.members[member];
        gone.engine = None;
        gone.incarnation += 1;
        gone.reading.clear();
        gone.handovers.clear();
        gone.sending.clear();
        gone.is_paused = false;
        gone.woken_at = None;
        gone.frozen_until_ms = 0;
        gone.clocks = Clocks::default();
        gone.unread.clear();
        gone.heard_holds = None;
        gone.n_kept = 0;
        gone.keeps_until_ms = 0;
        gone.stopped.clear();
        self.owners.retain(|_, owner| owner.member != member);
        self.unheard.retain(|(unheard, _)| *unheard != member);
        let at = self.soon(5_000);
        self.plan(at, Happening::Restart(member));
    }

    pub(super) fn restart(&mut self, member: usize) -> Result<(), String> {
        if self.members[member].engine.is_some() {
            return Ok(());
        }
        self.members[member].began_ms = self.now_ms;
        let (process, seed) = (self.process_of(member), self.random.u64(..));
        self.members[member].engine = Some(engine(&self.rules, process, seed));
        self.note(|| format!("member {member} starts"));
        let n_partitions = u32::try_from(self.log.len()).unwrap();
        let layout = Layout::new([(Arc::from("events"), n_partitions)]);
        self.step(member, Input::TopicsCounted(layout))?;
        self.look_for_holds(member, 500);
        let at = self.soon(100);
        self.plan(at, Happening::Read(member));
        let unowned: Vec<Partition> = self
            .log
            .keys()
            .filter(|partition| !self.owners.contains_key(partition))
            .cloned()
            .collect();
        for partition in unowned {
            let is_being_revoked = self
                .members
                .iter()
                .any(|other| other.reading.contains_key(&partition));
            if !is_being_revoked {
                self.assign(member, partition)?;
            }
        }
        Ok(())
    }

    fn assign(&mut self, member: usize, partition: Partition) -> Result<(), String> {
        self.hear_of_loss(member, partition.clone())?;
        if self.members[member].engine.is_none() {
            // That was all it had waited for before its end.
            return Ok(());
        }
        let epoch = Epoch(self.number());
        let committed = self.committed.get(&partition).copied().unwrap_or(0);
        let next = self.log[&partition]
            .iter()
            .take_while(|record| record.offset < committed)
            .count();
        self.note(|| format!("member {member} gets {partition} from {committed}"));
        self.owners
            .insert(partition.clone(), Owner { member, epoch });
        let reading = Reading {
            epoch,
            next,
            is_revoked: false,
        };
        self.members[member]
            .reading
            .insert(partition.clone(), reading);
        self.step(member, Input::Assigned(vec![(partition, epoch)]))
    }

    fn some_owned(&mut self) -> Option<(Partition, usize)> {
        let owned: Vec<_> = self
            .owners
            .iter()
            .map(|(partition, owner)| (partition.clone(), owner.member))
            .collect();
        if owned.is_empty() {
            return None;
        }
        Some(owned[self.random.usize(..owned.len())].clone())
    }

    fn some_alive(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.members.len())
            .filter(|member| self.members[*member].engine.is_some())
            .collect();
        if alive.is_empty() {
            return None;
        }
        Some(alive[self.random.usize(..alive.len())])
    }

    /// The group asks for a partition back; a member that is alive gets it after its release.
    pub(super) fn move_partition(&mut self) -> Result<(), String> {
        let Some((partition, member)) = self.some_owned() else {
            return Ok(());
        };
        let Some(reading) = self.members[member].reading.get_mut(&partition) else {
            return Ok(());
        };
        if reading.is_revoked {
            return Ok(());
        }
        reading.is_revoked = true;
        self.seen.rebalances += 1;
        self.gets_busy();
        self.note(|| format!("{partition} is revoked from member {member}"));
        let handover = HandoverId(self.number());
        let timeout = self.timeout();
        let partitions = vec![partition];
        let handovers = &mut self.members[member].handovers;
        handovers.insert(handover, partitions.clone());
        self.step(
            member,
            Input::Revoked {
                handover,
                partitions,
                timeout,
            },
        )
    }

    /// How long letting go may take. In a gentle world there is always time enough to finish.
    pub(super) fn timeout(&mut self) -> Duration {
        if self.is_gentle {
            return Duration::from_millis(END_MS);
        }
        Duration::from_millis(self.random.u64(1..5_000))
    }

    pub(super) fn release(
        &mut self,
        member: usize,
        handover: HandoverId,
        positions: Vec<(Partition, i64)>,
    ) -> Result<(), String> {
        let revoked = self.members[member].handovers.remove(&handover);
        let revoked = revoked.unwrap_or_default();
        for (partition, position) in positions {
            if revoked.contains(&partition) {
                self.commit(&partition, position)?;
            }
        }
        for partition in revoked {
            // It may have been lost while it was being given back.
            if self.members[member].reading.remove(&partition).is_none() {
                continue;
            }
            self.owners.remove(&partition);
            if let Some(next) = self.some_alive() {
                self.assign(next, partition)?;
            }
        }
        Ok(())
    }

    /// Where partitions move, others send what one has not sent, and `WeChat` counts all of it.
    fn gets_busy(&mut self) {
        if self.random.u8(..8) == 0 {
            self.is_busy_until_ms = self.now_ms + 1_500;
        }
    }

    /// The group has thrown a member out: its partition has a new owner before it knows.
    pub(super) fn lose_partition(&mut self) -> Result<(), String> {
        let Some((partition, member)) = self.some_owned() else {
            return Ok(());
        };
        self.lose(partition, member)
    }

    fn lose(&mut self, partition: Partition, member: usize) -> Result<(), String> {
        self.seen.lost += 1;
        self.gets_busy();
        self.note(|| format!("member {member} loses {partition}"));
        self.members[member].reading.remove(&partition);
        for asked_back in self.members[member].handovers.values_mut() {
            // A hand-over that waited for this one has been told that it is gone.
            asked_back.retain(|other| *other != partition);
        }
        self.owners.remove(&partition);
        self.unheard.insert((member, partition.clone()));
        // Until it hears of it, it goes on as if nothing had happened.
        let at = self.soon(4_000);
        self.plan(at, Happening::HearsOfLoss(member, partition.clone()));
        match self.some_alive() {
            Some(next) => self.assign(next, partition),
            None => Ok(()),
        }
    }

    pub(super) fn hear_of_loss(
        &mut self,
        member: usize,
        partition: Partition,
    ) -> Result<(), String> {
        let is_news = self.unheard.remove(&(member, partition.clone()));
        if !is_news || self.is_broken(Mutant::ForgetsEpochs) {
            return Ok(());
        }
        self.note(|| format!("member {member} hears that it lost {partition}"));
        self.step(member, Input::Lost(vec![partition]))
    }
}
