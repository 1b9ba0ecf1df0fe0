//! How long a connection may take for each part of its work.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::seats::Seat;

/// How long a connection may take for each part of its work.
#[derive(Clone, Copy)]
pub(super) struct Timeouts {
    /// Without a request. A proxy opens another connection when it needs it.
    pub(super) idle: Duration,
    /// From the first byte of a request to the first of its answer: the body has five seconds, and a login asks `WeChat` and the store.
    pub(super) request: Duration,
    /// From the first byte of an answer to the last. Answers are small.
    pub(super) answer: Duration,
}

pub(super) const TIMEOUTS: Timeouts = Timeouts {
    idle: Duration::from_mins(1),
    request: Duration::from_secs(30),
    answer: Duration::from_secs(15),
};

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Idle,
    Request,
    Answer,
}

/// The time that is left for what a connection is at. Only the next part begins a new one: single bytes gain nothing.
struct Clock {
    timeouts: Timeouts,
    part: Part,
    until: Pin<Box<Sleep>>,
}

impl Clock {
    fn new(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            part: Part::Idle,
            until: Box::pin(sleep(timeouts.idle)),
        }
    }

    fn begin(&mut self, part: Part) {
        if self.part == part {
            return;
        }
        self.part = part;
        let timeout = match part {
            Part::Idle => self.timeouts.idle,
            Part::Request => self.timeouts.request,
            Part::Answer => self.timeouts.answer,
        };
        self.until.as_mut().reset(Instant::now() + timeout);
    }

    /// Whether there is time left. If so, the task that asks is woken when it is over.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.until.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

/// A connection, which ends when its time is over.
pub(super) struct Connection {
    stream: TcpStream,
    clock: Clock,
    seat: Arc<Seat>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, timeouts: Timeouts, seat: Arc<Seat>) -> Self {
        Self {
            stream,
            clock: Clock::new(timeouts),
            seat,
        }
    }

    /// Whether a request is under way is known to its service: single bytes of a head are not work.
    fn begin(&mut self, part: Part) {
        self.clock.begin(part);
        match part {
            Part::Idle => self.seat.rests(),
            Part::Request => {}
            Part::Answer => self.seat.works(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && self.clock.part == Part::Idle {
            self.begin(Part::Request);
        }
        self.clock.check(context)?;
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.begin(Part::Answer);
        self.clock.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is asked for when everything is written.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.clock.part == Part::Answer {
            self.begin(Part::Idle);
        }
        self.clock.check(context)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Timeouts = Timeouts {
        idle: Duration::from_mins(10),
        request: Duration::from_mins(10),
        answer: Duration::from_mins(10),
    };

    #[test]
    fn an_answer_sets_the_clock_back() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let mut clock = Clock::new(LONG);
        let mut last = clock.until.deadline();
        for part in [Part::Request, Part::Answer, Part::Idle, Part::Request] {
            clock.begin(part);
            let until = clock.until.deadline();
            assert!(until > last, "{part:?}");
            clock.begin(part);
            assert_eq!(clock.until.deadline(), until, "{part:?}");
            last = until;
        }
    }
}
