//! One node of a cluster: what it is told in its settings file, and where it listens.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// A node, and what the cluster is like that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Its number in the cluster.
    pub(super) id: u16,
    /// How many copies of every topic there are.
    pub(super) replicas: u16,
    /// The largest heap of its JVM.
    pub(super) heap_mb: u32,
}

impl Node {
    /// The node as one of the voters.
    pub(super) fn voter(self, ports: Ports) -> String {
        format!("{}@127.0.0.1:{}", self.id, ports.controller)
    }

    /// The settings file. `voters` names all controllers of the cluster, with commas.
    pub(super) fn settings(self, ports: Ports, voters: &str, data: &Path) -> String {
        let Self { id, replicas, .. } = self;
        // All but one: a record that is acknowledged outlives the death of any one broker.
        let in_sync = replicas.saturating_sub(1).max(1);
        let Ports { client, controller } = ports;
        let data = data.display();
        format!(
            "\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
# When a record was published is the broker's word, not the publisher's.
log.message.timestamp.type=LogAppendTime
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
# Tests want their partitions at once, and may want to lose a member quickly.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A killed broker may come back only when its old session is over.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
# The default is a quarter of the heap.
log.cleaner.dedupe.buffer.size=2097152
"
        )
    }
}

/// Where a node listens.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) client: u16,
    pub(super) controller: u16,
}

impl Ports {
    /// Picks free ports below the range from which systems serve outgoing connections: a client that keeps trying to
    /// reach a stopped broker could otherwise be given the broker's own port and take it away.
    pub(super) fn choose() -> io::Result<Self> {
        let client = Self::listen_anywhere()?;
        let controller = Self::listen_anywhere()?;
        Ok(Self {
            client: client.local_addr()?.port(),
            controller: controller.local_addr()?.port(),
        })
    }

    pub(super) fn listen_anywhere() -> io::Result<TcpListener> {
        let mut last_error = io::Error::other("no port was tried");
        for attempt in 0..100_u8 {
            let random = RandomState::new().hash_one(attempt);
            let port = 12_000 + u16::try_from(random % 20_000).map_err(io::Error::other)?;
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => return Ok(listener),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }
}
