//! `[outcomes]` and `[dead_letters]`: what is published besides the messages, and where.

use super::Reader;
use crate::config::Outcomes;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Text, Words};
use wx_courier_core::document::Section;
use wx_courier_core::flow::Unmatched;
use wx_courier_core::model::outcome::RecipientStyle;

pub(super) static OUTCOMES: Table = Table {
    path: "outcomes",
    keys: &[&TOPIC, &RECIPIENT, &UNMATCHED],
};

static TOPIC: Key<Text> = Key {
    name: "topic",
    kind: Text,
    default: || "wx-courier.outcomes".to_owned(),
    about: "where outcomes go",
};

static RECIPIENT: Key<Words<RecipientStyle>> = Key {
    name: "recipient",
    kind: Words(&[
        ("masked", RecipientStyle::Masked),
        ("hashed", RecipientStyle::Hashed),
        ("plain", RecipientStyle::Plain),
    ]),
    default: || RecipientStyle::Masked,
    about: "how openids appear: `masked` (`oBi***001`), `hashed` (`sha256:…`), `plain`",
};

static UNMATCHED: Key<Words<Unmatched>> = Key {
    name: "unmatched",
    kind: Words(&[("count", Unmatched::Count), ("publish", Unmatched::Publish)]),
    default: || Unmatched::Count,
    about: "events that no rule wants: `count` them, or `publish` an outcome for each too",
};

pub(super) static DEAD_LETTERS: Table = Table {
    path: "dead_letters",
    keys: &[&DEAD_LETTER_TOPIC],
};

static DEAD_LETTER_TOPIC: Key<Text> = Key {
    name: "topic",
    kind: Text,
    default: || "wx-courier.dead-letters".to_owned(),
    about: "where dead letters go",
};

impl Reader<'_> {
    pub(super) fn outcomes(&mut self, top: &mut Section) -> Outcomes {
        let mut section = self.section(top, &OUTCOMES);
        let outcomes = Outcomes {
            topic: self.read(&mut section, &TOPIC),
            recipient: self.read(&mut section, &RECIPIENT),
            unmatched: self.read(&mut section, &UNMATCHED),
        };
        section.finish(self.problems);
        outcomes
    }

    pub(super) fn dead_letters(&mut self, top: &mut Section) -> String {
        let mut section = self.section(top, &DEAD_LETTERS);
        let topic = self.read(&mut section, &DEAD_LETTER_TOPIC);
        section.finish(self.problems);
        topic
    }
}
