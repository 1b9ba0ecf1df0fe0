//! `[http]`: the private listener, and who may ask there.

use std::net::SocketAddr;

use super::Reader;
use super::secrets::{Found, SecretKeys, variable_of};
use crate::config::{Http, Reach, Secret};
use wx_courier_core::document::{Origin, Problem, Section};

const TOKEN: SecretKeys = SecretKeys {
    key: "token",
    file_key: "token_file",
    what: "the token for requests to [http] listen",
};

/// Long enough that nobody finds it by trying.
const SHORTEST_TOKEN: usize = 16;

impl Reader<'_> {
    /// Where the private listener is, and who may ask there. What is wrong is told.
    pub(super) fn http(&mut self, top: &mut Section) -> Option<Http> {
        const EXAMPLE: &str = "127.0.0.1:8080";
        let mut section = self.section(top, "http");
        let listen = section.take_string(self.problems, "listen");
        let said = listen.as_ref().map(|said| {
            let wrong = said.error(format!("\"{}\" is not an address and port", said.value));
            (wrong, said.origin.clone())
        });
        let listen = self.or_default(listen, "http.listen", EXAMPLE.to_owned(), Clone::clone);
        let address: Option<SocketAddr> = listen.parse().ok();
        let origin = match said {
            Some((wrong, origin)) => {
                if address.is_none() {
                    let help =
                        format!("write it like {EXAMPLE}, or 0.0.0.0:8080 for every interface");
                    self.problems.push(wrong.help(help));
                }
                origin
            }
            None => Origin::Default,
        };
        let variable = variable_of(&section, TOKEN.key);
        let token = match self.secret(&mut section, &TOKEN) {
            Found::Secret(token) => Some(token),
            Found::Nothing | Found::Wrong => None,
        };
        self.token_is_usable(&section, token.as_ref());
        let hosts = section.take_strings(self.problems, "hosts");
        for host in hosts.iter().flat_map(|said| &said.value) {
            if host.is_empty() || host.contains([':', '/', ' ']) {
                let problem = section.error(format!("\"{host}\" is not the name of a host"));
                let problem = problem.key(section.key_path("hosts"));
                self.problems
                    .push(problem.help("write it like courier.internal, without scheme and port"));
            }
        }
        let hosts = self.or_default(hosts, "http.hosts", Vec::new(), |hosts| hosts.join(", "));
        section.finish(self.problems);
        let http = Http {
            listen: address?,
            token,
            hosts,
        };
        if http.reach() == Reach::Others && http.token.is_none() {
            let problem = Problem::warning(
                &origin,
                "other machines can connect here and there is no token: /resume and /grants are refused",
            );
            self.problems.push(problem.key("http.listen").help(format!(
                "say `token_file = \"…\"` in [http], or set {variable}"
            )));
        }
        Some(http)
    }

    fn token_is_usable(&mut self, section: &Section, token: Option<&Secret>) {
        let Some(token) = token.map(Secret::expose) else {
            return;
        };
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
