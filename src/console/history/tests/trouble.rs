//! Files and disks that do not do what they should, and questions that do not end.

use std::os::unix::fs::FileExt as _;

use rusqlite::Connection;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn where_no_file_can_be_the_console_goes_on_without_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let history = open(&file.join("console.sqlite"), ROOM, &Hands::new());
    history.add(batch(0..10)).await.unwrap();
    assert_eq!(ids(&history, "").await.len(), 10);
    let trouble = history.progress().borrow().trouble.clone().unwrap();
    assert!(trouble.contains("until the console ends"), "{trouble}");
    assert!(trouble.contains("[console] history"), "{trouble}");
}

#[tokio::test]
async fn a_second_console_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let first = open(&path, ROOM, &Hands::new());
    let refused = History::open(&path, ROOM).err().unwrap();
    assert!(
        refused.to_string().contains("another console"),
        "{refused:#}"
    );
    drop(first);
    History::open(&path, ROOM).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_questions_go_on() {
    let place = Place::temporary().unwrap();
    let connection = place.open().unwrap();
    let pages: i64 = connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 40);
    connection
        .query_row(&limit, [], |row| row.get::<_, i64>(0))
        .unwrap();
    let history = History::start(place, connection, ROOM, Hands::new().now()).unwrap();
    history.add(batch(0..50)).await.unwrap();
    let full = tokio::spawn({
        let history = history.clone();
        async move { history.add(batch(50..5_000)).await }
    });
    let progress = until(&history, "the disk is full", |progress| {
        progress.trouble.is_some()
    })
    .await;
    let trouble = progress.trouble.unwrap();
    assert!(
        trouble.contains("the disk of") && trouble.contains("is full"),
        "{trouble}"
    );
    assert_eq!(ids(&history, "").await.len(), 50);
    assert_eq!(progress.kept, 50);
    assert!(!full.is_finished());
    full.abort();
}

#[tokio::test]
async fn what_found_no_room_on_the_disk_is_taken_back_whole() {
    let place = Place::temporary().unwrap();
    let connection = place.open().unwrap();
    let shared = Arc::new(Shared::new(place, ROOM, Hands::new().now()));
    let (_orders, orders) = channel();
    let mut writer = Writer::open(connection, Arc::clone(&shared), orders).unwrap();
    writer.take_all(&batch(0..70)).unwrap();
    let before = (
        shared.memory().coverage.clone(),
        shared.memory().total(),
        writer.books().next_row,
    );
    writer.allow_pages(30);
    writer.take_all(&batch(70..5_000)).unwrap_err();
    assert_eq!(
        (
            shared.memory().coverage.clone(),
            shared.memory().total(),
            writer.books().next_row
        ),
        before
    );
    assert_eq!(writer.books().coverage, before.0);
    assert_eq!(writer.books().kinds.changed().count(), 0);
    writer.allow_pages(100_000);
    writer.take_all(&batch(70..5_000)).unwrap();
    assert_eq!(shared.memory().total(), 5_000);
}

/// Writes over the file from a place on.
fn spoil(path: &Path, from: u64, n_bytes: usize) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0xa5; n_bytes], from).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_made_again_and_the_old_one_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let hands = Hands::new();
    let history = open(&path, ROOM, &hands);
    history.add(batch(0..3_000)).await.unwrap();
    drop(history);
    let length = std::fs::metadata(&path).unwrap().len();
    // Behind the tables that are read at the start, and then at its very beginning.
    for (from, n_bytes) in [
        (4_096 * 16, usize::try_from(length).unwrap() - 4_096 * 16),
        (0, 4_096),
    ] {
        spoil(&path, from, n_bytes);
        let history = open(&path, ROOM, &hands);
        let is_anew = || async {
            let found = history.search(&Filter::default(), None, 10_000).await;
            history.add(batch(0..100)).await.unwrap();
            found.is_ok_and(|found| found.outcomes.len() <= 100)
        };
        let anew = async {
            while !is_anew().await {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, anew).await.unwrap();
        assert_eq!(ids(&history, "").await.len(), 100);
        let aside = folder.path().join("console.sqlite.damaged");
        assert!(aside.exists());
        drop(history);
        std::fs::remove_file(aside).unwrap();
        let history = open(&path, ROOM, &hands);
        assert_eq!(ids(&history, "").await.len(), 100);
    }
}

/// A question without an end.
fn endless(connection: &Connection) -> anyhow::Result<i64> {
    let endless =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    Ok(connection.query_row(endless, [], |row| row.get(0))?)
}

#[tokio::test]
async fn no_question_holds_the_others_for_ever() {
    let history = empty();
    history.add(batch(0..10)).await.unwrap();
    // Twice as many as are answered at once, whose askers have gone.
    for _ in 0..2 {
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let history = history.clone();
                tokio::spawn(
                    async move { history.ask(|_, connection, _| endless(connection)).await },
                )
            })
            .collect();
        tokio::task::yield_now().await;
        asked.iter().for_each(tokio::task::JoinHandle::abort);
    }
    let found = timeout(SOON, ids(&history, "")).await.unwrap();
    assert_eq!(found.len(), 10);
    // One that is waited for ends by itself.
    let error = timeout(SOON, history.ask(|_, connection, _| endless(connection)))
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("took longer than"), "{error:#}");
    assert_eq!(ids(&history, "").await.len(), 10);
}

#[tokio::test]
async fn writing_goes_on_while_a_question_is_open() {
    let history = empty();
    history.add(batch(0..10)).await.unwrap();
    let (asked_in, asked) = oneshot::channel();
    let (go_on, goes_on) = channel::<()>();
    let open = tokio::spawn({
        let history = history.clone();
        async move {
            let question = move |shared: &Shared, connection: &Connection, _: Limit| {
                let (transaction, ()) = shared.snapshot(connection, |_| ())?;
                let count = || {
                    transaction.query_row("SELECT count(*) FROM outcomes", [], |row| {
                        row.get::<_, i64>(0)
                    })
                };
                let before = count()?;
                assert!(asked_in.send(()).is_ok());
                goes_on.recv()?;
                Ok((before, count()?))
            };
            history.ask(question).await
        }
    });
    asked.await.unwrap();
    timeout(SOON, history.add(batch(10..3_000)))
        .await
        .unwrap()
        .unwrap();
    go_on.send(()).unwrap();
    assert_eq!(open.await.unwrap().unwrap(), (10, 10));
    assert_eq!(history.progress().borrow().kept, 3_000);
}
