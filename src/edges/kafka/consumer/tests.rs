//! Members of one group, on a broker in this process.

use std::collections::BTreeSet;

use super::*;
use crate::edges::kafka::embedded::EmbeddedBroker;
use crate::edges::kafka::test_client::Upstream;
use crate::edges::kafka::test_kafka::kafka;
use crate::edges::kafka::trouble::Ear;

const TOPIC: &str = "events";
const PARTITIONS: i32 = 2;
const LIMIT: Duration = Duration::from_secs(40);

fn member(broker: &EmbeddedBroker) -> Member {
    let options = [
        ("heartbeat.interval.ms", "200"),
        ("session.timeout.ms", "6000"),
    ];
    let kafka = Kafka {
        topics: vec![TOPIC.to_owned()],
        ..kafka(broker.address(), &options)
    };
    Member {
        source: start(&kafka, LIMIT, Ear::Command).unwrap(),
        assignment: BTreeSet::new(),
        read: BTreeSet::new(),
        has_counted: false,
    }
}

/// A service that does nothing with its records and lets partitions go at once.
struct Member {
    source: ConsumerHandle,
    assignment: BTreeSet<i32>,
    /// The partitions of which a record was read.
    read: BTreeSet<i32>,
    has_counted: bool,
}

impl Member {
    async fn step(&mut self) {
        tokio::select! {
            biased;
            Some(event) = self.source.events.recv() => match event {
                GroupEvent::TopicsCounted(layout) => {
                    assert_eq!(layout.n_partitions(), PARTITIONS.unsigned_abs());
                    self.has_counted = true;
                }
                GroupEvent::Assigned(partitions) => {
                    assert!(self.has_counted, "the count comes before the assignment");
                    self.assignment.extend(partitions.iter().map(|(partition, _)| partition.number));
                }
                GroupEvent::Revoked { handover, partitions } => {
                    self.give_up(&partitions);
                    self.source.command(Command::Released { handover, positions: Vec::new() });
                }
                GroupEvent::Lost(partitions) => self.give_up(&partitions),
                GroupEvent::Joined | GroupEvent::Left => {}
                GroupEvent::Unread { partition, n_records } => {
                    panic!("{n_records} records of {partition} were deleted");
                }
                GroupEvent::Fatal(error) => panic!("{error}"),
            },
            Some(read) = self.source.records.recv() => {
                self.read.extend(read.iter().map(|read| read.record.partition));
            }
            // It has left.
            else => std::future::pending().await,
        }
    }

    fn give_up(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.assignment.remove(&partition.number);
        }
    }
}

/// Lets the members work until this many partitions are theirs.
async fn work_until(
    first: &mut Member,
    mut second: Option<&mut Member>,
    assignment: (usize, usize),
) {
    let work = async {
        loop {
            let of_second = second.as_ref().map_or(0, |second| second.assignment.len());
            if (first.assignment.len(), of_second) == assignment {
                return;
            }
            match &mut second {
                None => first.step().await,
                Some(second) => tokio::select! {
                    () = first.step() => {}
                    () = second.step() => {}
                },
            }
        }
    };
    let ended = tokio::time::timeout(LIMIT, work).await;
    assert!(
        ended.is_ok(),
        "waited in vain until they hold {assignment:?}"
    );
}

#[tokio::test]
async fn a_partition_that_went_while_reading_was_paused_is_read_when_it_comes_back() {
    let broker = EmbeddedBroker::start([TOPIC], PARTITIONS).unwrap();
    let mut first = member(&broker);
    work_until(&mut first, None, (2, 0)).await;
    first.source.command(Command::Pause);
    let mut second = member(&broker);
    work_until(&mut first, Some(&mut second), (1, 1)).await;
    first.source.command(Command::Resume);
    second.source.command(Command::Close);
    work_until(&mut first, None, (2, 0)).await;
    let upstream = Upstream::new(&broker.address()).unwrap();
    for n in 0..20 {
        let key = format!("key-{n}");
        upstream.publish(TOPIC, &key, &[], b"{}").unwrap();
    }
    upstream.flush().unwrap();
    let read_both = async {
        while first.read.len() < 2 {
            first.step().await;
        }
    };
    let read = tokio::time::timeout(LIMIT, read_both).await;
    assert!(read.is_ok(), "read only of {:?}", first.read);
}
