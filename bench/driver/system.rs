//! The systems under test, and how each is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ground::{Cores, Ground};
use crate::support::folder::{self, APPID, Rules, SECRET};
use crate::support::redis::Redis;

/// How long a call may take before a system gives it up. Some answers of the slow API take more than the usual 5 s.
const TIMEOUT_S: u32 = 10;

/// Calls that a system may have under way at once: enough for 80 % of saturation with answers that take a tenth of a second.
pub(crate) const IN_FLIGHT: u32 = 1024;

/// What does the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    WxMemory,
    WxSqlite,
    WxRedis,
    /// The same bodies sent in a loop: no Kafka, no outcomes.
    Bare,
    /// From Kafka to Kafka, without claims, limits or retries.
    BareKafka,
    RedpandaConnect,
    Spring,
    Koa,
}

impl System {
    pub(crate) const ALL: [Self; 8] = [
        Self::WxMemory,
        Self::WxSqlite,
        Self::WxRedis,
        Self::Bare,
        Self::BareKafka,
        Self::RedpandaConnect,
        Self::Spring,
        Self::Koa,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WxMemory => "wx-memory",
            Self::WxSqlite => "wx-sqlite",
            Self::WxRedis => "wx-redis",
            Self::Bare => "bare",
            Self::BareKafka => "bare-kafka",
            Self::RedpandaConnect => "redpanda-connect",
            Self::Spring => "spring",
            Self::Koa => "koa",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name)
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::WxMemory | Self::WxSqlite | Self::WxRedis => Kind::Courier,
            Self::Bare | Self::BareKafka => Kind::Floor,
            Self::RedpandaConnect | Self::Spring | Self::Koa => Kind::Peer,
        }
    }

    /// Where the scripts of a peer are.
    fn scripts(self) -> PathBuf {
        root().join("bench/peers").join(self.name())
    }

    /// Why it cannot be measured, if so: nothing is started for it.
    pub(crate) fn is_missing(self) -> Option<String> {
        let needed = match self.kind() {
            Kind::Courier => courier_binary(),
            Kind::Floor => bare_binary(),
            Kind::Peer => self.scripts().join("run"),
        };
        if !needed.is_file() {
            return Some(format!("{} is not there", needed.display()));
        }
        // `bench/run` notes why an installation failed.
        let note = home().join(format!("{}.failed", self.name()));
        let why = fs::read_to_string(note).ok()?;
        Some(format!("not installed: {}", why.trim()))
    }
}

/// What is expected of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// wx-courier.
    Courier,
    /// The least that any program could do.
    Floor,
    /// What a user would pick instead.
    Peer,
}

/// What a system is told.
pub(crate) struct Job<'a> {
    pub(crate) source: &'a str,
    pub(crate) group: &'a str,
    pub(crate) outcomes: &'a str,
    /// Sends a second, or no limit.
    pub(crate) rate: Option<u32>,
    pub(crate) cores: Cores,
    /// A folder of its own, which outlives a crash.
    pub(crate) folder: &'a Path,
    /// Of `wx-redis`.
    pub(crate) redis: Option<&'a Redis>,
}

/// The command that does the job in the foreground.
pub(crate) fn command(system: System, ground: &Ground, job: &Job<'_>) -> Command {
    let Job { cores, .. } = *job;
    match system.kind() {
        Kind::Courier => {
            write_settings(system, ground, job);
            let mut command = ground.pinning.command(&courier_binary(), cores);
            command.args(["run", "--config"]).arg(job.folder);
            command
        }
        Kind::Floor => {
            let mut command = ground.pinning.command(&bare_binary(), cores);
            if system == System::BareKafka {
                command.arg("kafka");
            }
            tell(&mut command, ground, job);
            command
        }
        Kind::Peer => {
            let run = system.scripts().join("run");
            let mut command = ground.pinning.command(&run, cores);
            tell(&mut command, ground, job);
            command
        }
    }
}

/// The contract with a peer: `bench/README.md`.
fn tell(command: &mut Command, ground: &Ground, job: &Job<'_>) {
    let rate = job.rate.map(|rate| rate.to_string()).unwrap_or_default();
    command
        .current_dir(root())
        .env("BENCH_HOME", home())
        .env("KAFKA_BOOTSTRAP_SERVERS", ground.brokers())
        .env("SOURCE_TOPIC", job.source)
        .env("GROUP", job.group)
        .env("OUTCOME_TOPIC", job.outcomes)
        .env("WECHAT_BASE_URL", &ground.base_url)
        .env("WECHAT_APPID", APPID)
        .env("WECHAT_SECRET", SECRET)
        .env("TEMPLATE_ID", &ground.template_id)
        .env("RATE", rate)
        .env("IN_FLIGHT", IN_FLIGHT.to_string())
        .env("TIMEOUT_S", TIMEOUT_S.to_string());
}

/// The sample rule without its rate, for events whose payload is under `data`; a backlog may be older than half an hour.
fn write_settings(system: System, ground: &Ground, job: &Job<'_>) {
    let Job {
        source,
        group,
        outcomes,
        folder,
        ..
    } = *job;
    folder::copy_sample(folder, Rules::WithoutRates);
    for entry in fs::read_dir(folder.join("rules")).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        if path
            .file_name()
            .is_some_and(|name| name != "order-completed.toml")
        {
            fs::remove_file(&path).expect("a file can be removed");
        }
    }
    let path = folder.join("rules/order-completed.toml");
    let rule = fs::read_to_string(&path).expect("the sample has the rule");
    let (rule, _tests) = rule.split_once("[[tests]]").expect("the rule has tests");
    let rule = rule
        .replace("data.", "data.data.")
        .replace("\"30m\"", "\"24h\"");
    fs::write(&path, rule).expect("a file can be written");
    let state = match (system, job.redis) {
        (System::WxMemory, _) => "memory:".to_owned(),
        (_, Some(redis)) => redis.url(),
        (_, None) => format!("sqlite:{}", folder.join("state.db").display()),
    };
    let rate = job
        .rate
        .map(|rate| format!("rate = {{ per_second = {rate} }}"))
        .unwrap_or_default();
    let (brokers, base_url) = (ground.brokers(), &ground.base_url);
    let settings = format!(
        r#"
[kafka]
brokers = "{brokers}"
group   = "{group}"
topics  = ["{source}"]

[outcomes]
topic = "{outcomes}"

[dead_letters]
topic = "{outcomes}.dead-letters"

[state]
url = "{state}"

[http]
listen = "127.0.0.1:0"

[templates]
compare = "off"

[log]
level = "warn"

[send]
timeout = "{TIMEOUT_S}s"

[apps.shop]
appid         = "{APPID}"
secret        = "{SECRET}"
base_url      = "{base_url}"
max_in_flight = {IN_FLIGHT}
{rate}
"#
    );
    fs::write(folder.join("courier.toml"), settings).expect("a file can be written");
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where peers are installed and the bench works.
pub(crate) fn home() -> PathBuf {
    let named = std::env::var_os("BENCH_HOME").map(PathBuf::from);
    root().join(named.unwrap_or_else(|| "target/bench".into()))
}

fn beside_this(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    this.with_file_name(name)
}

/// Another build than this one's, if one is named: to compare with an earlier version.
fn courier_binary() -> PathBuf {
    let named = std::env::var_os("BENCH_COURIER").map(PathBuf::from);
    named.unwrap_or_else(|| beside_this("../wx-courier"))
}

fn bare_binary() -> PathBuf {
    beside_this("bare")
}
