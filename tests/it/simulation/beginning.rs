//! How a world begins: its records, its members, and what will happen to them.

use std::sync::Arc;

use wx_courier_core::model::{Partition, Record};

use super::setting::{self, Retention};
use super::standstill::Stopped;
use super::world::{Happening, Member, TROUBLE_MS, World};

impl World {
    pub(super) fn set_up(&mut self) {
        for number in 0..self.random.i32(1..=4) {
            let partition = Partition {
                topic: Arc::from("events"),
                number,
            };
            let mut offset = 0;
            let n_records = self.random.usize(5..60);
            let mut records: Vec<Record> = Vec::new();
            for _ in 0..n_records {
                // Compaction and transaction markers leave gaps.
                offset += if self.random.u8(..10) == 0 { 3 } else { 1 };
                let mut record = setting::record(&mut self.random, self.trade, &partition, offset);
                let is_repeated = match self.retention {
                    Retention::Long => self.random.u8(..6) == 0,
                    Retention::Short => self.random.bool(),
                };
                if is_repeated && let Some(earlier) = self.some_record(&records) {
                    // Upstream publishes at least once.
                    record.value = earlier.value;
                }
                records.push(record);
            }
            self.log.insert(partition, records);
        }
        self.remember_former_topic();
        self.plan_acts();
        for member in 0..self.random.usize(1..=5) {
            self.members.push(Member::new());
            self.plan(0, Happening::Restart(member));
        }
        for _ in 0..self.random.usize(0..6) {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::Move);
        }
        for _ in 0..self.random.usize(0..3) {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::StoreGoes);
        }
        if self.random.u8(..4) == 0 {
            let at = self.random.u64(1..TROUBLE_MS);
            self.plan(at, Happening::RulesChange);
        }
        if self.random.u8(..4) == 0 {
            self.quick_is_bad_until_ms = self.random.u64(1..TROUBLE_MS);
        }
        self.plan_persons();
        // A member that starts later may hear of a burst that was answered before.
        for at in [0, 10_000, 60_000] {
            self.plan(TROUBLE_MS + at, Happening::Resume);
        }
        let n_crashes = if self.is_gentle {
            0
        } else {
            self.random.usize(0..4)
        };
        for _ in 0..n_crashes {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Crash(member));
            let lost_at = self.random.u64(1..TROUBLE_MS);
            self.plan(lost_at, Happening::Lose);
        }
        for _ in 0..n_crashes {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Freeze(member, Stopped::Process));
        }
        if self.random.bool() {
            let (at, member) = (self.random.u64(1..TROUBLE_MS), self.some_member());
            self.plan(at, Happening::Drain(member));
        }
        if self.retention == Retention::Short {
            for _ in 0..self.random.usize(0..3) {
                let at = self.random.u64(1..TROUBLE_MS);
                self.plan(at, Happening::Sweep);
            }
        }
    }

    fn some_record(&mut self, here: &[Record]) -> Option<Record> {
        let all: Vec<&Record> = self.log.values().flatten().chain(here).collect();
        if all.is_empty() {
            return None;
        }
        Some(all[self.random.usize(..all.len())].clone())
    }

    fn some_member(&mut self) -> usize {
        self.random.usize(..self.members.len())
    }
}
