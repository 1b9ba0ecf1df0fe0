//! The store: every backend answers as a plain model does, and none forgets what it answered.

mod clients;
mod durability;
mod grants;
mod loss;
mod model;
mod questions;
mod secured;
mod speed;
mod taken_over;
mod unreadable;
mod way;

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use model::Model;
use proptest::prelude::*;
use questions::any_play;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wx_courier::config::{OnLoss, Secret, State, StateUrl};
use wx_courier::edges::store::{Store, Stored};
use wx_courier_core::grants::Reservation;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::model::{Holder, Ticket};
use wx_courier_core::state::{
    Answer, Claim, ClaimAnswer, Held, OnUnreadable, Reply, Request, Settlement, SettlementAnswer,
};
use wx_courier_core::wechat::logins::{Recall, UserName};
use wx_courier_core::wechat::receipts::Receipts;

use crate::support::LIMIT;
use crate::support::redis::Redis;

const NOW_MS: i64 = 1_800_000_000_000;
const REMEMBER: Duration = Duration::from_hours(1);

/// Longer than anything that is played lies apart: nothing is forgotten in between.
const LONGER: Duration = Duration::from_hours(7 * 24);

/// A store, and what it says.
struct Desk {
    store: Store,
    said: UnboundedReceiver<Stored>,
    runtime: Runtime,
}

impl Desk {
    fn open(url: StateUrl, namespace: &str) -> Self {
        Self::open_for(REMEMBER, url, namespace)
    }

    fn open_for(remember: Duration, url: StateUrl, namespace: &str) -> Self {
        let (answers, said) = unbounded_channel();
        let state = State {
            url,
            remember,
            on_loss: OnLoss::Pause,
            left_behind: None,
        };
        Self {
            store: Store::start(&state, namespace, answers).unwrap(),
            said,
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }

    fn redis(redis: &Redis, namespace: &str) -> Self {
        Self::open(redis_url(&redis.url()), namespace)
    }

    fn sqlite(folder: &Path) -> Self {
        Self::open(sqlite_url(folder), "")
    }

    fn ask(&self, ticket: u64, request: &Request) {
        self.store.ask([(Ticket(ticket), request.clone())]);
    }

    /// The next thing that the store says.
    fn hear(&mut self) -> Stored {
        let said = self
            .runtime
            .block_on(async { tokio::time::timeout(LIMIT, self.said.recv()).await });
        said.unwrap_or_else(|_| panic!("the store said nothing for {LIMIT:?}"))
            .unwrap_or_else(|| panic!("the store's thread has ended"))
    }

    /// The next answer. On a busy machine the store may be slow, and say so; that is no fault.
    fn hear_answer(&mut self) -> (u64, Reply) {
        loop {
            match self.hear() {
                Stored::Answer { ticket, answer } => return (ticket.0, answer),
                Stored::Down { .. } | Stored::Back => {}
            }
        }
    }

    /// Hears that the store is down, and why.
    fn hear_down(&mut self) -> String {
        match self.hear() {
            Stored::Down { why } => why,
            other @ (Stored::Answer { .. } | Stored::Back) => panic!("{other:?}, not down"),
        }
    }

    fn close(self) {
        self.store.close(LIMIT);
    }
}

fn sqlite_url(folder: &Path) -> StateUrl {
    StateUrl::Sqlite(folder.join("state.db"))
}

fn redis_url(url: &str) -> StateUrl {
    StateUrl::Redis(Secret::new(url))
}

fn holder(process: u64, ticket: u64) -> Holder {
    Holder {
        process,
        ticket: Ticket(ticket),
    }
}

/// The wish of a process to send message number `message`, for a record of its own.
fn claim(process: u64, message: u64) -> Request {
    Request::Claim(Claim {
        message_id: Arc::from(format!("order-completed:/shop/orders:{message:016x}")),
        outcome_id: Arc::from(format!("order-events/1/{message}/order-completed")),
        record: None,
        holder: holder(process, message),
        takes_over: None,
        on_unreadable: OnUnreadable::Fail,
        grant: None,
        since_ms: NOW_MS,
        now_ms: NOW_MS,
    })
}

const CLAIMED: Reply = Ok(claimed(Reservation::NotAsked));

const fn claimed(reservation: Reservation) -> Answer {
    Answer::Claim(ClaimAnswer::Claimed(reservation))
}

/// The claim of another holder, which the answer to a claim tells.
fn held(answer: &Reply) -> Option<&Held> {
    match answer {
        Ok(Answer::Claim(ClaimAnswer::Held(held))) => Some(held),
        _ => None,
    }
}

/// Whether it is the answer to a settlement that counts.
fn is_settled(answer: &Reply) -> bool {
    matches!(answer, Ok(Answer::Settle(SettlementAnswer::Settled(_))))
}

fn outcome(outcome_id: &str, message_id: &str, status: &str) -> Outcome {
    let outcome = json!({
        "id": outcome_id, "message_id": message_id, "status": status, "reason": "ok",
        "detail": "WeChat took it: 送达 \"ok\"", "rule": "order-completed", "rules_version": "3f2a9c41d07b",
        "app": "shop", "template": "order_completed",
        "template_id": "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8", "recipient": "oBi***001",
        "event_id": "01J9Z8Y7X6W5V4U3T2S1R0Q9P8", "event_type": "order.completed",
        "event_source": "/shop/orders", "event_time": "2026-11-22T08:30:00.000Z",
        "topic": "order-events", "partition": 1, "offset": 123_456, "msgid": "2862830402153865217",
        "attempts": 1, "received_at": "2026-11-22T08:30:00.120Z",
        "settled_at": "2026-11-22T08:30:00.200Z", "waited_ms": 12, "api_ms": 68,
    });
    serde_json::from_value(outcome).unwrap()
}

/// The end of what [`claim`] began.
fn sent(process: u64, message: u64) -> Request {
    Request::Settle(settlement(process, message, "sent"))
}

/// An end of what [`claim`] began.
fn settlement(process: u64, message: u64, status: &str) -> Settlement {
    let id = format!("order-events/1/{message}/order-completed");
    let message_id = format!("order-completed:/shop/orders:{message:016x}");
    Settlement {
        outcome: Arc::new(outcome(&id, &message_id, status)),
        holder: Some(holder(process, message)),
        grant: None,
        receipts: Receipts::None,
        refused_ms: None,
        on_unreadable: OnUnreadable::Fail,
        now_ms: NOW_MS,
    }
}

/// Puts the same questions to the model and to the store.
fn answers_as_the_model_does(desk: Desk, play: Vec<Vec<Request>>) {
    answer_as_the_model_does([desk], play);
}

/// The same, where several processes share a store, and take turns.
fn answer_as_the_model_does<const N: usize>(mut desks: [Desk; N], play: Vec<Vec<Request>>) {
    let mut model = Model::default();
    let mut ticket = 0;
    for (turn, mut together) in play.into_iter().enumerate() {
        let desk = &mut desks[turn % N];
        // A release is not answered. What is asked behind it is, and then the next process finds the release done.
        together.push(Request::Recall(Recall {
            name: UserName::Session {
                id: Arc::from("none"),
                begun_ms: NOW_MS,
            },
            message_id: None,
            now_ms: NOW_MS,
        }));
        let mut expected = Vec::new();
        for request in together {
            ticket += 1;
            let answer = model.answer(&request);
            if answer != Answer::Released {
                expected.push((ticket, Ok(answer)));
            }
            desk.ask(ticket, &request);
        }
        for expected in expected {
            assert_eq!(desk.hear_answer(), expected);
        }
    }
    for desk in desks {
        desk.close();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_the_model_does(play in any_play()) {
        let folder = tempfile::tempdir().unwrap();
        answers_as_the_model_does(Desk::open_for(LONGER, sqlite_url(folder.path()), ""), play);
    }

    #[test]
    fn memory_answers_as_the_model_does(play in any_play()) {
        answers_as_the_model_does(Desk::open_for(LONGER, StateUrl::Memory, ""), play);
    }
}

#[test]
fn redis_answers_as_the_model_does() {
    let redis = Redis::start();
    let config = ProptestConfig {
        cases: 250,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // Each play has a namespace of its own, so it begins with nothing.
    let n_played = std::cell::Cell::new(0_u32);
    proptest!(config, |(play in any_play())| {
        n_played.set(n_played.get() + 1);
        let group = format!("group-{}", n_played.get());
        let desk = || Desk::open_for(LONGER, redis_url(&redis.url()), &group);
        answer_as_the_model_does([desk(), desk()], play);
    });
}

/// Says to a child what it works on.
const CHILD_VARIABLE: &str = "STORE_TEST_CHILD";

/// Starts this binary again with one of its ignored tests, which does something that this process cannot do to itself.
fn child(test: &str, subject: &str, environment: &BTreeMap<&str, String>) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(CHILD_VARIABLE, subject)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child works on; `None` if a developer runs ignored tests by hand.
#[expect(
    clippy::disallowed_methods,
    reason = "a child of a test is told by its environment what to do"
)]
fn subject_of_child() -> Option<String> {
    env::var(CHILD_VARIABLE).ok()
}
