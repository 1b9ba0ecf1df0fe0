//! How often a long-term template may be sent, where `WeChat` limits that.

use std::sync::Arc;
use std::time::Duration;

use super::TemplateKind;
use crate::document::{Problems, Said, Section, nearest};

/// One message for each user, value of the key and period. `WeChat`: subscribe-message overview, long-term templates that are limited by
/// frequency. A mandatory field of the template is the key; the period is the template's own, and no API tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// The param whose value is the key.
    pub key: Arc<str>,
    /// How long after a message the next one of the same value may be sent.
    pub per: Duration,
}

/// A ledger that nothing happens to is kept for a year: what is older is not known any more.
const LONGEST: Duration = Duration::from_hours(365 * 24);

const KEY_HELP: &str = "name the param by whose value WeChat counts, as the mini program's console shows it: key = \"character_string1\"";
const PER_HELP: &str =
    "say how often WeChat takes a message of one user and one value: per = \"24h\"";

/// Reads `key` and `per` of a template, which belong to one kind of templates.
pub(super) fn read(
    problems: &mut Problems,
    section: &mut Section,
    kind: Option<TemplateKind>,
    params: &[(Arc<str>, String)],
) -> Option<Frequency> {
    if kind != Some(TemplateKind::LongTermLimited) {
        for key in ["key", "per"] {
            if let Some(said) = section.take(key) {
                let problem = said.error("this belongs to templates that are limited by frequency");
                problems.push(problem.help("write kind = \"long-term-limited\", or leave it out"));
            }
        }
        return None;
    }
    let key = section.require_string(problems, "key", KEY_HELP);
    let is_said = section.says("per");
    let per = section.take_duration(problems, "per");
    if !is_said {
        problems.push(section.error("`per` is missing").help(PER_HELP));
    }
    let key = key.filter(|key| is_param(problems, key, params))?;
    let per = per?;
    if per.value > LONGEST {
        let problem = per.error("what was sent is remembered for a year, no longer");
        problems.push(problem.help("write \"365d\" or less"));
        return None;
    }
    Some(Frequency {
        key: Arc::from(key.value),
        per: per.value,
    })
}

fn is_param(problems: &mut Problems, key: &Said<String>, params: &[(Arc<str>, String)]) -> bool {
    let is_known = params.is_empty() || params.iter().any(|(name, _)| **name == *key.value);
    if !is_known {
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_ref()).collect();
        let problem = key.error(format!("the template has no param `{}`", key.value));
        problems.push(match nearest(&key.value, &names) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("known here: {}", names.join(", "))),
        });
    }
    is_known
}
