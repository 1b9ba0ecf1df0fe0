//! What is stopped until a person lets it go on: the one task that asks the store for it, and changes it there.
//!
//! One task asks, one question after another, so that what it hears last is the newest. Where other instances share the store, it looks now and
//! then what they have changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::StateUrl;
use crate::edges::clock::Clock;
use crate::edges::store::{NoAnswer, StoreClient};
use wx_courier_core::holds::{Ask, Change, Hold, Holds};

/// How often the store is asked what others have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A person waits for so long. The store does what it was asked when it is back.
const PATIENCE: Duration = Duration::from_secs(5);

/// A person asks for one thing at a time, and a breaker opens once for each rule.
const ORDERS: usize = 1_000;

/// The wait before the store is asked again that had too much to do.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether other processes keep their holds in the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// This process is alone.
    Alone,
    /// There may be others.
    WithOthers,
}

impl Sharing {
    /// Whether a store has more than one process.
    fn of(store: &StateUrl) -> Self {
        match store {
            StateUrl::Memory | StateUrl::Sqlite(_) => Self::Alone,
            StateUrl::Redis(_) => Self::WithOthers,
        }
    }
}

/// What has the holds changed, and hears of them.
#[derive(Clone)]
pub struct HoldsClient {
    orders: mpsc::Sender<Order>,
    newest: watch::Receiver<Option<Arc<Holds>>>,
}

struct Order {
    change: Change,
    /// `None` where nothing waits for it.
    answer: Option<oneshot::Sender<Result<Arc<Holds>, NotChanged>>>,
}

/// Why a change is not known to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// It is carried out when the store is back.
    #[error(
        "the state store does not answer: it is noted as soon as it does, and nothing is sent before"
    )]
    StoreDown,
    /// The row cannot be written.
    #[error("the state store cannot note it: the service's log says why")]
    Refused,
    /// The process ends.
    #[error("the service ends")]
    Ending,
}

impl HoldsClient {
    /// What the store holds, as it was last heard; `None` before that.
    pub fn newest(&self) -> watch::Receiver<Option<Arc<Holds>>> {
        self.newest.clone()
    }

    /// Lets the store hold this. Nothing waits for it.
    pub fn keep(&self, hold: Hold) {
        let order = Order {
            change: Change::Place(hold),
            answer: None,
        };
        if self.orders.try_send(order).is_err() {
            tracing::error!(
                "what a breaker has stopped cannot be noted in the store: a restart of this process would forget it"
            );
        }
    }

    /// Changes something, and gives what is held then.
    pub async fn change(&self, change: Change) -> Result<Arc<Holds>, NotChanged> {
        let (answer_in, answer) = oneshot::channel();
        let order = Order {
            change,
            answer: Some(answer_in),
        };
        let ask = async {
            self.orders
                .send(order)
                .await
                .map_err(|_| NotChanged::Ending)?;
            answer.await.unwrap_or(Err(NotChanged::Ending))
        };
        let answered = tokio::time::timeout(PATIENCE, ask).await;
        answered.unwrap_or(Err(NotChanged::StoreDown))
    }
}

/// A client, and the task that it talks to, which ends only if something is wrong with it.
pub fn open(store: StoreClient, clock: Clock, state: &StateUrl) -> (HoldsClient, JoinHandle<()>) {
    let (orders_in, orders) = mpsc::channel(ORDERS);
    let (newest_in, newest) = watch::channel(None);
    let keeper = Keeper {
        store,
        clock,
        orders,
        newest: newest_in,
        trouble: Trouble::None,
    };
    let client = HoldsClient {
        orders: orders_in,
        newest,
    };
    (client, tokio::spawn(keeper.work(Sharing::of(state))))
}

struct Keeper {
    store: StoreClient,
    clock: Clock,
    orders: mpsc::Receiver<Order>,
    newest: watch::Sender<Option<Arc<Holds>>>,
    trouble: Trouble,
}

/// What was said of the row already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Unreadable,
}

/// The store was closed.
struct Closed;

impl Keeper {
    /// Never ends: when the store is closed, the process is about to end.
    async fn work(mut self, sharing: Sharing) {
        let Closed = self.until_closed(sharing).await;
        std::future::pending::<()>().await;
    }

    async fn until_closed(&mut self, sharing: Sharing) -> Closed {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked = false;
        loop {
            let order = tokio::select! {
                _ = looks.tick(), if !looked || sharing == Sharing::WithOthers => {
                    looked = true;
                    Order { change: Change::None, answer: None }
                }
                Some(order) = self.orders.recv() => order,
                else => return Closed,
            };
            if let Err(closed) = self.carry_out(order).await {
                return closed;
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<(), Closed> {
        let Order { change, answer } = order;
        let holds: Result<Arc<Holds>, NotChanged> = loop {
            let ask = Ask {
                change: change.clone(),
                now_ms: self.clock.now_ms(),
            };
            match self.store.ask_in_turn(ask).await {
                Ok(Ok(holds)) => {
                    self.trouble = Trouble::None;
                    break Ok(Arc::new(holds));
                }
                Ok(Err(_row)) if change == Change::None => break Ok(self.unreadable()),
                Ok(Err(row)) => {
                    let row = row.as_str();
                    tracing::error!(row, "what is stopped, or goes on, cannot be written");
                    break Err(NotChanged::Refused);
                }
                Err(NoAnswer::Full | NoAnswer::ToAnotherQuestion) => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(NoAnswer::Gone) => return Err(Closed),
            }
        };
        if let Ok(holds) = &holds {
            self.publish(holds);
        }
        if answer.is_some_and(|answer| answer.send(holds).is_err()) {
            tracing::debug!("what was stopped or let go on was noted late: the caller has gone");
        }
        Ok(())
    }

    /// What was heard before goes on to hold.
    fn unreadable(&mut self) -> Arc<Holds> {
        if self.trouble == Trouble::None {
            self.trouble = Trouble::Unreadable;
            tracing::error!(
                "what is stopped cannot be read in the state store: a later version may have written it. What was stopped when this process last read it stays so; `wx-courier rules pause` and `resume` write it anew"
            );
        }
        self.newest.borrow().clone().unwrap_or_default()
    }

    fn publish(&self, holds: &Arc<Holds>) {
        let n_unknown = holds.n_unknown();
        let published = self.newest.send_if_modified(|newest| {
            let is_news = newest.as_ref().is_none_or(|newest| newest != holds);
            if is_news {
                *newest = Some(Arc::clone(holds));
            }
            is_news
        });
        if published && n_unknown > 0 {
            tracing::warn!(
                n_unknown,
                "the state store holds something stopped that this version does not understand: it is not stopped here"
            );
        }
    }
}
