//! What every system under test stands on: the broker, the sandbox and the producer, all on a processor of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::net::TcpListener;
use wx_courier_sandbox::{Handle, Sandbox, Settings as SandboxSettings};

use crate::event::{PARTITIONS, openid, order, partition};
use crate::support::folder::{self, APPID};
use crate::support::kafka::Kafka;

/// The most sends that a part reads back from the sandbox. A log of all would make the sandbox's memory part of what is measured.
const LOG_LIMIT: usize = 400_000;

/// Which processors a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The one that no other program uses.
    Own,
    /// Those of the bench too.
    All,
}

/// Whether programs can be tied to processors here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// The system under test has processor 0 to itself, the rest share processor 1.
    Pinned,
    /// All share all, because there is one processor, or no `taskset`.
    Unpinned,
}

impl Pinning {
    /// What holds for this process, which `bench/run` has tied to processor 1 if it could.
    pub(crate) fn found() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        if allowed.is_some_and(|list| list.trim() == "1") {
            Self::Pinned
        } else {
            Self::Unpinned
        }
    }

    /// A command that runs the program there.
    pub(crate) fn command(self, program: &Path, cores: Cores) -> Command {
        let list = match (self, cores) {
            (Self::Unpinned, _) => return Command::new(program),
            (Self::Pinned, Cores::Own) => "0",
            (Self::Pinned, Cores::All) => "0,1",
        };
        let mut command = Command::new("taskset");
        command.args(["-c", list]).arg(program);
        command
    }
}

/// The broker, the sandbox and a producer.
pub(crate) struct Ground {
    pub(crate) kafka: Kafka,
    pub(crate) wechat: Handle,
    pub(crate) base_url: String,
    pub(crate) template_id: String,
    pub(crate) pinning: Pinning,
    /// Where settings, states and logs of this run are.
    pub(crate) work: PathBuf,
    pub(crate) producer: ThreadedProducer<DefaultProducerContext>,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Ground {
    pub(crate) fn prepare(work: PathBuf) -> Self {
        if work.exists() {
            fs::remove_dir_all(&work).expect("the work of an earlier run can be removed");
        }
        fs::create_dir_all(&work).expect("a folder can be made");
        let kafka = Kafka::start();
        let (wechat, base_url, template_id) = start_sandbox();
        let client = |options: &[(&str, &str)]| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", kafka.bootstrap());
            for (name, value) in options {
                config.set(*name, *value);
            }
            config
        };
        let producer = client(&[("enable.idempotence", "true"), ("linger.ms", "2")]);
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            producer: producer.create().expect("a producer can be made"),
            admin: client(&[]).create().expect("a client can be made"),
            runtime: { runtime }.enable_all().build().expect("a runtime"),
            kafka,
            wechat,
            base_url,
            template_id,
            pinning: Pinning::found(),
            work,
        }
    }

    pub(crate) fn brokers(&self) -> &str {
        self.kafka.bootstrap()
    }

    pub(crate) fn create_topics(&self, names: &[&str]) {
        let partitions = i32::try_from(PARTITIONS).expect("a dozen");
        let new = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topics: Vec<NewTopic<'_>> = names.iter().map(|name| new(name)).collect();
        let made = self.admin.create_topics(&topics, &patience());
        let made = self.runtime.block_on(made).expect("the broker answers");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    /// A run writes gigabytes of outcomes; no part needs them after its own.
    pub(crate) fn delete_topics(&self, names: &[&str]) {
        let deleted = self.admin.delete_topics(names, &patience());
        let deleted = self.runtime.block_on(deleted);
        if let Err(error) = deleted {
            eprintln!("topics could not be deleted: {error}");
        }
    }

    /// Publishes many events as quickly as the broker takes them.
    pub(crate) fn fill(&self, topic: &str, n_events: usize) {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("enable.idempotence", "true")
            .set("linger.ms", "100")
            .set("batch.size", "900000")
            .create()
            .expect("a producer can be made");
        for n in 0..n_events {
            hand_over(&producer, topic, n, &order(n));
        }
        producer
            .flush(Duration::from_mins(2))
            .expect("the broker takes the backlog");
    }

    /// Publishes one event; the broker has it some milliseconds later.
    pub(crate) fn publish(&self, topic: &str, n: usize) {
        self.publish_this(topic, n, &order(n));
    }

    /// Publishes another event where the one of that number lies.
    pub(crate) fn publish_this(&self, topic: &str, n: usize, event: &str) {
        hand_over(&self.producer, topic, n, event);
    }

    pub(crate) fn flush(&self) {
        self.producer
            .flush(Duration::from_secs(30))
            .expect("the broker takes the events");
    }
}

fn patience() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)))
}

fn hand_over(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    n: usize,
    value: &str,
) {
    let key = openid(n);
    let partition = i32::try_from(partition(n)).expect("a dozen");
    let record = BaseRecord::to(topic).key(&key).payload(value);
    let mut record = record.partition(partition);
    while let Err((error, unsent)) = producer.send(record) {
        let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
        assert!(is_full, "an event cannot be handed over: {error}");
        thread::sleep(Duration::from_millis(5));
        record = unsent;
    }
}

/// The sandbox, on a thread that ends with this process, and what it is called.
fn start_sandbox() -> (Handle, String, String) {
    let mut settings = SandboxSettings {
        log_limit: LOG_LIMIT,
        ..SandboxSettings::default()
    };
    let catalog = folder::read(&folder::sample_folder()).catalog;
    let catalog = catalog.expect("the sample has templates");
    let template = catalog
        .iter()
        .find(|template| template.params.len() == 5 && template.id.starts_with("HYBD"));
    let template_id = template.expect("the sample's template").id.clone();
    folder::tell_sandbox(&mut settings, APPID, &catalog);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a port is free");
            let sandbox = Sandbox::start(listener, settings).expect("the sandbox starts");
            drop(tell.send((sandbox.handle(), sandbox.base_url())));
            std::future::pending::<()>().await;
        });
    });
    let (handle, base_url) = told.recv().expect("the sandbox starts");
    (handle, base_url, template_id)
}

/// Output of a program goes to a file.
pub(crate) fn logged(command: &mut Command, log: &Path) {
    let file = fs::File::create(log).expect("a log can be created");
    let copy = file.try_clone().expect("a file can be cloned");
    command.stdin(Stdio::null()).stdout(copy).stderr(file);
}
