//! The process of the test broker: how it is run, and that it never outlives the process that started it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::super::send_signal;

const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Enough for the deepest cause of a Java stack trace.
const N_LOG_LINES_SHOWN: usize = 25;

/// Becomes the JVM, after leaving a guard behind.
///
/// The guard reads the pipe that only our process can write to. A line means that the broker was ended in good order;
/// the end of the pipe means that our process is gone, however it died, so the guard ends the JVM and removes its data.
/// `exec` keeps the process id, so `$$` in the guard is the JVM and `Child` is it too.
/// The second `rm` is for files that the dying JVM wrote during the first.
const GUARDED_JVM: &str = r#"
exec 3<&0 </dev/null
folder=$1
shift
(
    read -r line <&3 || {
        kill -KILL $$
        rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
    }
) >/dev/null 2>&1 &
exec "$@" 3<&-
"#;

/// The process of a broker and the pipe by which its guard knows that we live.
pub(crate) struct Jvm {
    child: Child,
    pipe: ChildStdin,
}

impl Jvm {
    /// Starts `java` with the guard that ends it and removes `folder` when this process is gone.
    pub(crate) fn spawn(java: &Command, folder: &Path, log: &Path) -> io::Result<Self> {
        let log = File::create(log)?;
        let mut child = Command::new("sh")
            .args(["-c", GUARDED_JVM, "sh"])
            .arg(folder)
            .arg(java.get_program())
            .args(java.get_args())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C in the terminal must not end the guard before it has done its work.
            .process_group(0)
            .spawn()?;
        let pipe = child
            .stdin
            .take()
            .ok_or_else(|| io::Error::other("the broker has no pipe"))?;
        Ok(Self { child, pipe })
    }

    /// How the process ended, or nothing while it runs.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for a process that ends by itself.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Sends a signal, named without its `SIG`.
    pub(crate) fn signal(&self, name: &str) -> bool {
        send_signal(name, self.child.id())
    }

    /// Asks the process to end and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        if !self.signal("TERM") {
            return Err("the signal to stop could not be sent".to_owned());
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if self.status().is_some() {
                return Ok(());
            }
            thread::sleep(POLL_INTERVAL);
        }
        Err(format!("it did not stop within {STOP_LIMIT:?}"))
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        // All three fail harmlessly if the process has already ended. The guard is dismissed last: until then it
        // ends the JVM should we die here.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(self.pipe.write_all(b"\n"));
    }
}

/// Runs a command to its end, with all its output in the file `log`.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> io::Result<ExitStatus> {
    let log = File::create(log)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
}

/// The end of a log file, and where the whole of it is.
pub(crate) fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let n_skipped = lines.len().saturating_sub(N_LOG_LINES_SHOWN);
    let tail: Vec<&str> = lines.into_iter().skip(n_skipped).collect();
    format!("last lines of {}:\n  {}", log.display(), tail.join("\n  "))
}
