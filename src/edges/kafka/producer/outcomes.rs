//! The producer of outcomes and dead letters. What it promises is the broker's acknowledgement of both, or a failure.
//!
//! An idempotent producer that has lost track of its sequence, or has been fenced, never publishes again. It is replaced by a new one:
//! what the old one had in hand fails, once, and is published again. If only the old one's acknowledgement was lost, the record is on
//! its topic twice: same `id`, same status. Where the cluster refuses idempotent producers, the new one is plain, if the settings leave
//! that to us.

mod news;
mod progress;
mod records;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::mode::{Chosen, Mode};
use super::{End, Producer, Purpose};
use crate::config::{Kafka, ProducerSetting};
use crate::edges::clock::Clock;
use crate::edges::kafka::trouble::Ear;
use progress::{Career, Generation, Part, Parts, Progresses, Which};
use records::{RecordWriter, Topics};
use wx_courier_core::model::outcome::{Outcome, bounds};
use wx_courier_core::model::{Record, Ticket};

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The broker has everything of it.
    Acknowledged(Ticket),
    /// Something of it is not there; what is will not be published again.
    Failed {
        /// Which.
        ticket: Ticket,
        /// Why, and what to do about it, for a person.
        why: Arc<str>,
    },
}

/// What was done about a producer that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Nothing: it can go on.
    NotNeeded,
    /// A new one has taken over.
    Made,
    /// Nothing yet: it never publishes again, but was itself made a moment ago. Ask again at its next failure.
    Later,
}

/// Publishes outcomes and dead letters.
pub struct Publisher {
    kafka: Kafka,
    ear: Ear,
    chosen: Chosen,
    writer: RecordWriter,
    progresses: Arc<Progresses>,
    producer: Producer<Part>,
    generation: Generation,
    pace: Pace,
}

/// When the producer may be replaced next.
struct Pace {
    earliest: Instant,
    wait: Duration,
}

impl Pace {
    fn start_over(&mut self, now: Instant) {
        self.wait = SHORTEST_WAIT;
        self.earliest = now + self.wait;
    }

    fn slow_down(&mut self, now: Instant) {
        self.wait = LONGEST_WAIT.min(self.wait * 2);
        self.earliest = now + self.wait;
    }
}

/// What a producer with a passing trouble is given before it is replaced in its turn.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// A cluster that refuses every producer is asked again this often: soon enough after its access rules are mended.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What an old producer is given to hear of requests that are under way, so that fewer records are published twice. Its failures have
/// been told already.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

impl Publisher {
    /// Connects. Every publication is answered on `publications`; `ear` hears of what goes wrong beside.
    pub fn new(
        (kafka, ear): (&Kafka, Ear),
        chosen: Chosen,
        (outcome_topic, dead_letter_topic): (&str, &str),
        clock: Clock,
        publications: mpsc::UnboundedSender<Publication>,
    ) -> anyhow::Result<Self> {
        let topics = Arc::new(Topics {
            outcomes: outcome_topic.to_owned(),
            dead_letters: dead_letter_topic.to_owned(),
        });
        let progresses = Progresses::new(publications, Arc::clone(&topics));
        Ok(Self {
            producer: connect((kafka, &ear), chosen.mode, &progresses, Generation(0))?,
            chosen,
            generation: Generation(0),
            kafka: kafka.clone(),
            ear,
            writer: RecordWriter {
                topics,
                source: bounds::source_of(&kafka.group),
                clock,
            },
            progresses,
            pace: Pace {
                earliest: Instant::now(),
                wait: SHORTEST_WAIT,
            },
        })
    }

    /// Hands an outcome, and its dead letter if there is one, to the producer. The second time only what is missing goes.
    pub fn publish(&self, ticket: Ticket, outcome: &Outcome, dead_letter: Option<&Record>) {
        let parts = dead_letter.map_or(Parts::OutcomeAlone, |_| Parts::OutcomeAndLetter);
        let missing = self.progresses.begin(ticket, parts);
        if let (Some(size), Some(record)) = (missing.letter, dead_letter) {
            let which = Which::Letter;
            let part = Part { ticket, which };
            self.writer
                .send_letter(&self.producer, part, (outcome, record), size);
        }
        if let Some(size) = missing.outcome {
            let which = Which::Outcome;
            let part = Part { ticket, which };
            self.writer
                .send_outcome(&self.producer, part, outcome, size);
        }
    }

    /// Which producer publishes at present, and why it is that one.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// Makes a new producer if this one will never publish again; what it had in hand is answered as failed. To be asked after a
    /// failure. Does not wait: the old producer ends on a thread of its own.
    pub fn replace_if_it_has_ended(&mut self) -> Replacement {
        let Some(end) = self.producer.end() else {
            return Replacement::NotNeeded;
        };
        let now = Instant::now();
        let next = match (&end, self.kafka.producer) {
            // At once: a plain one is not refused for the same reason.
            (End::Refused(refusal), ProducerSetting::Auto) => Chosen::refused(refusal),
            (End::Refused(_) | End::Fatal { .. }, _) if now < self.pace.earliest => {
                return Replacement::Later;
            }
            (End::Refused(_) | End::Fatal { .. }, _) => self.chosen.clone(),
        };
        let why = end.to_string();
        let generation = self.generation.next();
        let producer = match connect(
            (&self.kafka, &self.ear),
            next.mode,
            &self.progresses,
            generation,
        ) {
            Ok(producer) => producer,
            Err(error) => {
                tracing::warn!(why, %error, "the producer cannot go on, and no other could be made yet");
                self.pace.slow_down(now);
                return Replacement::Later;
            }
        };
        tracing::warn!(
            why,
            next = next.mode.as_str(),
            "the producer cannot go on and is replaced"
        );
        match self.progresses.replace(generation) {
            Career::Worked => self.pace.start_over(now),
            Career::NeverWorked => self.pace.slow_down(now),
        }
        self.generation = generation;
        self.chosen = next;
        retire(std::mem::replace(&mut self.producer, producer));
        Replacement::Made
    }

    /// Waits until everything handed over has been answered, or the limit is over.
    pub fn close(self, limit: Duration) {
        if let Err(error) = self.producer.flush(limit) {
            tracing::warn!(%error, "outcomes were left in the producer; their records will be read again");
        }
        retire(self.producer);
    }
}

fn connect(
    (kafka, ear): (&Kafka, &Ear),
    mode: Mode,
    progresses: &Arc<Progresses>,
    generation: Generation,
) -> Result<Producer<Part>, KafkaError> {
    let progresses = Arc::clone(progresses);
    let tell = move |part, result: Result<(), _>| progresses.ended(generation, part, &result);
    Producer::make(Purpose::Outcomes(mode), kafka, ear.another(), tell)
}

/// Ends a producer elsewhere: dropping it waits for its threads, and perhaps for a broker that does not answer.
fn retire(producer: Producer<Part>) {
    let end = move || {
        if producer.flush(LAST_ANSWERS).is_err() {
            tracing::debug!("the old producer has ended with requests under way");
        }
        drop(producer);
    };
    let retiring = std::thread::Builder::new().name("old-producer".to_owned());
    if let Err(error) = retiring.spawn(end) {
        tracing::warn!(%error, "the old producer had to be ended without its last answers");
    }
}

#[cfg(test)]
mod tests;
