//! What the script says, as an answer to the request.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::edges::store::unreadable;
use crate::pipeline::claims::{Answer, Held, Holder, Request};
use crate::pipeline::grants::{self, Balance, Counted, Reservation};
use crate::pipeline::outcome::Outcome;
use crate::pipeline::{logins, receipts};

/// Reads the answer to a request.
pub(super) fn read(request: &Request, answer: &[String]) -> anyhow::Result<Answer> {
    let parts: Vec<&str> = answer.iter().map(String::as_str).collect();
    Ok(match (parts.as_slice(), request) {
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
        (["settled", json], _) => Answer::Settled(read_outcome(request, json)?),
        (["held", outcome_id, holder, since_ms], _) => Answer::Held(Held {
            outcome_id: Arc::from(*outcome_id),
            holder: Holder::parse(holder).context("a claim in Redis has no readable holder")?,
            since_ms: since_ms.parse().context("a claim in Redis has no time")?,
        }),
        (parts, Request::Grant(_)) => Answer::Grant(read_grant(parts)?),
        (parts, Request::Login(_)) => Answer::Login(read_login(parts)?),
        (parts, Request::Receipt(_)) => Answer::Receipt(read_receipt(request, parts)?),
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

fn read_receipt(request: &Request, parts: &[&str]) -> anyhow::Result<receipts::Reply> {
    Ok(match parts {
        ["joined", json] => receipts::Reply::Joined(read_outcome(request, json)?),
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

fn read_outcome(request: &Request, json: &str) -> anyhow::Result<Arc<Outcome>> {
    let outcome = serde_json::from_str(json).with_context(|| unreadable(&name_of(request)))?;
    Ok(Arc::new(outcome))
}

/// What is known of an outcome that cannot be read.
fn name_of(request: &Request) -> String {
    match request {
        Request::Claim(claim) => claim.outcome_id.to_string(),
        Request::Settle(settlement) => settlement.outcome.id.clone(),
        Request::Receipt(question) => format!("with the msgid {}", question.key()),
        Request::Login(question) => question.name().to_string(),
        Request::Release { .. } | Request::Grant(_) => String::new(),
    }
}
