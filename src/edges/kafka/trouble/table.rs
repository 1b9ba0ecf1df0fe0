//! Which troubles there are, since when, and what is to be said of them now. Pure: the time comes from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Subject, Trouble, Why};
use crate::edges::kafka::cause::Cause;
use crate::edges::kafka::standing::Deed;
use wx_courier_core::model::{Moment, rfc3339_ms};

/// What lasts is said again after this time.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// A connection that was closed is no news before this: the next try says why, most times.
const LISTEN_ON: Duration = Duration::from_secs(1);

/// A trouble that comes and goes is not said to begin more often than this.
const BEGINS_AGAIN: Duration = Duration::from_secs(10);

/// A trouble of which nothing was heard for so long is over, or does not matter any more: librdkafka repeats what it meets at least twice
/// a minute, while it has a reason to try.
const SILENCE: Duration = Duration::from_secs(90);

/// Brokers, rights and topics that are remembered. Their names come from outside.
const MOST: usize = 200;

/// Something that there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) what: Happening,
    pub(super) trouble: Trouble,
}

/// What has happened to a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Began,
    GoesOn,
    IsOver,
    /// Nothing was heard of it any more.
    FellSilent,
}

/// A trouble from its first failure on.
struct Spell {
    why: Why,
    since: Moment,
    heard_at: Duration,
    n_heard: u64,
    told: Told,
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
    fn new(why: Why, now: Moment) -> Self {
        Self {
            why,
            since: now,
            heard_at: now.elapsed,
            n_heard: 1,
            told: Told::NotYet { last: None },
            stage: Stage::Lasts,
        }
    }

    /// Takes in one more failure.
    fn hear(&mut self, why: Why, now: Moment) {
        if self.stage != Stage::Lasts {
            let last = self.last_told();
            *self = Self::new(why, now);
            self.told = Told::NotYet { last };
            return;
        }
        let is_news = why.cause != self.why.cause
            && why.cause != Some(Cause::Other)
            && (why.says_more_than(&self.why) || self.heard_at + BEGINS_AGAIN <= now.elapsed);
        // A less telling cause of the same moment, such as that of another address of the broker, replaces nothing and prolongs nothing.
        if is_news {
            let last = self.last_told();
            let last = last.filter(|_| !why.says_more_than(&self.why));
            self.why = why;
            self.told = Told::NotYet { last };
        } else if why.cause != self.why.cause {
            return;
        }
        self.heard_at = now.elapsed;
        self.n_heard = self.n_heard.saturating_add(1);
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
    fn news(&mut self, now: Duration) -> Option<Happening> {
        let (happening, told) = match (self.stage, self.told) {
            (Stage::Lasts, Told::NotYet { last })
                if self.is_plain(now) && last.is_none_or(|last| last + BEGINS_AGAIN <= now) =>
            {
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
    fn is_forgotten(&self, now: Duration) -> bool {
        let is_quiet = match self.told {
            Told::NotYet { last } => last.is_none_or(|last| last + BEGINS_AGAIN <= now),
            Told::At(_) => false,
        };
        self.stage != Stage::Lasts && is_quiet
    }
}

/// All troubles.
#[derive(Default)]
pub(super) struct Table {
    spells: BTreeMap<Subject, Spell>,
    reach: Reach,
}

/// Whether the client that matters has a connection to any broker: at the start the one that looks for topics, then the member of the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// No, or not yet.
    #[default]
    CutOff,
    Reached,
}

impl Table {
    /// A failure.
    pub(super) fn hear(&mut self, subject: Subject, why: Why, now: Moment) {
        if let Some(spell) = self.spells.get_mut(&subject) {
            spell.hear(why, now);
        } else if self.spells.len() < MOST {
            self.spells.insert(subject, Spell::new(why, now));
        }
    }

    /// What failed works.
    pub(super) fn works(&mut self, subject: &Subject) {
        self.end(Happening::IsOver, |of, _| of == subject);
    }

    /// The cluster has answered about every topic, to a client that looks for all of them and has no other way to any broker.
    pub(super) fn answered(&mut self) {
        self.reach = Reach::Reached;
        self.end(Happening::IsOver, |of, _| match of {
            Subject::Broker { .. } | Subject::Topic { .. } | Subject::Right(Deed::Describe(_)) => {
                true
            }
            Subject::Right(Deed::Read(_) | Deed::Join(_) | Deed::Write(_)) => false,
        });
    }

    pub(super) fn cut_off(&mut self) {
        self.reach = Reach::CutOff;
    }

    pub(super) fn reached(&mut self) {
        self.reach = Reach::Reached;
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    fn end(&mut self, how: Happening, is_over: impl Fn(&Subject, &Spell) -> bool) {
        for (subject, spell) in &mut self.spells {
            if spell.stage == Stage::Lasts && is_over(subject, spell) {
                spell.stage = Stage::Over(how);
            }
        }
    }

    /// What there is to say now.
    pub(super) fn news(&mut self, now: Duration) -> Vec<News> {
        self.end(Happening::FellSilent, |_, spell| {
            spell.heard_at + SILENCE <= now
        });
        let mut news = Vec::new();
        for (subject, spell) in &mut self.spells {
            if let Some(what) = spell.news(now) {
                let trouble = trouble(subject, spell);
                news.push(News { what, trouble });
            }
        }
        self.spells.retain(|_, spell| !spell.is_forgotten(now));
        news
    }

    /// Those that last.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let lasting = self.spells.iter();
        let lasting = lasting.filter(|(_, spell)| spell.stage == Stage::Lasts);
        lasting
            .map(|(subject, spell)| trouble(subject, spell))
            .collect()
    }

    /// Whether there is anything to watch: one that lasts, or one whose end is to be said.
    pub(super) fn is_empty(&self) -> bool {
        self.spells.is_empty() && self.reach == Reach::Reached
    }
}

fn trouble(subject: &Subject, spell: &Spell) -> Trouble {
    Trouble {
        subject: subject.clone(),
        why: spell.why.clone(),
        since: rfc3339_ms(spell.since.unix_ms),
        failures: spell.n_heard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Moment {
        Moment {
            elapsed: Duration::from_secs(s),
            unix_ms: 1_000 * i64::try_from(s).unwrap(),
        }
    }

    fn broker() -> Subject {
        Subject::Broker {
            address: "b:9092".to_owned(),
        }
    }

    fn why(cause: Cause) -> Why {
        Why {
            cause: Some(cause),
            said: cause.as_str().to_owned(),
        }
    }

    fn happenings(table: &mut Table, s: u64) -> Vec<Happening> {
        let news = table.news(Duration::from_secs(s));
        news.into_iter().map(|news| news.what).collect()
    }

    #[test]
    fn a_trouble_is_said_when_it_begins_each_minute_and_when_it_is_over() {
        let mut table = Table::default();
        table.answered();
        for s in 1..=100 {
            table.hear(broker(), why(Cause::Refused), at(s));
            let expected = match s {
                1 => vec![Happening::Began],
                61 => vec![Happening::GoesOn],
                _ => vec![],
            };
            assert_eq!(happenings(&mut table, s), expected, "{s}");
        }
        let lasting = table.troubles();
        assert_eq!(lasting.len(), 1);
        assert_eq!(lasting[0].failures, 100);
        assert_eq!(lasting[0].since, "1970-01-01T00:00:01.000Z");
        table.works(&broker());
        assert!(table.troubles().is_empty());
        assert_eq!(happenings(&mut table, 100), [Happening::IsOver]);
        assert_eq!(happenings(&mut table, 101), []);
        assert!(table.is_empty());
    }

    #[test]
    fn one_that_comes_and_goes_is_not_said_each_time() {
        let mut table = Table::default();
        let mut n_said = 0;
        for tenth in 0..300 {
            let now = Moment {
                elapsed: Duration::from_millis(tenth * 100),
                unix_ms: 0,
            };
            table.hear(broker(), why(Cause::Refused), now);
            n_said += table.news(now.elapsed).len();
            table.works(&broker());
            n_said += table.news(now.elapsed).len();
        }
        // In thirty seconds: three times that it began, and three times that it was over.
        assert_eq!(n_said, 6);
    }

    #[test]
    fn a_cause_that_says_more_is_news_and_one_that_says_less_is_none() {
        let mut table = Table::default();
        table.hear(broker(), why(Cause::Refused), at(1));
        assert_eq!(happenings(&mut table, 1), [Happening::Began]);
        table.hear(broker(), why(Cause::Credentials), at(12));
        assert_eq!(happenings(&mut table, 12), [Happening::Began]);
        // Each try goes to both addresses of the broker.
        for s in 13..20 {
            table.hear(broker(), why(Cause::Refused), at(s));
            table.hear(broker(), why(Cause::Credentials), at(s));
            assert_eq!(happenings(&mut table, s), [], "{s}");
        }
        assert_eq!(
            table.troubles()[0].why.cause,
            Some(Cause::Credentials),
            "the one that says more"
        );
        // The password is right now, and the broker is down.
        for s in 20..31 {
            table.hear(broker(), why(Cause::Refused), at(s));
        }
        assert_eq!(happenings(&mut table, 31), [Happening::Began]);
        assert_eq!(table.troubles()[0].why.cause, Some(Cause::Refused));
        table.hear(broker(), why(Cause::Other), at(50));
        assert_eq!(table.troubles()[0].why.cause, Some(Cause::Refused));
    }

    #[test]
    fn a_connection_that_was_closed_is_said_when_the_next_try_has_told_nothing() {
        let mut table = Table::default();
        table.hear(broker(), why(Cause::Closed), at(1));
        assert_eq!(happenings(&mut table, 1), []);
        table.hear(broker(), why(Cause::Refused), at(1));
        assert_eq!(happenings(&mut table, 1), [Happening::Began]);
        assert_eq!(table.troubles()[0].why.cause, Some(Cause::Refused));

        let mut table = Table::default();
        table.hear(broker(), why(Cause::Closed), at(1));
        assert_eq!(happenings(&mut table, 2), [Happening::Began]);
        // What says more is said at once.
        table.hear(broker(), why(Cause::Refused), at(2));
        assert_eq!(happenings(&mut table, 2), [Happening::Began]);
    }

    #[test]
    fn one_of_which_nothing_is_heard_ends_by_itself() {
        let mut table = Table::default();
        let right = Subject::Right(Deed::Read("events".to_owned()));
        let refused = Why {
            cause: None,
            said: "no".to_owned(),
        };
        table.hear(right, refused, at(1));
        assert_eq!(happenings(&mut table, 1), [Happening::Began]);
        assert_eq!(happenings(&mut table, 61), [Happening::GoesOn]);
        assert_eq!(happenings(&mut table, 91), [Happening::FellSilent]);
        assert!(table.troubles().is_empty());
    }

    #[test]
    fn an_answer_ends_what_keeps_us_from_the_brokers_and_no_want_of_a_right() {
        let mut table = Table::default();
        let right = Subject::Right(Deed::Join("group".to_owned()));
        let refused = Why {
            cause: None,
            said: "no".to_owned(),
        };
        let describe = Subject::Right(Deed::Describe("events".to_owned()));
        table.hear(right.clone(), refused.clone(), at(1));
        table.hear(describe, refused, at(1));
        table.hear(broker(), why(Cause::Refused), at(1));
        table.cut_off();
        table.answered();
        assert_eq!(table.reach(), Reach::Reached);
        let lasting = table.troubles();
        assert_eq!(lasting.len(), 1, "{lasting:?}");
        assert_eq!(lasting[0].subject, right);
    }

    #[test]
    fn there_is_an_end_to_names() {
        let mut table = Table::default();
        for number in 0..2 * MOST {
            let address = format!("b{number}:9092");
            let broker = Subject::Broker { address };
            table.hear(broker, why(Cause::Refused), at(1));
        }
        assert_eq!(table.troubles().len(), MOST);
    }
}
