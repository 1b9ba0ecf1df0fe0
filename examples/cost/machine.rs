//! What the system tells of processes and of the machine: Linux, `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The kernel tells processor time in hundredths of a second (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// Fields of `/proc/PID/stat`, counted from the one after the name.
const PARENT: usize = 1;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// User and system time of a process with all its threads, in microseconds.
pub(crate) fn processor_us(process: u32) -> f64 {
    let fields = stat(process).expect("the process lives");
    (fields[USER_TICKS] + fields[SYSTEM_TICKS]) / TICKS_A_SECOND * 1e6
}

/// What a process has in memory, in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: f64 = kib.expect("VmRSS").parse().expect("a number");
    kib / 1024.0
}

/// How much processor time the whole machine has spent in programs, and our own processes of it, in seconds.
///
/// Time in the kernel is left out: it books network packets on whoever is running when they arrive.
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
    let processes = fs::read_dir("/proc").expect("/proc");
    let names = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ids = names.filter_map(|name| name.parse::<u32>().ok());
    let stats: BTreeMap<u32, Vec<f64>> = ids.filter_map(|id| Some((id, stat(id)?))).collect();
    let is_ours = |id: &u32| {
        let mut id = *id;
        while id != std::process::id() {
            let Some(fields) = stats.get(&id) else {
                return false;
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a process id was read as a number among others"
            )]
            let parent = fields[PARENT] as u32;
            id = parent;
        }
        true
    };
    let ours = stats.iter().filter(|(id, _)| is_ours(id));
    ours.map(|(_, fields)| fields[USER_TICKS]).sum()
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
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
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
