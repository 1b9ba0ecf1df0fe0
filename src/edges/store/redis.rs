//! The store in Redis, for a fleet.
//!
//! A batch is one call of one script: one round trip, carried out in order and with nobody in between. A server that syncs each write to
//! its disk does that once a batch. All keys of a group share a hash tag. They expire by themselves, but for one.
//!
//! A call that was given up may arrive long after the call that replaced it, when the network has held it back. Calls are numbered, and
//! the script refuses one that comes late: a release from the past must not undo a claim of the present.
//!
//! The first call of all leaves an identity, which each later one looks for: a server that was flushed is noticed before anything is done
//! on the strength of what it does not know any more.

mod reply;
mod request;

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use redis::{
    Client, Connection, ErrorKind, IntoConnectionInfo as _, RedisError, Script, ServerErrorKind,
};

use super::failure::Failure;
use super::probe;
use crate::config::Secret;
use request::Call;
use wx_courier_core::grants::{
    MOST_RECENT, RECENT_FOR_MS, RESERVED_FOR_MS, SAME_ACCEPT_MS, WHOLE_SECOND_MS,
};
use wx_courier_core::state::{Answer, LEDGERS_FOR_MS, Request, Unreadable};

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
    /// The identity of what the server keeps; `None` until it has said so.
    identity: Option<String>,
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
            identity: None,
            prefix,
            remember_ms: remember.as_millis(),
            address,
            password,
        })
    }

    /// Carries a batch out.
    pub(super) fn carry_out(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let junk = self.find_junk(requests)?;
        let mut invocation = self.script.prepare_invoke();
        self.n_calls += 1;
        invocation.key(&self.fence);
        invocation.key(request::key(&self.prefix, "identity", "1"));
        invocation
            .arg(self.remember_ms.to_string())
            .arg(&self.prefix)
            .arg(self.n_calls)
            .arg(self.identity.as_deref().unwrap_or_default())
            .arg(format!("{:016x}", fastrand::u64(..)));
        let mut call = Call {
            invocation: &mut invocation,
            prefix: &self.prefix,
        };
        for (request, junk) in requests.iter().zip(&junk) {
            let put = call.put(request, junk);
            put.map_err(|error| Failure::Fault { row: None, error })?;
        }
        // A server that has forgotten the script since it was last called is given it again.
        let answers = connect(&self.client, &mut self.connection)
            .and_then(|connection| invocation.invoke::<Vec<Vec<Vec<u8>>>>(connection));
        let mut answers = self.checked(answers)?.into_iter();
        let identity = answers.next().and_then(|texts| texts.into_iter().next());
        self.identity = identity.and_then(|text| String::from_utf8(text).ok());
        if answers.len() != requests.len() {
            let error = anyhow!("{} answers to {} requests", answers.len(), requests.len());
            return Err(Failure::Fault { row: None, error });
        }
        let answers = requests.iter().zip(answers);
        Ok(answers
            .map(|(request, answer)| reply::read(request, &answer))
            .collect())
    }

    /// What lies in place of outcomes that may be replaced, where it is no outcome. Only we can say what is one: the script replaces this very
    /// text, and nothing that has come since.
    fn find_junk(&mut self, requests: &[Request]) -> Result<Vec<Vec<u8>>, Failure> {
        let junk = requests.iter().map(|request| {
            let Some(outcome_id) = replaces(request) else {
                return Ok(Vec::new());
            };
            let key = request::key(&self.prefix, "outcome", outcome_id);
            let found = connect(&self.client, &mut self.connection)
                .and_then(|connection| redis::cmd("GET").arg(key).query(connection));
            let found: Option<Vec<u8>> = match found {
                // Not even a text: the script sees that by itself.
                Err(error) if error.code() == Some(WRONG_TYPE) => return Ok(Vec::new()),
                other => self.checked(other)?,
            };
            let is_outcome = |text: &Vec<u8>| {
                let text = std::str::from_utf8(text);
                text.is_ok_and(|text| reply::read_outcome(text).is_ok())
            };
            Ok(found.filter(|text| !is_outcome(text)).unwrap_or_default())
        });
        junk.collect()
    }

    /// Asks the server whether it is there, and still has what it had.
    pub(super) fn look_after(&mut self) -> Result<(), Failure> {
        self.carry_out(&[]).map(|_no_answers| ())
    }

    /// Whether requests in general are carried out, while a certain one is not.
    pub(super) fn probe(&mut self) -> Result<(), Failure> {
        let answers = self.carry_out(&probe::requests())?;
        probe::judge(&answers)
    }

    /// What the server has now is what it has to keep from now on.
    pub(super) fn begin_anew(&mut self) {
        self.identity = None;
    }

    fn checked<T>(&mut self, answer: redis::RedisResult<T>) -> Result<T, Failure> {
        answer.map_err(|error| {
            self.connection = None;
            let mut why = error.to_string();
            // Some servers repeat the command that they refuse.
            if let Some(password) = self.password.as_deref().filter(|text| !text.is_empty()) {
                why = why.replace(password, "***");
            }
            let why = format!("Redis at {}: {why}", self.address);
            if error.code() == Some(LOST) {
                let why = format!(
                    "Redis at {} does not have any more what was kept there: it was flushed, or another server has taken its place",
                    self.address
                );
                return Failure::Lost { why };
            }
            if is_fault(&error) {
                let (row, error) = (None, anyhow!(why));
                return Failure::Fault { row, error };
            }
            Failure::Outage(anyhow!(why))
        })
    }
}

/// The outcome that a request writes anew if it cannot be read.
fn replaces(request: &Request) -> Option<&str> {
    let (outcome_id, unreadable) = match request {
        Request::Claim(claim) => (claim.outcome_id.as_ref(), claim.unreadable),
        Request::Settle(settlement) => (settlement.outcome.id.as_str(), settlement.unreadable),
        Request::Release { .. } | Request::Grant(_) | Request::Login(_) | Request::Receipt(_) => {
            return None;
        }
    };
    (unreadable == Unreadable::Replace).then_some(outcome_id)
}

/// The script's word for what is gone.
const LOST: &str = "LOST";

/// The server's word for a key that holds something else than text.
const WRONG_TYPE: &str = "WRONGTYPE";

/// Whether this may be the matter of one request: the script has run, and stumbled over what it found. All else is the server's matter, or the
/// network's.
fn is_fault(error: &RedisError) -> bool {
    let is_of_script = || {
        let detail = error.detail().unwrap_or_default();
        detail.contains("user_script")
    };
    let kind = error.kind();
    kind == ErrorKind::UnexpectedReturnType
        || kind == ErrorKind::Server(ServerErrorKind::ResponseError) && is_of_script()
        || error.code() == Some(WRONG_TYPE)
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
