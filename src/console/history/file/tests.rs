//! Files that cannot be used.

use super::*;

fn version_of(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap()
}

fn opened(path: &Path) -> anyhow::Result<Connection> {
    Place::take(path)?.open()
}

#[test]
fn a_file_of_another_version_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where/console.sqlite");
    drop(opened(&path).unwrap());
    let of_later = Connection::open(&path).unwrap();
    of_later
        .pragma_update(None, "user_version", VERSION + 8)
        .unwrap();
    drop(of_later);
    drop(opened(&path).unwrap());
    assert_eq!(version_of(&path), VERSION);
    let aside = beside(&path, &format!("version-{}", VERSION + 8));
    assert_eq!(version_of(&aside), VERSION + 8);
    // A file that is as it should be stays.
    drop(opened(&path).unwrap());
    assert_eq!(version_of(&path), VERSION);
}

#[test]
fn a_damaged_file_is_moved_aside_as_often_as_it_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    for text in [
        "no database at all, but text that is long enough to be looked at",
        "another one, which is as long as the one before it was, or longer",
    ] {
        fs::write(&path, text).unwrap();
        drop(opened(&path).unwrap());
        assert_eq!(version_of(&path), VERSION);
        let aside = beside(&path, "damaged");
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
    }
}

#[test]
fn a_database_of_something_else_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE claims (id TEXT); PRAGMA user_version = 4")
        .unwrap();
    drop(other);
    let refused = opened(&path).unwrap_err();
    assert!(refused.is::<Foreign>());
    assert!(refused.to_string().contains("something else"), "{refused}");
    assert_eq!(version_of(&path), 4);
}

#[test]
fn a_file_serves_one_console() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let place = Place::take(&path).unwrap();
    let refused = Place::take(&path).err().unwrap();
    assert!(refused.is::<Taken>());
    assert!(refused.to_string().contains("another console"), "{refused}");
    drop(place);
    Place::take(&path).unwrap();
}

#[test]
fn no_other_user_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.sqlite");
    let _open = opened(&path).unwrap();
    for file in [
        path.clone(),
        beside_log(&path, "-wal"),
        beside_log(&path, "-shm"),
    ] {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, MODE, "{}", file.display());
    }
}
