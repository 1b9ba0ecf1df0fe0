//! The store in Redis, for a fleet.
//!
//! A batch is one call of one script: one round trip, carried out in order and with nobody in between. A server that syncs each write to
//! its disk does that once a batch. All keys of a group share a hash tag. They expire by themselves.
//!
//! A call that was given up may arrive long after the call that replaced it, when the network has held it back. Calls are numbered, and
//! the script refuses one that comes late: a release from the past must not undo a claim of the present.

mod reply;
mod request;

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use redis::{Client, Connection, IntoConnectionInfo as _, Script};

use crate::config::Secret;
use crate::pipeline::claims::{Answer, LEDGERS_FOR_MS, Request};
use crate::pipeline::grants::{
    MOST_RECENT, RECENT_FOR_MS, RESERVED_FOR_MS, SAME_ACCEPT_MS, WHOLE_SECOND_MS,
};
use request::Call;

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
            script: Script::new(&script(remember.as_millis())),
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
        let mut invocation = self.script.prepare_invoke();
        self.n_calls += 1;
        invocation.key(&self.fence);
        invocation
            .arg(self.remember_ms.to_string())
            .arg(&self.prefix)
            .arg(self.n_calls);
        let mut call = Call {
            invocation: &mut invocation,
            prefix: &self.prefix,
        };
        for request in requests {
            call.put(request)?;
        }
        // A server that has forgotten the script since it was last called is given it again.
        let answers = connect(&self.client, &mut self.connection)
            .and_then(|connection| invocation.invoke::<Vec<Vec<String>>>(connection));
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
            .map(|(request, answer)| reply::read(request, &answer))
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

/// The script that carries a batch out, behind the numbers that it shares with the core.
fn script(remember_ms: u128) -> String {
    let ledgers_for_ms = remember_ms.max(u128::from(LEDGERS_FOR_MS.unsigned_abs()));
    let numbers = format!(
        "local LEDGERS_FOR_MS = '{ledgers_for_ms}'
         local SAME_ACCEPT_MS, RECENT_FOR_MS = {SAME_ACCEPT_MS}, {RECENT_FOR_MS}
         local RESERVED_FOR_MS, MOST_RECENT = {RESERVED_FOR_MS}, {MOST_RECENT}
         local WHOLE_SECOND_MS = {WHOLE_SECOND_MS}\n"
    );
    let parts = [
        include_str!("redis/call.lua"),
        include_str!("redis/ledger.lua"),
        include_str!("redis/claims.lua"),
        include_str!("redis/users.lua"),
        include_str!("redis/answers.lua"),
    ];
    numbers + &parts.concat()
}
