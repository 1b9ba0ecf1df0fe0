//! Who somebody is.

use std::sync::Arc;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::claims::{read_outcome, sent_by};
use crate::edges::store::failure::NotReadable;
use wx_courier_core::state::{Answer, Row};
use wx_courier_core::wechat::logins::{Question, Reply};

/// Answers a question about a user.
pub(super) fn answer(connection: &Connection, question: &Question) -> anyhow::Result<Answer> {
    if let Some(outcome) = read_outcome(connection, question.name())? {
        return Ok(Answer::Settled(outcome));
    }
    Ok(match question {
        Question::Keep {
            name,
            openid,
            until_ms,
            ..
        } => {
            connection
                .prepare_cached(
                    "INSERT INTO users (name, openid, until_ms) VALUES (?1, ?2, ?3)
                     ON CONFLICT (name) DO UPDATE SET
                        openid = excluded.openid, until_ms = excluded.until_ms",
                )?
                .execute(params![name, openid, until_ms])?;
            Answer::Login(Reply::Kept)
        }
        Question::Recall {
            name,
            message_id,
            now_ms,
        } => {
            let openid = read_user(connection, name, *now_ms).context(NotReadable(Row::User))?;
            if let (None, Some(message_id)) = (&openid, message_id)
                && let Some(of) = sent_by(connection, message_id)?
            {
                return Ok(Answer::Duplicate { of });
            }
            Answer::Login(Reply::User(openid.map(Arc::from)))
        }
    })
}

fn read_user(connection: &Connection, name: &str, now_ms: i64) -> anyhow::Result<Option<String>> {
    let openid = connection
        .prepare_cached("SELECT openid FROM users WHERE name = ?1 AND until_ms > ?2")?
        .query_row(params![name, now_ms], |row| row.get(0))
        .optional()?;
    Ok(openid)
}
