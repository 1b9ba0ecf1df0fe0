//! What pushes ask for, carried out beside the requests: each is done once, whether or not its request still waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::super::{Life, Parts, Punished};
use crate::edges::clock::Clock;
use crate::edges::kafka::producer::PublishError;
use crate::edges::kafka::producer::acked::{AckedProducer, OutgoingRecord};
use crate::edges::store::{NoAnswer, StoreClient};
use crate::telemetry::Metrics;
use wx_courier_core::catalog::Policy;
use wx_courier_core::grants::{self, Report, Source};
use wx_courier_core::model::outcome::{Outcome, RecipientStyle, bounds};
use wx_courier_core::rules::RuleSet;
use wx_courier_core::state::JoinAnswer;
use wx_courier_core::wechat::callback::{
    Choice, Delivery, Notice, Push, RECEIPT_TYPE, Receipt, Told, Withdrawal,
};
use wx_courier_core::wechat::receipts::{self, Done, Join};

/// Whether what a push says is kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    UnderWay,
    Done,
}

/// Pushes under way.
pub(super) struct Pushes {
    clock: Clock,
    store: StoreClient,
    rules: watch::Receiver<Arc<RuleSet>>,
    producer: Arc<AckedProducer>,
    metrics: Arc<Metrics>,
    punished: mpsc::Sender<Punished>,
    topic: String,
    /// `ce_source` of receipts.
    source: String,
    style: RecipientStyle,
    life: watch::Receiver<Life>,
    rooms: Rooms,
    under_way: Mutex<HashMap<String, watch::Receiver<Progress>>>,
}

/// How many pushes of each room may wait for the store or for Kafka; further ones are refused, and `WeChat` tries them again.
const MOST_UNDER_WAY: usize = 1_000;

/// Where pushes wait. Receipts of messages that another program sends for the same app wait long and for nothing; however many there are,
/// they take no place from what users have said.
struct Rooms {
    answers: Arc<Semaphore>,
    receipts: Arc<Semaphore>,
}

impl Rooms {
    fn new(places: usize) -> Self {
        Self {
            answers: Arc::new(Semaphore::new(places)),
            receipts: Arc::new(Semaphore::new(places)),
        }
    }

    /// A place for a push; `None` if its room is full.
    fn take(&self, notice: &Notice) -> Option<OwnedSemaphorePermit> {
        let room = match notice {
            Notice::Sent(_) => &self.receipts,
            Notice::Popup(_)
            | Notice::Change(_)
            | Notice::Punished(_)
            | Notice::Withdrawn(_)
            | Notice::CustomerMessage
            | Notice::Other => &self.answers,
        };
        Arc::clone(room).try_acquire_owned().ok()
    }
}

/// How long a receipt waits for its outcome, in all: it can come before the answer to the call itself.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The first of the waits. Each further one is twice as long: an outcome that is not there after a second is hardly ever ours.
const JOIN_AGAIN: Duration = Duration::from_millis(100);

/// The waits between the questions for an outcome.
fn join_waits() -> impl Iterator<Item = Duration> {
    let (mut wait, mut left) = (JOIN_AGAIN, JOIN_TIMEOUT);
    std::iter::from_fn(move || {
        let now = wait.min(left);
        left = left.saturating_sub(now);
        wait = wait.saturating_mul(2);
        (!now.is_zero()).then_some(now)
    })
}

/// The wait before a receipt that Kafka did not take is published again, which doubles each time.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The work cannot be done in this life of the process.
struct GivenUp;

impl From<NoAnswer> for GivenUp {
    fn from(_: NoAnswer) -> Self {
        Self
    }
}

impl Pushes {
    pub(super) fn new(
        parts: &Parts,
        producer: Arc<AckedProducer>,
        life: watch::Receiver<Life>,
    ) -> Self {
        let outcomes = &parts.settings.outcomes;
        Self {
            clock: parts.clock.clone(),
            store: parts.store.clone(),
            rules: parts.rules.clone(),
            producer,
            metrics: Arc::clone(&parts.metrics),
            punished: parts.punished.clone(),
            topic: outcomes.topic.clone(),
            source: bounds::source_of(&parts.settings.kafka.group),
            style: outcomes.recipient,
            life,
            rooms: Rooms::new(MOST_UNDER_WAY),
            under_way: Mutex::default(),
        }
    }

    /// Begins with a push, or finds it under way. `None` if too many are.
    pub(super) fn take(
        self: &Arc<Self>,
        app: &Arc<str>,
        push: Push,
    ) -> Option<watch::Receiver<Progress>> {
        let name = format!("{app}/{push:?}");
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = under_way.get(&name) {
            return Some(progress.clone());
        }
        let permit = self.rooms.take(&push.notice)?;
        self.metrics.push(app, push.notice.as_str());
        for unknown in &push.unknown {
            self.metrics.unknown().note(unknown);
        }
        let (progress_in, progress) = watch::channel(Progress::UnderWay);
        under_way.insert(name.clone(), progress.clone());
        drop(under_way);
        let (pushes, app) = (Arc::clone(self), Arc::clone(app));
        let entry = Entry {
            pushes: Arc::clone(self),
            name,
        };
        tokio::spawn(async move {
            let mut life = pushes.life.clone();
            let done = tokio::select! {
                done = pushes.carry_out(&app, &push) => done,
                // Draining still lets it end; only the end of the service does not.
                () = ended(&mut life) => Err(GivenUp),
            };
            drop(entry);
            if done.is_ok() {
                progress_in.send_replace(Progress::Done);
            }
            drop(permit);
        });
        Some(progress)
    }

    fn forget(&self, name: &str) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.remove(name);
    }

    async fn carry_out(&self, app: &Arc<str>, push: &Push) -> Result<(), GivenUp> {
        match &push.notice {
            Notice::Popup(choices) | Notice::Change(choices) => {
                for choice in choices {
                    self.note(app, push, choice).await?;
                }
            }
            Notice::Sent(deliveries) => {
                for delivery in deliveries {
                    self.receipt(app, push, delivery).await?;
                }
            }
            Notice::Punished(punishment) => {
                let punished = Punished {
                    app: Arc::clone(app),
                    punishment: punishment.clone(),
                };
                self.punished.send(punished).await.map_err(|_| GivenUp)?;
            }
            Notice::Withdrawn(withdrawal) => self.withdraw(app, push, withdrawal).await?,
            Notice::CustomerMessage | Notice::Other => {}
        }
        Ok(())
    }

    async fn withdraw(
        &self,
        app: &Arc<str>,
        push: &Push,
        withdrawal: &Withdrawal,
    ) -> Result<(), GivenUp> {
        let template_ids = if withdrawal.of.takes_ledgers() {
            let catalog = Arc::clone(self.rules.borrow().catalog());
            let templates = catalog.of_app(app);
            let ids = templates.map(|template| Arc::from(template.id.as_str()));
            ids.collect()
        } else {
            BTreeSet::new()
        };
        let question = grants::Withdrawal {
            app: Arc::clone(app),
            openid: Arc::from(withdrawal.openid.as_str()),
            template_ids,
            at_ms: push.at_ms,
            now_ms: self.clock.now_ms(),
        };
        // Where a row cannot be read, the store has said so; that WeChat pushes it again would not help.
        if let Ok(cleared) = self.store.ask_in_turn(question).await? {
            tracing::info!(
                app = app.as_ref(),
                what = withdrawal.of.as_str(),
                ledgers = cleared.ledgers,
                "a user has taken back what the app was given: the user's sessions are over, and so many ledgers are cleared"
            );
        }
        Ok(())
    }

    /// `WeChat` names a push by user and time; an event and a template more tell those of one second apart.
    async fn note(&self, app: &Arc<str>, push: &Push, choice: &Choice) -> Result<(), GivenUp> {
        let Some(word) = choice.word else {
            return Ok(());
        };
        let rules = Arc::clone(&self.rules.borrow());
        let policy = rules
            .policies()
            .of_id(rules.catalog(), app, &choice.template_id);
        if policy == Policy::Off {
            return Ok(());
        }
        let report = Report {
            key: grants::Key {
                app: Arc::clone(app),
                openid: Arc::from(push.openid.as_str()),
                template_id: Arc::from(choice.template_id.as_str()),
            },
            id: Arc::from(format!("{}/{}", push.notice.as_str(), push.at_ms)),
            source: Source::Callback,
            word,
            at_ms: push.at_ms,
            now_ms: self.clock.now_ms(),
        };
        // Where a row cannot be read, the store has said so; that WeChat pushes it again would not help.
        if self.store.ask_in_turn(report).await?.is_ok() {
            self.metrics.grant_reported(Source::Callback);
        }
        Ok(())
    }

    async fn receipt(
        &self,
        app: &Arc<str>,
        push: &Push,
        delivery: &Delivery,
    ) -> Result<(), GivenUp> {
        let told = Told {
            app: Arc::clone(app),
            openid: push.openid.clone(),
            happened_ms: push.at_ms,
            received_ms: self.clock.now_ms(),
            delivery: delivery.clone(),
        };
        let key = receipts::Key {
            app: Arc::clone(app),
            msgid: Arc::from(delivery.msgid.as_str()),
        };
        let outcome = match self.join(&key).await? {
            Joined::Published => return Ok(()),
            Joined::To(outcome) => Some(outcome),
            Joined::ToNothing => None,
        };
        let receipt = told.receipt(outcome.as_deref(), self.style);
        self.publish(&receipt).await?;
        self.metrics.receipt(&receipt);
        let now_ms = self.clock.now_ms();
        // It is published. Where a row cannot be read, the store has said so.
        match self.store.ask_in_turn(Done { key, now_ms }).await? {
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn join(&self, key: &receipts::Key) -> Result<Joined, GivenUp> {
        let mut waits = join_waits();
        loop {
            let join = Join {
                key: key.clone(),
                now_ms: self.clock.now_ms(),
            };
            match self.store.ask_in_turn(join).await? {
                Ok(JoinAnswer::Joined(outcome)) => return Ok(Joined::To(outcome)),
                Ok(JoinAnswer::Published) => return Ok(Joined::Published),
                // The receipt is published without it.
                Err(_) => return Ok(Joined::ToNothing),
                Ok(JoinAnswer::Unknown) => match waits.next() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Ok(Joined::ToNothing),
                },
            }
        }
    }

    async fn publish(&self, receipt: &Receipt) -> Result<(), GivenUp> {
        let value = serde_json::to_vec(receipt).map_err(|_| GivenUp)?;
        let kind = format!("{RECEIPT_TYPE}{}", receipt.status.as_str());
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", &receipt.id),
            ("ce_source", &self.source),
            ("ce_type", &kind),
            ("ce_time", &receipt.received_at),
            ("content-type", "application/json"),
        ];
        let key = receipt.key();
        let record = OutgoingRecord {
            topic: &self.topic,
            key: &key,
            headers: &headers,
            value: &value,
            at_ms: self.clock.now_ms(),
        };
        let mut wait = PUBLISH_AGAIN;
        loop {
            match self.producer.publish(&record).await {
                Ok(()) => return Ok(()),
                Err(PublishError::Closed) => return Err(GivenUp),
                // Every receipt fits the smallest topic that is allowed, so it is the topic that has to be mended, whatever is said.
                Err(error @ (PublishError::TooLarge | PublishError::Failed(_))) => {
                    if wait == PUBLISH_AGAIN {
                        tracing::warn!(%error, id = receipt.id, "a receipt waits for Kafka");
                    } else {
                        tracing::debug!(%error, id = receipt.id, "a receipt still waits for Kafka");
                    }
                    self.metrics.publish_failed();
                    tokio::time::sleep(wait).await;
                    wait = LONGEST_WAIT.min(wait * 2);
                }
            }
        }
    }
}

/// A push in the list of those under way. It leaves the list even if its task panics: WeChat's next try would wait for nothing.
struct Entry {
    pushes: Arc<Pushes>,
    name: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.pushes.forget(&self.name);
    }
}

/// What a receipt belongs to.
enum Joined {
    To(Arc<Outcome>),
    ToNothing,
    Published,
}

/// Waits for the end of the service, which hangs up.
async fn ended(life: &mut watch::Receiver<Life>) {
    while life.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_leave_the_answers_of_users_their_room() {
        let rooms = Rooms::new(2);
        let receipts: Vec<_> = (0..2)
            .map(|_| rooms.take(&Notice::Sent(Vec::new())).unwrap())
            .collect();
        assert!(rooms.take(&Notice::Sent(Vec::new())).is_none());
        let answers = [Notice::Popup(Vec::new()), Notice::Change(Vec::new())];
        let taken: Vec<_> = answers.iter().map(|notice| rooms.take(notice)).collect();
        assert!(taken.iter().all(Option::is_some));
        assert!(rooms.take(&Notice::Popup(Vec::new())).is_none());
        drop(receipts);
        assert!(rooms.take(&Notice::Sent(Vec::new())).is_some());
    }

    #[test]
    fn a_receipt_asks_less_and_less_often() {
        let waits: Vec<u128> = join_waits().map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 1_900]);
    }
}
