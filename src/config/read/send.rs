//! `[send]`, `[breaker]` and `[refusal_wave]`: how often and how long to try, when to stop, and when 43101 is not believed.

use std::time::Duration;

use super::Reader;
use crate::config::Send;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Count, Length, Share};
use wx_courier_core::document::Section;
use wx_courier_core::flow::attempt::RetryPlan;
use wx_courier_core::schedule::pauses::Threshold;

pub(super) static SEND: Table = Table {
    path: "send",
    keys: &[&TIMEOUT, &ATTEMPTS, &BACKOFF_BASE, &BACKOFF_CAP],
};

static TIMEOUT: Key<Length> = Key {
    name: "timeout",
    kind: Length::Any,
    default: || Duration::from_secs(5),
    about: "one call of WeChat's API; connecting may take 3 s of it",
};

static ATTEMPTS: Key<Count> = Key {
    name: "attempts",
    kind: Count(1, 100),
    default: || RetryPlan::default().attempts as usize,
    about: "in all, the first included",
};

static BACKOFF_BASE: Key<Length> = Key {
    name: "backoff_base",
    kind: Length::Any,
    default: || RetryPlan::default().base,
    about: "the longest wait before the second attempt; doubles from one to the next. The wait is anything from nothing to that (\"full jitter\")",
};

static BACKOFF_CAP: Key<Length> = Key {
    name: "backoff_cap",
    kind: Length::Any,
    default: || RetryPlan::default().cap,
    about: "the longest wait of all",
};

pub(super) static BREAKER: Table = Table {
    path: "breaker",
    keys: &[&COUNT, &RATIO],
};

static COUNT: Key<Count> = Key {
    name: "count",
    kind: Count(1, 1_000),
    default: || Threshold::default().count,
    about: "refusals to so many different users within five minutes …",
};

static RATIO: Key<Share> = Key {
    name: "ratio",
    kind: Share,
    default: || Threshold::default().ratio,
    about: "… and at least to this share of the users who were answered lately",
};

pub(super) static REFUSAL_WAVE: Table = Table {
    path: "refusal_wave",
    keys: &[&WAVE_COUNT, &WAVE_RATIO],
};

static WAVE_COUNT: Key<Count> = Key {
    name: "count",
    kind: Count(1, 500),
    default: || Threshold::default().count,
    about: "43101 to so many different users who have a grant by the ledger, within five minutes …",
};

static WAVE_RATIO: Key<Share> = Key {
    name: "ratio",
    kind: Share,
    default: || Threshold::default().ratio,
    about: "… and at least to this share of the latest users with a grant who were answered: of the latest `count / ratio`",
};

impl Reader<'_> {
    pub(super) fn send(&mut self, top: &mut Section) -> Send {
        let mut section = self.section(top, &SEND);
        let timeout = self.read(&mut section, &TIMEOUT);
        let attempts = self.read(&mut section, &ATTEMPTS);
        let retry = RetryPlan {
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            base: self.read(&mut section, &BACKOFF_BASE),
            cap: self.read(&mut section, &BACKOFF_CAP),
        };
        section.finish(self.problems);
        Send { timeout, retry }
    }

    pub(super) fn breaker(&mut self, top: &mut Section) -> Threshold {
        self.threshold(top, &BREAKER, (&COUNT, &RATIO))
    }

    pub(super) fn refusal_wave(&mut self, top: &mut Section) -> Threshold {
        self.threshold(top, &REFUSAL_WAVE, (&WAVE_COUNT, &WAVE_RATIO))
    }

    fn threshold(
        &mut self,
        top: &mut Section,
        table: &'static Table,
        (count, ratio): (&'static Key<Count>, &'static Key<Share>),
    ) -> Threshold {
        let mut section = self.section(top, table);
        let threshold = Threshold {
            count: self.read(&mut section, count),
            ratio: self.read(&mut section, ratio),
        };
        section.finish(self.problems);
        threshold
    }
}
