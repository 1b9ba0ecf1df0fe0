//! The history as pages and the feed see it.

mod bounds;
mod plain;
mod property;
mod trouble;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::arriving::{Audited, Content, Way};
use super::sample::{self, NOW_MS};
use super::*;
use plain::Plain;
use wx_courier_core::model::outcome::Outcome;

const ROOM: Bounds = Bounds {
    keep: Duration::from_hours(24 * 365),
    max_bytes: 1 << 30,
};

const ALL: Span = Span {
    from_ms: 0,
    to_ms: i64::MAX,
};

/// A clock that a test sets.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW_MS)))
    }

    fn now(&self) -> Now {
        let hands = Arc::clone(&self.0);
        Arc::new(move || hands.load(Ordering::Relaxed))
    }

    fn move_on(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

fn open(path: &Path, bounds: Bounds, hands: &Hands) -> History {
    History::open_at(path, bounds, hands.now()).unwrap()
}

fn empty() -> History {
    History::temporary(ROOM, Hands::new().now()).unwrap()
}

/// Outcomes of these numbers, each at the offset of its number.
fn batch(numbers: impl IntoIterator<Item = i64>) -> Vec<Arriving> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| sample::arriving(number, sample::outcome(number)))
        .collect()
}

async fn ids(history: &History, query: &str) -> Vec<String> {
    let found = history
        .search(&Filter::of_query(query), None, 1_000)
        .await
        .unwrap();
    assert_eq!(found.older, None);
    found
        .outcomes
        .into_iter()
        .map(|kept| kept.outcome.id)
        .collect()
}

/// Waits until progress is as it should be.
async fn until(history: &History, what: &str, holds: impl FnMut(&Progress) -> bool) -> Progress {
    let mut progress = history.progress();
    let waited = tokio::time::timeout(Duration::from_secs(60), progress.wait_for(holds)).await;
    let seen = history.progress().borrow().clone();
    waited
        .unwrap_or_else(|_| panic!("waited in vain until {what}: {seen:?}"))
        .unwrap()
        .clone()
}

#[tokio::test]
async fn what_was_added_is_found_the_newest_first_and_page_by_page() {
    let history = empty();
    history.add(batch(0..100)).await.unwrap();
    let mut plain = Plain::default();
    plain.take(&batch(0..100));
    plain.compare(&history, "").await;
    plain
        .compare(&history, "status=rejected&status=sent&rule=order-completed")
        .await;
    plain.compare(&history, "errcode=47003&app=shop").await;
    plain.compare(&history, "status=expired").await;
    let from_to = format!("from={}&to={}", NOW_MS - 50_000, NOW_MS - 10_000);
    plain.compare(&history, &from_to).await;
    let progress = history.progress().borrow().clone();
    assert_eq!(
        (progress.kept, progress.read, progress.trouble),
        (100, 100, None)
    );
}

#[tokio::test]
async fn each_name_leads_to_its_outcomes_in_chapters_that_are_open_and_full() {
    let history = empty();
    history.add(batch(0..300)).await.unwrap();
    for number in [3, 150, 299] {
        let outcome = sample::outcome(number);
        let of_one = [
            Some(&outcome.id),
            Some(&outcome.message_id),
            outcome.event_id.as_ref(),
            outcome.msgid.as_ref(),
            outcome.rid.as_ref(),
        ];
        for name in of_one.into_iter().flatten() {
            let query = format!("id={}", name.replace('|', "%7C"));
            assert_eq!(ids(&history, &query).await, [outcome.id.as_str()], "{name}");
        }
        let key = outcome.business_key.as_deref().unwrap();
        assert_eq!(ids(&history, &format!("id={key}")).await.len(), 2, "{key}");
        let shown = outcome.recipient.as_deref().unwrap();
        assert_eq!(
            ids(&history, &format!("id={shown}")).await.len(),
            15,
            "{shown}"
        );
        let hash = outcome.recipient_hash.as_ref().unwrap().as_str();
        assert!(
            (7..=8).contains(&ids(&history, &format!("id={hash}")).await.len()),
            "{hash}"
        );
    }
    for nowhere in [
        "order-300",
        "events/1/2/order-completed",
        "events/0/4",
        "S",
        "0",
    ] {
        assert!(
            ids(&history, &format!("id={nowhere}")).await.is_empty(),
            "{nowhere}"
        );
    }
    assert!(ids(&history, "id=order-3&status=sent").await.is_empty());
    assert_eq!(ids(&history, "id=order-3&status=invalid").await.len(), 1);
}

#[tokio::test]
async fn what_comes_twice_counts_once() {
    let history = empty();
    history.add(batch(0..40)).await.unwrap();
    // The same records again, and the same outcomes in other records: in one batch, and each twice.
    history.add(batch(20..50)).await.unwrap();
    let again = |offset: i64, number| sample::arriving(offset, sample::outcome(number));
    let repeated = (0..50).map(|number| again(100 + number, number));
    history
        .add(
            repeated
                .chain((0..50).map(|number| again(200 + number, number)))
                .collect(),
        )
        .await
        .unwrap();
    // Another rule's outcome of the same record is another one.
    let mut other = sample::outcome(7);
    other.id = "events/3/7/another-rule".to_owned();
    history
        .add(vec![sample::arriving(300, other)])
        .await
        .unwrap();
    assert_eq!(ids(&history, "").await.len(), 51);
    let counts = history.kinds(&Filter::default(), ALL).await.unwrap();
    assert_eq!(counts.iter().map(|of| of.count).sum::<u64>(), 51);
    assert_eq!(history.progress().borrow().kept, 51);
    let ranges =
        history.coverage(|coverage| coverage.of(&(Arc::from("wx-courier.outcomes"), 0)).to_vec());
    let offsets: Vec<_> = ranges.into_iter().map(|range| range.offsets).collect();
    assert_eq!(offsets, [0..50, 100..150, 200..250, 300..301]);
}

#[tokio::test]
async fn garbage_costs_itself_and_is_counted() {
    let history = empty();
    let mut mixed = batch([1]);
    mixed.push(sample::content(2, Content::NotUnderstood));
    mixed.push(sample::content(3, Content::PassedOver));
    mixed.extend(batch([4]));
    mixed.push(Arriving {
        offsets: 5..90,
        timestamp_ms: None,
        ..sample::content(0, Content::Gap)
    });
    history.add(mixed).await.unwrap();
    let progress = history.progress().borrow().clone();
    assert_eq!(
        (progress.kept, progress.read, progress.not_understood),
        (2, 4, 1)
    );
    let covered =
        history.coverage(|coverage| coverage.gaps(&(Arc::from("wx-courier.outcomes"), 0), 0..90));
    assert_eq!(covered, [0..1]);
}

#[tokio::test]
async fn hostile_texts_are_kept_and_found() {
    let history = empty();
    let mut hostile = sample::outcome(1);
    hostile.detail = "<script>\u{202e}".repeat(4_000);
    hostile.event_id = Some("e".repeat(1_000));
    hostile.rule = Some(Arc::from("r".repeat(60_000)));
    hostile.topic = Arc::from("t/".repeat(500));
    hostile.partition = -1;
    hostile.offset = i64::MIN;
    hostile.waited_ms = u64::MAX;
    hostile.settled_at = "9999-12-31T23:59:59.999Z".to_owned();
    let mut names = sample::outcome(2);
    (names.event_id, names.business_key) = (
        Some(String::new()),
        Some("'; DROP TABLE outcomes".to_owned()),
    );
    history
        .add(vec![
            sample::arriving(1, hostile.clone()),
            sample::arriving(2, names.clone()),
        ])
        .await
        .unwrap();
    let found = history.search(&Filter::default(), None, 10).await.unwrap();
    let outcomes: Vec<&Outcome> = found.outcomes.iter().map(|kept| &kept.outcome).collect();
    // A time of tomorrow is not believed: Kafka's stands for it.
    assert_eq!(outcomes, [&hostile, &names]);
    assert_eq!(found.outcomes[0].settled_ms, NOW_MS);
    for (name, outcome) in [
        ("e".repeat(1_000), &hostile),
        (names.business_key.clone().unwrap(), &names),
    ] {
        let filter = Filter {
            id: Some(name),
            ..Filter::default()
        };
        let found = history.search(&filter, None, 10).await.unwrap();
        assert_eq!(found.outcomes.len(), 1);
        assert_eq!(&found.outcomes[0].outcome, outcome);
    }
    let long = Filter {
        rules: vec!["r".repeat(60_000)],
        ..Filter::default()
    };
    assert_eq!(
        history
            .search(&long, None, 10)
            .await
            .unwrap()
            .outcomes
            .len(),
        1
    );
}

#[tokio::test]
async fn news_is_what_has_just_come_and_nothing_older() {
    let history = empty();
    let mut news = history.news();
    let mut older = batch(0..5);
    older
        .iter_mut()
        .for_each(|arriving| arriving.way = Way::Older);
    history.add(older).await.unwrap();
    history.add(batch(5..7)).await.unwrap();
    // What is repeated is no news.
    history
        .add(vec![sample::arriving(99, sample::outcome(5))])
        .await
        .unwrap();
    history.add(batch([8])).await.unwrap();
    for number in [5, 6, 8] {
        let kept = news.try_recv().unwrap();
        assert_eq!(kept.outcome, sample::outcome(number));
        let filter = Filter {
            id: Some(kept.outcome.id.clone()),
            ..Filter::default()
        };
        let found = history.search(&filter, None, 1).await.unwrap();
        assert_eq!(found.outcomes[0].cursor, kept.cursor);
    }
    assert!(news.try_recv().is_err());
}

fn change(offset: i64, id: &str, at_ms: i64) -> Arriving {
    Arriving {
        topic: Arc::from("wx-courier.audit"),
        ..sample::content(
            offset,
            Content::Change(Audited {
                id: Some(id.to_owned()),
                at_ms: Some(at_ms),
                record: serde_json::json!({"id": id, "what": "pause"}),
            }),
        )
    }
}

#[tokio::test]
async fn changes_come_newest_first_and_once() {
    let history = empty();
    let at = |minutes: i64| NOW_MS - minutes * 60_000;
    history
        .add(vec![
            change(0, "a", at(9)),
            change(1, "b", at(3)),
            change(2, "c", at(6)),
        ])
        .await
        .unwrap();
    history
        .add(vec![change(2, "c", at(6)), change(3, "a", at(9))])
        .await
        .unwrap();
    let ids = |changes: Vec<Change>| -> Vec<String> {
        let ids = changes
            .iter()
            .map(|change| change.record["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(
        ids(history.changes(ALL, 10).await.unwrap()),
        ["b", "c", "a"]
    );
    assert_eq!(ids(history.changes(ALL, 1).await.unwrap()), ["b"]);
    let span = Span {
        from_ms: at(9),
        to_ms: at(3),
    };
    let changes = history.changes(span, 10).await.unwrap();
    assert_eq!(changes[0].at_ms, at(6));
    assert_eq!(ids(changes), ["c", "a"]);
}

#[tokio::test]
async fn a_file_goes_on_as_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where/console.sqlite");
    let hands = Hands::new();
    let mut plain = Plain::default();
    for part in 0..5 {
        let history = open(&path, ROOM, &hands);
        plain.compare(&history, "").await;
        let numbers = part * 70..(part + 1) * 70 + 20;
        history.add(batch(numbers.clone())).await.unwrap();
        plain.take(&batch(numbers));
        plain.compare(&history, "status=sent").await;
        plain.compare(&history, "id=order-75").await;
        let kept = u64::try_from(plain.len()).unwrap();
        assert_eq!(history.progress().borrow().kept, kept);
    }
}

#[tokio::test]
async fn whatever_a_crash_leaves_is_whole_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let hands = Hands::new();
    let history = open(&path, ROOM, &hands);
    let batches: Vec<Vec<Arriving>> = (0..8)
        .map(|part| batch(part * 30..(part + 1) * 30))
        .collect();
    for (at, one) in batches.iter().enumerate() {
        history.add(one.clone()).await.unwrap();
        // What lies on the disk at this moment, as another process finds it after a crash.
        let crashed = folder.path().join(format!("crashed-{at}.sqlite"));
        for ending in ["", "-wal"] {
            let name = |path: &Path| format!("{}{ending}", path.display());
            std::fs::copy(name(&path), name(&crashed)).unwrap();
        }
        let after = open(&crashed, ROOM, &hands);
        let mut plain = Plain::default();
        batches[..=at].iter().for_each(|one| plain.take(one));
        plain.compare(&after, "").await;
        plain.compare(&after, "id=S20").await;
        // All of it comes again.
        for one in &batches {
            after.add(one.clone()).await.unwrap();
        }
        batches[at + 1..].iter().for_each(|one| plain.take(one));
        plain.compare(&after, "").await;
        plain.compare(&after, "id=S20").await;
    }
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_read_again() {
    let history = empty();
    let of = (Arc::<str>::from("wx-courier.outcomes"), 0);
    history.add(batch(0..10)).await.unwrap();
    let forgetting = history.clone();
    let partitions = vec![of.clone()];
    tokio::task::spawn_blocking(move || forgetting.forget_coverage(partitions))
        .await
        .unwrap()
        .unwrap();
    assert!(history.coverage(|coverage| coverage.of(&of).is_empty()));
    // Offset 3 has another outcome now, and offset 4 the one that it had.
    history
        .add(vec![
            sample::arriving(3, sample::outcome(77)),
            sample::arriving(4, sample::outcome(4)),
        ])
        .await
        .unwrap();
    assert_eq!(ids(&history, "").await.len(), 11);
}
