//! Which troubles there are, since when, and what is to be said of them now. Pure: the time comes from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;

use super::spell::{Happening, Spell};
use super::{About, Client, Trouble, Why};
use crate::edges::kafka::standing::Deed;
use wx_courier_core::model::{Moment, rfc3339_ms};

/// Brokers, rights and topics that are remembered. Their names come from outside.
const MOST: usize = 200;

/// So often in a minute a connection may be closed in the middle of its use before it is said: librdkafka opens another one.
const CLOSED_IN_A_MINUTE: u32 = 3;
const MINUTE: Duration = Duration::from_mins(1);

/// An examination that names nothing is repeated so often, should some of it not be known, before its reason is let go.
const EXAMINATIONS: u32 = 3;

/// Something that there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) what: Happening,
    pub(super) trouble: Trouble,
}

/// The cluster has refused something, and it is not known what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) code: Code,
    examinations: u32,
}

/// Connections that were closed in the middle of their use, in the minute that began then.
#[derive(Default)]
struct Closings {
    began: Duration,
    n_closed: u32,
}

/// All troubles.
#[derive(Default)]
pub(super) struct Table {
    spells: BTreeMap<About, Spell>,
    reach: Reach,
    doubt: Option<Doubt>,
    closings: Closings,
}

/// Whether the client that matters has a connection to any broker: at the start the one that looks for topics, then the member of the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    /// Not yet.
    #[default]
    NotYet,
    Reached,
    /// librdkafka says that all connections are down. It says so of a single one that it opens again at once, too.
    CutOff,
}

impl Table {
    /// A failure that a client has met.
    pub(super) fn hear(&mut self, about: About, client: Client, why: Why, now: Moment) {
        if let Some(spell) = self.spells.get_mut(&about) {
            spell.hear(client, why, now);
        } else if self.spells.len() < MOST {
            self.spells.insert(about, Spell::new(client, why, now));
        }
    }

    /// A trial of ours has met it again.
    fn confirm(&mut self, about: About, why: Why, now: Moment) {
        match self.spells.get_mut(&about) {
            Some(spell) if spell.lasts() => spell.confirm(now),
            Some(_) | None => self.hear(about, Client::OURS, why, now),
        }
    }

    /// What failed works. Says whether that is news.
    pub(super) fn works(&mut self, about: &About) -> bool {
        let spell = self.spells.get_mut(about);
        spell.is_some_and(|spell| spell.end(Happening::IsOver))
    }

    /// These connections of a client are up: what it has met at their brokers is over, but for what other clients have met there.
    pub(super) fn up(&mut self, client: Client, addresses: Vec<String>) {
        for address in addresses {
            if let Some(spell) = self.spells.get_mut(&About::Broker { address }) {
                spell.end_for(client);
            }
        }
    }

    /// A client is gone, and all its connections with it.
    pub(super) fn gone(&mut self, client: Client) {
        for (about, spell) in &mut self.spells {
            if matches!(about, About::Broker { .. }) {
                spell.end_for(client);
            }
        }
    }

    pub(super) fn cut_off(&mut self) {
        self.reach = Reach::CutOff;
    }

    pub(super) fn reached(&mut self) {
        self.reach = Reach::Reached;
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.reach != Reach::Reached
    }

    /// Whether there is a connection to any broker. A connection that is closed and opened again has no trouble of its own.
    pub(super) fn is_reached(&self) -> bool {
        let mut lasting = self.lasting();
        match self.reach {
            Reach::NotYet => false,
            Reach::Reached => true,
            Reach::CutOff => !lasting.any(|(about, _)| matches!(about, About::Broker { .. })),
        }
    }

    /// A connection was closed in the middle of its use. Says how many were in the last minute, if that is to be said.
    pub(super) fn closed(&mut self, now: Moment) -> Option<u32> {
        let closings = &mut self.closings;
        if closings.n_closed == 0 || closings.began + MINUTE <= now.elapsed {
            *closings = Closings {
                began: now.elapsed,
                n_closed: 0,
            };
        }
        closings.n_closed += 1;
        (closings.n_closed == CLOSED_IN_A_MINUTE + 1).then_some(closings.n_closed)
    }

    pub(super) fn doubt(&mut self, code: Code) {
        self.doubt = Some(Doubt {
            code,
            examinations: 0,
        });
    }

    /// Whether it should be found out what the cluster lets us do: it has refused something, or did so a moment ago.
    pub(super) fn wants_examination(&self) -> bool {
        let is_tried = |about: &About| {
            matches!(
                about,
                About::Right(Deed::Describe(_) | Deed::Read(_) | Deed::Join(_))
            )
        };
        self.doubt.is_some() || self.lasting().any(|(about, _)| is_tried(about))
    }

    /// The reason of an examination that begins: another one that comes meanwhile wants one of its own.
    pub(super) fn take_doubt(&mut self) -> Option<Doubt> {
        self.doubt.take()
    }

    /// What an examination has found: what is allowed, what is refused and why, and whether all else is known. Gives back a reason that it
    /// could not explain.
    pub(super) fn examined(
        &mut self,
        found: &[(Deed, Found)],
        doubt: Option<Doubt>,
        now: Moment,
    ) -> Option<Code> {
        let mut is_named = false;
        let mut is_known = true;
        for (deed, found) in found {
            let about = About::Right(deed.clone());
            match found {
                Found::Allowed => {
                    self.works(&about);
                }
                Found::Refused(said) => {
                    is_named = true;
                    let said = said.clone();
                    self.confirm(about, Why { cause: None, said }, now);
                }
                Found::NotKnown => is_known = false,
            }
        }
        let mut doubt = doubt.filter(|_| !is_named)?;
        doubt.examinations += 1;
        if !is_known && doubt.examinations < EXAMINATIONS {
            self.doubt.get_or_insert(doubt);
            return None;
        }
        Some(doubt.code)
    }

    /// What there is to say now.
    pub(super) fn news(&mut self, now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        for (about, spell) in &mut self.spells {
            // Of a right that is wanting nothing more may be heard while it is.
            if matches!(about, About::Broker { .. }) {
                spell.end_if_silent(now);
            }
            if let Some(what) = spell.news(now) {
                let trouble = trouble(about, spell);
                news.push(News { what, trouble });
            }
        }
        self.spells.retain(|_, spell| !spell.is_forgotten(now));
        news
    }

    fn lasting(&self) -> impl Iterator<Item = (&About, &Spell)> {
        self.spells.iter().filter(|(_, spell)| spell.lasts())
    }

    /// Those that last.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let lasting = self.lasting();
        lasting
            .map(|(about, spell)| trouble(about, spell))
            .collect()
    }

    /// Whether a right to write is wanting.
    pub(super) fn may_not_write(&self) -> bool {
        self.lasting()
            .any(|(about, _)| matches!(about, About::Right(Deed::Write(_))))
    }

    /// Whether there is nothing to watch: none that lasts, and none whose end is to be said.
    pub(super) fn is_quiet(&self) -> bool {
        self.spells.is_empty() && self.doubt.is_none() && self.reach == Reach::Reached
    }
}

/// What was found out about a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Allowed,
    Refused(String),
    NotKnown,
}

fn trouble(about: &About, spell: &Spell) -> Trouble {
    Trouble {
        about: about.clone(),
        why: spell.why().clone(),
        since: rfc3339_ms(spell.since_ms()),
        failures: spell.n_heard(),
    }
}

#[cfg(test)]
mod tests;
