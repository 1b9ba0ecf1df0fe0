//! Questions beside the service's own: from the pages, the callbacks and the mini program.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::tally::Tally;
use super::{Asked, Asker, Order};
use wx_courier_core::grants;
use wx_courier_core::state::{Answer, Request};
use wx_courier_core::wechat::{logins, receipts};

/// How many questions of all clients may be with the store at once. Some megabytes; while the store works they are gone in milliseconds,
/// and while it is down a longer queue helps no caller.
pub const MOST_QUESTIONS: usize = 1_000;

/// For callers that have questions of their own, beside the service. All clients of a store share [`MOST_QUESTIONS`] places.
#[derive(Clone)]
pub struct StoreClient {
    orders: Sender<Order>,
    places: Arc<Semaphore>,
    tally: Arc<Tally>,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The store was closed before it answered. What was asked may or may not have been carried out.
    #[error("the state store is closed")]
    Gone,
    /// So many wait already that nothing was asked.
    #[error("the state store has too many questions to answer, or is down")]
    Full,
}

impl StoreClient {
    pub(super) fn new(orders: Sender<Order>, places: Arc<Semaphore>, tally: Arc<Tally>) -> Self {
        Self {
            orders,
            places,
            tally,
        }
    }

    /// Lets the store go on without what it has lost. Gives whether it waited for that.
    pub fn resume(&self) -> bool {
        self.tally.resume()
    }

    /// Asks, and waits for the answer for as long as the store is down. A caller that does not want to wait so long drops the future;
    /// what changes something is carried out all the same.
    pub async fn ask(&self, request: Request) -> Result<Answer, NoAnswer> {
        let place = self.places(1)?;
        self.queue(request, place)?
            .await
            .map_err(|_| NoAnswer::Gone)
    }

    /// Asks as soon as there is a place. It is for callers whose number is bounded elsewhere.
    pub async fn ask_in_turn(&self, request: Request) -> Result<Answer, NoAnswer> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| NoAnswer::Gone)?;
        self.queue(request, place)?
            .await
            .map_err(|_| NoAnswer::Gone)
    }

    /// Asks all of these at once, so that they make few batches, or none of them: at most [`MOST_QUESTIONS`]. The answers come in the
    /// order of the requests.
    pub async fn ask_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
    ) -> Result<Vec<Answer>, NoAnswer> {
        let requests: Vec<Request> = requests.into_iter().collect();
        let mut places = self.places(requests.len())?;
        let mut queued = Vec::with_capacity(requests.len());
        for request in requests {
            let place = places.split(1).ok_or(NoAnswer::Full)?;
            queued.push(self.queue(request, place)?);
        }
        let mut answers = Vec::with_capacity(queued.len());
        for answer in queued {
            answers.push(answer.await.map_err(|_| NoAnswer::Gone)?);
        }
        Ok(answers)
    }

    fn places(&self, number: usize) -> Result<OwnedSemaphorePermit, NoAnswer> {
        let number = u32::try_from(number).map_err(|_| NoAnswer::Full)?;
        let places = Arc::clone(&self.places).try_acquire_many_owned(number);
        places.map_err(|_| NoAnswer::Full)
    }

    fn queue(
        &self,
        request: Request,
        place: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Answer>, NoAnswer> {
        let (answer_in, answer) = oneshot::channel();
        let asker = Asker::Client {
            answer: answer_in,
            _place: place,
        };
        let order = Order::Ask(vec![Asked { asker, request }]);
        self.orders.send(order).map_err(|_| NoAnswer::Gone)?;
        Ok(answer)
    }
}

impl Asked {
    /// Whether there is still a reason to carry it out: a caller waits for the answer, or it changes something.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.asker {
            Asker::Service(_) => true,
            Asker::Client { answer, .. } => !answer.is_closed() || changes_something(&self.request),
        }
    }
}

fn changes_something(request: &Request) -> bool {
    match request {
        Request::Claim(_) | Request::Release { .. } | Request::Settle(_) => true,
        Request::Grant(question) => match question {
            grants::Question::Look { .. } => false,
            grants::Question::Report(_) | grants::Question::Set { .. } => true,
        },
        Request::Login(question) => match question {
            logins::Question::Recall { .. } => false,
            logins::Question::Keep { .. } => true,
        },
        Request::Receipt(question) => match question {
            receipts::Question::Join { .. } => false,
            receipts::Question::Done { .. } => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::config::{OnLoss, State, StateUrl};

    fn store(places: usize) -> (StoreClient, Receiver<Order>, Arc<Semaphore>) {
        let (orders_in, orders) = channel();
        let places = Arc::new(Semaphore::new(places));
        let state = State {
            url: StateUrl::Memory,
            remember: Duration::from_hours(1),
            on_loss: OnLoss::Pause,
        };
        let tally = Arc::new(Tally::new(&state));
        let client = StoreClient::new(orders_in, Arc::clone(&places), tally);
        (client, orders, places)
    }

    fn recall() -> Request {
        Request::Login(logins::Question::Recall {
            name: Arc::from("session:1"),
            message_id: None,
            now_ms: 1,
        })
    }

    fn keep() -> Request {
        Request::Login(logins::Question::Keep {
            name: Arc::from("session:1"),
            openid: Arc::from("o1"),
            now_ms: 1,
            until_ms: 2,
        })
    }

    fn next(orders: &Receiver<Order>) -> Asked {
        match orders.try_recv() {
            Ok(Order::Ask(mut asked)) => asked.remove(0),
            Ok(Order::Close) | Err(_) => panic!("nothing is asked"),
        }
    }

    /// Asks, and does not wait.
    async fn begin<T>(question: impl Future<Output = T>) {
        tokio::select! {
            biased;
            _ = question => panic!("nobody answers"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_is_not_wanted() {
        let (client, orders, places) = store(2);
        begin(client.ask(recall())).await;
        begin(client.ask(keep())).await;
        let (recalled, kept) = (next(&orders), next(&orders));
        assert!(!recalled.is_wanted() && kept.is_wanted());
        // The place is free when the thread is done with the question, whether or not a caller waits.
        assert_eq!(places.available_permits(), 0);
        drop((recalled, kept));
        assert_eq!(places.available_permits(), 2);
        let mut waits = pin!(client.ask(recall()));
        begin(waits.as_mut()).await;
        assert!(next(&orders).is_wanted());
    }

    #[tokio::test]
    async fn more_questions_than_places_are_refused() {
        let (client, orders, _places) = store(3);
        begin(client.ask_all([keep(), keep()])).await;
        assert_eq!(
            client.ask_all([keep(), keep()]).await,
            Err(NoAnswer::Full),
            "none is asked if there is not a place for all"
        );
        begin(client.ask(keep())).await;
        assert_eq!(client.ask(recall()).await, Err(NoAnswer::Full));
        let mut in_turn = pin!(client.ask_in_turn(keep()));
        begin(in_turn.as_mut()).await;
        let waiting: Vec<Asked> = (0..3).map(|_| next(&orders)).collect();
        assert!(orders.try_recv().is_err());
        drop(waiting);
        begin(in_turn.as_mut()).await;
        assert!(next(&orders).is_wanted());
    }
}
