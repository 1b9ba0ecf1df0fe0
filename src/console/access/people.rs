//! Whom the settings know: users with tokens, a proxy that names users, or every account on this machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::from_utf8;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};

use super::answers::Denied;
use super::{Role, Via, system};
use crate::config::{Console, ConsoleProxy, ConsoleUser, Reach, TokenHash, is_user_name};
use crate::edges::listener::household;

/// Whom the settings know.
pub(super) struct People {
    users: BTreeMap<Arc<str>, ConsoleUser>,
    proxy: Option<ConsoleProxy>,
    /// As whom all come where the settings name no user. `None` where they do, or where other machines can connect.
    everybody: Option<Arc<str>>,
}

/// A person, and how it is known who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) name: Arc<str>,
    pub(super) via: Via,
}

/// What a request says of who sends it, but for its session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// No user need sign in, or the proxy in front has seen to it.
    Known(Who),
    /// A token has to be shown first.
    MustSignIn,
}

/// What is known of the way between the browser and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// A proxy of ours says that the browser has come to it by https.
    Encrypted,
    /// Nothing.
    NotKnown,
}

/// What proxies write into requests that they pass on.
const MARKS_OF_PROXIES: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

impl People {
    pub(super) fn new(settings: &Console) -> Self {
        let is_open = settings.is_open() && settings.reach() == Reach::ThisMachine;
        Self {
            users: settings.users.clone(),
            proxy: settings.proxy.clone(),
            everybody: is_open.then(system::user_name),
        }
    }

    /// Who has sent this, as far as it can be known without a session.
    pub(super) fn arrival(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Arrival, Denied> {
        if let Some(named) = self.named_by_proxy(headers, peer)? {
            return Ok(Arrival::Known(named));
        }
        if let Some(name) = &self.everybody {
            // A proxy on this machine would let all in as the user that has started this process.
            let is_passed_on = MARKS_OF_PROXIES
                .iter()
                .any(|mark| headers.contains_key(*mark));
            if is_passed_on || !peer.is_some_and(|peer| peer.is_loopback()) {
                return Err(Denied::UnknownProxy);
            }
            return Ok(Arrival::Known(Who {
                name: Arc::clone(name),
                via: Via::ThisMachine,
            }));
        }
        if self.users.is_empty() {
            return Err(Denied::NotNamed);
        }
        Ok(Arrival::MustSignIn)
    }

    /// Whom the proxy names. From any other address the header is not passed over: its sender pretends, or the settings do not know the proxy.
    fn named_by_proxy(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Who>, Denied> {
        let Some(header) = self.proxy.as_ref().and_then(|proxy| proxy.header.as_ref()) else {
            return Ok(None);
        };
        let mut said = headers.get_all(header.as_str()).iter();
        let Some(first) = said.next() else {
            return Ok(None);
        };
        if self.trusted(peer).is_none() {
            tracing::debug!(
                ?peer,
                "a name was said from an address that is none of the proxy's"
            );
            return Err(Denied::NameFromElsewhere);
        }
        let name = from_utf8(first.as_bytes()).map_err(|_| Denied::NameUnfit)?;
        if name.is_empty() && said.next().is_none() {
            return Ok(None);
        }
        // Two names: one of them was not written by the proxy.
        if said.next().is_some() || !is_user_name(name) {
            return Err(Denied::NameUnfit);
        }
        Ok(Some(Who {
            name: Arc::from(name),
            via: Via::Proxy,
        }))
    }

    /// The proxy, if the connection comes from it.
    fn trusted(&self, peer: Option<IpAddr>) -> Option<&ConsoleProxy> {
        let proxy = self.proxy.as_ref()?;
        proxy.is_at(peer?).then_some(proxy)
    }

    /// What a person may do. `None` if the settings do not know this person any more.
    pub(super) fn role(&self, who: &Who) -> Option<Role> {
        match who.via {
            Via::ThisMachine => self.everybody.as_ref().map(|_| Role::Edit),
            Via::Token => self.users.get(&who.name).map(|user| user.role),
            Via::Proxy => {
                let proxy = self.proxy.as_ref()?;
                let may_edit = proxy.edit.iter().any(|name| **name == *who.name);
                Some(if may_edit { Role::Edit } else { Role::View })
            }
        }
    }

    /// Whose token this is. It takes as long for every token.
    pub(super) fn with_token(&self, token: &str) -> Option<Who> {
        let hash = TokenHash::of(token);
        let mut found = None;
        for (name, user) in &self.users {
            if user.token_hash.is(&hash).into() {
                found = Some(name);
            }
        }
        found.map(|name| Who {
            name: Arc::clone(name),
            via: Via::Token,
        })
    }

    /// Whose tries to sign in are counted together. Behind our proxy it is the address that has connected to it: what stands left of that one, the
    /// client may have written itself.
    pub(super) fn client(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let client = match self.trusted(peer) {
            Some(proxy) => forwarded_for(headers, proxy).or(peer),
            None => peer,
        };
        client.map(household)
    }

    /// What the proxy says of the way to it.
    pub(super) fn wire(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Wire {
        let said = headers.get_all("x-forwarded-proto").iter().next_back();
        let said = said.map(HeaderValue::as_bytes);
        let nearest = said.and_then(|said| said.rsplit(|byte| *byte == b',').next());
        let is_https = nearest.is_some_and(|said| said.trim_ascii().eq_ignore_ascii_case(b"https"));
        if is_https && self.trusted(peer).is_some() {
            Wire::Encrypted
        } else {
            Wire::NotKnown
        }
    }
}

/// The last address in `X-Forwarded-For` that is none of the proxy's.
fn forwarded_for(headers: &HeaderMap, proxy: &ConsoleProxy) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().flat_map(|line| line.split(',')).rev();
    for hop in hops {
        let address: IpAddr = hop.trim().parse().ok()?;
        let address = address.to_canonical();
        if !proxy.is_at(address) {
            return Some(address);
        }
    }
    None
}

#[cfg(test)]
mod tests;
