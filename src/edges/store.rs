//! The store of claims and outcomes, and of what goes with them: in memory, in an SQLite file, or in Redis.
//!
//! One thread owns the backend. It takes everything that is queued, carries it out in order as one batch, and answers when the batch is
//! durable. A batch that fails is tried again, whole, until it succeeds: requests are made so that this does no harm. The service hears
//! when the store goes down and when it is back; requests simply wait meanwhile.

mod ages;
mod client;
mod health;
mod redis;
mod sqlite;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use self::ages::Ages;
pub use self::client::{MOST_QUESTIONS, NoAnswer, StoreClient};
use self::health::Health;
use self::redis::Redis;
use self::sqlite::Sqlite;
use crate::config::{State, StateUrl};
use crate::pipeline::admission::Ticket;
use crate::pipeline::claims::{Answer, Book, Horizon, Request};

/// What the service hears from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The request of this ticket is carried out, and durable as far as the backend goes.
    Answer {
        /// Whose request it was.
        ticket: Ticket,
        /// What the store knows.
        answer: Answer,
    },
    /// Requests fail or take too long. They wait; each is answered after [`Stored::Back`]. Said once.
    Down {
        /// What happened, in words that hold no password.
        why: String,
    },
    /// The store works again. Comes before the answers that waited.
    Back,
}

/// The store. It counts as up until it says otherwise; whether a Redis server is there is looked at as soon as the store starts.
pub struct Store {
    orders: Sender<Order>,
    /// What is left of [`MOST_QUESTIONS`].
    places: Arc<Semaphore>,
    /// While this is there, the thread tries failed batches again.
    hope: Sender<()>,
    /// Says nothing; it is hung up when the thread has ended.
    ended: Receiver<()>,
}

/// What the thread is told.
enum Order {
    /// Several at once, since waking the thread for each would cost more than most answers do.
    Ask(Vec<Asked>),
    /// Carry out what came before, and end.
    Close,
}

struct Asked {
    asker: Asker,
    request: Request,
}

/// Who waits for the answer.
enum Asker {
    /// The service, with this ticket.
    Service(Ticket),
    /// Somebody with a question of his own.
    Client {
        answer: oneshot::Sender<Answer>,
        /// Given back when the thread is done with the question.
        _place: OwnedSemaphorePermit,
    },
}

/// What the store in memory keeps, claims and outcomes together. With the outcomes' text that is some 100 MB at most; the oldest go first.
const MEMORY_ENTRIES: usize = 100_000;

/// How many requests make one batch at most. It bounds the time that Redis serves nobody else, and what is done again after a failure.
const LARGEST_BATCH: usize = 512;

/// After so many requests old entries are forgotten, so that purging keeps up with any load: twice as much goes as came.
const PURGE_AFTER: usize = 256;

/// How much is forgotten at once while nobody asks: little enough that a request which comes meanwhile does not notice.
const PURGE_STEP: usize = 500;

/// The rest between two such steps.
const PURGE_REST: Duration = Duration::from_millis(200);

/// How often a store that nobody asks is looked at, so that readiness is honest.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The first wait after a failure; each further one doubles, up to [`LONGEST_BACKOFF`]. One thread of an instance asks, so asking often costs the
/// server little, and every moment in which answers wait here is one in which a crash puts their messages in doubt.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_millis(250);

impl Store {
    /// Opens the store and starts its thread. `namespace`, the consumer group, keeps the fleets that share one Redis apart; an SQLite
    /// file belongs to one service anyway. Answers come on `answers` in the order of the requests; the channel closes when the thread ends.
    ///
    /// Fails if the SQLite file cannot be opened, belongs to another process or is of a newer version, or if a thread cannot be started. A
    /// Redis server that does not answer is no failure: the store starts as [`Stored::Down`].
    pub fn start(
        state: &State,
        namespace: &str,
        answers: mpsc::UnboundedSender<Stored>,
    ) -> anyhow::Result<Self> {
        let backend = match &state.url {
            StateUrl::Memory => Backend::Memory(Box::new(Book::new(MEMORY_ENTRIES))),
            StateUrl::Sqlite(path) => Backend::Sqlite(Sqlite::open(path)?),
            StateUrl::Redis(url) => {
                let redis = Redis::new(url, namespace, state.remember)?;
                Backend::Redis(Box::new(redis))
            }
        };
        let (orders_in, orders) = channel();
        let (hope, has_hope) = channel();
        let (alive, ended) = channel();
        let health = Health::start(answers.clone())?;
        let ages = Ages::new(backend.newest_ms());
        let keeper = Keeper {
            backend,
            orders,
            has_hope,
            health,
            answers,
            remember_ms: i64::try_from(state.remember.as_millis()).unwrap_or(i64::MAX),
            ages,
            n_since_purge: 0,
            is_purge_unfinished: false,
            backoff: Duration::ZERO,
        };
        let work = move || {
            keeper.work();
            drop(alive);
        };
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(work)?;
        Ok(Self {
            orders: orders_in,
            places: Arc::new(Semaphore::new(MOST_QUESTIONS)),
            hope,
            ended,
        })
    }

    /// Queues requests, in their order; never waits. Each is answered by [`Stored::Answer`], but for a release, for which nobody waits. The
    /// queue is as long as the caller makes it: messages in hand are bounded, and so are their requests.
    pub fn ask(&self, requests: impl IntoIterator<Item = (Ticket, Request)>) {
        let asked = requests.into_iter().map(|(ticket, request)| Asked {
            asker: Asker::Service(ticket),
            request,
        });
        let asked: Vec<Asked> = asked.collect();
        if !asked.is_empty() && self.orders.send(Order::Ask(asked)).is_err() {
            tracing::error!("the store's thread has ended");
        }
    }

    /// For questions beside the service's own.
    pub fn client(&self) -> StoreClient {
        StoreClient::new(self.orders.clone(), Arc::clone(&self.places))
    }

    /// Carries out what is queued and ends the thread. Gives up after `limit`; what was not answered by then may or may not have
    /// been carried out.
    pub fn close(self, limit: Duration) {
        let Self {
            orders,
            hope,
            ended,
            ..
        } = self;
        if orders.send(Order::Close).is_err() {
            tracing::debug!("the store's thread has ended by itself");
        }
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            drop(hope);
            tracing::warn!(
                "the store did not take everything in time; what it owes is done again after the next start"
            );
        }
    }
}

enum Backend {
    Memory(Box<Book>),
    Sqlite(Sqlite),
    Redis(Box<Redis>),
}

impl Backend {
    /// When its newest entry was written, where there is one and entries do not forget themselves.
    fn newest_ms(&self) -> Option<i64> {
        match self {
            Self::Memory(_) | Self::Redis(_) => None,
            Self::Sqlite(sqlite) => sqlite.newest_ms(),
        }
    }

    /// Carries a batch out: all of it is durable afterwards, or this fails and it may be carried out again.
    fn carry_out(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Answer>> {
        match self {
            Self::Memory(book) => Ok(requests
                .iter()
                .map(|request| book.answer(request))
                .collect()),
            Self::Sqlite(sqlite) => sqlite.carry_out(requests),
            Self::Redis(redis) => redis.carry_out(requests),
        }
    }

    /// What is done for the store's own sake: what is over the horizon is forgotten, at most so much at once, and a server is asked
    /// whether it is there. Gives how much was forgotten. Redis forgets by itself.
    fn look_after(&mut self, horizon: Horizon, at_most: usize) -> anyhow::Result<usize> {
        match self {
            Self::Memory(book) => Ok(book.purge(horizon, at_most)),
            Self::Sqlite(sqlite) => sqlite.purge(horizon, at_most),
            Self::Redis(redis) => redis.ping().map(|()| 0),
        }
    }
}

/// What is said of an outcome that this version does not understand. It may not be made anew: it may have been published.
fn unreadable(outcome_id: &str) -> String {
    format!(
        "the outcome {outcome_id} in the store cannot be read; a newer wx-courier may have written it"
    )
}

/// What the thread owns.
struct Keeper {
    backend: Backend,
    orders: Receiver<Order>,
    has_hope: Receiver<()>,
    health: Health,
    answers: mpsc::UnboundedSender<Stored>,
    remember_ms: i64,
    /// By which time entries grow old.
    ages: Ages,
    n_since_purge: usize,
    is_purge_unfinished: bool,
    /// The wait after the last failure; nothing while all is well.
    backoff: Duration,
}

impl Keeper {
    fn work(mut self) {
        // A server that is not there is noticed before the first message needs it.
        self.look_after(0);
        loop {
            match self.orders.recv_timeout(self.patience()) {
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
    fn patience(&self) -> Duration {
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
        let answers = loop {
            if let Some(answers) = self.attempt(|backend| backend.carry_out(&requests)) {
                break answers;
            }
            if self.has_hope.recv_timeout(self.backoff) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
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
        }
        true
    }

    fn tell(&self, asker: Asker, answer: Answer) {
        let is_heard = match asker {
            Asker::Service(_) if answer == Answer::Released => true,
            Asker::Service(ticket) => self.answers.send(Stored::Answer { ticket, answer }).is_ok(),
            Asker::Client { answer: client, .. } => client.send(answer).is_ok(),
        };
        if !is_heard {
            tracing::debug!("an answer of the store comes too late for whoever asked");
        }
    }

    fn look_after(&mut self, at_most: usize) {
        let horizon = Horizon {
            now_ms: self.ages.now_ms(Instant::now()),
            remember_ms: self.remember_ms,
        };
        let forgotten = self.attempt(|backend| backend.look_after(horizon, at_most));
        self.is_purge_unfinished = at_most > 0 && forgotten.is_none_or(|number| number >= at_most);
    }

    /// Does something with the backend; the service hears how it went if that is news.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Backend) -> anyhow::Result<T>) -> Option<T> {
        self.health.begins();
        match work(&mut self.backend) {
            Ok(done) => {
                self.backoff = Duration::ZERO;
                self.health.succeeded();
                Some(done)
            }
            Err(error) => {
                self.backoff = (2 * self.backoff).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
                self.health.failed(&format!("{error:#}"));
                None
            }
        }
    }
}
