//! `[http]`: the private listener, and which clients may ask there.

use std::net::SocketAddr;

use super::Reader;
use super::secrets::{Found, variable_of};
use crate::config::keys::{Key, SecretKeys, Table};
use crate::config::kinds::{Mistake, Parsed, Texts};
use crate::config::{Http, Reach, Secret};
use wx_courier_core::document::{Problem, Section};

pub(super) static HTTP: Table = Table {
    path: "http",
    keys: &[&LISTEN, &TOKEN, &HOSTS],
};

static LISTEN: Key<Parsed<SocketAddr>> = Key {
    name: "listen",
    kind: Parsed {
        what: ADDRESS,
        read: |text| address(text, 8080),
        show: SocketAddr::to_string,
    },
    default: || SocketAddr::from(([127, 0, 0, 1], 8080)),
    about: "where `/healthz`, `/readyz`, `/metrics`, `/status`, `/rules` and `/instances` are, `POST /reload`, `POST /pause` and `/resume` (`?rule=NAME`, `?app=NAME`, `?template=NAME&app=NAME`), which `wx-courier rules` uses, \
        [`POST /state/resume`](reliability.md#a-store-that-is-lost), which `wx-courier state resume` uses, and \
        [`/grants`](grants.md#for-support) and `/messages`, which `wx-courier explain` asks; no names. [Who may ask](#who-may-ask)",
};

static TOKEN: SecretKeys = SecretKeys {
    key: "token",
    file_key: "token_file",
    what: "the token for requests to [http] listen",
    file_holds: "the token for `/grants`, `/messages`, `/reload`, `/pause`, `/resume` and `/state/resume`: at least 16 letters and digits, for example from `openssl rand -hex 32`",
    short: "the token",
    about: "",
};

/// Long enough that no client finds it by trying.
const SHORTEST_TOKEN: usize = 16;

static HOSTS: Key<Texts> = Key {
    name: "hosts",
    kind: Texts {
        what: "a list of names",
        check: host,
    },
    default: Vec::new,
    about: "names, without a port, by which browsers and monitoring ask here, beside addresses and `localhost`",
};

/// What [`address`] reads, for the page.
pub(super) const ADDRESS: &str = "address and port";

/// An address and port. The port is for the example in the help.
pub(super) fn address(text: &str, port: u16) -> Result<SocketAddr, Mistake> {
    text.parse().map_err(|_| Mistake {
        message: format!("\"{text}\" is not an address and port"),
        help: format!("write it like 127.0.0.1:{port}, or 0.0.0.0:{port} for every interface"),
    })
}

/// The name of a host.
pub(super) fn host(name: &str) -> Result<(), Mistake> {
    if name.is_empty() || name.contains([':', '/', ' ']) {
        return Err(Mistake {
            message: format!("\"{name}\" is not the name of a host"),
            help: "write it like courier.internal, without scheme and port".to_owned(),
        });
    }
    Ok(())
}

impl Reader<'_> {
    /// Where the private listener is, and which clients may ask there. What is wrong is told.
    pub(super) fn http(&mut self, top: &mut Section) -> Http {
        let mut section = self.section(top, &HTTP);
        let listen = self.said(&mut section, &LISTEN);
        self.note(&listen.key, listen.value.to_string(), &listen.origin);
        let variable = variable_of(&section, TOKEN.key);
        let token = self.secret(&mut section, &TOKEN);
        if let Found::Secret(token) = &token {
            self.token_is_usable(&section, token);
        }
        let hosts = self.read(&mut section, &HOSTS);
        section.finish(self.problems);
        let http = Http {
            listen: listen.value,
            token: token.into_secret(),
            hosts,
        };
        if http.reach() == Reach::Others && http.token.is_none() {
            let problem = Problem::warning(
                &listen.origin,
                "other machines can connect here and there is no token: /pause, /resume, /grants and /messages are refused",
            );
            self.problems.push(problem.key("http.listen").help(format!(
                "say `token_file = \"…\"` in [http], or set {variable}"
            )));
        }
        http
    }

    fn token_is_usable(&mut self, section: &Section, token: &Secret) {
        let token = token.expose();
        let problem = if token.len() < SHORTEST_TOKEN {
            let length = token.len();
            section.error(format!("the token has {length} bytes: it can be guessed"))
        } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            section.error("the token holds characters that a header cannot")
        } else {
            return;
        };
        self.problems.push(problem.key("http.token").help(format!(
            "at least {SHORTEST_TOKEN} letters and digits, for example from `openssl rand -hex 32`"
        )));
    }
}
