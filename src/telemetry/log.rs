//! The way of log lines to standard error: a bounded queue, and a thread that writes. Logging never waits and never fails: a line that
//! finds no room or cannot be written is lost and counted, and the next line that gets through says how many were.
//!
//! `tracing-appender` does nearly this. But when its queue is full at the end, it prints to standard output, which then waits for a reader
//! that does not read, or panics; and it does not count what could not be written.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// What waits for the writer at most: thousands of lines, which a disk takes in milliseconds.
const MOST_BYTES: usize = 1024 * 1024;

/// How long the end of the process waits for the last lines. A reader that has not read for so long does not read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The queue of this process, once logging has been started.
static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Starts the thread that writes.
pub(super) fn start(format: LogFormat) -> io::Result<Lines> {
    let queue = Arc::new(Queue::default());
    let writer = Writer {
        out: io::stderr(),
        format,
        is_line_open: false,
    };
    let written = Arc::clone(&queue);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || writer.write_all(&written))?;
    let queue = QUEUE.get_or_init(|| queue);
    Ok(Lines(Arc::clone(queue)))
}

/// Puts a line that is not the log's own into the same queue. Before logging is started it is written at once.
pub fn write_line(line: &str) {
    if let Some(queue) = QUEUE.get() {
        queue.push(format!("{line}\n").as_bytes());
    } else {
        let _gone = writeln!(io::stderr().lock(), "{line}").is_err();
    }
}

/// Waits until the last lines are written, but not for long.
pub fn finish_logging() {
    if let Some(queue) = QUEUE.get() {
        queue.wait_until_written(LAST_LINES);
    }
}

/// How many lines this process has lost.
pub(super) fn n_lost() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.state().lost)
}

/// Where the subscriber puts its lines.
pub(super) struct Lines(Arc<Queue>);

/// One line on its way into the queue. The subscriber hands over a whole one at once.
pub(super) struct Line<'a>(&'a Queue);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    pushed: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// Of the lines, and of the one that is being written.
    bytes: usize,
    /// Lines that were lost since the process began.
    lost: u64,
    /// Those of them that no written line has told yet.
    untold: u64,
}

impl State {
    fn lose_one(&mut self) {
        self.lost = self.lost.saturating_add(1);
        self.untold = self.untold.saturating_add(1);
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.state();
        if state.bytes.saturating_add(line.len()) > MOST_BYTES {
            state.lose_one();
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line.to_vec());
        drop(state);
        self.pushed.notify_one();
    }

    /// Waits for the next line. With it comes how many were lost before it.
    fn next(&self) -> (Vec<u8>, u64) {
        let mut state = self.state();
        loop {
            if let Some(line) = state.lines.pop_front() {
                return (line, state.untold);
            }
            let waited = self.pushed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn told(&self, lost: u64) {
        let mut state = self.state();
        state.untold = state.untold.saturating_sub(lost);
    }

    /// The line is gone, one way or the other.
    fn done(&self, line: &[u8], written: &io::Result<()>) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(line.len());
        if written.is_err() {
            state.lose_one();
        }
        let is_empty = state.bytes == 0;
        drop(state);
        if is_empty {
            self.written.notify_all();
        }
    }

    fn wait_until_written(&self, limit: Duration) {
        let state = self.state();
        let has_more = |state: &mut State| state.bytes > 0;
        // Whether or not the time was enough, the process goes on to its end.
        drop(self.written.wait_timeout_while(state, limit, has_more));
    }
}

struct Writer<W> {
    out: W,
    format: LogFormat,
    /// A line broke off in its middle.
    is_line_open: bool,
}

impl<W: Write> Writer<W> {
    /// Writes for as long as the process lives.
    fn write_all(mut self, queue: &Queue) {
        loop {
            self.write_next(queue);
        }
    }

    fn write_next(&mut self, queue: &Queue) {
        let (line, lost) = queue.next();
        let told = if lost > 0 {
            let told = self.write(notice(self.format, lost).as_bytes());
            if told.is_ok() {
                queue.told(lost);
            }
            told
        } else {
            Ok(())
        };
        let written = told.and_then(|()| self.write(&line));
        queue.done(&line, &written);
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_line_open {
            self.out.write_all(b"\n")?;
            self.is_line_open = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n_written) => {
                    rest = rest.get(n_written..).unwrap_or_default();
                    self.is_line_open = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The line that says what is missing before it, in the form of the others.
fn notice(format: LogFormat, lost: u64) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the other lines have the system's time, too"
    )]
    let timestamp = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
    let message = "log lines were lost: standard error did not take them";
    let target = module_path!();
    match format {
        LogFormat::Text => format!("{timestamp}  WARN {target}: {message} lost={lost}\n"),
        LogFormat::Json => {
            let line = json!({
                "timestamp": timestamp.to_string(),
                "level": "WARN",
                "message": message,
                "lost": lost,
                "target": target,
            });
            format!("{line}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, and then none until it is given room again.
    #[derive(Default)]
    struct Disk {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n_taken = bytes.len().min(self.room);
            if n_taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= n_taken;
            self.taken.extend(&bytes[..n_taken]);
            Ok(n_taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer(room: usize) -> Writer<Disk> {
        Writer {
            out: Disk {
                room,
                ..Disk::default()
            },
            format: LogFormat::Text,
            is_line_open: false,
        }
    }

    #[test]
    fn the_next_line_that_gets_through_says_how_many_were_lost() {
        let queue = Queue::default();
        let mut writer = writer(9);
        for line in ["first\n", "second\n", "third\n"] {
            queue.push(line.as_bytes());
            writer.write_next(&queue);
        }
        assert_eq!(queue.state().lost, 2);
        writer.out.room = 10_000;
        for line in ["fourth\n", "fifth\n"] {
            queue.push(line.as_bytes());
            writer.write_next(&queue);
        }
        let text = String::from_utf8(writer.out.taken).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // The half line is ended, so that the next one can be read.
        assert_eq!(lines[..2], ["first", "sec"], "{text}");
        assert!(lines[2].ends_with(" lost=2"), "{text}");
        assert_eq!(lines[3..], ["fourth", "fifth"], "{text}");
        assert_eq!(queue.state().untold, 0);
    }

    #[test]
    fn a_queue_that_is_not_emptied_stays_small_and_holds_no_thread_up() {
        let queue = Queue::default();
        let line = [b'x'; 1_000];
        for _ in 0..2_000 {
            queue.push(&line);
        }
        let state = queue.state();
        assert!(state.bytes <= MOST_BYTES);
        assert_eq!(
            state.lost,
            2_000 - u64::try_from(state.lines.len()).unwrap()
        );
        drop(state);
        queue.wait_until_written(Duration::from_millis(1));
    }

    #[test]
    fn the_last_lines_are_waited_for() {
        let queue = Arc::new(Queue::default());
        queue.push(b"last\n");
        let writing = Arc::clone(&queue);
        let thread = std::thread::spawn(move || {
            let mut writer = writer(100);
            writer.write_next(&writing);
            writer.out.taken
        });
        queue.wait_until_written(Duration::from_mins(1));
        assert_eq!(queue.state().bytes, 0);
        assert_eq!(thread.join().unwrap(), b"last\n");
    }

    #[test]
    fn what_is_missing_is_said_in_the_form_of_the_log() {
        let line = notice(LogFormat::Json, 7);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["lost"], 7);
        assert_eq!(line["level"], "WARN");
    }
}
