//! What the judge found: counts, and the cases behind those that must be zero.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Explanation, Memory};

/// The second sends of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SecondSends {
    /// How many could not be helped, by the reason.
    pub(crate) explained: BTreeMap<Explanation, usize>,
    /// How many could.
    pub(crate) unexplained: usize,
}

/// What the judge found.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    memory: Memory,
    /// Outcomes that are owed.
    pub(crate) n_owed: usize,
    /// Outcomes on the topic, repeated ones too.
    pub(crate) n_outcomes: usize,
    /// Outcomes that came once more.
    pub(crate) n_repeated: usize,
    /// Outcomes by status; one that has two counts in both.
    pub(crate) statuses: BTreeMap<String, usize>,
    /// Sends that the sandbox accepted.
    pub(crate) n_accepted: usize,
    /// Second sends by rule.
    pub(crate) second_sends: BTreeMap<String, SecondSends>,
    /// The longest time between an answer and the death of the process that got it that excused a second send, in milliseconds.
    pub(crate) longest_excuse_ms: i64,
    /// Owed outcomes that are not there.
    pub(crate) lost: Vec<String>,
    /// Outcomes that no record owes.
    pub(crate) owed_by_nobody: Vec<String>,
    /// Outcomes that changed.
    pub(crate) two_statuses: Vec<String>,
    /// Outcomes with a status that the message cannot end in.
    pub(crate) wrong_ends: Vec<String>,
    /// Outcomes that say `sent`, of what the sandbox never accepted.
    pub(crate) never_sent: Vec<String>,
    /// Messages that the sandbox accepted, and all of whose outcomes say that it did not.
    pub(crate) denied: Vec<String>,
    /// Records of one message that did not end as one sent and the others skipped.
    pub(crate) wrong_duplicates: Vec<String>,
    /// Second sends without an explanation.
    pub(crate) unexplained: Vec<String>,
    /// Second sends of messages that are left when in doubt, explained or not.
    pub(crate) sent_though_left: Vec<String>,
    /// Sends that belong to no message.
    pub(crate) sends_of_nothing: Vec<String>,
}

/// What a count means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Anything but zero is a broken promise.
    MustBeZero,
    /// It is a figure: without memory the service does not promise it.
    Told,
}

/// A count that has to be zero, if it is promised.
pub(crate) struct Finding<'a> {
    pub(crate) what: &'static str,
    pub(crate) key: &'static str,
    pub(crate) weight: Weight,
    pub(crate) cases: &'a [String],
}

impl Verdict {
    pub(super) fn of(memory: Memory) -> Self {
        Self {
            memory,
            n_owed: 0,
            n_outcomes: 0,
            n_repeated: 0,
            statuses: BTreeMap::new(),
            n_accepted: 0,
            second_sends: BTreeMap::new(),
            longest_excuse_ms: 0,
            lost: Vec::new(),
            owed_by_nobody: Vec::new(),
            two_statuses: Vec::new(),
            wrong_ends: Vec::new(),
            never_sent: Vec::new(),
            denied: Vec::new(),
            wrong_duplicates: Vec::new(),
            unexplained: Vec::new(),
            sent_though_left: Vec::new(),
            sends_of_nothing: Vec::new(),
        }
    }

    /// Every count that has to be zero, in the order of a report.
    pub(crate) fn findings(&self) -> Vec<Finding<'_>> {
        let of_memory = match self.memory {
            Memory::None => Weight::Told,
            Memory::Durable => Weight::MustBeZero,
        };
        let always = Weight::MustBeZero;
        [
            ("owed outcomes that are lost", "lost", always, &self.lost),
            (
                "outcomes that nobody owes",
                "owed_by_nobody",
                always,
                &self.owed_by_nobody,
            ),
            (
                "outcomes with a status that cannot be",
                "wrong_ends",
                always,
                &self.wrong_ends,
            ),
            (
                "outcomes that say sent, of what was not",
                "never_sent",
                always,
                &self.never_sent,
            ),
            (
                "sends that belong to no message",
                "sends_of_nothing",
                always,
                &self.sends_of_nothing,
            ),
            (
                "outcomes with two statuses",
                "two_statuses",
                of_memory,
                &self.two_statuses,
            ),
            (
                "second sends without an explanation",
                "unexplained",
                of_memory,
                &self.unexplained,
            ),
            (
                "second sends in spite of leave",
                "sent_though_left",
                of_memory,
                &self.sent_though_left,
            ),
            (
                "messages that were sent, and say they were not",
                "denied",
                of_memory,
                &self.denied,
            ),
            (
                "duplicates that did not end as such",
                "wrong_duplicates",
                of_memory,
                &self.wrong_duplicates,
            ),
        ]
        .map(|(what, key, weight, cases)| Finding {
            what,
            key,
            weight,
            cases,
        })
        .into()
    }

    /// Whether every promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        let findings = self.findings();
        findings
            .iter()
            .all(|finding| finding.weight == Weight::Told || finding.cases.is_empty())
    }
}
