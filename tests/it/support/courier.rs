//! The real binary as a child process, driven as an operator would: by signals, by its pages and by its exit code.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use serde_json::Value;

use super::{send_signal, wait_until};

/// Enough to see what went wrong and what came before it.
const N_LOG_LINES_SHOWN: usize = 60;

/// The service, built with the profile of this program: `target/release/wx-courier` for `target/release/examples/soak`.
pub(crate) fn built_beside_this() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    let binary = this.parent()?.parent()?.join("wx-courier");
    binary.is_file().then_some(binary)
}

/// A running `wx-courier run`. Dropping it kills it; if a test has failed by then, the end of its log is shown.
pub(crate) struct Courier {
    child: Child,
    log: PathBuf,
    address: String,
}

impl Courier {
    /// Starts the service and waits until it says where it listens, which is before it joins its group.
    pub(crate) fn start(binary: &Path, folder: &Path, log: PathBuf) -> Self {
        Self::start_with(binary, folder, log, &[])
    }

    /// The same with these variables.
    pub(crate) fn start_with(
        binary: &Path,
        folder: &Path,
        log: PathBuf,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut courier = Self::launch(binary, folder, log, variables);
        wait_until("the service says where it listens", || {
            courier.must_run();
            courier.address = listens_at(&courier.log()).unwrap_or_default();
            !courier.address.is_empty()
        });
        courier
    }

    /// Starts the service with these variables, and does not wait for anything. Its pages are not known then.
    pub(crate) fn launch(
        binary: &Path,
        folder: &Path,
        log: PathBuf,
        variables: &[(&str, &str)],
    ) -> Self {
        let file = File::create(&log).expect("the log file can be created");
        let child = Command::new(binary)
            .arg("run")
            .arg("--config")
            .arg(folder)
            // What the developer's shell says must not change what a test sees.
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be cloned"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", binary.display()));
        Self {
            child,
            log,
            address: String::new(),
        }
    }

    /// Starts the service after a shell has done something, `ulimit -n 256` for example, with another standard error than a file. It listens
    /// where the settings say, at a port that is known.
    pub(crate) fn launch_after(
        before: &str,
        binary: &Path,
        folder: &Path,
        address: &str,
        errors: Stdio,
    ) -> Self {
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("{before}\nexec \"$@\""))
            .arg("sh")
            .arg(binary)
            .arg("run")
            .arg("--config")
            .arg(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("a shell can be run");
        Self {
            child,
            log: folder.join("no.log"),
            address: address.to_owned(),
        }
    }

    /// Waits until `/readyz` says so: the service is a member of its group.
    pub(crate) fn wait_until_ready(&mut self) {
        wait_until("/readyz answers 200", || {
            self.must_run();
            self.get("/readyz")
                .is_some_and(|(status, _)| status == "200")
        });
    }

    /// What `/status` tells of the engine.
    pub(crate) fn engine(&self) -> Value {
        self.report()["engine"].clone()
    }

    /// What `/status` tells.
    pub(crate) fn report(&self) -> Value {
        let (_, body) = self.get("/status").expect("/status is answered");
        serde_json::from_str(&body).expect("/status is JSON")
    }

    /// The partitions that the service holds at present.
    pub(crate) fn n_partitions(&self) -> usize {
        self.engine()["partitions"].as_array().map_or(0, Vec::len)
    }

    /// What is paused, as `/status` tells it: the one whose subject and cause are these.
    pub(crate) fn pause(&self, subject: &str, cause: &str) -> Option<Value> {
        let engine = self.engine();
        let mut pauses = engine["pauses"].as_array()?.iter();
        let is_meant = |pause: &&Value| pause["subject"] == subject && pause["cause"] == cause;
        pauses.find(is_meant).cloned()
    }

    /// Waits until this is paused, and gives what `/status` tells of it.
    pub(crate) fn wait_until_paused(&self, subject: &str, cause: &str) -> Value {
        let mut pause = None;
        wait_until(&format!("{subject} is paused, {cause}"), || {
            pause = self.pause(subject, cause);
            pause.is_some()
        });
        pause.expect("it was waited for")
    }

    /// Waits until nothing is paused.
    pub(crate) fn wait_until_nothing_is_paused(&self) {
        wait_until("nothing is paused", || {
            self.engine()["pauses"]
                .as_array()
                .is_some_and(Vec::is_empty)
        });
    }

    /// Waits until so many messages wait for their turn.
    pub(crate) fn wait_until_waiting(&self, count: usize) {
        wait_until(&format!("{count} messages wait"), || {
            self.engine()["waiting"] == count
        });
    }

    /// Whether `/metrics` has this line.
    pub(crate) fn measures(&self, line: &str) -> bool {
        let page = self.get("/metrics");
        page.is_some_and(|(_, body)| body.lines().any(|said| said == line))
    }

    /// Asks the service to read its rules again, and waits until others than before are in force.
    pub(crate) fn reload(&self) {
        let version = || self.engine()["rules_version"].clone();
        let before = version();
        self.ask_to_reload();
        wait_until("other rules are in force", || version() != before);
    }

    /// Where its pages are: HOST:PORT.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The status code and body of a page; `None` if no process answers.
    pub(crate) fn get(&self, path: &str) -> Option<(String, String)> {
        self.request("GET", path)
    }

    /// The status code of a page that changes something.
    pub(crate) fn post(&self, path: &str) -> String {
        let (status, _) = self.request("POST", path).expect("it is answered");
        status
    }

    fn request(&self, method: &str, path: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {}\r\nx-wx-courier: 1\r\ncontent-length: 0\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?;
        Some((status.to_owned(), body.to_owned()))
    }

    /// Asks the service to end: SIGTERM.
    pub(crate) fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// Asks the service to read its rules again: SIGHUP.
    pub(crate) fn ask_to_reload(&self) {
        self.signal("HUP");
    }

    /// Stops the process where it stands: SIGSTOP. It is still there, and does nothing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen process go on: SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// The process, for a caller that wants to know what it takes of the machine.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, or nothing while it runs.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child has a status")
    }

    fn signal(&self, name: &str) {
        let sent = send_signal(name, self.child.id());
        assert!(sent, "SIG{name} was not sent");
    }

    /// Ends the service by SIGKILL, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the service has ended", || {
            status = self.status();
            status.is_some()
        });
        status.expect("it was waited for")
    }

    /// Asks the service to end and expects what a clean end gives: exit code 0.
    pub(crate) fn end_cleanly(mut self) {
        self.ask_to_end();
        let status = self.wait();
        assert_eq!(
            status.code(),
            Some(0),
            "the service ended with {status} after SIGTERM"
        );
    }

    /// Everything that the process has written so far.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The end of what the process has written.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(N_LOG_LINES_SHOWN)..];
        format!("  {}", tail.join("\n  "))
    }

    fn must_run(&mut self) {
        if let Some(status) = self.status() {
            panic!("the service ended by itself, with {status}");
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some((_, status)) = self.get("/status")
        {
            eprintln!("the service's status: {status}");
        }
        let _has_ended = self.child.kill().is_err();
        let _was_waited_for = self.child.wait().is_err();
        if thread::panicking() {
            eprintln!("the service's last words:\n{}", self.last_words());
        }
    }
}

/// `… listen=127.0.0.1:43211 …` in the line with which the service starts.
fn listens_at(log: &str) -> Option<String> {
    let (_, after) = log.split_once(" listen=")?;
    // Only a whole line: half a port number would be one too.
    let (line, _) = after.split_once('\n')?;
    line.split_whitespace().next().map(str::to_owned)
}
