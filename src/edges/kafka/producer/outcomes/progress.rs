//! How far each publication has got: which of its records the broker has, and which producer is to say so of the others.
//!
//! A producer that is beyond help is replaced, and its last reports may come after that. Each producer has a generation. What an old
//! one acknowledges is true and is kept; nothing else that it says counts, because all it had in hand has been given up already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::KafkaError;
use tokio::sync::mpsc;

use super::Publication;
use super::news::{News, Shrinks};
use super::records::Topics;
use crate::edges::kafka::producer::refusal::{About, explain};
use wx_courier_core::model::Ticket;

/// Which producer: the first is 0, each replacement one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(pub(super) u64);

impl Generation {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a producer has achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Career {
    #[default]
    NeverWorked,
    /// A record of its was acknowledged.
    Worked,
}

/// One record of a publication.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) ticket: Ticket,
    pub(super) which: Which,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Outcome,
    Letter,
}

impl Which {
    /// What people call them.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcomes",
            Self::Letter => "dead letters",
        }
    }
}

/// How much of a record goes out: each refusal for its size makes it smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Whole,
    /// Of a dead letter: the original record without its value.
    WithoutValue,
    /// The form that fits every topic: of an outcome [`wx_courier_core::model::outcome::Outcome::smallest`], of a dead letter our own headers.
    Bare,
}

impl Size {
    /// What to try after a refusal; the same again where there is nothing smaller.
    fn after(self, which: Which, about: About) -> Self {
        match (about, which, self) {
            (About::Size, Which::Letter, Self::Whole) => Self::WithoutValue,
            (About::Size | About::Content, _, _) => Self::Bare,
            (About::Producer | About::Topic, _, size) => size,
        }
    }
}

/// Whether a publication has a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    OutcomeAlone,
    OutcomeAndLetter,
}

/// What of a publication has to be handed to the producer now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) outcome: Option<Size>,
    pub(super) letter: Option<Size>,
}

#[derive(Clone, Copy)]
enum Half {
    Missing(Size),
    Acknowledged,
}

impl Half {
    fn missing(self) -> Option<Size> {
        match self {
            Self::Missing(size) => Some(size),
            Self::Acknowledged => None,
        }
    }

    fn after(self, which: Which, result: &Result<(), KafkaError>) -> Self {
        match (result, self) {
            (Ok(()), _) => Self::Acknowledged,
            (Err(error), Self::Missing(size)) => Self::Missing(size.after(which, About::of(error))),
            (Err(_), Self::Acknowledged) => self,
        }
    }
}

/// What is known of a publication that is not all there yet.
struct Progress {
    outcome: Half,
    letter: Half,
    /// Records that the present producer has in hand.
    under_way: usize,
    /// Why a record of it was refused the last time.
    refusal: Option<Arc<str>>,
}

impl Progress {
    fn missing(&self) -> Missing {
        Missing {
            outcome: self.outcome.missing(),
            letter: self.letter.missing(),
        }
    }

    fn why(&self) -> Arc<str> {
        let unsaid = || Arc::from("the producer was replaced before the broker had answered");
        self.refusal.clone().unwrap_or_else(unsaid)
    }
}

/// Everything that is not published yet, under the producer of this generation.
struct Unfinished {
    generation: Generation,
    career: Career,
    outcomes: News,
    letters: News,
    publications: HashMap<Ticket, Progress>,
}

impl Unfinished {
    fn news_of(&mut self, which: Which) -> &mut News {
        match which {
            Which::Outcome => &mut self.outcomes,
            Which::Letter => &mut self.letters,
        }
    }
}

/// Keeps the progress of all publications, over all producers.
pub(super) struct Progresses {
    answers: mpsc::UnboundedSender<Publication>,
    topics: Arc<Topics>,
    unfinished: Mutex<Unfinished>,
}

impl Progresses {
    pub(super) fn new(
        answers: mpsc::UnboundedSender<Publication>,
        topics: Arc<Topics>,
    ) -> Arc<Self> {
        let unfinished = Unfinished {
            generation: Generation(0),
            career: Career::default(),
            outcomes: News::default(),
            letters: News::default(),
            publications: HashMap::new(),
        };
        Arc::new(Self {
            answers,
            topics,
            unfinished: Mutex::new(unfinished),
        })
    }

    fn unfinished(&self) -> MutexGuard<'_, Unfinished> {
        self.unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, publication: Publication) {
        if self.answers.send(publication).is_err() {
            tracing::debug!("the service has ended before an acknowledgement reached it");
        }
    }

    /// Notes that a publication begins, or begins again: what is given back is under way from here on.
    pub(super) fn begin(&self, ticket: Ticket, parts: Parts) -> Missing {
        let mut unfinished = self.unfinished();
        let letter = match parts {
            Parts::OutcomeAlone => Half::Acknowledged,
            Parts::OutcomeAndLetter => Half::Missing(Size::Whole),
        };
        let first = Progress {
            outcome: Half::Missing(Size::Whole),
            letter,
            under_way: 0,
            refusal: None,
        };
        let progress = unfinished.publications.entry(ticket).or_insert(first);
        let missing = progress.missing();
        progress.under_way =
            usize::from(missing.outcome.is_some()) + usize::from(missing.letter.is_some());
        if missing == Missing::default() {
            // The last word of a producer that has been replaced: it was all there.
            unfinished.publications.remove(&ticket);
            self.answer(Publication::Acknowledged(ticket));
        }
        missing
    }

    /// The next producer takes over: everything that the last one has in hand has failed. Gives what the last one achieved.
    pub(super) fn replace(&self, next: Generation) -> Career {
        let mut unfinished = self.unfinished();
        unfinished.generation = next;
        let career = std::mem::take(&mut unfinished.career);
        for (ticket, progress) in &mut unfinished.publications {
            if progress.under_way > 0 {
                progress.under_way = 0;
                self.answer(Publication::Failed {
                    ticket: *ticket,
                    why: progress.why(),
                });
            }
        }
        career
    }

    /// A producer has an answer for a part, or did not even take it.
    pub(super) fn ended(
        &self,
        generation: Generation,
        part: Part,
        result: &Result<(), KafkaError>,
    ) {
        let mut unfinished = self.unfinished();
        let is_present = unfinished.generation == generation;
        if is_present && result.is_ok() {
            unfinished.career = Career::Worked;
        }
        let refusal = result.as_ref().err().map(|error| {
            let topic = self.topics.of(part.which);
            (About::of(error), explain(part.which.as_str(), topic, error))
        });
        let Some(progress) = unfinished.publications.get_mut(&part.ticket) else {
            return;
        };
        if !is_present && result.is_err() {
            return;
        }
        let half = match part.which {
            Which::Outcome => &mut progress.outcome,
            Which::Letter => &mut progress.letter,
        };
        let before = half.missing();
        *half = half.after(part.which, result);
        let shrinks = if result.is_err() && half.missing() != before {
            Shrinks::Yes
        } else {
            Shrinks::No
        };
        if let Some((_, why)) = &refusal {
            progress.refusal = Some(Arc::clone(why));
        }
        progress.under_way = progress.under_way.saturating_sub(usize::from(is_present));
        let publication = if !is_present || progress.under_way > 0 {
            None
        } else if progress.missing() == Missing::default() {
            Some(Publication::Acknowledged(part.ticket))
        } else {
            Some(Publication::Failed {
                ticket: part.ticket,
                why: progress.why(),
            })
        };
        let told = refusal.as_ref().map(|(about, why)| (*about, why.as_ref()));
        unfinished.news_of(part.which).tell(part, told, shrinks);
        let Some(publication) = publication else {
            return;
        };
        if let Publication::Acknowledged(ticket) = &publication {
            unfinished.publications.remove(ticket);
        }
        self.answer(publication);
    }
}

#[cfg(test)]
mod tests;
