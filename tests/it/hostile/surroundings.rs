//! Where the service runs in its bad hour: a small disk of its own, a bound on its memory, and strangers that connect and say nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wx_courier::config::{OnLoss, State, StateUrl};
use wx_courier::edges::store::Store;

use crate::support::courier::Courier;
use crate::support::events::Event;
use crate::support::world::World;
use crate::support::{LIMIT, wait_until};

/// Room for the state of a thousand messages many times over, and soon filled.
const DISK_MIB: usize = 32;

/// The disk is a file system in memory that only the service's process sees: it mounts it in a name space of its own, as root or in a user
/// name space, and both go with the process.
const WRAPPER: &str = r#"#!/bin/sh
set -e
here=$(dirname "$0")
if [ "$1" != inside ]; then
  if [ "$(id -u)" = 0 ]; then exec unshare -m "$0" inside "$@"; fi
  exec unshare -Urm "$0" inside "$@"
fi
shift
mount -t tmpfs -o size=DISKm tmpfs "$here/state"
cp "$here"/seed/* "$here/state/"
exec 'BINARY' "$@"
"#;

/// Connects so many times to each address, says so, and does nothing until its input ends.
const IDLE: &str = r#"
use IO::Socket::INET;
my ($count, @addresses) = @ARGV;
my @open;
for my $address (@addresses) {
  for (1 .. $count) { push @open, IO::Socket::INET->new(PeerAddr => $address); }
}
$| = 1;
print "connected\n";
<STDIN>;
"#;

pub(super) struct Surroundings {
    folder: TempDir,
    group: Option<ControlGroup>,
}

impl Surroundings {
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wx-courier-hostile-")
            .tempdir()
            .unwrap();
        for name in ["state", "seed"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let wrapper = WRAPPER
            .replace("DISK", &DISK_MIB.to_string())
            .replace("BINARY", env!("CARGO_BIN_EXE_wx-courier"));
        let path = folder.path().join("courier");
        fs::write(&path, wrapper).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            group: ControlGroup::make(folder.path()),
            folder,
        }
    }

    /// The service, on its small disk.
    pub(super) fn wrapper(&self) -> PathBuf {
        self.folder.path().join("courier")
    }

    pub(super) fn state_url(&self) -> String {
        format!("sqlite:{}", self.state_file().display())
    }

    fn state_file(&self) -> PathBuf {
        self.folder.path().join("state/state.db")
    }

    /// Makes a state file with rows that no version can read.
    pub(super) fn spoil_rows(&self, world: &World, places: &[(usize, Event)]) {
        let state = State {
            url: StateUrl::Sqlite(self.state_file()),
            remember: Duration::from_hours(24),
            on_loss: OnLoss::Pause,
            left_behind: None,
        };
        let (answers, _unheard) = tokio::sync::mpsc::unbounded_channel();
        let store = Store::start(&state, "", answers).unwrap();
        store.close(LIMIT);
        let state = self.state_file();
        let rows = rusqlite::Connection::open(&state).unwrap();
        for (offset, event) in places {
            spoil(&rows, world.source(), *offset, event);
        }
        drop(rows);
        for file in fs::read_dir(self.folder.path().join("state")).unwrap() {
            let path = file.unwrap().path();
            let seed = self
                .folder
                .path()
                .join("seed")
                .join(path.file_name().unwrap());
            fs::rename(path, seed).unwrap();
        }
    }

    /// Puts the service into a control group with this limit, where the machine lets us make one.
    pub(super) fn limit_memory(&self, courier: &Courier, kib: u64) {
        if let Some(group) = &self.group {
            group.take(courier.process_id(), kib);
        }
    }

    pub(super) fn nothing_was_killed_for_memory(&self) {
        if let Some(group) = &self.group {
            group.must_not_have_killed();
        }
    }

    /// The file that takes the rest of the disk, as seen from outside of the service's name space.
    fn filler(&self, courier: &Courier) -> PathBuf {
        let state = self.folder.path().join("state/filler");
        let root = PathBuf::from(format!("/proc/{}/root", courier.process_id()));
        root.join(state.strip_prefix("/").unwrap())
    }

    pub(super) fn fill_disk(&self, courier: &Courier) {
        let mut filler = fs::File::create(self.filler(courier)).unwrap();
        let part = vec![0_u8; 64 * 1024];
        while filler.write_all(&part).is_ok() {}
        while filler.write_all(&part[..512]).is_ok() {}
    }

    pub(super) fn free_disk(&self, courier: &Courier) {
        fs::remove_file(self.filler(courier)).unwrap();
    }
}

/// Strangers: so many connections to each address. They are there until the guard is dropped.
pub(super) fn idle_connections(addresses: &[&str], count: usize) -> Idle {
    let mut child = Command::new("perl")
        .args(["-e", IDLE, &count.to_string()])
        .args(addresses)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("perl cannot be run: {error}"));
    let mut said = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut said).unwrap();
    assert_eq!(said, "connected\n");
    Idle { child }
}

/// Ends the strangers.
pub(super) struct Idle {
    child: Child,
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _has_ended = self.child.kill().is_err();
        let _was_waited_for = self.child.wait().is_err();
    }
}

/// The most memory that the process has had at once, in KiB: `VmHWM` of Linux.
pub(super) fn peak_memory_kib(courier: &Courier) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", courier.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

/// A control group for memory, version 1 or 2 of Linux's.
struct ControlGroup {
    folder: PathBuf,
}

impl ControlGroup {
    fn make(near: &Path) -> Option<Self> {
        let name = near.file_name()?;
        let trees = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
        trees.iter().find_map(|tree| {
            let folder = Path::new(tree).join(name);
            fs::create_dir(&folder).ok()?;
            let group = Self { folder };
            group.limit_file().is_some().then_some(group)
        })
    }

    fn limit_file(&self) -> Option<PathBuf> {
        let files = ["memory.limit_in_bytes", "memory.max"];
        let mut files = files.iter().map(|file| self.folder.join(file));
        files.find(|file| file.exists())
    }

    fn take(&self, process: u32, kib: u64) {
        let limit = self.limit_file().unwrap();
        fs::write(limit, (kib * 1024).to_string()).unwrap();
        fs::write(self.folder.join("cgroup.procs"), process.to_string()).unwrap();
    }

    fn must_not_have_killed(&self) {
        let files = ["memory.oom_control", "memory.events"];
        let texts = files
            .iter()
            .filter_map(|file| fs::read_to_string(self.folder.join(file)).ok());
        for text in texts {
            let killed = text.lines().find(|line| line.starts_with("oom_kill "));
            assert!(matches!(killed, None | Some("oom_kill 0")), "{text}");
        }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let mut is_gone = false;
        wait_until("the control group is empty", || {
            is_gone = is_gone || fs::remove_dir(&self.folder).is_ok();
            is_gone
        });
    }
}

/// A row each: an outcome of a later version that this version cannot read as one, one that is no JSON, and a claim by no holder.
fn spoil(rows: &rusqlite::Connection, topic: &str, offset: usize, event: &Event) {
    let outcome_id = format!("{topic}/0/{offset}/{}", event.rule);
    match offset % 3 {
        0 => rows.execute(
            "INSERT INTO outcomes (id, json, settled_ms) VALUES (?1, '{\"v\":99}', unixepoch() * 1000)",
            [&outcome_id],
        ),
        1 => rows.execute(
            "INSERT INTO outcomes (id, json, settled_ms) VALUES (?1, '\u{1}junk', unixepoch() * 1000)",
            [&outcome_id],
        ),
        _ => rows.execute(
            "INSERT INTO claims (message_id, outcome_id, holder, since_ms) VALUES (?1, ?2, 'nonsense', unixepoch() * 1000)",
            [&event.message_id, &outcome_id],
        ),
    }
    .unwrap();
}
