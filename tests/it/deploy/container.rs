//! A container without an engine: a root that is read-only and has nothing but what the image has, the mounts, and the image's user without any
//! right. What a Docker engine does beside this (a network of its own, limits of memory, system calls that are forbidden) is not here.
//!
//! As root, the program runs as the image's user. As anybody else it runs in a user namespace, in which the developer is that user; then a folder
//! of another owner is one that cannot be written to.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::image::Image;
use crate::commands::Said;
use crate::support::certificate::Certificate;
use crate::support::{send_signal, wait_until};

/// Where the program lies in the image.
pub(super) const PROGRAM: &str = "/usr/local/bin/wx-courier";

/// Where the image has the certificates of public authorities. Without one a client of HTTP cannot be made.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the base has for a program to be linked with.
const LIBRARIES: [&str; 8] = [
    "ld-linux-",
    "libc.so.",
    "libdl.so.",
    "libgcc_s.so.",
    "libm.so.",
    "libpthread.so.",
    "librt.so.",
    "libstdc++.so.",
];

/// Makes the mounts, and becomes the rest of the command line. The namespace of the mounts ends with the process.
const MOUNTS: &str = r#"
set -eu
root=$1
shift
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root$2"
    [ "$3" = writable ] || mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
mount -o remount,bind,ro "$root"
exec "$@"
"#;

/// As who these tests run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tester {
    Root,
    /// The outer user namespace lets it mount, the inner one makes it the image's user.
    Anybody,
}

impl Tester {
    pub(super) fn of_this_process() -> Self {
        match fs::metadata("/proc/self").unwrap().uid() {
            0 => Self::Root,
            _ => Self::Anybody,
        }
    }

    /// Panics with what helps if this machine lets no user make mounts of its own.
    fn must_be_able(self) {
        let tried = Command::new("unshare")
            .args(self.namespaces())
            .args([
                "--propagation",
                "private",
                "mount",
                "--rbind",
                "/proc",
                "/proc",
            ])
            .output()
            .unwrap_or_else(|error| panic!("unshare (util-linux) cannot be run: {error}"));
        let why = String::from_utf8_lossy(&tried.stderr);
        assert!(
            tried.status.success(),
            "no container can be made here ({}): run this test as root, or allow user namespaces (Ubuntu: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)",
            why.trim()
        );
    }

    fn namespaces(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["--mount"],
            Self::Anybody => &["--user", "--map-root-user", "--mount"],
        }
    }

    fn becomes(self, (user, group): (u32, u32)) -> Vec<String> {
        match self {
            Self::Root => vec![format!("--setgid={group}"), format!("--setuid={user}")],
            Self::Anybody => vec![
                "--user".to_owned(),
                format!("--map-user={user}"),
                format!("--map-group={group}"),
            ],
        }
    }
}

/// What may be done below a mount.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadOnly,
    Writable,
}

/// A folder that outlives containers, as a volume does.
pub(super) struct Volume(TempDir);

impl Volume {
    /// A new volume at this place takes its owner from the image, and is root's if the image has nothing there.
    pub(super) fn new_at(place: &str, image: &Image) -> Self {
        let owner = image.owner(place).unwrap_or((0, 0));
        Self::of(owner, 0o755, image)
    }

    /// An `emptyDir`, or a claim: the group of the pod may write there.
    pub(super) fn of_the_group(group: u32, image: &Image) -> Self {
        Self::of((0, group), 0o2775, image)
    }

    pub(super) fn of(owner: (u32, u32), mode: u32, image: &Image) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (user, group) = image.user();
        let may_write = owner.0 == user || (owner.1 == group && mode & 0o020 != 0);
        let mode = match Tester::of_this_process() {
            Tester::Root => {
                chown(folder.path(), Some(owner.0), Some(owner.1)).unwrap();
                mode
            }
            Tester::Anybody if may_write => 0o755,
            Tester::Anybody => 0o555,
        };
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What every process of one container sees.
pub(super) struct Container {
    root: TempDir,
    mounts: Vec<(PathBuf, String, Access)>,
    user: (u32, u32),
    working_folder: String,
    entrypoint: Vec<String>,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
}

impl Container {
    pub(super) fn of(image: &Image) -> Self {
        Tester::of_this_process().must_be_able();
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
        let mut variables: BTreeMap<String, String> = image.variables().into_iter().collect();
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        variables.insert("PATH".to_owned(), path.to_owned());
        let container = Self {
            root,
            mounts: Vec::new(),
            user: image.user(),
            working_folder: image.working_folder().to_owned(),
            entrypoint: image.entrypoint(),
            arguments: image.arguments(),
            variables,
        };
        for folder in ["/proc", "/dev"] {
            container.make_folder(folder);
        }
        for (library, place) in libraries() {
            container.add(&library, &place);
        }
        if image.copied().contains(&CERTIFICATES) {
            let folder = tempfile::tempdir().unwrap();
            let one = Certificate::make(folder.path()).unwrap();
            container.add(&one.authority, CERTIFICATES);
        }
        let program = Path::new(env!("CARGO_BIN_EXE_wx-courier"));
        container.mount(program, PROGRAM, Access::ReadOnly)
    }

    fn inside(&self, place: &str) -> PathBuf {
        self.root.path().join(place.trim_start_matches('/'))
    }

    fn add(&self, file: &Path, place: &str) {
        let place = self.inside(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(file, place).unwrap();
    }

    fn make_folder(&self, place: &str) {
        fs::create_dir_all(self.inside(place)).unwrap();
    }

    /// Mounts a file or a folder. An engine makes the place for it, also in a root that is read-only.
    pub(super) fn mount(mut self, what: &Path, at: &str, access: Access) -> Self {
        if what.is_dir() {
            self.make_folder(at);
        } else {
            let place = self.inside(at);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            File::create(place).unwrap();
        }
        self.mounts.push((what.to_owned(), at.to_owned(), access));
        self
    }

    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What stands behind the entry point, if the image's own is not meant.
    pub(super) fn arguments(mut self, arguments: Option<Vec<String>>) -> Self {
        self.arguments = arguments.unwrap_or(self.arguments);
        self
    }

    /// Another process in the container, as `docker exec` and `kubectl exec` start it: without the entry point.
    pub(super) fn exec<S: AsRef<str>>(&self, command: &[S]) -> Said {
        let command: Vec<String> = command
            .iter()
            .map(|part| part.as_ref().to_owned())
            .collect();
        let output = self.command(&command).stdin(Stdio::null()).output();
        output.unwrap().into()
    }

    /// Runs the container to its end.
    pub(super) fn run(&self) -> Said {
        self.exec(&self.whole_command())
    }

    /// Starts the container, and leaves it running.
    pub(super) fn start(&self, log: &Path) -> Running {
        let file = File::create(log).unwrap();
        let child = self
            .command(&self.whole_command())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Running {
            child,
            log: log.to_owned(),
            last_check: String::new(),
        }
    }

    fn whole_command(&self) -> Vec<String> {
        self.entrypoint
            .iter()
            .chain(&self.arguments)
            .cloned()
            .collect()
    }

    fn command(&self, inside: &[String]) -> Command {
        let tester = Tester::of_this_process();
        let mut command = Command::new("unshare");
        command
            .args(tester.namespaces())
            .args(["--propagation", "private", "sh", "-c", MOUNTS, "sh"])
            .arg(self.root.path());
        for (what, at, access) in &self.mounts {
            let word = match access {
                Access::ReadOnly => "read-only",
                Access::Writable => "writable",
            };
            command.arg(what).args([at, word]);
        }
        command
            .args(["--", "setpriv", "--no-new-privs", "unshare"])
            .args(tester.becomes(self.user))
            .arg(format!("--root={}", self.root.path().display()))
            .arg(format!("--wd={}", self.working_folder))
            .args(inside)
            .env_clear()
            .envs(&self.variables);
        command
    }
}

/// The libraries that the program is linked with: where they are, and where it looks for them.
fn libraries() -> Vec<(PathBuf, String)> {
    let told = Command::new("ldd")
        .arg(env!("CARGO_BIN_EXE_wx-courier"))
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let places = told
        .lines()
        .filter_map(|line| line.split_whitespace().find(|part| part.starts_with('/')));
    places
        .map(|place| (place.into(), place.to_owned()))
        .collect()
}

/// A container that runs. Dropping it kills it; if a test has failed by then, what it said is shown.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
    last_check: String,
}

impl Running {
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether the health check is: it runs in the container that this is one of.
    pub(super) fn is_content(&mut self, container: &Container, check: &[String]) -> bool {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the container ended by itself, with {status}");
        }
        let said = container.exec(check);
        self.last_check = said.err;
        said.code == Some(0)
    }

    /// What the kernel says of the process, by name.
    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let lines = status.lines().filter_map(|line| line.split_once(":\t"));
        lines
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Asks for the end as `docker stop` and the kubelet do, and waits for it.
    pub(super) fn stop(self) -> ExitStatus {
        assert!(send_signal("TERM", self.child.id()));
        let (status, _) = self.wait();
        status
    }

    /// Waits for the end, and gives what the container said.
    pub(super) fn wait(mut self) -> (ExitStatus, String) {
        let mut status = None;
        wait_until("the container has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap(), self.log())
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a test that has failed shows what it saw"
)]
impl Drop for Running {
    fn drop(&mut self) {
        let _has_ended = self.child.kill().is_err();
        let _was_waited_for = self.child.wait().is_err();
        if std::thread::panicking() {
            eprintln!("the container's words:\n{}", self.log());
            eprintln!("the last health check's: {}", self.last_check);
        }
    }
}

#[test]
fn the_program_needs_no_library_that_the_base_lacks() {
    let libraries = libraries();
    assert!(!libraries.is_empty());
    for (_, place) in libraries {
        let (_, name) = place.rsplit_once('/').unwrap();
        let is_there = LIBRARIES.iter().any(|library| name.starts_with(library));
        assert!(is_there, "{place}");
    }
}

#[test]
fn the_image_has_the_program_where_it_is_started() {
    let image = Image::of_the_dockerfile();
    assert!(image.copied().contains(&PROGRAM));
    assert_eq!(image.entrypoint()[0], "wx-courier");
}
