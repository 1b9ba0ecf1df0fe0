//! `[console]`: where the console is, what it keeps, and who may use it.

mod checks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Reader;
use super::http::{ADDRESS, address, host};
use crate::config::keys::{Key, Open, Table, Without};
use crate::config::kinds::{Count, Length, Mistake, Parsed, Text, Texts, Words};
use crate::config::{
    Console, ConsoleProxy, ConsoleRole, ConsoleUser, Http, Network, Public, Reach, TokenHash,
};
use checks::{instance, network, token_hash, user_header, user_name};
use wx_courier_core::document::{Node, Problems, Said, Section};

pub(super) static CONSOLE: Table = Table {
    path: "console",
    keys: &[&LISTEN, &HOSTS, &HISTORY, &KEEP, &MAX_BYTES, &INSTANCES],
};

static LISTEN: Key<Parsed<SocketAddr>> = Key {
    name: "listen",
    kind: Parsed {
        what: ADDRESS,
        read: |text| address(text, 8070),
        show: SocketAddr::to_string,
    },
    default: || SocketAddr::from(([127, 0, 0, 1], 8070)),
    about: "where `wx-courier console` serves its pages; no names. It speaks plain HTTP: a proxy in front has the certificate. On an address \
        that other machines can reach it wants users, or a proxy that names them ([who may](console.md#who-may))",
};

static HOSTS: Key<Texts> = Key {
    name: "hosts",
    kind: Texts {
        what: "a list of names",
        check: host,
    },
    default: Vec::new,
    about: "names, without a port, by which browsers ask here, beside addresses and `localhost`",
};

static HISTORY: Key<Text> = Key {
    name: "history",
    kind: Text,
    default: || "../data/console.sqlite".to_owned(),
    about: "the file in which outcomes are kept. It can be made again from the topics",
};

static KEEP: Key<Length> = Key {
    name: "keep",
    kind: Length::Between(Duration::from_hours(1), Duration::from_hours(365 * 24)),
    default: || Duration::from_hours(30 * 24),
    about: "how long an outcome is kept",
};

static MAX_BYTES: Key<Count> = Key {
    name: "max_bytes",
    // Less holds no day of anything, and more no SQLite file should have.
    kind: Count(16 * 1024 * 1024, 1024 * 1024 * 1024 * 1024),
    default: || 2 * 1024 * 1024 * 1024,
    about: "how large the history may become; then the oldest outcomes go",
};

static INSTANCES: Key<Texts> = Key {
    name: "instances",
    kind: Texts {
        what: "a list of `HOST:PORT`",
        check: instance,
    },
    default: Vec::new,
    about: "the `[http] listen` of instances that are asked, beside those that a shared store knows",
};

pub(super) static USER: Table = Table {
    path: "console.users.NAME",
    keys: &[&TOKEN_HASH, &ROLE],
};

static TOKEN_HASH: Open<Parsed<TokenHash>> = Open {
    name: "token_hash",
    kind: Parsed {
        what: "`sha256:` and 64 hexadecimal digits",
        read: token_hash,
        show: TokenHash::to_string,
    },
    without: Without::Required {
        message: "`token_hash` is missing",
        help: MAKE_ONE,
    },
    about: "the SHA-256 of the user's token. `wx-courier console token NAME` makes a token, and these lines for it",
};

const MAKE_ONE: &str =
    "`wx-courier console token NAME` makes a token, and the lines for courier.toml";

static ROLE: Key<Words<ConsoleRole>> = Key {
    name: "role",
    kind: Words(&ConsoleRole::WORDS),
    default: || ConsoleRole::View,
    about: "`view` looks; `edit` changes things, too: pause and resume, replay",
};

pub(super) static PROXY: Table = Table {
    path: "console.proxy",
    keys: &[&HEADER, &FROM, &EDIT],
};

static HEADER: Open<Parsed<String>> = Open {
    name: "header",
    kind: Parsed {
        what: "the name of a header",
        read: user_header,
        show: Clone::clone,
    },
    without: Without::Means("none: users sign in with a token"),
    about: "in which a proxy names the user that it has signed in, `x-forwarded-user` for example. Everybody it names may look",
};

static FROM: Open<Texts> = Open {
    name: "from",
    kind: Texts {
        what: "a list of addresses or networks",
        check: network,
    },
    without: Without::Required {
        message: "`from` is missing: the proxy has no address",
        help: FROM_HELP,
    },
    about: "where the proxy connects from: `10.1.2.3`, `10.1.0.0/16`. From any other address the header is refused",
};

const FROM_HELP: &str = "write the addresses from which the proxy connects, `from = [\"127.0.0.1\"]` if it runs on this machine: \
    who is let through from anywhere else could write any name into the header";

static EDIT: Key<Texts> = Key {
    name: "edit",
    kind: Texts {
        what: "a list of names",
        check: user_name,
    },
    default: Vec::new,
    about: "the names of those users that may change things, as the proxy writes them",
};

/// What the page for `[console]` may collide with.
pub(super) struct Neighbours<'a> {
    pub(super) http: &'a Http,
    pub(super) public: Option<&'a Public>,
}

impl Reader<'_> {
    /// The console, whatever is wrong with it. That is told.
    pub(super) fn console(&mut self, top: &mut Section, beside: &Neighbours<'_>) -> Console {
        let is_said = top.says(CONSOLE.key());
        let mut section = self.section(top, &CONSOLE);
        let listen = self.said(&mut section, &LISTEN);
        self.note(&listen.key, listen.value.to_string(), &listen.origin);
        let hosts = self.read(&mut section, &HOSTS);
        let history = self.said(&mut section, &HISTORY);
        let place = self.paths.place_of(&history).path;
        self.note(&history.key, place.display().to_string(), &history.origin);
        let keep = self.read(&mut section, &KEEP);
        let max_bytes = self.read(&mut section, &MAX_BYTES);
        let instances = self.read(&mut section, &INSTANCES);
        let users = section
            .take_section(self.problems, "users")
            .map(|mut section| section.take_rest())
            .unwrap_or_default();
        let are_users_said = !users.is_empty();
        let users = self.users(users);
        let (proxy, unnamed) = self.proxy(&mut section).unzip();
        section.finish(self.problems);
        let console = Console {
            listen: listen.value,
            hosts,
            history: place,
            keep,
            max_bytes,
            instances,
            users,
            proxy,
        };
        // Where users are said, what is wrong with them has been told, and mending that mends this.
        match unnamed {
            Some(unnamed) if !are_users_said => self.problems.extend(unnamed),
            None if !are_users_said => self.open_to_others(&listen, &console),
            Some(_) | None => {}
        }
        self.warn_of_plain_tokens(&listen, &console);
        if is_said {
            self.listens_alone(&listen, beside);
        }
        console
    }

    fn users(&mut self, said: Vec<(String, Said<Node>)>) -> BTreeMap<Arc<str>, ConsoleUser> {
        let mut users: BTreeMap<Arc<str>, ConsoleUser> = BTreeMap::new();
        for (name, node) in said {
            if let Err(Mistake { message, help }) = user_name(&name) {
                self.problems.push(node.error(message).help(help));
                continue;
            }
            let Some((user, said)) = self.user(node) else {
                continue;
            };
            let same = |other: &ConsoleUser| bool::from(other.token_hash.is(&user.token_hash));
            if let Some((other, _)) = users.iter().find(|(_, other)| same(other)) {
                let message = format!(
                    "{name} has the token of [console.users.{other}]: nobody could say which of the two signs in"
                );
                let help = "`wx-courier console token NAME` makes a token of its own for each user";
                self.problems.push(said.error(message).help(help));
            }
            users.insert(Arc::from(name), user);
        }
        users
    }

    /// A user, and where the hash was said.
    fn user(&mut self, node: Said<Node>) -> Option<(ConsoleUser, Said<()>)> {
        let mut section = Section::new(self.problems, node.key, node.value);
        let hash = self.open(&mut section, &TOKEN_HASH);
        let role = self.read(&mut section, &ROLE);
        section.finish(self.problems);
        let hash = hash?;
        let whole = hash.value.to_string();
        self.note_hidden(&hash.key, "(hidden)".to_owned(), &hash.origin, &whole);
        let user = ConsoleUser {
            token_hash: hash.value,
            role,
        };
        Some((user, hash.map(|_| ())))
    }

    /// The proxy, and what is wrong with one that names no user where nothing else tells users apart.
    fn proxy(&mut self, section: &mut Section) -> Option<(ConsoleProxy, Problems)> {
        let mut section = section.take_section(self.problems, PROXY.key())?;
        let mut unnamed = Problems::default();
        if !section.says(HEADER.name) {
            let problem = section.error("a proxy lets others in, and nothing says who they are");
            unnamed.push(problem.help(
                "say `header`, in which it names the user, or [console.users.NAME] with the hash of a token",
            ));
        }
        let header = self.open(&mut section, &HEADER);
        let header = self.shown(&HEADER, header);
        let from = self.open(&mut section, &FROM);
        if let Some(said) = from.as_ref().filter(|said| said.value.is_empty()) {
            let problem = said.error("the proxy has no address: nothing could be let through");
            self.problems.push(problem.help(FROM_HELP));
        }
        let from = self.shown(&FROM, from).unwrap_or_default();
        let edit = self.read(&mut section, &EDIT);
        section.finish(self.problems);
        let proxy = ConsoleProxy {
            header,
            from: from
                .iter()
                .filter_map(|text| Network::parse(text))
                .collect(),
            edit,
        };
        Some((proxy, unnamed))
    }

    fn open_to_others(&mut self, listen: &Said<SocketAddr>, console: &Console) {
        if console.reach() == Reach::ThisMachine {
            return;
        }
        let problem = listen.error(
            "other machines can connect here, and nothing says who may: everybody could read what became of every message, and stop rules",
        );
        self.problems.push(problem.help(
            "say [console.users.NAME] with the hash of a token (`wx-courier console token NAME` makes both), \
            or [console.proxy] with the header in which a proxy names the user; or listen on 127.0.0.1",
        ));
    }

    fn warn_of_plain_tokens(&mut self, listen: &Said<SocketAddr>, console: &Console) {
        let is_plain = !console.users.is_empty() && console.proxy.is_none();
        if console.reach() == Reach::Others && is_plain {
            let problem = listen.warning(
                "other machines can connect here without a proxy: tokens and pages go over the network in the clear",
            );
            self.problems.push(problem.help(
                "put a proxy with a certificate in front, and say where it connects from: [console.proxy] from",
            ));
        }
    }

    fn listens_alone(&mut self, listen: &Said<SocketAddr>, beside: &Neighbours<'_>) {
        let public = beside.public.map(|public| ("[public]", public.listen));
        let http = ("[http]", beside.http.listen);
        for (table, other) in [Some(http), public].into_iter().flatten() {
            if is_one_place(listen.value, other) {
                let address = listen.value;
                let problem = listen.error(format!("{address} is where {table} listens, too"));
                let help = "the console is a process of its own: give it another port";
                self.problems.push(problem.key("console.listen").help(help));
            }
        }
    }
}

/// Whether only one of two can listen. Port 0 is whatever is free.
fn is_one_place(one: SocketAddr, other: SocketAddr) -> bool {
    let (ours, theirs) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_one_address = ours == theirs || ours.is_unspecified() || theirs.is_unspecified();
    one.port() != 0 && one.port() == other.port() && is_one_address
}
