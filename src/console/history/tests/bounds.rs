//! What is old goes, and what finds no room.

use rusqlite::Connection;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn count(path: &Path, table: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[tokio::test]
async fn what_is_old_goes_with_all_that_was_noted_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let hands = Hands::new();
    let bounds = Bounds { keep: HOUR, ..ROOM };
    let history = open(&path, bounds, &hands);
    // One a second: the last hour finds room, and what is older does not.
    let mut plain = Plain::default();
    history.add(batch(0..5_000)).await.unwrap();
    plain.take(&batch(0..3_601));
    history
        .add(vec![
            change(0, "young", NOW_MS),
            change(1, "old", NOW_MS - 1_800_000),
        ])
        .await
        .unwrap();
    plain.compare(&history, "").await;
    for _ in 0..3 {
        hands.move_on(Duration::from_mins(15));
        let oldest_ms = hands.0.load(Ordering::Relaxed) - 3_600_000;
        let minute = oldest_ms / 60_000 * 60_000;
        plain.forget_before(minute);
        let left = u64::try_from(plain.len()).unwrap();
        until(&history, "the old ones are gone", |progress| {
            progress.kept == left
        })
        .await;
        plain.compare(&history, "").await;
        plain.compare(&history, "id=order-1").await;
        plain.compare(&history, "id=***").await;
    }
    assert_eq!(history.changes(ALL, 10).await.unwrap().len(), 1);
    hands.move_on(2 * HOUR);
    until(&history, "all are gone", |progress| progress.kept == 0).await;
    assert!(
        history
            .kinds(&Filter::default(), ALL)
            .await
            .unwrap()
            .is_empty()
    );
    // They come back no more, though they are read again; and what is young is kept.
    history
        .add(
            (0..100)
                .map(|number| sample::arriving(10_000 + number, sample::outcome(number)))
                .collect(),
        )
        .await
        .unwrap();
    history.add(batch([-7_300])).await.unwrap();
    assert_eq!(ids(&history, "").await.len(), 1);
    drop(history);
    for (table, rows) in [
        ("outcomes", 1),
        ("by_kind", 1),
        ("places", 1),
        ("minutes", 1),
        ("hours", 1),
        ("kinds", 1),
        ("parts", 0),
        ("chapters", 0),
        ("changes", 0),
    ] {
        assert_eq!(count(&path, table), rows, "{table}");
    }
}

/// The file with its log.
fn bytes(path: &Path) -> u64 {
    let log = std::path::PathBuf::from(format!("{}-wal", path.display()));
    [path, &log]
        .into_iter()
        .map(|file| std::fs::metadata(file).map_or(0, |about| about.len()))
        .sum()
}

#[tokio::test]
async fn the_file_keeps_its_bound_while_the_oldest_go() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let hands = Hands::new();
    let bounds = Bounds {
        max_bytes: 4 * MIB,
        ..ROOM
    };
    let history = open(&path, bounds, &hands);
    let mut offset = 0;
    let mut largest = 0;
    // From old to young, as they come.
    for part in (0..60).rev() {
        let numbers = (part * 500..(part + 1) * 500).rev();
        let batch = numbers.map(|number| {
            offset += 1;
            sample::arriving(offset, sample::outcome(number))
        });
        history.add(batch.collect()).await.unwrap();
        largest = largest.max(bytes(&path));
    }
    assert!(largest <= 4 * MIB, "{largest} bytes");
    let kept = history.progress().borrow().kept;
    assert!((8_000..29_000).contains(&kept), "{kept} of 30,000");
    let found = history
        .search(&Filter::default(), None, 10_000)
        .await
        .unwrap();
    assert_eq!(found.outcomes[0].outcome, sample::outcome(0));
    // What went was the oldest, and it does not come back: there is no room for it.
    let oldest_ms = history.oldest_wanted_ms();
    assert!(
        oldest_ms > NOW_MS - 30_000_000 && oldest_ms < NOW_MS - 5_000_000,
        "{oldest_ms}"
    );
    history
        .add(vec![sample::arriving(90_000, sample::outcome(29_999))])
        .await
        .unwrap();
    assert!(ids(&history, "id=order-29999").await.is_empty());
    let counted = history.kinds(&Filter::default(), ALL).await.unwrap();
    let counted: u64 = counted.iter().map(|of| of.count).sum();
    assert_eq!(counted, history.progress().borrow().kept);
    drop(history);
    // With less room it shrinks; with more it takes in again what found none.
    let history = open(
        &path,
        Bounds {
            max_bytes: 2 * MIB,
            ..ROOM
        },
        &hands,
    );
    until(&history, "it has less", |progress| {
        progress.kept < kept * 6 / 10
    })
    .await;
    let shrinks = || bytes(&path) <= 2 * MIB;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !shrinks() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{} bytes",
            bytes(&path)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(history);
    let history = open(&path, ROOM, &hands);
    history
        .add(vec![sample::arriving(90_001, sample::outcome(29_999))])
        .await
        .unwrap();
    assert_eq!(ids(&history, "id=order-29999").await.len(), 1);
}
