//! What the script says, as an answer to the request.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use wx_courier_core::grants::{self, Balance, Counted, Reservation};
use wx_courier_core::model::Holder;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::state::{Answer, Held, Request, Row};
use wx_courier_core::wechat::{logins, receipts};

/// Reads the answer to a request. One that is about an entry which cannot be read says so, like one that says it itself.
pub(super) fn read(request: &Request, answer: &[Vec<u8>]) -> Answer {
    let texts: Result<Vec<&str>, _> = answer
        .iter()
        .map(|part| std::str::from_utf8(part))
        .collect();
    let texts = texts.map_err(anyhow::Error::from);
    let read = texts.and_then(|parts| read_texts(request, &parts));
    read.unwrap_or_else(|_| {
        let kind = answer.first().map(Vec::as_slice);
        Answer::Unreadable(row_of(request, kind))
    })
}

fn read_texts(request: &Request, parts: &[&str]) -> anyhow::Result<Answer> {
    Ok(match (parts, request) {
        (["unreadable", row], _) => {
            Answer::Unreadable(Row::parse(row).context("no such kind of row")?)
        }
        (["claimed", "not asked"], _) => Answer::Claimed(Reservation::NotAsked),
        (["claimed", "made"], _) => Answer::Claimed(Reservation::Made),
        (["claimed", "missing"], _) => Answer::Claimed(Reservation::Missing),
        (["no grant"], _) => Answer::NoGrant,
        (["released"], _) => Answer::Released,
        (["taken over"], _) => Answer::TakenOver,
        (["duplicate", of], _) => Answer::Duplicate { of: Arc::from(*of) },
        (["written"], Request::Settle(settlement)) => {
            Answer::Settled(Arc::clone(&settlement.outcome))
        }
        (["settled", json], _) => Answer::Settled(read_outcome(json)?),
        (["held", outcome_id, holder, since_ms], _) => Answer::Held(Held {
            outcome_id: Arc::from(*outcome_id),
            holder: Holder::parse(holder).context("a claim in Redis has no readable holder")?,
            since_ms: since_ms.parse().context("a claim in Redis has no time")?,
        }),
        (parts, Request::Grant(_)) => Answer::Grant(read_grant(parts)?),
        (parts, Request::Login(_)) => Answer::Login(read_login(parts)?),
        (parts, Request::Receipt(_)) => Answer::Receipt(read_receipt(parts)?),
        (parts, Request::Claim(_) | Request::Release { .. } | Request::Settle(_)) => {
            return unknown(parts);
        }
    })
}

fn read_grant(parts: &[&str]) -> anyhow::Result<grants::Reply> {
    Ok(match parts {
        ["counted", "new"] => grants::Reply::Noted(Counted::New),
        ["counted", "known"] => grants::Reply::Noted(Counted::Known),
        ["balance", granted, reserved, used, left] => {
            let number = |text: &str| {
                text.parse::<u64>()
                    .context("a ledger of grants in Redis has a number that is none")
            };
            grants::Reply::Balance(Balance {
                granted: number(granted)?,
                reserved: number(reserved)?,
                used: number(used)?,
                left: number(left)?,
            })
        }
        parts => return unknown(parts),
    })
}

fn read_login(parts: &[&str]) -> anyhow::Result<logins::Reply> {
    Ok(match parts {
        ["kept"] => logins::Reply::Kept,
        ["nobody"] => logins::Reply::User(None),
        ["user", openid] => logins::Reply::User(Some(Arc::from(*openid))),
        parts => return unknown(parts),
    })
}

fn read_receipt(parts: &[&str]) -> anyhow::Result<receipts::Reply> {
    Ok(match parts {
        ["joined", json] => receipts::Reply::Joined(read_outcome(json)?),
        ["unknown"] => receipts::Reply::Unknown,
        ["published"] => receipts::Reply::Published,
        ["noted"] => receipts::Reply::Noted,
        parts => return unknown(parts),
    })
}

/// The parts themselves may name a user.
fn unknown<T>(parts: &[&str]) -> anyhow::Result<T> {
    bail!(
        "Redis gave an answer of {} parts that is not known here",
        parts.len()
    )
}

/// An outcome as it is kept.
pub(super) fn read_outcome(json: &str) -> anyhow::Result<Arc<Outcome>> {
    let outcome = serde_json::from_str(json)?;
    Ok(Arc::new(outcome))
}

/// What an answer is about that cannot be read.
fn row_of(request: &Request, kind: Option<&[u8]>) -> Row {
    match kind {
        Some(b"settled" | b"joined") => Row::Outcome,
        Some(b"held" | b"duplicate") => Row::Claim,
        Some(_) | None => request.main_row(),
    }
}
