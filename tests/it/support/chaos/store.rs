//! The store that the members share, and its outages.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::kafka::free_port;
use crate::support::kafka::process::Jvm as Guarded;
use crate::support::oracle::{Incident, Memory};
use crate::support::wait_until;

use super::diary::{Diary, now_ms};

/// Where the members keep what they sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// Nowhere.
    None,
    /// In a file, which one process at a time may use.
    Sqlite,
    /// In a Redis that writes everything to disk before it answers.
    Redis,
}

impl StoreKind {
    /// What may be expected of members with this store.
    pub(super) fn memory(self) -> Memory {
        match self {
            Self::None => Memory::None,
            Self::Sqlite | Self::Redis => Memory::Durable,
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
        })
    }
}

/// How long one look at Redis may take.
const GLANCE: Duration = Duration::from_millis(200);

/// The store of a run. Dropping it ends its process.
pub(super) enum Store {
    None,
    Sqlite,
    Redis(Redis),
}

/// A Redis of our own.
pub(super) struct Redis {
    port: u16,
    // Declared before the folder, so that the process is gone before its files are.
    process: Option<Guarded>,
    down: Option<Down>,
    folder: TempDir,
}

struct Down {
    from_ms: i64,
    back_at: Instant,
}

impl Store {
    pub(super) fn start(kind: StoreKind) -> Self {
        match kind {
            StoreKind::None => Self::None,
            StoreKind::Sqlite => Self::Sqlite,
            StoreKind::Redis => Self::Redis(Redis::start()),
        }
    }

    /// The members' `[state] url`; nothing where the service is to do without.
    pub(super) fn url(&self, folder: &Path) -> Option<String> {
        match self {
            Self::None => None,
            Self::Sqlite => Some(format!("sqlite:{}/state.db", folder.display())),
            Self::Redis(redis) => Some(format!("redis://127.0.0.1:{}", redis.port)),
        }
    }

    /// Kills the store for a while. Says whether there was one to kill.
    pub(super) fn kill(&mut self, outage: Duration) -> Killed {
        match self {
            Self::None | Self::Sqlite => Killed::NotThere,
            Self::Redis(redis) => redis.kill(outage),
        }
    }

    /// Starts the store again when its time has come.
    pub(super) fn attend(&mut self, diary: &mut Diary) {
        if let Self::Redis(redis) = self {
            redis.attend(diary);
        }
    }

    /// Starts a store that is down at once, and waits until it serves.
    pub(super) fn heal(&mut self, diary: &mut Diary) {
        if let Self::Redis(redis) = self {
            if let Some(down) = &mut redis.down {
                down.back_at = Instant::now();
            }
            wait_until("the store is back", || {
                redis.attend(diary);
                redis.down.is_none()
            });
        }
    }
}

/// Whether there was something to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Yes,
    NotThere,
}

impl Redis {
    fn start() -> Self {
        let port = free_port().expect("a port is free");
        let folder = tempfile::Builder::new()
            .prefix("wx-courier-redis-")
            .tempdir()
            .expect("a folder can be made");
        let mut redis = Self {
            port,
            process: None,
            down: None,
            folder,
        };
        redis.launch();
        wait_until("Redis serves", || redis.serves());
        redis
    }

    fn launch(&mut self) {
        let folder = self.folder.path();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .arg("--dir")
            .arg(folder)
            // What was answered is on disk: a claim has to outlive the death of the store too.
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ]);
        let process = Guarded::spawn(&command, folder, &folder.join("redis.log"));
        self.process = Some(process.expect("redis-server can be run: install Redis"));
    }

    /// Answers only when it has read its files.
    fn serves(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let ping = || {
            let mut stream = TcpStream::connect_timeout(&address, GLANCE).ok()?;
            stream.set_read_timeout(Some(GLANCE)).ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).ok()?;
            Some(answer == *b"+PONG\r\n")
        };
        ping().unwrap_or(false)
    }

    fn kill(&mut self, outage: Duration) -> Killed {
        if self.down.is_some() {
            return Killed::NotThere;
        }
        self.down = Some(Down {
            from_ms: now_ms(),
            back_at: Instant::now() + outage,
        });
        self.process = None;
        Killed::Yes
    }

    fn attend(&mut self, diary: &mut Diary) {
        let Some(down) = &self.down else {
            return;
        };
        let from_ms = down.from_ms;
        if Instant::now() < down.back_at {
            return;
        }
        if self.process.is_none() {
            self.launch();
        }
        if self.serves() {
            self.down = None;
            let until_ms = now_ms();
            diary.note(Incident::StoreDown { from_ms, until_ms });
        }
    }
}
