//! Layers, origins, and every mistake at once.

use super::{FlagSetting, Loaded, ProducerSetting, Sources, StateUrl, TokenMode, load};

const TEMPLATES: &str = "[shop.note]\nid = \"T1\"\n";
const RULE: &str = "on = \"a\"\napp = \"shop\"\ntemplate = \"note\"\nto = \"{{ data.to }}\"\n[params]\nthing1 = \"x\"\n";
const SETTINGS: &str = "[kafka]\ntopics = [\"events\"]\n[apps.shop]\nappid = \"wx0123456789abcdef\"\nsecret = \"s3cret\"\n";

fn load_with(
    settings: &str,
    rule: &str,
    environment: &[(&str, &str)],
    flags: Vec<FlagSetting>,
) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("courier.toml"), settings).unwrap();
    std::fs::write(folder.path().join("templates.toml"), TEMPLATES).unwrap();
    std::fs::create_dir_all(folder.path().join("rules/sub")).unwrap();
    std::fs::write(folder.path().join("rules/sub/note.toml"), rule).unwrap();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(&Sources {
        folder: folder.path().to_owned(),
        working_folder: folder.path().to_owned(),
        environment: environment.iter().map(own).collect(),
        flags,
    })
}

fn origin_of(loaded: &Loaded, key: &str) -> (String, String) {
    let found = loaded.effective.iter().find(|setting| setting.key == key);
    let setting = found.unwrap_or_else(|| panic!("{key} is not in force"));
    let origin = setting.origin.rsplit('/').next().unwrap().to_owned();
    (setting.value.clone(), origin)
}

#[test]
fn each_layer_covers_the_one_below() {
    let settings = format!("{SETTINGS}[http]\nlisten = \"127.0.0.1:1\"\n[send]\nattempts = 3\n");
    let environment = [
        ("WX_COURIER__SEND__ATTEMPTS", "4"),
        ("WX_COURIER__HTTP__LISTEN", "127.0.0.1:2"),
        ("WX_COURIER__KAFKA__TOPICS", "one,two"),
        ("UNRELATED", "x"),
    ];
    let flag = FlagSetting {
        flag: "--listen",
        key: "http.listen".to_owned(),
        value: "127.0.0.1:3".to_owned(),
    };
    let loaded = load_with(&settings, RULE, &environment, vec![flag]);
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let said = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(
        origin_of(&loaded, "http.listen"),
        said("127.0.0.1:3", "flag --listen")
    );
    let variable = "environment WX_COURIER__SEND__ATTEMPTS";
    assert_eq!(origin_of(&loaded, "send.attempts"), said("4", variable));
    assert_eq!(
        origin_of(&loaded, "apps.shop.appid"),
        said("wx0123456789abcdef", "courier.toml:4")
    );
    assert_eq!(origin_of(&loaded, "send.timeout"), said("5s", "default"));
    let settings = loaded.settings.unwrap();
    assert_eq!(settings.kafka.topics, ["one", "two"]);
    assert_eq!(settings.send.retry.attempts, 4);
    assert_eq!(loaded.rules.unwrap().rules()[0].name.as_ref(), "sub/note");
}

#[test]
fn librdkafka_properties_keep_their_dots_and_secrets_stay_hidden() {
    let settings = format!(
        "{SETTINGS}[kafka.options]\nsecurity.protocol = \"SASL_SSL\"\n\"sasl.username\" = \"me\"\nsession.timeout.ms = 6000\n"
    );
    let environment = [("WX_COURIER__KAFKA__OPTIONS__SASL__PASSWORD", "hunter2")];
    let loaded = load_with(&settings, RULE, &environment, Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let shown = format!("{loaded:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("s3cret"),
        "{shown}"
    );
    let options = loaded.settings.unwrap().kafka.options;
    let named: Vec<_> = options
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    let expected = [
        ("sasl.password", "hunter2"),
        ("sasl.username", "me"),
        ("security.protocol", "SASL_SSL"),
        ("session.timeout.ms", "6000"),
    ];
    assert_eq!(named, expected);
}

#[test]
fn the_producer_is_said_by_its_key_or_by_librdkafkas_property() {
    let of = |kafka: &str, environment: &[(&str, &str)]| {
        let settings = SETTINGS.replace("[kafka]\n", &format!("[kafka]\n{kafka}"));
        load_with(&settings, RULE, environment, Vec::new())
    };
    let property = [("WX_COURIER__KAFKA__OPTIONS__ENABLE__IDEMPOTENCE", "false")];
    for (said, environment, expected) in [
        ("", [].as_slice(), ProducerSetting::Auto),
        (
            "producer = \"idempotent\"\n",
            &[],
            ProducerSetting::Idempotent,
        ),
        ("", &property, ProducerSetting::Plain),
        ("producer = \"plain\"\n", &property, ProducerSetting::Plain),
    ] {
        let loaded = of(said, environment);
        assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
        let kafka = loaded.settings.unwrap().kafka;
        assert_eq!(kafka.producer, expected, "{said}");
        assert!(!kafka.options.contains_key("enable.idempotence"));
    }
    for word in ["auto", "idempotent"] {
        let told = of(&format!("producer = \"{word}\"\n"), &property);
        let told = told.problems.to_string();
        let place = "environment WX_COURIER__KAFKA__OPTIONS__ENABLE__IDEMPOTENCE: error";
        let contradiction = format!("means `producer = \"plain\"`, but `producer` says \"{word}\"");
        for part in [place, &contradiction, "keep `producer`"] {
            assert!(told.contains(part), "{part}\n--- is missing in\n{told}");
        }
    }
}

#[test]
fn the_kafka_password_may_come_from_a_file_and_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let key = format!("password_file = \"{}\"\n", file.display());
    let settings = SETTINGS.replace("[kafka]\n", &format!("[kafka]\n{key}"));
    let loaded = load_with(&settings, RULE, &[], Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    assert!(!format!("{loaded:?}").contains("hunter2"));
    let kafka = loaded.settings.unwrap().kafka;
    assert_eq!(kafka.options["sasl.password"].expose(), "hunter2");

    let by_variable = [("WX_COURIER__KAFKA__PASSWORD", "swordfish")];
    let kafka = load_with(&settings, RULE, &by_variable, Vec::new());
    let kafka = kafka.settings.unwrap().kafka;
    assert_eq!(kafka.options["sasl.password"].expose(), "swordfish");

    let twice = [("WX_COURIER__KAFKA__OPTIONS__SASL__PASSWORD", "swordfish")];
    let told = load_with(&settings, RULE, &twice, Vec::new());
    let told = told.problems.to_string();
    assert!(told.contains("is said twice"), "{told}");
    assert!(
        !told.contains("swordfish") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn fewer_acknowledgements_than_all_are_refused() {
    let of = |property: &str| {
        let settings = format!("{SETTINGS}[kafka.options]\n{property}\n");
        load_with(&settings, RULE, &[], Vec::new()).problems
    };
    for property in ["acks = 1", "request.required.acks = 0"] {
        let told = of(property).to_string();
        assert!(told.contains("must outlive a broker"), "{told}");
    }
    for property in ["acks = \"all\"", "acks = -1"] {
        assert!(!of(property).has_errors(), "{property}");
    }
}

#[test]
fn every_mistake_of_settings_and_rules_is_told_at_once() {
    let settings = "[kafka]\ntopic = \"events\"\n[kafka.options]\n\"group.id\" = \"x\"\n[send]\ntimeout = 5\n[apps.shop]\nappid = \"wx0123456789abcdef\"\ntoken = \"clasic\"\n[htp]\n";
    let rule = RULE.replace("template = \"note\"", "template = \"notes\"");
    let loaded = load_with(settings, &rule, &[], Vec::new());
    assert!(loaded.settings.is_none() && loaded.rules.is_none());
    let told = loaded.problems.to_string();
    let expected = [
        "courier.toml:2: error: kafka.topic: the key `topic` is not known here",
        "help: did you mean `topics`?",
        "courier.toml:4: error: kafka.options.group.id: `group.id` cannot be set here",
        "courier.toml:6: error: send.timeout: expected a length of time in quotes",
        "courier.toml:7: error: apps.shop: the app's secret is missing",
        "WX_COURIER__APPS__SHOP__SECRET",
        "courier.toml:9: error: apps.shop.token: \"clasic\" is not known here",
        "courier.toml:10: error: htp: the key `htp` is not known here",
        "note.toml:3: error: rule sub/note: template: ",
    ];
    for line in expected {
        assert!(told.contains(line), "{line}\n--- is missing in\n{told}");
    }
}

const CENTRE: &str = "[kafka]\ntopics = [\"events\"]\n[apps.shop]\nappid = \"wx0123456789abcdef\"\n\
    token = { url = \"https://me:pass@centre:8443/wx?key=k3y\", header = \"Authorization\", poll = \"30s\" }\n";

#[test]
fn a_token_centre_needs_no_app_secret_and_shows_none_of_its_own() {
    let environment = [(
        "WX_COURIER__APPS__SHOP__TOKEN__HEADER_VALUE",
        "Bearer hunter2",
    )];
    let loaded = load_with(CENTRE, RULE, &environment, Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let shown = format!("{loaded:?}");
    for secret in ["hunter2", "k3y", "me:pass"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let (url, _) = origin_of(&loaded, "apps.shop.token.url");
    assert_eq!(url, "https://centre:8443/wx?(hidden)");
    let (value, _) = origin_of(&loaded, "apps.shop.token.header_value");
    assert_eq!(value, "(hidden)");
    let app = &loaded.settings.unwrap().apps["shop"];
    assert_eq!(app.secret, None);
    let TokenMode::External(centre) = &app.token else {
        panic!("{:?}", app.token);
    };
    assert_eq!(centre.poll, std::time::Duration::from_secs(30));
    let header = centre.header.as_ref().unwrap();
    assert_eq!(
        (header.name.as_str(), header.value.expose()),
        ("Authorization", "Bearer hunter2")
    );
}

#[test]
fn the_mode_of_tokens_is_a_word() {
    for (said, expected) in [
        ("", TokenMode::Stable),
        ("token = \"stable\"\n", TokenMode::Stable),
        ("token = \"classic\"\n", TokenMode::Classic),
    ] {
        let loaded = load_with(&format!("{SETTINGS}{said}"), RULE, &[], Vec::new());
        assert_eq!(loaded.settings.unwrap().apps["shop"].token, expected);
    }
}

#[test]
fn mistakes_about_a_token_centre_are_told() {
    let check = |table: &str, expected: &str| {
        let settings = format!("{SETTINGS}token = {table}\n");
        let told = load_with(&settings, RULE, &[], Vec::new())
            .problems
            .to_string();
        assert!(told.contains(expected), "{table}: {told}");
        assert!(!told.contains("k3y"), "{told}");
    };
    check("{ poll = \"30s\" }", "`url` is missing");
    check("{ url = \"centre/?k3y\" }", "this is not a URL");
    check(
        "{ url = \"http://c\", header = \"A\" }",
        "the header has no value",
    );
    check(
        "{ url = \"http://c\", header_value = \"k3y\" }",
        "no `header`",
    );
    check(
        "{ url = \"http://c\", header = \"A b\", header_value = \"k3y\" }",
        "is not the name of a header",
    );
    check(
        "{ url = \"http://c\", poll = \"10m\" }",
        "600s is out of range",
    );
    check("7", "expected \"stable\", \"classic\" or { url = ");
}

#[test]
fn the_store_is_said_by_a_url_and_its_password_is_never_shown() {
    let state = |lines: &str, environment: &[(&str, &str)]| {
        let loaded = load_with(
            &format!("{SETTINGS}[state]\n{lines}\n"),
            RULE,
            environment,
            Vec::new(),
        );
        assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
        let shown = format!("{loaded:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        let (url, _) = origin_of(&loaded, "state.url");
        (loaded.settings.unwrap().state, url)
    };
    let redis_url = |url: &StateUrl| match url {
        StateUrl::Redis(url) => url.expose().to_owned(),
        other @ (StateUrl::Memory | StateUrl::Sqlite(_)) => panic!("{other:?}"),
    };
    let (default, shown) = state("", &[]);
    let StateUrl::Sqlite(path) = &default.url else {
        panic!("{:?}", default.url);
    };
    // Beside the folder of the settings.
    let beside = std::env::temp_dir().join("data/state.db");
    assert_eq!(*path, beside);
    assert_eq!(default.remember.as_secs(), 3 * 86_400);
    assert_eq!(shown, format!("sqlite:{}", beside.display()));
    let (memory, _) = state("url = \"memory:\"\nremember = \"5m\"", &[]);
    assert_eq!(memory.url, StateUrl::Memory);
    assert_eq!(memory.remember.as_secs(), 300);
    let (file, _) = state("url = \"sqlite:///var/lib/courier.db\"", &[]);
    assert_eq!(file.url, StateUrl::Sqlite("/var/lib/courier.db".into()));
    let (redis, shown) = state("url = \"rediss://me:hunter2@cache:6380/3\"", &[]);
    assert_eq!(redis_url(&redis.url), "rediss://me:hunter2@cache:6380/3");
    assert_eq!(shown, "rediss://me:***@cache:6380/3");
    let password = [("WX_COURIER__STATE__PASSWORD", "hunter/@:3")];
    let (redis, shown) = state("url = \"redis://cache\"", &password);
    assert_eq!(redis_url(&redis.url), "redis://:hunter%2F%40%3A3@cache");
    assert_eq!(shown, "redis://:***@cache");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter4\n").unwrap();
    let lines = format!(
        "url = \"redis://me@cache\"\npassword_file = \"{}\"",
        file.path().display()
    );
    let (redis, _) = state(&lines, &[]);
    assert_eq!(redis_url(&redis.url), "redis://me:hunter4@cache");
}

#[test]
fn a_folder_without_rules_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("courier.toml"), SETTINGS).unwrap();
    std::fs::write(folder.path().join("templates.toml"), TEMPLATES).unwrap();
    std::fs::create_dir_all(folder.path().join("rules")).unwrap();
    let loaded = load(&Sources {
        folder: folder.path().to_owned(),
        working_folder: folder.path().to_owned(),
        environment: Default::default(),
        flags: Vec::new(),
    });
    assert!(loaded.problems.has_errors());
    assert!(
        loaded
            .problems
            .to_string()
            .contains("there is no rule in this folder")
    );
}

#[test]
fn the_file_of_the_repository_is_sound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let loaded = load(&Sources {
        working_folder: folder.clone(),
        folder,
        environment: Default::default(),
        flags: Vec::new(),
    });
    assert!(loaded.problems.is_empty(), "{}", loaded.problems);
}

mod absent;
mod app_files;
mod broken;
mod console;
mod events;
mod keys;
mod names;
mod needs;
mod public;
mod store;
