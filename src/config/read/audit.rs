//! `[audit]`: where it is written who changes something.

use super::Reader;
use crate::config::keys::{Key, Table};
use crate::config::kinds::Text;
use wx_courier_core::document::Section;

pub(super) static AUDIT: Table = Table {
    path: "audit",
    keys: &[&TOPIC],
};

static TOPIC: Key<Text> = Key {
    name: "topic",
    kind: Text,
    default: || "wx-courier.audit".to_owned(),
    about: "where it is written who pauses, resumes, reloads, replays, sets grants or clears a quota, before it is done. See [audit.md](audit.md)",
};

impl Reader<'_> {
    pub(super) fn audit(&mut self, top: &mut Section) -> String {
        let mut section = self.section(top, &AUDIT);
        let topic = self.read(&mut section, &TOPIC);
        section.finish(self.problems);
        topic
    }
}
