//! What a file holds when it is opened again.

use super::*;

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
