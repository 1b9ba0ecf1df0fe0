//! The tables of the file.

use rusqlite::Connection;

/// The version of the tables, kept in the file's `user_version`. What an earlier or a later one has is made again from the topics: nothing is
/// taken over.
pub(super) const VERSION: i64 = 1;

/// What says that a file is a history, in its `application_id`: "wxch".
pub(super) const APPLICATION: i64 = 0x7778_6368;

/// Every statement that is used again and again.
pub(super) const N_STATEMENTS: usize = 48;

/// Makes the tables.
pub(super) fn make(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)
}

const TABLES: &str = "
    CREATE TABLE kinds (
        kind     INTEGER PRIMARY KEY,
        said     BLOB NOT NULL,       -- `kinds::Known`
        count    INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms  INTEGER NOT NULL
    ) STRICT;
    -- The body is last, so that who wants to know kind and time only does not read it.
    CREATE TABLE outcomes (
        row  INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        ms   INTEGER NOT NULL,
        body BLOB NOT NULL            -- `row`
    ) STRICT;
    CREATE TABLE by_kind (
        kind INTEGER NOT NULL,
        ms   INTEGER NOT NULL,
        row  INTEGER NOT NULL,
        PRIMARY KEY (kind, ms, row)
    ) STRICT, WITHOUT ROWID;
    -- `names::place_key` of the source record.
    CREATE TABLE places (
        place INTEGER NOT NULL,
        row   INTEGER NOT NULL,
        PRIMARY KEY (place, row)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE parts (
        part    INTEGER PRIMARY KEY,  -- `names::Hash::part`
        entries BLOB NOT NULL
    ) STRICT;
    CREATE TABLE chapters (
        chapter INTEGER PRIMARY KEY,
        from_ms INTEGER NOT NULL,
        to_ms   INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE minutes (
        minute INTEGER NOT NULL,      -- since 1970
        kind   INTEGER NOT NULL,
        count  INTEGER NOT NULL,
        PRIMARY KEY (minute, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hours (
        hour  INTEGER NOT NULL,
        kind  INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first INTEGER NOT NULL,       -- the first minute, and the last one, since 1970
        last  INTEGER NOT NULL,
        PRIMARY KEY (hour, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE changes (
        row   INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        id    INTEGER,                -- a hash
        json  TEXT NOT NULL
    ) STRICT;
    CREATE INDEX changes_by_time ON changes (at_ms);
    CREATE INDEX changes_by_id ON changes (id);
    CREATE TABLE covered (
        topic     TEXT NOT NULL,
        partition INTEGER NOT NULL,
        begin     INTEGER NOT NULL,
        end       INTEGER NOT NULL,   -- the first offset behind it
        from_ms   INTEGER NOT NULL,
        mark      INTEGER,
        PRIMARY KEY (topic, partition, begin)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE numbers (
        name   TEXT PRIMARY KEY,
        number INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The numbers that the history goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// The next row.
    NextRow,
    /// The next kind.
    NextKind,
    /// What was settled before this time does not find room.
    FloorMs,
    /// The bound of bytes under which there was no room.
    FloorBytes,
}

impl Number {
    fn name(self) -> &'static str {
        match self {
            Self::NextRow => "next_row",
            Self::NextKind => "next_kind",
            Self::FloorMs => "floor_ms",
            Self::FloorBytes => "floor_bytes",
        }
    }

    pub(super) fn read(self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let mut select = connection.prepare_cached("SELECT number FROM numbers WHERE name = ?1")?;
        let mut rows = select.query([self.name()])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    }

    pub(super) fn write(self, connection: &Connection, number: i64) -> rusqlite::Result<()> {
        let put = "INSERT OR REPLACE INTO numbers VALUES (?1, ?2)";
        let mut put = connection.prepare_cached(put)?;
        put.execute((self.name(), number)).map(drop)
    }

    pub(super) fn forget(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut delete = connection.prepare_cached("DELETE FROM numbers WHERE name = ?1")?;
        delete.execute([self.name()]).map(drop)
    }
}
