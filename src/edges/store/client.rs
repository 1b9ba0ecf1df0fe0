//! Questions beside the service's own: from the pages, the callbacks and the mini program.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::tally::Tally;
use super::{Asked, Asker, Loss, Order};
use wx_courier_core::grants;
use wx_courier_core::holds;
use wx_courier_core::instances::Note;
use wx_courier_core::state::{Question, Reply, Request};

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
    /// A fault of ours. What was asked may or may not have been carried out.
    #[error("the state store gave the answer to another question")]
    ToAnotherQuestion,
}

impl StoreClient {
    pub(super) fn new(orders: Sender<Order>, places: Arc<Semaphore>, tally: Arc<Tally>) -> Self {
        Self {
            orders,
            places,
            tally,
        }
    }

    /// What was lost, for as long as it would have been remembered.
    pub fn loss(&self) -> Option<Loss> {
        self.tally.status().loss
    }

    /// Lets the store go on without what it has lost. Gives whether it waited for that.
    pub fn resume(&self) -> bool {
        self.tally.resume()
    }

    /// Asks, and waits for the answer for as long as the store is down. A caller that does not want to wait so long drops the future;
    /// what changes something is carried out all the same.
    pub async fn ask<Q: Question>(&self, question: Q) -> Result<Reply<Q::Answer>, NoAnswer> {
        let place = self.places(1)?;
        self.queue(question, place)?.answer().await
    }

    /// Asks as soon as there is a place. It is for callers whose number is bounded elsewhere.
    pub async fn ask_in_turn<Q: Question>(
        &self,
        question: Q,
    ) -> Result<Reply<Q::Answer>, NoAnswer> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| NoAnswer::Gone)?;
        self.queue(question, place)?.answer().await
    }

    /// Asks all of these at once, so that they make few batches, or none of them: at most [`MOST_QUESTIONS`]. The answers come in the
    /// order of the questions.
    pub async fn ask_all<Q: Question>(
        &self,
        questions: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Reply<Q::Answer>>, NoAnswer> {
        let questions: Vec<Q> = questions.into_iter().collect();
        let mut places = self.places(questions.len())?;
        let mut queued = Vec::with_capacity(questions.len());
        for question in questions {
            let place = places.split(1).ok_or(NoAnswer::Full)?;
            queued.push(self.queue(question, place)?);
        }
        let mut answers = Vec::with_capacity(queued.len());
        for queued in queued {
            answers.push(queued.answer().await?);
        }
        Ok(answers)
    }

    fn places(&self, number: usize) -> Result<OwnedSemaphorePermit, NoAnswer> {
        let number = u32::try_from(number).map_err(|_| NoAnswer::Full)?;
        let places = Arc::clone(&self.places).try_acquire_many_owned(number);
        places.map_err(|_| NoAnswer::Full)
    }

    fn queue<Q: Question>(
        &self,
        question: Q,
        place: OwnedSemaphorePermit,
    ) -> Result<Queued<Q>, NoAnswer> {
        let (answer_in, answer) = oneshot::channel();
        let asker = Asker::Client {
            answer: answer_in,
            _place: place,
        };
        let request = question.into_request();
        let order = Order::Ask(vec![Asked { asker, request }]);
        self.orders.send(order).map_err(|_| NoAnswer::Gone)?;
        Ok(Queued {
            answer,
            question: PhantomData,
        })
    }
}

/// A question that waits for its answer.
struct Queued<Q> {
    answer: oneshot::Receiver<Reply>,
    question: PhantomData<fn() -> Q>,
}

impl<Q: Question> Queued<Q> {
    async fn answer(self) -> Result<Reply<Q::Answer>, NoAnswer> {
        match self.answer.await.map_err(|_| NoAnswer::Gone)? {
            Ok(answer) => Q::answer_in(answer)
                .map(Ok)
                .ok_or(NoAnswer::ToAnotherQuestion),
            Err(row) => Ok(Err(row)),
        }
    }
}

impl Asked {
    /// Whether there is still a reason to carry it out: a caller waits for the answer, or it changes something.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.asker {
            Asker::Service(_) | Asker::None => true,
            Asker::Client { answer, .. } => !answer.is_closed() || changes_something(&self.request),
        }
    }
}

fn changes_something(request: &Request) -> bool {
    match request {
        Request::Claim(_)
        | Request::Release { .. }
        | Request::Settle(_)
        | Request::Report(_)
        | Request::Withdraw(_)
        | Request::Balance(grants::Query::Set { .. })
        | Request::Keep(_)
        | Request::Done(_)
        | Request::Propose(_)
        | Request::Note(Note { own: Some(_), .. })
        | Request::Holds(holds::Ask {
            change: Some(_), ..
        }) => true,
        Request::Balance(grants::Query::Look { .. })
        | Request::Recall(_)
        | Request::Join(_)
        | Request::Look(_)
        | Request::Note(Note { own: None, .. })
        | Request::Holds(holds::Ask { change: None, .. }) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::config::{OnLoss, State, StateUrl};
    use wx_courier_core::state::{Answer, KeepAnswer, Row};
    use wx_courier_core::wechat::logins::{Keep, Recall, UserName};

    fn store(places: usize) -> (StoreClient, Receiver<Order>, Arc<Semaphore>) {
        let (orders_in, orders) = channel();
        let places = Arc::new(Semaphore::new(places));
        let state = State {
            url: StateUrl::Memory,
            remember: Duration::from_hours(1),
            on_loss: OnLoss::Pause,
            left_behind: None,
        };
        let tally = Arc::new(Tally::new(&state));
        let client = StoreClient::new(orders_in, Arc::clone(&places), tally);
        (client, orders, places)
    }

    fn session() -> UserName {
        UserName::Session {
            id: Arc::from("1"),
            begun_ms: 1,
        }
    }

    fn recall() -> Recall {
        Recall {
            name: session(),
            message_id: None,
            now_ms: 1,
        }
    }

    fn keep() -> Keep {
        Keep {
            name: session(),
            openid: Arc::from("o1"),
            now_ms: 1,
            until_ms: 2,
        }
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
            _ = question => panic!("the store does not answer yet"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_question_whose_caller_has_gone_is_not_wanted() {
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
    async fn an_answer_to_another_question_is_none() {
        let (client, orders, _places) = store(1);
        for (reply, heard) in [
            (Ok(Answer::Released), Err(NoAnswer::ToAnotherQuestion)),
            (Ok(Answer::Keep(KeepAnswer::Kept)), Ok(Ok(KeepAnswer::Kept))),
            (Err(Row::User), Ok(Err(Row::User))),
        ] {
            let mut waits = pin!(client.ask(keep()));
            begin(waits.as_mut()).await;
            let Asker::Client { answer, .. } = next(&orders).asker else {
                panic!("a client asks");
            };
            answer.send(reply).unwrap();
            assert_eq!(waits.await, heard);
        }
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
