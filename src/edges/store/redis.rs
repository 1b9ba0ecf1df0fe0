//! Claims and outcomes in Redis, for a fleet.
//!
//! A batch is one call of one script: one round trip, carried out in order and with nobody in between. A server that syncs each write to
//! its disk does that once a batch. All keys of a group share a hash tag. They expire by themselves.
//!
//! A call that was given up may arrive long after the call that replaced it, when the network has held it back. Calls are numbered, and
//! the script refuses one that comes late: a release from the past must not undo a claim of the present.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use redis::{Client, Connection, IntoConnectionInfo as _, Script};

use super::sqlite::unreadable;
use crate::config::Secret;
use crate::pipeline::claims::{Answer, Held, Holder, Request, counts_as_sent};
use crate::pipeline::grants::Reservation;
use crate::pipeline::outcome::Outcome;

/// A Redis server, connected when it is needed.
pub(super) struct Redis {
    client: Client,
    /// `None` before the first use and after every failure: who knows what is still on its way on a connection that failed.
    connection: Option<Connection>,
    script: Script,
    /// What all keys begin with.
    prefix: String,
    /// The key under which the server keeps the number of our last call.
    fence: String,
    n_calls: u64,
    remember_ms: u128,
    /// Host and port, for errors.
    address: String,
    /// What must not be seen in errors.
    password: Option<String>,
}

/// How long connecting, a write and a read may take each. A server in the same network answers a batch in a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

impl Redis {
    /// Does not connect yet. Fails if the URL is none.
    pub(super) fn new(url: &Secret, namespace: &str, remember: Duration) -> anyhow::Result<Self> {
        let about = url
            .expose()
            .into_connection_info()
            .context("[state] url is no URL of a Redis server")?;
        let password = about.redis_settings().password().map(str::to_owned);
        let address = about.addr().to_string();
        let prefix = format!("wx-courier:{{{namespace}}}");
        Ok(Self {
            client: Client::open(about)?,
            connection: None,
            script: Script::new(include_str!("answer.lua")),
            fence: format!("{prefix}:fence:{:016x}", fastrand::u64(..)),
            n_calls: 0,
            prefix,
            remember_ms: remember.as_millis(),
            address,
            password,
        })
    }

    /// Carries a batch out.
    pub(super) fn carry_out(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Answer>> {
        let mut call = self.script.prepare_invoke();
        self.n_calls += 1;
        call.key(&self.fence);
        call.arg(self.remember_ms.to_string()).arg(self.n_calls);
        for request in requests {
            let fields = Fields::of(request)?;
            call.key(format!("{}:claim:{}", self.prefix, fields.message_id));
            call.key(format!("{}:outcome:{}", self.prefix, fields.outcome_id));
            call.arg(fields.kind).arg(fields.outcome_id);
            call.arg(text_of(fields.holder)).arg(text_of(fields.over));
            call.arg(fields.now_ms).arg(fields.outcome);
        }
        // A server that has forgotten the script since it was last called is given it again.
        let answers = connect(&self.client, &mut self.connection)
            .and_then(|connection| call.invoke::<Vec<Vec<String>>>(connection));
        let answers = self.checked(answers)?;
        ensure!(
            answers.len() == requests.len(),
            "{} answers to {} requests",
            answers.len(),
            requests.len()
        );
        requests
            .iter()
            .zip(answers)
            .map(|(request, answer)| read_answer(request, &answer))
            .collect()
    }

    /// Asks the server whether it is there.
    pub(super) fn ping(&mut self) -> anyhow::Result<()> {
        let answer = connect(&self.client, &mut self.connection)
            .and_then(|connection| redis::cmd("PING").exec(connection));
        self.checked(answer)
    }

    fn checked<T>(&mut self, answer: redis::RedisResult<T>) -> anyhow::Result<T> {
        answer.map_err(|error| {
            self.connection = None;
            let mut why = error.to_string();
            // Some servers repeat the command that they refuse.
            if let Some(password) = self.password.as_deref().filter(|text| !text.is_empty()) {
                why = why.replace(password, "***");
            }
            anyhow!("Redis at {}: {why}", self.address)
        })
    }
}

fn connect<'a>(
    client: &Client,
    connection: &'a mut Option<Connection>,
) -> redis::RedisResult<&'a mut Connection> {
    if let Some(open) = connection.take() {
        return Ok(connection.insert(open));
    }
    let open = client.get_connection_with_timeout(PATIENCE)?;
    open.set_read_timeout(Some(PATIENCE))?;
    open.set_write_timeout(Some(PATIENCE))?;
    Ok(connection.insert(open))
}

/// A request as the script reads it.
struct Fields<'a> {
    kind: &'static str,
    message_id: &'a str,
    outcome_id: &'a str,
    holder: Option<Holder>,
    over: Option<Holder>,
    now_ms: i64,
    outcome: String,
}

impl<'a> Fields<'a> {
    fn of(request: &'a Request) -> anyhow::Result<Self> {
        Ok(match request {
            Request::Claim(claim) => Self {
                kind: "claim",
                message_id: &claim.message_id,
                outcome_id: &claim.outcome_id,
                holder: Some(claim.holder),
                over: claim.over,
                now_ms: claim.now_ms,
                outcome: String::new(),
            },
            Request::Release {
                message_id,
                holder,
                grant: _,
            } => Self {
                kind: "release",
                message_id,
                outcome_id: "",
                holder: Some(*holder),
                over: None,
                now_ms: 0,
                outcome: String::new(),
            },
            Request::Settle(settlement) => Self {
                kind: if counts_as_sent(settlement.outcome.status) {
                    "settle sent"
                } else {
                    "settle other"
                },
                message_id: &settlement.outcome.message_id,
                outcome_id: &settlement.outcome.id,
                holder: settlement.holder,
                over: None,
                now_ms: settlement.now_ms,
                outcome: serde_json::to_string(&*settlement.outcome)?,
            },
            Request::Grant(_) | Request::Login(_) | Request::Receipt(_) => {
                bail!("not kept in Redis yet")
            }
        })
    }
}

fn text_of(holder: Option<Holder>) -> String {
    holder.map_or_else(String::new, |holder| holder.to_string())
}

fn read_answer(request: &Request, answer: &[String]) -> anyhow::Result<Answer> {
    let parts: Vec<&str> = answer.iter().map(String::as_str).collect();
    Ok(match (parts.as_slice(), request) {
        (["granted"], _) => Answer::Claimed(Reservation::NotAsked),
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
        (parts, _) => bail!(
            "Redis gave an answer of {} parts that is not known here",
            parts.len()
        ),
    })
}

fn read_outcome(request: &Request, json: &str) -> anyhow::Result<Arc<Outcome>> {
    let outcome = serde_json::from_str(json).with_context(|| {
        let id = Fields::of(request)
            .map_or_else(|_| String::new(), |fields| fields.outcome_id.to_owned());
        unreadable(&id)
    })?;
    Ok(Arc::new(outcome))
}
