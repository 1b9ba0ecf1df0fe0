//! Three brokers that are one cluster: every record lies on all of them, and two are enough to go on.

use std::io;
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;

use super::door::Door;
use super::jars::Jars;
use super::node::{Node, Ports};
use super::{Kafka, N_PORT_CHOICES, PORT_TAKEN};

/// As many as it takes to lose one and still have a majority.
pub(crate) const N_BROKERS: u16 = 3;

/// Three JVMs beside everything else; these brokers hold some hundred megabytes on disk and next to nothing in memory.
const HEAP_MB: u32 = 320;

/// How long one question to the cluster may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The cluster. Dropping it ends all of its brokers.
pub(crate) struct Cluster {
    nodes: Vec<Kafka>,
    bootstrap: String,
    asking: BaseConsumer,
}

impl Cluster {
    /// Starts three brokers at once and waits for all of them. Panics with the reason if one fails.
    pub(crate) fn start() -> Self {
        Self::try_start().unwrap_or_else(|reason| panic!("{reason}"))
    }

    fn try_start() -> Result<Self, String> {
        let jars = Jars::find()?;
        let mut n_choices = 1;
        let nodes = loop {
            let mut nodes = prepare(&jars)
                .map_err(|error| format!("a Kafka cluster could not be prepared: {error}"))?;
            let Err(reason) = start_all(&mut nodes) else {
                break nodes;
            };
            let is_clash = nodes.iter().any(|kafka| kafka.log().contains(PORT_TAKEN));
            if n_choices == N_PORT_CHOICES || !is_clash {
                return Err(reason);
            }
            for kafka in &mut nodes {
                kafka.folder.disable_cleanup(false);
            }
            n_choices += 1;
        };
        let addresses: Vec<&str> = nodes.iter().map(Kafka::bootstrap).collect();
        let bootstrap = addresses.join(",");
        let asking = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .set("group.id", "asks-for-replicas")
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.max.ms", "500")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
            .create()
            .map_err(|error| format!("a client of the cluster could not be made: {error}"))?;
        Ok(Self {
            nodes,
            bootstrap,
            asking,
        })
    }

    /// Where clients connect.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends one broker by SIGKILL; they count from 0.
    pub(crate) fn kill(&mut self, number: usize) {
        self.nodes[number].kill();
    }

    /// Runs a killed broker with the same ports and data, and does not wait for it.
    pub(crate) fn start_again(&mut self, number: usize) -> Result<(), String> {
        self.nodes[number].launch()
    }

    /// Whether a broker that was started again serves clients. The error is that it ended instead.
    pub(crate) fn has_started(&mut self, number: usize) -> Result<bool, String> {
        self.nodes[number].has_started()
    }

    /// Whether every partition of every topic has all of its replicas in step, so that another broker may go. One that cannot be asked
    /// is not.
    pub(crate) fn is_whole(&self) -> bool {
        let Ok(metadata) = self.asking.fetch_metadata(None, TIMEOUT) else {
            return false;
        };
        let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        metadata.brokers().len() == self.nodes.len()
            && partitions.all(|partition| partition.isr().len() == self.nodes.len())
    }
}

/// Nodes that know each other, with empty folders.
fn prepare(jars: &Jars) -> io::Result<Vec<Kafka>> {
    let mut members = Vec::new();
    for id in 1..=N_BROKERS {
        let node = Node {
            id,
            replicas: N_BROKERS,
            heap_mb: HEAP_MB,
        };
        members.push((node, Ports::choose()?));
    }
    let voters = members.iter().map(|(node, ports)| node.voter(*ports));
    let voters = voters.collect::<Vec<_>>().join(",");
    let prepare = |(node, ports)| Kafka::prepare(jars.clone(), node, ports, &voters, Door::Open);
    members.into_iter().map(prepare).collect()
}

/// All at once: none of them is ready before two of them run.
fn start_all(nodes: &mut [Kafka]) -> Result<(), String> {
    let start = |kafka: &mut Kafka| kafka.format().and_then(|()| kafka.run());
    thread::scope(|scope| {
        let starts = nodes
            .iter_mut()
            .map(|kafka| scope.spawn(move || start(kafka)));
        let starts: Vec<_> = starts.collect();
        let panicked = |_| Err("a thread that starts a broker panicked".to_owned());
        starts
            .into_iter()
            .try_for_each(|start| start.join().unwrap_or_else(panicked))
    })
}
