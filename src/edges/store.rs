//! The store of claims and outcomes, and of what goes with them: in memory, in an SQLite file, or in Redis.
//!
//! One thread owns the backend. It takes everything that is queued, carries it out in order as one batch, and answers when the batch is
//! durable. A batch that fails because the store is away is tried again, whole, until it succeeds: requests are made so that this does no
//! harm. The service hears when the store goes down and when it is back; requests simply wait meanwhile. A batch that fails because of
//! one of its requests is divided until that one stands alone, and only that one is answered as unreadable.

mod ages;
mod client;
mod failure;
mod health;
mod keeper;
mod probe;
mod redis;
mod sqlite;
mod tally;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::ages::Ages;
pub use self::client::{MOST_QUESTIONS, NoAnswer, StoreClient};
use self::failure::Failure;
use self::keeper::Keeper;
use self::redis::Redis;
use self::sqlite::Sqlite;
use self::tally::Tally;
pub use self::tally::{Loss, StateStatus};
use crate::config::{LeftBehind, State, StateUrl};
use wx_courier_core::model::Ticket;
use wx_courier_core::state::{Horizon, MemoryStore, Reply, Request};

/// What the service hears from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The request of this ticket is carried out, and durable as far as the backend goes.
    Answer {
        /// The ticket whose request it was.
        ticket: Ticket,
        /// What the store knows, or the row that cannot be read.
        answer: Reply,
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
    /// Dropping it cancels the attempts of a batch that fails.
    cancel: Sender<()>,
    /// Says nothing; it is hung up when the thread has ended.
    ended: Receiver<()>,
    tally: Arc<Tally>,
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

/// What waits for the answer.
enum Asker {
    /// Nothing: a release is asked for and done with.
    None,
    /// The service, with this ticket.
    Service(Ticket),
    /// A client with a question of its own.
    Client {
        answer: oneshot::Sender<Reply>,
        /// Given back when the thread is done with the question.
        _place: OwnedSemaphorePermit,
    },
}

/// What the store in memory keeps, claims and outcomes together. With the outcomes' text that is some 100 MB at most; the oldest go first.
const MEMORY_ENTRIES: usize = 100_000;

impl Store {
    /// Opens the store and starts its thread. `namespace`, the consumer group, keeps the fleets that share one Redis apart; an SQLite
    /// file belongs to one service anyway. Answers come on `answers` in the order of the requests; the channel closes when the thread ends.
    ///
    /// Fails if the SQLite file was left behind in another place, cannot be opened, belongs to another process or is of a newer version, or if a thread cannot be started. A
    /// Redis server that does not answer is no failure: the store starts as [`Stored::Down`].
    pub fn start(
        state: &State,
        namespace: &str,
        answers: mpsc::UnboundedSender<Stored>,
    ) -> anyhow::Result<Self> {
        if let Some(LeftBehind { message, help }) = &state.left_behind {
            anyhow::bail!("[state] url: {message}. {help}");
        }
        let backend = match &state.url {
            StateUrl::Memory => Backend::Memory(Box::new(MemoryStore::new(MEMORY_ENTRIES))),
            StateUrl::Sqlite(path) => Backend::Sqlite(Box::new(Sqlite::open(path)?)),
            StateUrl::Redis(url) => {
                let redis = Redis::new(url, namespace, state.remember)?;
                Backend::Redis(Box::new(redis))
            }
        };
        let (orders_in, orders) = channel();
        let (cancel, cancelled) = channel();
        let (alive, ended) = channel();
        let tally = Arc::new(Tally::new(state));
        let ages = Ages::new(backend.newest_ms());
        let keeper = Keeper::new(
            backend,
            (orders, cancelled),
            answers,
            (Arc::clone(&tally), ages),
        )?;
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
            cancel,
            ended,
            tally,
        })
    }

    /// How the store is, for people and dashboards.
    pub fn status(&self) -> StateStatus {
        self.tally.status()
    }

    /// Queues requests, in their order; never waits. Each is answered by [`Stored::Answer`], but for a release, for which nothing waits. The
    /// queue is as long as the caller makes it: messages in hand are bounded, and so are their requests.
    pub fn ask(&self, requests: impl IntoIterator<Item = (Ticket, Request)>) {
        let asked = requests.into_iter().map(|(ticket, request)| {
            let asker = if let Request::Release { .. } = request {
                Asker::None
            } else {
                Asker::Service(ticket)
            };
            Asked { asker, request }
        });
        let asked: Vec<Asked> = asked.collect();
        if !asked.is_empty() && self.orders.send(Order::Ask(asked)).is_err() {
            tracing::error!("the store's thread has ended");
        }
    }

    /// For questions beside the service's own.
    pub fn client(&self) -> StoreClient {
        StoreClient::new(
            self.orders.clone(),
            Arc::clone(&self.places),
            Arc::clone(&self.tally),
        )
    }

    /// Carries out what is queued and ends the thread. Gives up after `limit`; what was not answered by then may or may not have
    /// been carried out.
    pub fn close(self, limit: Duration) {
        let Self {
            orders,
            cancel,
            ended,
            ..
        } = self;
        if orders.send(Order::Close).is_err() {
            tracing::debug!("the store's thread has ended by itself");
        }
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            drop(cancel);
            tracing::warn!(
                "the store did not take everything in time; what it owes is done again after the next start"
            );
        }
    }
}

enum Backend {
    Memory(Box<MemoryStore>),
    Sqlite(Box<Sqlite>),
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
    fn carry_out(&mut self, requests: &[Request]) -> Result<Vec<Reply>, Failure> {
        match self {
            Self::Memory(store) => Ok(requests
                .iter()
                .map(|request| store.answer(request))
                .collect()),
            Self::Sqlite(sqlite) => sqlite.carry_out(requests),
            Self::Redis(redis) => redis.carry_out(requests),
        }
    }

    /// What is done for the store's own sake: what is over the horizon is forgotten, at most so much at once, and it is looked whether the
    /// file or the server is there, and still is what it was. Gives how much was forgotten. Redis forgets by itself.
    fn look_after(&mut self, horizon: Horizon, at_most: usize) -> Result<usize, Failure> {
        match self {
            Self::Memory(store) => Ok(store.purge(horizon, at_most)),
            Self::Sqlite(sqlite) => sqlite.look_after(horizon, at_most),
            Self::Redis(redis) => redis.look_after().map(|()| 0),
        }
    }

    /// Whether requests in general are carried out, while a certain one is not.
    fn probe(&mut self) -> Result<(), Failure> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sqlite(sqlite) => sqlite.probe(),
            Self::Redis(redis) => redis.probe(),
        }
    }

    /// Goes on with what is there now, after what was kept is gone.
    fn begin_anew(&mut self) -> Result<(), Failure> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sqlite(sqlite) => sqlite.begin_anew(),
            Self::Redis(redis) => {
                redis.begin_anew();
                Ok(())
            }
        }
    }
}
