//! What was told or done once.

use anyhow::Context as _;
use rusqlite::{Connection, params};

use crate::edges::store::failure::NotReadable;
use wx_courier_core::state::Row;

/// Whether something was told or done before.
pub(super) fn has_mark(connection: &Connection, mark: &str) -> anyhow::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM marks WHERE mark = ?1")
        .and_then(|mut select| select.exists([mark]))
        .context(NotReadable(Row::Mark))
}

/// Something was told or done.
pub(super) fn write_mark(connection: &Connection, mark: &str, since_ms: i64) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO marks (mark, since_ms) VALUES (?1, ?2)
             ON CONFLICT (mark) DO UPDATE SET since_ms = excluded.since_ms",
        )?
        .execute(params![mark, since_ms])?;
    Ok(())
}
