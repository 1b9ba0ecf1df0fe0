//! What can be said on the command line of `replay`.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use crate::cli::Format;
use crate::cli::actor::Why;
use crate::cli::when::When;
use crate::config::Settings;
use wx_courier_core::document::nearest;
use wx_courier_core::model::outcome::{Reason, Status};
use wx_courier_core::replay::Selection;

/// Several values of one flag mean any of them; different flags must all hold.
#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Where messages are selected
    #[arg(long, value_enum, default_value = "dead-letters")]
    pub(super) from: From,
    #[command(flatten)]
    pub(super) wanted: Wanted,
    /// Send once more what was sent before: once in this run, however often it is resumed
    #[arg(long)]
    pub(super) again: bool,
    /// How many records are published a second
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) rate: u32,
    /// Only count
    #[arg(long, conflicts_with = "resume")]
    pub(super) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) why: Why,
    /// The file that remembers how far the run came; it goes when the run is through [default: data/replay-RUN.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Go on with a run that stopped early: its state file. The selection is the one of then
    #[arg(long, value_name = "FILE", conflicts_with_all = ["Wanted", "from", "again", "state"])]
    pub(super) resume: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

/// Where messages are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum From {
    /// What is `invalid` or `failed`
    DeadLetters,
    /// All that has an outcome; the originals are read on their source topics
    Outcomes,
}

impl From {
    /// The word of the flag.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead-letters",
            Self::Outcomes => "outcomes",
        }
    }

    /// What is selected, in words.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead letters",
            Self::Outcomes => "outcomes",
        }
    }

    /// The topic that is searched.
    pub(super) fn topic(self, settings: &Settings) -> &str {
        match self {
            Self::DeadLetters => &settings.dead_letter_topic,
            Self::Outcomes => &settings.outcomes.topic,
        }
    }
}

/// Which messages are wanted.
#[derive(clap::Args)]
pub(super) struct Wanted {
    /// Settled at this time or later: RFC 3339, or how long ago, like 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Settled before this time
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
    /// By the rule's name
    #[arg(long = "rule", value_name = "NAME")]
    rules: Vec<String>,
    /// By the status: invalid, failed, rejected, expired …
    #[arg(long = "status", value_name = "STATUS", value_parser = word::<Status>)]
    statuses: Vec<Status>,
    /// By the reason, as the outcome names it
    #[arg(long = "reason", value_name = "REASON", value_parser = word::<Reason>)]
    reasons: Vec<Reason>,
    /// By WeChat's code
    #[arg(long = "errcode", value_name = "NUMBER", allow_negative_numbers = true)]
    errcodes: Vec<i64>,
    /// By the event's type
    #[arg(long = "event-type", value_name = "TYPE")]
    event_types: Vec<String>,
    /// By the event's id, the message id or the outcome's id
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
}

impl Wanted {
    /// The selection, where times ago are counted from this one (Unix milliseconds).
    pub(super) fn selection(self, now_ms: i64) -> Selection {
        Selection {
            since_ms: self.since.map(|since| since.unix_ms(now_ms)),
            until_ms: self.until.map(|until| until.unix_ms(now_ms)),
            rules: self.rules,
            statuses: self.statuses,
            reasons: self.reasons,
            errcodes: self.errcodes,
            event_types: self.event_types,
            ids: self.ids,
        }
    }
}

/// A status or a reason, by its word on the wire. Of another word the error says which one may be meant, or lists all of them.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let read: StrDeserializer<'_, NoSuchWord> = text.into_deserializer();
    T::deserialize(read).map_err(|NoSuchWord { known }| match nearest(text, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected one of {}", known.join(", ")),
    })
}

/// What serde says of a word that is none of a closed set.
#[derive(Debug, thiserror::Error)]
#[error("no such word")]
struct NoSuchWord {
    known: &'static [&'static str],
}

impl serde::de::Error for NoSuchWord {
    fn custom<T: std::fmt::Display>(_message: T) -> Self {
        Self { known: &[] }
    }

    fn unknown_variant(_word: &str, known: &'static [&'static str]) -> Self {
        Self { known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_on_the_wire() {
        assert_eq!(word("param_too_long"), Ok(Reason::ParamTooLong));
        let wrong = word::<Status>("broken").unwrap_err();
        assert!(
            wrong.starts_with("expected one of sent, rejected, "),
            "{wrong}"
        );
        assert!(!wrong.contains("unlisted"), "{wrong}");
    }

    #[test]
    fn a_slip_of_the_finger_is_told_what_it_meant() {
        for (said, meant) in [
            ("param_to_long", "did you mean `param_too_long`?"),
            ("user-refused", "did you mean `user_refused`?"),
        ] {
            assert_eq!(word::<Reason>(said).unwrap_err(), meant);
        }
        assert_eq!(
            word::<Status>("faild").unwrap_err(),
            "did you mean `failed`?"
        );
    }
}
