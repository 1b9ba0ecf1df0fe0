//! Reads records again that the engine has spilled: a thread of its own, outside of the group, which commits nothing.
//!
//! It keeps trying until it knows, or until the engine does not want to know any more: a record that was read once is there, or it was
//! deleted since. Only a later record, or a log that begins later, says that it was deleted; an end that comes before it says that a
//! broker has not caught up yet. A partition that cannot be read holds up no other one for longer than a try takes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::scan::Scanner;
use super::trouble::Ear;
use crate::config::Kafka;
use wx_courier_core::model::{Partition, Record, Ticket};
use wx_courier_core::replay::Place;

/// A record that was read again; `None` if it is not there any more.
#[derive(Debug)]
pub struct ReadAgain {
    /// The ticket of the question.
    pub ticket: Ticket,
    /// The record.
    pub record: Option<Record>,
}

/// The service's end of the thread.
pub struct Rereader {
    asked: Sender<Asked>,
}

enum Asked {
    Want(Ticket, Place),
    Forget(BTreeSet<Ticket>),
}

/// A client that has nothing to read hears nothing either: what its connections meet would be told when it reads again, as news.
const KEEP_CLIENT: Duration = Duration::from_mins(1);

/// The shortest wait after a partition could not be read.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl Rereader {
    /// Starts the thread. It connects when it is asked something for the first time, and ends with this value.
    pub fn start(
        kafka: &Kafka,
        ear: Ear,
        answers: UnboundedSender<ReadAgain>,
    ) -> anyhow::Result<Self> {
        let (asking, asked) = channel();
        let kafka = kafka.clone();
        std::thread::Builder::new()
            .name("kafka-reread".to_owned())
            .spawn(move || work((&kafka, &ear), &asked, &answers))?;
        Ok(Self { asked: asking })
    }

    /// Wants a record. Those of a partition are answered in the order of their offsets.
    pub fn want(&self, ticket: Ticket, partition: &Partition, offset: i64) {
        let place = Place {
            topic: Arc::clone(&partition.topic),
            partition: partition.number,
            offset,
        };
        self.ask(Asked::Want(ticket, place));
    }

    /// Wants these records no more. What is read already may still be answered.
    pub fn forget(&self, tickets: BTreeSet<Ticket>) {
        self.ask(Asked::Forget(tickets));
    }

    fn ask(&self, asked: Asked) {
        if self.asked.send(asked).is_err() {
            tracing::error!("the thread that reads records again has ended");
        }
    }
}

/// Which ticket wants which record. Several may want the same record: two rules that wait for the same event, or one that wants it for a
/// partition that went away and came back.
#[derive(Default)]
struct Wanted {
    of: BTreeMap<(Arc<str>, i32), BTreeMap<i64, Vec<Ticket>>>,
    /// Partitions that could not be read, and when they are tried again.
    resting: BTreeMap<(Arc<str>, i32), Instant>,
}

impl Wanted {
    fn take(&mut self, asked: Asked) {
        match asked {
            Asked::Want(ticket, place) => {
                let of = self.of.entry((place.topic, place.partition)).or_default();
                of.entry(place.offset).or_default().push(ticket);
            }
            Asked::Forget(tickets) => self.of.retain(|_, of| {
                of.retain(|_, wants| {
                    wants.retain(|ticket| !tickets.contains(ticket));
                    !wants.is_empty()
                });
                !of.is_empty()
            }),
        }
        let of = &self.of;
        self.resting
            .retain(|partition, _| of.contains_key(partition));
    }

    /// Those that are to be read now: all that rest not, and of the others no more than one, since it may keep us long.
    fn due(&self, now: Instant) -> Vec<(Arc<str>, i32)> {
        let awake = self.of.keys().filter(|of| !self.resting.contains_key(*of));
        let resting = self.resting.iter().filter(|(_, until)| **until <= now);
        let longest = resting.min_by_key(|(_, until)| **until).map(|(of, _)| of);
        awake.chain(longest).cloned().collect()
    }

    /// Those of one partition, in the order of their offsets.
    fn places(&self, of: &(Arc<str>, i32)) -> (Vec<Place>, Vec<Ticket>) {
        let offsets = self.of.get(of).into_iter().flatten();
        let each = offsets.flat_map(|(offset, tickets)| {
            tickets.iter().map(|ticket| {
                let place = Place {
                    topic: Arc::clone(&of.0),
                    partition: of.1,
                    offset: *offset,
                };
                (place, *ticket)
            })
        });
        each.unzip()
    }
}

fn work(
    (kafka, ear): (&Kafka, &Ear),
    asked: &Receiver<Asked>,
    answers: &UnboundedSender<ReadAgain>,
) {
    let mut scanner: Option<Scanner> = None;
    let mut wanted = Wanted::default();
    while hear(asked, &mut wanted, &mut scanner).is_continue() {
        for of in wanted.due(Instant::now()) {
            // What the engine has forgotten meanwhile is not waited for.
            if take_in(asked, &mut wanted).is_break() || answers.is_closed() {
                return;
            }
            let began = Instant::now();
            match read((kafka, ear), &mut scanner, &mut wanted, &of, answers) {
                Ok(()) => {
                    wanted.resting.remove(&of);
                }
                Err(error) => {
                    tracing::warn!(
                        topic = of.0.as_ref(),
                        partition = of.1,
                        %error,
                        "records that were set aside cannot be read again, trying again"
                    );
                    // What is wrong with it may be mended by a new one.
                    scanner = None;
                    // As long as the try took: so it takes no more than half of our time.
                    let rest = began.elapsed().max(TRY_AGAIN);
                    wanted.resting.insert(of, Instant::now() + rest);
                }
            }
        }
        if let Some(scanner) = &scanner {
            // It would fetch for as long as the process lives.
            scanner.rest();
        }
    }
}

/// Waits until there is something to be read.
fn hear(
    asked: &Receiver<Asked>,
    wanted: &mut Wanted,
    scanner: &mut Option<Scanner>,
) -> ControlFlow<()> {
    loop {
        take_in(asked, wanted)?;
        let now = Instant::now();
        if !wanted.due(now).is_empty() {
            return ControlFlow::Continue(());
        }
        let next = match (wanted.resting.values().min(), &scanner) {
            (Some(until), _) => asked.recv_timeout(until.saturating_duration_since(now)),
            (None, Some(_)) => asked.recv_timeout(KEEP_CLIENT),
            (None, None) => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(asked) => wanted.take(asked),
            Err(RecvTimeoutError::Timeout) if wanted.resting.is_empty() => *scanner = None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
        }
    }
}

fn take_in(asked: &Receiver<Asked>, wanted: &mut Wanted) -> ControlFlow<()> {
    loop {
        match asked.try_recv() {
            Ok(asked) => wanted.take(asked),
            Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
            Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
        }
    }
}

/// Reads all of a partition, or as many as can be had; those are wanted no more.
fn read(
    (kafka, ear): (&Kafka, &Ear),
    scanner: &mut Option<Scanner>,
    wanted: &mut Wanted,
    of: &(Arc<str>, i32),
    answers: &UnboundedSender<ReadAgain>,
) -> anyhow::Result<()> {
    let scanner = match scanner {
        Some(scanner) => scanner,
        None => scanner.insert(Scanner::of_few(kafka, ear.another())?),
    };
    let (places, tickets) = wanted.places(of);
    let mut n_answered = 0;
    let read = scanner.read_known(&places, |index, record| {
        n_answered = index + 1;
        let Some(ticket) = tickets.get(index).copied() else {
            return ControlFlow::Break(());
        };
        match answers.send(ReadAgain { ticket, record }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    let answered = tickets.into_iter().take(n_answered).collect();
    wanted.take(Asked::Forget(answered));
    Ok(read?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(wanted: &mut Wanted, ticket: u64, partition: i32, offset: i64) {
        let place = Place {
            topic: Arc::from("t"),
            partition,
            offset,
        };
        wanted.take(Asked::Want(Ticket(ticket), place));
    }

    #[test]
    fn two_tickets_may_want_one_record() {
        let mut wanted = Wanted::default();
        want(&mut wanted, 1, 0, 7);
        want(&mut wanted, 2, 0, 5);
        want(&mut wanted, 3, 0, 7);
        let (places, tickets) = wanted.places(&(Arc::from("t"), 0));
        let offsets: Vec<i64> = places.iter().map(|place| place.offset).collect();
        assert_eq!(offsets, [5, 7, 7]);
        assert_eq!(tickets, [Ticket(2), Ticket(1), Ticket(3)]);
        wanted.take(Asked::Forget(BTreeSet::from([Ticket(1), Ticket(2)])));
        let (_, tickets) = wanted.places(&(Arc::from("t"), 0));
        assert_eq!(tickets, [Ticket(3)]);
    }

    #[test]
    fn partitions_that_rest_are_tried_one_at_a_time_after_all_others() {
        let mut wanted = Wanted::default();
        for partition in 0..4 {
            want(&mut wanted, 1, partition, 7);
        }
        let of = |partition| (Arc::<str>::from("t"), partition);
        let now = Instant::now();
        wanted.resting.insert(of(0), now);
        wanted
            .resting
            .insert(of(1), now.checked_sub(TRY_AGAIN).unwrap());
        wanted.resting.insert(of(2), now + TRY_AGAIN);
        assert_eq!(wanted.due(now), [of(3), of(1)]);
        wanted.take(Asked::Forget(BTreeSet::from([Ticket(1)])));
        assert!(wanted.resting.is_empty() && wanted.due(now).is_empty());
    }
}
