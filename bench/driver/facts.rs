//! What a system does not do, as its own page in `bench/peers` says it: no figure makes up for these.

use crate::system::System;

/// One line of the table: what is asked, and the answer of each system in the order of [`System::ALL`].
pub(crate) struct Fact {
    pub(crate) question: &'static str,
    answers: [&'static str; System::ALL.len()],
}

impl Fact {
    pub(crate) fn answer(&self, system: System) -> &'static str {
        let place = System::ALL.iter().position(|it| *it == system);
        place.map_or("", |place| self.answers[place])
    }
}

/// `?` is not yet known.
pub(crate) const FACTS: [Fact; 5] = [
    Fact {
        question: "an outcome for every event",
        answers: ["yes", "yes", "yes", "no", "no", "?", "?", "?"],
    },
    Fact {
        question: "renews its token in time, and when WeChat refuses it",
        answers: ["yes", "yes", "yes", "no", "no", "?", "?", "?"],
    },
    Fact {
        question: "keeps a limit, over several instances too",
        answers: ["yes", "yes", "yes", "no", "no", "?", "?", "?"],
    },
    Fact {
        question: "an event published twice is sent once",
        answers: ["until it ends", "yes", "yes", "no", "no", "?", "?", "?"],
    },
    Fact {
        question: "after kill -9, sends again only what was under way",
        answers: ["no", "yes", "yes", "no", "no", "?", "?", "?"],
    },
];
