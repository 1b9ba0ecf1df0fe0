//! How far each publication has got: which of its records the broker has, and which producer is to say so of the others.
//!
//! A producer that is beyond help is replaced, and its last reports may come after that. Each producer has a generation. What an old
//! one acknowledges is true and is kept; nothing else that it says counts, because all it had in hand has been given up already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;

use super::Publication;
use crate::edges::kafka::log;
use crate::pipeline::admission::Ticket;

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

/// Whether records of one kind can be published at present. An outage fails thousands of them at once, which is one piece of news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Well,
    Failing,
}

/// How much of a record goes out: each refusal for its size makes it smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Whole,
    WithoutValue,
    Bare,
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

    fn after(self, result: &Result<(), KafkaError>) -> Self {
        match (result, self) {
            (Ok(()), _) => Self::Acknowledged,
            (Err(error), Self::Missing(size)) if is_too_large(error) => Self::Missing(match size {
                Size::Whole => Size::WithoutValue,
                Size::WithoutValue | Size::Bare => Size::Bare,
            }),
            (Err(_), half) => half,
        }
    }
}

/// The topic's limit, or the size of its segments.
fn is_too_large(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge)
    )
}

/// The producer gave its whole queue up; why is told once, where it is replaced.
fn was_given_up(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::PurgeInflight
        )
    )
}

/// What is known of a publication that is not all there yet.
struct Progress {
    outcome: Half,
    letter: Half,
    /// Records that the present producer has in hand.
    under_way: usize,
}

impl Progress {
    fn missing(&self) -> Missing {
        Missing {
            outcome: self.outcome.missing(),
            letter: self.letter.missing(),
        }
    }
}

/// Everything that is not published yet, under the producer of this generation.
struct Unfinished {
    generation: Generation,
    career: Career,
    outcomes: Health,
    letters: Health,
    publications: HashMap<Ticket, Progress>,
}

impl Unfinished {
    /// Logs what is news.
    fn tell(&mut self, part: Part, result: &Result<(), KafkaError>) {
        let (kind, ticket) = (part.which, part.ticket.0);
        let health = match kind {
            Which::Outcome => &mut self.outcomes,
            Which::Letter => &mut self.letters,
        };
        match (result, *health) {
            (Ok(()), Health::Well) => {}
            (Ok(()), Health::Failing) => {
                *health = Health::Well;
                tracing::info!(?kind, "publishing works again");
            }
            (Err(error), _) if is_too_large(error) => {
                tracing::warn!(?kind, ticket, %error, "a record is too large for its topic and will be made smaller");
            }
            (Err(error), Health::Well) if !was_given_up(error) => {
                *health = Health::Failing;
                tracing::warn!(?kind, ticket, %error, "publishing fails; it is tried again until it works");
            }
            (Err(error), Health::Well | Health::Failing) => {
                tracing::debug!(?kind, ticket, %error, "not published and will be tried again");
            }
        }
    }
}

/// Keeps the progress of all publications, over all producers.
pub(super) struct Progresses {
    answers: mpsc::UnboundedSender<Publication>,
    unfinished: Mutex<Unfinished>,
}

impl Progresses {
    pub(super) fn new(answers: mpsc::UnboundedSender<Publication>) -> Arc<Self> {
        let unfinished = Unfinished {
            generation: Generation(0),
            career: Career::default(),
            outcomes: Health::default(),
            letters: Health::default(),
            publications: HashMap::new(),
        };
        Arc::new(Self {
            answers,
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
                self.answer(Publication::Failed(*ticket));
            }
        }
        career
    }

    fn ended(&self, generation: Generation, part: Part, result: &Result<(), KafkaError>) {
        let mut unfinished = self.unfinished();
        let is_present = unfinished.generation == generation;
        if is_present && result.is_ok() {
            unfinished.career = Career::Worked;
        }
        unfinished.tell(part, result);
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
        *half = half.after(result);
        if !is_present {
            return;
        }
        progress.under_way = progress.under_way.saturating_sub(1);
        if progress.under_way > 0 {
            return;
        }
        if progress.missing() == Missing::default() {
            unfinished.publications.remove(&part.ticket);
            self.answer(Publication::Acknowledged(part.ticket));
        } else {
            self.answer(Publication::Failed(part.ticket));
        }
    }
}

/// What one producer calls back.
pub(super) struct Context {
    pub(super) progresses: Arc<Progresses>,
    pub(super) generation: Generation,
}

impl Context {
    /// The producer did not even take it.
    pub(super) fn refused(&self, part: Part, sent: &Result<(), KafkaError>) {
        if sent.is_err() {
            self.progresses.ended(self.generation, part, sent);
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the producer reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Part>;

    fn delivery(&self, result: &DeliveryResult<'_>, part: Box<Part>) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        self.progresses.ended(self.generation, *part, &result);
    }
}

#[cfg(test)]
mod tests;
