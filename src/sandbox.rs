//! The fake WeChat API: a server that takes, refuses and delays subscribe messages as WeChat's documentation and recorded
//! answers say the real one does, and remembers what it took.
//!
//! It is the oracle of the service's tests, so it shares no code with the service: its checks of tokens, bodies and values
//! are its own. As a library it is [`Sandbox::start`] and a [`Handle`]; as a command it is the same with a port.
//!
//! # The API
//!
//! | call | WeChat's name |
//! |---|---|
//! | `POST /cgi-bin/message/subscribe/send?access_token=` | `message/subscribe/send` |
//! | `POST /cgi-bin/stable_token` | `getStableAccessToken` |
//! | `GET /cgi-bin/token` | `getAccessToken` |
//! | `GET /sns/jscode2session` | `jscode2session`; the code `js-<openid>` gives that openid |
//! | `GET /wxaapi/newtmpl/gettemplate?access_token=` | `gettemplate` |
//! | `POST /cgi-bin/openapi/quota/get?access_token=` | `openapi/quota/get`; knows the path of a send, 76021 for every other |
//!
//! Every answer has HTTP status 200 unless a script says otherwise. Checks come in this order: method (43002), token
//! (41001, 40014, 40001, 42001), quota (45009), body (44002, 47001, 47002), user (40003, 43108), scripts and random failures, template
//! (40037), page (41030), values (47003, the first bad one), grant (43101).
//!
//! # Settings
//!
//! Every field may be left out.
//!
//! ```json
//! {
//!   "apps": {"wx0123456789abcdef": {
//!     "secret": "any text",
//!     "pages": ["pages/order/detail"],
//!     "daily_quota": 1000,
//!     "templates": {"TEMPLATE_ID": {
//!       "title": "订单完成通知", "kind": "one-time", "params": ["thing1", "enum_string2"],
//!       "labels": {"thing1": "商品"}, "enums": {"enum_string2": ["待发货", "已发货"]}
//!     }}
//!   }},
//!   "latency": {"min_ms": 20, "max_ms": 80},
//!   "token_life_ms": 7200000, "token_overlap_ms": 300000,
//!   "grants": "off", "openids": "plausible", "log_limit": 1000000,
//!   "failures": {"ratio": 0.01, "seed": 7}
//! }
//! ```
//!
//! # The control API
//!
//! Bodies are JSON whatever their content type says; a body that cannot be read is answered with status 400 and the reason.
//!
//! | call | body | effect |
//! |---|---|---|
//! | `POST /sandbox/scripts` | list of [`Script`] | adds scripted answers; `GET` lists those left, `DELETE` clears them |
//! | `POST /sandbox/failures` | [`Failures`] | a share of sends fails; `DELETE` ends it |
//! | `POST /sandbox/latency` | [`Latency`] | how long answers take |
//! | `POST /sandbox/openids` | [`Openids`] | which users exist |
//! | `POST /sandbox/grants` | `check`, `give` | switches the check of grants, gives some |
//! | `POST /sandbox/tokens/expire` | | every live token is answered with 42001 |
//! | `POST /sandbox/tokens/invalidate` | | every live token is answered with 40001 |
//! | `POST /sandbox/tokens/renew` | `appid`, `by` | somebody else renews the app's token, `classic` or `forced` |
//! | `POST /sandbox/quota` | `appid`, `daily_limit`, `used` | sets an app's quota of sends; `DELETE` lifts them all |
//! | `GET /sandbox/log?since=0&limit=1000` | | accepted sends from an index on, and sends by code |
//! | `GET /sandbox/stats` | | [`Stats`] |
//! | `POST /sandbox/reset` | | back to the settings |
//!
//! ```json
//! [
//!   {"openid": "oUser1", "times": 2, "answer": {"errcode": {"code": 45011}}},
//!   {"template": "TEMPLATE_ID", "answer": {"errcode": {"code": 47003, "message": "argument invalid! data.thing1.value is emtpy"}}},
//!   {"times": 1, "answer": {"http": {"status": 502, "body": "<html>502 Bad Gateway</html>"}}},
//!   {"times": 1, "answer": {"http": {"status": 200, "body": "{\"errcode\":0,", "fate": "accepted"}}},
//!   {"times": 1, "answer": {"hang": {"ms": 3000, "fate": "accepted"}}},
//!   {"times": 1, "answer": {"drop": {"fate": "lost"}}},
//!   {"times": 1, "answer": {"delay": {"ms": 800}}},
//!   {"on": "token", "times": 1, "answer": {"errcode": {"code": -1}}}
//! ]
//! ```
//!
//! Latency is `{"min_ms": 20, "max_ms": 80}` or `{"min_ms": 50}`, grants are
//! `{"check": "on", "give": [{"openid": "oUser1", "template": "TEMPLATE_ID", "times": 3}]}`, random failures are
//! `{"ratio": 0.05, "seed": 7, "answers": [{"errcode": {"code": -1}}]}`, users are `"plausible"`, `{"only": ["oUser1"]}`
//! or `{"except": ["oGone"]}`.

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

pub use crate::sandbox::callbacks::{
    Callback, CreateTime, Format, ListOfOne, Mode, Push, PushFate, SentEvents, SentFailure, Try,
};
pub use crate::sandbox::handle::Handle;
pub use crate::sandbox::latency::{Latency, LogNormal, Tail};
pub use crate::sandbox::log::{Accepted, MessageKind};
pub use crate::sandbox::script::{Answer, Endpoint, Failures, Fate, Script};
pub use crate::sandbox::settings::{App, GrantCheck, Kind, Openids, Renewal, Settings, Template};
pub use crate::sandbox::stats::Stats;
pub use crate::sandbox::subscribe::{Choice, NotAsked};
pub use crate::sandbox::users::{Standing, Switch};

use crate::sandbox::state::State;

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
        tokio::spawn(callbacks::delivery::run(Arc::clone(&state)));
        let server = tokio::spawn(async move {
            if let Err(error) = server::serve(listener, state).await {
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
#[path = "sandbox/http_tests.rs"]
mod tests;
