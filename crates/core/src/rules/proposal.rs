//! A rule file proposed from a template and a sample event: a person begins with a guess for every value, and the reason for it beside it.
//!
//! A guess is never silently wrong. Each is tried on the sample by what the service makes values with; what nothing fits is written as
//! [`OPEN`], which no rule set is compiled with; and what is only likely says so.

mod choice;
mod fields;
mod file;
mod left;
mod toml_text;
mod trial;
mod ways;
mod words;

use jiff::tz::TimeZone;

use crate::catalog::Template;
use crate::event::{Event, Unreadable};
use choice::{choose, names_a_user};
use fields::{Field, Held, fields};
use file::written;
use trial::Trial;
use words::{Concept, Meaning};

/// What stands where a person has to say what belongs there: `check` fails with it.
pub const OPEN: &str = "{{ TODO }}";

/// The name in it.
pub(super) const OPEN_NAME: &str = "TODO";

/// How sure a guess is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// Label, name and type agree.
    Sure,
    /// It fits; whether it is meant, a person has to look.
    Doubtful,
    /// There is none: [`OPEN`] stands there.
    Open,
}

/// What was guessed for one value of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Its key in the file: `to`, `dedupe`, `params.thing2`.
    pub key: String,
    /// What the template calls it, if it is a param.
    pub label: Option<String>,
    /// As it is written into the rule; none if that is left to a person.
    pub source: Option<String>,
    /// What comes of it with the sample.
    pub value: Option<String>,
    /// Why, or what is missing.
    pub why: String,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A rule file that was not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The file.
    pub text: String,
    /// What was guessed, in the order of the file.
    pub guesses: Vec<Guess>,
}

impl Proposal {
    /// The guesses of this kind.
    pub fn guesses_that_are(&self, confidence: Confidence) -> impl Iterator<Item = &Guess> {
        let guesses = self.guesses.iter();
        guesses.filter(move |guess| guess.confidence == confidence)
    }

    /// The file as one that can be compiled: what is open reads a field that no event has, so that a preview shows it as missing.
    pub fn for_preview(&self) -> String {
        self.text.replace(OPEN, "{{ data.TODO }}")
    }
}

/// Proposes a rule that fills the template from events like this one. Fails where the event's data cannot be read.
pub fn propose(
    template: &Template,
    event: &Event,
    time_zone: &TimeZone,
) -> Result<Proposal, Unreadable> {
    let opened = event.data.open()?;
    let data = serde_json::from_str(opened.data.as_str()).unwrap_or_default();
    let trial = Trial::new(template, event, time_zone)?;
    let of_data = fields(&data);
    let of_event = Meaning::of(&event.kind);
    let mut all = of_data.clone();
    all.push(time_of(event, &of_event));
    let mut guesses = vec![recipient(&of_data, event, &trial)];
    guesses.extend(dedupe(&of_data));
    guesses.extend(choose(template, &all, &of_event, &trial));
    let text = written(template, event, &data, &guesses);
    Ok(Proposal { text, guesses })
}

/// The event's own time, as a field: of an `order.completed` it is the time of completion.
fn time_of(event: &Event, of_event: &Meaning) -> Field {
    Field {
        path: "time".to_owned(),
        named: "time".to_owned(),
        name: "time".to_owned(),
        own: Meaning {
            concepts: [Concept::Time].into(),
            aspects: of_event.aspects.clone(),
            unit: None,
        },
        above: Meaning::default(),
        held: Held::Text(event.time.clone()),
        list: None,
        depth: 0,
    }
}

/// An openid has 28 characters of which the first is an `o`. `WeChat` promises neither.
const OPENID_CHARACTERS: usize = 28;

fn looks_like_openid(text: &str) -> bool {
    text.len() == OPENID_CHARACTERS
        && text.starts_with('o')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn recipient(fields: &[Field], event: &Event, trial: &Trial<'_>) -> Guess {
    let named = fields.iter().filter(|field| {
        let name = field.name.to_ascii_lowercase().replace(['_', '-'], "");
        names_a_user(field) && (name.ends_with("openid") || name.ends_with("touser"))
    });
    let alike = fields.iter().filter(|field| match &field.held {
        Held::Text(text) => looks_like_openid(text),
        Held::Number(_) | Held::Length => false,
    });
    let of_subject = event
        .subject
        .as_deref()
        .filter(|subject| looks_like_openid(subject));
    let named = named.map(|field| (field.path.as_str(), Confidence::Sure, "by its name"));
    let alike = alike.map(|field| {
        let why = "its value looks like an openid, and its name does not say so";
        (field.path.as_str(), Confidence::Doubtful, why)
    });
    let of_subject = of_subject.map(|_| {
        (
            "subject",
            Confidence::Doubtful,
            "the event's subject looks like an openid",
        )
    });
    let mut all = named.chain(alike).chain(of_subject);
    let found = all.find_map(|(path, confidence, why)| {
        let source = format!("{{{{ {path} }}}}");
        let value = trial.recipient(&source).ok()?;
        Some(Guess {
            key: "to".to_owned(),
            label: None,
            source: Some(source),
            value: Some(value),
            why: why.to_owned(),
            confidence,
        })
    });
    found.unwrap_or_else(|| Guess {
        key: "to".to_owned(),
        label: None,
        source: None,
        value: None,
        why: "no field of the sample looks like the user's openid".to_owned(),
        confidence: Confidence::Open,
    })
}

/// The number of an order, nearest to the top, says which events tell of the same.
fn dedupe(fields: &[Field]) -> Option<Guess> {
    let is_number = |field: &&Field| {
        let concepts = &field.own.concepts;
        field.list.is_none()
            && field.held != Held::Length
            && (concepts.contains(&Concept::OrderNumber)
                || concepts.contains(&Concept::TrackingNumber))
    };
    let field = fields
        .iter()
        .filter(is_number)
        .min_by_key(|field| field.depth)?;
    Some(Guess {
        key: "dedupe".to_owned(),
        label: None,
        source: Some(format!("{{{{ {} }}}}", field.path)),
        value: None,
        why: "two events with the same number are one message; leave it out if each event is a message of its own".to_owned(),
        confidence: Confidence::Doubtful,
    })
}

#[cfg(test)]
mod tests;
