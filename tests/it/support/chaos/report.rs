//! The figures of a run: a table for people, JSON for programs.

use std::fmt;

use serde_json::{Map, Value, json};
use wx_courier::config::ProducerSetting;

use super::diary::{Deed, Diary};
use super::store::StoreKind;
use crate::support::oracle::{Finding, Verdict, Weight};

/// Cases that are told of each broken promise; the rest looks like them.
const N_CASES: usize = 10;

/// Cases that are told of what was not promised.
const N_EXAMPLES: usize = 1;

/// What was done, and what came of it.
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) store: StoreKind,
    pub(crate) producer: ProducerSetting,
    pub(crate) n_members: usize,
    /// Records on the source topic.
    pub(crate) n_records: usize,
    /// Whether all of them are committed.
    pub(crate) is_committed: bool,
    /// From the first record to the last figure.
    pub(crate) seconds: u64,
    pub(crate) verdict: Verdict,
    pub(crate) diary: Diary,
}

impl Report {
    /// Whether every promise was kept.
    pub(crate) fn is_right(&self) -> bool {
        self.is_committed && self.verdict.is_kept()
    }

    /// Whether members and brokers died while there was work.
    pub(crate) fn met_trouble(&self) -> bool {
        let deeds = [
            Deed::MemberKilled,
            Deed::MemberFrozen,
            Deed::BrokerKilled,
            Deed::ApiFailed,
        ];
        deeds.iter().all(|deed| self.diary.n(*deed) > 0)
    }

    /// The figures by name.
    pub(crate) fn json(&self) -> Value {
        let verdict = &self.verdict;
        let deeds: Map<String, Value> = Deed::ALL
            .into_iter()
            .map(|deed| (deed.names().1.to_owned(), json!(self.diary.n(deed))))
            .collect();
        let findings = verdict.findings();
        let counts: Map<String, Value> = findings
            .iter()
            .map(|finding| (finding.key.to_owned(), json!(finding.cases.len())))
            .collect();
        json!({
            "seed": self.seed, "store": self.store.to_string(), "producer": self.producer.as_str(),
            "members": self.n_members,
            "is_right": self.is_right(), "is_committed": self.is_committed, "seconds": self.seconds,
            "records": self.n_records, "owed": verdict.n_owed, "outcomes": verdict.n_outcomes,
            "repeated_outcomes": verdict.n_repeated, "statuses": verdict.statuses,
            "accepted": verdict.n_accepted, "second_sends": verdict.second_sends,
            "longest_excuse_ms": verdict.longest_excuse_ms,
            "trouble": deeds, "findings": counts,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            store,
            producer,
            n_members,
            verdict,
            ..
        } = self;
        writeln!(
            f,
            "seed {seed}, store {store}, producer {}, {n_members} members, {} s\n",
            producer.as_str(),
            self.seconds
        )?;
        for deed in Deed::ALL {
            line(f, deed.names().0, self.diary.n(deed), "")?;
        }
        writeln!(f)?;
        line(f, "records", self.n_records, "")?;
        line(f, "outcomes owed", verdict.n_owed, "")?;
        line(
            f,
            "outcomes that were published once more",
            verdict.n_repeated,
            "",
        )?;
        for (status, count) in &verdict.statuses {
            line(f, &format!("  {status}"), *count, "")?;
        }
        line(f, "sends that the sandbox accepted", verdict.n_accepted, "")?;
        for (rule, sends) in &verdict.second_sends {
            for (why, count) in &sends.explained {
                line(f, &format!("  second, {rule}: {}", words(why)), *count, "")?;
            }
            if sends.unexplained > 0 {
                line(
                    f,
                    &format!("  second, {rule}: unexplained"),
                    sends.unexplained,
                    "",
                )?;
            }
        }
        let longest_ms = usize::try_from(verdict.longest_excuse_ms).unwrap_or(0);
        line(
            f,
            "  longest life after an answer that excused one, in ms",
            longest_ms,
            "",
        )?;
        writeln!(f)?;
        let findings = verdict.findings();
        for finding in &findings {
            line(f, finding.what, finding.cases.len(), verdict_on(finding))?;
        }
        let n_behind = usize::from(!self.is_committed);
        let is_wrong = if self.is_committed { "right" } else { "WRONG" };
        line(
            f,
            "source topics that are not committed to their end",
            n_behind,
            is_wrong,
        )?;
        tell_cases(f, &findings)?;
        if let Some(folder) = &self.diary.kept {
            // The third life is wx…02, and its log courier-3.log.
            write!(
                f,
                "\nthe logs of all lives, in their order: {}",
                folder.display()
            )?;
        }
        for words in &self.diary.last_words {
            write!(f, "\n{words}")?;
        }
        Ok(())
    }
}

fn tell_cases(f: &mut fmt::Formatter<'_>, findings: &[Finding<'_>]) -> fmt::Result {
    for finding in findings {
        let n_told = match finding.weight {
            Weight::MustBeZero => N_CASES,
            Weight::Told => N_EXAMPLES,
        };
        // A message that was sent five times is four findings and one story.
        let mut stories = finding.cases.to_vec();
        stories.dedup();
        for case in stories.iter().take(n_told) {
            write!(f, "\n{}: {case}", finding.what)?;
        }
    }
    Ok(())
}

fn verdict_on(finding: &Finding<'_>) -> &'static str {
    match finding.weight {
        _ if finding.cases.is_empty() => "right",
        Weight::MustBeZero => "WRONG",
        Weight::Told => "(not promised without a store)",
    }
}

/// The name of an explanation as it stands in the JSON.
fn words(why: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(why).unwrap_or_default();
    name.as_str().unwrap_or_default().replace('_', " ")
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, count: usize, verdict: &str) -> fmt::Result {
    let line = format!("{what:<56} {count:>8}  {verdict}");
    writeln!(f, "{}", line.trim_end())
}
