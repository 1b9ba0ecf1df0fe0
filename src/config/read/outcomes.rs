//! `[outcomes]` and `[dead_letters]`: what is published besides the messages, and where.

use super::Reader;
use super::secrets::Found;
use crate::config::keys::{Key, SecretKeys, Table};
use crate::config::kinds::{Text, Words};
use crate::config::{Outcomes, Secret};
use wx_courier_core::document::Section;
use wx_courier_core::flow::Unmatched;
use wx_courier_core::model::outcome::RecipientStyle;

pub(super) static OUTCOMES: Table = Table {
    path: "outcomes",
    keys: &[&TOPIC, &RECIPIENT, &RECIPIENT_KEY, &UNMATCHED],
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

static RECIPIENT_KEY: SecretKeys = SecretKeys {
    key: "recipient_key",
    file_key: "recipient_key_file",
    what: "the key by which recipients are hashed",
    file_holds: "the key of `recipient_hash`: at least 16 bytes, for example from `openssl rand -hex 32`",
    short: "the key",
    about: "Without it one is made, and [kept in the state store](outcomes.md#counting-recipients)",
};

/// A key that can be guessed tells openids that can be guessed.
const SHORTEST_KEY: usize = 16;

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
            recipient_key: self.recipient_key(&mut section),
            unmatched: self.read(&mut section, &UNMATCHED),
        };
        section.finish(self.problems);
        outcomes
    }

    fn recipient_key(&mut self, section: &mut Section) -> Option<Secret> {
        let Found::Secret(key) = self.secret(section, &RECIPIENT_KEY) else {
            return None;
        };
        let n_bytes = key.expose().len();
        if n_bytes < SHORTEST_KEY {
            let problem = section.error(format!("the key has {n_bytes} bytes: it can be guessed"));
            let help =
                format!("at least {SHORTEST_KEY} bytes, for example from `openssl rand -hex 32`");
            self.problems
                .push(problem.key("outcomes.recipient_key").help(help));
        }
        Some(key)
    }

    pub(super) fn dead_letters(&mut self, top: &mut Section) -> String {
        let mut section = self.section(top, &DEAD_LETTERS);
        let topic = self.read(&mut section, &DEAD_LETTER_TOPIC);
        section.finish(self.problems);
        topic
    }
}
