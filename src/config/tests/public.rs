//! `[public]`, `[apps.NAME.callbacks]` and `[miniapp]`.

use std::time::Duration;

use super::{RULE, SETTINGS, load_with, origin_of};
use crate::config::{CallbackMode, ClientAddress, Settings};

const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const SESSION_SECRET: &str = "0123456789abcdef0123456789abcdef";

fn settings_of(more: &str) -> Settings {
    let loaded = load_with(&format!("{SETTINGS}{more}"), RULE, &[], Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let shown = format!("{loaded:?}");
    for secret in ["t0ken", AES_KEY, SESSION_SECRET] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    loaded.settings.unwrap()
}

fn problems_of(more: &str) -> String {
    let loaded = load_with(&format!("{SETTINGS}{more}"), RULE, &[], Vec::new());
    assert!(loaded.problems.has_errors());
    loaded.problems.to_string()
}

#[test]
fn nothing_is_served_unless_it_is_asked_for() {
    assert!(settings_of("").public.is_none());
    assert!(
        settings_of("[public]\nlisten = \"0.0.0.0:9\"\n")
            .public
            .is_none()
    );
}

#[test]
fn a_listener_that_serves_nothing_is_told() {
    let settings = format!("{SETTINGS}[public]\n");
    let told = load_with(&settings, RULE, &[], Vec::new()).problems;
    assert!(
        told.to_string()
            .contains("warning: public: nothing is served there"),
        "{told}"
    );
}

#[test]
fn callbacks_are_secure_unless_said_otherwise() {
    let more = format!("[apps.shop.callbacks]\ntoken = \"t0ken\"\naes_key = \"{AES_KEY}\"\n");
    let public = settings_of(&more).public.unwrap();
    assert_eq!(public.listen.to_string(), "127.0.0.1:8091");
    assert_eq!(public.client_address, ClientAddress::Peer);
    assert!(public.miniapp.is_none());
    let callbacks = &public.callbacks["shop"];
    assert_eq!(callbacks.token.expose(), "t0ken");
    let CallbackMode::Secure(key) = &callbacks.mode else {
        panic!("{:?}", callbacks.mode);
    };
    assert_eq!(key.expose(), AES_KEY);
    let plain = "[apps.shop.callbacks]\ntoken = \"t0ken\"\nmode = \"plain\"\n";
    let public = settings_of(plain).public.unwrap();
    assert_eq!(public.callbacks["shop"].mode, CallbackMode::Plain);
}

#[test]
fn a_mini_program_may_do_what_is_listed() {
    let more = format!(
        "[miniapp]\nsession_secret = \"{SESSION_SECRET}\"\nsession_life = \"1h\"\n\
         per_session = {{ per_second = 0.5, burst = 3 }}\nallow_origins = [\"https://a.example\"]\n\
         [[miniapp.send]]\ntype = \"reminder.requested\"\n"
    );
    let miniapp = settings_of(&more).public.unwrap().miniapp.unwrap();
    assert_eq!(miniapp.apps, [std::sync::Arc::from("shop")]);
    assert_eq!(miniapp.session_life, Duration::from_hours(1));
    assert_eq!(miniapp.max_body, 16 * 1024);
    assert_eq!(miniapp.per_session.burst.get(), 3);
    assert_eq!(miniapp.allow_origins, ["https://a.example"]);
    assert_eq!(miniapp.send["reminder.requested"], "events");
    let loaded = load_with(&format!("{SETTINGS}{more}"), RULE, &[], Vec::new());
    let (value, origin) = origin_of(&loaded, "miniapp.per_address");
    assert_eq!(
        (value.as_str(), origin.as_str()),
        ("50 a second, burst 100", "default")
    );
    let (value, _) = origin_of(&loaded, "miniapp.session_secret");
    assert_eq!(value, "(hidden)");
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let told = problems_of(
        "[apps.shop.callbacks]\ntoken = \"t0ken\"\naes_key = \"short\"\nmod = \"plain\"\n\
         [public]\nlisten = \"here\"\nclient_address = \"forwarded\"\n\
         [miniapp]\napps = [\"shoop\"]\nsession_secret = \"short\"\nsession_life = \"1s\"\n\
         allow_origins = [\"a.example\"]\nper_address = { burst = 3 }\n\
         [[miniapp.send]]\ntype = \"order.*\"\n\
         [[miniapp.send]]\ntype = \"a\"\ntopic = \"elsewhere\"\n",
    );
    let expected = [
        "apps.shop.callbacks: the aes_key is not an EncodingAESKey: expected 43 letters and digits, found 5",
        "apps.shop.callbacks.mod: the key `mod` is not known here",
        "public.listen: \"here\" is not an address and port",
        "public.client_address: \"forwarded\" is not known here",
        "miniapp.apps: there is no app \"shoop\"",
        "did you mean \"shop\"?",
        "miniapp: the session secret has 5 bytes",
        "openssl rand -base64 32",
        "miniapp.session_life: 1s is out of range",
        "miniapp.allow_origins: \"a.example\" is not a web origin",
        "miniapp.per_address: `per_second` is missing",
        "miniapp.send.type: \"order.*\" is no event type",
        "miniapp.send.topic: \"elsewhere\" is not a source topic",
        "[kafka] topics are: events",
    ];
    for line in expected {
        assert!(told.contains(line), "{line}\n--- is missing in\n{told}");
    }
    let told = problems_of("[apps.shop.callbacks]\nmode = \"compatible\"\n[miniapp]\n");
    let expected = [
        "apps.shop.callbacks: the token of the page for message push is missing",
        "WX_COURIER__APPS__SHOP__CALLBACKS__AES_KEY",
        "miniapp: the secret with which session tokens are signed is missing",
    ];
    for line in expected {
        assert!(told.contains(line), "{line}\n--- is missing in\n{told}");
    }
}
