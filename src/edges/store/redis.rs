//! The store in Redis, for a fleet.
//!
//! A batch is two calls: one reads every key that the batch may need, the core decides, and one writes everything, if nothing of what was
//! read has changed. If something has, nothing is written, and the batch begins again. So the server holds rows and knows nothing of their
//! meaning. A server that syncs each write to its disk does that once a batch. All keys of a group share a hash tag. They expire by
//! themselves, but for two: the identity, and the key by which recipients are hashed.
//!
//! A call that was given up may arrive long after the call that replaced it, when the network has held it back. Calls that write are
//! numbered, and the script refuses one that comes late: a release from the past must not undo a claim of the present.
//!
//! The first call of all leaves an identity, which each later one looks for: a server that was flushed is noticed before anything is done
//! on the strength of what it does not know any more.

mod snapshot;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use redis::{
    Client, Connection, ErrorKind, IntoConnectionInfo as _, RedisError, Script, ServerErrorKind,
};

use super::failure::Failure;
use super::probe;
use crate::config::Secret;
use snapshot::{Names, Snapshot, Undecided};
use wx_courier_core::state::{FOR_EVER_MS, Reply, Request, StoreState};

/// A Redis server, connected when it is needed.
pub(super) struct Redis {
    client: Client,
    /// `None` before the first use and after every failure: what is still on its way on a connection that failed is not known.
    connection: Option<Connection>,
    read: Script,
    write: Script,
    /// What all keys begin with.
    prefix: String,
    /// The key under which the server keeps the number of our last call.
    fence: String,
    n_calls: u64,
    last_write: LastWrite,
    /// The identity of what the server keeps; `None` until it has said so.
    identity: Option<Vec<u8>>,
    remember_ms: i64,
    /// Host and port, for errors.
    address: String,
    /// What must not be seen in errors.
    password: Option<String>,
}

/// What is known of the last call that wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastWrite {
    /// It is over.
    Answered,
    /// It may still be on its way. The next batch raises the fence, though it may have nothing to write.
    Unanswered,
}

/// What came of a call that writes.
enum Wrote {
    Everything,
    /// Nothing, because something was not as it was read.
    Nothing,
}

/// How often a batch is decided at most. Another instance has to write one of its rows within two milliseconds each time, so the second
/// time is rare, and the last one means that something else is wrong.
const MOST_DECISIONS: usize = 20;

/// What an identity ends with where no earlier version has ever written. Anywhere else its long names are looked at too: a script cannot find
/// them all at once, and they are gone when `remember` is over.
const SHORT_NAMES: &str = "-2";

/// How long connecting, a write and a read may take each. A server in the same network answers a batch in a few milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);

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
            read: Script::new(include_str!("redis/read.lua")),
            write: Script::new(include_str!("redis/write.lua")),
            fence: format!("{prefix}:fence:{:016x}", fastrand::u64(..)),
            n_calls: 0,
            last_write: LastWrite::Answered,
            identity: None,
            prefix,
            remember_ms: i64::try_from(remember.as_millis())
                .map_or(FOR_EVER_MS, |ms| ms.clamp(1, FOR_EVER_MS)),
            address,
            password,
        })
    }

    /// Carries a batch out.
    pub(super) fn carry_out(&mut self, requests: &[Request]) -> Result<Vec<Reply>, Failure> {
        let mut snapshot = Snapshot::new(&self.prefix, self.remember_ms, self.names());
        let keys = requests.iter().flat_map(Request::keys);
        let mut wanted: BTreeSet<String> = keys.flat_map(|key| snapshot.names(&key)).collect();
        for _ in 0..MOST_DECISIONS {
            let identity = self.read(&mut snapshot, wanted)?;
            let answers;
            (snapshot, answers, wanted) = decide(snapshot, requests)?;
            if !wanted.is_empty() {
                // A row has named another key.
                continue;
            }
            let owes_nothing = identity == Identity::Known
                && self.last_write == LastWrite::Answered
                && !snapshot.is_changed();
            if owes_nothing {
                return Ok(answers);
            }
            match self.write(&snapshot)? {
                Wrote::Everything => return Ok(answers),
                Wrote::Nothing => {
                    tracing::debug!("rows in Redis have changed meanwhile: the batch begins again");
                    wanted = snapshot.names_read();
                    give_way();
                }
            }
        }
        Err(Failure::Outage(anyhow!(
            "Redis at {}: rows have changed {MOST_DECISIONS} times while they were worked on",
            self.address
        )))
    }

    /// Reads keys into a snapshot, and looks whether the server still is what it was.
    fn read(
        &mut self,
        snapshot: &mut Snapshot,
        names: BTreeSet<String>,
    ) -> Result<Identity, Failure> {
        let mut invocation = self.read.prepare_invoke();
        invocation.key(format!("{}:none", self.prefix));
        invocation.key(self.identity_key());
        for name in &names {
            invocation.key(name);
        }
        // A server that has forgotten a script since it was last called is given it again.
        let found = connect(&self.client, &mut self.connection)
            .and_then(|connection| invocation.invoke::<Vec<Vec<u8>>>(connection));
        let mut found = self.checked(found)?.into_iter();
        let identity = found.next().unwrap_or_default();
        if found.len() != names.len() {
            let error = anyhow!("{} answers for {} keys", found.len(), names.len());
            return Err(Failure::Fault { row: None, error });
        }
        for (name, found) in names.into_iter().zip(found) {
            snapshot.note(name, &found);
        }
        match (identity.strip_prefix(b"="), &self.identity) {
            (Some(identity), None) => self.identity = Some(identity.to_vec()),
            (Some(identity), Some(known)) if identity == known => {}
            (_, Some(_)) => return Err(self.lost()),
            (None, None) => return Ok(Identity::Missing),
        }
        Ok(Identity::Known)
    }

    /// Writes what was decided, if everything still is as it was read.
    fn write(&mut self, snapshot: &Snapshot) -> Result<Wrote, Failure> {
        let new_identity = format!("{:016x}{SHORT_NAMES}", fastrand::u64(..)).into_bytes();
        self.n_calls += 1;
        let mut invocation = self.write.prepare_invoke();
        invocation.key(&self.fence).key(self.identity_key());
        invocation
            .arg(self.n_calls)
            .arg(self.identity.as_deref().unwrap_or_default())
            .arg(new_identity.as_slice());
        for written in snapshot.written() {
            invocation.key(written.key);
            invocation
                .arg(written.was)
                .arg(written.what)
                .arg(written.text);
        }
        let said = connect(&self.client, &mut self.connection)
            .and_then(|connection| invocation.invoke::<String>(connection));
        self.last_write = LastWrite::Unanswered;
        let said = self.checked(said)?;
        if said != "done" {
            return Ok(Wrote::Nothing);
        }
        self.last_write = LastWrite::Answered;
        self.identity.get_or_insert(new_identity);
        Ok(Wrote::Everything)
    }

    /// Until the server has said its identity, it may be one of before.
    fn names(&self) -> Names {
        match &self.identity {
            Some(identity) if identity.ends_with(SHORT_NAMES.as_bytes()) => Names::Short,
            Some(_) | None => Names::ShortAndLong,
        }
    }

    fn identity_key(&self) -> String {
        format!("{}:identity:1", self.prefix)
    }

    fn lost(&self) -> Failure {
        let why = format!(
            "Redis at {} does not have any more what was kept there: it was flushed, or another server has taken its place",
            self.address
        );
        Failure::Lost { why }
    }

    /// Asks the server whether it is there, still has what it had, and takes writes: one that is full, or stopped writing, does not.
    pub(super) fn look_after(&mut self) -> Result<(), Failure> {
        self.last_write = LastWrite::Unanswered;
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
                return self.lost();
            }
            if is_fault(&error) {
                let (row, error) = (None, anyhow!(why));
                return Failure::Fault { row, error };
            }
            Failure::Outage(anyhow!(why))
        })
    }
}

/// Whether the server has an identity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    Known,
    /// It is new, or was flushed before we knew it.
    Missing,
}

/// A batch on a snapshot: its answers, or the keys that it needs as well.
type Decided = (Snapshot, Vec<Reply>, BTreeSet<String>);

fn decide(mut snapshot: Snapshot, requests: &[Request]) -> Result<Decided, Failure> {
    snapshot.undo();
    let mut state = StoreState::new(snapshot);
    let mut answers = Vec::with_capacity(requests.len());
    let mut wanted = BTreeSet::new();
    for request in requests {
        match state.answer(request) {
            Ok(answer) => answers.push(answer),
            Err(Undecided::NotRead(name)) => {
                wanted.insert(name);
            }
            Err(Undecided::NotText(error)) => {
                let (row, error) = (None, error.into());
                return Err(Failure::Fault { row, error });
            }
        }
    }
    Ok((state.into_rows(), answers, wanted))
}

/// Another instance was quicker. With a pause of a random length one of the two comes through.
#[expect(
    clippy::disallowed_methods,
    reason = "there is nothing to wait for but the other instance's call, of which nothing is heard"
)]
fn give_way() {
    std::thread::sleep(Duration::from_micros(fastrand::u64(..10_000)));
}

/// The script's word for what is gone.
const LOST: &str = "LOST";

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
}

fn connect<'a>(
    client: &Client,
    connection: &'a mut Option<Connection>,
) -> redis::RedisResult<&'a mut Connection> {
    if let Some(open) = connection.take() {
        return Ok(connection.insert(open));
    }
    let open = client.get_connection_with_timeout(TIMEOUT)?;
    open.set_read_timeout(Some(TIMEOUT))?;
    open.set_write_timeout(Some(TIMEOUT))?;
    Ok(connection.insert(open))
}
