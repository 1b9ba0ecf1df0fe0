//! The sources that tell the ledger what users said: events, the mini program, callbacks; lost, doubled or late.

use std::sync::Arc;

use wx_courier_core::grants::{Report, Source};
use wx_courier_core::model::{Partition, Record};
use wx_courier_core::state::Request;
use wx_courier_core::wechat::Word;

use super::setting::{self, PASS_TEMPLATE};
use super::users::{Told, key};
use super::world::{Happening, World};

/// How late a source may tell.
const TELLS_LATE_MS: u64 = 10_000;

impl World {
    /// Every source that knows what the user said tells it.
    pub(super) fn tell(&mut self, user: &str, word: Word, number: u64) -> Result<(), String> {
        let at_ms = self.unix_ms();
        let report = |source| Report {
            key: key(user, PASS_TEMPLATE),
            id: Arc::from(format!("r-{number}")),
            source,
            word,
            at_ms,
            now_ms: at_ms,
        };
        if self.users.told == Told::Exactly {
            self.tell_now(report(Source::Callback))?;
        }
        for source in Source::ALL {
            let times = match self.random.u8(..6) {
                0..2 => 0,
                2..5 => 1,
                _ => 2,
            };
            // Whether the same event asks for a message, too.
            let pays = self.random.u8(..4) == 0;
            let shape = self.random.u8(..3);
            for _ in 0..times {
                let at = self.soon(TELLS_LATE_MS);
                if source == Source::Event {
                    let event_id = format!("a-{number}");
                    let value = setting::answer(user, &event_id, word, at_ms, pays, shape);
                    self.remember_birth(&event_id, self.now_ms);
                    self.plan(at, Happening::Upstream(value));
                } else {
                    self.plan(at, Happening::Tell(report(source)));
                }
            }
        }
        Ok(())
    }

    /// As a handler of HTTP does, which waits for the store.
    pub(super) fn tell_the_store(&mut self, mut report: Report) -> Result<(), String> {
        if self.now_ms < self.store_is_down_until_ms {
            let at = self.store_is_down_until_ms + self.random.u64(1..100);
            self.plan(at, Happening::Tell(report));
            return Ok(());
        }
        report.now_ms = self.unix_ms();
        self.tell_now(report)
    }

    fn tell_now(&mut self, report: Report) -> Result<(), String> {
        let request = Request::Report(report);
        let answer = self.store.answer(&request);
        self.note(|| format!("store: {request:?} → {answer:?}"));
        self.note_grants(&request, &answer, false)
    }

    /// Upstream publishes while the world goes on.
    pub(super) fn publish_event(&mut self, value: String) {
        let partitions: Vec<Partition> = self.log.keys().cloned().collect();
        let partition = partitions[self.random.usize(..partitions.len())].clone();
        let unix_ms = self.unix_ms();
        let records = self.log.entry(partition.clone()).or_default();
        let offset = records.last().map_or(0, |record| record.offset + 1);
        records.push(Record {
            timestamp_ms: Some(unix_ms),
            ..setting::record_of(&partition, offset, Some(value))
        });
    }
}
