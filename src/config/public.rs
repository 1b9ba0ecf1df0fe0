//! What is said about the listener that the internet may reach: `[public]`, `[apps.NAME.callbacks]`, `[miniapp]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Secret;
use wx_courier_core::model::Rate;

/// `[public]` and what it serves. It is there only if there is something to serve.
#[derive(Clone, Debug)]
pub struct Public {
    /// `[public] listen`
    pub listen: SocketAddr,
    /// `[public] client_address`
    pub client_address: ClientAddress,
    /// `[apps.*.callbacks]`, by the app's name.
    pub callbacks: BTreeMap<Arc<str>, Callbacks>,
    /// `[miniapp]`
    pub miniapp: Option<MiniApp>,
}

/// Which address counts as that of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The address of the peer that connects.
    Peer,
    /// The address that, as the proxy in front says in `X-Forwarded-For`, has connected to it.
    ForwardedFor,
}

/// `[apps.NAME.callbacks]`
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// The token of the console's page, with which pushes are signed.
    pub token: Secret,
    /// How pushes are protected.
    pub mode: CallbackMode,
}

/// `[apps.NAME.callbacks] mode`, as the console names them. The keys are `EncodingAESKey`, 43 letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackMode {
    /// Signed, but the signature does not cover the body.
    Plain,
    /// The body comes both plain and encrypted.
    Compatible(Secret),
    /// The body comes encrypted, and the signature covers it.
    Secure(Secret),
}

/// `[miniapp]`
#[derive(Clone, Debug)]
pub struct MiniApp {
    /// The apps whose users may log in. The first one is meant by a login that names none, if it is the only one.
    pub apps: Vec<Arc<str>>,
    /// With which session tokens are signed; at least 32 bytes.
    pub session_secret: Secret,
    /// How long a login lasts.
    pub session_life: Duration,
    /// Web origins whose pages may call; mini programs have none.
    pub allow_origins: Vec<String>,
    /// The largest request, in bytes.
    pub max_body: usize,
    /// Requests of one address.
    pub per_address: Rate,
    /// Requests of one session.
    pub per_session: Rate,
    /// `[[miniapp.send]]`: the topic of each event type that a mini program may publish.
    pub send: BTreeMap<String, String>,
}
