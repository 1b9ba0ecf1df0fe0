//! Which field fits which param: by label, name and type, and then by what comes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fields::{Field, Held};
use super::left::{fixed, open};
use super::trial::Trial;
use super::ways::{Note, Way, ways};
use super::words::{Aspect, Concept, Meaning};
use super::{Confidence, Guess};
use crate::catalog::Template;
use crate::wechat::params::ParamKind;

/// A param as the guess sees it.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a Arc<str>,
    pub(super) label: &'a str,
    pub(super) kind: ParamKind,
    /// What its label says, and its type.
    meaning: Meaning,
    /// What the label alone says.
    pub(super) said: Meaning,
}

/// Why a field may be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The label is the name of the field.
    SameWords,
    /// The label and the name of the field speak of the same.
    SameConcept,
    /// The label and what the field lies in speak of the same.
    ConceptAbove,
    /// The type of the param and the name of the field speak of the same.
    Type,
    /// The label and the name speak of the same, but of another time, amount or state of it.
    OtherAspect,
    /// It is the time of the event, and nothing says that it is the one that is meant.
    TimeOfEvent,
}

impl By {
    fn points(self) -> u32 {
        match self {
            Self::SameWords => 100,
            Self::SameConcept => 50,
            Self::ConceptAbove => 40,
            Self::Type | Self::OtherAspect => 30,
            Self::TimeOfEvent => 25,
        }
    }

    fn is_sure(self) -> bool {
        match self {
            Self::SameWords | Self::SameConcept | Self::ConceptAbove => true,
            Self::Type | Self::OtherAspect | Self::TimeOfEvent => false,
        }
    }

    fn sentence(self, field: &Field) -> String {
        let named = &field.named;
        match self {
            Self::SameWords => format!("`{named}` is its label"),
            Self::SameConcept | Self::ConceptAbove => {
                format!("`{named}` speaks of the same as its label")
            }
            Self::Type => format!("`{named}` by its type alone, the label says no more"),
            Self::OtherAspect => {
                format!("`{named}` is of the same kind, and says another one than its label")
            }
            Self::TimeOfEvent => "the time of the event: is it this one?".to_owned(),
        }
    }
}

/// How well a field fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fit {
    points: u32,
    by: By,
}

/// Both name the same time, amount or state.
const SAME_ASPECT: u32 = 20;
/// What is not said by a field of its own counts if there is none that fits as well: the event's own time, and how many a list has.
const SECOND_CHOICE: u32 = 5;

/// A field for a param, and how well it fits.
struct Pair {
    fit: Fit,
    param: usize,
    field: usize,
}

/// A guess for every param of the template, in their order.
pub(super) fn choose(
    template: &Template,
    fields: &[Field],
    of_event: &Meaning,
    trial: &Trial<'_>,
) -> Vec<Guess> {
    let wanted: Vec<Wanted<'_>> = template
        .params
        .iter()
        .map(|(name, label)| wanted(name, label))
        .collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for (param, wanted) in wanted.iter().enumerate() {
        let scored = fields.iter().enumerate().filter_map(|(field, candidate)| {
            let fit = fit(wanted, candidate)?;
            Some(Pair { fit, param, field })
        });
        pairs.extend(scored);
    }
    // The best first; of equals, the first param and the first field.
    pairs.sort_by_key(|pair| (u32::MAX - pair.fit.points, pair.param, pair.field));
    let mut guesses: Vec<Option<Guess>> = wanted.iter().map(|_| None).collect();
    let mut near: Vec<Option<String>> = wanted.iter().map(|_| None).collect();
    let mut taken = BTreeSet::new();
    for Pair { fit, param, field } in pairs {
        let (Some(wanted), Some(candidate)) = (wanted.get(param), fields.get(field)) else {
            continue;
        };
        let is_free = guesses.get(param).is_some_and(Option::is_none) && !taken.contains(&field);
        if !is_free {
            continue;
        }
        match try_on(wanted, candidate, fit, trial) {
            Ok(guess) => {
                taken.insert(field);
                if let Some(place) = guesses.get_mut(param) {
                    *place = Some(guess);
                }
            }
            Err(why) => {
                if let Some(place) = near.get_mut(param) {
                    place.get_or_insert(why);
                }
            }
        }
    }
    let all = wanted.iter().zip(guesses).zip(near);
    all.map(|((wanted, guess), near)| {
        guess
            .or_else(|| fixed(wanted, template, of_event, trial))
            .unwrap_or_else(|| open(wanted, template, near))
    })
    .collect()
}

fn wanted<'a>(name: &'a Arc<str>, label: &'a str) -> Wanted<'a> {
    let kind = ParamKind::of(name).unwrap_or(ParamKind::Unlisted);
    let said = Meaning::of(label);
    let mut meaning = said.clone();
    meaning.concepts.extend(concept_of(kind));
    Wanted {
        name,
        label,
        kind,
        meaning,
        said,
    }
}

/// What a value of this type is about, whatever the label says.
fn concept_of(kind: ParamKind) -> Option<Concept> {
    match kind {
        ParamKind::Amount => Some(Concept::Amount),
        ParamKind::Time | ParamKind::Date => Some(Concept::Time),
        ParamKind::PhoneNumber => Some(Concept::Phone),
        ParamKind::CarNumber => Some(Concept::Plate),
        ParamKind::Thing
        | ParamKind::Number
        | ParamKind::Letter
        | ParamKind::Symbol
        | ParamKind::CharacterString
        | ParamKind::Name
        | ParamKind::Phrase
        | ParamKind::Enum
        | ParamKind::Const
        | ParamKind::ShortThing
        | ParamKind::Unlisted => None,
    }
}

/// How well a field fits a param; none if it does not.
fn fit(wanted: &Wanted<'_>, field: &Field) -> Option<Fit> {
    if wanted.kind == ParamKind::Const || names_a_user(field) {
        return None;
    }
    // A number of pieces is a number, and no text.
    if field.held == Held::Length && wanted.kind != ParamKind::Number {
        return None;
    }
    let shares = |of: &Meaning, with: &Meaning| !of.concepts.is_disjoint(&with.concepts);
    let is_time_of_event = field.depth == 0;
    let of_field: BTreeSet<Aspect> = field
        .own
        .aspects
        .union(&field.above.aspects)
        .copied()
        .collect();
    let said = &wanted.said.aspects;
    let has_same_aspect = !said.is_disjoint(&of_field);
    let by = if field.name == wanted.label {
        By::SameWords
    } else if is_time_of_event && !has_same_aspect {
        shares(&wanted.meaning, &field.own).then_some(By::TimeOfEvent)?
    } else if shares(&wanted.said, &field.own) {
        By::SameConcept
    } else if field.own.is_plain() && shares(&wanted.said, &field.above) {
        By::ConceptAbove
    } else if shares(&wanted.meaning, &field.own) {
        By::Type
    } else {
        return None;
    };
    let is_another = !has_same_aspect && !said.is_empty() && !of_field.is_empty();
    let by = match by {
        By::SameConcept | By::ConceptAbove | By::Type if is_another => By::OtherAspect,
        By::SameWords
        | By::SameConcept
        | By::ConceptAbove
        | By::Type
        | By::OtherAspect
        | By::TimeOfEvent => by,
    };
    let more = if has_same_aspect { SAME_ASPECT } else { 0 };
    let less = if is_time_of_event || field.held == Held::Length {
        SECOND_CHOICE
    } else {
        0
    };
    Some(Fit {
        points: (by.points() + more).saturating_sub(less),
        by,
    })
}

/// Whether a field tells who gets the message, and nothing that a card may show.
pub(super) fn names_a_user(field: &Field) -> bool {
    let name: String = field
        .name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let name = name.to_ascii_lowercase();
    [
        "openid",
        "unionid",
        "touser",
        "jscode",
        "logincode",
        "sessionkey",
    ]
    .iter()
    .any(|word| name.ends_with(word))
}

/// The first value that can be sent; one of which nothing is doubtful goes before the others.
fn try_on(
    wanted: &Wanted<'_>,
    field: &Field,
    fit: Fit,
    trial: &Trial<'_>,
) -> Result<Guess, String> {
    let mut doubtful = None;
    let mut refused = None;
    for Way { source, note } in ways(wanted, field) {
        match trial.param(wanted.name, &source) {
            Ok(tried) if looks_like_epoch_of_nothing(wanted.kind, &tried.value) => {
                refused.get_or_insert_with(|| "it is no time".to_owned());
            }
            Ok(tried) => {
                let guess = guess(wanted, field, fit.by, (source, &note), &tried.value);
                if !tried.is_doubtful {
                    return Ok(guess);
                }
                doubtful.get_or_insert(Guess {
                    confidence: Confidence::Doubtful,
                    ..guess
                });
            }
            Err(why) => {
                refused.get_or_insert(why);
            }
        }
    }
    doubtful.ok_or_else(|| {
        format!(
            "`{}` may be meant, and its value in the sample does not fit: {}",
            field.path,
            refused.unwrap_or_default()
        )
    })
}

/// A small number is no moment of our days, whatever its name is.
fn looks_like_epoch_of_nothing(kind: ParamKind, value: &str) -> bool {
    match kind {
        ParamKind::Time | ParamKind::Date => value.starts_with("19"),
        ParamKind::Thing
        | ParamKind::Number
        | ParamKind::Letter
        | ParamKind::Symbol
        | ParamKind::CharacterString
        | ParamKind::Amount
        | ParamKind::PhoneNumber
        | ParamKind::CarNumber
        | ParamKind::Name
        | ParamKind::Phrase
        | ParamKind::Enum
        | ParamKind::Const
        | ParamKind::ShortThing
        | ParamKind::Unlisted => false,
    }
}

fn guess(
    wanted: &Wanted<'_>,
    field: &Field,
    by: By,
    (source, note): (String, &Note),
    value: &str,
) -> Guess {
    let sentence = by.sentence(field);
    let (is_sure, why) = match note {
        Note::Nothing => (by.is_sure(), sentence),
        Note::Told(said) => (by.is_sure(), format!("{sentence}; {said}")),
        Note::Ask(question) => (false, format!("{sentence}; {question}")),
    };
    Guess {
        key: format!("params.{}", wanted.name),
        label: Some(wanted.label.to_owned()),
        source: Some(source),
        value: Some(value.to_owned()),
        why,
        confidence: if is_sure {
            Confidence::Sure
        } else {
            Confidence::Doubtful
        },
    }
}
