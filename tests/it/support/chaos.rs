//! Trouble without end: members are killed, frozen, ended and started, brokers and the store are killed, the API answers badly, and all
//! the while events are published. Then everything is healed, the work is finished, and the judge looks at what came of it.
//!
//! A seed decides the trouble and the events; when exactly they meet is decided by the machine, so no two runs are the same.

#[path = "chaos/brokers.rs"]
mod brokers;
#[path = "chaos/diary.rs"]
mod diary;
#[path = "chaos/load.rs"]
mod load;
#[path = "chaos/members.rs"]
mod members;
#[path = "chaos/probe.rs"]
mod probe;
#[path = "chaos/report.rs"]
mod report;
#[path = "chaos/schedule.rs"]
mod schedule;
#[path = "chaos/store.rs"]
mod store;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wx_courier::config::ProducerSetting;
use wx_courier_sandbox::{Answer, Latency, Script, Settings as SandboxSettings};

use self::brokers::Brokers;
use self::diary::{Deed, Diary};
use self::load::Load;
use self::members::Members;
pub(crate) use self::report::Report;
use self::schedule::{Schedule, Trouble};
pub(crate) use self::store::StoreKind;
use self::store::{Killed, Store};
use super::kafka::cluster::{Cluster, N_BROKERS};
use super::oracle::{self, Bounds, History, InDoubt, Outcome};
use super::topic::Reader;
use super::world::{Plan as WorldPlan, World};

const PARTITIONS: i32 = 12;

/// Short, so that a dead member's partitions move while there is still trouble; the brokers allow no less than one second.
const SESSION: Duration = Duration::from_millis(2_500);
const API_TIMEOUT: Duration = Duration::from_secs(2);

const SECTIONS: &str = r#"
[kafka.options]
session.timeout.ms       = "2500"
heartbeat.interval.ms    = "300"
reconnect.backoff.max.ms = "1000"

[send]
timeout      = "2s"
attempts     = 8
backoff_base = "200ms"
backoff_cap  = "2s"

[engine]
drain    = "5s"
handover = "5s"
"#;

/// How long an answer takes when all is well.
const CALM: Latency = Latency {
    min_ms: 5,
    max_ms: 60,
};

/// An honest service settles in milliseconds; on a machine with three brokers and a compiler it may have to wait for the processor.
const BOUNDS: Bounds = Bounds {
    settle_ms: 1_000,
    reconnect_ms: 2_500,
    api_timeout_ms: 2_000,
    clocks_ms: 100,
};

/// Owed outcomes that may be missing before publishing waits: enough that every partition always has something to do.
const BACKLOG: usize = 2_000;

/// More lives than a run of hours has; each is an app of the sandbox.
const N_LIVES: usize = 5_000;

/// This long without a new outcome, the work does not get on.
const STUCK: Duration = Duration::from_mins(2);

/// Between two looks at everything.
const TICK: Duration = Duration::from_millis(20);

/// Between two lines about how it goes.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// What the rules say of messages in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoubtRule {
    /// As in the sample configuration: parcels are left, everything else is sent again.
    Mixed,
    /// All the same.
    All(InDoubt),
}

/// A run.
pub(crate) struct Plan {
    /// Records to be published.
    pub(crate) events: usize,
    /// How many of them a second.
    pub(crate) per_second: usize,
    /// Processes of the service.
    pub(crate) members: usize,
    /// Decides trouble and events.
    pub(crate) seed: u64,
    /// What the rules say.
    pub(crate) in_doubt: DoubtRule,
    /// Where the members keep what they sent.
    pub(crate) store: StoreKind,
    /// How the members publish.
    pub(crate) producer: ProducerSetting,
    /// The service's binary.
    pub(crate) binary: PathBuf,
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    world: World,
    brokers: Brokers,
    store: Store,
    members: Members,
    load: Load,
    schedule: Schedule,
    diary: Diary,
    reader: Reader,
    outcomes: Vec<Outcome>,
    distinct: BTreeSet<String>,
    api_is_well_at: Option<Instant>,
    began: Instant,
    news_at: Instant,
    told_at: Instant,
}

/// Makes the world, the trouble, and the report.
pub(crate) fn run(plan: &Plan) -> Report {
    assert!(
        plan.store != StoreKind::Sqlite || plan.members == 1,
        "a file is the memory of one member; several share a Redis"
    );
    let mut run = Run::new(plan);
    run.trouble();
    run.heal();
    run.finish();
    run.report()
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let cluster = Cluster::start();
        let store = Store::start(plan.store);
        let world_plan = WorldPlan {
            partitions: PARTITIONS,
            replicas: i32::from(N_BROKERS),
            app: "max_in_flight = 64",
            state: store.url(),
            sections: SECTIONS,
            n_apps: N_LIVES,
            sandbox: SandboxSettings {
                latency: CALM,
                ..SandboxSettings::default()
            },
            binary: plan.binary.clone(),
            ..WorldPlan::default()
        };
        let world = World::new(cluster.bootstrap(), "chaos", world_plan);
        if let DoubtRule::All(in_doubt) = plan.in_doubt {
            say_in_doubt(&world.folder().join("rules"), in_doubt);
        }
        for n in 0..load::N_REFUSED_USERS {
            let answer = Answer::Errcode {
                code: 43101,
                message: None,
            };
            let script = Script::every_send(answer).for_openid(load::refused_user(n));
            world.wechat.script(script);
        }
        // A file has one user: no member joins.
        let n_extra = usize::from(plan.store != StoreKind::Sqlite);
        let now = Instant::now();
        Self {
            plan,
            brokers: Brokers::new(cluster),
            store,
            members: Members::new(plan.members, n_extra, SESSION, plan.producer),
            load: Load::new(plan.seed),
            schedule: Schedule::new(plan.seed, SESSION, API_TIMEOUT),
            diary: Diary::default(),
            reader: world.outcomes(),
            outcomes: Vec::new(),
            distinct: BTreeSet::new(),
            api_is_well_at: None,
            began: now,
            news_at: now,
            told_at: now,
            world,
        }
    }

    /// Publishes everything, with trouble all the while; less, if the service does not get on.
    fn trouble(&mut self) {
        let (mut quiet, mut next) = self.schedule.next();
        let mut last_at = Instant::now();
        while self.load.len() < self.plan.events && self.gets_on() {
            self.publish_due();
            self.attend();
            if last_at.elapsed() >= quiet {
                self.carry_out(next);
                last_at = Instant::now();
                (quiet, next) = self.schedule.next();
            }
        }
    }

    /// Publishes what is due by now, unless too much is still owed.
    fn publish_due(&mut self) {
        let millis = usize::try_from(self.began.elapsed().as_millis()).unwrap_or(usize::MAX);
        let due = millis.saturating_mul(self.plan.per_second) / 1_000;
        let due = due.min(self.plan.events);
        let may = self.distinct.len() + BACKLOG;
        while self.load.len() < due && self.load.n_owing() < may {
            self.load.publish_one(&self.world);
        }
    }

    /// Does what is due everywhere, and reads outcomes for a tick.
    fn attend(&mut self) {
        self.members.attend(&self.world, &mut self.diary);
        self.brokers.attend(&mut self.diary);
        self.store.attend(&mut self.diary);
        if self.api_is_well_at.is_some_and(|at| at <= Instant::now()) {
            self.calm_api();
        }
        self.read(TICK);
        if self.told_at.elapsed() >= TELL_EVERY {
            self.told_at = Instant::now();
            eprintln!(
                "{:>5} s: {} published, {} of {} ended, {} sends accepted, {} members started, {} brokers killed",
                self.began.elapsed().as_secs(),
                self.load.len(),
                self.distinct.len(),
                self.load.n_owing(),
                self.world.wechat.stats().accepted,
                self.diary.n(Deed::MemberStarted),
                self.diary.n(Deed::BrokerKilled),
            );
        }
    }

    fn read(&mut self, time: Duration) {
        self.reader.read_for(time);
        for published in self.reader.seen.drain(..) {
            if published
                .header("ce_type")
                .starts_with("wx-courier.receipt.")
            {
                continue;
            }
            let value = published.value.as_deref().unwrap_or_default();
            let outcome = oracle::reading::outcome(value, published.at_ms);
            if self.distinct.insert(outcome.id.clone()) {
                self.news_at = Instant::now();
            }
            self.outcomes.push(outcome);
        }
    }

    fn carry_out(&mut self, trouble: Trouble) {
        let (members, diary) = (&mut self.members, &mut self.diary);
        match trouble {
            Trouble::KillMember(who, away_for) => members.kill(who, away_for, diary),
            Trouble::FreezeMember(who, time) => members.freeze(who, time, diary),
            Trouble::EndMember(who, away_for) => members.end(who, away_for, diary),
            Trouble::StartMember(who) => members.join(who, &self.world, diary),
            Trouble::KillBroker(who, outage) => self.brokers.kill(who, outage, diary),
            Trouble::KillStore(outage) => {
                let deed = match self.store.kill(outage) {
                    Killed::Yes => Deed::StoreKilled,
                    Killed::NotThere => Deed::TroubleWithoutTarget,
                };
                diary.count(deed);
            }
            Trouble::BadAnswers(failures, time) => {
                diary.count(Deed::ApiFailed);
                self.world.wechat.fail_randomly(Some(failures));
                self.api_is_well_at = Some(Instant::now() + time);
            }
            Trouble::SlowAnswers(slow_ms, time) => {
                diary.count(Deed::ApiSlowed);
                self.world.wechat.set_latency(Latency {
                    min_ms: slow_ms / 4,
                    max_ms: slow_ms,
                });
                self.api_is_well_at = Some(Instant::now() + time);
            }
        }
    }

    fn calm_api(&mut self) {
        self.world.wechat.fail_randomly(None);
        self.world.wechat.set_latency(CALM);
        self.api_is_well_at = None;
    }

    /// Ends all trouble.
    fn heal(&mut self) {
        self.calm_api();
        self.store.heal(&mut self.diary);
        self.brokers.heal();
        self.members.heal(&self.world, &mut self.diary);
    }

    /// Waits until everything has ended and is committed, or nothing gets on; then ends the members.
    fn finish(&mut self) {
        self.news_at = Instant::now();
        let owes = |run: &Self| run.distinct.len() < run.load.n_owing();
        while (owes(self) || !self.brokers.are_whole()) && self.gets_on() {
            self.attend();
        }
        self.world.flush();
        let waited_since = Instant::now();
        while !self.is_committed() && waited_since.elapsed() < STUCK {
            self.attend();
        }
        self.members.end_all(&self.world, &mut self.diary);
    }

    fn gets_on(&self) -> bool {
        self.news_at.elapsed() < STUCK
    }

    fn is_committed(&self) -> bool {
        let committed = self.world.committed();
        let mut ends = self.world.ends().into_iter();
        ends.all(|(partition, end)| committed[&partition].unwrap_or(0) == end)
    }

    fn report(mut self) -> Report {
        let is_committed = self.is_committed();
        self.reader.read_to_end();
        self.read(TICK);
        let mut source = Reader::new(&self.world.brokers, self.world.source(), PARTITIONS);
        source.read_to_end();
        let memory = self.plan.store.memory();
        let rule = |rule: &str| in_doubt(self.plan.in_doubt, rule);
        let history = History {
            memory,
            bounds: BOUNDS,
            owed: self.load.owed(&self.world, &source.seen, memory, rule),
            outcomes: self.outcomes,
            sends: oracle::reading::sandbox_log(self.world.sandbox_address()),
            incidents: std::mem::take(&mut self.diary.incidents),
        };
        let verdict = oracle::judge(&history);
        if !verdict.is_kept() {
            self.world.keep_folder();
            self.diary.kept = Some(self.world.folder().to_owned());
        }
        Report {
            seed: self.plan.seed,
            store: self.plan.store,
            producer: self.plan.producer,
            n_members: self.plan.members,
            n_records: self.load.len(),
            is_committed,
            seconds: self.began.elapsed().as_secs(),
            verdict,
            diary: self.diary,
        }
    }
}

/// What the sample's rules say, or what was said of all.
fn in_doubt(said: DoubtRule, rule: &str) -> InDoubt {
    match said {
        DoubtRule::All(in_doubt) => in_doubt,
        DoubtRule::Mixed if rule == "shipment-arrived" => InDoubt::Leave,
        DoubtRule::Mixed => InDoubt::Resend,
    }
}

/// Writes the same into every rule.
fn say_in_doubt(rules: &Path, in_doubt: InDoubt) {
    let word = match in_doubt {
        InDoubt::Resend => "resend",
        InDoubt::Leave => "leave",
    };
    for file in fs::read_dir(rules).expect("there are rules") {
        let path = file.expect("a folder can be read").path();
        let text = fs::read_to_string(&path).expect("a rule is text");
        let lines = text.lines().filter(|line| !line.starts_with("in_doubt"));
        let start = format!("in_doubt = \"{word}\"\n");
        let text = lines.fold(start, |text, line| text + line + "\n");
        fs::write(&path, text).expect("a rule can be written");
    }
}
