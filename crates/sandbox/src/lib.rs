//! The fake WeChat API: a server that takes, refuses and delays subscribe messages as WeChat's documentation and recorded
//! answers say the real one does, and remembers what it took.
//!
//! It is the oracle of the service's tests, so it shares no code with the service: its checks of tokens, bodies and values
//! are its own. As a library it is [`Sandbox::start`] and a [`Handle`] (`examples/ten_lines.rs`); as a command, `wx-courier sandbox`, it is
//! the same with a port.
//!
//! # The calls
//!
//! `docs/sandbox.md` is the manual: every call of WeChat's that is served, in which order it is checked, and every control call
//! with an example. From inside the process a [`Handle`] says the same as the control API does from outside.
//!
//! # How it is made
//!
//! | module | |
//! |---|---|
//! | `path`, `server`, `call` | which paths there are, and the one way that each call goes: count, decide, wait, answer |
//! | `account`, `token`, `login` | how apps and users prove themselves |
//! | `send`, `body`, `values`, `moment`, `grant` | subscribe messages |
//! | `templates`, `customer`, `quota`, `rids` | the other calls |
//! | `users`, `subscribe` | what people do in the mini program |
//! | `callbacks` | what is pushed to an app's own server |
//! | `script`, `latency`, `random`, `line` | trouble, and the seed that repeats it |
//! | `newest` | a map that forgets its oldest entries |
//! | `control`, `handle`, `log`, `stats` | what a test says and asks |
//!
//! All of it shares one `State`, whose locks are held for a look-up or a push, never over an await.

mod account;
mod answer;
mod body;
mod call;
mod callbacks;
mod clock;
mod codes;
mod control;
mod customer;
mod grant;
mod handle;
mod latency;
mod line;
mod log;
mod login;
mod moment;
mod newest;
mod path;
mod quota;
mod random;
mod rids;
mod script;
mod send;
mod server;
mod settings;
mod state;
mod stats;
mod subscribe;
mod templates;
mod token;
mod users;
mod values;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::callbacks::{
    Callback, CreateTime, Format, ListOfOne, Mode, Push, PushFate, SentEvents, SentFailure, Try,
};
pub use crate::handle::Handle;
pub use crate::latency::{Latency, LogNormal, Tail};
pub use crate::log::{Accepted, MessageKind};
pub use crate::script::{Answer, Endpoint, Failures, Fate, Script};
pub use crate::settings::{App, GrantCheck, Kind, Openids, Renewal, Settings, Template};
pub use crate::stats::Stats;
pub use crate::subscribe::{AcceptWord, Choice, NoChoice, NotAsked};
pub use crate::users::{Standing, Switch};

use crate::state::State;

/// A running sandbox. Dropping it takes the server down too.
pub struct Sandbox {
    handle: Handle,
    addr: SocketAddr,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Serves on this listener from a task of its own. The error is the listener's, which cannot tell its address.
    pub fn start(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let state = Arc::new(State::new(settings));
        let handle = Handle::new(Arc::clone(&state));
        let pushes = callbacks::delivery::run(Arc::clone(&state));
        let server = tokio::spawn(async move {
            let (served, ()) = tokio::join!(server::serve(listener, state), pushes);
            if let Err(error) = served {
                tracing::error!(%error, "sandbox server ended");
            }
        });
        Ok(Self {
            handle,
            addr,
            server,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What stands in for `https://api.weixin.qq.com`: no slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Control from inside the process.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Comes back when the server has ended, which it does by itself only if something is wrong with it. Nothing can be done with the
    /// sandbox afterwards.
    pub async fn ended(&mut self) {
        let _panicked = (&mut self.server).await.is_err();
    }

    /// Takes the server down and waits until it is. Calls in progress are cut without an answer, as if the process had
    /// died; the port is free afterwards.
    pub async fn shutdown(mut self) {
        self.handle.stop();
        if let Err(error) = (&mut self.server).await {
            tracing::error!(%error, "sandbox server failed");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
