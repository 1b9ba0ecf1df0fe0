//! What the system tells of processes and of the machine: Linux, `/proc`.

#![allow(
    dead_code,
    reason = "each program that includes this file uses its own part of it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The kernel tells processor time in hundredths of a second (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// Fields of `/proc/PID/stat`, counted from the one after the name.
const PARENT: usize = 1;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
/// The same of children that have ended and were waited for.
const ENDED_USER_TICKS: usize = 13;
const ENDED_SYSTEM_TICKS: usize = 14;

/// User and system time of a process with all its threads, in microseconds.
pub(crate) fn processor_us(process: u32) -> f64 {
    let fields = stat(process).expect("the process lives");
    (fields[USER_TICKS] + fields[SYSTEM_TICKS]) / TICKS_A_SECOND * 1e6
}

/// What a process has in memory, in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    try_resident_mib(process).expect("the process lives")
}

/// `None` if the process is gone.
fn try_resident_mib(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line?.split_whitespace().next()?;
    Some(kib.parse::<f64>().ok()? / 1024.0)
}

/// A process and everything that it has started and that still runs: a peer may be a shell around a runtime with helpers.
pub(crate) fn family(process: u32) -> Vec<u32> {
    let stats = all_stats();
    let mut family = BTreeSet::from([process]);
    loop {
        let n_before = family.len();
        for (id, fields) in &stats {
            if family.contains(&parent(fields)) {
                family.insert(*id);
            }
        }
        if family.len() == n_before {
            return family.into_iter().collect();
        }
    }
}

/// User and system time of a family so far, in microseconds. What has ended counts for the one that waited for it.
pub(crate) fn family_processor_us(process: u32) -> f64 {
    let members = family(process).into_iter().filter_map(stat);
    let ticks: f64 = members
        .map(|fields| {
            let of_ended = fields[ENDED_USER_TICKS] + fields[ENDED_SYSTEM_TICKS];
            fields[USER_TICKS] + fields[SYSTEM_TICKS] + of_ended
        })
        .sum();
    ticks / TICKS_A_SECOND * 1e6
}

/// What a family has in memory, in MiB.
pub(crate) fn family_resident_mib(process: u32) -> f64 {
    let members = family(process).into_iter();
    members.filter_map(try_resident_mib).sum()
}

/// How long one processor, or without a number all of them together, has been busy since the machine was started, in seconds.
pub(crate) fn busy_seconds(processor: Option<u32>) -> f64 {
    let name = processor.map_or("cpu".to_owned(), |number| format!("cpu{number}"));
    let text = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let is_meant = |line: &&str| line.split(' ').next() == Some(name.as_str());
    let line = text.lines().find(is_meant).expect("the processor is there");
    let ticks = numbers(line);
    // The name, then user, nice, system, idle, iowait, irq, softirq, steal.
    (ticks[1] + ticks[2] + ticks[3] + ticks[6] + ticks[7] + ticks[8]) / TICKS_A_SECOND
}

/// How much processor time the whole machine has spent in programs, and our own processes of it, in seconds.
///
/// Time in the kernel is left out: it books network packets on the program that runs when they arrive.
#[derive(Clone, Copy)]
pub(crate) struct Programs {
    all_seconds: f64,
    ours_seconds: f64,
}

impl Programs {
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").expect("/proc/stat");
        let first = text.lines().next().expect("the sum of all processors");
        let ticks: Vec<f64> = numbers(first);
        // `cpu`, then user, nice, system, idle, iowait, irq, softirq, steal. What a hypervisor gives to others is missing here too.
        let all = ticks[1] + ticks[2] + ticks[8];
        Self {
            all_seconds: all / TICKS_A_SECOND,
            ours_seconds: our_user_ticks() / TICKS_A_SECOND,
        }
    }

    /// What programs that are not ours have taken since then, in seconds.
    pub(crate) fn others_since(self, then: Self) -> f64 {
        let all = self.all_seconds - then.all_seconds;
        (all - (self.ours_seconds - then.ours_seconds)).max(0.0)
    }
}

/// The user time of this process and of everything that it has started and that still runs.
fn our_user_ticks() -> f64 {
    let ours = family(std::process::id()).into_iter().filter_map(stat);
    ours.map(|fields| fields[USER_TICKS]).sum()
}

fn all_stats() -> BTreeMap<u32, Vec<f64>> {
    let processes = fs::read_dir("/proc").expect("/proc");
    let names = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ids = names.filter_map(|name| name.parse::<u32>().ok());
    ids.filter_map(|id| Some((id, stat(id)?))).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a process id was read as a number among others"
)]
fn parent(fields: &[f64]) -> u32 {
    fields[PARENT] as u32
}

/// The fields after the name; `None` if the process is gone. The state, a letter, reads as 0.
fn stat(process: u32) -> Option<Vec<f64>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(numbers(fields))
}

fn numbers(text: &str) -> Vec<f64> {
    let words = text.split_whitespace();
    words.map(|word| word.parse().unwrap_or_default()).collect()
}

/// The processor, how many of them, and the kernel.
pub(crate) fn description() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": "));
    let model = model.map_or("a processor without a name", |(_, model)| model);
    // Also those that this process may not use.
    let n_processors = about.matches("processor\t:").count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{n_processors} x {model}, Linux {}", kernel.trim())
}

/// The load of the last one, five and fifteen minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    words.join(" ")
}

/// The bytes of a file, or of all files under a folder.
pub(crate) fn bytes_on_disk(path: &Path) -> u64 {
    let about = fs::metadata(path).expect("the store has left a file");
    if about.is_file() {
        return about.len();
    }
    let entries = fs::read_dir(path).expect("a folder can be read");
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    paths.map(|path| bytes_on_disk(&path)).sum()
}
