//! One test's world: topics and a group of its own on a broker, a sandbox of its own, and a configuration folder.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wx_courier::config::Settings;
use wx_courier::edges::kafka::test_client::Upstream;
use wx_courier::edges::kafka::topics::creation::{Made, Shape, create};
use wx_courier::edges::kafka::topics::{Sources, wanted};
use wx_courier_sandbox::{Answer, Handle, Sandbox, Script, Settings as SandboxSettings};

use super::LIMIT;
use super::courier::Courier;
use super::events::Event;
use super::folder::{self, Rules, SECRET};
use super::topic::{self, Reader};

/// A member learns of a rebalance by its next heartbeat; three seconds would be most of a test.
pub(crate) const QUICK_GROUP: &str = r#"
[kafka.options]
heartbeat.interval.ms = "300"
session.timeout.ms    = "6000"
"#;

/// A script by which sends are refused with this code.
pub(crate) fn refuse(code: i64) -> Script {
    Script::every_send(Answer::Errcode {
        code,
        message: None,
    })
}

/// What a test wants to be different from the rest.
pub(crate) struct Plan {
    /// Partitions of the source topic and of the outcome topic.
    pub(crate) partitions: i32,
    /// Copies of every topic.
    pub(crate) replicas: i32,
    /// The rules.
    pub(crate) rules: Rules,
    /// More rules: name and text.
    pub(crate) more_rules: &'static [(&'static str, &'static str)],
    /// Lines for `[outcomes]`.
    pub(crate) outcomes: &'static str,
    /// Lines for `[apps.shop]`.
    pub(crate) app: &'static str,
    /// `[state] url`; without one, an SQLite file in the configuration folder.
    pub(crate) state: Option<String>,
    /// `[rules] reload`. Most tests say themselves when the service reads again.
    pub(crate) reload: &'static str,
    /// Further sections of `courier.toml`.
    pub(crate) sections: &'static str,
    /// Apps of the sandbox that know the same templates, each with an appid of its own.
    pub(crate) n_apps: usize,
    /// Apps of the settings beside `shop`: the next ones of the sandbox, with the same templates under the same names.
    pub(crate) more_apps: &'static [&'static str],
    /// The sandbox, but for its apps.
    pub(crate) sandbox: SandboxSettings,
    /// The service's binary.
    pub(crate) binary: PathBuf,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            partitions: 4,
            replicas: 1,
            rules: Rules::WithoutRates,
            more_rules: &[],
            outcomes: "",
            app: "",
            state: None,
            reload: "on_request",
            sections: "",
            n_apps: 1,
            more_apps: &[],
            sandbox: SandboxSettings::default(),
            // Cargo says it to tests; another program that includes this file says it itself.
            binary: PathBuf::from(option_env!("CARGO_BIN_EXE_wx-courier").unwrap_or_default()),
        }
    }
}

/// One test's world.
pub(crate) struct World {
    pub(crate) brokers: String,
    pub(crate) settings: Settings,
    pub(crate) partitions: i32,
    /// Control over the sandbox.
    pub(crate) wechat: Handle,
    upstream: Upstream,
    n_apps: usize,
    n_published: Cell<i64>,
    n_couriers: Cell<u32>,
    binary: PathBuf,
    folder: TempDir,
    // In this order: the sandbox's task needs its runtime.
    sandbox: Sandbox,
    runtime: Runtime,
}

impl World {
    /// Makes the folder, the sandbox and the topics.
    pub(crate) fn new(brokers: &str, name: &str, mut plan: Plan) -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let folder = tempfile::Builder::new()
            .prefix("wx-courier-test-")
            .tempdir()
            .expect("a folder can be made");
        folder::copy_sample(folder.path(), plan.rules);
        for (name, text) in plan.more_rules {
            let path = folder.path().join(format!("rules/{name}.toml"));
            fs::write(path, text).expect("a file can be written");
        }
        // A broker that is not ours alone may know the topics and groups of earlier runs.
        let unique = RandomState::new().hash_one(name) & 0xffff_ffff;
        let name = format!("{name}-{unique:08x}");
        let mut settings = courier_toml(brokers, &name, folder.path(), &plan);
        let apps = std::iter::once(("shop", plan.app));
        let apps = apps.chain(plan.more_apps.iter().map(|app| (*app, "")));
        for (number, (app, more)) in apps.enumerate() {
            settings += &app_toml(app, number, &format!("http://{address}"), more);
        }
        for app in plan.more_apps {
            folder::add_templates(folder.path(), app);
        }
        plan.n_apps = plan.n_apps.max(1 + plan.more_apps.len());
        fs::write(folder.path().join("courier.toml"), settings).expect("a file can be written");
        let loaded = folder::read(folder.path());
        let settings = loaded.settings.expect("settings without errors are there");
        let catalog = loaded.catalog.expect("a catalog without errors is there");
        for number in 0..plan.n_apps {
            folder::tell_sandbox(&mut plan.sandbox, &folder::appid(number), &catalog);
        }
        let sandbox = runtime.block_on(async { Sandbox::start(listener, plan.sandbox) });
        let sandbox = sandbox.expect("the sandbox can be started");
        let topics = wanted(&settings, Sources::Too);
        let shape = Shape {
            partitions: plan.partitions,
            replication: plan.replicas,
        };
        let made = runtime.block_on(create(&settings.kafka, &topics, shape));
        for (topic, made) in made.expect("a broker answers") {
            assert!(
                made == Made::Created || made == Made::Existed,
                "{topic}: {made:?}"
            );
        }
        Self {
            brokers: brokers.to_owned(),
            settings,
            partitions: plan.partitions,
            wechat: sandbox.handle(),
            upstream: Upstream::new(brokers).expect("a producer can be made"),
            n_apps: plan.n_apps,
            n_published: Cell::new(0),
            n_couriers: Cell::new(0),
            binary: plan.binary,
            folder,
            sandbox,
            runtime,
        }
    }

    /// Deletes the source topic and makes it anew.
    pub(crate) fn make_source_anew(&self) {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        let admin: AdminClient<DefaultClientContext> =
            client.create().expect("a client can be made");
        let (topic, options) = ([self.source()], AdminOptions::new());
        let deleted = self.runtime.block_on(admin.delete_topics(&topic, &options));
        deleted.expect("the topic can be deleted");
        let began = Instant::now();
        let new = || {
            [NewTopic::new(
                self.source(),
                self.partitions,
                TopicReplication::Fixed(1),
            )]
        };
        // Until the broker has forgotten the old one, it refuses a new one of this name.
        loop {
            let made = self.runtime.block_on(admin.create_topics(&new(), &options));
            let made = made.expect("the broker answers");
            if made.iter().all(Result::is_ok) {
                self.n_published.set(0);
                return;
            }
            assert!(began.elapsed() < LIMIT, "{made:?}");
            sleep(Duration::from_millis(100));
        }
    }

    /// Starts the service and waits until it is a member of its group.
    pub(crate) fn courier(&self) -> Courier {
        let mut courier = self.courier_at_once(&[]);
        courier.wait_until_ready();
        courier
    }

    /// Starts the service with these variables and waits until it is a member of its group.
    pub(crate) fn courier_with(&self, variables: &[(&str, &str)]) -> Courier {
        let mut courier = self.courier_at_once(variables);
        courier.wait_until_ready();
        courier
    }

    /// Starts the service with these variables and does not wait for its group.
    pub(crate) fn courier_at_once(&self, variables: &[(&str, &str)]) -> Courier {
        Courier::start_with(&self.binary, self.folder(), self.next_log(), variables)
    }

    /// Starts the service with these variables, and does not wait for anything.
    pub(crate) fn launch(&self, variables: &[(&str, &str)]) -> Courier {
        Courier::launch(&self.binary, self.folder(), self.next_log(), variables)
    }

    /// Starts the service after a shell has done something, and with this standard error. The settings name this address.
    pub(crate) fn courier_after(&self, before: &str, address: &str, errors: Stdio) -> Courier {
        Courier::launch_after(before, &self.binary, self.folder(), address, errors)
    }

    /// A file for the log of the next service.
    pub(crate) fn next_log(&self) -> PathBuf {
        let number = self.n_couriers.get() + 1;
        self.n_couriers.set(number);
        self.folder().join(format!("courier-{number}.log"))
    }

    /// The appid of one of the sandbox's apps. The settings name the first; a variable can name another.
    pub(crate) fn appid(&self, number: usize) -> String {
        assert!(number < self.n_apps, "the sandbox has {} apps", self.n_apps);
        folder::appid(number)
    }

    /// Where the sandbox listens.
    pub(crate) fn sandbox_address(&self) -> SocketAddr {
        self.sandbox.addr()
    }

    /// Leaves the folder where it is, with the logs of the service, for a developer who wants to know what happened.
    pub(crate) fn keep_folder(&mut self) {
        self.folder.disable_cleanup(true);
    }

    /// The configuration folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The source topic.
    pub(crate) fn source(&self) -> &str {
        &self.settings.kafka.topics[0]
    }

    /// Publishes events as structured `CloudEvents`, keyed by user, and waits until the broker has them.
    pub(crate) fn publish(&self, events: &[Event]) {
        for event in events {
            self.hand_over(&event.openid, &[], &event.structured());
        }
        self.flush();
    }

    /// Publishes events under one key, so that all of them lie in one partition, and waits until the broker has them.
    pub(crate) fn publish_under(&self, key: &str, events: &[Event]) {
        for event in events {
            self.hand_over(key, &[], &event.structured());
        }
        self.flush();
    }

    /// Changes a file of the configuration folder. Panics if the old text is not there.
    pub(crate) fn rewrite(&self, file: &str, old: &str, new: &str) {
        folder::replace_in(&self.folder().join(file), old, new);
    }

    /// Hands one record to the producer.
    pub(crate) fn hand_over(&self, key: &str, headers: &[(&str, &str)], value: &[u8]) {
        self.n_published.set(self.n_published.get() + 1);
        self.upstream
            .publish(self.source(), key, headers, value)
            .expect("a record can be handed over");
    }

    /// Waits until the broker has everything that was handed over, and makes sure of it.
    pub(crate) fn flush(&self) {
        self.upstream.flush().expect("the broker takes everything");
        let n_there: i64 = self.ends().values().sum();
        assert_eq!(
            n_there,
            self.n_published.get(),
            "records on the source topic"
        );
    }

    /// Makes the broker refuse larger batches of records on one of the topics.
    pub(crate) fn limit_batches(&self, topic: &str, bytes: usize) {
        self.configure(topic, "max.message.bytes", &bytes.to_string());
    }

    /// Changes one setting of one of the topics, and gives the others their defaults.
    pub(crate) fn configure(&self, topic: &str, name: &str, value: &str) {
        let change = topic::configure(&self.brokers, topic, name, value);
        self.runtime.block_on(change);
    }

    /// Reads the outcome topic.
    pub(crate) fn outcomes(&self) -> Reader {
        Reader::new(
            &self.brokers,
            &self.settings.outcomes.topic,
            self.partitions,
        )
    }

    /// Reads the dead-letter topic.
    pub(crate) fn dead_letters(&self) -> Reader {
        Reader::new(
            &self.brokers,
            &self.settings.dead_letter_topic,
            self.partitions,
        )
    }

    /// Reads the audit topic.
    pub(crate) fn audit(&self) -> Reader {
        Reader::new(&self.brokers, &self.settings.audit_topic, self.partitions)
    }

    /// Where the partitions of the source topic end.
    pub(crate) fn ends(&self) -> BTreeMap<i32, i64> {
        topic::ends(&self.brokers, self.source(), self.partitions)
    }

    /// What the service's group has committed.
    pub(crate) fn committed(&self) -> BTreeMap<i32, Option<i64>> {
        let group = &self.settings.kafka.group;
        topic::committed(&self.brokers, group, self.source(), self.partitions)
    }
}

fn courier_toml(brokers: &str, name: &str, folder: &Path, plan: &Plan) -> String {
    let Plan {
        outcomes,
        sections,
        reload,
        ..
    } = plan;
    let own_file = || format!("sqlite:{}", folder.join("state.db").display());
    let state = plan.state.clone().unwrap_or_else(own_file);
    format!(
        r#"
[kafka]
brokers = "{brokers}"
group   = "{name}"
topics  = ["{name}.events"]

[outcomes]
topic = "{name}.outcomes"
{outcomes}

[dead_letters]
topic = "{name}.dead-letters"

[audit]
topic = "{name}.audit"

[state]
url = "{state}"

[http]
listen = "127.0.0.1:0"

# It would ask for a token before the test does.
[templates]
compare = "off"

[rules]
reload = "{reload}"

{sections}
"#
    )
}

fn app_toml(app: &str, number: usize, base_url: &str, more: &str) -> String {
    let appid = folder::appid(number);
    format!(
        r#"
[apps.{app}]
appid    = "{appid}"
secret   = "{SECRET}"
base_url = "{base_url}"
{more}
"#
    )
}
