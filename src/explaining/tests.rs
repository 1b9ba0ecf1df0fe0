//! Questions of a server, about events on a broker in this process.

use serde_json::json;

use super::*;
use crate::config::test_settings::sample_loaded;
use crate::edges::kafka::embedded::EmbeddedBroker;
use crate::edges::kafka::test_client::Upstream;
use wx_courier_core::explanation::RecordState;

const NOW_MS: i64 = 1_795_336_200_000;
const SOURCE: &str = "order-events";

/// A broker with so many orders, `e-0` and so on, and an explainer.
fn world(n_orders: usize, bounds: Bounds) -> (EmbeddedBroker, Explainer) {
    let broker = EmbeddedBroker::start([SOURCE, "wx-courier.outcomes"], 1).unwrap();
    let upstream = Upstream::new(&broker.address()).unwrap();
    for number in 0..n_orders {
        let event = json!({
            "specversion": "1.0", "id": format!("e-{number}"), "source": "/shop", "type": "order.completed", "time": "2026-11-22T08:29:50Z",
            "data": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "order_no": "SO1", "amount_fen": 100, "items": [{ "name": "拿铁" }] },
        });
        let value = event.to_string();
        upstream
            .publish(SOURCE, "key", &[], value.as_bytes())
            .unwrap();
    }
    upstream.flush().unwrap();
    let explainer = explainer(&broker.address(), bounds);
    (broker, explainer)
}

fn explainer(brokers: &str, bounds: Bounds) -> Explainer {
    let configuration = Configuration::of(&sample_loaded(brokers)).unwrap();
    Explainer::new(configuration, bounds)
}

fn question(id: &str, depth: Depth) -> Question {
    Question {
        id: id.to_owned(),
        since_ms: 0,
        now_ms: NOW_MS,
        way: Way::of_a_server(Vec::new()),
        depth,
        outcomes: Vec::new(),
    }
}

async fn explain(explainer: &Explainer, question: Question) -> Report {
    let (told, _heard) = watch::channel(HowFar::default());
    explainer.explain(question, &told).await.unwrap()
}

/// Whether a topic was read from a time on.
fn has_searched(report: &Report) -> bool {
    report.read.iter().any(|source| source.since.is_some())
}

#[tokio::test]
async fn what_has_a_known_place_is_told_without_a_search() {
    let (_broker, explainer) = world(4, Bounds::OF_A_PAGE);
    let place = format!("{SOURCE}/0/3");
    let report = explain(&explainer, question(&place, Depth::Places)).await;
    assert!(!has_searched(&report));
    let event = &report.events[0];
    assert_eq!(event.id.as_deref(), Some("e-3"));
    let message = &event.messages[0];
    let template = message.template.as_ref().unwrap();
    assert_eq!(template.title.as_deref(), Some("订单完成通知"));
    let goods = message.values.iter().find(|value| value.name == "thing2");
    assert_eq!(
        goods.and_then(|value| value.value.as_deref()),
        Some("拿铁 等1件")
    );
    // A server opens no file of a service's, and says so.
    let store = &report.read[0];
    assert_eq!(store.kind, Kind::Store);
    assert!(
        store.why_not.as_ref().unwrap().contains("only an instance"),
        "{report:?}"
    );
    let nowhere = explain(&explainer, question("e-3", Depth::Places)).await;
    assert_eq!(nowhere.nothing, Some(Nothing::NotFound));
    assert!(!has_searched(&nowhere));
}

#[tokio::test]
async fn outcomes_that_the_asker_has_are_not_searched_for() {
    let (_broker, explainer) = world(4, Bounds::OF_A_PAGE);
    let outcome = json!({
        "id": format!("{SOURCE}/0/2/order-completed"), "message_id": "order-completed|/shop|e-2", "status": "sent", "reason": "ok",
        "detail": "", "rule": "order-completed", "rules_version": "1", "app": "shop", "event_id": "e-2", "topic": SOURCE, "partition": 0,
        "offset": 2, "attempts": 1, "received_at": "", "settled_at": "", "waited_ms": 1, "api_ms": 2,
    });
    let asked = Question {
        outcomes: vec![serde_json::from_value(outcome).unwrap()],
        ..question("e-2", Depth::Topics)
    };
    let report = explain(&explainer, asked).await;
    assert!(!has_searched(&report), "{report:?}");
    let event = &report.events[0];
    assert_eq!((event.state, report.events.len()), (RecordState::Event, 1));
    let message = &event.messages[0];
    assert_eq!((message.published, message.pending), (1, None));
    assert_eq!(message.outcome.as_ref().unwrap().attempts, 1);
}

#[tokio::test]
async fn within_its_bounds_the_newest_are_found_and_it_is_told_that_others_were_not_read() {
    let bounds = Bounds {
        records: 8,
        ..Bounds::OF_A_PAGE
    };
    let (_broker, explainer) = world(12, bounds);
    let newest = explain(&explainer, question("e-11", Depth::Topics)).await;
    assert_eq!(newest.events[0].id.as_deref(), Some("e-11"));
    let oldest = explain(&explainer, question("e-0", Depth::Topics)).await;
    assert_eq!(oldest.nothing, Some(Nothing::NotRead));
    let why_not = |report: &Report| {
        let mut sources = report.read.iter();
        let source = sources.find(|source| source.what == format!("topic {SOURCE}"));
        source.unwrap().why_not.clone()
    };
    let told = "only the newest of its 12 records were read";
    assert_eq!(why_not(&oldest).as_deref(), Some(told));
    let bytes = Bounds {
        bytes: 1500,
        ..Bounds::OF_A_PAGE
    };
    let explainer = Explainer {
        bounds: bytes,
        ..explainer
    };
    let first = explain(&explainer, question("e-0", Depth::Topics)).await;
    assert_eq!(first.events.len(), 1);
    let told = why_not(&first).unwrap();
    assert!(told.starts_with("no more than "), "{told}");
}

#[tokio::test]
async fn a_cluster_that_is_silent_costs_no_more_than_the_time_for_it() {
    let bounds = Bounds {
        reading: Some(Duration::from_millis(300)),
        ..Bounds::OF_A_PAGE
    };
    let explainer = explainer("127.0.0.1:1", bounds);
    let asked = explain(&explainer, question("e-1", Depth::Topics));
    let report = tokio::time::timeout(Duration::from_secs(10), asked).await;
    assert_eq!(report.unwrap().nothing, Some(Nothing::NoAnswer));
}

#[tokio::test]
async fn no_more_are_answered_at_once_than_have_a_turn() {
    let bounds = Bounds {
        reading: Some(Duration::from_millis(50)),
        ..Bounds::OF_A_PAGE
    };
    let (_broker, explainer) = world(1, bounds);
    let turns = u32::try_from(READERS).unwrap();
    let taken = explainer.turns.clone().acquire_many_owned(turns).await;
    let (told, _heard) = watch::channel(HowFar::default());
    let asked = || question("order-events/0/0", Depth::Places);
    let busy = explainer.explain(asked(), &told).await;
    assert!(matches!(busy, Err(Unexplained::Busy)));
    drop(taken);
    let explainer = Explainer {
        bounds: Bounds::OF_A_PAGE,
        ..explainer
    };
    assert_eq!(explain(&explainer, asked()).await.events.len(), 1);
    // Copies have the same turns, and each gives its own back.
    assert_eq!(explainer.clone().turns.available_permits(), READERS);
}
