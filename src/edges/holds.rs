//! What is stopped until a person lets it go on: the one task that asks the store for it, and changes it there.
//!
//! One task asks, one question after another, so that what it hears last is the newest. Where other instances share the store, it looks now and
//! then what they have changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::{Sharing, StateUrl};
use crate::edges::clock::Clock;
use crate::edges::store::{NoAnswer, StoreClient};
use wx_courier_core::holds::{Ask, Hold, HoldChange, Holds, Stopped};

/// How often the store is asked what others have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A person waits for so long. The store does what it was asked when it is back.
const PATIENCE: Duration = Duration::from_secs(5);

/// The wait before the store is asked again that had too much to do.
const AGAIN: Duration = Duration::from_secs(1);

/// What was heard of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeardHolds {
    /// All that it holds.
    pub holds: Arc<Holds>,
    /// So many of the holds that [`HoldsClient::keep`] was given are among them, or were lifted since.
    pub n_kept: u64,
}

/// What has the holds changed, and hears of them.
#[derive(Clone)]
pub struct HoldsClient {
    orders: mpsc::UnboundedSender<Order>,
    newest: watch::Receiver<Option<HeardHolds>>,
}

enum Order {
    /// A breaker's. Nothing waits for it, and there is one for each rule at a time.
    Keep(Hold),
    /// A person's.
    Change {
        change: HoldChange,
        answer: oneshot::Sender<Result<Changed, NotChanged>>,
    },
}

/// What a person's word has changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// How it was held before, if it was.
    pub before: Option<Hold>,
    /// How it is held now, if it is.
    pub now: Option<Hold>,
}

/// Why a change is not known to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// It is carried out when the store is back.
    #[error(
        "the state store does not answer, and nothing is sent meanwhile: it is done as soon as the store answers"
    )]
    StoreDown,
    /// The row cannot be read or written.
    #[error("the state store cannot note it: the service's log says why")]
    Refused,
    /// The process ends.
    #[error("the service ends")]
    Ending,
}

impl HoldsClient {
    /// What the store holds, as it was last heard; `None` before that.
    pub fn newest(&self) -> watch::Receiver<Option<HeardHolds>> {
        self.newest.clone()
    }

    /// Lets the store hold this. Nothing waits for it.
    pub fn keep(&self, hold: Hold) {
        if self.orders.send(Order::Keep(hold)).is_err() {
            tracing::debug!("a breaker has opened after the end");
        }
    }

    /// Stops something, or lets it go on.
    pub async fn change(&self, change: HoldChange) -> Result<Changed, NotChanged> {
        let (answer_in, answer) = oneshot::channel();
        let order = Order::Change {
            change,
            answer: answer_in,
        };
        self.orders.send(order).map_err(|_| NotChanged::Ending)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answered) => answered.unwrap_or(Err(NotChanged::Ending)),
            Err(_late) => Err(NotChanged::StoreDown),
        }
    }
}

/// The task that asks the store, and what it tells.
pub struct Opened {
    /// For those who have something changed, or want to hear.
    pub client: HoldsClient,
    /// What a person has let go on, after the store was told.
    pub resumed: mpsc::UnboundedReceiver<Stopped>,
    /// It ends only if something is wrong with it.
    pub task: JoinHandle<()>,
}

/// Starts it. It needs a runtime.
pub fn open(store: StoreClient, clock: Clock, state: &StateUrl) -> Opened {
    let (orders_in, orders) = mpsc::unbounded_channel();
    let (newest_in, newest) = watch::channel(None);
    let (resumed_in, resumed) = mpsc::unbounded_channel();
    let keeper = Keeper {
        store,
        clock,
        orders,
        newest: newest_in,
        resumed: resumed_in,
        n_kept: 0,
        unwritten: Holds::default(),
        trouble: Trouble::None,
    };
    Opened {
        client: HoldsClient {
            orders: orders_in,
            newest,
        },
        resumed,
        task: tokio::spawn(keeper.work(state.sharing())),
    }
}

struct Keeper {
    store: StoreClient,
    clock: Clock,
    orders: mpsc::UnboundedReceiver<Order>,
    newest: watch::Sender<Option<HeardHolds>>,
    resumed: mpsc::UnboundedSender<Stopped>,
    n_kept: u64,
    /// What the store did not take: it holds for this process.
    unwritten: Holds,
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
            let done = tokio::select! {
                _ = looks.tick(), if !looked || sharing == Sharing::WithOthers => {
                    looked = true;
                    self.look().await.map(|_holds| ())
                }
                Some(order) = self.orders.recv() => self.carry_out(order).await,
                else => return Closed,
            };
            if let Err(closed) = done {
                return closed;
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<(), Closed> {
        match order {
            Order::Keep(hold) => self.keep(hold).await,
            Order::Change { change, answer } => {
                let changed = self.change(change).await?;
                if answer.send(changed).is_err() {
                    tracing::debug!("what a person has said was noted late: the caller has gone");
                }
                Ok(())
            }
        }
    }

    /// A breaker's. One that the store does not take holds here all the same.
    async fn keep(&mut self, hold: Hold) -> Result<(), Closed> {
        let written = self.ask(Some(HoldChange::Place(hold.clone()))).await?;
        self.n_kept += 1;
        if let Some(holds) = written {
            self.publish(&holds);
        } else {
            let ask = self.question(Some(HoldChange::Place(hold)));
            self.unwritten.change(&ask);
            let heard = self.heard();
            self.publish(&heard);
        }
        Ok(())
    }

    /// A person's.
    async fn change(&mut self, change: HoldChange) -> Result<Result<Changed, NotChanged>, Closed> {
        let what = match &change {
            HoldChange::Place(hold) => hold.what.clone(),
            HoldChange::Lift(what) => what.clone(),
        };
        let is_lift = matches!(change, HoldChange::Lift(_));
        let before = self.look().await?;
        let Some(holds) = self.ask(Some(change)).await? else {
            return Ok(Err(NotChanged::Refused));
        };
        if is_lift {
            let ask = self.question(Some(HoldChange::Lift(what.clone())));
            self.unwritten.change(&ask);
        }
        self.publish(&holds);
        if is_lift && self.resumed.send(what.clone()).is_err() {
            tracing::debug!("something was let go on after the service had ended");
        }
        Ok(Ok(Changed {
            before: before.get(&what).cloned(),
            now: holds.get(&what).cloned(),
        }))
    }

    /// What the store holds now. Where that cannot be read, what was heard before goes on to hold.
    async fn look(&mut self) -> Result<Arc<Holds>, Closed> {
        let holds = if let Some(holds) = self.ask(None).await? {
            self.trouble = Trouble::None;
            holds
        } else {
            self.tell_unreadable();
            self.heard()
        };
        self.publish(&holds);
        Ok(holds)
    }

    /// Asks until there is an answer: `None` if the row cannot be read or written.
    async fn ask(&self, change: Option<HoldChange>) -> Result<Option<Arc<Holds>>, Closed> {
        loop {
            match self.store.ask_in_turn(self.question(change.clone())).await {
                Ok(Ok(holds)) => return Ok(Some(Arc::new(holds))),
                Ok(Err(_row)) => return Ok(None),
                Err(NoAnswer::Full | NoAnswer::ToAnotherQuestion) => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(NoAnswer::Gone) => return Err(Closed),
            }
        }
    }

    fn question(&self, change: Option<HoldChange>) -> Ask {
        Ask {
            change,
            known: self.heard(),
            now_ms: self.clock.now_ms(),
        }
    }

    fn heard(&self) -> Arc<Holds> {
        let newest = self.newest.borrow();
        newest
            .as_ref()
            .map(|heard| Arc::clone(&heard.holds))
            .unwrap_or_default()
    }

    fn tell_unreadable(&mut self) {
        if self.trouble == Trouble::None {
            self.trouble = Trouble::Unreadable;
            tracing::error!(
                "what is stopped cannot be read in the state store: a later version may have written it. What this process has heard before stays stopped, and nothing else is; `wx-courier rules pause` and `resume` write it anew"
            );
        }
    }

    fn publish(&self, holds: &Arc<Holds>) {
        let mut holds = Arc::clone(holds);
        for hold in self.unwritten.iter() {
            let ask = self.question(Some(HoldChange::Place(hold.clone())));
            Arc::make_mut(&mut holds).change(&ask);
        }
        let n_unknown = holds.n_unknown();
        let heard = HeardHolds {
            holds,
            n_kept: self.n_kept,
        };
        let has_news = self.newest.send_if_modified(|newest| {
            let is_news = newest.as_ref() != Some(&heard);
            if is_news {
                *newest = Some(heard);
            }
            is_news
        });
        if has_news && n_unknown > 0 {
            tracing::warn!(
                n_unknown,
                "the state store holds something stopped that this version does not understand: it is not stopped here"
            );
        }
    }
}
