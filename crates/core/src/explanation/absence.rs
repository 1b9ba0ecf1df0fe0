//! What is told where there is nothing to tell of: whether it is not there, not there yet, or cannot be known now.

use serde::Serialize;

use super::Lying;
use crate::replay::Place;

/// Why no event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nothing {
    /// It was looked for, and not found.
    NotFound,
    /// A place was named that no record has, or none yet.
    NoSuchRecord,
    /// `Kafka` does not answer.
    NoAnswer,
    /// A topic could not be read.
    NotRead,
}

/// How reading the topics went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All that was to be read was read.
    Whole,
    /// A topic could not be read.
    InPart,
    /// No broker has answered.
    NoAnswer,
}

impl Nothing {
    /// By how the reading went, and by the places that were named and have no record.
    pub fn of(reading: Reading, absent: &[(Place, Lying)]) -> Self {
        let is_beyond = absent.iter().any(|(_, lying)| match lying {
            Lying::NotThere(_) => true,
            Lying::Here(_) | Lying::Gone | Lying::NotRead => false,
        });
        match reading {
            Reading::NoAnswer => Self::NoAnswer,
            Reading::Whole | Reading::InPart if is_beyond => Self::NoSuchRecord,
            Reading::InPart => Self::NotRead,
            Reading::Whole => Self::NotFound,
        }
    }

    /// The same in a sentence, about what was asked for.
    pub fn headline(self, sought: &str) -> String {
        match self {
            Self::NotFound => format!("nothing is known of {sought}"),
            Self::NoSuchRecord => format!("there is no such record (yet): {sought}"),
            Self::NoAnswer => {
                format!("what became of {sought} cannot be told now: Kafka does not answer")
            }
            Self::NotRead => format!(
                "what became of {sought} cannot be told now: a topic could not be read, as is said below"
            ),
        }
    }

    /// What to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NotFound => {
                "look further back with --since 30d; check that upstream has published it, to which topic; the page docs/support.md goes on from there"
            }
            Self::NoSuchRecord => {
                "check the topic, the partition and the offset; a record that is published later is found then"
            }
            Self::NoAnswer => {
                "ask again when Kafka answers; the `id` of an outcome (TOPIC/PARTITION/OFFSET/RULE) or a message id is answered by the state store alone"
            }
            Self::NotRead => {
                "mend what is said of the topic, and ask again; the `id` of an outcome (TOPIC/PARTITION/OFFSET/RULE) or a message id is answered by the state store alone"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_kind_of_nothing_has_its_words_and_only_one_says_to_look_back() {
        let place = Place {
            topic: Arc::from("orders"),
            partition: 0,
            offset: 99,
        };
        let beyond = [(place.clone(), Lying::NotThere("it ends".to_owned()))];
        let not_read = [(place, Lying::NotRead)];
        for (reading, absent, nothing) in [
            (Reading::Whole, &beyond[..0], Nothing::NotFound),
            (Reading::Whole, &beyond, Nothing::NoSuchRecord),
            (Reading::InPart, &beyond, Nothing::NoSuchRecord),
            (Reading::InPart, &not_read, Nothing::NotRead),
            (Reading::NoAnswer, &not_read, Nothing::NoAnswer),
            (Reading::NoAnswer, &beyond[..0], Nothing::NoAnswer),
        ] {
            assert_eq!(Nothing::of(reading, absent), nothing);
            let looks_back = nothing.advice().contains("--since");
            assert_eq!(looks_back, nothing == Nothing::NotFound, "{nothing:?}");
            assert!(nothing.headline("X").contains('X'));
        }
    }
}
