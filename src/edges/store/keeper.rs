//! The thread that owns the backend.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ages::Ages;
use super::failure::Failure;
use super::health::Health;
use super::tally::{GoesOn, Tally};
use super::{Asked, Asker, Backend, Order, Stored};
use wx_courier_core::state::{Answer, Horizon, Reply, Request, Row};

/// How many requests make one batch at most. It bounds the time that Redis serves no other client, and what is done again after a failure.
const LARGEST_BATCH: usize = 512;

/// After so many requests old entries are forgotten, so that purging keeps up with any load: twice as much goes as came.
const PURGE_AFTER: usize = 256;

/// How much is forgotten at once while nothing is asked: little enough that a request which comes meanwhile does not notice.
const PURGE_STEP: usize = 500;

/// The rest between two such steps.
const PURGE_REST: Duration = Duration::from_millis(200);

/// How often a store that is not asked is looked at, so that readiness is honest.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The first wait after a failure; each further one doubles, up to [`LONGEST_BACKOFF`]. One thread of an instance asks, so asking often costs the
/// server little, and every moment in which answers wait here is one in which a crash puts their messages in doubt.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_millis(250);

/// What the thread owns.
pub(super) struct Keeper {
    backend: Backend,
    orders: Receiver<Order>,
    cancelled: Receiver<()>,
    health: Health,
    answers: mpsc::UnboundedSender<Stored>,
    tally: Arc<Tally>,
    /// By which time entries grow old.
    ages: Ages,
    n_since_purge: usize,
    is_purge_unfinished: bool,
    /// When the store was last looked after.
    looked: Instant,
    /// What is gone, while no operator has said that it goes on without.
    lost: Option<String>,
    /// The wait after the last failure; nothing while all is well.
    backoff: Duration,
}

impl Keeper {
    pub(super) fn new(
        backend: Backend,
        (orders, cancelled): (Receiver<Order>, Receiver<()>),
        answers: mpsc::UnboundedSender<Stored>,
        (tally, ages): (Arc<Tally>, Ages),
    ) -> std::io::Result<Self> {
        Ok(Self {
            backend,
            orders,
            cancelled,
            health: Health::start(answers.clone())?,
            answers,
            tally,
            ages,
            n_since_purge: 0,
            is_purge_unfinished: false,
            looked: Instant::now(),
            lost: None,
            backoff: Duration::ZERO,
        })
    }

    pub(super) fn work(mut self) {
        // A server that is not there is noticed before the first message needs it.
        self.look_after(0);
        loop {
            match self.orders.recv_timeout(self.next_timeout()) {
                Ok(Order::Ask(mut asked)) => {
                    let mut is_closing = false;
                    while asked.len() < LARGEST_BATCH && !is_closing {
                        match self.orders.try_recv() {
                            Ok(Order::Ask(more)) => asked.extend(more),
                            Ok(Order::Close) => is_closing = true,
                            Err(_) => break,
                        }
                    }
                    asked.retain(Asked::is_wanted);
                    if !self.carry_out_all(asked) || is_closing {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.look_after(PURGE_STEP),
                Ok(Order::Close) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// How long to wait for a request before looking after the store.
    fn next_timeout(&self) -> Duration {
        if !self.backoff.is_zero() {
            self.backoff
        } else if self.is_purge_unfinished {
            PURGE_REST
        } else {
            LOOK_EVERY
        }
    }

    /// Carries everything out, in batches. Gives `false` if the store was closed before all of it succeeded.
    fn carry_out_all(&mut self, mut asked: Vec<Asked>) -> bool {
        while asked.len() > LARGEST_BATCH {
            let rest = asked.split_off(LARGEST_BATCH);
            if !self.carry_out(std::mem::replace(&mut asked, rest)) {
                return false;
            }
        }
        self.carry_out(asked)
    }

    /// Carries a batch out, however often it takes, and answers. Gives `false` if the store was closed before it succeeded.
    fn carry_out(&mut self, batch: Vec<Asked>) -> bool {
        if batch.is_empty() {
            return true;
        }
        let n_requests = batch.len();
        let (askers, requests): (Vec<Asker>, Vec<Request>) = batch
            .into_iter()
            .map(|asked| (asked.asker, asked.request))
            .unzip();
        let began = Instant::now();
        let Some(answers) = self.answers_to(&requests) else {
            return false;
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(n_requests, took_ms, "a batch is carried out");
        if let Some(now_ms) = requests.iter().rev().find_map(Request::now_ms) {
            self.ages.hear(now_ms, Instant::now());
        }
        for (asker, answer) in askers.into_iter().zip(answers) {
            self.tell(asker, answer);
        }
        self.n_since_purge += n_requests;
        if self.n_since_purge >= PURGE_AFTER {
            self.look_after(2 * self.n_since_purge);
            self.n_since_purge = 0;
        } else if self.looked.elapsed() >= LOOK_EVERY {
            self.look_after(PURGE_STEP);
        }
        true
    }

    /// Answers in the order of the requests, however often it takes; `None` if the store was closed before. What fails because of one request
    /// is divided, until that request stands alone.
    fn answers_to(&mut self, requests: &[Request]) -> Option<Vec<Reply>> {
        let mut answers = Vec::with_capacity(requests.len());
        // The next one is the last.
        let mut parts = vec![requests];
        while let Some(part) = parts.pop() {
            match self.attempt(|backend| backend.carry_out(part)) {
                Attempt::Done(more) => answers.extend(more),
                Attempt::Fault { row, .. } => match part {
                    [] => {}
                    // Where nothing else is carried out either, it is no matter of this one.
                    [request] if self.works_for_others() => {
                        answers.push(unreadable(request, row));
                    }
                    [_] => parts.push(part),
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                        continue;
                    }
                },
                Attempt::Failed => parts.push(part),
            }
            if !self.backoff.is_zero()
                && self.cancelled.recv_timeout(self.backoff) != Err(RecvTimeoutError::Timeout)
            {
                return None;
            }
        }
        for (request, answer) in requests.iter().zip(&answers) {
            if let Err(row) = answer {
                self.tally.unreadable(request, *row);
            }
        }
        Some(answers)
    }

    fn works_for_others(&mut self) -> bool {
        match self.attempt(Backend::probe) {
            Attempt::Done(()) => true,
            Attempt::Fault { error, .. } => {
                self.fails(&format!(
                    "it is damaged where every message needs it, or lets us do nothing: {error:#}"
                ));
                false
            }
            Attempt::Failed => false,
        }
    }

    fn tell(&self, asker: Asker, answer: Reply) {
        let is_heard = match asker {
            Asker::None => true,
            Asker::Service(ticket) => self.answers.send(Stored::Answer { ticket, answer }).is_ok(),
            Asker::Client { answer: client, .. } => client.send(answer).is_ok(),
        };
        if !is_heard {
            tracing::debug!("an answer of the store comes too late for the caller that asked");
        }
    }

    fn look_after(&mut self, at_most: usize) {
        let horizon = Horizon {
            now_ms: self.ages.now_ms(Instant::now()),
            remember_ms: self.tally.remember_ms(),
        };
        self.looked = Instant::now();
        self.is_purge_unfinished =
            match self.attempt(|backend| backend.look_after(horizon, at_most)) {
                Attempt::Done(n_forgotten) => at_most > 0 && n_forgotten >= at_most,
                Attempt::Fault { .. } => false,
                Attempt::Failed => at_most > 0,
            };
    }

    /// Does something with the backend; the service hears how it went if that is news.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Backend) -> Result<T, Failure>) -> Attempt<T> {
        self.health.begins();
        let done = self.may_go_on().and_then(|()| work(&mut self.backend));
        match done {
            Ok(done) => {
                self.backoff = Duration::ZERO;
                self.health.succeeded();
                Attempt::Done(done)
            }
            Err(Failure::Fault { row, error }) => {
                self.health.ended();
                Attempt::Fault { row, error }
            }
            Err(Failure::Outage(error)) => {
                self.fails(&format!("{error:#}"));
                Attempt::Failed
            }
            Err(Failure::Lost { why }) => {
                self.tally.lost(&why);
                self.fails(&why);
                self.lost = Some(why);
                Attempt::Failed
            }
        }
    }

    /// What is lost holds everything, until it goes on without.
    fn may_go_on(&mut self) -> Result<(), Failure> {
        let Some(why) = &self.lost else {
            return Ok(());
        };
        match self.tally.goes_on() {
            GoesOn::No => {
                let why = why.clone();
                // An operator may have put it back.
                let nothing_is_old = Horizon {
                    now_ms: i64::MIN,
                    remember_ms: 0,
                };
                match self.backend.look_after(nothing_is_old, 0) {
                    Ok(_) => {
                        self.lost = None;
                        self.tally.is_back();
                        Ok(())
                    }
                    Err(Failure::Lost { .. } | Failure::Fault { .. }) => Err(Failure::Lost { why }),
                    Err(outage @ Failure::Outage(_)) => Err(outage),
                }
            }
            GoesOn::Yes => {
                self.backend.begin_anew()?;
                self.lost = None;
                self.tally.went_on();
                Ok(())
            }
        }
    }

    fn fails(&mut self, why: &str) {
        self.backoff = (2 * self.backoff).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        self.health.failed(why);
    }
}

/// How it went.
enum Attempt<T> {
    Done(T),
    /// It is the matter of one request. The error may repeat what stands in a row, and is not for the log.
    Fault {
        row: Option<Row>,
        error: anyhow::Error,
    },
    /// The store is away.
    Failed,
}

/// The reply to a request that cannot be carried out.
fn unreadable(request: &Request, row: Option<Row>) -> Reply {
    if let Request::Release { .. } = request {
        // No caller waits for it; what is not released is found in doubt.
        return Ok(Answer::Released);
    }
    Err(row.unwrap_or_else(|| request.main_row()))
}
