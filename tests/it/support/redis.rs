//! A real Redis server for tests, with its data in a folder of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use super::{LIMIT, LOOK_AGAIN, kafka};

/// Two processes may pick the same free port; a third clash in a row is something else.
const N_PORT_CHOICES: u32 = 3;

/// A running `redis-server`; dropping it kills it. It syncs each write before it answers, so what it answered survives [`Redis::kill`].
pub(crate) struct Redis {
    child: Option<Child>,
    port: u16,
    options: Vec<String>,
    n_starts: u32,
    folder: TempDir,
}

impl Redis {
    /// Starts a server that every client may use. Panics with the reason if there is no way to get one.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more options, as on its command line. `{port}` stands for its port, `{folder}` for its folder.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder can be made"), options)
    }

    /// The same, in a folder in which something has been prepared.
    pub(crate) fn start_in(folder: TempDir, options: &[&str]) -> Self {
        let mut redis = Self {
            child: None,
            port: 0,
            options: options.iter().map(|&option| option.to_owned()).collect(),
            n_starts: 0,
            folder,
        };
        for _ in 1..N_PORT_CHOICES {
            redis.port = free_port();
            if redis.try_to_run().is_ok() {
                return redis;
            }
        }
        redis.port = free_port();
        redis.run();
        redis
    }

    /// Where it listens: `127.0.0.1:PORT`, the same for the whole life of this value.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL for `[state] url`.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The folder of its data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server by SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
        }
    }

    /// Starts the killed server with the same port and data, and waits until it serves clients.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "the server is still running");
        self.run();
    }

    /// Keeps the server from doing anything, as a machine that hangs would.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("the server is running");
        let sent = Command::new("sh")
            .args(["-c", "kill -\"$1\" \"$2\"", "sh", name])
            .arg(child.id().to_string())
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "SIG{name} was not sent"
        );
    }

    fn run(&mut self) {
        if let Err(reason) = self.try_to_run() {
            panic!("redis-server did not start: {reason}");
        }
    }

    fn try_to_run(&mut self) -> Result<(), String> {
        self.n_starts += 1;
        let folder = self.folder.path().display().to_string();
        let log = self
            .folder
            .path()
            .join(format!("redis-{}.log", self.n_starts));
        let port = self.port.to_string();
        let file = File::create(&log).expect("the log file can be created");
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--dir", &folder, "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always"]);
        if !self.options.iter().any(|option| option == "--port") {
            command.args(["--port", &port]);
        }
        for option in &self.options {
            command.arg(option.replace("{port}", &port).replace("{folder}", &folder));
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be cloned"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("redis-server cannot be run ({error}): install Redis 6 or newer (Debian, Ubuntu: apt-get install redis-server)")
            });
        let child = self.child.insert(child);
        let deadline = Instant::now() + LIMIT;
        let reason = loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains("Ready to accept connections") {
                return Ok(());
            }
            if child.try_wait().expect("a child has a status").is_some() {
                break said;
            }
            if Instant::now() > deadline {
                break format!("it was waited for {LIMIT:?}\n{said}");
            }
            thread::sleep(LOOK_AGAIN);
        };
        self.kill();
        Err(reason)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _has_ended = child.kill().is_err();
            let _was_waited_for = child.wait().is_err();
        }
    }
}

/// Below the ports of outgoing connections: clients of a killed server keep asking for it, and must not be given its port.
fn free_port() -> u16 {
    kafka::free_port().expect("a port is free")
}
