//! One trouble, from its first failure to its end: who has met it, and what the log knows of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Client, Why};
use crate::edges::kafka::cause::Cause;
use wx_courier_core::model::Moment;

/// What lasts is said again after this time.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// A connection that was closed is no news before this: the next try says why, most times.
const LISTEN_ON: Duration = Duration::from_secs(1);

/// A trouble that comes and goes is not said to begin more often than this.
const BEGINS_AGAIN: Duration = Duration::from_secs(10);

/// librdkafka tells the same failure of a broker every 30 seconds while it has a reason to try. A cause that is not heard for longer gives way
/// to one that says less, and a broker of which nothing is heard is not in our way any more.
const CAUSE_GIVES_WAY: Duration = Duration::from_secs(45);
const SILENCE: Duration = Duration::from_secs(90);

/// What has happened to a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Began,
    GoesOn,
    IsOver,
    /// Nothing was heard of it any more.
    FellSilent,
}

/// A trouble.
pub(super) struct Spell {
    why: Why,
    /// When this cause was heard last.
    why_at: Duration,
    since: Moment,
    heard_at: Duration,
    n_heard: u64,
    /// The clients that meet it.
    of: BTreeSet<Client>,
    told: Told,
    /// The causes that the log knows already.
    causes_told: Vec<Option<Cause>>,
    stage: Stage,
}

/// Whether the log knows of it.
#[derive(Clone, Copy)]
enum Told {
    /// Not of what it is now; of an earlier spell then, perhaps.
    NotYet { last: Option<Duration> },
    /// Then.
    At(Duration),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Lasts,
    Over(Happening),
}

impl Spell {
    pub(super) fn new(client: Client, why: Why, now: Moment) -> Self {
        Self {
            why,
            why_at: now.elapsed,
            since: now,
            heard_at: now.elapsed,
            n_heard: 1,
            of: BTreeSet::from([client]),
            told: Told::NotYet { last: None },
            causes_told: Vec::new(),
            stage: Stage::Lasts,
        }
    }

    pub(super) fn why(&self) -> &Why {
        &self.why
    }

    pub(super) fn since_ms(&self) -> i64 {
        self.since.unix_ms
    }

    pub(super) fn n_heard(&self) -> u64 {
        self.n_heard
    }

    pub(super) fn lasts(&self) -> bool {
        self.stage == Stage::Lasts
    }

    /// Takes in one more failure.
    pub(super) fn hear(&mut self, client: Client, why: Why, now: Moment) {
        if !self.lasts() {
            let last = self.last_told();
            *self = Self::new(client, why, now);
            self.told = Told::NotYet { last };
            return;
        }
        self.of.insert(client);
        self.heard_at = now.elapsed;
        self.n_heard = self.n_heard.saturating_add(1);
        if why.cause == self.why.cause {
            self.why_at = now.elapsed;
        } else if why.says_more_than(&self.why) || self.why_at + CAUSE_GIVES_WAY <= now.elapsed {
            // Another address of the broker may fail in another way at each try: of causes that alternate each is news once.
            if !self.causes_told.contains(&why.cause) {
                self.told = Told::NotYet { last: None };
            }
            (self.why, self.why_at) = (why, now.elapsed);
        }
    }

    /// It still is as it was.
    pub(super) fn confirm(&mut self, now: Moment) {
        self.heard_at = now.elapsed;
    }

    /// Ends it. Says whether it had lasted.
    pub(super) fn end(&mut self, how: Happening) -> bool {
        let lasted = self.lasts();
        if lasted {
            self.stage = Stage::Over(how);
        }
        lasted
    }

    /// This client meets it no more.
    pub(super) fn end_for(&mut self, client: Client) {
        if self.of.remove(&client) && self.of.is_empty() {
            self.end(Happening::IsOver);
        }
    }

    pub(super) fn end_if_silent(&mut self, now: Duration) {
        if self.heard_at + SILENCE <= now {
            self.end(Happening::FellSilent);
        }
    }

    /// Whether there is something to say of it already.
    fn is_plain(&self, now: Duration) -> bool {
        let says_little = matches!(self.why.cause, Some(Cause::Other | Cause::Closed));
        !says_little || self.since.elapsed + LISTEN_ON <= now
    }

    fn last_told(&self) -> Option<Duration> {
        match self.told {
            Told::NotYet { last } => last,
            Told::At(at) => Some(at),
        }
    }

    /// What there is to say, which is noted as said.
    pub(super) fn news(&mut self, now: Duration) -> Option<Happening> {
        let (happening, told) = match (self.stage, self.told) {
            (Stage::Lasts, Told::NotYet { last })
                if self.is_plain(now) && last.is_none_or(|last| last + BEGINS_AGAIN <= now) =>
            {
                self.causes_told.push(self.why.cause);
                (Happening::Began, Told::At(now))
            }
            (Stage::Lasts, Told::At(at)) if at + SAY_AGAIN <= now => {
                (Happening::GoesOn, Told::At(now))
            }
            (Stage::Over(how), Told::At(at)) => (how, Told::NotYet { last: Some(at) }),
            (Stage::Lasts | Stage::Over(_), Told::NotYet { .. }) | (Stage::Lasts, Told::At(_)) => {
                return None;
            }
        };
        self.told = told;
        Some(happening)
    }

    /// Whether nothing of it matters for what is said later.
    pub(super) fn is_forgotten(&self, now: Duration) -> bool {
        let is_quiet = match self.told {
            Told::NotYet { last } => last.is_none_or(|last| last + BEGINS_AGAIN <= now),
            Told::At(_) => false,
        };
        !self.lasts() && is_quiet
    }
}
