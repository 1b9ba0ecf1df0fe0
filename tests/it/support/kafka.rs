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
#[path = "kafka/cluster.rs"]
pub(crate) mod cluster;
#[path = "kafka/door.rs"]
pub(crate) mod door;
#[path = "kafka/jars.rs"]
mod jars;
#[path = "kafka/node.rs"]
mod node;
#[path = "kafka/process.rs"]
pub(crate) mod process;
#[path = "kafka/proxy.rs"]
pub(crate) mod proxy;

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::door::Door;
use self::jars::Jars;
use self::node::{Node, Ports};
use self::process::{Jvm, log_tail};

/// Names the brokers to use instead of starting one.
pub(crate) const BOOTSTRAP_VARIABLE: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// Base64 of `wx-courier-tests`. Fixed, because the nodes of one cluster must be formatted with the same id.
const CLUSTER_ID: &str = "d3gtY291cmllci10ZXN0cw";

/// The node that is a cluster of its own.
const ALONE: Node = Node {
    id: 1,
    replicas: 1,
    heap_mb: 512,
};

/// A broker needs two seconds on an idle machine; a busy one with cold disks may need many times that.
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Two processes may pick the same free port; a third clash in a row is something else.
const N_PORT_CHOICES: u32 = 3;

/// Written by the broker once it is registered, unfenced and accepts clients.
const STARTED_LINE: &str = "Kafka Server started";
const PORT_TAKEN: &str = "java.net.BindException";

/// A port for a server that may be away for a while and must get it back.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(Ports::listen_anywhere()?.local_addr()?.port())
}

/// One Kafka node, broker and controller in one, with its data in a temporary folder; dropping it ends it.
///
/// It knows its fellow voters only from its settings file, so a cluster can be a list of these.
pub(crate) struct Kafka {
    jars: Jars,
    node: Node,
    ports: Ports,
    door: Door,
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
            _ => Self::try_start(Door::Open).map(|kafka| (kafka.bootstrap.clone(), Some(kafka))),
        });
        match shared {
            Ok((bootstrap, _)) => bootstrap,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// Starts a broker of its own, for a test that stops it or needs it empty. Panics with the reason if it fails.
    pub(crate) fn start() -> Self {
        Self::start_behind(Door::Open)
    }

    /// The same, to which clients come by this door.
    pub(crate) fn start_behind(door: Door) -> Self {
        Self::try_start(door).unwrap_or_else(|reason| panic!("{reason}"))
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

    /// Ends the broker by SIGKILL, as a system short of memory would: no clean shutdown, no client is told.
    pub(crate) fn kill(&mut self) {
        self.jvm = None;
    }

    /// Stops the broker's process where it stands: connections stay open, and nothing answers.
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

    fn try_start(door: Door) -> Result<Self, String> {
        let jars = Jars::find()?;
        let mut n_choices = 1;
        loop {
            let mut kafka = Ports::choose()
                .and_then(|ports| {
                    Self::prepare(jars.clone(), ALONE, ports, &ALONE.voter(ports), door)
                })
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

    /// `voters` names all controllers of the cluster.
    fn prepare(jars: Jars, node: Node, ports: Ports, voters: &str, door: Door) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("wx-courier-kafka-")
            .tempdir()?;
        let data = folder.path().join("data");
        fs::write(
            folder.path().join("server.properties"),
            node.settings(ports, voters, &data) + &door.settings(ports, folder.path())?,
        )?;
        Ok(Self {
            jars,
            node,
            ports,
            door,
            bootstrap: format!("127.0.0.1:{}", ports.client),
            n_starts: 0,
            jvm: None,
            folder,
        })
    }

    /// Writes the cluster id and the first metadata, users among them, into the empty data folder; a broker refuses to start without.
    fn format(&mut self) -> Result<(), String> {
        let users = self.door.users_in_storage();
        let mut arguments = vec!["format", "-t", CLUSTER_ID];
        arguments.extend(users.iter().map(String::as_str));
        arguments.push("-c");
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
        self.launch()?;
        self.wait_until_started()
    }

    /// Runs the broker and does not wait for it.
    fn launch(&mut self) -> Result<(), String> {
        self.n_starts += 1;
        self.jvm = Some(self.spawn("kafka.Kafka", &[])?);
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

    fn wait_until_started(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        while !self.has_started()? {
            if Instant::now() > deadline {
                self.jvm = None;
                return Err(self.failure(&format!("it did not start within {START_LIMIT:?}")));
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Whether the broker that was launched serves clients. The log line comes first, because a stranger's broker on the same port
    /// would accept a connection too.
    fn has_started(&mut self) -> Result<bool, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.client));
        if self.log().contains(STARTED_LINE)
            && TcpStream::connect_timeout(&address, POLL_INTERVAL).is_ok()
        {
            return Ok(true);
        }
        match self.jvm.as_mut().map(Jvm::status) {
            Some(None) => Ok(false),
            Some(Some(status)) => {
                self.jvm = None;
                Err(self.failure(&format!("it ended while starting, with {status}")))
            }
            None => Err(self.failure("it was not launched")),
        }
    }

    fn java_arguments(&self, main_class: &str) -> Vec<String> {
        [
            &format!("-Xmx{}m", self.node.heap_mb),
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
