//! Persons who stop things and let them go on, and what members hear of it: each a little later than the others, and new ones first of all.

use std::sync::Arc;

use wx_courier_core::flow::{Difference, Input};
use wx_courier_core::holds::{Ask, Hold, HoldChange, Holds, Stopped, StoppedBy};
use wx_courier_core::rules::Rule;
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::schedule::pauses::{Cause, Change as PauseChange, Subject};

use super::mutant::Mutant;
use super::setting;
use super::world::{BEGAN_UNIX_MS, Happening, TROUBLE_MS, World};

/// What the store holds, and what persons will do.
pub(super) struct Persons {
    held: Holds,
    /// Its own: worlds without persons stay as they were.
    random: fastrand::Rng,
}

impl Persons {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            held: Holds::default(),
            random: fastrand::Rng::with_seed(seed ^ 0x6865_6c64),
        }
    }

    fn what(&mut self) -> Stopped {
        let app = || Arc::from("shop");
        match self.random.u8(..4) {
            0 => Stopped::App(app()),
            1 => Stopped::Template {
                app: app(),
                id: Arc::from("T"),
            },
            _ => {
                let (rule, _) = setting::RULES[self.random.usize(..setting::RULES.len())];
                Stopped::Rule(Arc::from(rule))
            }
        }
    }

    fn soon(&mut self, now_ms: u64, most_ms: u64) -> u64 {
        now_ms + self.random.u64(1..=most_ms)
    }
}

/// Something about what is stopped.
pub(super) enum Stopping {
    /// A person has told the store.
    Told(HoldChange),
    /// The store has taken what a breaker of this member has stopped.
    Kept(usize, u64, Hold),
    /// A member looks what is stopped.
    Heard(usize, u64),
    /// A template that a member asked to be compared was, and differs.
    Differs(usize, u64, (Arc<str>, Arc<str>)),
}

impl World {
    pub(super) fn stopping_happens(&mut self, stopping: Stopping) -> Result<(), String> {
        match stopping {
            Stopping::Told(change) => self.holds_change(change),
            Stopping::Kept(member, incarnation, hold) => {
                self.hold_is_kept(member, incarnation, hold);
            }
            Stopping::Heard(member, incarnation) => {
                return self.hear_of_holds(member, incarnation);
            }
            Stopping::Differs(member, incarnation, (app, template_id)) => {
                if self.members[member].incarnation == incarnation {
                    let differs = Difference {
                        app,
                        template_id,
                        rules_version: Arc::clone(self.rules.version()),
                        detail: "WeChat wants another param".to_owned(),
                    };
                    return self.step(member, Input::TemplateDiffers(differs));
                }
            }
        }
        Ok(())
    }

    /// In some worlds persons stop something, for some seconds.
    pub(super) fn plan_persons(&mut self) {
        if self.persons.random.u8(..3) != 0 {
            return;
        }
        for _ in 0..self.persons.random.usize(1..4) {
            let what = self.persons.what();
            let from = self.persons.random.u64(1..TROUBLE_MS);
            let until = self.persons.soon(from, 20_000);
            let hold = Hold {
                what: what.clone(),
                by: StoppedBy::Person,
                errcode: None,
                detail: "a person has looked".to_owned(),
                since_ms: BEGAN_UNIX_MS,
                more: std::collections::BTreeMap::new(),
            };
            self.plan(
                from,
                Happening::Stopping(Stopping::Told(HoldChange::Place(hold))),
            );
            self.plan(
                until,
                Happening::Stopping(Stopping::Told(HoldChange::Lift(what))),
            );
        }
    }

    /// The store is told, and the members hear of it when they look.
    fn holds_change(&mut self, change: HoldChange) {
        self.note(|| format!("the store is told: {change:?}"));
        self.seen.holds += u64::from(matches!(change, HoldChange::Place(_)));
        let now_ms = BEGAN_UNIX_MS + i64::try_from(self.now_ms).unwrap_or(i64::MAX);
        self.persons.held.change(&Ask {
            change: Some(change),
            known: Arc::default(),
            now_ms,
        });
        for member in 0..self.members.len() {
            self.look_for_holds(member, 3_000);
        }
    }

    pub(super) fn look_for_holds(&mut self, member: usize, most_ms: u64) {
        let at = self.persons.soon(self.now_ms, most_ms);
        let incarnation = self.members[member].incarnation;
        self.plan(
            at,
            Happening::Stopping(Stopping::Heard(member, incarnation)),
        );
    }

    /// A breaker's member has it kept, one after the other.
    pub(super) fn keep_hold(&mut self, member: usize, hold: Hold) {
        let last = self.members[member].keeps_until_ms.max(self.now_ms);
        let at = self.persons.soon(last, 2_000);
        self.members[member].keeps_until_ms = at;
        let incarnation = self.members[member].incarnation;
        self.plan(
            at,
            Happening::Stopping(Stopping::Kept(member, incarnation, hold)),
        );
    }

    fn hold_is_kept(&mut self, member: usize, incarnation: u64, hold: Hold) {
        if self.members[member].incarnation == incarnation {
            self.members[member].n_kept += 1;
        }
        self.holds_change(HoldChange::Place(hold));
    }

    fn hear_of_holds(&mut self, member: usize, incarnation: u64) -> Result<(), String> {
        let present = &self.members[member];
        if present.incarnation != incarnation || present.engine.is_none() {
            return Ok(());
        }
        if present.is_frozen() {
            let at = present.frozen_until_ms + 1;
            self.plan(
                at,
                Happening::Stopping(Stopping::Heard(member, incarnation)),
            );
            return Ok(());
        }
        let holds = Arc::new(self.persons.held.clone());
        self.members[member].heard_holds = Some(Arc::clone(&holds));
        let told = if self.is_broken(Mutant::PassesPersonsOver) {
            Arc::default()
        } else {
            holds
        };
        let n_kept = self.members[member].n_kept;
        self.step(
            member,
            Input::Held {
                holds: told,
                n_kept,
            },
        )
    }

    /// In every other case it is found that the template differs.
    pub(super) fn compare(&mut self, member: usize, app: Arc<str>, template_id: Arc<str>) {
        if self.persons.random.bool() {
            let at = self.persons.soon(self.now_ms, 2_000);
            let incarnation = self.members[member].incarnation;
            self.plan(
                at,
                Happening::Stopping(Stopping::Differs(member, incarnation, (app, template_id))),
            );
        }
    }

    /// Everything goes on, everywhere.
    pub(super) fn lift_all(&mut self) -> Result<(), String> {
        self.persons.held = Holds::default();
        for member in 0..self.members.len() {
            let incarnation = self.members[member].incarnation;
            self.hear_of_holds(member, incarnation)?;
        }
        Ok(())
    }

    /// A breaker, or a person, has stopped something here, or it goes on.
    pub(super) fn see_stopped(&mut self, member: usize, change: &PauseChange) {
        let stopped = &mut self.members[member].stopped;
        match change {
            PauseChange::Begun(pause) if matches!(pause.cause, Cause::Breaker | Cause::Person) => {
                stopped.insert(pause.subject.clone());
            }
            PauseChange::Begun(_) => {}
            PauseChange::Ended(pause) => {
                stopped.remove(&pause.subject);
            }
        }
    }

    /// What a person has stopped is not sent by a member that has heard of it, and nothing before it has heard.
    pub(super) fn may_be_sent(&self, member: usize, cleared: &Cleared) -> Result<(), String> {
        let mut of_rule = Subject::covering(cleared.rule());
        if let Some(subject) =
            of_rule.find(|subject| self.members[member].stopped.contains(subject))
        {
            return Err(format!("{subject} was stopped here, and is sent"));
        }
        let Some(heard) = &self.members[member].heard_holds else {
            return Err("something is sent before it is known what is stopped".to_owned());
        };
        let holds = heard.iter();
        let mut of_persons = holds.filter(|hold| hold.by == StoppedBy::Person);
        match of_persons.find(|hold| covers(hold, cleared.rule())) {
            Some(hold) => Err(format!("{:?} is stopped, and is sent", hold.what)),
            None => Ok(()),
        }
    }
}

fn covers(hold: &Hold, rule: &Rule) -> bool {
    let subject = Subject::from(&hold.what);
    Subject::covering(rule).any(|of_rule| of_rule == subject)
}
