//! `[public]`: the listener that the internet may reach.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Reader;
use super::http::{ADDRESS, address};
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Parsed, Words};
use crate::config::{Callbacks, ClientAddress, MiniApp, Public};
use wx_courier_core::document::{Problem, Section};

pub(super) static PUBLIC: Table = Table {
    path: "public",
    keys: &[&LISTEN, &CLIENT_ADDRESS],
};

static LISTEN: Key<Parsed<SocketAddr>> = Key {
    name: "listen",
    kind: Parsed {
        what: ADDRESS,
        read: |text| address(text, 8091),
        show: SocketAddr::to_string,
    },
    default: || SocketAddr::from(([127, 0, 0, 1], 8091)),
    about: "no names. It speaks plain HTTP: a proxy in front has the certificate",
};

static CLIENT_ADDRESS: Key<Words<ClientAddress>> = Key {
    name: "client_address",
    kind: Words(&[
        ("peer", ClientAddress::Peer),
        ("x-forwarded-for", ClientAddress::ForwardedFor),
    ]),
    default: || ClientAddress::Peer,
    about: "whose address is limited: `peer`, the client that connects; `x-forwarded-for`, what the proxy in front wrote into that header. Say \
        it only behind a proxy, which every request must pass: else a client may write there what it likes. Of several entries the \
        rightmost counts that is no inside address ([which](callbacks.md#in-front-of-it))",
};

impl Reader<'_> {
    /// What the listener serves, and where. Nothing if there is nothing to serve.
    pub(super) fn public(
        &mut self,
        top: &mut Section,
        callbacks: BTreeMap<Arc<str>, Callbacks>,
        miniapp: Option<MiniApp>,
    ) -> Option<Public> {
        let is_wanted = !callbacks.is_empty() || miniapp.is_some();
        let is_said = top.says(PUBLIC.key());
        let mut section = self.section(top, &PUBLIC);
        if !is_wanted && !is_said {
            return None;
        }
        let listen = self.read(&mut section, &LISTEN);
        let client_address = self.read(&mut section, &CLIENT_ADDRESS);
        if !is_wanted {
            let problem = Problem::warning(section.origin(), "nothing is served there");
            self.problems.push(
                problem
                    .key("public")
                    .help("say [apps.NAME.callbacks] or [miniapp]"),
            );
        }
        section.finish(self.problems);
        let public = Public {
            listen,
            client_address,
            callbacks,
            miniapp,
        };
        is_wanted.then_some(public)
    }
}
