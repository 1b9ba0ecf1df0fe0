//! `[console]`: who may use it, and what keeps it from being open to others.

use std::time::Duration;

use super::{RULE, SETTINGS, load_with, origin_of};
use crate::config::{Console, ConsoleRole, Loaded, Network, Reach, TokenHash};

const HASH: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const OTHER_HASH: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn load(more: &str) -> Loaded {
    load_with(&format!("{SETTINGS}{more}"), RULE, &[], Vec::new())
}

fn console(more: &str) -> Console {
    let loaded = load(more);
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    loaded.settings.unwrap().console
}

fn told(more: &str) -> String {
    let loaded = load(more);
    assert!(loaded.settings.is_none(), "{more}");
    loaded.problems.to_string()
}

/// The problems have each of these, and nothing that is no error.
fn must_tell(more: &str, expected: &[&str]) {
    let told = told(more);
    for line in expected {
        assert!(told.contains(line), "{line}\n--- is missing in\n{told}");
    }
}

#[test]
fn without_a_word_it_is_for_this_machine() {
    let console = console("");
    assert_eq!(console.listen.to_string(), "127.0.0.1:8070");
    assert_eq!(console.reach(), Reach::ThisMachine);
    assert!(console.is_open());
    // Beside the folder of the settings.
    assert_eq!(
        console.history,
        std::env::temp_dir().join("data/console.sqlite")
    );
    assert_eq!(console.keep, Duration::from_hours(30 * 24));
    assert_eq!(console.max_bytes, 2 << 30);
}

#[test]
fn users_and_proxies_are_read_and_no_hash_is_shown() {
    let more = format!(
        "[console]\nlisten = \"0.0.0.0:9\"\nhosts = [\"console.example\"]\nhistory = \"a.sqlite\"\nkeep = \"7d\"\n\
         max_bytes = 16777216\ninstances = [\"10.0.0.1:8080\", \"courier-0:8080\", \"[::1]:8080\"]\n\
         [console.users.li]\ntoken_hash = \"{HASH}\"\n\
         [console.users.\"wang@example.com\"]\ntoken_hash = \"{OTHER_HASH}\"\nrole = \"edit\"\n\
         [console.proxy]\nheader = \"X-Forwarded-User\"\nfrom = [\"10.0.0.0/8\", \"::1\"]\nedit = [\"zhao\"]\n"
    );
    let loaded = load(&more);
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("ba7816"), "{shown}");
    let (shown, _) = origin_of(&loaded, "console.users.li.token_hash");
    assert_eq!(shown, "(hidden)");
    let console = console(&more);
    assert!(console.history.ends_with("a.sqlite") && console.history.is_absolute());
    assert_eq!(console.users["li"].role, ConsoleRole::View);
    assert_eq!(Some(console.users["li"].token_hash), TokenHash::parse(HASH));
    assert_eq!(console.users["wang@example.com"].role, ConsoleRole::Edit);
    assert_eq!(console.user_header(), Some("x-forwarded-user"));
    let proxy = console.proxy.unwrap();
    assert_eq!(
        proxy.from,
        ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap())
    );
    assert_eq!(proxy.edit, ["zhao"]);
}

#[test]
fn a_user_may_be_said_by_variables() {
    let environment = [("WX_COURIER__CONSOLE__USERS__LI__TOKEN_HASH", HASH)];
    let loaded = load_with(SETTINGS, RULE, &environment, Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    assert!(loaded.settings.unwrap().console.users.contains_key("li"));
}

#[test]
fn it_is_open_to_nobody_by_being_forgotten() {
    let open = "courier.toml:7: error: console.listen: other machines can connect here, and nothing says who may";
    for listen in ["0.0.0.0:8070", "[::]:8070", "10.1.2.3:8070"] {
        for more in ["", "[console.users]\n"] {
            let said = format!("[console]\nlisten = \"{listen}\"\n{more}");
            must_tell(&said, &[open, "`wx-courier console token NAME` makes both"]);
        }
    }
    for listen in [
        "127.0.0.1:8070",
        "127.1.2.3:1",
        "[::1]:8070",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert!(console(&format!("[console]\nlisten = \"{listen}\"\n")).is_open());
    }
    // A proxy on this machine lets others in, too.
    must_tell(
        "[console.proxy]\nfrom = [\"127.0.0.1\"]\n",
        &[
            "courier.toml:6: error: console.proxy: a proxy lets others in, and nothing says who they are",
            "say `header`",
        ],
    );
    let user = format!("[console.users.li]\ntoken_hash = \"{HASH}\"\n");
    let behind = format!("{user}[console.proxy]\nfrom = [\"127.0.0.1\"]\n");
    assert!(!console(&behind).is_open());
    let plain = format!("[console]\nlisten = \"0.0.0.0:8070\"\n{user}");
    let warned = load(&plain).problems;
    assert!(!warned.has_errors());
    assert!(warned.to_string().contains("in the clear"), "{warned}");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let more = format!(
        "[console]\nlisten = \"here\"\nhosts = [\"https://x\"]\nkeep = \"1m\"\nmax_bytes = 5\n\
         instances = [\"courier\", \"http://a:1\", \"a:0\"]\n\
         [console.users.li]\nrole = \"view\"\n\
         [console.users.wang]\ntoken_hash = \"hunter2\"\nrole = \"admin\"\n\
         [console.users.a]\ntoken_hash = \"{HASH}\"\n[console.users.b]\ntoken_hash = \"{HASH}\"\n\
         [console.users.\" x\"]\ntoken_hash = \"{OTHER_HASH}\"\n\
         [console.proxy]\nheader = \"Authorization\"\nfrom = [\"proxy\", \"0.0.0.0/0\"]\nedit = [\"\"]\nadmins = []\n"
    );
    must_tell(
        &more,
        &[
            "courier.toml:7: error: console.listen: \"here\" is not an address and port",
            "console.hosts: \"https://x\" is not the name of a host",
            "console.keep: 60s is out of range",
            "console.max_bytes: 5 is out of range",
            "console.instances: \"courier\" is no host and port",
            "\"http://a:1\" is no host and port",
            "\"a:0\" is no host and port",
            "courier.toml:12: error: console.users.li: `token_hash` is missing",
            "help: `wx-courier console token NAME` makes a token",
            "courier.toml:15: error: console.users.wang.token_hash: this is no hash of a token",
            "console.users.wang.role: \"admin\" is not known here: expected \"view\", \"edit\"",
            "console.users.b.token_hash: b has the token of [console.users.a]",
            "\" x\" cannot be the name of a user",
            "console.proxy.header: the header \"Authorization\" says something else",
            "console.proxy.from: \"proxy\" is no address and no network",
            "\"0.0.0.0/0\" is every address",
            "console.proxy.edit: \"\" cannot be the name of a user",
            "console.proxy.admins: the key `admins` is not known here",
        ],
    );
    assert!(!told(&more).contains("hunter2"));
    must_tell(
        "[console.proxy]\nheader = \"x-user\"\n",
        &["console.proxy: `from` is missing: the proxy has no address"],
    );
    must_tell(
        "[console.proxy]\nheader = \"x-user\"\nfrom = []\n",
        &["console.proxy.from: the proxy has no address"],
    );
    must_tell(
        "[console.proxy]\nheader = \"x user\"\nfrom = [\"::1\"]\n",
        &["\"x user\" is not the name of a header"],
    );
}

#[test]
fn it_listens_where_nothing_else_of_ours_does() {
    let callbacks = "[apps.shop.callbacks]\ntoken = \"t\"\nmode = \"plain\"\n";
    for (http, public, listen, with) in [
        (
            "127.0.0.1:8080",
            "127.0.0.1:8091",
            "127.0.0.1:8080",
            "[http]",
        ),
        ("0.0.0.0:8080", "127.0.0.1:8091", "127.0.0.1:8080", "[http]"),
        (
            "127.0.0.1:8080",
            "0.0.0.0:8091",
            "127.0.0.1:8091",
            "[public]",
        ),
    ] {
        let more = format!(
            "[http]\nlisten = \"{http}\"\ntoken = \"0123456789abcdef\"\n[public]\nlisten = \"{public}\"\n{callbacks}[console]\nlisten = \"{listen}\"\n"
        );
        let expected = format!("console.listen: {listen} is where {with} listens, too");
        must_tell(&more, &[&expected, "give it another port"]);
    }
    for (http, listen) in [
        ("127.0.0.1:8070", "127.0.0.2:8070"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        console(&format!(
            "[http]\nlisten = \"{http}\"\n[console]\nlisten = \"{listen}\"\n"
        ));
    }
    // Where the settings say nothing of a console, none is meant.
    console("[http]\nlisten = \"127.0.0.1:8070\"\n");
}
