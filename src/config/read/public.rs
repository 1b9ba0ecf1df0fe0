//! `[public]`: the listener that the internet may reach.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Reader, word_of};
use crate::config::{Callbacks, ClientAddress, MiniApp, Public};
use wx_courier_core::document::{Problem, Section};

impl Reader<'_> {
    /// What the listener serves, and where. Nothing if there is nothing to serve.
    pub(super) fn public(
        &mut self,
        top: &mut Section,
        callbacks: BTreeMap<Arc<str>, Callbacks>,
        miniapp: Option<MiniApp>,
    ) -> Option<Public> {
        const EXAMPLE: &str = "127.0.0.1:8091";
        let is_wanted = !callbacks.is_empty() || miniapp.is_some();
        if !is_wanted && !top.says("public") {
            return None;
        }
        let mut section = self.section(top, "public");
        let listen = section.take_string(self.problems, "listen");
        let said = listen
            .as_ref()
            .map(|said| said.error(format!("\"{}\" is not an address and port", said.value)));
        let listen = self.or_default(listen, "public.listen", EXAMPLE.to_owned(), Clone::clone);
        let address: Option<SocketAddr> = listen.parse().ok();
        if let (None, Some(problem)) = (&address, said) {
            self.problems.push(problem.help(format!(
                "write it like {EXAMPLE}, or 0.0.0.0:8091 for every interface"
            )));
        }
        let words = [
            ("peer", ClientAddress::Peer),
            ("x-forwarded-for", ClientAddress::ForwardedFor),
        ];
        let client_address = section.take_choice(self.problems, "client_address", &words);
        let key = section.key_path("client_address");
        let client_address = self.or_default(client_address, &key, ClientAddress::Peer, |word| {
            word_of(&words, word)
        });
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
            listen: address?,
            client_address,
            callbacks,
            miniapp,
        };
        is_wanted.then_some(public)
    }
}
