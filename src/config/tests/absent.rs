//! What is not there: secrets that a command does without, and values that are empty.

use super::{RULE, SETTINGS, TEMPLATES, load_with};
use crate::config::{Loaded, NeededSecrets, Sources, load_with as load_for};

/// Every key that says a secret, with a file that is nowhere.
const ALL_SECRETS: &str = "[kafka]\ntopics = [\"events\"]\npassword_file = \"/nowhere/kafka\"\n[apps.shop]\nappid = \"wx0123456789abcdef\"\nsecret_file = \"/nowhere/shop\"\n\
    token = { url = \"http://centre\", header = \"X\" }\n[apps.shop.callbacks]\ntoken_file = \"/nowhere/token\"\naes_key_file = \"/nowhere/key\"\n\
    [state]\nurl = \"redis://cache\"\npassword_file = \"/nowhere/redis\"\n[http]\nlisten = \"0.0.0.0:8080\"\ntoken_file = \"/nowhere/http\"\n\
    [miniapp]\nsession_secret_file = \"/nowhere/session\"\n";

fn load(settings: &str, needed: NeededSecrets) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("courier.toml"), settings).unwrap();
    std::fs::write(folder.path().join("templates.toml"), TEMPLATES).unwrap();
    std::fs::create_dir_all(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("rules/note.toml"), RULE).unwrap();
    let sources = Sources {
        folder: folder.path().to_owned(),
        working_folder: folder.path().to_owned(),
        environment: Default::default(),
        flags: Vec::new(),
    };
    load_for(&sources, needed)
}

#[test]
fn a_secret_that_is_not_there_stops_only_who_needs_it() {
    let all = load(ALL_SECRETS, NeededSecrets::All);
    let keys = |loaded: &Loaded| -> Vec<String> {
        let absent = loaded.absent_secrets.iter();
        absent.filter_map(|problem| problem.key.clone()).collect()
    };
    assert!(all.settings.is_none() && keys(&all).is_empty());
    assert!(
        all.problems
            .to_string()
            .contains("/nowhere/shop cannot be read"),
        "{}",
        all.problems
    );

    let none = load(ALL_SECRETS, NeededSecrets::None);
    assert!(none.settings.is_some(), "{}", none.problems);
    assert_eq!(none.problems.len(), 1, "{}", none.problems);
    let expected = [
        "kafka.password_file",
        "state.password_file",
        "http.token_file",
        "apps.shop.callbacks.token_file",
        "apps.shop.callbacks.aes_key_file",
        "apps.shop.secret_file",
        "apps.shop.token.header",
        "miniapp.session_secret_file",
    ];
    assert_eq!(keys(&none), expected);
    assert!(!none.absent_secrets.has_errors());

    let of_kafka = load(ALL_SECRETS, NeededSecrets::OfKafka);
    assert!(of_kafka.settings.is_none());
    assert_eq!(keys(&of_kafka), expected[1..]);
    assert_eq!(
        of_kafka.problems.to_string().matches("/nowhere/").count(),
        1
    );
}

/// What is wrong with a secret that is there, and keys that contradict each other, are mistakes for every command.
#[test]
fn a_mistake_about_a_secret_stays_one() {
    let both = SETTINGS.replace("secret = ", "secret_file = \"x\"\nsecret = ");
    let short = format!("{SETTINGS}[http]\ntoken = \"x\"\n");
    for (settings, expected) in [
        (&both, "both `secret` and `secret_file` are said"),
        (&short, "it can be guessed"),
    ] {
        let loaded = load(settings, NeededSecrets::None);
        assert!(loaded.problems.has_errors());
        assert!(loaded.problems.to_string().contains(expected), "{expected}");
    }
}

#[test]
fn an_empty_value_says_nothing() {
    let appid = SETTINGS.replace("\"wx0123456789abcdef\"", "\"  \"");
    let original = SETTINGS.replace("\"wx0123456789abcdef\"", "\"gh_0123456789ab\"");
    let brokers = SETTINGS.replace("[kafka]", "[kafka]\nbrokers = \"\"");
    let url = format!("{SETTINGS}[state]\nurl = \"\"\n");
    for (settings, expected) in [
        (&appid, "4: error: apps.shop.appid: `appid` is empty"),
        (&original, "the account's original id"),
        (&brokers, "2: error: kafka.brokers: `brokers` is empty"),
        (&url, "7: error: state.url: `url` is empty"),
    ] {
        let told = load_with(settings, RULE, &[], Vec::new())
            .problems
            .to_string();
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let variable = [("WX_COURIER__KAFKA__GROUP", "")];
    let told = load_with(SETTINGS, RULE, &variable, Vec::new()).problems;
    let expected = "environment WX_COURIER__KAFKA__GROUP: error: kafka.group: `group` is empty";
    assert!(told.to_string().contains(expected), "{told}");
}
