//! Clients that have a question beside the service.

use wx_courier::edges::store::{MOST_QUESTIONS, NoAnswer, StoreClient};
use wx_courier_core::grants::{Balance, Key, Query};

use super::*;

fn set(left: u32) -> Query {
    Query::Set {
        key: Key {
            app: Arc::from("shop"),
            openid: Arc::from("o1"),
            template_id: Arc::from("T1"),
        },
        left,
        now_ms: NOW_MS,
    }
}

fn left(left: u64) -> Balance {
    Balance {
        granted: left,
        left,
        ..Balance::default()
    }
}

/// A question under way in the background.
fn ask(
    desk: &Desk,
    client: &StoreClient,
    query: Query,
) -> tokio::task::JoinHandle<Result<Reply<Balance>, NoAnswer>> {
    let client = client.clone();
    let _inside = desk.runtime.enter();
    tokio::spawn(async move { client.ask(query).await })
}

#[test]
fn a_client_waits_while_redis_is_stopped_and_is_answered_afterwards() {
    let redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    let client = desk.store.client();
    let answered = desk.runtime.block_on(client.ask(set(1)));
    assert_eq!(answered, Ok(Ok(left(1))));
    redis.freeze();
    let asked = ask(&desk, &client, set(2));
    desk.hear_down();
    assert!(!asked.is_finished());
    redis.thaw();
    assert_eq!(desk.hear(), Stored::Back);
    let answered = desk
        .runtime
        .block_on(async { tokio::time::timeout(LIMIT, asked).await });
    assert_eq!(answered.unwrap().unwrap(), Ok(Ok(left(2))));
    // The service hears its own answers only.
    desk.ask(7, &claim(1, 1));
    assert_eq!(desk.hear_answer().0, 7);
    desk.close();
}

#[test]
fn many_questions_are_answered_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::sqlite(folder.path());
    let client = desk.store.client();
    let answers = desk.runtime.block_on(client.ask_all((0..1_000).map(set)));
    assert_eq!(
        answers.unwrap(),
        (0..1_000).map(left).map(Ok).collect::<Vec<_>>()
    );
    desk.close();
}

#[test]
fn a_store_closes_with_clients_alive() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::sqlite(folder.path());
    let client = desk.store.client();
    let Desk {
        store,
        mut said,
        runtime,
    } = desk;
    store.close(LIMIT);
    // The thread has ended, or this would wait for ever: the sender that would answer is gone.
    let ended = runtime.block_on(async { tokio::time::timeout(LIMIT, said.recv()).await });
    assert_eq!(ended, Ok(None));
    assert_eq!(runtime.block_on(client.ask(set(1))), Err(NoAnswer::Gone));
    // And the file is free.
    Desk::sqlite(folder.path()).close();
}

#[test]
fn a_client_of_a_store_that_is_closed_while_it_is_down_hears_that_it_is_gone() {
    let mut redis = Redis::start();
    redis.kill();
    let mut desk = Desk::redis(&redis, "g");
    desk.hear_down();
    let client = desk.store.client();
    let asked = ask(&desk, &client, set(1));
    // It is queued before the store is closed.
    desk.runtime.block_on(tokio::task::yield_now());
    let Desk { store, runtime, .. } = desk;
    store.close(Duration::from_millis(100));
    let answered = runtime.block_on(async { tokio::time::timeout(LIMIT, asked).await });
    assert_eq!(answered.unwrap().unwrap(), Err(NoAnswer::Gone));
}

#[test]
fn while_the_store_is_down_the_queue_has_an_end() {
    let redis = Redis::start();
    let mut desk = Desk::redis(&redis, "g");
    let client = desk.store.client();
    redis.freeze();
    let number = u32::try_from(MOST_QUESTIONS).unwrap();
    let asked = {
        let client = client.clone();
        let all = async move { client.ask_all((0..number).map(set)).await };
        desk.runtime.spawn(all)
    };
    desk.hear_down();
    // A client that comes now is not kept waiting.
    let refused = desk
        .runtime
        .block_on(async { tokio::time::timeout(LIMIT, client.ask(set(0))).await });
    assert_eq!(refused, Ok(Err(NoAnswer::Full)));
    redis.thaw();
    assert_eq!(desk.hear(), Stored::Back);
    let answered = desk
        .runtime
        .block_on(async { tokio::time::timeout(LIMIT, asked).await });
    let answers = answered.unwrap().unwrap().unwrap();
    assert_eq!(answers.last(), Some(&Ok(left(u64::from(number - 1)))));
    assert_eq!(desk.runtime.block_on(client.ask(set(7))), Ok(Ok(left(7))));
    desk.close();
}
