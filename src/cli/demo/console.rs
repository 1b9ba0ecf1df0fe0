//! The console of the demo: the same pages, with a history that goes with the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::config::{Console, Settings, Sources};
use crate::console::access::Access;
use crate::console::history::History;
use crate::console::history::told::Bounds;
use crate::console::opening::{Opening, Running};
use crate::edges::listener::Bound;

/// Browsers keep several connections each.
const SEATS: usize = 64;

/// How long the readers of topics may take to end.
const LAST_READ: Duration = Duration::from_secs(2);

/// The console, as long as the demo runs.
pub(super) struct DemoConsole {
    /// Where it is.
    pub(super) address: String,
    running: Running,
    /// Where the files of replays lie; it goes with this.
    _replays: TempDir,
}

/// Opens it, beside the instance that listens there.
pub(super) async fn open(
    settings: Arc<Settings>,
    sources: Sources,
    instance: SocketAddr,
) -> anyhow::Result<DemoConsole> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let listen = socket.local_addr()?;
    let replays = tempfile::Builder::new()
        .prefix("wx-courier-demo-")
        .tempdir()?;
    // The demo listens on this machine alone, whatever the settings say of their own console, and is open to who sits there.
    let console = Console {
        listen,
        hosts: Vec::new(),
        users: Default::default(),
        proxy: None,
        ..settings.console.clone()
    };
    let bounds = Bounds {
        keep: console.keep,
        max_bytes: 256 << 20,
    };
    let settings = Settings {
        console: console.clone(),
        ..settings.as_ref().clone()
    };
    let opening = Opening {
        settings: Arc::new(settings),
        sources,
        history: History::in_memory(bounds)?,
        instance: Some(instance),
        replays: replays.path().to_owned(),
        bound: Bound {
            socket,
            seats: SEATS,
        },
        access: Access::new(&console),
    };
    Ok(DemoConsole {
        address: format!("http://{listen}"),
        running: opening.start()?,
        _replays: replays,
    })
}

impl DemoConsole {
    /// Ends it.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.running.close(LAST_READ).await
    }
}
