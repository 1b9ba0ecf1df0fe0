//! One life of a system: started, watched, ended, and checked for having done the whole job.

use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::event::{PARTITIONS, openid};
use crate::ground::{Cores, Ground, logged};
use crate::machine;
use crate::memory::Sampler;
use crate::outcomes::Outcomes;
use crate::support::redis::Redis;
use crate::support::{send_signal, topic};
use crate::system::{Job, Kind, System, command};

/// A JVM on a busy processor takes its time.
const FIRST_OUTCOME: Duration = Duration::from_mins(2);
/// How long a system may take for a clean end.
const END: Duration = Duration::from_secs(40);
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a life is about.
pub(crate) struct Start<'a> {
    /// Names topics, group and folder.
    pub(crate) part: &'a str,
    /// The source topic; one of its own is made where there is none.
    pub(crate) backlog: Option<&'a str>,
    pub(crate) rate: Option<u32>,
    pub(crate) cores: Cores,
}

impl<'a> Start<'a> {
    /// With a topic of its own, no limit, and its own processor.
    pub(crate) fn of(part: &'a str) -> Self {
        Self {
            part,
            backlog: None,
            rate: None,
            cores: Cores::Own,
        }
    }
}

/// A system at work.
pub(crate) struct Life<'a> {
    pub(crate) ground: &'a Ground,
    pub(crate) system: System,
    pub(crate) outcomes: Outcomes,
    pub(crate) source: String,
    pub(crate) folder: PathBuf,
    pub(crate) redis: Option<Redis>,
    rate: Option<u32>,
    cores: Cores,
    group: String,
    outcome_topic: String,
    own_topics: Vec<String>,
    n_starts: u32,
    child: Child,
}

impl<'a> Life<'a> {
    pub(crate) fn begin(ground: &'a Ground, system: System, start: &Start<'_>) -> Self {
        let group = format!("{}-{}", system.name(), start.part);
        let outcome_topic = format!("{group}.outcomes");
        let mut own_topics = vec![
            outcome_topic.clone(),
            format!("{outcome_topic}.dead-letters"),
        ];
        let source = if let Some(topic) = start.backlog {
            topic.to_owned()
        } else {
            own_topics.push(format!("{group}.events"));
            format!("{group}.events")
        };
        let names: Vec<&str> = own_topics.iter().map(String::as_str).collect();
        ground.create_topics(&names);
        let folder = ground.work.join(&group);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let redis =
            (system == System::WxRedis).then(|| Redis::start_with(&["--appendfsync", "everysec"]));
        let job = Job {
            source: &source,
            group: &group,
            outcomes: &outcome_topic,
            rate: start.rate,
            cores: start.cores,
            folder: &folder,
            redis: redis.as_ref(),
        };
        let child = spawn(ground, system, &job, 1);
        Self {
            ground,
            system,
            outcomes: Outcomes::of(ground.brokers(), &outcome_topic),
            source,
            folder,
            redis,
            rate: start.rate,
            cores: start.cores,
            group,
            outcome_topic,
            own_topics,
            n_starts: 1,
            child,
        }
    }

    /// Ends the process as a system short of memory would, and starts it again.
    pub(crate) fn crash(&mut self) -> Result<(), String> {
        // A script may have helpers; they would not survive the death of a container either.
        for process in machine::family(self.child.id()) {
            send_signal("KILL", process);
        }
        self.child.wait().expect("a killed process ends");
        // What it had published is not the work of the next.
        if self.system != System::Bare {
            self.read_to_end()?;
        }
        self.n_starts += 1;
        let job = Job {
            source: &self.source,
            group: &self.group,
            outcomes: &self.outcome_topic,
            rate: self.rate,
            cores: self.cores,
            folder: &self.folder,
            redis: self.redis.as_ref(),
        };
        self.child = spawn(self.ground, self.system, &job, self.n_starts);
        Ok(())
    }

    /// Messages that went through: outcomes, or sends where there are no outcomes.
    pub(crate) fn n_done(&self) -> usize {
        if self.system == System::Bare {
            return usize::try_from(self.ground.wechat.stats().accepted).expect("a count");
        }
        self.outcomes.seen().n_events
    }

    /// Waits for the first message. The error says what the program said.
    pub(crate) fn wake(&mut self) -> Result<(), String> {
        let before = self.n_done();
        if self.wait(FIRST_OUTCOME, |life| life.n_done() > before)? {
            return Ok(());
        }
        Err(format!(
            "nothing went through within {FIRST_OUTCOME:?}: {}",
            self.log().display()
        ))
    }

    /// Waits until it holds. `false` if it did not in that time; the error is that the process ended.
    pub(crate) fn wait(
        &mut self,
        limit: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Result<bool, String> {
        let deadline = Instant::now() + limit;
        while !holds(self) {
            self.must_live()?;
            if Instant::now() > deadline {
                return Ok(false);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(true)
    }

    /// The error is that the process ended by itself.
    pub(crate) fn must_live(&mut self) -> Result<(), String> {
        match self.child.try_wait().expect("a child has a status") {
            None => Ok(()),
            Some(status) => {
                let log = self.log();
                Err(format!(
                    "it ended by itself, with {status}: {}",
                    log.display()
                ))
            }
        }
    }

    /// Processor time so far of the system, in microseconds.
    pub(crate) fn processor_us(&self) -> f64 {
        machine::family_processor_us(self.child.id())
    }

    /// Of wx-courier only.
    pub(crate) fn read_rules_again(&self) {
        send_signal("HUP", self.child.id());
    }

    /// Looks at the memory of the system once a second, from now on.
    pub(crate) fn sample_memory(&self) -> Sampler {
        Sampler::start(self.child.id())
    }

    /// Asks it to end. A problem if it does not, or not cleanly.
    pub(crate) fn end(&mut self) -> Option<String> {
        send_signal("TERM", self.child.id());
        let deadline = Instant::now() + END;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child has a status") {
                // 143 is how a JVM tells of its SIGTERM.
                let is_clean = status.success() || status.code() == Some(143);
                let is_floor = self.system.kind() == Kind::Floor;
                return (!is_clean && !is_floor).then(|| format!("it ended with {status}"));
            }
            if Instant::now() > deadline {
                self.kill();
                return Some(format!("it did not end {END:?} after SIGTERM"));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Events of the source topic before the committed offsets.
    pub(crate) fn committed(&self) -> impl Iterator<Item = usize> + use<> {
        let n_partitions = i32::try_from(PARTITIONS).expect("a dozen");
        let brokers = self.ground.brokers();
        let committed = topic::committed(brokers, &self.group, &self.source, n_partitions);
        committed.into_iter().flat_map(|(partition, offset)| {
            let n_records = usize::try_from(offset.unwrap_or(0)).unwrap_or(0);
            let first = usize::try_from(partition).expect("not below 0");
            (0..n_records).map(move |place| first + place * PARTITIONS)
        })
    }

    /// What is wrong with the outcomes of a life that has ended: the broker has them all, and they are read to their end.
    pub(crate) fn check(&mut self) -> Vec<String> {
        if self.system == System::Bare {
            return Vec::new();
        }
        let unread = self.read_to_end().err();
        let committed: Vec<usize> = self.committed().collect();
        let seen = self.outcomes.seen();
        let mut problems: Vec<String> = unread.into_iter().collect();
        let n_missing = committed
            .iter()
            .filter(|n| seen.at_ms(**n).is_none())
            .count();
        if n_missing > 0 {
            let first = committed.iter().find(|n| seen.at_ms(**n).is_none());
            let first = first.map(|n| openid(*n)).unwrap_or_default();
            problems.push(format!(
                "{n_missing} events are committed and have no outcome ({first} is the first)"
            ));
        }
        if seen.n_repeated > 0 {
            problems.push(format!("{} outcomes came twice", seen.n_repeated));
        }
        if seen.n_strange > 0 {
            problems.push(format!("{} outcomes name no event", seen.n_strange));
        }
        for (status, count) in &seen.others {
            problems.push(format!("{count} outcomes say `{status}`"));
        }
        problems
    }

    /// Waits until every outcome that the topic has now is read. The error is that this took too long.
    pub(crate) fn read_to_end(&self) -> Result<(), String> {
        let n_partitions = i32::try_from(PARTITIONS).expect("a dozen");
        let ends = topic::ends(self.ground.brokers(), &self.outcome_topic, n_partitions);
        let ends = ends.values().filter_map(|end| usize::try_from(*end).ok());
        let n_there: usize = ends.sum();
        let deadline = Instant::now() + END;
        while self.outcomes.seen().n_read < n_there {
            if Instant::now() > deadline {
                return Err(format!("its outcomes could not be read within {END:?}"));
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("log-{}", self.n_starts))
    }

    fn kill(&mut self) {
        for process in machine::family(self.child.id()) {
            send_signal("KILL", process);
        }
        let _was_waited_for = self.child.wait().is_err();
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
        let names: Vec<&str> = self.own_topics.iter().map(String::as_str).collect();
        self.ground.delete_topics(&names);
    }
}

fn spawn(ground: &Ground, system: System, job: &Job<'_>, number: u32) -> Child {
    let mut command = command(system, ground, job);
    logged(&mut command, &job.folder.join(format!("log-{number}")));
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", system.name()))
}
