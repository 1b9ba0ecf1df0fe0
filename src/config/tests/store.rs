//! URLs that name no store.

use super::{RULE, SETTINGS, load_with};

#[test]
fn a_url_of_no_store_is_told_without_being_repeated() {
    let bad = [
        ("\"postgres://me:hunter2@db\"", "`postgres:` is no kind of"),
        ("\"data/hunter2.db\"", "did you mean `sqlite:FILE`?"),
        ("\"sqllite:hunter2.db\"", "did you mean `sqlite:FILE`?"),
        ("\"sqlite3:hunter2.db\"", "did you mean `sqlite:FILE`?"),
        ("\"memory\"", "did you mean `memory:`?"),
        (
            "\"reids://me:hunter2@cache\"",
            "did you mean `redis://HOST`?",
        ),
        ("\"redis:hunter2\"", "did you mean `redis://HOST`?"),
        ("\"redisss://hunter2\"", "did you mean `rediss://HOST`?"),
        (
            "\"valkey://me:hunter2@cache\"",
            "did you mean `redis://HOST`?",
        ),
        ("\"cache:6379\"", "did you mean `redis://HOST`?"),
        (
            "\"me@hunter2\"",
            "known are memory:, sqlite:FILE, redis://HOST and rediss://HOST",
        ),
        ("\"sqlite:\"", "no file is named"),
        ("\"sqlite::memory:\"", "no file is named"),
        ("\"redis://\"", "no URL of a Redis server"),
        ("\"redis://me:hunter2/x@cache\"", "no URL of a Redis server"),
        ("\"redis://cache/hunter2\"", "no URL of a Redis server"),
        ("\"redis://cache?password=hunter2\"", "after ? or #"),
        ("\"rediss://cache#insecure\"", "after ? or #"),
    ];
    for (url, expected) in bad {
        let settings = format!("{SETTINGS}[state]\nurl = {url}\nremember = \"30s\"\n");
        let loaded = load_with(&settings, RULE, &[], Vec::new());
        let told = loaded.problems.to_string();
        assert!(
            told.contains("courier.toml:7: error: state.url: "),
            "{told}"
        );
        assert!(told.contains(expected), "{url}: {told}");
        assert!(told.contains("redis://"), "{url} has no help: {told}");
        assert!(
            told.contains("state.remember: 30s is out of range"),
            "{told}"
        );
        assert!(!format!("{loaded:?}").contains("hunter2"), "{told}");
    }
}
