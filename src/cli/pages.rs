//! Questions of commands to the pages of a running service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::config::{Http, Secret};
use crate::edges::http::access::CHANGE_HEADER;

/// A client for them. The token goes to the service and to no proxy.
pub(super) fn client(limit: Duration) -> reqwest::Result<Client> {
    Client::builder().timeout(limit).no_proxy().build()
}

/// Adds what a page wants to see before it changes something or tells of a user.
pub(super) fn with_proof(request: RequestBuilder, token: Option<&Secret>) -> RequestBuilder {
    let request = request.header(CHANGE_HEADER, "1");
    match token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    }
}

/// What a refusal says to a person.
pub(super) fn reason(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|body| body.get("message")?.as_str());
    message
        .or_else(|| body.lines().next())
        .unwrap_or_default()
        .to_owned()
}

/// Who listens on every address is reached on this machine's own.
pub(super) fn reachable(http: &Http) -> SocketAddr {
    let ip = match http.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, http.listen.port())
}
