//! One happening after the other, and one step of an engine.

use std::sync::Arc;
use std::time::Duration;

use wx_courier_core::flow::{Effect, Input};
use wx_courier_core::holds::Stopped;
use wx_courier_core::model::{Moment, Partition};

use super::mutant::Mutant;
use super::setting::{self, Retention};
use super::world::{BEGAN_UNIX_MS, Happening, TROUBLE_MS, World};

impl World {
    fn rules_change(&mut self) {
        self.seen.rule_changes += 1;
        self.rules = setting::rules(setting::Edition::Second);
        // One after the other: for some seconds two versions run side by side, and one that starts has the new one.
        for member in 0..self.members.len() {
            let (at, incarnation) = (self.soon(5_000), self.members[member].incarnation);
            self.plan(at, Happening::HearsOfRules(member, incarnation));
        }
    }

    fn hear_of_rules(&mut self, member: usize, incarnation: u64) -> Result<(), String> {
        if self.members[member].incarnation != incarnation {
            return Ok(());
        }
        self.step(
            member,
            Input::AppsChanged(setting::apps_of_second_edition()),
        )?;
        let rules = Arc::clone(&self.rules);
        self.step(member, Input::RulesChanged(rules))
    }

    fn resume(&mut self) -> Result<(), String> {
        self.lift_all()?;
        for member in 0..self.members.len() {
            for (rule, _) in setting::RULES {
                self.step(member, Input::Resume(Stopped::Rule(Arc::from(rule))))?;
            }
        }
        Ok(())
    }

    pub(super) fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Read(member) => return self.read(member),
            Happening::Wake(member, incarnation) => {
                if self.members[member].incarnation == incarnation {
                    self.members[member].woken_at = None;
                    return self.step(member, Input::Tick);
                }
            }
            Happening::ReadAgain(member, incarnation, ticket, place) => {
                return self.read_again(member, incarnation, ticket, place);
            }
            Happening::Answered(member, incarnation, ticket, answer, to) => {
                if self.members[member].incarnation == incarnation {
                    self.members[member].sending.remove(&to);
                    let input = Input::SendFinished {
                        ticket,
                        answer,
                        api_ms: 5,
                    };
                    return self.step(member, input);
                }
            }
            Happening::Published(member, incarnation, ticket, outcome) => {
                return self.published(member, incarnation, ticket, outcome.as_ref());
            }
            Happening::Exchanged(member, incarnation, ticket, answer) => {
                return self.exchanged(member, incarnation, ticket, answer);
            }
            Happening::Act(user, act) => return self.act(&user, act),
            Happening::Upstream(value) => self.publish_event(value),
            Happening::Tell(report) => return self.tell_the_store(report),
            Happening::Serve(member, incarnation) => self.serve(member, incarnation)?,
            Happening::Served(member, incarnation) => return self.served(member, incarnation),
            Happening::StoreGoes => self.store_goes(),
            Happening::QuotaAnswered(member, incarnation, (app, api), left) => {
                if self.members[member].incarnation == incarnation {
                    return self.step(member, Input::QuotaAnswered { app, api, left });
                }
            }
            Happening::RulesChange => self.rules_change(),
            Happening::Resume => return self.resume(),
            Happening::Stopping(stopping) => return self.stopping_happens(stopping),
            Happening::HearsOfRules(member, incarnation) => {
                return self.hear_of_rules(member, incarnation);
            }
            Happening::Sweep => self.sweep(),
            Happening::Crash(member) => self.crash(member),
            Happening::Freeze(member, stopped) => return self.freeze(member, stopped),
            Happening::Thaw(member, incarnation) => return self.thaw(member, incarnation),
            Happening::CalendarBelieved(member, incarnation) => {
                return self.calendar_is_believed(member, incarnation);
            }
            Happening::Restart(member) => return self.restart(member),
            Happening::Move => return self.move_partition(),
            Happening::Lose => return self.lose_partition(),
            Happening::HearsOfLoss(member, partition) => {
                return self.hear_of_loss(member, partition);
            }
            Happening::Drain(member) => {
                if self.members[member].engine.is_some() {
                    self.seen.drains += 1;
                    self.note(|| format!("member {member} is asked to end"));
                    let timeout = self.timeout();
                    return self.step(member, Input::Drain { timeout });
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, member: usize) -> Result<(), String> {
        if self.members[member].engine.is_none() {
            return Ok(());
        }
        let readable: Vec<Partition> = self.members[member]
            .reading
            .iter()
            .filter(|(partition, reading)| {
                !reading.is_revoked && reading.next < self.log[*partition].len()
            })
            .map(|(partition, _)| partition.clone())
            .collect();
        let most_ms = match (self.now_ms < TROUBLE_MS, readable.is_empty()) {
            (true, _) => 400,
            (false, false) => 100,
            (false, true) => 2_000,
        };
        let at = self.soon(most_ms);
        self.plan(at, Happening::Read(member));
        if readable.is_empty() || self.members[member].is_paused {
            return Ok(());
        }
        for _ in 0..self.random.usize(1..=8) {
            let partition = &readable[self.random.usize(..readable.len())];
            let Some(reading) = self.members[member].reading.get_mut(partition) else {
                break;
            };
            let Some(record) = self.log[partition].get(reading.next).cloned() else {
                continue;
            };
            reading.next += 1;
            let is_gone = self.gone.contains(&(partition.clone(), record.offset));
            if is_gone {
                continue;
            }
            if self.random.u8(..25) == 0 {
                // A partition that was resumed can deliver again what was read before.
                reading.next = reading.next.saturating_sub(self.random.usize(1..4));
            }
            let epoch = reading.epoch;
            self.note(|| format!("member {member} reads {}", record.position()));
            if self.is_broken(Mutant::LosesARecord) && self.random.u8(..20) == 0 {
                continue;
            }
            self.step(member, Input::Record { epoch, record })?;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, member: usize, input: Input) -> Result<(), String> {
        if self.members[member].is_frozen() {
            self.members[member].unread.push_back(input);
            return Ok(());
        }
        self.round(member, vec![input])
    }

    /// What a member finds together, it takes in together.
    pub(super) fn round(&mut self, member: usize, inputs: Vec<Input>) -> Result<(), String> {
        let mut now = self.moment(member);
        let is_assigned = |input: &Input| matches!(input, Input::Assigned(_));
        if self.is_broken(Mutant::SharesAtOnce) && inputs.iter().any(is_assigned) {
            now.elapsed = now.elapsed.saturating_sub(Duration::from_secs(1));
        }
        let mut effects = Vec::new();
        let Some(engine) = self.members[member].engine.as_mut() else {
            return Ok(());
        };
        engine.round(now, inputs, &mut effects);
        engine
            .check()
            .map_err(|why| format!("member {member} contradicts itself: {why}"))?;
        self.digest.add(self.now_ms, member, &effects);
        if let [before @ .., _] = effects.as_slice()
            && before
                .iter()
                .any(|effect| matches!(effect, Effect::Drained { .. }))
        {
            return Err(format!(
                "member {member} wants something behind the end of its drain: {effects:?}"
            ));
        }
        let incarnation = self.members[member].incarnation;
        for effect in effects {
            let one_in = match self.retention {
                Retention::Long => 3_000,
                Retention::Short => 400,
            };
            let dies =
                !self.is_gentle && self.now_ms < TROUBLE_MS && self.random.u16(..one_in) == 0;
            if dies {
                self.seen.deaths_in_mid_step += 1;
                self.crash(member);
            }
            if self.members[member].incarnation != incarnation {
                // Whatever else it meant to do is not done.
                return Ok(());
            }
            self.carry_out(member, effect)?;
        }
        let Some(wake) = self.members[member]
            .engine
            .as_ref()
            .and_then(|engine| engine.wake_at(now))
        else {
            return Ok(());
        };
        if wake <= now.elapsed {
            return Err(format!(
                "member {member} wants to be woken at {wake:?}, which is over: it would never sleep"
            ));
        }
        let began_ms = self.members[member].began_ms;
        let wake_ms = began_ms + u64::try_from(wake.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let wake_ms = wake_ms.max(self.now_ms + 1);
        if self.members[member]
            .woken_at
            .is_none_or(|planned| wake_ms < planned)
        {
            self.members[member].woken_at = Some(wake_ms);
            if self.is_broken(Mutant::LosesATimer) && self.random.u8(..20) == 0 {
                return Ok(());
            }
            let incarnation = self.members[member].incarnation;
            self.plan(wake_ms, Happening::Wake(member, incarnation));
        }
        Ok(())
    }

    fn moment(&self, member: usize) -> Moment {
        let elapsed_ms = self.now_ms - self.members[member].began_ms;
        let calendar_ms = self.calendar_ms(member);
        let pace = if self.is_broken(Mutant::CountsTooFast) {
            2
        } else {
            1
        };
        if self.is_broken(Mutant::StopsTheCalendar) {
            return Moment {
                elapsed: Duration::from_millis(elapsed_ms),
                unix_ms: BEGAN_UNIX_MS,
            };
        }
        Moment {
            elapsed: Duration::from_millis(elapsed_ms * pace),
            unix_ms: BEGAN_UNIX_MS + i64::try_from(calendar_ms).unwrap_or(i64::MAX),
        }
    }
}
