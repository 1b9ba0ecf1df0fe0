//! Which site a request is for, and which site's page has a browser send it: what every listener asks that people reach with a browser.
//!
//! A browser inside our network carries out what a page of the internet tells it: it sends requests to us, and after its page's name has been
//! pointed at our address it even reads the answers. So a request must name us as we are known, and must not come from a foreign page. Browsers
//! write `Host`, `Origin` and `Sec-Fetch-Site` by themselves, and no page can change them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};

/// The names by which a listener is known, beside addresses and `localhost`.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Arc<[String]>);

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// Us, as we are known.
    Us,
    /// It does not say. No browser sends such a one.
    Nobody,
    /// A name that is not ours.
    Another,
}

impl Hosts {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.into())
    }

    /// Whom the request names.
    pub(crate) fn addressee(&self, request: &Request) -> Addressee {
        let authority = request.uri().authority().map(Authority::as_str);
        let said = request.headers().get_all(header::HOST).iter();
        let mut hosts = said
            .map(|host| host.to_str().unwrap_or_default())
            .chain(authority)
            .peekable();
        if hosts.peek().is_none() {
            Addressee::Nobody
        } else if hosts.all(|host| self.knows(host)) {
            Addressee::Us
        } else {
            Addressee::Another
        }
    }

    /// A name can belong to any site. An address is ours: a client that asks for it has connected to it.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(name);
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // An IPv6 address without brackets has no port.
            if name.contains(':') && !name.ends_with(']') {
                host
            } else {
                name
            }
        }
        Some(_) | None => host,
    }
}

/// What has a browser send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A page of ours.
    OwnPage,
    /// A page of another site.
    ForeignSite,
    /// A person, or no browser. A user who follows a link is no page: the page cannot read what the user sees.
    NoPage,
}

/// What has a browser send this.
pub(crate) fn sender_of(method: &Method, headers: &HeaderMap) -> Sender {
    let word = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let is_reading = method == Method::GET || method == Method::HEAD;
    if is_reading && word("sec-fetch-mode") == Some(b"navigate") {
        return Sender::NoPage;
    }
    let site = word("sec-fetch-site");
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Sender::ForeignSite;
    }
    let host = word("host").unwrap_or_default();
    let is_ours = |origin: &[u8]| {
        let after = |scheme: &[u8]| origin.strip_prefix(scheme);
        let authority = after(b"http://").or_else(|| after(b"https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    match word("origin") {
        Some(origin) if is_ours(origin) => Sender::OwnPage,
        Some(_) => Sender::ForeignSite,
        None if site == Some(b"same-origin") => Sender::OwnPage,
        None => Sender::NoPage,
    }
}
