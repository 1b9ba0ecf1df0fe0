//! The values that a rule makes, as people may see them: what must not be read is veiled.

use serde::Serialize;

use crate::document::Origin;
use crate::model::outcome::{Reason, RecipientStyle};
use crate::rules::{Diagnosis, Rule, RuleValue};

/// What is shorter may stand in a text by chance. Openids have 28 characters, login codes 32.
const SHORTEST_IN_TEXT: usize = 8;

/// A value that a rule makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `to`, `page`, or the name of a param or field.
    pub name: String,
    /// What the template calls it, where that is known.
    pub label: Option<String>,
    /// As WeChat would get it.
    pub value: Option<String>,
    /// The same before it was cut, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// How long it is, in the unit.
    pub length: Option<usize>,
    /// How long it may be.
    pub limit: Option<usize>,
    /// What is counted: `characters`, `digits` or `bytes`.
    pub unit: Option<&'static str>,
    /// Why it cannot be sent.
    pub problem: Option<String>,
    /// The same in a word.
    pub reason: Option<Reason>,
    /// Why it may be refused all the same, or is hardly meant.
    pub doubts: Vec<String>,
    /// The file of the rule that makes it.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<u32>,
}

impl Shown {
    /// Whether it cannot be sent, or is hardly meant.
    pub fn is_faulty(&self) -> bool {
        self.problem.is_some() || !self.doubts.is_empty()
    }

    /// The value, with nothing in it that may not be read.
    pub fn of(rule: &Rule, made: &RuleValue, veils: &[Veil]) -> Self {
        let found = &made.found;
        let extent = found.extent;
        let rejection = found.rejection.as_ref();
        let (file, line) = match &made.place {
            Some(Origin::File { file, line }) => (Some(file.to_string()), Some(*line)),
            Some(Origin::Default | Origin::Environment(_) | Origin::Flag(_)) | None => (None, None),
        };
        Self {
            name: made.name.clone(),
            label: label_of(rule, &made.name),
            value: found.value.as_deref().map(|value| veiled(veils, value)),
            before: found.whole.as_deref().map(|value| veiled(veils, value)),
            length: extent.map(|extent| extent.length),
            limit: extent.and_then(|extent| extent.limit),
            unit: extent.map(|extent| extent.unit.as_str()),
            problem: rejection.map(|rejection| rejection.detail.clone()),
            reason: rejection.map(|rejection| rejection.reason),
            doubts: found.doubts.clone(),
            file,
            line,
        }
    }
}

/// What the template calls a param, where it is known.
fn label_of(rule: &Rule, name: &str) -> Option<String> {
    let mut labels = rule.template()?.params.iter();
    let (_, label) = labels.find(|(known, _)| known.as_ref() == name)?;
    Some(label.clone())
}

/// A text that is not to be read, and what stands in its place.
#[derive(Clone, Debug)]
pub struct Veil {
    hidden: String,
    shown: String,
}

impl Veil {
    /// For the recipient of a message, shown in this style.
    pub fn of(diagnosis: &Diagnosis, style: RecipientStyle) -> Option<Self> {
        let mut values = diagnosis.values.iter();
        let recipient = values.find(|value| value.key == "to")?;
        Self::of_user(recipient.found.value.as_deref()?, style)
    }

    /// For a user, shown in this style.
    pub fn of_user(openid: &str, style: RecipientStyle) -> Option<Self> {
        (!openid.is_empty()).then(|| Self {
            shown: style.show(openid),
            hidden: openid.to_owned(),
        })
    }

    /// For a login code.
    pub fn of_code(code: &str) -> Self {
        Self {
            hidden: code.to_owned(),
            shown: "(hidden)".to_owned(),
        }
    }

    /// A text in which nothing hidden can be read.
    pub fn over(&self, text: &str) -> String {
        if text == self.hidden {
            return self.shown.clone();
        }
        if self.hidden.len() < SHORTEST_IN_TEXT {
            return text.to_owned();
        }
        text.replace(&self.hidden, &self.shown)
    }
}

/// A text as it may be read.
pub fn veiled(veils: &[Veil], text: &str) -> String {
    let mut text = text.to_owned();
    for veil in veils {
        text = veil.over(&text);
    }
    text
}
