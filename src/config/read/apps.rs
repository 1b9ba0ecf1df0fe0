//! `[apps.*]`: the mini programs and their secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::secrets::{Found, variable_of};
use super::{Reader, is_file};
use crate::config::keys::{Key, Open, SecretKeys, Table, Without};
use crate::config::kinds::{Count, Mistake, Parsed, RateTable, Raw, Words};
use crate::config::{App, Callbacks, MiniprogramState};
use wx_courier_core::catalog::Policy;
use wx_courier_core::document::{Item, Node, Problem, Said, Section, nearest};
use wx_courier_core::model::outcome::bounds;

pub(super) static APP: Table = Table {
    path: "apps.NAME",
    keys: &[
        &APPID,
        &SECRET,
        &BASE_URL,
        &RATE,
        &MAX_IN_FLIGHT,
        &TOKEN,
        &GRANTS,
        &MINIPROGRAM_STATE,
    ],
};

const WHERE_APPID_IS: &str =
    "the appid is on the mini program's settings page: wx and 16 digits or letters";

static APPID: Open<Parsed<String>> = Open {
    name: "appid",
    kind: Parsed {
        what: "text",
        read: appid,
        show: Clone::clone,
    },
    without: Without::Required {
        message: "`appid` is missing",
        help: WHERE_APPID_IS,
    },
    about: "the mini program's, from its settings page",
};

static SECRET: SecretKeys = SecretKeys {
    key: "secret",
    file_key: "secret_file",
    what: "the app's AppSecret",
    file_holds: "the AppSecret",
    short: "the AppSecret",
    about: "One of the two is required, unless a token centre hands out the tokens",
};

static BASE_URL: Key<Parsed<String>> = Key {
    name: "base_url",
    kind: Parsed {
        what: "URL",
        read: url,
        show: Clone::clone,
    },
    default: || "https://api.weixin.qq.com".to_owned(),
    about: "for the sandbox `http://127.0.0.1:8090`",
};

static RATE: Open<RateTable> = Open {
    name: "rate",
    kind: RateTable,
    without: Without::Means("no limit"),
    about: "`{ per_second = 200, burst = 1 }`: no second holds more than `per_second + burst` sends. `per_second` may be a fraction; \
        `burst` is 1 unless said. The promise is the whole fleet's: an instance takes the part of it that its partitions are of all \
        ([how](decisions/0016-shares-of-a-rate.md)). Below about ten sends a second for each partition the instances may take turns by \
        the clock, so keep their clocks within 0.1 s",
};

static MAX_IN_FLIGHT: Key<Count> = Key {
    name: "max_in_flight",
    kind: Count(1, 100_000),
    default: || 512,
    about: "calls under way at once",
};

static TOKEN: Open<Raw> = Open {
    name: "token",
    kind: Raw("`stable`, `classic`, or the table of a token centre"),
    without: Without::Means("`stable`"),
    about: "where access tokens come from, see below",
};

static GRANTS: Key<Words<Policy>> = Key {
    name: "grants",
    kind: Words(&Policy::ALL),
    default: || Policy::Off,
    about: "what is made of users' [grants](grants.md) before a message is sent. A template may say otherwise (`grants` in \
        `templates.toml`)",
};

static MINIPROGRAM_STATE: Key<Words<MiniprogramState>> = Key {
    name: "miniprogram_state",
    kind: Words(&[
        ("formal", MiniprogramState::Formal),
        ("trial", MiniprogramState::Trial),
        ("developer", MiniprogramState::Developer),
    ]),
    default: || MiniprogramState::Formal,
    about: "which version a card opens",
};

/// What `[apps.*]` says.
pub(super) struct Apps {
    /// The apps that rules may name, even if something about them is wrong.
    pub(super) names: BTreeSet<String>,
    /// Those about which nothing is.
    pub(super) sound: BTreeMap<Arc<str>, App>,
    /// The callbacks of those that have some.
    pub(super) callbacks: BTreeMap<Arc<str>, Callbacks>,
}

impl Reader<'_> {
    pub(super) fn apps(&mut self, top: &mut Section) -> Apps {
        let mut names = BTreeSet::new();
        let mut apps = BTreeMap::new();
        let mut callbacks = BTreeMap::new();
        let said = top
            .take_section(self.problems, "apps")
            .map(|mut section| section.take_rest())
            .unwrap_or_default();
        if said.is_empty() {
            let problem = top.error("there is no app: messages need a mini program to come from");
            self.problems.push(problem.help(
                "say [apps.shop] with appid and secret_file, or put them into apps/shop.toml",
            ));
        }
        let written: Vec<String> = said
            .iter()
            .filter(|(_, said)| is_file(&said.origin))
            .map(|(name, _)| name.clone())
            .collect();
        for (name, node) in said {
            if let Some(problem) = stray_variable(&name, &node, &written) {
                self.problems.push(problem);
                continue;
            }
            if let Some(message) = bounds::name_too_long(&name) {
                let problem = node.error(message).help("give it a shorter name");
                self.problems.push(problem);
            }
            names.insert(name.clone());
            let mut section = Section::new(self.problems, node.key, node.value);
            let name: Arc<str> = Arc::from(name);
            if let Some(of_app) = self.callbacks(&mut section) {
                callbacks.insert(Arc::clone(&name), of_app);
            }
            if let Some(app) = self.app(section) {
                apps.insert(name, app);
            }
        }
        Apps {
            names,
            sound: apps,
            callbacks,
        }
    }

    fn app(&mut self, mut section: Section) -> Option<App> {
        let appid = self.open(&mut section, &APPID);
        if let Some(said) = appid.as_ref().filter(|said| !looks_like_appid(&said.value)) {
            let message = "the appid does not look like one of WeChat's: wx and 16 digits or letters from a to f";
            self.problems
                .push(said.warning(message).help(WHERE_APPID_IS));
        }
        let appid = self.shown(&APPID, appid);
        let token = self.open(&mut section, &TOKEN);
        let needs_secret = !token
            .as_ref()
            .is_some_and(|said| matches!(said.value.item, Item::Table(_)));
        let secret = match self.secret(&mut section, &SECRET) {
            Found::Nothing if needs_secret => {
                let problem = section.error("the app's secret is missing");
                let variable = variable_of(&section, SECRET.key);
                let help = format!("say `secret_file = \"…\"`, or set {variable}");
                let found = self.lacking(&section, problem.help(help));
                found.into_secret().map(Some)
            }
            Found::Nothing => Some(None),
            found @ (Found::Wrong | Found::Absent | Found::Secret(_)) => {
                found.into_secret().map(Some)
            }
        };
        let base_url = self.read(&mut section, &BASE_URL);
        let token = self.token(&section, token);
        let rate = self.open(&mut section, &RATE);
        let rate = self.shown(&RATE, rate);
        let max_in_flight = self.read(&mut section, &MAX_IN_FLIGHT);
        let miniprogram_state = self.read(&mut section, &MINIPROGRAM_STATE);
        let grants = self.read(&mut section, &GRANTS);
        section.finish(self.problems);
        Some(App {
            appid: appid?,
            secret: secret?,
            base_url: base_url.trim_end_matches('/').to_owned(),
            token: token?,
            rate,
            max_in_flight,
            miniprogram_state,
            grants,
        })
    }
}

fn appid(text: &str) -> Result<String, Mistake> {
    let text = text.trim();
    let message = if text.is_empty() {
        "`appid` is empty"
    } else if text.starts_with("gh_") {
        "this is the account's original id (原始 ID), not its appid"
    } else if text.contains(char::is_whitespace) {
        "an appid has no spaces in it"
    } else {
        return Ok(text.to_owned());
    };
    Err(Mistake {
        message: message.to_owned(),
        help: WHERE_APPID_IS.to_owned(),
    })
}

fn url(text: &str) -> Result<String, Mistake> {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    match reqwest::Url::parse(text) {
        Ok(url) if is_http && url.has_host() => Ok(text.to_owned()),
        Ok(_) => Err("begin with https://".to_owned()),
        Err(_) if !is_http => Err("begin with https://".to_owned()),
        Err(error) => Err(format!("{error}: write it like https://api.weixin.qq.com")),
    }
    .map_err(|help| Mistake {
        message: format!("\"{text}\" is not a URL"),
        help,
    })
}

/// WeChat publishes no rule for appids; all that are known look like this.
fn looks_like_appid(appid: &str) -> bool {
    let digits = appid.strip_prefix("wx").unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.len() == 16 && digits.bytes().all(is_digit)
}

/// An app that only a variable speaks of, and that has not even an appid, is a slip of the finger.
fn stray_variable(name: &str, said: &Said<Node>, written: &[String]) -> Option<Problem> {
    let Item::Table(table) = &said.value.item else {
        return None;
    };
    let first = table.values().next()?;
    if is_file(&said.origin) || table.contains_key("appid") {
        return None;
    }
    let problem =
        Problem::error(&first.origin, format!("there is no app \"{name}\"")).key(said.key.clone());
    let known: Vec<&str> = written.iter().map(String::as_str).collect();
    Some(match nearest(name, &known) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem.help(format!("the settings know: {}", known.join(", "))),
    })
}
