//! The members of the group: processes of the real service that are killed, frozen and asked to end.

use std::time::{Duration, Instant};

use wx_courier::config::ProducerSetting;

use crate::support::courier::Courier;
use crate::support::oracle::Incident;
use crate::support::world::World;

use super::diary::{Deed, Diary, now_ms};
use super::schedule::Draw;

/// A member that is asked to end gets its drain time and this much more; then it hangs, and is killed.
const END_LIMIT: Duration = Duration::from_secs(30);

/// A member that ended by itself is started again after this time, as a supervisor would do.
const SUPERVISOR: Duration = Duration::from_millis(500);

/// Last words that are kept: the first ones tell the most.
const N_LAST_WORDS: usize = 3;

/// Places for members. There is one more than members, for one that joins.
pub(super) struct Members {
    slots: Vec<Slot>,
    n_regular: usize,
    session: Duration,
    producer: ProducerSetting,
    /// When it was last looked which members live, in Unix milliseconds.
    looked_ms: i64,
}

enum Slot {
    /// No member is here.
    Away {
        /// When a member comes; nothing for a place that stays empty until a member joins.
        back_at: Option<Instant>,
    },
    Up(Member),
    Frozen {
        member: Member,
        from_ms: i64,
        thaw_at: Instant,
    },
    Ending {
        member: Member,
        since: Instant,
        away_for: Duration,
    },
}

struct Member {
    courier: Courier,
    life: String,
}

impl Members {
    /// No member runs yet. `n_extra` more than the regular members may join.
    pub(super) fn new(
        n_regular: usize,
        n_extra: usize,
        session: Duration,
        producer: ProducerSetting,
    ) -> Self {
        let now = Instant::now();
        let regular = |number| (number < n_regular).then_some(now);
        let slots = (0..n_regular + n_extra).map(|number| Slot::Away {
            back_at: regular(number),
        });
        Self {
            slots: slots.collect(),
            n_regular,
            session,
            producer,
            looked_ms: now_ms(),
        }
    }

    /// Does what is due: starts, thaws, and notices ends.
    pub(super) fn attend(&mut self, world: &World, diary: &mut Diary) {
        for number in 0..self.slots.len() {
            let nobody = Slot::Away { back_at: None };
            let slot = std::mem::replace(&mut self.slots[number], nobody);
            self.slots[number] = self.attend_slot(slot, number, world, diary);
        }
        self.looked_ms = now_ms();
    }

    fn attend_slot(&self, slot: Slot, number: usize, world: &World, diary: &mut Diary) -> Slot {
        let now = Instant::now();
        match slot {
            Slot::Away { back_at: Some(at) } if at <= now => self.start(world, diary),
            Slot::Up(mut member) => match member.courier.status() {
                None => Slot::Up(member),
                Some(status) => {
                    diary.count(Deed::MemberEndedByItself);
                    if diary.last_words.len() < N_LAST_WORDS {
                        let words = member.courier.last_words();
                        let life = &member.life;
                        diary
                            .last_words
                            .push(format!("{life} ended with {status}:\n{words}"));
                    }
                    self.gone((member.life, self.looked_ms), number, SUPERVISOR, diary)
                }
            },
            Slot::Frozen {
                member,
                from_ms,
                thaw_at,
            } if thaw_at <= now => {
                member.courier.thaw();
                diary.note(Incident::Frozen {
                    life: member.life.clone(),
                    from_ms,
                    until_ms: now_ms(),
                });
                Slot::Up(member)
            }
            Slot::Away { .. } | Slot::Frozen { .. } => slot,
            Slot::Ending {
                mut member,
                since,
                away_for,
            } => match member.courier.status() {
                None if since.elapsed() < END_LIMIT => Slot::Ending {
                    member,
                    since,
                    away_for,
                },
                None => {
                    diary.count(Deed::MemberEndedUnfinished);
                    let life = (member.life, now_ms());
                    member.courier.kill();
                    self.gone(life, number, away_for, diary)
                }
                Some(status) if status.code() == Some(0) => self.away(number, away_for),
                Some(_) => {
                    diary.count(Deed::MemberEndedUnfinished);
                    self.gone((member.life, self.looked_ms), number, away_for, diary)
                }
            },
        }
    }

    /// A life that ended before its work was done. From `at_ms` on no process can count on it: the end of a process takes its time, and so does
    /// hearing of it.
    fn gone(
        &self,
        (life, at_ms): (String, i64),
        number: usize,
        away_for: Duration,
        diary: &mut Diary,
    ) -> Slot {
        diary.note(Incident::Gone { life, at_ms });
        self.away(number, away_for)
    }

    fn away(&self, number: usize, time: Duration) -> Slot {
        let comes_back = number < self.n_regular;
        Slot::Away {
            back_at: comes_back.then(|| Instant::now() + time),
        }
    }

    fn start(&self, world: &World, diary: &mut Diary) -> Slot {
        let life = world.appid(diary.n_lives);
        diary.n_lives += 1;
        diary.count(Deed::MemberStarted);
        let variables = [
            ("WX_COURIER__APPS__SHOP__APPID", life.as_str()),
            ("WX_COURIER__KAFKA__PRODUCER", self.producer.as_str()),
        ];
        let courier = world.launch(&variables);
        Slot::Up(Member { courier, life })
    }

    /// Kills one of the members that run, frozen or not.
    pub(super) fn kill(&mut self, who: Draw, away_for: Duration, diary: &mut Diary) {
        let is_there = |slot: &Slot| matches!(slot, Slot::Up(_) | Slot::Frozen { .. });
        let Some((number, slot)) = self.take(who, is_there, diary) else {
            return;
        };
        let (member, at_ms) = match slot {
            // It has not done anything since then.
            Slot::Frozen {
                member, from_ms, ..
            } => (member, from_ms),
            Slot::Up(member) | Slot::Ending { member, .. } => (member, now_ms()),
            Slot::Away { .. } => return,
        };
        member.courier.kill();
        diary.count(Deed::MemberKilled);
        self.slots[number] = self.gone((member.life, at_ms), number, away_for, diary);
    }

    /// Freezes one of the members that run.
    pub(super) fn freeze(&mut self, who: Draw, time: Duration, diary: &mut Diary) {
        let is_up = |slot: &Slot| matches!(slot, Slot::Up(_));
        let Some((number, Slot::Up(member))) = self.take(who, is_up, diary) else {
            return;
        };
        diary.count(Deed::MemberFrozen);
        if time > self.session {
            diary.count(Deed::MemberFrozenBeyondItsSession);
        }
        let from_ms = now_ms();
        member.courier.freeze();
        self.slots[number] = Slot::Frozen {
            member,
            from_ms,
            thaw_at: Instant::now() + time,
        };
    }

    /// Asks one of the members that run to end.
    pub(super) fn end(&mut self, who: Draw, away_for: Duration, diary: &mut Diary) {
        let is_up = |slot: &Slot| matches!(slot, Slot::Up(_));
        let Some((number, Slot::Up(member))) = self.take(who, is_up, diary) else {
            return;
        };
        diary.count(Deed::MemberAskedToEnd);
        member.courier.ask_to_end();
        self.slots[number] = Slot::Ending {
            member,
            since: Instant::now(),
            away_for,
        };
    }

    /// A member comes to an empty place.
    pub(super) fn join(&mut self, who: Draw, world: &World, diary: &mut Diary) {
        let is_empty = |slot: &Slot| matches!(slot, Slot::Away { .. });
        if let Some((number, _)) = self.take(who, is_empty, diary) {
            self.slots[number] = self.start(world, diary);
        }
    }

    /// Takes one of the slots that fit out of its place.
    fn take(
        &mut self,
        who: Draw,
        fits: impl Fn(&Slot) -> bool,
        diary: &mut Diary,
    ) -> Option<(usize, Slot)> {
        let fitting: Vec<usize> = (0..self.slots.len())
            .filter(|n| fits(&self.slots[*n]))
            .collect();
        if fitting.is_empty() {
            diary.count(Deed::TroubleWithoutTarget);
            return None;
        }
        let number = fitting[who % fitting.len()];
        let nobody = Slot::Away { back_at: None };
        Some((number, std::mem::replace(&mut self.slots[number], nobody)))
    }

    /// Thaws every member and calls those that are away.
    pub(super) fn heal(&mut self, world: &World, diary: &mut Diary) {
        let now = Instant::now();
        for (number, slot) in self.slots.iter_mut().enumerate() {
            match slot {
                Slot::Frozen { thaw_at, .. } => *thaw_at = now,
                Slot::Away { back_at } if number < self.n_regular => *back_at = Some(now),
                Slot::Ending { away_for, .. } => *away_for = Duration::ZERO,
                Slot::Away { .. } | Slot::Up(_) => {}
            }
        }
        self.attend(world, diary);
    }

    /// Asks every member to end, and waits for it. What ends unfinished is counted.
    pub(super) fn end_all(&mut self, world: &World, diary: &mut Diary) {
        // From now on no member comes back.
        self.n_regular = 0;
        for number in 0..self.slots.len() {
            self.end_slot(number);
        }
        while self
            .slots
            .iter()
            .any(|slot| !matches!(slot, Slot::Away { .. }))
        {
            self.attend(world, diary);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end_slot(&mut self, number: usize) {
        let nobody = Slot::Away { back_at: None };
        let slot = std::mem::replace(&mut self.slots[number], nobody);
        self.slots[number] = match slot {
            Slot::Up(member) => {
                member.courier.ask_to_end();
                Slot::Ending {
                    member,
                    since: Instant::now(),
                    away_for: Duration::ZERO,
                }
            }
            Slot::Away { .. } => Slot::Away { back_at: None },
            Slot::Frozen { .. } | Slot::Ending { .. } => slot,
        };
    }
}
