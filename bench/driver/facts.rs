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

/// Each system's answer, in a few words.
pub(crate) const FACTS: [Fact; 6] = [
    Fact {
        question: "an outcome for every event",
        answers: ["yes", "yes", "yes", "no", "no", "yes", "yes", "yes"],
    },
    Fact {
        question: "renews its token",
        answers: [
            "ahead of its end, once",
            "ahead of its end, once",
            "ahead of its end, once",
            "no",
            "no",
            "ahead of its end, every caller at once",
            "after its end, callers wait",
            "ahead of its end, once",
        ],
    },
    Fact {
        question: "keeps a limit",
        answers: [
            "over a fleet",
            "over a fleet",
            "over a fleet",
            "no",
            "no",
            "in one process, a second's worth at once",
            "in one process, retries not counted",
            "in one process, a tenth of a second's worth at once",
        ],
    },
    Fact {
        question: "waits when WeChat refuses the account (45009, 45011)",
        answers: ["yes", "yes", "yes", "no", "no", "no", "no", "no"],
    },
    Fact {
        question: "an event published twice is sent once",
        answers: ["until it ends", "yes", "yes", "no", "no", "no", "no", "no"],
    },
    Fact {
        question: "after kill -9, sends again only what was under way",
        answers: ["no", "yes", "yes", "no", "no", "no", "no", "no"],
    },
];
