//! Reads records again that the engine has set aside: a thread of its own, outside of the group, which commits nothing.
//!
//! It keeps trying until it knows: a record that was read once is there, or it was deleted since. Only a later record, or a log that
//! begins later, says that it was deleted; an end that comes before it says that a broker has not caught up yet.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::scan::Scanner;
use crate::config::Kafka;
use crate::pipeline::admission::Ticket;
use crate::pipeline::event::Record;
use crate::pipeline::offsets::Partition;
use crate::pipeline::replay::Place;

/// A record that was read again; `None` if it is not there any more.
#[derive(Debug)]
pub struct ReadAgain {
    /// Whose question.
    pub ticket: Ticket,
    /// The record.
    pub record: Option<Record>,
}

/// The service's end of the thread.
pub struct Rereader {
    wanted: Sender<(Ticket, Place)>,
}

/// The wait after a broker did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl Rereader {
    /// Starts the thread. It connects when it is asked something for the first time, and ends with this value.
    pub fn start(kafka: &Kafka, answers: UnboundedSender<ReadAgain>) -> anyhow::Result<Self> {
        let (wanted, asked) = channel();
        let kafka = kafka.clone();
        std::thread::Builder::new()
            .name("kafka-reread".to_owned())
            .spawn(move || work(&kafka, &asked, &answers))?;
        Ok(Self { wanted })
    }

    /// Wants a record. Those of a partition are answered in the order of their offsets.
    pub fn want(&self, ticket: Ticket, partition: &Partition, offset: i64) {
        let place = Place {
            topic: partition.topic.clone(),
            partition: partition.number,
            offset,
        };
        if self.wanted.send((ticket, place)).is_err() {
            tracing::error!("the thread that reads records again has ended");
        }
    }
}

type Wanted = BTreeSet<(Place, Ticket)>;

fn work(kafka: &Kafka, asked: &Receiver<(Ticket, Place)>, answers: &UnboundedSender<ReadAgain>) {
    let mut scanner: Option<Scanner> = None;
    let mut wanted = Wanted::new();
    loop {
        if wanted.is_empty() {
            match asked.recv() {
                Ok((ticket, place)) => wanted.insert((place, ticket)),
                Err(_) => return,
            };
        }
        while let Ok((ticket, place)) = asked.try_recv() {
            wanted.insert((place, ticket));
        }
        if answers.is_closed() {
            return;
        }
        if let Err(error) = read(kafka, &mut scanner, &mut wanted, answers) {
            tracing::warn!(%error, "records that were set aside cannot be read again, trying again");
            // What is wrong with it may be mended by a new one.
            scanner = None;
            match asked.recv_timeout(TRY_AGAIN) {
                Ok((ticket, place)) => {
                    wanted.insert((place, ticket));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Reads all of them, or as many as can be had; those are wanted no more.
fn read(
    kafka: &Kafka,
    scanner: &mut Option<Scanner>,
    wanted: &mut Wanted,
    answers: &UnboundedSender<ReadAgain>,
) -> anyhow::Result<()> {
    let scanner = match scanner {
        Some(scanner) => scanner,
        None => scanner.insert(Scanner::of_few(kafka)?),
    };
    let (places, tickets): (Vec<Place>, Vec<Ticket>) = wanted.iter().cloned().unzip();
    scanner.read_known(&places, |index, record| {
        let (Some(place), Some(ticket)) = (places.get(index), tickets.get(index)) else {
            return ControlFlow::Break(());
        };
        let (place, ticket) = (place.clone(), *ticket);
        wanted.remove(&(place, ticket));
        match answers.send(ReadAgain { ticket, record }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    Ok(())
}
