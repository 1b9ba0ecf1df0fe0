//! What was kept is gone under the running service: that is noticed, said, and a person decides.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use wx_courier::edges::store::StateStatus;

use super::*;

impl Desk {
    fn open_with(url: StateUrl, on_loss: OnLoss) -> Self {
        let (answers, said) = unbounded_channel();
        let state = State {
            url,
            remember: LONGER,
            on_loss,
            left_behind: None,
        };
        Self {
            store: Store::start(&state, "g", answers).unwrap(),
            said,
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }

    /// Asks for what was claimed before the loss, and for something new; nothing of it is answered, until an operator says that it goes on.
    fn pauses_until_it_is_resumed(mut self, what: &str) -> Self {
        let why = self.hear_down();
        assert!(why.contains(what), "{why}");
        self.ask(2, &claim(2, 1));
        self.ask(3, &claim(2, 2));
        // It tries several times meanwhile.
        let goes_on =
            async { tokio::time::timeout(Duration::from_secs(1), self.said.recv()).await };
        let goes_on = self.runtime.block_on(goes_on);
        assert!(goes_on.is_err(), "it has gone on by itself: {goes_on:?}");
        let loss = self.store.status().loss.unwrap();
        assert!(loss.paused && loss.what.contains(what), "{loss:?}");
        assert!(self.store.client().resume());
        assert_eq!(self.hear(), Stored::Back);
        assert_eq!(self.hear_answer(), (2, CLAIMED), "it is not known any more");
        assert_eq!(self.hear_answer(), (3, CLAIMED));
        let loss = self.store.status().loss.unwrap();
        assert!(!loss.paused && !loss.not_promised.is_empty());
        assert!(!self.store.client().resume(), "nothing waits any more");
        self
    }
}

fn claimed(desk: &mut Desk) {
    desk.ask(1, &claim(1, 1));
    assert_eq!(desk.hear_answer(), (1, CLAIMED));
    assert_eq!(desk.store.status(), StateStatus::default());
}

#[test]
fn a_file_that_is_deleted_pauses_until_somebody_has_looked() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open_with(sqlite_url(folder.path()), OnLoss::Pause);
    claimed(&mut desk);
    for file in ["state.db", "state.db-wal"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let desk = desk.pauses_until_it_is_resumed("deleted");
    desk.close();
    // What was claimed since is in the new file.
    let mut desk = Desk::open_with(sqlite_url(folder.path()), OnLoss::Pause);
    desk.ask(1, &claim(3, 2));
    let (_, answer) = desk.hear_answer();
    assert!(held(&answer).is_some(), "{answer:?}");
    desk.close();
}

#[test]
fn another_file_in_its_place_pauses_too() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    Desk::sqlite(other.path()).close();
    let mut desk = Desk::open_with(sqlite_url(folder.path()), OnLoss::Pause);
    claimed(&mut desk);
    let (from, to) = (
        other.path().join("state.db"),
        folder.path().join("state.db"),
    );
    fs::rename(from, to).unwrap();
    desk.pauses_until_it_is_resumed("another file").close();
}

#[test]
fn a_file_that_is_put_back_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open_with(sqlite_url(folder.path()), OnLoss::Pause);
    claimed(&mut desk);
    let (path, away) = (folder.path().join("state.db"), folder.path().join("away"));
    fs::rename(&path, &away).unwrap();
    desk.hear_down();
    fs::rename(&away, &path).unwrap();
    desk.ask(2, &claim(2, 1));
    assert_eq!(desk.hear(), Stored::Back);
    let (_, answer) = desk.hear_answer();
    assert!(held(&answer).is_some(), "{answer:?}");
    assert_eq!(desk.store.status().loss, None);
    desk.close();
}

#[test]
fn a_log_that_is_deleted_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open_with(sqlite_url(folder.path()), OnLoss::Pause);
    claimed(&mut desk);
    let log = folder.path().join("state.db-wal");
    fs::remove_file(&log).unwrap();
    crate::support::wait_until("there is a new log", || log.exists());
    desk.ask(2, &claim(2, 1));
    let (_, answer) = desk.hear_answer();
    assert!(held(&answer).is_some(), "{answer:?}");
    assert_eq!(desk.store.status().loss, None);
    desk.close();
}

#[test]
fn it_goes_on_without_asking_where_the_settings_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open_with(sqlite_url(folder.path()), OnLoss::Continue);
    claimed(&mut desk);
    fs::remove_file(folder.path().join("state.db")).unwrap();
    desk.hear_down();
    assert_eq!(desk.hear(), Stored::Back);
    desk.ask(2, &claim(2, 1));
    assert_eq!(desk.hear_answer(), (2, CLAIMED));
    let loss = desk.store.status().loss.unwrap();
    assert!(!loss.paused, "{loss:?}");
    desk.close();
}

#[test]
fn a_server_that_was_flushed_pauses_until_somebody_has_looked() {
    let redis = Redis::start();
    let mut desk = Desk::open_with(redis_url(&redis.url()), OnLoss::Pause);
    claimed(&mut desk);
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
    // Another instance that starts now knows nothing of it, and goes on.
    let mut other = Desk::open_with(redis_url(&redis.url()), OnLoss::Pause);
    other.ask(1, &claim(9, 9));
    assert_eq!(other.hear_answer(), (1, CLAIMED));
    desk.pauses_until_it_is_resumed("flushed").close();
    other.close();
}

#[test]
fn nothing_is_carried_out_by_a_server_that_was_flushed_a_moment_ago() {
    let redis = Redis::start();
    let mut desk = Desk::open_with(redis_url(&redis.url()), OnLoss::Pause);
    claimed(&mut desk);
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
    desk.ask(2, &claim(2, 1));
    desk.hear_down();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys, Vec::<String>::new());
    desk.store.close(Duration::from_millis(300));
}

#[test]
fn the_files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::sqlite(folder.path());
    claimed(&mut desk);
    let mut n_files = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
        n_files += 1;
    }
    assert!(n_files >= 2, "the file and its log");
    desk.close();
}
