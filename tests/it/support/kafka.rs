//! A real Apache Kafka broker for tests and examples, started from its Maven jars without Docker (Unix only).

#![allow(
    dead_code,
    reason = "each crate that includes this file uses its own part of it"
)]
#![allow(
    clippy::panic,
    reason = "a test cannot go on without its broker, and must not pass either"
)]

// The paths are spelt out because a crate that includes this file by `#[path]` would look for them elsewhere.
#[path = "kafka/jars.rs"]
mod jars;
#[path = "kafka/process.rs"]
mod process;

use std::env;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::jars::Jars;
use self::process::{Jvm, log_tail};

/// Names the brokers to use instead of starting one.
pub(crate) const BOOTSTRAP_VARIABLE: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// Base64 of `wx-courier-tests`. Fixed, because the nodes of one cluster must be formatted with the same id.
const CLUSTER_ID: &str = "d3gtY291cmllci10ZXN0cw";
const NODE_ID: u16 = 1;

/// A broker needs two seconds on an idle machine; a busy one with cold disks may need many times that.
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Two processes may pick the same free port; a third clash in a row is something else.
const N_PORT_CHOICES: u32 = 3;

/// Written by the broker once it is registered, unfenced and accepts clients.
const STARTED_LINE: &str = "Kafka Server started";
const PORT_TAKEN: &str = "java.net.BindException";

/// One Kafka node, broker and controller in one, with its data in a temporary folder; dropping it ends it.
///
/// It knows its fellow voters only from its settings file, so a cluster can be a list of these.
pub(crate) struct Kafka {
    jars: Jars,
    ports: Ports,
    bootstrap: String,
    n_starts: u32,
    // Declared before the folder, so that the JVM is gone before its files are.
    jvm: Option<Jvm>,
    folder: TempDir,
}

impl Kafka {
    /// The bootstrap servers that all tests of this process share.
    ///
    /// These are the ones named by `KAFKA_BOOTSTRAP_SERVERS`, or else one broker that is started at the first call
    /// and ends with this process. Panics with the reason, at every call, if there is no way to get one.
    pub(crate) fn shared() -> &'static str {
        static SHARED: OnceLock<Result<(String, Option<Kafka>), String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match env::var(BOOTSTRAP_VARIABLE) {
            Ok(servers) if !servers.trim().is_empty() => Ok((servers, None)),
            _ => Self::try_start().map(|kafka| (kafka.bootstrap.clone(), Some(kafka))),
        });
        match shared {
            Ok((bootstrap, _)) => bootstrap,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// Starts a broker of its own, for a test that stops it or needs it empty. Panics with the reason if it fails.
    pub(crate) fn start() -> Self {
        Self::try_start().unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// Where clients connect: `host:port`, the same for the whole life of this value.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends the broker in good order, as an operator would, and waits for it.
    pub(crate) fn stop(&mut self) {
        let Some(jvm) = self.jvm.take() else {
            return;
        };
        if let Err(reason) = jvm.stop() {
            panic!("{}", self.failure(&reason));
        }
    }

    /// Ends the broker by SIGKILL, as a system short of memory would: no clean shutdown, nobody is told.
    pub(crate) fn kill(&mut self) {
        self.jvm = None;
    }

    /// Stops the broker's process where it stands: connections stay open, and nobody answers.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen broker go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = self.jvm.as_ref().is_some_and(|jvm| jvm.signal(name));
        assert!(sent, "SIG{name} was not sent to the broker");
    }

    /// Starts the stopped or killed broker with the same ports and data, and waits until it serves clients.
    pub(crate) fn start_again(&mut self) {
        assert!(self.jvm.is_none(), "the broker is still running");
        if let Err(reason) = self.run() {
            panic!("{reason}");
        }
    }

    fn try_start() -> Result<Self, String> {
        let jars = Jars::find()?;
        let mut n_choices = 1;
        loop {
            let mut kafka = Self::prepare(jars.clone())
                .map_err(|error| format!("a Kafka broker could not be prepared: {error}"))?;
            let Err(reason) = kafka.format().and_then(|()| kafka.run()) else {
                return Ok(kafka);
            };
            if n_choices == N_PORT_CHOICES || !kafka.log().contains(PORT_TAKEN) {
                return Err(reason);
            }
            kafka.folder.disable_cleanup(false);
            n_choices += 1;
        }
    }

    fn prepare(jars: Jars) -> io::Result<Self> {
        let ports = Ports::choose()?;
        let folder = tempfile::Builder::new()
            .prefix("wx-courier-kafka-")
            .tempdir()?;
        let voters = format!("{NODE_ID}@127.0.0.1:{}", ports.controller);
        let data = folder.path().join("data");
        fs::write(
            folder.path().join("server.properties"),
            settings(NODE_ID, ports, &voters, &data),
        )?;
        Ok(Self {
            jars,
            ports,
            bootstrap: format!("127.0.0.1:{}", ports.client),
            n_starts: 0,
            jvm: None,
            folder,
        })
    }

    /// Writes the cluster id and the first metadata into the empty data folder; a broker refuses to start without.
    fn format(&mut self) -> Result<(), String> {
        let arguments = ["format", "-t", CLUSTER_ID, "-c"];
        let mut jvm = self.spawn("kafka.tools.StorageTool", &arguments)?;
        let status = jvm
            .wait()
            .map_err(|error| self.failure(&error.to_string()))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failure(&format!("formatting its storage ended with {status}")))
        }
    }

    fn run(&mut self) -> Result<(), String> {
        self.n_starts += 1;
        let jvm = self.spawn("kafka.Kafka", &[])?;
        // Handed through, not yet kept: a broker that does not get ready is dropped, which ends its process.
        self.jvm = Some(self.wait_until_started(jvm)?);
        Ok(())
    }

    /// Runs a class of Kafka's with these arguments and the settings file.
    fn spawn(&mut self, main_class: &str, arguments: &[&str]) -> Result<Jvm, String> {
        let mut command = Command::new(&self.jars.java);
        command
            .args(self.java_arguments(main_class))
            .args(arguments)
            .arg(self.folder.path().join("server.properties"));
        Jvm::spawn(&command, self.folder.path(), &self.log_path())
            .map_err(|error| self.failure(&format!("java could not be run: {error}")))
    }

    /// The log line comes first, because a stranger's broker on the same port would accept a connection too.
    fn wait_until_started(&mut self, mut jvm: Jvm) -> Result<Jvm, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.client));
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if self.log().contains(STARTED_LINE)
                && TcpStream::connect_timeout(&address, POLL_INTERVAL).is_ok()
            {
                return Ok(jvm);
            }
            if let Some(status) = jvm.status() {
                return Err(self.failure(&format!("it ended while starting, with {status}")));
            }
            if Instant::now() > deadline {
                return Err(self.failure(&format!("it did not start within {START_LIMIT:?}")));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn java_arguments(&self, main_class: &str) -> Vec<String> {
        [
            "-Xmx512m",
            "-XX:+UseSerialGC",
            // A test broker does not live long enough to earn back what the optimising compiler costs.
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            // The one class whose information is wanted: it writes STARTED_LINE.
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
            "-cp",
            &format!("{}/*", self.jars.libs.display()),
            main_class,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn log(&self) -> String {
        let log = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// One log per start, so that a line of an earlier start is never taken for one of this start.
    fn log_path(&self) -> PathBuf {
        let name = match self.n_starts {
            0 => "format.log".to_owned(),
            n => format!("broker-{n}.log"),
        };
        self.folder.path().join(name)
    }

    /// Describes a failure, and keeps the folder with the logs that the description names.
    fn failure(&mut self, reason: &str) -> String {
        self.folder.disable_cleanup(true);
        let log = self.log_path();
        format!(
            "Kafka broker {}: {reason}\n{}",
            self.bootstrap,
            log_tail(&log)
        )
    }
}

#[derive(Clone, Copy)]
struct Ports {
    client: u16,
    controller: u16,
}

impl Ports {
    /// Picks free ports below the range from which systems serve outgoing connections: a client that keeps trying to
    /// reach a stopped broker could otherwise be given the broker's own port and take it away.
    fn choose() -> io::Result<Self> {
        let client = Self::listen_anywhere()?;
        let controller = Self::listen_anywhere()?;
        Ok(Self {
            client: client.local_addr()?.port(),
            controller: controller.local_addr()?.port(),
        })
    }

    fn listen_anywhere() -> io::Result<TcpListener> {
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

/// The settings file of one node. `voters` names all controllers of the cluster as `id@host:port,…`.
fn settings(node_id: u16, ports: Ports, voters: &str, data: &Path) -> String {
    let Ports { client, controller } = ports;
    let data = data.display();
    format!(
        "\
process.roles=broker,controller
node.id={node_id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
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
